//! Settings for usernames, user fields and extra data, each for all providers or for one.

use serde_json::{Value, json};

use crate::support::client::claims;
use crate::support::{Answer, Engine, Reply, TestApp, on_both_databases};

on_both_databases! {
    only_a_verified_address_that_keeps_its_characters_becomes_the_username,
    no_user_gets_a_username_that_looks_like_the_address_of_another,
    usernames_of_all_scripts_have_one_form,
    r_usr_01_username_from_email_falls_back_to_the_provider_username,
    r_usr_04_username_suffix_survives_slug_truncation,
    r_pipe_06_user_fields_sets_protected_names_at_sign_up,
    r_pipe_08_modified_is_unchanged_without_load_extra_data,
    r_pipe_09_profile_without_names_keeps_the_names,
    r_pipe_09_user_field_mapping_sets_names_and_declared_fields,
    settings_of_one_provider_override_the_general_ones,
    extra_data_settings_apply_to_all_providers,
    sec_40_renamed_tokens_are_not_stored_or_shown,
    declared_fields_are_in_every_answer_with_user_data,
    export_contains_private_extra_data_without_tokens,
}

fn github_profile(id: i64, login: &str, email: &str) -> Value {
    json!({"id": id, "login": login, "name": "Ana Lopez", "email": email})
}

async fn login_at(app: &TestApp, provider: &str, code: &str) -> Answer {
    app.client().login(&format!("token_user/{provider}"), json!({"code": code})).await
}

async fn r_usr_01_username_from_email_falls_back_to_the_provider_username(engine: Engine) {
    let plan = TestApp::builder(engine).with("SOCIAL_AUTH_USERNAME_IS_FULL_EMAIL", "true");
    let app = plan.with("USERNAMES_ACCEPT_UNVERIFIED_EMAIL", "true").start().await;
    let username = |user: &Value| user["username"].as_str().expect("a name").to_owned();
    assert_eq!(
        username(&app.login_with_profile("u1", github_profile(1, "ana", "")).await),
        "ana",
        "without an address, the username of the provider"
    );
    assert_eq!(username(&app.login_with_profile("u2", github_profile(2, "bo", "bo@b.example")).await), "bo@b.example");
    let suffixed = username(&app.login_with_profile("u3", github_profile(3, "bo", "bo@b.example")).await);
    assert!(suffixed.starts_with("bo@b.example") && suffixed.len() == 12 + 4, "{suffixed}");
    let without_names = app.login_with_profile("u4", json!({"id": 4, "login": null, "email": null})).await;
    assert_eq!(username(&without_names).len(), 32);
}

async fn only_a_verified_address_that_keeps_its_characters_becomes_the_username(engine: Engine) {
    let app = TestApp::builder(engine).with("SOCIAL_AUTH_USERNAME_IS_FULL_EMAIL", "true").start().await;
    let oidc = |n: usize, email: &str| json!({"sub": format!("s{n}"), "name": "l@company.example", "email": email, "email_verified": true, "hd": "c"});
    for (n, (email, username)) in [
        ("ceo@company.example", "ceo@company.example"),
        ("c\u{e9}o@company.example", "co"),
        ("o'brien@company.example", "o'brien"),
        ("cto@company\u{e9}.example", "cto@xn--company-hya.example"),
    ]
    .into_iter()
    .enumerate()
    {
        app.fake_users.set_profile("google-oauth2", &format!("u{n}"), oidc(n, email));
        let user = login_at(&app, "google-oauth2", &format!("u{n}")).await.ok();
        let made = user["username"].as_str().expect("a name");
        let is_address = made.contains('@');
        assert_eq!(is_address, username.contains('@'), "{email}: {made}");
        assert!(!is_address || made == username, "{email}: {made}");
    }
}

/// All users share one name space: it counts at every provider, at every login, and for the suffix of a name that is taken.
async fn no_user_gets_a_username_that_looks_like_the_address_of_another(engine: Engine) {
    for mapping in ["{}", r#"{"fullname": "username"}"#, r#"{"email": "username"}"#] {
        let plan = TestApp::builder(engine).oidc().with("SOCIAL_AUTH_OIDC_USERNAME_IS_FULL_EMAIL", "true");
        let plan = plan.with("SOCIAL_AUTH_NO_DEFAULT_PROTECTED_USER_FIELDS", "true");
        let app = plan.with("SOCIAL_AUTH_USER_FIELD_MAPPING", mapping).start().await;
        let ceo = "ceo@company.example";
        let username = |answer: Answer| answer.ok()["username"].as_str().expect("a name").to_owned();
        for login in ["u1", "u2"] {
            let profile = json!({"id": 1, "login": ceo, "name": ceo, "email": ceo});
            app.fake_users.set_profile("github", login, profile);
            let made = username(login_at(&app, "github", login).await);
            assert!(!made.contains('@'), "{mapping}: {made}");
        }
        for login in ["u3", "u4"] {
            let unverified = json!({"sub": "s1", "preferred_username": ceo, "name": ceo, "email": ceo});
            app.fake_users.set_profile("oidc", login, unverified);
            let made = username(login_at(&app, "oidc", login).await);
            assert!(!made.contains('@'), "{mapping}: {made}");
        }
        let own = |sub: &str| json!({"sub": sub, "preferred_username": "x", "email": ceo, "email_verified": true});
        app.fake_users.set_profile("oidc", "u5", own("s2"));
        app.fake_users.set_profile("oidc", "u6", own("s3"));
        let as_username = json!({"sub": "s2", "preferred_username": ceo, "email": ceo, "email_verified": true});
        app.fake_users.set_profile("oidc", "u7", as_username);
        for login in ["u5", "u7"] {
            assert_eq!(username(login_at(&app, "oidc", login).await), ceo, "the own address stays: {login}");
        }
        let other = username(login_at(&app, "oidc", "u6").await);
        assert!(!other.contains('@'), "an address with a suffix is an address of another domain: {other}");
        // With another address the user leaves the name to the next owner of the former one.
        let moved =
            json!({"sub": "s2", "preferred_username": "x", "email": "now@company.example", "email_verified": true});
        app.fake_users.set_profile("oidc", "u8", moved);
        // Mapped to the username, the address is no e-mail address and does not change.
        let now = if mapping.contains("email") { ceo } else { "now@company.example" };
        assert_eq!(username(login_at(&app, "oidc", "u8").await), now, "{mapping}");
    }
}

async fn usernames_of_all_scripts_have_one_form(engine: Engine) {
    let plan = TestApp::builder(engine).with("SOCIAL_AUTH_CLEAN_USERNAMES", "false");
    let app = plan.with("REST_SOCIAL_EDITABLE_USER_FIELDS", "username").start().await;
    for (n, (login, username)) in
        [("\u{ff41}dmin", "admin"), ("e\u{301}ve\u{200b}", "\u{e9}ve"), (" \u{202e}b\r\nob", "bob")]
            .into_iter()
            .enumerate()
    {
        let id = i64::try_from(n).expect("a small number") + 1;
        let user = app.login_with_profile(&format!("u{id}"), github_profile(id, login, "")).await;
        assert_eq!(user["username"], username);
    }
    let token = format!("Token {}", app.token("token", "u9").await);
    let change = async |name: &str| {
        let patch = app.client().request("PATCH", "/api/user/").header("authorization", &token);
        patch.json(&json!({"username": name})).send().await
    };
    for taken in ["\u{ff41}dmin", "e\u{301}ve"] {
        assert_eq!(change(taken).await.status, 400, "{taken}");
    }
    for invalid in ["\u{3164}", "admin\u{200b}", "\u{202e}admin"] {
        assert_eq!(change(invalid).await.status, 400, "{invalid:?}");
    }
    assert_eq!(change("Zoe\u{308}").await.ok()["username"], "Zo\u{eb}");
}

async fn r_usr_04_username_suffix_survives_slug_truncation(engine: Engine) {
    let plan =
        TestApp::builder(engine).with("SOCIAL_AUTH_SLUGIFY_USERNAMES", "1").with("SOCIAL_AUTH_CLEAN_USERNAMES", "0");
    let app = plan.with("SOCIAL_AUTH_UUID_LENGTH", "4").start().await;
    // Each character becomes three letters in a slug, so a suffix after 150 of them would be truncated.
    for n in 1..=3 {
        let user = app.login_with_profile(&format!("u{n}"), github_profile(n, &"㎒".repeat(150), "a@b.example")).await;
        assert_eq!(user["username"].as_str().map(str::len), Some(150), "{user}");
    }
    assert_eq!(app.database.count("users").await, 3);
}

async fn r_pipe_06_user_fields_sets_protected_names_at_sign_up(engine: Engine) {
    let plan = TestApp::builder(engine).with("SOCIAL_AUTH_USER_FIELDS", "username,email,first_name,last_name");
    let app = plan.with("SOCIAL_AUTH_PROTECTED_USER_FIELDS", "first_name,last_name").start().await;
    let first = app.login_with_profile("u1", github_profile(1, "ana", "a@b.example")).await;
    assert_eq!((&first["first_name"], &first["last_name"]), (&json!("Ana"), &json!("Lopez")));
    let renamed = json!({"id": 1, "login": "ana", "name": "Eva Ruiz", "email": "a@b.example"});
    assert_eq!(app.login_with_profile("u01", renamed).await, first);
}

async fn r_pipe_08_modified_is_unchanged_without_load_extra_data(engine: Engine) {
    let pipeline = "social_details,social_uid,auth_allowed,social_user,get_username,create_user,associate_user";
    let app = TestApp::builder(engine).with("SOCIAL_AUTH_PIPELINE", pipeline).start().await;
    app.login("token", "u1").await.ok();
    let modified = "SELECT modified FROM social_accounts";
    let before = app.database.number(modified).await;
    app.advance(std::time::Duration::from_secs(60));
    app.login("token", "u01").await.ok();
    assert_eq!(app.database.number(modified).await, before);
}

async fn r_pipe_09_profile_without_names_keeps_the_names(engine: Engine) {
    let plan = TestApp::builder(engine).with("SOCIAL_AUTH_DISCORD_KEY", "k").with("SOCIAL_AUTH_DISCORD_SECRET", "s");
    let app = plan.start().await;
    let token = json!({"access_token": "at", "token_type": "Bearer"});
    app.double.always("POST discord.com/api/oauth2/token", Reply::json(&token));
    let me = json!({"id": "7", "username": "ana", "email": "a@b.example"});
    app.double.always("GET discord.com/api/users/@me", Reply::json(&me));
    let github = login_at(&app, "github", "u1").await.ok();
    let authorization = format!("Token {}", github["token"].as_str().expect("a token"));
    let linked = app.link("token_user/discord", &authorization, "d1").await.ok();
    assert_eq!((&linked["first_name"], &linked["last_name"]), (&json!("First1"), &json!("Last1")));
    let again = app.client().login("session/discord", json!({"code": "d2"})).await.ok();
    assert_eq!((&again["id"], &again["first_name"]), (&github["id"], &json!("First1")));
}

async fn r_pipe_09_user_field_mapping_sets_names_and_declared_fields(engine: Engine) {
    let fields = r#"{"nickname": {"from": "profile.never"}, "avatar": {"type": "url"}}"#;
    let mapping = r#"{"fullname": "nickname", "first_name": "last_name", "picture": "avatar"}"#;
    let plan = TestApp::builder(engine).with("REST_SOCIAL_USER_FIELDS", fields);
    let app = plan.with("SOCIAL_AUTH_USER_FIELD_MAPPING", mapping).start().await;
    let mut ana = github_profile(1, "ana", "a@b.example");
    ana["avatar_url"] = json!("https://a.example/1.png");
    let user = app.login_with_profile("u1", ana).await;
    let expected = json!({"id": 1, "username": "ana", "first_name": "", "last_name": "Ana", "email": "a@b.example",
        "nickname": "Ana Lopez", "avatar": "https://a.example/1.png"});
    assert_eq!(user, expected);

    for (mapping, wanted) in [
        (
            r#"{"nickname": "first_name"}"#,
            r#""nickname" is not a detail of a configured provider; use one of username, email,"#,
        ),
        (r#"{"fullname": "nick"}"#, r#""nick" is not a field that a login writes; use one of first_name,"#),
    ] {
        let plan = TestApp::builder(engine).with("SOCIAL_AUTH_GITHUB_USER_FIELD_MAPPING", mapping);
        let errors = plan.try_start().await.err().unwrap_or_default();
        assert_eq!(errors.len(), 1, "{mapping}: {errors:?}");
        assert!(errors[0].problem.starts_with(wanted), "{mapping}: {errors:?}");
    }
}

async fn settings_of_one_provider_override_the_general_ones(engine: Engine) {
    let own = [
        ("USER_FIELDS", "username", "email", json!("")),
        ("USERNAME_IS_FULL_EMAIL", "true", "username", json!("user1@EXAMPLE.com")),
        ("CLEAN_USERNAMES", "false", "username", json!("Ab\u{e9}")),
        ("SLUGIFY_USERNAMES", "true", "username", json!("ab")),
        ("EMAIL_DOMAIN_LOWERCASE", "false", "email", json!("User1@EXAMPLE.com")),
        ("FORCE_EMAIL_LOWERCASE", "true", "email", json!("user1@example.com")),
        ("PROTECTED_USER_FIELDS", "first_name", "first_name", json!("")),
        ("USER_FIELD_MAPPING", r#"{"fullname": "first_name"}"#, "first_name", json!("Ana Lopez")),
    ];
    for (setting, value, member, expected) in own {
        let plan = TestApp::builder(engine).with(&format!("SOCIAL_AUTH_GITHUB_{setting}"), value);
        let app = plan.with("USERNAMES_ACCEPT_UNVERIFIED_EMAIL", "true").start().await;
        let email = if setting == "USERNAME_IS_FULL_EMAIL" { "user1@EXAMPLE.com" } else { "User1@EXAMPLE.com" };
        let user = app.login_with_profile("u1", github_profile(1, "A !b\u{e9}", email)).await;
        assert_eq!(user[member], expected, "{setting}");
        // Another provider uses the general settings.
        let facebook =
            json!({"id": "2", "name": "Ana Lopez", "first_name": "Ana", "last_name": "Lopez", "email": email});
        app.fake_users.set_profile("facebook", "u2", facebook);
        let other = login_at(&app, "facebook", "u2").await.ok();
        let general = json!([email.replace("EXAMPLE", "example"), "AnaLopez", "Ana"]);
        assert_eq!(json!([other["email"], other["username"], other["first_name"]]), general, "{setting}");
    }
    let refusals = [
        ("DENIED_EMAILS", "user1@example.com"),
        ("DENIED_DOMAINS", "example.com"),
        ("WHITELISTED_EMAILS", "another@example.com"),
        ("SIGN_UP", "false"),
    ];
    for (setting, value) in refusals {
        let app = TestApp::builder(engine).with(&format!("SOCIAL_AUTH_GITHUB_{setting}"), value).start().await;
        assert_eq!(app.login("token", "u1").await.status, 403, "{setting}");
        login_at(&app, "facebook", "u1").await.ok();
    }
    // An empty list of one provider replaces the general list.
    for (setting, value) in [("WHITELISTED_EMAILS", "x@x.example"), ("DENIED_DOMAINS", "example.com")] {
        let plan = TestApp::builder(engine).with(&format!("SOCIAL_AUTH_{setting}"), value);
        let app = plan.with(&format!("SOCIAL_AUTH_GITHUB_{setting}"), "[]").start().await;
        app.login("token", "u1").await.ok();
        login_at(&app, "facebook", "u1").await.problem(403, "not_allowed");
    }
    let app = TestApp::builder(engine).with("SOCIAL_AUTH_GITHUB_UUID_LENGTH", "8").start().await;
    app.login_with_profile("u1", github_profile(1, "ana", "a@b.example")).await;
    let second = app.login_with_profile("u2", github_profile(2, "ana", "a@b.example")).await;
    assert_eq!(second["username"].as_str().map(str::len), Some(3 + 8));
    let app = TestApp::builder(engine).with("SOCIAL_AUTH_GITHUB_IMMUTABLE_USER_FIELDS", "last_name").start().await;
    app.login_with_profile("u1", github_profile(1, "ana", "a@b.example")).await;
    let renamed = json!({"id": 1, "login": "ana", "name": "Eva Ruiz", "email": "a@b.example"});
    let renamed = app.login_with_profile("u01", renamed).await;
    assert_eq!((&renamed["first_name"], &renamed["last_name"]), (&json!("Eva"), &json!("Lopez")));
    let app = TestApp::builder(engine).with("SOCIAL_AUTH_GITHUB_MAX_SESSION_LENGTH", "60").start().await;
    app.login("session", "u1").await.ok();
    app.client().login("session/facebook", json!({"code": "u2"})).await.ok();
    let lives = "SELECT count(*) FROM sessions WHERE expires - created = 60000";
    assert_eq!((app.database.number(lives).await, app.database.count("sessions").await), (1, 2));
}

async fn extra_data_settings_apply_to_all_providers(engine: Engine) {
    let extra = "SELECT cast(extra_data AS text) FROM social_accounts";
    for (setting, value) in
        [("EXTRA_DATA", r#"[["email", "mail"]]"#), ("GET_ALL_EXTRA_DATA", "true"), ("ID_KEY", "email")]
    {
        let plan = TestApp::builder(engine).with(&format!("SOCIAL_AUTH_{setting}"), value);
        // Facebook verifies no address.
        let app = plan.with("SOCIAL_AUTH_ID_KEY_ACCEPTS_UNVERIFIED_EMAIL", "true").start().await;
        login_at(&app, "facebook", "u1").await.ok();
        let stored: Value = serde_json::from_str(&app.database.text(extra).await).expect("JSON");
        let uid = app.database.text("SELECT uid FROM social_accounts").await;
        let address = json!("user1@example.com");
        match setting {
            "EXTRA_DATA" => assert_eq!(stored["mail"], address),
            "GET_ALL_EXTRA_DATA" => assert_eq!((&stored["email"], &stored["last_name"]), (&address, &json!("Last1"))),
            _ => assert_eq!(uid, "user1@example.com"),
        }
    }
}

async fn sec_40_renamed_tokens_are_not_stored_or_shown(engine: Engine) {
    let extra = r#"[["access_token", "at"], ["refresh_token", "rt"], ["id_token", "idt"]]"#;
    let fields = r#"{"plan": {"from": "profile.access_token"}, "all": {"from": "profile | tojson"}}"#;
    let plan =
        TestApp::builder(engine).oidc().with("SOCIAL_AUTH_EXTRA_DATA", extra).with("REST_SOCIAL_USER_FIELDS", fields);
    let app = plan.start().await;
    for (provider, secret) in [("github", "gho_"), ("google-oauth2", "ya29."), ("facebook", "fb-u"), ("oidc", "eyJ")] {
        let login = login_at(&app, provider, "u1").await;
        let authorization = format!("Token {}", login.field("token"));
        for path in ["/api/user/social/", "/api/user/", "/api/user/export/"] {
            let shown = app.client().get(path).header("authorization", &authorization).send().await;
            assert!(shown.status == 200 && !shown.text.contains(secret), "{provider} {path}: {}", shown.text);
        }
        let stored = format!("SELECT count(*) FROM social_accounts WHERE cast(extra_data AS text) LIKE '%{secret}%'");
        assert_eq!(app.database.number(&stored).await, 0, "{provider}");
    }
}

async fn declared_fields_are_in_every_answer_with_user_data(engine: Engine) {
    let fields = r#"{"locale": {"from": "profile.locale"}}"#;
    let plan = TestApp::builder(engine).with("REST_SOCIAL_USER_FIELDS", fields);
    let app = plan.with("SIMPLE_JWT_USER_ID_CLAIM", "sub").start().await;
    for (n, kind) in ["session", "token_user", "knox_user", "jwt-pair-user", "jwt-sliding-user"].into_iter().enumerate()
    {
        let mut ana = github_profile(1, "ana", "a@b.example");
        ana["locale"] = json!("de");
        let code = format!("u{}", n + 1);
        app.fake_users.set_profile("github", &code, ana);
        let answer = app.login(kind, &code).await;
        assert_eq!(answer.ok()["locale"], "de", "{kind}");
        if kind.starts_with("jwt") {
            let claims = claims(&answer.field("token"));
            let user_claims = (&claims["sub"], &claims["locale"], &claims["username"], claims.get("user_id"));
            assert_eq!(user_claims, (&json!("1"), &json!("de"), &json!("ana"), None), "{kind}");
            app.client().user(&format!("Bearer {}", answer.field("token"))).await.ok();
        }
    }
}

async fn export_contains_private_extra_data_without_tokens(engine: Engine) {
    let app = TestApp::start(engine).await;
    let authorization = format!("Token {}", app.token("token", "u1").await);
    app.database.run(r#"UPDATE social_accounts SET extra_data = '{"_raw": 1, "plan": {"token": "t", "_x": 2}}'"#).await;
    let get = async |path: &str| app.client().get(path).header("authorization", &authorization).send().await.ok();
    assert_eq!(get("/api/user/social/").await[0]["extra_data"], json!({"plan": {}}));
    let export = get("/api/user/export/").await;
    assert_eq!(export["social_accounts"][0]["extra_data"], json!({"_raw": 1, "plan": {"_x": 2}}));
    assert_eq!(export["user"]["is_active"], true);
}
