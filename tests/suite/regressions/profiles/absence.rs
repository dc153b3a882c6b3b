//! Fields that a profile does not contain stay unchanged; an empty value clears a field.

use serde_json::{Value, json};

use crate::support::fake_users::ISSUER;
use crate::support::{Engine, TestApp, on_both_databases};

on_both_databases! {
    fault_c01_missing_names_stay_unchanged,
    fault_c01_null_claims_of_openid_connect_are_missing,
    fault_c01_missing_extra_data_stays_unchanged,
    fault_c01_missing_declared_fields_stay_unchanged,
    fault_c01_missing_picture_stays_unchanged,
    fault_c02_id_token_without_profile_claims_keeps_the_profile,
}

/// Signs in one Google account whose profile has these additional fields.
async fn google(app: &TestApp, n: usize, more: &Value) -> Value {
    let code = format!("u{n}");
    let mut profile = json!({"sub": "77"});
    let members = profile.as_object_mut().expect("an object");
    members.extend(more.as_object().cloned().unwrap_or_default());
    app.fake_users.set_profile("google-oauth2", &code, profile);
    app.client().login("token_user/google-oauth2", json!({"code": code})).await.ok()
}

async fn extra_data(app: &TestApp, user: &Value) -> Value {
    let authorization = format!("Token {}", user["token"].as_str().unwrap_or_default());
    let accounts = app.client().get("/api/user/social/").header("authorization", &authorization).send().await.ok();
    accounts[0]["extra_data"].clone()
}

async fn fault_c01_missing_names_stay_unchanged(engine: Engine) {
    let app = TestApp::start(engine).await;
    for (n, (profile, first, last)) in [
        (json!({"given_name": "Nell", "family_name": "Varga", "name": "Nell Varga"}), "Nell", "Varga"),
        (json!({}), "Nell", "Varga"),
        (json!({"picture": "https://p.example/1"}), "Nell", "Varga"),
        (json!({"given_name": "Nelly"}), "Nelly", "Varga"),
        (json!({"family_name": "Vargas"}), "Nelly", "Vargas"),
        (json!({"name": "Nell Varga", "given_name": "Nell"}), "Nell", "Vargas"),
        (json!({"family_name": ""}), "Nell", ""),
        (json!({"name": "Nell Varga"}), "Nell", "Varga"),
        (json!({"given_name": null}), "", "Varga"),
        (json!({"name": ""}), "", ""),
    ]
    .into_iter()
    .enumerate()
    {
        let user = google(&app, n + 1, &profile).await;
        assert_eq!((&user["first_name"], &user["last_name"]), (&json!(first), &json!(last)), "{profile}");
    }
    assert_eq!(app.database.count("users").await, 1);
}

/// OpenID Connect Core, 5.3.2: a claim that is not returned is left out, not null.
async fn fault_c01_null_claims_of_openid_connect_are_missing(engine: Engine) {
    let app = TestApp::builder(engine).oidc().start().await;
    let names = json!({"given_name": "Nell", "family_name": "Varga", "name": "Nell Varga"});
    let nothing = json!({"given_name": null, "family_name": null, "name": null});
    for (code, profile) in [("u1", names), ("u2", nothing)] {
        let mut profile = profile;
        profile["sub"] = json!("77");
        app.fake_users.set_profile("oidc", code, profile);
        let user = app.client().login("token_user/oidc", json!({"code": code})).await.ok();
        assert_eq!((&user["first_name"], &user["last_name"]), (&json!("Nell"), &json!("Varga")), "{code}");
    }
}

async fn fault_c01_missing_extra_data_stays_unchanged(engine: Engine) {
    let plan = TestApp::builder(engine).with("SOCIAL_AUTH_GOOGLE_OAUTH2_EXTRA_DATA", r#"["locale", ["hd", "firm"]]"#);
    let app = plan.start().await;
    for (n, (profile, locale, firm)) in [
        (json!({}), json!(null), json!(null)),
        (json!({"locale": "hu", "hd": "firm.example"}), json!("hu"), json!("firm.example")),
        (json!({}), json!("hu"), json!("firm.example")),
        (json!({"locale": ""}), json!(""), json!("firm.example")),
        (json!({"hd": null}), json!(""), json!(null)),
    ]
    .into_iter()
    .enumerate()
    {
        let user = google(&app, n + 1, &profile).await;
        let stored = extra_data(&app, &user).await;
        assert_eq!((stored.get("locale"), stored.get("firm")), (Some(&locale), Some(&firm)), "{profile}");
        assert_eq!(stored["sub"], "77");
    }
}

async fn fault_c01_missing_declared_fields_stay_unchanged(engine: Engine) {
    let fields = r#"{"locale": {"from": "profile.locale"}, "page": {"type": "url", "from": "profile.profile"}}"#;
    let app = TestApp::builder(engine).with("REST_SOCIAL_USER_FIELDS", fields).start().await;
    for (n, (profile, locale, page)) in [
        (json!({"locale": "hu", "profile": "https://n.example/"}), json!("hu"), json!("https://n.example/")),
        (json!({}), json!("hu"), json!("https://n.example/")),
        (json!({"locale": "", "profile": 5}), json!(null), json!("https://n.example/")),
        (json!({"locale": "de", "profile": ""}), json!("de"), json!(null)),
        (json!({"locale": null}), json!("de"), json!(null)),
    ]
    .into_iter()
    .enumerate()
    {
        let user = google(&app, n + 1, &profile).await;
        assert_eq!((&user["locale"], &user["page"]), (&locale, &page), "{profile}");
    }
}

async fn fault_c01_missing_picture_stays_unchanged(engine: Engine) {
    let pipeline = "social_details,social_uid,auth_allowed,social_user,get_username,create_user,associate_user,\
                    load_extra_data,user_details,save_avatar";
    let app = TestApp::builder(engine).with("SOCIAL_AUTH_PIPELINE", pipeline).start().await;
    for (n, (profile, picture)) in [
        (json!({"picture": "https://p.example/1"}), json!("https://p.example/1")),
        (json!({}), json!("https://p.example/1")),
        (json!({"picture": ""}), json!(null)),
        (json!({"picture": "https://p.example/2"}), json!("https://p.example/2")),
        (json!({"picture": null}), json!(null)),
    ]
    .into_iter()
    .enumerate()
    {
        let user = google(&app, n + 1, &profile).await;
        assert_eq!(extra_data(&app, &user).await["picture"], picture, "{profile}");
    }
}

async fn fault_c02_id_token_without_profile_claims_keeps_the_profile(engine: Engine) {
    let plan = TestApp::builder(engine).oidc().with("SOCIAL_AUTH_OIDC_EXTRA_DATA", r#"["locale"]"#);
    let app = plan.start().await;
    let profile = json!({"sub": "7", "preferred_username": "nell", "given_name": "Nell", "family_name": "Varga",
        "email": "nell@example.com", "email_verified": true, "locale": "hu"});
    app.fake_users.set_profile("oidc", "u7", profile);
    let first = app.client().login("token_user/oidc", json!({"code": "u7"})).await.ok();
    let names = |user: &Value| (user["first_name"].clone(), user["last_name"].clone(), user["email"].clone());
    let known = (json!("Nell"), json!("Varga"), json!("nell@example.com"));
    assert_eq!(names(&first), known);
    let now = app.clock.now().seconds();
    let claims = json!({"iss": ISSUER, "aud": crate::support::fake_users::CLIENT_ID, "sub": first_subject(&app, &first).await,
        "iat": now, "exp": now + 600});
    let id_token = crate::support::signer::signed(&claims);
    let second = app.client().login("token_user/oidc", json!({"id_token": id_token})).await.ok();
    assert_eq!(names(&second), known);
    let stored = extra_data(&app, &second).await;
    assert_eq!((&stored["locale"], &stored["id"]), (&json!("hu"), &claims["sub"]));
    assert_eq!(app.database.count("users").await, 1);
}

async fn first_subject(app: &TestApp, user: &Value) -> Value {
    extra_data(app, user).await["id"].clone()
}
