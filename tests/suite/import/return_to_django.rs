//! The way back to Django: the statements of `docs/MOVING.md` are run unchanged, and DRSA is then used on its own database.

use serde_json::{Value, json};

use super::{Project, import, python};
use crate::support::test_app::SECRET_KEY;
use crate::support::{Engine, TestApp};

/// The statements after this title in `docs/MOVING.md`.
pub fn statements(title: &str) -> String {
    let manual = include_str!("../../../docs/MOVING.md");
    let rest = manual.split(&format!("**{title}**")).nth(1).unwrap_or_else(|| panic!("{title} in the manual"));
    rest.split("```sql\n").nth(1).and_then(|rest| rest.split("```").next()).expect("its statements").to_owned()
}

/// Imports, makes changes at this server, applies the statements, and checks what DRSA accepts.
async fn assert_return_keeps_changes(project: Project, app: TestApp) {
    import(&app, &project).await;
    let credentials = project.credentials();
    let django_credential = |kind: &str, user: i64| {
        let item = credentials.iter().find(|item| item.kind == kind && item.user == user && item.is_valid);
        item.unwrap_or_else(|| panic!("a {kind} of {user}")).value.clone()
    };
    let new_user = app.login("token_user", "u2").await.ok();
    let (id, token) =
        (new_user["id"].as_i64().expect("an id"), new_user["token"].as_str().expect("a token").to_owned());
    let knox = app.token("knox", "u02").await;
    let pair = app.login("jwt-pair", "u002").await;
    let blacklisted = app.login("jwt-pair", "u0002").await.field("refresh");
    app.client().post("/api/token/blacklist/").json(&json!({"refresh": blacklisted})).send().await.ok();
    let authorization = format!("Token {}", django_credential("token", 3));
    app.client().post("/api/logout/all/").header("authorization", authorization).send().await;
    app.database.run("UPDATE users SET is_active = false WHERE id = 4").await;
    app.database.run("DELETE FROM social_accounts WHERE provider = 'github' AND uid = '304'").await;
    app.database.run("UPDATE users SET username = 'ana2' WHERE id = 1").await;
    // As a login does with an account whose uid is a legacy e-mail address.
    app.database.run("UPDATE social_accounts SET uid = '202' WHERE uid = 'bo@example.com'").await;

    if project.is_on_sqlite() {
        let own_file = app.database.url().trim_start_matches("sqlite://");
        // With the system's SQLite, as an operator does: it is older than the one in the server.
        let sql = statements("SQLite").replace("rest-social-auth.db", own_file);
        python("run_sql.py", &[project.url.trim_start_matches("sqlite://")], SECRET_KEY, &sql);
    } else {
        project.run(&statements("PostgreSQL")).await;
    }

    let credential = |kind: &str, value: &str| json!({"kind": kind, "value": value});
    let login_by = |provider: &str, code: &str| json!({"kind": "login", "route": "token_user", "provider": provider, "code": code});
    let login = |code: &str| login_by("github", code);
    let steps = [
        ("a user who signed up at this server", login("u2"), 200, Some(id)),
        ("a knox token issued by this server", credential("knox", &knox), 200, Some(id)),
        ("an access token issued by this server", credential("access", &pair.field("token")), 200, Some(id)),
        ("a refresh token issued by this server", credential("refresh", &pair.field("refresh")), 200, Some(id)),
        ("a refresh token blacklisted at this server", credential("refresh", &blacklisted), 401, None),
        ("a permanent token issued by this server", credential("token", &token), 401, None),
        ("a token issued before the import", credential("token", &django_credential("token", 1)), 200, Some(1)),
        (
            "a refresh token issued before the import",
            credential("refresh", &django_credential("refresh", 1)),
            200,
            Some(1),
        ),
        (
            "a token of a user who logged out at this server",
            credential("token", &django_credential("token", 3)),
            401,
            None,
        ),
        ("a session from before the import", credential("session", &django_credential("session", 1)), 401, None),
        (
            "a token of a user deactivated at this server",
            credential("token", &django_credential("token", 4)),
            401,
            None,
        ),
        ("an account that got another uid at this server", login_by("google-oauth2", "bo"), 200, Some(2)),
        ("a new user at Django gets a new id", login("hal"), 200, Some(id + 1)),
        ("an account unlinked at this server belongs to a new user", login("cy-work"), 200, Some(id + 2)),
    ];
    let input: Vec<&Value> = steps.iter().map(|(_, step, ..)| step).collect();
    let url = project.url.as_str();
    let answers =
        python("use_django.py", &[url, "--now", "2026-11-24T12:00:30Z"], SECRET_KEY, &json!(input).to_string());
    let answers: Vec<Value> = serde_json::from_str(&answers).expect("JSON");
    for ((what, _, status, user), answer) in steps.iter().zip(&answers) {
        assert_eq!(answer["status"], json!(status), "{what}: {answer}");
        if let Some(user) = user {
            assert_eq!(answer["id"], json!(user), "{what}: {answer}");
        }
    }
    assert_eq!(answers.len(), steps.len());
    let ana = "SELECT count(*) FROM auth_user WHERE id = 1 AND username = 'ana2' AND is_active";
    let gus = "SELECT count(*) FROM auth_user WHERE username = 'gus' AND password LIKE 'md5$%'";
    for (what, sql) in [("a changed username is copied back", ana), ("a password is unchanged", gus)] {
        assert_eq!(project.number(sql).await, 1, "{what}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn return_to_django_on_postgres_keeps_users_and_revocations() {
    let app = TestApp::start(Engine::Postgres).await;
    let project = Project::beside(&app);
    assert_return_keeps_changes(project, app).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn return_to_django_on_sqlite_keeps_users_and_revocations() {
    let app = TestApp::start(Engine::Sqlite).await;
    assert_return_keeps_changes(Project::on_sqlite(&[]), app).await;
}
