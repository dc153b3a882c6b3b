//! Allow and deny lists of e-mail addresses, domains, organizations and providers, and a closed sign-up: each refuses with its
//! own code.

use serde_json::{Value, json};

use crate::support::{Answer, Engine, TestApp, on_both_databases};

on_both_databases! {
    r_pipe_03_allow_and_deny_lists_of_emails_and_domains,
    allow_and_deny_lists_of_organizations,
    denied_provider_is_refused_on_every_route,
    closed_sign_up_refuses_new_users_only,
    closed_sign_up_refuses_before_additional_input_is_asked_for,
    unknown_provider_in_a_list_is_a_setting_error,
}

async fn google(app: &TestApp, code: &str) -> Answer {
    app.client().login("token_user/google-oauth2", json!({"code": code})).await
}

fn google_profile(n: usize, email: &str, organization: Option<&str>) -> Value {
    json!({"sub": n.to_string(), "email": email, "email_verified": true, "hd": organization})
}

async fn r_pipe_03_allow_and_deny_lists_of_emails_and_domains(engine: Engine) {
    let plan = TestApp::builder(engine).with("SOCIAL_AUTH_WHITELISTED_DOMAINS", "good.example, Other.example");
    let plan = plan.with("ALLOW_LISTS_ACCEPT_UNVERIFIED_EMAIL", "true");
    let plan =
        plan.with("SOCIAL_AUTH_DENIED_EMAILS", "eva@good.example").with("SOCIAL_AUTH_DENIED_DOMAINS", "other.example");
    // The lists of one provider replace the general ones.
    let plan = plan.with("SOCIAL_AUTH_FACEBOOK_WHITELISTED_DOMAINS", "example.com");
    let app = plan.start().await;
    for (n, (email, is_allowed)) in [
        ("ana@GOOD.example", true),
        ("Eva@good.example", false),
        ("ana@sub.good.example", false),
        ("ana@other.example", false),
        ("ana@elsewhere.example", false),
        ("", false),
    ]
    .into_iter()
    .enumerate()
    {
        let code = format!("u{}", n + 1);
        app.fake_users.set_profile("google-oauth2", &code, google_profile(n + 1, email, None));
        let answer = google(&app, &code).await;
        if is_allowed {
            answer.ok();
        } else {
            answer.problem(403, "not_allowed");
        }
    }
    app.login("token", "u7").await.problem(403, "not_allowed");
    app.client().login("token/facebook", json!({"code": "u7"})).await.ok();
    assert_eq!(app.database.count("users").await, 2);
}

async fn allow_and_deny_lists_of_organizations(engine: Engine) {
    let plan =
        TestApp::builder(engine).with("SOCIAL_AUTH_GOOGLE_OAUTH2_ALLOWED_ORGANIZATIONS", "ACME.example, more.example");
    let app = plan.with("SOCIAL_AUTH_DENIED_ORGANIZATIONS", "more.example").start().await;
    for (n, (organization, is_allowed)) in
        [(Some("acme.example"), true), (Some("more.example"), false), (Some("evil.example"), false), (None, false)]
            .into_iter()
            .enumerate()
    {
        let code = format!("u{}", n + 1);
        app.fake_users.set_profile("google-oauth2", &code, google_profile(n + 1, "a@gmail.com", organization));
        let answer = google(&app, &code).await;
        if is_allowed {
            answer.ok();
        } else {
            answer.problem(403, "organization_not_allowed");
        }
    }
    // A user without an organization is not on the deny list.
    app.login("token", "u9").await.ok();
}

async fn denied_provider_is_refused_on_every_route(engine: Engine) {
    let app = TestApp::builder(engine).with("SOCIAL_AUTH_DENIED_PROVIDERS", "facebook").start().await;
    let owner = format!("Token {}", app.token("token", "u1").await);
    let post = |path: &str| app.client().post(path).json(&json!({"code": "u1"}));
    post("/api/login/social/token/facebook/").send().await.problem(403, "provider_not_allowed");
    post("/api/login/social/begin/facebook/").send().await.problem(403, "provider_not_allowed");
    let link = post("/api/login/social/token/facebook/").header("authorization", &owner);
    link.send().await.problem(403, "provider_not_allowed");
    let authorize = app.client().get("/api/login/social/authorize/facebook/").send().await;
    authorize.problem(403, "provider_not_allowed");
    let listed = app.client().get("/api/login/social/providers/").send().await.ok();
    let names = listed["providers"].as_array().expect("a list").iter().map(|provider| provider["name"].clone());
    assert_eq!(names.collect::<Vec<_>>(), ["github", "google-oauth2", "twitter"]);
    assert!(
        app.double.calls().iter().all(|call| !call.endpoint().contains("facebook")),
        "no call to the denied provider"
    );

    let app = TestApp::builder(engine).with("SOCIAL_AUTH_ALLOWED_PROVIDERS", "google-oauth2").start().await;
    app.login("token", "u1").await.problem(403, "provider_not_allowed");
    google(&app, "u1").await.ok();
}

async fn closed_sign_up_refuses_new_users_only(engine: Engine) {
    let closed = TestApp::builder(engine).with("SOCIAL_AUTH_SIGN_UP", "false").start().await;
    closed.login("token", "u1").await.problem(403, "sign_up_closed");
    assert_eq!((closed.database.count("users").await, closed.database.count("social_accounts").await), (0, 0));

    // Closed for one provider: existing users can still link an account of it and then sign in with it.
    let app = TestApp::builder(engine).with("SOCIAL_AUTH_FACEBOOK_SIGN_UP", "false").start().await;
    let owner = format!("Token {}", app.token("token", "u1").await);
    app.client().login("token/facebook", json!({"code": "u5"})).await.problem(403, "sign_up_closed");
    app.link("token/facebook", &owner, "u05").await.ok();
    app.client().login("token/facebook", json!({"code": "u005"})).await.ok();
    assert_eq!(app.database.count("users").await, 1);
}

async fn closed_sign_up_refuses_before_additional_input_is_asked_for(engine: Engine) {
    let pipeline = "social_details,social_uid,auth_allowed,social_user,get_username,require_email,create_user,associate_user,\
                    load_extra_data,user_details";
    let plan = TestApp::builder(engine).with("SOCIAL_AUTH_PIPELINE", pipeline).with("SOCIAL_AUTH_SIGN_UP", "0");
    let app = plan.start().await;
    app.fake_users.set_profile("github", "u1", json!({"id": 1, "login": "one"}));
    app.login("token", "u1").await.problem(403, "sign_up_closed");
    assert_eq!(app.database.count("pending_logins").await, 0);
}

async fn unknown_provider_in_a_list_is_a_setting_error(engine: Engine) {
    for setting in
        ["SOCIAL_AUTH_ALLOWED_PROVIDERS", "SOCIAL_AUTH_DENIED_PROVIDERS", "SOCIAL_AUTH_TRUSTED_EMAIL_PROVIDERS"]
    {
        let started = TestApp::builder(engine).with(setting, "githb").try_start().await;
        let errors = started.err().unwrap_or_default();
        let messages = errors.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(messages, [format!("{setting}: \"githb\" is not configured; did you mean github?")]);
    }
}
