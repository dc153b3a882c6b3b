//! Projects whose tables or columns have other names than those of Django and social-core.

use rest_social_auth::import::Names;
use serde_json::json;

use super::{Project, RunOptions, count, import, import_with, note, try_import, use_credential};
use crate::support::{Engine, TestApp, on_both_databases};

on_both_databases! {
    users_are_deactivated_by_the_column_that_the_operator_names,
    accounts_and_knox_tokens_are_read_from_the_named_tables,
    one_large_id_does_not_raise_the_ids_of_new_users,
    texts_that_are_not_utf_8_do_not_end_the_import,
}

async fn users_are_deactivated_by_the_column_that_the_operator_names(engine: Engine) {
    for (source, kind) in [(Engine::Sqlite, "bool"), (Engine::Postgres, "smallint"), (Engine::Postgres, "boolean")] {
        let project = Project::on(source, &[]).await;
        project.run(&format!("ALTER TABLE auth_user ADD COLUMN enabled {kind}")).await;
        let (yes, no) = if kind == "boolean" { ("true", "false") } else { ("1", "0") };
        project.run(&format!("UPDATE auth_user SET enabled = CASE WHEN id = 1 THEN {no} ELSE {yes} END")).await;
        project.run("ALTER TABLE auth_user DROP COLUMN is_active").await;
        let token =
            project.credentials().into_iter().find(|item| item.kind == "token" && item.user == 1).expect("ana's");

        let app = TestApp::start(engine).await;
        let report = import(&app, &project).await;
        let users = app.database.count("users").await;
        assert_eq!(note(&report, "no_active_column").expect("a note").count, users.unsigned_abs(), "{report}");
        use_credential(&app, &token).await.ok();

        let named = |column: &str| Names { active_column: Some(column.to_owned()), ..Names::default() };
        for wrong in ["username", "nowhere"] {
            let error = try_import(&app, &project, RunOptions { names: named(wrong), ..RunOptions::default() }).await;
            assert!(error.expect_err(wrong).to_string().starts_with("--active-column: "));
        }
        let app = TestApp::start(engine).await;
        let report = import_with(&app, &project, RunOptions { names: named("enabled"), ..RunOptions::default() }).await;
        assert!(note(&report, "no_active_column").is_none(), "{report}");
        assert_eq!(app.database.number("SELECT count(*) FROM users WHERE NOT is_active").await, 1);
        assert_eq!(use_credential(&app, &token).await.status, 401);
    }
}

async fn accounts_and_knox_tokens_are_read_from_the_named_tables(engine: Engine) {
    for source in [Engine::Sqlite, Engine::Postgres] {
        let project = Project::on(source, &[]).await;
        project.run("ALTER TABLE social_auth_usersocialauth RENAME TO \"Accounts\"").await;
        project.run("ALTER TABLE knox_authtoken RENAME TO \"Keys\"").await;
        let app = TestApp::start(engine).await;
        let error = try_import(&app, &project, RunOptions::default()).await.expect_err("no accounts");
        assert!(
            error.to_string().starts_with("--accounts-table: there is no table social_auth_usersocialauth"),
            "{error}"
        );
        assert_eq!(app.database.count("users").await, 0);

        let named = |accounts: &str, knox: &str| Names {
            accounts_table: Some(accounts.to_owned()),
            knox_table: Some(knox.to_owned()),
            ..Names::default()
        };
        for (accounts, knox) in [("accounts", "Keys"), ("Accounts", "keys")] {
            let options = RunOptions { names: named(accounts, knox), ..RunOptions::default() };
            let error = try_import(&app, &project, options).await.expect_err("another case");
            assert!(error.to_string().contains("-table: there is no table "), "{error}");
        }
        let options = RunOptions { names: named("Accounts", "Keys"), ..RunOptions::default() };
        import_with(&app, &project, options).await;
        assert_eq!(app.login("token_user", "u1").await.ok()["id"], json!(1), "the account is ana's");
        let knox = project.credentials().into_iter().find(|item| item.kind == "knox" && item.is_valid).expect("one");
        use_credential(&app, &knox).await.ok();

        let app = TestApp::start(engine).await;
        let report = import_with(&app, &project, RunOptions { without_accounts: true, ..RunOptions::default() }).await;
        assert_eq!(report.absent, ["knox_authtoken"]);
        assert_eq!(app.database.count("social_accounts").await, 0);
        project.run("DELETE FROM \"Accounts\"").await;
        let options = RunOptions { names: named("Accounts", "Keys"), ..RunOptions::default() };
        let report = import_with(&app, &project, options).await;
        assert!(note(&report, "no_accounts").expect("a note").text.contains("--accounts-table"), "{report}");
    }
}

/// A client reads an id as a JSON number, which is exact below 2^53.
async fn one_large_id_does_not_raise_the_ids_of_new_users(engine: Engine) {
    let project = Project::on_sqlite(&[]);
    let large: i64 = 1 << 52;
    project
        .run(&format!(
            "INSERT INTO auth_user (id, username, first_name, last_name, email, password, is_active, is_staff, is_superuser,
                                    date_joined)
             VALUES ({large}, 'large', '', '', '', '!', 1, 0, 0, '2020-01-01');
             INSERT INTO social_auth_usersocialauth (id, user_id, provider, uid, extra_data, created, modified)
             VALUES ({large}, 1, 'github', 'large', '{{}}', '2020-01-01', '2020-01-01')"
        ))
        .await;
    let app = TestApp::start(engine).await;
    let report = import(&app, &project).await;
    for table in ["auth_user", "social_auth_usersocialauth"] {
        assert_eq!(count(&report, table, "id_too_high"), 1, "{report}");
    }
    let new = app.login("token_user", "u77").await.ok()["id"].as_i64().expect("a number");
    assert!(new < 1_000_000, "{new}");
    assert!(app.database.number("SELECT max(id) FROM social_accounts").await < 1_000_000);

    let app = TestApp::start(engine).await;
    let report = import_with(&app, &project, RunOptions { large_ids: true, ..RunOptions::default() }).await;
    assert_eq!(count(&report, "auth_user", "id_too_high"), 0, "{report}");
    assert_eq!(app.database.number(&format!("SELECT count(*) FROM users WHERE id = {large}")).await, 1);
}

async fn texts_that_are_not_utf_8_do_not_end_the_import(engine: Engine) {
    let project = Project::on_sqlite(&[]);
    project
        .run(
            "UPDATE auth_user SET first_name = CAST(x'4DFC' AS TEXT) WHERE id = 1;
             UPDATE auth_user SET email = x'FF40' WHERE id = 2;
             INSERT INTO social_auth_usersocialauth (id, user_id, provider, uid, extra_data, created, modified)
             VALUES (80, 1, 'github', CAST(x'FC' AS TEXT), '{}', '2020-01-01', '2020-01-01'),
                    (81, 1, 'github', '81', CAST(x'7B226C6F67696E223A2022FC227D' AS TEXT), '2020-01-01', '2020-01-01');
             INSERT INTO token_blacklist_outstandingtoken (id, user_id, jti, token, created_at, expires_at)
             VALUES (900, 1, 'broken', CAST(x'FF' AS TEXT), '2026-11-24', '2999-01-01');
             INSERT INTO django_session (session_key, session_data, expire_date)
             VALUES ('broken', CAST(x'FF' AS TEXT), '2999-01-01')",
        )
        .await;
    let app = TestApp::start(engine).await;
    let report = import(&app, &project).await;
    assert_eq!(app.database.text("SELECT first_name FROM users WHERE id = 1").await, "M\u{fffd}");
    assert_eq!(note(&report, "unreadable_text").expect("both users").first, [1, 2], "{report}");
    assert_eq!(count(&report, "social_auth_usersocialauth", "unreadable_uid"), 1, "{report}");
    let extra = app.database.text("SELECT CAST(extra_data AS TEXT) FROM social_accounts WHERE uid = '81'").await;
    assert_eq!(serde_json::from_str::<serde_json::Value>(&extra).expect("JSON"), json!({"login": "\u{fffd}"}));
    assert_eq!(count(&report, "django_session", "other_key"), 1, "{report}");
}
