//! Rows that should not exist but do in some databases: they are reported by reason, and the rest is try_import.

use serde_json::json;

use super::{Project, RunOptions, count, import, import_with, note, use_credential};
use crate::support::fake_users::CLIENT_ID;
use crate::support::{Engine, Reply, TestApp, on_both_databases};

on_both_databases! {
    invalid_rows_are_reported_by_reason_and_the_rest_is_imported,
    usernames_that_differ_in_case_are_two_users,
    fault_a1_accounts_with_a_legacy_uid_are_marked_and_counted,
    fault_a15_accounts_get_the_tenant_of_their_data,
    fault_a15_an_account_of_another_issuer_does_not_sign_in,
    fault_a26_accounts_with_the_uid_0_are_skipped,
    name_that_looks_like_an_id_does_not_identify_the_imported_account,
    account_is_found_by_no_former_key_when_its_own_id_was_lost,
    imported_token_whose_lifetime_is_over_is_refreshed,
    ids_below_one_are_kept_and_new_users_follow_the_highest,
    infinite_timestamps_do_not_fail_the_import,
}

/// Rows that violate Django's constraints.
const INVALID_ROWS: &str = r#"
PRAGMA ignore_check_constraints = ON;
PRAGMA foreign_keys = OFF;
CREATE TABLE loose AS SELECT * FROM social_auth_usersocialauth;
DROP TABLE social_auth_usersocialauth;
ALTER TABLE loose RENAME TO social_auth_usersocialauth;
INSERT INTO auth_user (id, username, first_name, last_name, email, password, is_active, is_staff, is_superuser, date_joined)
VALUES (20, 'nul' || char(0), '', '', '', '!', 1, 0, 0, '2020-01-01'),
       (21, printf('%.151c', 'x'), '', '', '', '!', 1, 0, 0, '2020-01-01'),
       (22, 'mail', '', '', printf('%.255c', 'x'), '!', 1, 0, 0, '2020-01-01'),
       (23, '', '', '', '', '!', 1, 0, 0, '2020-01-01'),
       (24, 'long', printf('%.200c', 'é'), '', '', '!', 1, 0, 0, 'one day'),
       (25, 'blobs', x'414243', '', '', '!', 'true', 0, 0, 1577836800),
       (9223372036854775807, 'highest', '', '', '', '!', 1, 0, 0, '2020-01-01');
INSERT INTO social_auth_usersocialauth (id, user_id, provider, uid, extra_data, created, modified)
VALUES (30, 24, 'github', printf('%.256c', '1'), '{}', '2020-01-01', '2020-01-01'),
       (31, 24, 'github', '', '{}', '2020-01-01', '2020-01-01'),
       (32, 24, 'github', 'a' || char(0), '{}', '2020-01-01', '2020-01-01'),
       (33, 24, 'github', '33', 'NaN, no JSON', 'once', NULL),
       (34, 24, 'github', '34', '[1, 2]', '2020-01-01', '2020-01-01'),
       (35, 24, 'github', '35', '"{\"id\": 35, \"plan\": \"a\\u0000b\"}"', '2020-01-01', '2020-01-01'),
       (36, 1, 'github', '33', '{}', '2020-01-01', '2020-01-01'),
       (37, 999, 'github', '37', '{}', '2020-01-01', '2020-01-01'),
       (38, 'unmatched', 'github', '38', '{}', '2020-01-01', '2020-01-01'),
       (39, 24, 'myspace', '39', '{}', '2020-01-01', '2020-01-01'),
       (9223372036854775807, 24, 'github', '40', '{}', '2020-01-01', '2020-01-01');
INSERT INTO authtoken_token (key, user_id, created)
VALUES ('short', 24, '2020-01-01'), (printf('%.40c', 'f'), 999, '2020-01-01');
INSERT INTO knox_authtoken (digest, token_key, user_id, created, expiry)
VALUES (printf('%.128c', 'a'), 'a', 24, '2020-01-01', 'never'),
       (printf('%.128c', 'b'), 'b' || char(0), 24, '2020-01-01', NULL),
       (printf('%.128c', 'c'), 'c', 24, '2020-01-01', NULL),
       (printf('%.64c', 'd'), 'd', 24, '2020-01-01', NULL);
INSERT INTO token_blacklist_outstandingtoken (id, user_id, jti, token, created_at, expires_at)
VALUES (90, NULL, 'gone', 'x', '2020-01-01', '2030-01-01'),
       (91, 24, printf('%.65c', 'x'), 'x', '2020-01-01', '2030-01-01'),
       (92, 24, 'nul' || char(0), 'x', '2020-01-01', '2030-01-01'),
       (93, 24, 'unreadable', 'no.token.at all', '2020-01-01', '2030-01-01');
INSERT INTO django_session (session_key, session_data, expire_date)
VALUES ('junk', 'no session', '2030-01-01'), ('ends', 'no session', 'never');
"#;

async fn invalid_rows_are_reported_by_reason_and_the_rest_is_imported(engine: Engine) {
    let project = Project::on_sqlite(&[]);
    project.run(INVALID_ROWS).await;
    let app = TestApp::start(engine).await;
    let dry = import_with(&app, &project, RunOptions { dry_run: true, ..RunOptions::default() }).await;
    let report = import(&app, &project).await;
    assert_eq!(json!(dry.tables), json!(report.tables), "the dry run reports the same");
    let links = "social_auth_usersocialauth";
    let outstanding = "token_blacklist_outstandingtoken";
    for (table, code, expected) in [
        ("auth_user", "nul_character", 1),
        ("auth_user", "username_too_long", 1),
        ("auth_user", "no_username", 1),
        ("auth_user", "id_too_high", 1),
        (links, "id_too_high", 1),
        (links, "uid_too_long", 1),
        (links, "no_uid", 1),
        (links, "nul_character", 1),
        (links, "shared_uid", 1),
        (links, "account_in_use", 1),
        (links, "user_left_out", 2),
        ("authtoken_token", "not_a_token", 1),
        ("authtoken_token", "user_left_out", 1),
        ("knox_authtoken", "expired", 2),
        ("knox_authtoken", "not_a_token", 1),
        ("knox_authtoken", "nul_character", 1),
        (outstanding, "user_gone", 1),
        (outstanding, "not_a_token", 1),
        (outstanding, "nul_character", 1),
        ("django_session", "other_key", 1),
        ("django_session", "expired", 2),
    ] {
        assert_eq!(count(&report, table, code), expected, "{table} {code}: {report}");
    }
    assert_eq!(note(&report, "extra_data_unreadable").expect("two accounts").first, [33, 34], "{report}");
    let text = async |sql: &str| app.database.text(sql).await;
    let number = async |sql: &str| app.database.number(sql).await;
    assert_eq!(
        number("SELECT user_id FROM social_accounts WHERE uid = '33'").await,
        24,
        "the first of two accounts is imported"
    );
    let extra = text("SELECT CAST(extra_data AS TEXT) FROM social_accounts WHERE uid = '35'").await;
    assert_eq!(serde_json::from_str::<serde_json::Value>(&extra).expect("JSON"), json!({"id": 35, "plan": "ab"}));
    assert_eq!(number("SELECT CAST(length(first_name) AS BIGINT) FROM users WHERE id = 24").await, 150);
    assert_eq!(number("SELECT created FROM users WHERE id = 24").await, app.clock.now().0);
    assert_eq!(text("SELECT first_name FROM users WHERE id = 25").await, "ABC");
    for item in project.credentials().iter().filter(|item| item.is_valid) {
        assert_eq!(use_credential(&app, item).await.ok()["id"], json!(item.user), "{}", item.kind);
    }
    let again = import(&app, &project).await;
    assert!(again.tables.iter().all(|table| table.written == 0), "{again}");
    app.login("token", "u77").await.ok();
}

async fn fault_a15_accounts_get_the_tenant_of_their_data(engine: Engine) {
    // {"tid": "t2", "sub": "s2"}
    let id_token = "e30.eyJ0aWQiOiAidDIiLCAic3ViIjogInMyIn0.c2ln";
    let project = Project::on_sqlite(&[]);
    let insert = format!(
        r#"INSERT INTO social_auth_usersocialauth (id, user_id, provider, uid, extra_data, created, modified)
            VALUES (80, 1, 'azuread-oauth2', 's1', '{{"tid": "t1"}}', '2020-01-01', '2020-01-01'),
                   (81, 1, 'azuread-oauth2', 's2', '{{"id_token": "{id_token}"}}', '2020-01-01', '2020-01-01'),
                   (82, 1, 'azuread-oauth2', 's3', '{{}}', '2020-01-01', '2020-01-01'),
                   (83, 1, 'slack', 's4', '{{"team": {{"id": "T4"}}}}', '2020-01-01', '2020-01-01')"#
    );
    project.run(&insert).await;
    let app = TestApp::start(engine).await;
    import(&app, &project).await;
    for (uid, scope) in [("s1", "sub t1"), ("s2", "sub t2"), ("s3", ""), ("s4", "id T4")] {
        let found = app.database.text(&format!("SELECT uid_scope FROM social_accounts WHERE uid = '{uid}'")).await;
        assert_eq!(found, scope, "{uid}");
    }
}

/// The ID token that Django stored names the issuer of the account.
async fn fault_a15_an_account_of_another_issuer_does_not_sign_in(engine: Engine) {
    let project = Project::on_sqlite(&[]);
    // {"iss": "https://old.example", "sub": "s-7"} and {"iss": "https://id.example", "sub": "s-8"}
    let old = "e30.eyJpc3MiOiJodHRwczovL29sZC5leGFtcGxlIiwic3ViIjoicy03In0.c2ln";
    let own = "e30.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUiLCJzdWIiOiJzLTgifQ.c2ln";
    let insert = format!(
        r#"INSERT INTO social_auth_usersocialauth (id, user_id, provider, uid, extra_data, created, modified)
            VALUES (80, 1, 'oidc', 's-7', '{{"id_token": "{old}"}}', '2020-01-01', '2020-01-01'),
                   (81, 1, 'oidc', 's-8', '{{"id_token": "{own}"}}', '2020-01-01', '2020-01-01')"#
    );
    project.run(&insert).await;
    let app =
        TestApp::builder(engine).oidc().with("SOCIAL_AUTH_OIDC_ID_TOKEN_ISSUER", "https://id.example").start().await;
    import(&app, &project).await;
    app.client().login("token_user/oidc", json!({"code": "u7"})).await.problem(403, "not_allowed");
    assert_eq!(app.client().login("token_user/oidc", json!({"code": "u8"})).await.ok()["id"], 1);
}

async fn fault_a26_accounts_with_the_uid_0_are_skipped(engine: Engine) {
    let project = Project::on_sqlite(&[]);
    project
        .run(
            "INSERT INTO social_auth_usersocialauth (id, user_id, provider, uid, extra_data, created, modified)
             VALUES (80, 1, 'facebook', '0', '{}', '2020-01-01', '2020-01-01')",
        )
        .await;
    let app = TestApp::start(engine).await;
    let report = import(&app, &project).await;
    assert_eq!(count(&report, "social_auth_usersocialauth", "shared_uid"), 2, "{report}");
    assert_eq!(app.database.number("SELECT count(*) FROM social_accounts WHERE uid = '0'").await, 0);
}

async fn fault_a1_accounts_with_a_legacy_uid_are_marked_and_counted(engine: Engine) {
    let project = Project::on_sqlite(&[]);
    project
        .run(
            r#"INSERT INTO social_auth_usersocialauth (id, user_id, provider, uid, extra_data, created, modified)
            VALUES (70, 1, 'google-oauth2', 'old@example.com', '{}', '2020-01-01', '2020-01-01'),
                   (71, 1, 'google-oauth2', '114218461', '{}', '2020-01-01', '2020-01-01'),
                   (72, 1, 'keycloak', 'ada', '{"sub": "9d1ec0ab-6b9c-4a62-9c0e-6a3a3c4f0c11"}', '2020-01-01', '2020-01-01'),
                   (73, 1, 'keycloak', 'bob', '{"sub": "bob"}', '2020-01-01', '2020-01-01')"#,
        )
        .await;
    let app = TestApp::builder(engine).with("LEGACY_UIDS_UNTIL", "2999-01-01").start().await;
    let report = import(&app, &project).await;
    let marked = note(&report, "legacy_uids").expect("a note");
    assert!(marked.first.contains(&70) && marked.first.contains(&72), "{report}");
    assert!(!marked.first.contains(&71) && !marked.first.contains(&73), "{report}");
    let owner = app.database.number("SELECT user_id FROM social_accounts WHERE id = 70").await;
    app.fake_users.set_profile(
        "google-oauth2",
        "u1",
        json!({"sub": "777", "email": "old@example.com", "email_verified": true, "hd": "example.com"}),
    );
    let found = app.client().login("token_user/google-oauth2", json!({"code": "u1"})).await.ok();
    assert_eq!(found["id"], owner);
    let key = "SELECT count(*) FROM social_accounts WHERE id = 70 AND uid = '777' AND NOT legacy_uid";
    assert_eq!(app.database.number(key).await, 1);
}

const OKTA: [(&str, &str); 3] = [
    ("SOCIAL_AUTH_OKTA_OAUTH2_KEY", CLIENT_ID),
    ("SOCIAL_AUTH_OKTA_OAUTH2_SECRET", "client-secret-5f2d7c"),
    ("SOCIAL_AUTH_OKTA_OAUTH2_API_URL", "https://okta.example/oauth2/default"),
];

/// Signs in at Okta; the id of the user.
async fn okta_user(app: &TestApp, code: &str, sub: &str, name: &str) -> serde_json::Value {
    let token = json!({"access_token": "at", "token_type": "Bearer", "expires_in": 3600});
    app.double.always("POST okta.example/oauth2/default/v1/token", Reply::json(&token));
    let profile = json!({"sub": sub, "preferred_username": name});
    app.double.always("GET okta.example/oauth2/default/v1/userinfo", Reply::json(&profile));
    app.client().login("token_user/okta-oauth2", json!({"code": code})).await.ok()["id"].clone()
}

/// In Django, user 1 had chosen the id of another user as a name.
async fn name_that_looks_like_an_id_does_not_identify_the_imported_account(engine: Engine) {
    let project = Project::on_sqlite(&[]);
    project
        .run(
            "INSERT INTO social_auth_usersocialauth (id, user_id, provider, uid, extra_data, created, modified)
            VALUES (80, 1, 'okta-oauth2', '00uVICTIM1', '{}', '2020-01-01', '2020-01-01'),
                   (81, 1, 'deezer', '4242', '{}', '2020-01-01', '2020-01-01'),
                   (82, 1, 'keycloak', '9d1ec0ab-6b9c-4a62-9c0e-6a3a3c4f0c11', '{}', '2020-01-01', '2020-01-01'),
                   (83, 1, 'trello', '5f1a2b3c4d5e6f7a8b9c0d1e', '{}', '2020-01-01', '2020-01-01'),
                   (84, 1, 'okta-oauth2', '00uOTHER', '{\"sub\": \"00uOTHER\"}', '2020-01-01', '2020-01-01')",
        )
        .await;
    let start = || OKTA.iter().fold(TestApp::builder(engine), |plan, (name, value)| plan.with(name, value)).start();
    let app = start().await;
    let report = import(&app, &project).await;
    let marked = |id| format!("SELECT count(*) FROM social_accounts WHERE id = {id} AND legacy_uid");
    for id in 80..=83 {
        assert_eq!(app.database.number(&marked(id)).await, 1, "{id}: {report}");
    }
    assert_eq!(app.database.number(&marked(84)).await, 0, "{report}");
    let undecided = note(&report, "legacy_uids_undecided").expect("a note");
    assert!(undecided.count >= 4 && undecided.text.contains("LEGACY_ID_KEYS"), "{report}");
    assert_ne!(okta_user(&app, "c1", "00uVICTIM1", "victim").await, json!(1));
    assert_eq!(okta_user(&app, "c2", "00uOTHER", "other").await, json!(1), "its data has the id");

    // The operator says that Django stored the id.
    let app = start().await;
    let settings: Vec<_> = OKTA.into_iter().chain([("SOCIAL_AUTH_OKTA_OAUTH2_LEGACY_ID_KEYS", "[]")]).collect();
    import_with(&app, &project, RunOptions { settings: &settings, ..RunOptions::default() }).await;
    assert_eq!(okta_user(&app, "c1", "00uVICTIM1", "victim").await, json!(1));
}

async fn account_is_found_by_no_former_key_when_its_own_id_was_lost(engine: Engine) {
    let project = Project::on_sqlite(&[]);
    project
        .run(
            r#"PRAGMA ignore_check_constraints = ON;
            INSERT INTO social_auth_usersocialauth (id, user_id, provider, uid, extra_data, created, modified)
            VALUES (85, 1, 'okta-oauth2', 'bea', '{"sub": "00uBEA", "name": "Bea \ud83d"}', '2020-01-01', '2020-01-01'),
                   (86, 1, 'okta-oauth2', 'gil', '{''sub'': ''00uGIL''}', '2020-01-01', '2020-01-01'),
                   (87, 1, 'okta-oauth2', 'ian', '{"sub": 123456789012345678901234567890}', '2020-01-01', '2020-01-01')"#,
        )
        .await;
    let plan = TestApp::builder(engine).with("LEGACY_UIDS_UNTIL", "2999-01-01");
    let app = OKTA.iter().fold(plan, |plan, (name, value)| plan.with(name, value)).start().await;
    let report = import(&app, &project).await;
    assert_eq!(count(&report, "social_auth_usersocialauth", "unreadable_data"), 1, "{report}");
    for (n, name) in ["bea", "gil", "ian"].iter().enumerate() {
        assert_ne!(okta_user(&app, &format!("a{n}"), &format!("00uATTACKER{n}"), name).await, json!(1), "{name}");
    }
    assert_eq!(okta_user(&app, "c1", "00uBEA", "bea").await, json!(1));
    assert_eq!(okta_user(&app, "c2", "123456789012345678901234567890", "ian").await, json!(1));
}

async fn imported_token_whose_lifetime_is_over_is_refreshed(engine: Engine) {
    let project = Project::on_sqlite(&[]);
    project
        .run(
            r#"INSERT INTO social_auth_usersocialauth (id, user_id, provider, uid, extra_data, created, modified)
            VALUES (88, 1, 'okta-oauth2', '00uADA', '{"sub": "00uADA", "access_token": "old", "refresh_token": "r-1",
                    "auth_time": 1600000000, "expires_in": 3600.0}', '2020-01-01', '2020-01-01')"#,
        )
        .await;
    let tokens = ("STORE_PROVIDER_TOKENS", "true");
    let settings: Vec<_> = OKTA.into_iter().chain([tokens]).collect();
    let app =
        settings.iter().fold(TestApp::builder(engine), |plan, (name, value)| plan.with(name, value)).start().await;
    import_with(&app, &project, RunOptions { settings: &settings, ..RunOptions::default() }).await;
    let fresh = json!({"access_token": "fresh", "token_type": "Bearer", "expires_in": 3600});
    app.double.always("POST okta.example/oauth2/default/v1/token", Reply::json(&fresh));
    let item = project.credentials().into_iter().find(|item| item.kind == "token" && item.user == 1).expect("a token");
    let authorization = format!("Token {}", item.value);
    let answer = app.client().get("/api/user/social/88/token/").header("authorization", &authorization).send().await;
    assert_eq!(answer.field("access_token"), "fresh");
}

async fn usernames_that_differ_in_case_are_two_users(engine: Engine) {
    let project = Project::on_sqlite(&[]);
    let app = TestApp::start(engine).await;
    import(&app, &project).await;
    let user_id =
        async |name: &str| app.database.number(&format!("SELECT id FROM users WHERE username = '{name}'")).await;
    let (lower, upper) = (user_id("gil").await, user_id("GIL").await);
    assert_ne!(lower, upper);
    for id in [lower, upper] {
        let token = project.credentials().into_iter().find(|item| item.user == id).expect("a token");
        assert_eq!(use_credential(&app, &token).await.ok()["id"], json!(id));
    }
}

async fn ids_below_one_are_kept_and_new_users_follow_the_highest(engine: Engine) {
    for source in [Engine::Sqlite, Engine::Postgres] {
        let project = Project::on(source, &[]).await;
        let rows = "INSERT INTO auth_user (id, username, first_name, last_name, email, password, is_active, is_staff,
                                           is_superuser, date_joined)
                    VALUES (-5, 'minus', '', '', '', '!', true, false, false, '2020-01-01'),
                           (0, 'zero', '', '', '', '!', true, false, false, '2020-01-01'),
                           (2000000000, 'high', '', '', '', '!', true, false, false, '2020-01-01');
INSERT INTO authtoken_token (key, user_id, created)
                    VALUES ('0123456789012345678901234567890123456789', -5, '2020-01-01')";
        project.run(rows).await;
        let app = TestApp::start(engine).await;
        let report = import(&app, &project).await;
        assert_eq!(count(&report, "auth_user", "id_taken"), 0, "{report}");
        let authorization = "Token 0123456789012345678901234567890123456789";
        assert_eq!(app.client().user(authorization).await.ok()["id"], json!(-5));
        let new_user = app.login("token_user", "u2").await.ok()["id"].as_i64();
        assert_eq!(new_user, Some(2_000_000_001));
    }
}

async fn infinite_timestamps_do_not_fail_the_import(engine: Engine) {
    let project = Project::on_postgres(&[]).await;
    let rows = "UPDATE auth_user SET date_joined = 'infinity', last_login = '-infinity' WHERE id = 1;
UPDATE knox_authtoken SET expiry = 'infinity' WHERE user_id = 1";
    project.run(rows).await;
    let app = TestApp::start(engine).await;
    let report = import(&app, &project).await;
    assert_eq!(app.database.number("SELECT created FROM users WHERE id = 1").await, app.clock.now().0);
    assert_eq!(count(&report, "knox_authtoken", "expired"), 3, "an unreadable expiry counts as expired: {report}");
}
