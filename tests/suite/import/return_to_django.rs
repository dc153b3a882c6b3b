//! The way back that `docs/MOVING.md` gives, walked: its statements are run as they stand there, and the original is then
//! used on its own database again.

use serde_json::{Value, json};

use super::{Project, import, python};
use crate::support::test_app::SECRET_KEY;
use crate::support::{Engine, TestApp};

/// The statements that follow this title in the manual.
pub fn statements(title: &str) -> String {
    let manual = include_str!("../../../docs/MOVING.md");
    let rest = manual.split(&format!("**{title}**")).nth(1).unwrap_or_else(|| panic!("{title} in the manual"));
    rest.split("```sql\n").nth(1).and_then(|rest| rest.split("```").next()).expect("its statements").to_owned()
}

/// What was done here since the move, and what the original must say to it.
async fn walked(project: Project, app: TestApp) {
    import(&app, &project).await;
    let handed_out = project.handed_out();
    let of = |kind: &str, user: i64| {
        let item = handed_out.iter().find(|item| item.kind == kind && item.user == user && item.works);
        item.unwrap_or_else(|| panic!("a {kind} of {user}")).value.clone()
    };
    let stranger = app.login("token_user", "u2").await.ok();
    let (id, token) =
        (stranger["id"].as_i64().expect("an id"), stranger["token"].as_str().expect("a token").to_owned());
    let knox = app.token("knox", "u02").await;
    let pair = app.login("jwt-pair", "u002").await;
    let ended = app.login("jwt-pair", "u0002").await.field("refresh");
    app.client().post("/api/token/blacklist/").json(&json!({"refresh": ended})).send().await.ok();
    let authorization = format!("Token {}", of("token", 3));
    app.client().post("/api/logout/all/").header("authorization", authorization).send().await;
    app.database.run("UPDATE users SET is_active = false WHERE id = 4").await;
    app.database.run("DELETE FROM social_accounts WHERE provider = 'github' AND uid = '304'").await;
    app.database.run("UPDATE users SET username = 'ana2' WHERE id = 1").await;
    // What a login does to an account that was kept by its address.
    app.database.run("UPDATE social_accounts SET uid = '202' WHERE uid = 'bo@example.com'").await;

    if project.is_on_sqlite() {
        let ours = app.database.url().trim_start_matches("sqlite://");
        // By the system's SQLite, as an operator does: it is older than the one in the server.
        let sql = statements("SQLite").replace("rest-social-auth.db", ours);
        python("run_sql.py", &[project.url.trim_start_matches("sqlite://")], SECRET_KEY, &sql);
    } else {
        project.run(&statements("PostgreSQL")).await;
    }

    let used = |kind: &str, value: &str| json!({"kind": kind, "value": value});
    let login_by = |provider: &str, code: &str| json!({"kind": "login", "route": "token_user", "provider": provider, "code": code});
    let login = |code: &str| login_by("github", code);
    let steps = [
        ("who signed up here signs in there", login("u2"), 200, Some(id)),
        ("a knox token made here", used("knox", &knox), 200, Some(id)),
        ("an access token made here", used("access", &pair.field("token")), 200, Some(id)),
        ("a refresh token made here", used("refresh", &pair.field("refresh")), 200, Some(id)),
        ("one that was blacklisted here", used("refresh", &ended), 401, None),
        ("a permanent token made here", used("token", &token), 401, None),
        ("a token of before", used("token", &of("token", 1)), 200, Some(1)),
        ("a refresh token of before", used("refresh", &of("refresh", 1)), 200, Some(1)),
        ("a token of who logged out here", used("token", &of("token", 3)), 401, None),
        ("a session of before", used("session", &of("session", 1)), 401, None),
        ("a token of who was deactivated here", used("token", &of("token", 4)), 401, None),
        ("whose account has another uid here", login_by("google-oauth2", "bo"), 200, Some(2)),
        ("who is new there gets a new id", login("hal"), 200, Some(id + 1)),
        ("an account that was unlinked here is nobody's", login("cy-work"), 200, Some(id + 2)),
    ];
    let input: Vec<&Value> = steps.iter().map(|(_, step, ..)| step).collect();
    let url = project.url.as_str();
    let told = python("use_django.py", &[url, "--now", "2026-11-24T12:00:30Z"], SECRET_KEY, &json!(input).to_string());
    let told: Vec<Value> = serde_json::from_str(&told).expect("JSON");
    for ((what, _, status, user), got) in steps.iter().zip(&told) {
        assert_eq!(got["status"], json!(status), "{what}: {got}");
        if let Some(user) = user {
            assert_eq!(got["id"], json!(user), "{what}: {got}");
        }
    }
    assert_eq!(told.len(), steps.len());
    let ana = "SELECT count(*) FROM auth_user WHERE id = 1 AND username = 'ana2' AND is_active";
    let gus = "SELECT count(*) FROM auth_user WHERE username = 'gus' AND password LIKE 'md5$%'";
    for (what, sql) in [("a changed name goes home", ana), ("a password stays as it was", gus)] {
        assert_eq!(project.number(sql).await, 1, "{what}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn return_to_django_on_postgres_keeps_users_and_revocations() {
    let app = TestApp::start(Engine::Postgres).await;
    let project = Project::beside(&app);
    walked(project, app).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn return_to_django_on_sqlite_keeps_users_and_revocations() {
    let app = TestApp::start(Engine::Sqlite).await;
    walked(Project::on_sqlite(&[]), app).await;
}
