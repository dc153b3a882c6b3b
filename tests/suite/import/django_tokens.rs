//! Tokens that Django's packages issued under other settings or in other releases: they end or stay valid here as there.

use aws_lc_rs::digest::{SHA512, digest};
use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use rest_social_auth::import::Names;
use serde_json::{Value, json};

use super::{Project, RunOptions, count, import, import_with, note, try_import, use_credential};
use crate::support::test_app::SECRET_KEY;
use crate::support::{Engine, TestApp, on_both_databases};

on_both_databases! {
    jwts_that_contain_the_id_of_another_user_end_the_import,
    jwts_that_contain_the_new_id_stay_valid_or_blacklisted,
    jwts_of_an_earlier_password_are_blacklisted,
    tokens_of_knox_4_stay_valid,
    users_at_the_limit_of_knox_tokens_are_reported,
}

const OUTSTANDING: &str = "token_blacklist_outstandingtoken";

/// A refresh token of simplejwt, valid until 2999.
fn refresh_token(user: &Value, jti: &str) -> String {
    let claims =
        json!({"token_type": "refresh", "exp": 32_472_144_000_i64, "iat": 1_790_000_000, "jti": jti, "user_id": user});
    let key = jsonwebtoken::EncodingKey::from_secret(SECRET_KEY.as_bytes());
    jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).expect("a token")
}

/// The project's USER_ID_FIELD was a column in which users have the ids of others.
async fn jwts_that_contain_the_id_of_another_user_end_the_import(engine: Engine) {
    for source in [Engine::Sqlite, Engine::Postgres] {
        let project = Project::on(source, &[]).await;
        let token = refresh_token(&json!("1"), "other");
        project
            .run(&format!(
                "INSERT INTO {OUTSTANDING} (id, user_id, jti, token, created_at, expires_at)
                 VALUES (900, 2, 'other', '{token}', '2026-11-24', '2999-01-01')"
            ))
            .await;
        let app = TestApp::start(engine).await;
        for dry_run in [true, false] {
            let error = try_import(&app, &project, RunOptions { dry_run, ..RunOptions::default() }).await;
            let error = error.expect_err("user 2 would sign in as user 1").to_string();
            assert!(error.starts_with("SIMPLE_JWT_SIGNING_KEY: 1 JWTs of Django (users 2) contain"), "{error}");
        }
        assert_eq!(app.database.count("users").await, 0, "nothing was written");

        let settings = [("SIMPLE_JWT_SIGNING_KEY", "a-new-key-of-this-server-of-32-bytes-and-more")];
        let report = import_with(&app, &project, RunOptions { settings: &settings, ..RunOptions::default() }).await;
        assert_eq!(count(&report, OUTSTANDING, "old_id"), 1, "{report}");
    }
}

/// The project's USER_ID_FIELD was the column of --id-column.
async fn jwts_that_contain_the_new_id_stay_valid_or_blacklisted(engine: Engine) {
    let project = Project::on_sqlite(&["--user-model", "uuid"]);
    let numbers = super::return_to_django::statements("A column of numbers, SQLite");
    project.run(&numbers.replace("accounts_member", "\"Members\"")).await;
    let (valid, blacklisted) = (refresh_token(&json!("1"), "valid"), refresh_token(&json!(1), "blacklisted"));
    project
        .run(&format!(
            "INSERT INTO {OUTSTANDING} (id, user_id, jti, token, created_at, expires_at)
             SELECT 900, id, 'valid', '{valid}', '2026-11-24', '2999-01-01' FROM \"Members\" WHERE number = 1;
             INSERT INTO {OUTSTANDING} (id, user_id, jti, token, created_at, expires_at)
             SELECT 901, id, 'blacklisted', '{blacklisted}', '2026-11-24', '2999-01-01' FROM \"Members\" WHERE number = 1;
             INSERT INTO token_blacklist_blacklistedtoken (token_id, blacklisted_at) VALUES (901, '2026-11-24')"
        ))
        .await;
    let app = TestApp::start(engine).await;
    let names = Names { id_column: Some("number".to_owned()), ..Names::default() };
    let report = import_with(&app, &project, RunOptions { names, ..RunOptions::default() }).await;
    assert_eq!(count(&report, OUTSTANDING, "old_id"), 2, "those that contain the UUID: {report}");
    let refresh =
        async |token: &str| app.client().post("/api/token/refresh/").json(&json!({"refresh": token})).send().await;
    refresh(&valid).await.ok();
    assert_eq!(refresh(&blacklisted).await.problem(401, "token_not_valid")["detail"], "Token is blacklisted");
}

async fn jwts_of_an_earlier_password_are_blacklisted(engine: Engine) {
    let project = Project::on_sqlite(&["--settings", &json!({"SIMPLE_JWT": {"CHECK_REVOKE_TOKEN": true}}).to_string()]);
    let of =
        |kind: &str| project.credentials().into_iter().find(|item| item.kind == kind && item.is_valid).expect("one");
    let (refresh, sliding) = (of("refresh"), of("sliding"));
    project.run(&format!("UPDATE auth_user SET password = 'changed' WHERE id = {}", refresh.user)).await;
    let app = TestApp::start(engine).await;
    let report = import(&app, &project).await;
    let found = note(&report, "jwts_of_an_earlier_password").expect("a note");
    assert!(found.count > 0 && found.first.iter().all(|user| *user == refresh.user), "{report}");
    let refused = use_credential(&app, &refresh).await;
    assert_eq!(refused.problem(401, "token_not_valid")["detail"], "Token is blacklisted");
    if sliding.user != refresh.user {
        use_credential(&app, &sliding).await.ok();
    }
    let again = import(&app, &project).await;
    assert!(again.tables.iter().all(|table| table.written == 0), "{again}");
}

async fn tokens_of_knox_4_stay_valid(engine: Engine) {
    let project = Project::on_sqlite(&[]);
    let tokens = ["0123456789abcdef".repeat(4), "fedcba9876543210".repeat(4)];
    for (token, token_key) in [(&tokens[0], &tokens[0][..8]), (&tokens[1], &tokens[1][..15])] {
        let bytes = HEXLOWER_PERMISSIVE.decode(token.as_bytes()).expect("hex digits");
        let digest = HEXLOWER.encode(digest(&SHA512, &bytes).as_ref());
        project
            .run(&format!(
                "INSERT INTO knox_authtoken (digest, token_key, user_id, created, expiry)
                 VALUES ('{digest}', '{token_key}', 1, '2026-11-24', NULL)"
            ))
            .await;
    }
    let app = TestApp::start(engine).await;
    import(&app, &project).await;
    let authorization = format!("Token {}", tokens[0]);
    assert_eq!(app.client().user(&authorization).await.ok()["id"], json!(1));
    app.client().user(&format!("Token {}", tokens[1])).await.problem(401, "invalid_token");
    app.client().request("POST", "/api/knox/logout/").header("authorization", &authorization).send().await;
    assert_eq!(app.client().user(&authorization).await.status, 401, "the logout found the row");
}

async fn users_at_the_limit_of_knox_tokens_are_reported(engine: Engine) {
    let project = Project::on_sqlite(&[]);
    let app = TestApp::start(engine).await;
    let knox = project.credentials().into_iter().find(|item| item.kind == "knox" && item.is_valid).expect("one");
    let report = import(&app, &project).await;
    assert!(note(&report, "knox_limit_reached").is_none());
    for (limit, is_reached) in [("1", true), ("100", false)] {
        let settings = [("REST_KNOX_TOKEN_LIMIT_PER_USER", limit)];
        let report = import_with(&app, &project, RunOptions { settings: &settings, ..RunOptions::default() }).await;
        let found = note(&report, "knox_limit_reached").is_some_and(|note| note.first.contains(&knox.user));
        assert_eq!(found, is_reached, "{report}");
    }
}
