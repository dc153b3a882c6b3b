//! R-PIPE, R-USR, R-EML and R-EXT: which user a login finds or creates, and what it stores.

use serde_json::{Value, json};

use rest_social_auth::model::UserId;

use crate::support::fake_users::FACEBOOK_TOKEN;
use crate::support::{Engine, Reply, TestApp, on_both_databases};

on_both_databases! {
    r_pipe_02_profile_without_id_is_refused,
    r_pipe_02_google_uid_is_sub_and_legacy_email_uids_are_replaced,
    r_pipe_02_id_key_setting_selects_the_uid,
    r_pipe_06_new_user_is_active_without_last_login,
    r_pipe_06_user_fields_select_the_fields_of_a_new_user,
    r_pipe_08_modified_is_updated_when_extra_data_changes,
    r_pipe_09_names_follow_the_provider_also_when_empty,
    r_pipe_09_protected_and_immutable_fields_stay_unchanged,
    r_pipe_09_username_and_email_follow_without_the_protected_list,
    r_pipe_09_detail_fills_its_mapped_field,
    r_pipe_10_associate_by_email_needs_a_verified_email_on_both_sides,
    r_pipe_13_pipeline_without_create_user_refuses_sign_up,
    r_pipe_14_inactive_user_is_refused,
    r_pipe_15_same_email_from_another_provider_is_another_user,
    r_pipe_17_long_name_is_truncated,
    r_usr_01_username_base,
    r_usr_02_to_04_usernames_are_normalized_and_made_unique,
    r_usr_05_usernames_are_case_sensitive,
    r_usr_06_username_does_not_follow_a_renamed_account,
    r_usr_07_full_name_is_split_at_the_first_space,
    r_eml_01_email_domain_is_lower_case,
    r_ext_01_and_02_extra_data_of_each_provider,
    r_ext_02_facebook_scopes_come_from_the_request,
    r_ext_04_extra_data_is_merged_at_each_login,
    r_ext_05_settings_add_to_extra_data,
    save_avatar_stores_the_picture_url,
    different_uids_are_different_users,
    null_characters_in_a_profile_are_removed,
}

/// The caller's only linked account.
async fn account(app: &TestApp, route: &str, body: Value) -> Value {
    let token = app.client().login(&format!("token/{route}"), body).await.field("token");
    let answer = app.client().get("/api/user/social/").header("authorization", format!("Token {token}")).send().await;
    let list = answer.ok();
    assert_eq!(list.as_array().map(Vec::len), Some(1), "{list}");
    list[0].clone()
}

async fn r_pipe_02_profile_without_id_is_refused(engine: Engine) {
    let app = TestApp::start(engine).await;
    for (n, id) in [json!(null), json!(""), json!(false)].into_iter().enumerate() {
        let code = format!("u{n}");
        app.fake_users.set_profile("github", &code, json!({"id": id, "login": "a", "email": "a@example.com"}));
        app.login("token", &code).await.problem(502, "provider_error");
    }
    app.fake_users.set_profile("github", "u9", json!({"login": "a", "email": "a@example.com"}));
    app.login("token", "u9").await.problem(502, "provider_error");
    assert_eq!(app.database.count("users").await, 0);
}

async fn r_pipe_02_google_uid_is_sub_and_legacy_email_uids_are_replaced(engine: Engine) {
    let app = TestApp::builder(engine).with("LEGACY_UIDS_UNTIL", "2999-01-01").start().await;
    let account_1 = account(&app, "google-oauth2", json!({"code": "u1"})).await;
    assert_eq!(account_1["uid"], "200001");
    // As the import stores the uid of an earlier release of DRSA.
    let sql = "UPDATE social_accounts SET uid = 'user1@example.com', uid_scope = '', legacy_uid = true";
    app.database.run(sql).await;
    let verified = json!({"sub": "200001", "email": "user1@example.com", "email_verified": true, "hd": "example.com"});
    app.fake_users.set_profile("google-oauth2", "u01", verified);
    let again = account(&app, "google-oauth2", json!({"code": "u01"})).await;
    assert_eq!((&again["uid"], &again["id"]), (&json!("200001"), &account_1["id"]));
    assert_eq!(app.database.count("users").await, 1);
}

async fn r_pipe_02_id_key_setting_selects_the_uid(engine: Engine) {
    let app = TestApp::builder(engine).with("SOCIAL_AUTH_GITHUB_ID_KEY", "login").start().await;
    let found = account(&app, "github", json!({"code": "u1"})).await;
    assert_eq!(found["uid"], "user1");
}

async fn r_pipe_06_new_user_is_active_without_last_login(engine: Engine) {
    let app = TestApp::start(engine).await;
    app.login("token", "u1").await.ok();
    let active = match engine {
        Engine::Sqlite => "is_active = 1",
        Engine::Postgres => "is_active",
    };
    let row = format!("SELECT count(*) FROM users WHERE {active} AND last_login IS NULL AND created = 1795521600000");
    assert_eq!(app.database.number(&row).await, 1);

    let app = TestApp::builder(engine).with("SOCIAL_AUTH_USER_FIELDS", r#"["username"]"#).start().await;
    assert_eq!(app.login("session", "u1").await.field("email"), "", "only the configured fields");
}

async fn r_pipe_08_modified_is_updated_when_extra_data_changes(engine: Engine) {
    let app = TestApp::start(engine).await;
    let first = account(&app, "github", json!({"code": "u1"})).await;
    app.advance(std::time::Duration::from_secs(60));
    let second = account(&app, "github", json!({"code": "u01"})).await;
    assert_eq!(first["created"], second["created"]);
    assert_ne!(first["modified"], second["modified"], "auth_time changed");
    for time in ["created", "modified"] {
        assert!(first[time].as_str().is_some_and(|text| text.starts_with("2026-11-24T12:00:00")), "{first}");
    }
    assert_eq!(first["extra_data"]["auth_time"], 1_795_521_600);
    assert_eq!(second["extra_data"]["auth_time"], 1_795_521_660);
}

async fn r_pipe_09_names_follow_the_provider_also_when_empty(engine: Engine) {
    let app = TestApp::start(engine).await;
    let github_profile = |name: Value| json!({"id": 1, "login": "ana", "name": name, "email": "ana@example.com"});
    app.login_with_profile("u1", github_profile(json!("Ana Lopez"))).await;
    let renamed = app.login_with_profile("u01", github_profile(json!("Anna Maria Lopez"))).await;
    assert_eq!((&renamed["first_name"], &renamed["last_name"]), (&json!("Anna"), &json!("Maria Lopez")));
    let nameless = app.login_with_profile("u001", github_profile(json!(null))).await;
    assert_eq!((&nameless["first_name"], &nameless["last_name"]), (&json!(""), &json!("")));
}

async fn r_pipe_09_protected_and_immutable_fields_stay_unchanged(engine: Engine) {
    let plan = TestApp::builder(engine).with("SOCIAL_AUTH_PROTECTED_USER_FIELDS", r#"["first_name"]"#);
    let app = plan.with("SOCIAL_AUTH_IMMUTABLE_USER_FIELDS", "last_name").start().await;
    let github_profile = |name: &str| json!({"id": 1, "login": "ana", "name": name, "email": "ana@example.com"});
    let first = app.login_with_profile("u1", github_profile("Ana Lopez")).await;
    assert_eq!((&first["first_name"], &first["last_name"]), (&json!(""), &json!("Lopez")));
    let second = app.login_with_profile("u01", github_profile("Eva Ruiz")).await;
    assert_eq!((&second["first_name"], &second["last_name"]), (&json!(""), &json!("Lopez")));
}

async fn r_pipe_09_username_and_email_follow_without_the_protected_list(engine: Engine) {
    let plan = TestApp::builder(engine).with("SOCIAL_AUTH_NO_DEFAULT_PROTECTED_USER_FIELDS", "True");
    let app = plan.with("SOCIAL_AUTH_FACEBOOK_IMMUTABLE_USER_FIELDS", "username,email").start().await;
    let github_profile =
        |id: i32, login: &str, email: &str| json!({"id": id, "login": login, "name": "Ana", "email": email});
    app.login_with_profile("u1", github_profile(1, "ana", "ana@example.com")).await;
    app.login_with_profile("u2", github_profile(2, "eva", "eva@example.com")).await;
    let moved = app.login_with_profile("u01", github_profile(1, "ana lopez", "Ana@NEW.example")).await;
    assert_eq!((&moved["username"], &moved["email"]), (&json!("analopez"), &json!("Ana@new.example")));
    // Another user's username is not taken, and a missing e-mail does not delete the stored one.
    let second = app.login_with_profile("u001", github_profile(1, "eva", "")).await;
    assert_eq!((&second["username"], &second["email"]), (&json!("analopez"), &json!("Ana@new.example")));
    let found = "SELECT count(*) FROM users WHERE email_lower = 'ana@new.example' AND username = 'analopez'";
    assert_eq!(app.database.number(found).await, 1);

    let facebook = |code: &'static str, name: &str| {
        app.fake_users.set_profile(
            "facebook",
            code,
            json!({"id": "7", "name": name, "email": format!("{name}@example.com")}),
        );
        let client = app.client();
        async move { client.login("token_user/facebook", json!({"code": code})).await.ok() }
    };
    facebook("u7", "seven").await;
    let stays = facebook("u07", "eight").await;
    assert_eq!((&stays["username"], &stays["email"]), (&json!("seven"), &json!("seven@example.com")));
}

async fn r_pipe_09_detail_fills_its_mapped_field(engine: Engine) {
    let plan = TestApp::builder(engine).with("REST_SOCIAL_USER_FIELDS", r#"{"display_name": {"type": "string"}}"#);
    let mapping = r#"{"fullname": "display_name", "username": "last_name"}"#;
    let app = plan.with("SOCIAL_AUTH_USER_FIELD_MAPPING", mapping).start().await;
    let raw_profile = json!({"id": 1, "login": "ana", "name": "Ana Lopez", "email": "ana@example.com"});
    let user = app.login_with_profile("u1", raw_profile).await;
    assert_eq!((&user["display_name"], &user["first_name"]), (&json!("Ana Lopez"), &json!("Ana")));
    assert_eq!((&user["last_name"], &user["username"]), (&json!("ana"), &json!("ana")));
}

async fn r_pipe_06_user_fields_select_the_fields_of_a_new_user(engine: Engine) {
    let without_details =
        "social_details,social_uid,social_user,get_username,create_user,associate_user,load_extra_data";
    for (fields, first, last, email) in [
        ("username,email", "", "", "user1@example.com"),
        ("username", "", "", ""),
        (r#"["username", "email", "first_name"]"#, "First1", "", "user1@example.com"),
        (r#"["username", "first_name", "last_name"]"#, "First1", "Last1", ""),
    ] {
        let plan = TestApp::builder(engine).with("SOCIAL_AUTH_PIPELINE", without_details);
        let app = plan.with("SOCIAL_AUTH_USER_FIELDS", fields).start().await;
        let user = app.login("token_user", "u1").await.ok();
        assert_eq!(user["username"], "user1");
        assert_eq!(
            (&user["first_name"], &user["last_name"], &user["email"]),
            (&json!(first), &json!(last), &json!(email))
        );
    }
    let asks = without_details.replace("create_user", "require_email,create_user");
    let plan =
        TestApp::builder(engine).with("SOCIAL_AUTH_PIPELINE", &asks).with("SOCIAL_AUTH_GITHUB_USER_FIELDS", "username");
    let errors = plan.try_start().await.err().expect("an address that would be lost");
    assert_eq!(errors.len(), 1);
    assert!(
        errors[0].to_string().contains("SOCIAL_AUTH_GITHUB_USER_FIELDS") && errors[0].to_string().contains("email")
    );
}

const BY_EMAIL: &str = r#"["social_details", "social_uid", "auth_allowed", "social_user", "get_username",
    "social_core.pipeline.social_auth.associate_by_email", "create_user", "associate_user", "load_extra_data", "user_details"]"#;

async fn r_pipe_10_associate_by_email_needs_a_verified_email_on_both_sides(engine: Engine) {
    let app = TestApp::builder(engine).with("SOCIAL_AUTH_PIPELINE", BY_EMAIL).start().await;
    app.client().login("token/google-oauth2", json!({"code": "u1"})).await.ok();
    // Facebook verifies no address.
    app.client().login("token/facebook", json!({"code": "u1"})).await.problem(409, "account_exists");
    assert_eq!((app.database.count("users").await, app.database.count("social_accounts").await), (1, 1));

    let plan = TestApp::builder(engine).oidc().with("SOCIAL_AUTH_PIPELINE", BY_EMAIL);
    let app = plan.with("SOCIAL_AUTH_TRUSTED_EMAIL_PROVIDERS", "google-oauth2,oidc").start().await;
    // Google verifies its own addresses and those of domains that it hosts (SEC-24).
    let hosted = json!({"sub": "1", "email": "user1@example.com", "email_verified": true, "hd": "example.com"});
    app.fake_users.set_profile("google-oauth2", "u1", hosted);
    let first = app.client().login("session/google-oauth2", json!({"code": "u1"})).await.ok();
    let second = app.client().login("session/oidc", json!({"code": "u1"})).await.ok();
    assert_eq!(first["id"], second["id"], "both providers verified it");
    assert_eq!((app.database.count("users").await, app.database.count("social_accounts").await), (1, 2));
}

async fn r_pipe_13_pipeline_without_create_user_refuses_sign_up(engine: Engine) {
    let pipeline = "social_details,social_uid,auth_allowed,social_user,associate_user,load_extra_data,user_details";
    let app = TestApp::builder(engine).with("SOCIAL_AUTH_PIPELINE", pipeline).start().await;
    for kind in ["session", "token", "jwt-pair-user"] {
        app.login(kind, &format!("u{}", kind.len())).await.problem(403, "no_user");
    }
    assert_eq!(app.database.count("users").await, 0);
}

async fn r_pipe_14_inactive_user_is_refused(engine: Engine) {
    let app = TestApp::start(engine).await;
    app.login("token", "u1").await.ok();
    let repository = app.database.repository().await;
    assert!(repository.set_active(UserId(1), false, app.clock.now()).await.expect("a write"));
    for (n, kind) in ["session", "token_user", "jwt-pair", "jwt-sliding", "knox"].iter().enumerate() {
        let code = format!("u{}1", "0".repeat(n + 1));
        app.login(kind, &code).await.problem(403, "user_inactive");
    }
    let counts = app.database.counts().await;
    assert_eq!((counts["sessions"], counts["knox_tokens"], counts["refresh_tokens"]), (0, 0, 0));
}

async fn r_pipe_15_same_email_from_another_provider_is_another_user(engine: Engine) {
    let app = TestApp::start(engine).await;
    let github = app.login("session", "u1").await.ok();
    let google = app.client().login("session/google-oauth2", json!({"code": "u1"})).await.ok();
    assert_eq!(github["email"], google["email"]);
    assert_ne!(github["id"], google["id"]);
    let name = google["username"].as_str().expect("a name");
    assert!(name.starts_with("user1") && name.len() == 5 + 4, "{name}");
}

async fn r_pipe_17_long_name_is_truncated(engine: Engine) {
    let app = TestApp::start(engine).await;
    let raw_profile =
        json!({"id": 1, "login": "ü".repeat(400), "name": format!("{} x", "ñ".repeat(400)), "email": "a@example.com"});
    let user = app.login_with_profile("u1", raw_profile).await;
    assert_eq!(user["first_name"].as_str().map(|name| name.chars().count()), Some(150));
}

async fn r_usr_01_username_base(engine: Engine) {
    let app = TestApp::start(engine).await;
    for (provider, wanted) in [("google-oauth2", "user4"), ("facebook", "First5Last5"), ("github", "user6")] {
        let code = format!(
            "u{}",
            match provider {
                "google-oauth2" => 4,
                "facebook" => 5,
                _ => 6,
            }
        );
        let user = app.client().login(&format!("session/{provider}"), json!({"code": code})).await;
        assert_eq!(user.field("username"), wanted);
    }
    let nameless = app.login_with_profile("u7", json!({"id": 7, "login": null, "email": "a@example.com"})).await;
    let name = nameless["username"].as_str().expect("a name");
    assert!(name.len() == 32 && name.bytes().all(|byte| byte.is_ascii_hexdigit()), "{name}");

    let plan = TestApp::builder(engine).with("SOCIAL_AUTH_USERNAME_IS_FULL_EMAIL", "1");
    let app = plan.with("USERNAMES_ACCEPT_UNVERIFIED_EMAIL", "1").start().await;
    assert_eq!(app.login("session", "u1").await.field("username"), "user1@example.com");
}

async fn r_usr_02_to_04_usernames_are_normalized_and_made_unique(engine: Engine) {
    let app = TestApp::start(engine).await;
    let github_profile =
        |id: i64, login: &str| json!({"id": id, "login": login, "name": "A B", "email": "a@example.com"});
    let name = |user: Value| user["username"].as_str().expect("a name").to_owned();
    assert_eq!(name(app.login_with_profile("u1", github_profile(1, "Jörg Mü/ller!@.+-_ x")).await), "JrgMller@.+-_x");
    assert_eq!(name(app.login_with_profile("u2", github_profile(2, "same")).await), "same");
    let second = name(app.login_with_profile("u3", github_profile(3, "same")).await);
    assert!(second.starts_with("same") && second.len() == 8, "{second}");
    let signs = name(app.login_with_profile("u4", github_profile(4, "李/!")).await);
    assert!(signs.len() == 16 && signs.bytes().all(|byte| byte.is_ascii_hexdigit()), "{signs}");
    let long = name(app.login_with_profile("u5", github_profile(5, &"a".repeat(300))).await);
    assert_eq!(long.len(), 150);
    let second = name(app.login_with_profile("u6", github_profile(6, &"a".repeat(300))).await);
    assert!(second.len() == 150 && second != long && second.starts_with(&"a".repeat(146)), "{second}");

    let plan =
        TestApp::builder(engine).with("SOCIAL_AUTH_SLUGIFY_USERNAMES", "true").with("SOCIAL_AUTH_UUID_LENGTH", "4");
    let app = plan.start().await;
    assert_eq!(name(app.login_with_profile("u1", github_profile(1, "Jörg_Mü!ler X")).await), "jrg_mlerx");
    let second = name(app.login_with_profile("u2", github_profile(2, "Jörg_Mü!ler X")).await);
    assert!(second.starts_with("jrg_mlerx") && second.len() == 13, "{second}");

    let plan = TestApp::builder(engine)
        .with("SOCIAL_AUTH_SLUGIFY_USERNAMES", "true")
        .with("SOCIAL_AUTH_CLEAN_USERNAMES", "false");
    let app = plan.start().await;
    assert_eq!(name(app.login_with_profile("u1", github_profile(1, "Jörg_Mü!ler X")).await), "jorg_muler-x");
}

async fn r_usr_05_usernames_are_case_sensitive(engine: Engine) {
    let app = TestApp::start(engine).await;
    let github_profile = |id: i64, login: &str| json!({"id": id, "login": login, "email": "a@example.com"});
    assert_eq!(app.login_with_profile("u1", github_profile(1, "same")).await["username"], "same");
    assert_eq!(app.login_with_profile("u2", github_profile(2, "SAME")).await["username"], "SAME");
}

async fn r_usr_06_username_does_not_follow_a_renamed_account(engine: Engine) {
    let app = TestApp::start(engine).await;
    let github_profile = |login: &str, email: &str| json!({"id": 1, "login": login, "email": email});
    app.login_with_profile("u1", github_profile("old", "old@example.com")).await;
    let renamed = app.login_with_profile("u01", github_profile("new", "new@example.com")).await;
    assert_eq!((&renamed["username"], &renamed["email"]), (&json!("old"), &json!("old@example.com")));
}

async fn r_usr_07_full_name_is_split_at_the_first_space(engine: Engine) {
    let app = TestApp::start(engine).await;
    for (n, (full, first, last)) in
        [("Ana  Maria  Lopez", "Ana", "Maria  Lopez"), (" Ana Lopez", "", "Ana Lopez"), ("Cher", "Cher", "")]
            .iter()
            .enumerate()
    {
        let raw_profile = json!({"id": n + 1, "login": format!("p{n}"), "name": full, "email": "a@example.com"});
        let user = app.login_with_profile(&format!("u{n}"), raw_profile).await;
        assert_eq!((&user["first_name"], &user["last_name"]), (&json!(first), &json!(last)), "{full:?}");
    }
}

async fn r_eml_01_email_domain_is_lower_case(engine: Engine) {
    let raw_profile = json!({"id": 1, "login": "a", "email": "Foo.Bar@EXAMPLE.Com"});
    let app = TestApp::start(engine).await;
    assert_eq!(app.login_with_profile("u1", raw_profile.clone()).await["email"], "Foo.Bar@example.com");
    let app = TestApp::builder(engine).with("SOCIAL_AUTH_FORCE_EMAIL_LOWERCASE", "True").start().await;
    assert_eq!(app.login_with_profile("u1", raw_profile).await["email"], "foo.bar@example.com");
}

async fn r_ext_01_and_02_extra_data_of_each_provider(engine: Engine) {
    let app = TestApp::start(engine).await;
    let now = 1_795_521_600;
    for (provider, uid, wanted) in [
        (
            "github",
            "1",
            json!({"auth_time": now, "id": 1, "expires_in": null, "login": "user1", "token_type": "bearer"}),
        ),
        (
            "facebook",
            "100001",
            json!({"auth_time": now, "id": "100001", "expires_in": 5_183_944, "granted_scopes": null, "denied_scopes": null,
                "token_type": null}),
        ),
        (
            "google-oauth2",
            "200001",
            json!({"auth_time": now, "sub": "200001", "expires_in": 3599, "token_type": "Bearer"}),
        ),
    ] {
        let found = account(&app, provider, json!({"code": "u1"})).await;
        let keys: Vec<&String> = found.as_object().expect("an account").keys().collect();
        assert_eq!(keys, ["id", "provider", "uid", "extra_data", "created", "modified"]);
        assert_eq!((&found["provider"], &found["uid"]), (&json!(provider), &json!(uid)));
        assert_eq!(found["extra_data"], wanted, "{provider}");
    }
    let browser = app.browser();
    let token = browser.login("token/twitter", json!({})).await.field("oauth_token");
    let found = account(&app, "twitter", json!({"oauth_token": token, "oauth_verifier": "u1"})).await;
    assert_eq!((&found["uid"], &found["extra_data"]["id"]), (&json!("30001"), &json!(30001)));
    for row in app.database.dump().await.iter().filter(|row| row.column == "extra_data") {
        let text = String::from_utf8_lossy(&row.bytes);
        for secret in ["gho_", "fb-u1", "ya29", "tw-u1", "tws-u1", "refresh_token", "access_token\": \""] {
            assert!(!text.contains(secret), "{secret} in {text} (SEC-40)");
        }
    }
}

async fn r_ext_02_facebook_scopes_come_from_the_request(engine: Engine) {
    let app = TestApp::start(engine).await;
    let body = json!({"code": "u1", "granted_scopes": "email,public_profile", "denied_scopes": "user_birthday"});
    let found = account(&app, "facebook", body).await;
    assert_eq!(found["extra_data"]["granted_scopes"], json!(["email", "public_profile"]));
    assert_eq!(found["extra_data"]["denied_scopes"], json!(["user_birthday"]));
}

async fn r_ext_04_extra_data_is_merged_at_each_login(engine: Engine) {
    let app = TestApp::start(engine).await;
    account(&app, "facebook", json!({"code": "u1", "granted_scopes": "email"})).await;
    app.database.run(r#"UPDATE social_accounts SET extra_data = '{"plan": "gold", "expires_in": 1}'"#).await;
    app.double.always(FACEBOOK_TOKEN, Reply::json(&json!({"access_token": "fb-u1"})));
    let found = account(&app, "facebook", json!({"code": "u01"})).await;
    assert_eq!(found["extra_data"]["plan"], "gold", "what the login does not know stays");
    assert_eq!(found["extra_data"]["expires_in"], json!(null), "what it knows is overwritten");
}

async fn r_ext_05_settings_add_to_extra_data(engine: Engine) {
    let wanted = r#"["company", ["blog", "homepage"], ["hireable", "looking", true], ["bio", "story", true]]"#;
    let app = TestApp::builder(engine).with("SOCIAL_AUTH_GITHUB_EXTRA_DATA", wanted).start().await;
    let raw_profile = json!({"id": 1, "login": "ana", "email": "a@example.com", "company": "ACME", "blog": "https://a.example",
        "hireable": null, "bio": "b"});
    app.fake_users.set_profile("github", "u1", raw_profile.clone());
    let extra = account(&app, "github", json!({"code": "u1"})).await["extra_data"].clone();
    assert_eq!(
        (&extra["company"], &extra["homepage"], &extra["story"]),
        (&json!("ACME"), &json!("https://a.example"), &json!("b"))
    );
    assert!(extra.get("looking").is_none(), "empty ones marked so are dropped: {extra}");

    let app = TestApp::builder(engine).with("SOCIAL_AUTH_GITHUB_GET_ALL_EXTRA_DATA", "True").start().await;
    app.fake_users.set_profile("github", "u1", raw_profile);
    let extra = account(&app, "github", json!({"code": "u1"})).await["extra_data"].clone();
    assert_eq!(extra["company"], "ACME", "{extra}");
}

async fn different_uids_are_different_users(engine: Engine) {
    let app = TestApp::start(engine).await;
    let github_profile = |id: Value| json!({"id": id, "login": "a", "email": "a@example.com"});
    let ids = [
        json!(1),
        json!("1"),
        json!("01"),
        json!("1 "),
        json!("A"),
        json!("a"),
        json!(9_007_199_254_740_993_i64),
        json!(9_007_199_254_740_992_i64),
    ];
    for (n, id) in ids.iter().enumerate() {
        app.login_with_profile(&format!("u{n}"), github_profile(id.clone())).await;
    }
    // A number and its text are one id; every other pair is two ids.
    assert_eq!(app.database.count("users").await, 7);
}

/// PostgreSQL cannot store the null character.
async fn null_characters_in_a_profile_are_removed(engine: Engine) {
    let app = TestApp::builder(engine).with("SOCIAL_AUTH_GITHUB_EXTRA_DATA", r#"["company"]"#).start().await;
    let raw_profile = json!({"id": 1, "login": "an\u{0}a", "name": "A\u{0}na Lo\u{0}pez", "email": "an\u{0}a@example.com",
        "company": {"na\u{0}me": 1, "name": ["AC\u{0}ME"]}});
    app.fake_users.set_profile("github", "u1", raw_profile);
    let found = account(&app, "github", json!({"code": "u1"})).await;
    assert_eq!(found["extra_data"]["company"], json!({"name": ["ACME"]}));
    // Identifying values are not repaired: the address is dropped, and such an id is refused.
    let user = "SELECT count(*) FROM users WHERE username = 'ana' AND first_name = 'Ana' AND last_name = 'Lopez' AND email = ''";
    assert_eq!(app.database.number(user).await, 1);
    app.fake_users.set_profile("github", "u2", json!({"id": "1\u{0}", "login": "eva", "email": "eva@example.com"}));
    app.login("token", "u2").await.problem(502, "provider_error");
}

async fn save_avatar_stores_the_picture_url(engine: Engine) {
    let pipeline = "social_details,social_uid,auth_allowed,social_user,get_username,create_user,associate_user,load_extra_data,\
                    user_details,save_avatar";
    let app = TestApp::builder(engine).with("SOCIAL_AUTH_PIPELINE", pipeline).start().await;
    for (n, (picture, kept)) in [
        (json!("https://pictures.example/1.png"), json!("https://pictures.example/1.png")),
        (json!("javascript:alert(1)"), json!(null)),
        (json!("http://pictures.example/1.png"), json!(null)),
        (json!(null), json!(null)),
    ]
    .into_iter()
    .enumerate()
    {
        let code = format!("u{}", n + 1);
        app.fake_users.set_profile("github", &code, json!({"id": n + 1, "login": "ana", "avatar_url": picture}));
        assert_eq!(account(&app, "github", json!({"code": code})).await["extra_data"]["picture"], kept, "{picture}");
    }
}
