//! Authorization requests: the begin route creates state, PKCE and nonce and binds them to one browser. The same browser gets
//! the same answer for a repeated code, and a code is sent to the provider once.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::fake_users::{self, CLIENT_ID, GITHUB_TOKEN, OIDC_TOKEN, TWITTER_ACCESS, TWITTER_REQUEST};
use crate::support::signer::challenge_of;
use crate::support::{
    Answer, Client, Engine, FRONTEND, Held, LOGIN_ROUTES, REDIRECT_URI, Reply, TestApp, on_both_databases,
};

on_both_databases! {
    begin_answers_the_authorization_url_state_and_flow_token,
    state_nonce_and_code_verifier_belong_to_one_request,
    any_of_the_nine_login_routes_completes_a_request,
    cookieless_client_completes_with_its_flow_token,
    state_that_is_no_text_counts_as_missing,
    one_browser_can_have_several_open_requests,
    pkce_challenge_of_the_front_end_requires_its_verifier,
    code_verifier_without_a_request_is_sent_to_the_token_endpoint,
    begin_validates_its_parameters,
    begin_accepts_next_on_listed_origins_only,
    scope_parameter_replaces_the_configured_scope,
    begin_with_a_credential_links_the_account_to_its_user,
    begin_works_with_oauth_1,
    repeated_code_gets_the_same_answer_for_thirty_seconds,
    repeated_code_gets_the_same_refusal,
    repeated_code_on_another_route_is_refused,
    twenty_concurrent_posts_of_one_browser_make_one_login,
    sec_06_one_of_twenty_concurrent_posts_without_state_succeeds,
    login_completes_although_the_client_disconnects,
}

/// Front-ends of DRSA post their whole state, such as `{"network": "github"}`. A login that was begun here still needs its own.
async fn state_that_is_no_text_counts_as_missing(engine: Engine) {
    let app = TestApp::start(engine).await;
    let odd = [json!({"network": "github"}), json!(["a", "b"]), json!(true)];
    for (number, value) in odd.iter().enumerate() {
        let body = json!({"code": format!("u{number}"), "state": value, "flow_token": value, "id_token": value, "nonce": value});
        app.client().login("token/github", body).await.ok();
        let browser = app.browser();
        let begun = browser.post("/api/login/social/begin/github/").json(&json!({})).send().await.ok();
        let body = json!({"code": format!("u1{number}"), "state": value});
        browser.login("token/github", body).await.problem(400, "state_mismatch");
        let flow = json!({"code": format!("u2{number}"), "state": begun["state"], "flow_token": value});
        app.client().login("token/github", flow).await.problem(400, "flow_mismatch");
    }
    let refused = app.client().login("token/github", json!({"code": "u9", "code_verifier": ["x"]})).await;
    assert!(refused.problem(400, "invalid_request")["errors"]["code_verifier"].is_array());
    let strict = TestApp::builder(engine).with("STATE_POLICY", "required").start().await;
    strict.client().login("token/github", json!({"code": "u1", "state": odd[0]})).await.problem(400, "state_mismatch");
}

async fn begin_answers_the_authorization_url_state_and_flow_token(engine: Engine) {
    let app = TestApp::builder(engine).oidc().start().await;
    let browser = app.browser();
    let answer = browser.post("/api/login/social/begin/oidc/").json(&json!({"next": "/inbox"})).send().await;
    let body = answer.ok();
    for (name, expected) in [("expires_in", json!(600)), ("next", json!("/inbox")), ("provider", json!("oidc"))] {
        assert_eq!(body[name], expected, "{body}");
    }
    let default_redirect_uri = format!("{}/", app.node.base);
    assert_eq!(body["redirect_uri"], default_redirect_uri.as_str());
    let cookie = answer.authorization_request_cookie();
    assert_eq!((cookie.attribute("HttpOnly"), cookie.attribute("SameSite")), (Some(""), Some("Lax")));
    assert_eq!(answer.header("cache-control"), Some("no-store"));

    let begun = app.begin(&browser, "oidc", json!({"redirect_uri": REDIRECT_URI})).await;
    assert_eq!(begun.url.as_str().split('?').next(), Some("https://id.example/authorize"));
    for (name, expected) in [
        ("response_type", "code"),
        ("client_id", CLIENT_ID),
        ("redirect_uri", REDIRECT_URI),
        ("state", &begun.state),
        ("scope", "openid profile email"),
        ("code_challenge_method", "S256"),
    ] {
        assert_eq!(begun.parameter(name), Some(expected), "{name} in {}", begun.url);
    }
    for name in ["nonce", "code_challenge"] {
        assert!(begun.parameter(name).is_some_and(|value| value.len() >= 43), "{name} in {}", begun.url);
    }
    assert!(begun.state.len() >= 22, "at least 128 bits: {}", begun.state);
    assert_eq!(app.database.count("authorization_requests").await, 2);
}

async fn state_nonce_and_code_verifier_belong_to_one_request(engine: Engine) {
    let app = TestApp::builder(engine).oidc().start().await;
    let browser = app.browser();
    let begun = app.begin(&browser, "oidc", json!({"redirect_uri": REDIRECT_URI})).await;
    let nonce = begun.parameter("nonce").expect("a nonce");
    let code = format!("u7~{nonce}");
    let answer = browser.login("token_user/oidc", json!({"code": code, "state": begun.state})).await;
    assert_eq!(answer.field("username"), "user7");
    let call = app.double.call_at(OIDC_TOKEN);
    assert_eq!(call.field("redirect_uri").as_deref(), Some(REDIRECT_URI));
    let verifier = call.field("code_verifier").expect("a verifier");
    assert_eq!(Some(challenge_of(&verifier).as_str()), begun.parameter("code_challenge"));
}

async fn any_of_the_nine_login_routes_completes_a_request(engine: Engine) {
    let app = TestApp::builder(engine).with("STATE_POLICY", "required").start().await;
    for (n, kind) in LOGIN_ROUTES.iter().enumerate() {
        let browser = app.browser();
        let begun = app.begin(&browser, "github", json!({})).await;
        let body = json!({"code": format!("u{}", n + 1), "state": begun.state});
        browser.login(&format!("{kind}/github"), body).await.ok();
    }
    assert_eq!(app.database.count("users").await, 9);
}

async fn cookieless_client_completes_with_its_flow_token(engine: Engine) {
    let app = TestApp::builder(engine).with("STATE_POLICY", "required").start().await;
    let client = app.client();
    let begun = app.begin(&client, "github", json!({})).await;
    let body = json!({"code": "u1", "state": begun.state, "flow_token": begun.flow_token});
    assert_eq!(client.login("token_user/github", body).await.field("username"), "user1");

    let begun = app.begin(&client, "github", json!({})).await;
    let without = json!({"code": "u2", "state": begun.state});
    client.login("token/github", without).await.problem(400, "flow_mismatch");
    let other_request = app.begin(&client, "github", json!({})).await;
    let mismatched = json!({"code": "u2", "state": begun.state, "flow_token": other_request.flow_token});
    client.login("token/github", mismatched).await.problem(400, "flow_mismatch");
    assert_eq!(app.double.calls_at(GITHUB_TOKEN).len(), 1);
}

async fn one_browser_can_have_several_open_requests(engine: Engine) {
    let app = TestApp::start(engine).await;
    let browser = app.browser();
    let first = app.begin(&browser, "github", json!({})).await;
    let second = app.begin(&browser, "facebook", json!({})).await;
    let third = app.begin(&browser, "github", json!({})).await;
    browser.login("token/facebook", json!({"code": "u2", "state": second.state})).await.ok();
    browser.login("token/github", json!({"code": "u3", "state": third.state})).await.ok();
    browser.login("token/github", json!({"code": "u1", "state": first.state})).await.ok();
    assert_eq!(app.database.count("users").await, 3);
}

async fn pkce_challenge_of_the_front_end_requires_its_verifier(engine: Engine) {
    let app = TestApp::builder(engine).oidc().start().await;
    let verifier = "the-front-ends-own-verifier-of-43-characters";
    let challenge = json!({"code_challenge": challenge_of(verifier), "code_challenge_method": "S256"});
    for provider in ["oidc", "github"] {
        let browser = app.browser();
        let begun = app.begin(&browser, provider, challenge.clone()).await;
        assert_eq!(begun.parameter("code_challenge"), Some(challenge_of(verifier).as_str()));
        assert_eq!(begun.parameter("code_challenge_method"), Some("S256"));
        let code = begun.parameter("nonce").map_or("u1".to_owned(), |nonce| format!("u1~{nonce}"));
        let route = format!("token/{provider}");
        let complete = |extra: Value| {
            let mut body = json!({"code": code, "state": begun.state});
            body.as_object_mut().expect("an object").extend(extra.as_object().cloned().unwrap_or_default());
            browser.login(&route, body)
        };
        app.double.clear_calls();
        complete(json!({})).await.problem(400, "flow_mismatch");
        complete(json!({"code_verifier": "x".repeat(43)})).await.problem(400, "flow_mismatch");
        complete(json!({"code_verifier": "short"})).await.problem(400, "invalid_request");
        assert!(app.double.calls().iter().all(|call| call.method == "GET"), "refused before the token call");
        complete(json!({"code_verifier": verifier})).await.ok();
        let token_calls: Vec<_> = app.double.calls().into_iter().filter(|call| call.method == "POST").collect();
        assert_eq!(token_calls.len(), 1);
        assert_eq!(token_calls[0].field("code_verifier").as_deref(), Some(verifier));
    }
}

async fn code_verifier_without_a_request_is_sent_to_the_token_endpoint(engine: Engine) {
    let app = TestApp::start(engine).await;
    let verifier = "a".repeat(64);
    app.client().login("token/github", json!({"code": "u1", "code_verifier": verifier})).await.ok();
    assert_eq!(app.double.call_at(GITHUB_TOKEN).field("code_verifier"), Some(verifier));
}

async fn begin_validates_its_parameters(engine: Engine) {
    let app = TestApp::start(engine).await;
    let challenge = challenge_of("v");
    for (provider, body, code) in [
        ("unknown", json!({}), "unknown_provider"),
        ("github", json!({"redirect_uri": "https://evil.example/cb"}), "redirect_uri_not_allowed"),
        ("github", json!({"code_challenge": challenge, "code_challenge_method": "plain"}), "invalid_request"),
        ("github", json!({"code_challenge": challenge}), "invalid_request"),
        ("github", json!({"code_challenge": "too short", "code_challenge_method": "S256"}), "invalid_request"),
        ("github", json!({"code_challenge_method": "S256"}), "invalid_request"),
        ("github", json!({"scope": {"a": 1}}), "invalid_request"),
        ("github", json!({"redirect_uri": 5}), "redirect_uri_not_allowed"),
        ("twitter", json!({"code_challenge": challenge, "code_challenge_method": "S256"}), "invalid_request"),
    ] {
        let status = if code == "unknown_provider" { 404 } else { 400 };
        let answer = app.client().post(&format!("/api/login/social/begin/{provider}/")).json(&body).send().await;
        answer.problem(status, code);
    }
    let not_an_object = app.client().post("/api/login/social/begin/github/").json(&json!([1])).send().await;
    assert_eq!(not_an_object.status, 400);
    assert_eq!(app.database.count("authorization_requests").await, 0);
    assert!(app.double.calls().is_empty());
}

async fn begin_accepts_next_on_listed_origins_only(engine: Engine) {
    let app = TestApp::start(engine).await;
    let begin = |next: String| {
        let client = app.client();
        async move { client.post("/api/login/social/begin/github/").json(&json!({"next": next})).send().await }
    };
    for next in ["/inbox?a=1#b", &format!("{FRONTEND}/inbox"), &format!("{}/x", app.node.base)] {
        assert_eq!(begin(next.to_owned()).await.field("next"), next);
    }
    for next in [
        "//evil.example",
        "https://evil.example/",
        "/\\evil.example",
        "\\\\evil.example",
        "javascript:alert(1)",
        "https://front.example.evil.example/",
        "https://front.example@evil.example/",
        "/a\nb",
        "inbox",
    ] {
        begin(next.to_owned()).await.problem(400, "invalid_request");
    }
}

async fn scope_parameter_replaces_the_configured_scope(engine: Engine) {
    let app = TestApp::builder(engine)
        .with("SOCIAL_AUTH_GITHUB_SCOPE", "read:user,user:email")
        .with("SOCIAL_AUTH_GITHUB_OPTIONAL_SCOPE", "repo,gist")
        .start()
        .await;
    let browser = app.browser();
    assert_eq!(app.begin(&browser, "github", json!({})).await.parameter("scope"), Some("read:user,user:email"));
    let begun = app.begin(&browser, "github", json!({"scope": ["repo", "gist"]})).await;
    assert_eq!(begun.parameter("scope"), Some("repo,gist"));
}

async fn begin_with_a_credential_links_the_account_to_its_user(engine: Engine) {
    let app = TestApp::start(engine).await;
    let token = app.token("token", "u1").await;
    let browser = app.browser();
    let begin = |authorization: String| {
        let request = browser.post("/api/login/social/begin/facebook/").json(&json!({}));
        request.header("authorization", authorization).send()
    };
    begin("Token 0123456789012345678901234567890123456789".to_owned()).await.problem(401, "invalid_token");
    let begun = begin(format!("Token {token}")).await.ok();
    // The credential is not needed again: the authorization request is bound to the user.
    let linked = browser.login("token_user/facebook", json!({"code": "u5", "state": begun["state"]})).await.ok();
    assert_eq!((&linked["username"], &linked["token"]), (&json!("user1"), &json!(token)));
    assert_eq!(app.database.count("users").await, 1);
    assert_eq!(app.database.count("social_accounts").await, 2);

    // Completed with the credential of another user: refused, nothing is linked.
    let begun = begin(format!("Token {token}")).await.ok();
    let other = app.token("token", "u2").await;
    let request = browser.post("/api/login/social/token/facebook/").header("authorization", format!("Token {other}"));
    let refused = request.json(&json!({"code": "u6", "state": begun["state"]})).send().await;
    refused.problem(400, "flow_mismatch");
    assert_eq!(app.database.count("social_accounts").await, 3);
}

async fn begin_works_with_oauth_1(engine: Engine) {
    let app = TestApp::builder(engine).with("STATE_POLICY", "required").start().await;
    let browser = app.browser();
    let begun = app.begin(&browser, "twitter", json!({"redirect_uri": REDIRECT_URI})).await;
    let token = begun.parameter("oauth_token").expect("a request token").to_owned();
    assert!(begun.url.as_str().starts_with("https://api.twitter.com/oauth/authenticate?"));
    let callback = fake_users::oauth1_field(&app.double.call_at(TWITTER_REQUEST), "oauth_callback");
    assert!(callback.is_some_and(|callback| callback.starts_with(REDIRECT_URI)));
    let body = json!({"oauth_token": token, "oauth_verifier": "u4", "state": begun.state});
    let answer = browser.login("token_user/twitter", body).await;
    assert_eq!(answer.field("username"), "bird4");
    assert_eq!(fake_users::oauth1_field(&app.double.call_at(TWITTER_ACCESS), "oauth_verifier").as_deref(), Some("u4"));
}

async fn repeated_code_gets_the_same_answer_for_thirty_seconds(engine: Engine) {
    let app = TestApp::start(engine).await;
    let browser = app.browser();
    let begun = app.begin(&browser, "github", json!({})).await;
    let body = json!({"code": "u1", "state": begun.state});
    let post = |client: &Client| {
        let (client, body) = (client.clone(), body.clone());
        async move { client.login("jwt-pair-user/github", body).await }
    };
    let first = post(&browser).await;
    first.ok();
    app.advance(Duration::from_secs(29));
    assert_eq!(post(&browser).await.text, first.text);
    let other_browser = app.browser();
    assert_eq!(post(&other_browser).await.status, 400);
    app.advance(Duration::from_secs(2));
    post(&browser).await.problem(400, "code_already_used");
    assert_eq!(app.double.calls_at(GITHUB_TOKEN).len(), 1);
    assert_eq!(app.database.count("refresh_tokens").await, 1);
}

async fn repeated_code_gets_the_same_refusal(engine: Engine) {
    let app = TestApp::start(engine).await;
    let browser = app.browser();
    let begun = app.begin(&browser, "github", json!({})).await;
    for _ in 0..2 {
        let body = json!({"code": "invalid", "state": begun.state});
        browser.login("token/github", body).await.problem(400, "invalid_code");
    }
    assert_eq!(app.double.calls_at(GITHUB_TOKEN).len(), 1);
}

async fn repeated_code_on_another_route_is_refused(engine: Engine) {
    let app = TestApp::start(engine).await;
    let browser = app.browser();
    let begun = app.begin(&browser, "github", json!({})).await;
    let body = json!({"code": "u1", "state": begun.state});
    browser.login("token/github", body.clone()).await.ok();
    browser.login("knox/github", body).await.problem(400, "code_already_used");
    assert_eq!(app.database.count("knox_tokens").await, 0);
}

async fn twenty_concurrent_posts_of_one_browser_make_one_login(engine: Engine) {
    let app = TestApp::start(engine).await;
    app.double.on(GITHUB_TOKEN, |call| slow_token(&call.field("code").unwrap_or_default()));
    let browser = app.browser();
    let begun = app.begin(&browser, "github", json!({})).await;
    let body = json!({"code": "u1", "state": begun.state});
    let answers = join_all((0..20).map(|_| browser.login("knox_user/github", body.clone()))).await;
    let first = answers[0].ok();
    for answer in &answers {
        assert_eq!(answer.ok(), first);
    }
    assert_one_login(&app).await;
    assert_eq!(app.database.count("knox_tokens").await, 1);
}

async fn sec_06_one_of_twenty_concurrent_posts_without_state_succeeds(engine: Engine) {
    let app = TestApp::start(engine).await;
    app.double.on(GITHUB_TOKEN, |call| slow_token(&call.field("code").unwrap_or_default()));
    let posts = (0..20).map(|_| {
        let client = app.client();
        async move { client.login("token/github", json!({"code": "u1"})).await }
    });
    let answers = join_all(posts).await;
    let (successful, refused): (Vec<&Answer>, Vec<&Answer>) = answers.iter().partition(|answer| answer.status == 200);
    assert_eq!(successful.len(), 1);
    for answer in refused {
        answer.problem(400, "code_already_used");
    }
    assert_one_login(&app).await;
}

async fn login_completes_although_the_client_disconnects(engine: Engine) {
    let app = TestApp::start(engine).await;
    let held = Arc::<Held>::default();
    let token = json!({"access_token": "gho_u1", "token_type": "bearer"});
    app.double.always(GITHUB_TOKEN, Reply::json(&token).held(&held));
    let browser = app.browser();
    let begun = app.begin(&browser, "github", json!({})).await;
    let body = json!({"code": "u1", "state": begun.state});
    let aborted = tokio::spawn({
        let (browser, body) = (browser.clone(), body.clone());
        async move { browser.login("token/github", body).await }
    });
    app.double.wait_for_call(GITHUB_TOKEN).await;
    aborted.abort();
    assert!(aborted.await.is_err(), "the client disconnected");
    held.release();
    browser.login("token/github", body).await.ok();
    assert_one_login(&app).await;
}

async fn assert_one_login(app: &TestApp) {
    assert_eq!(app.double.calls_at(GITHUB_TOKEN).len(), 1, "one token call");
    assert_eq!(app.database.count("users").await, 1, "one user");
    assert_eq!(app.database.count("social_accounts").await, 1, "one social account");
}

fn slow_token(code: &str) -> Reply {
    let body = json!({"access_token": format!("gho_{code}"), "token_type": "bearer"});
    Reply::json(&body).after(Duration::from_millis(400))
}
