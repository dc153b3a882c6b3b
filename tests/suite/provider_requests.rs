//! R-O2 and R-O1: requests to providers, and the two steps of OAuth 1.0a.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::support::fake_users::{
    CLIENT_ID, CLIENT_SECRET, FACEBOOK_ME, FACEBOOK_TOKEN, GITHUB_TOKEN, GITHUB_USER, GOOGLE_TOKEN, GOOGLE_USER,
    OIDC_TOKEN, TWITTER_ACCESS, TWITTER_REQUEST, TWITTER_USER, oauth1_field,
};
use crate::support::{Call, Engine, Reply, TestApp, on_both_databases};

on_both_databases! {
    r_o2_01_foreign_state_is_ignored,
    r_o2_03_token_request_has_the_form_that_drsa_sends,
    r_o2_04_facebook_token_request_is_a_get,
    r_o2_04_facebook_token_response_may_be_a_query_string,
    r_o2_05_profile_requests_are_those_of_drsa,
    r_o2_05_github_emails_are_read_when_the_profile_has_none,
    r_o2_06_user_agent_is_configurable,
    client_secret_basic_keeps_the_secret_out_of_the_form,
    provider_connections_are_reused,
    r_o1_01_first_step_returns_only_the_request_token,
    r_o1_02_first_step_ignores_other_fields,
    r_o1_03_and_06_every_request_is_signed_with_its_token_secret,
    r_o1_04_second_step_requires_token_and_verifier,
    r_o1_05_unknown_request_token_is_refused,
    r_o1_07_first_step_sets_the_authorization_request_cookie_and_no_session,
    r_o1_08_provider_failure_in_the_first_step_is_provider_error,
    r_o1_09_denied_consent_ends_the_login,
    r_o1_10_html_access_token_response_is_refused,
}

async fn r_o2_01_foreign_state_is_ignored(engine: Engine) {
    let app = TestApp::start(engine).await;
    // Some DRSA front-ends send the same state for every user.
    for (n, state) in ["STATE", "STATE", "", "x"].iter().enumerate() {
        let body = json!({"code": format!("u{n}"), "state": state});
        app.client().login("token/github", body).await.ok();
    }
}

async fn r_o2_03_token_request_has_the_form_that_drsa_sends(engine: Engine) {
    let app = TestApp::start(engine).await;
    let own = format!("{}/", app.node.base);
    for (provider, place) in [("github", GITHUB_TOKEN), ("google-oauth2", GOOGLE_TOKEN)] {
        app.client().login(&format!("token/{provider}"), json!({"code": "u1"})).await.ok();
        let call = app.double.call_at(place);
        let wanted = [
            ("grant_type", "authorization_code"),
            ("code", "u1"),
            ("redirect_uri", own.as_str()),
            ("client_id", CLIENT_ID),
            ("client_secret", CLIENT_SECRET),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(call.form(), wanted, "{provider}, in this order");
        assert_eq!(call.header("accept"), Some("application/json"));
        assert!(call.query.is_empty() && call.header("authorization").is_none());
    }
}

async fn r_o2_04_facebook_token_request_is_a_get(engine: Engine) {
    let app = TestApp::start(engine).await;
    app.client().login("token/facebook", json!({"code": "u1"})).await.ok();
    let call = app.double.call_at(FACEBOOK_TOKEN);
    let names: Vec<&str> = call.query.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["client_id", "redirect_uri", "client_secret", "code"]);
    assert!(call.body.is_empty());

    let app = TestApp::builder(engine).with("SOCIAL_AUTH_FACEBOOK_API_VERSION", "25.1").start().await;
    app.client().login("token/facebook", json!({"code": "u1"})).await.problem(502, "provider_error");
    assert_eq!(app.double.calls_at("GET graph.facebook.com/v25.1/oauth/access_token").len(), 1);
}

async fn r_o2_04_facebook_token_response_may_be_a_query_string(engine: Engine) {
    let app = TestApp::start(engine).await;
    app.double.always(FACEBOOK_TOKEN, Reply::of(200, "text/plain", "access_token=fb-u1&expires=5183944"));
    app.client().login("token/facebook", json!({"code": "u1"})).await.ok();
}

async fn r_o2_05_profile_requests_are_those_of_drsa(engine: Engine) {
    let plan =
        TestApp::builder(engine).with("SOCIAL_AUTH_FACEBOOK_PROFILE_EXTRA_PARAMS", r#"{"fields": "id,name,email"}"#);
    let app = plan.start().await;
    for provider in ["facebook", "google-oauth2", "github"] {
        app.client().login(&format!("token/{provider}"), json!({"code": "u1"})).await.ok();
    }
    let me = app.double.call_at(FACEBOOK_ME);
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, CLIENT_SECRET.as_bytes());
    let proof = data_encoding::HEXLOWER.encode(aws_lc_rs::hmac::sign(&key, b"fb-u1").as_ref());
    assert_eq!(me.field("access_token").as_deref(), Some("fb-u1"));
    assert_eq!(me.field("appsecret_proof"), Some(proof));
    assert_eq!(me.field("fields").as_deref(), Some("id,name,email"));
    assert_eq!(app.double.call_at(GOOGLE_USER).header("authorization"), Some("Bearer ya29.u1"));
    assert_eq!(app.double.call_at(GITHUB_USER).header("authorization"), Some("token gho_u1"));
    assert!(app.double.calls_at("GET api.github.com/user/emails").is_empty(), "the profile has an address");
}

async fn r_o2_05_github_emails_are_read_when_the_profile_has_none(engine: Engine) {
    const EMAILS: &str = "GET api.github.com/user/emails";
    let app = TestApp::start(engine).await;
    for code in ["u1", "u2"] {
        let id: i64 = code[1..].parse().expect("a number");
        app.fake_users.set_profile("github", code, json!({"id": id, "login": code, "name": "A B", "email": null}));
    }
    let list =
        json!([{"email": "second@example.com", "primary": false}, {"email": "first@example.com", "primary": true}]);
    app.double.always(EMAILS, Reply::json(&list));
    assert_eq!(app.login("session", "u1").await.field("email"), "first@example.com");
    assert_eq!(app.double.call_at(EMAILS).header("authorization"), Some("token gho_u1"));

    app.double.always(EMAILS, Reply::json_at(404, &json!({"message": "Not Found"})));
    assert_eq!(app.login("session", "u2").await.field("email"), "", "an error of that request is ignored");

    // So is an answer of another shape.
    for (n, odd) in [json!({"message": "Not here"}), json!("x"), json!(5), json!([{"email": ["x"], "primary": true}])]
        .iter()
        .enumerate()
    {
        app.double.always(EMAILS, Reply::json(odd));
        let code = format!("u{}", 10 + n);
        app.fake_users.set_profile("github", &code, json!({"id": 10 + n, "login": code, "email": null}));
        assert_eq!(app.login("session", &code).await.field("email"), "", "{odd}");
    }

    let app = TestApp::builder(engine).with("SOCIAL_AUTH_GITHUB_SCOPE", "user:email").start().await;
    app.double.always(EMAILS, Reply::json(&list));
    assert_eq!(app.login("session", "u3").await.field("email"), "first@example.com", "the scope requests it");
}

async fn r_o2_06_user_agent_is_configurable(engine: Engine) {
    let app = TestApp::builder(engine).with("SOCIAL_AUTH_USER_AGENT", "our-front/1.0").start().await;
    app.login("token", "u1").await.ok();
    for call in app.double.calls() {
        assert_eq!(call.header("user-agent"), Some("our-front/1.0"), "{}", call.endpoint());
    }
}

async fn client_secret_basic_keeps_the_secret_out_of_the_form(engine: Engine) {
    let app = TestApp::builder(engine).oidc().start().await;
    app.client().login("token/oidc", json!({"code": "u1"})).await.ok();
    let call = app.double.call_at(OIDC_TOKEN);
    let names: Vec<String> = call.form().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["grant_type", "code", "redirect_uri"]);
    let basic = format!("Basic {}", STANDARD.encode(format!("{CLIENT_ID}:{CLIENT_SECRET}")));
    assert_eq!(call.header("authorization"), Some(basic.as_str()));
}

async fn provider_connections_are_reused(engine: Engine) {
    let app = TestApp::start(engine).await;
    for n in 0..10 {
        app.login("token", &format!("u{n}")).await.ok();
    }
    assert_eq!(app.double.calls().len(), 20);
    assert!(app.double.connections() <= 3, "{} for ten logins at two hosts", app.double.connections());
}

async fn r_o1_01_first_step_returns_only_the_request_token(engine: Engine) {
    let app = TestApp::start(engine).await;
    for kind in ["session", "token", "jwt-pair-user", "jwt-sliding", "knox"] {
        let answer = app.client().login(kind, json!({"provider": "twitter"})).await;
        let body = answer.ok();
        let token = body["oauth_token"].as_str().expect("a token").to_owned();
        let wanted = json!({"oauth_token": token, "oauth_callback_confirmed": "true"});
        assert_eq!(body, wanted, "{kind}");
        let secret = app.fake_users.request_token_secret(&token).expect("a token of the provider");
        assert!(!answer.headers_and_body().contains(&secret), "the token secret is not sent (SEC-12)");
    }
}

async fn r_o1_02_first_step_ignores_other_fields(engine: Engine) {
    let app = TestApp::start(engine).await;
    for body in [json!({}), json!({"code": "x"}), json!({"oauth_token": ""}), json!({"oauth_verifier": "u1"})] {
        assert_eq!(app.client().login("token/twitter", body).await.keys()[0], "oauth_token");
    }
}

async fn r_o1_03_and_06_every_request_is_signed_with_its_token_secret(engine: Engine) {
    let app = TestApp::start(engine).await;
    let browser = app.browser();
    let token = browser.login("token_user/twitter", json!({})).await.field("oauth_token");
    let body = json!({"oauth_token": token, "oauth_verifier": "u4", "oauth_token_secret": "forged"});
    let user = browser.login("token_user/twitter", body).await;
    assert_eq!(user.field("username"), "bird4");
    let request_secret = app.fake_users.request_token_secret(&token).expect("a token of the provider");

    let first = app.double.call_at(TWITTER_REQUEST);
    assert_eq!(oauth1_field(&first, "oauth_signature"), Some(signature(&first, "")));
    let second = app.double.call_at(TWITTER_ACCESS);
    assert_eq!(oauth1_field(&second, "oauth_token"), Some(token));
    assert_eq!(oauth1_field(&second, "oauth_verifier").as_deref(), Some("u4"));
    assert_eq!(oauth1_field(&second, "oauth_signature"), Some(signature(&second, &request_secret)));
    let third = app.double.call_at(TWITTER_USER);
    assert_eq!(third.field("include_email").as_deref(), Some("true"));
    assert_eq!(oauth1_field(&third, "oauth_signature"), Some(signature(&third, "tws-u4")));
}

/// The HMAC-SHA1 signature of a request (RFC 5849, section 3.4), computed independently of the server.
pub fn signature(call: &Call, token_secret: &str) -> String {
    let escaped = |text: &str| {
        let keep = percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
        let keep = Box::leak(Box::new(keep));
        percent_encoding::utf8_percent_encode(text, keep).to_string()
    };
    let header = call.header("authorization").and_then(|value| value.strip_prefix("OAuth ")).expect("an OAuth header");
    let in_header = header.split(',').filter_map(|pair| pair.trim().split_once('=')).map(|(name, value)| {
        let value = percent_encoding::percent_decode_str(value.trim_matches('"')).decode_utf8_lossy();
        (escaped(name), escaped(&value))
    });
    let elsewhere =
        call.query.iter().cloned().chain(call.form()).map(|(name, value)| (escaped(&name), escaped(&value)));
    let all: BTreeSet<(String, String)> =
        in_header.filter(|(name, _)| name != "oauth_signature" && name != "realm").chain(elsewhere).collect();
    let joined: Vec<String> = all.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    let place = format!("https://{}{}", call.host, call.path);
    let base = format!("{}&{}&{}", call.method, escaped(&place), escaped(&joined.join("&")));
    let key = format!("{}&{}", escaped(CLIENT_SECRET), escaped(token_secret));
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key.as_bytes());
    STANDARD.encode(aws_lc_rs::hmac::sign(&key, base.as_bytes()))
}

async fn r_o1_04_second_step_requires_token_and_verifier(engine: Engine) {
    let app = TestApp::start(engine).await;
    let token = app.client().login("token/twitter", json!({})).await.field("oauth_token");
    let answer = app.client().login("token/twitter", json!({"oauth_token": token})).await;
    assert_eq!(
        answer.problem(400, "invalid_request")["errors"],
        json!({"oauth_verifier": ["This field is required."]})
    );
    let user = app.client().login("session/twitter", json!({"oauth_token": token, "oauth_verifier": "u6"})).await;
    assert_eq!(user.keys(), ["id", "username", "first_name", "last_name", "email"]);
}

async fn r_o1_05_unknown_request_token_is_refused(engine: Engine) {
    let app = TestApp::start(engine).await;
    let body = json!({"oauth_token": "rt-forged", "oauth_verifier": "u1"});
    app.client().login("token/twitter", body).await.problem(400, "state_mismatch");
    assert!(app.double.calls().is_empty());
}

async fn r_o1_07_first_step_sets_the_authorization_request_cookie_and_no_session(engine: Engine) {
    let app = TestApp::start(engine).await;
    for kind in ["session", "token"] {
        let answer = app.client().login(&format!("{kind}/twitter"), json!({})).await;
        let cookies = answer.set_cookies();
        assert_eq!(cookies.len(), 1, "{}", answer.headers_and_body());
        assert!(cookies[0].value.starts_with("rsab_"));
    }
    assert_eq!(app.database.count("sessions").await, 0);
}

async fn r_o1_08_provider_failure_in_the_first_step_is_provider_error(engine: Engine) {
    let app = TestApp::start(engine).await;
    for reply in [
        Reply::of(400, "text/plain", "no"),
        Reply::of(401, "text/plain", "no"),
        Reply::of(403, "text/plain", "no"),
        Reply::of(500, "text/html", "<h1>no</h1>"),
        Reply::of(200, "text/html", "<html></html>"),
        Reply::Reset,
    ] {
        app.double.always(TWITTER_REQUEST, reply.clone());
        let answer = app.client().login("token/twitter", json!({})).await;
        answer.problem(502, "provider_error");
    }
    assert_eq!(app.database.count("authorization_requests").await, 0);
}

async fn r_o1_09_denied_consent_ends_the_login(engine: Engine) {
    let app = TestApp::start(engine).await;
    let browser = app.browser();
    let token = browser.login("token/twitter", json!({})).await.field("oauth_token");
    app.double.clear_calls();
    browser.login("token/twitter", json!({"denied": token})).await.problem(400, "access_denied");
    // The request token is consumed: the login cannot complete any more.
    let late = json!({"oauth_token": token, "oauth_verifier": "u1"});
    browser.login("token/twitter", late).await.problem(400, "state_mismatch");
    assert!(app.double.calls().is_empty());
}

async fn r_o1_10_html_access_token_response_is_refused(engine: Engine) {
    let app = TestApp::start(engine).await;
    app.double.always(TWITTER_ACCESS, Reply::of(200, "text/html", "<html><body>oauth_token</body></html>"));
    let browser = app.browser();
    let token = browser.login("token/twitter", json!({})).await.field("oauth_token");
    let body = json!({"oauth_token": token, "oauth_verifier": "u1"});
    browser.login("token/twitter", body).await.problem(502, "provider_error");
    assert_eq!(app.database.count("users").await, 0);
}
