//! Custom user models: other names, additional columns, UUIDs as ids.

use rest_social_auth::import::Names;
use serde_json::{Value, json};

use super::{Project, RunOptions, count, import, import_with, note, try_import, use_credential};
use crate::support::{Engine, TestApp, on_both_databases};

on_both_databases! {
    custom_user_model_is_imported,
    custom_columns_become_declared_fields,
    later_import_sets_newly_declared_fields_that_are_unset,
    uuid_users_are_imported_with_an_id_column,
    users_without_a_unique_username_are_skipped,
}

const FIELDS: &str = r#"{
    "phone": {}, "birth_date": {"type": "date"}, "seats": {"type": "integer"}, "homepage": {"type": "url"},
    "newsletter": {"type": "boolean", "editable": true}, "nowhere": {}
}"#;
const DECLARED: (&str, &str) = ("REST_SOCIAL_USER_FIELDS", FIELDS);

async fn app_with_fields(engine: Engine) -> TestApp {
    TestApp::builder(engine).with(DECLARED.0, DECLARED.1).start().await
}

async fn custom_user_model_is_imported(engine: Engine) {
    for source in [Engine::Sqlite, Engine::Postgres] {
        let project = Project::on(source, &["--user-model", "email"]).await;
        let app = TestApp::start(engine).await;
        let report = import(&app, &project).await;
        assert_eq!(report.tables[0].table, "accounts_user");
        assert_eq!(app.database.text("SELECT username FROM users WHERE id = 1").await, "ana@example.com");
        assert_eq!(app.database.text("SELECT first_name || last_name FROM users WHERE id = 1").await, "");
        for item in project.credentials() {
            assert_eq!(use_credential(&app, &item).await.ok()["id"], json!(item.user), "{}", item.kind);
        }
        assert!(note(&report, "columns_left_out").expect("phone").text.contains("phone, birth_date"));
    }
}

/// The declared fields as `GET /api/user/` shows them.
async fn shown(app: &TestApp, project: &Project, user: i64) -> Value {
    let token = project.credentials().into_iter().find(|item| item.kind == "token" && item.user == user);
    let mut answer = use_credential(app, &token.expect("a token")).await.ok();
    let standard = ["id", "username", "first_name", "last_name", "email"];
    answer.as_object_mut().expect("an object").retain(|name, _| !standard.contains(&name.as_str()));
    answer
}

async fn custom_columns_become_declared_fields(engine: Engine) {
    for source in [Engine::Sqlite, Engine::Postgres] {
        let project = Project::on(source, &["--user-model", "email"]).await;
        let app = app_with_fields(engine).await;
        let options = || RunOptions { settings: &[DECLARED], ..RunOptions::default() };
        let report = import_with(&app, &project, options()).await;
        let all = json!({"phone": "+46 8 1", "birth_date": "1990-02-28", "seats": 3,
                         "homepage": "https://ana.example/", "newsletter": true});
        assert_eq!(shown(&app, &project, 1).await, all);
        assert_eq!(
            shown(&app, &project, 2).await,
            json!({"seats": 0}),
            "empty values and invalid URLs are not imported"
        );
        let invalid = note(&report, "field_does_not_fit").expect("ed's homepage");
        assert!(invalid.text.contains("homepage") && invalid.first == [2], "{report}");
        assert_eq!(note(&report, "columns_carried").expect("five").count, 5);
        assert!(note(&report, "columns_left_out").expect("one").text.contains(": internal_note."), "{report}");

        let again = import_with(&app, &project, options()).await;
        assert_eq!(again.tables[0].already_there, 2);
        assert!(note(&again, "fields_filled").is_none());
    }
}

async fn later_import_sets_newly_declared_fields_that_are_unset(engine: Engine) {
    let project = Project::on_sqlite(&["--user-model", "email"]);
    let app = app_with_fields(engine).await;
    import(&app, &project).await;
    assert_eq!(shown(&app, &project, 1).await, json!({}));
    let token = project.credentials().into_iter().find(|item| item.kind == "token").expect("ana's");
    let authorization = format!("Token {}", token.value);
    let call =
        |body: Value| app.client().request("PATCH", "/api/user/").header("authorization", &authorization).json(&body);
    call(json!({"newsletter": false})).send().await.ok();
    call(json!({"newsletter": null})).send().await.ok();
    app.database.run("UPDATE users SET fields = '{\"phone\": \"changed\"}' WHERE id = 1").await;

    let report = import_with(&app, &project, RunOptions { settings: &[DECLARED], ..RunOptions::default() }).await;
    assert_eq!(note(&report, "fields_filled").expect("both").first, [1, 2]);
    let all = json!({"phone": "changed", "birth_date": "1990-02-28", "seats": 3, "homepage": "https://ana.example/"});
    assert_eq!(shown(&app, &project, 1).await, all);
}

async fn uuid_users_are_imported_with_an_id_column(engine: Engine) {
    for source in [Engine::Sqlite, Engine::Postgres] {
        let project = Project::on(source, &["--user-model", "uuid"]).await;
        let app = TestApp::start(engine).await;
        let names = |id: &str| Names { id_column: Some(id.to_owned()), ..Names::default() };
        let error = try_import(&app, &project, RunOptions::default()).await.expect_err("the ids are not numbers");
        assert!(error.to_string().starts_with("--id-column"), "{error}");

        let numbers = super::return_to_django::statements(match source {
            Engine::Sqlite => "A column of numbers, SQLite",
            Engine::Postgres => "A column of numbers, PostgreSQL",
        });
        project.run(&numbers.replace("accounts_member", "\"Members\"")).await;
        project.run("UPDATE \"Members\" SET seats = 1").await;
        let options = |id| RunOptions {
            names: names(id),
            settings: &[("REST_SOCIAL_USER_FIELDS", r#"{"uuid": {}}"#)],
            ..RunOptions::default()
        };
        let error = try_import(&app, &project, options("seats")).await.expect_err("two users have the same number");
        assert!(error.to_string().contains("1 users have no number in seats"), "{error}");

        let report = import_with(&app, &project, options("number")).await;
        assert_eq!(report.tables[0].table, "Members");
        assert_eq!(note(&report, "ids_renumbered").expect("a note").count, 1);
        assert_eq!(count(&report, "token_blacklist_outstandingtoken", "old_id"), 2);
        assert_eq!(app.database.count("users").await, 2);
        let credentials = project.content["credentials"].as_array().expect("a list");
        for (item, uuid) in project.credentials().iter().zip(credentials.iter().map(|item| &item["user"])) {
            let answer = use_credential(&app, item).await;
            if item.kind == "access" {
                answer.problem(401, "token_not_valid");
                continue;
            }
            let id = answer.ok()["id"].as_i64().expect("a number");
            let hex = |text: &str| text.replace('-', "");
            let json = app.database.text(&format!("SELECT CAST(fields AS TEXT) FROM users WHERE id = {id}")).await;
            assert!(hex(&json).contains(&hex(uuid.as_str().expect("a UUID"))), "{} of user {id}: {json}", item.kind);
        }
    }
}

async fn users_without_a_unique_username_are_skipped(engine: Engine) {
    let project = Project::on_sqlite(&["--user-model", "email"]);
    project.run("UPDATE accounts_user SET phone = '1', homepage = ''").await;
    let app = TestApp::start(engine).await;
    let options = |column: &str, dry_run| RunOptions {
        names: Names { username_column: Some(column.to_owned()), ..Names::default() },
        dry_run,
        ..RunOptions::default()
    };
    for dry_run in [true, false] {
        let report = import_with(&app, &project, options("phone", dry_run)).await;
        assert_eq!(count(&report, "accounts_user", "username_shared"), 1, "{report}");
        assert_eq!(count(&report, "authtoken_token", "user_left_out"), 1, "{report}");
    }
    let report = import_with(&app, &project, options("homepage", true)).await;
    assert_eq!(count(&report, "accounts_user", "no_username"), 2, "{report}");
    let error = try_import(&app, &project, options("nickname", true)).await.expect_err("no such column");
    assert!(error.to_string().starts_with("--username-column"), "{error}");
}
