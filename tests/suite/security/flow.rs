//! SEC-1 to SEC-7: an authorization request completes once, before it expires, at its provider and in its browser.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::fake_users::OIDC_TOKEN;
use crate::support::{Client, Engine, FRONTEND, REDIRECT_URI, TestApp, on_both_databases};

on_both_databases! {
    sec_01_state_is_valid_once_before_expiry_at_its_provider,
    sec_01_states_are_random_and_stored_as_digests,
    sec_02_required_policy_refuses_a_code_without_state,
    sec_02_when_present_policy_enforces_a_begun_login,
    sec_02_off_policy_accepts_drsa_front_ends,
    sec_02_cross_origin_form_post_is_refused_under_every_policy,
    sec_03_pkce_cannot_be_downgraded,
    sec_03_unneeded_code_verifier_of_oauth_1_is_ignored,
    sec_04_code_of_another_flow_is_refused,
    sec_05_callback_of_another_provider_is_refused,
    sec_06_code_is_sent_to_the_provider_once,
    sec_07_error_response_consumes_the_state,
}

async fn finish(who: &Client, provider: &str, body: Value) -> crate::support::Answer {
    who.login(&format!("token/{provider}"), body).await
}

async fn assert_no_login_happened(app: &TestApp) {
    assert!(app.double.calls().is_empty(), "no request reached a provider");
    assert_eq!((app.database.count("users").await, app.database.count("social_accounts").await), (0, 0));
}

async fn sec_01_state_is_valid_once_before_expiry_at_its_provider(engine: Engine) {
    for policy in ["when_present", "required"] {
        let app = TestApp::builder(engine).with("STATE_POLICY", policy).start().await;
        let browser = app.browser();
        let begun = app.begin(&browser, "github", json!({"redirect_uri": REDIRECT_URI})).await;
        let body = json!({"code": "u1", "state": begun.state});
        let with = |name: &str, value: &str| {
            let mut body = body.clone();
            body[name] = value.into();
            body
        };
        finish(&app.client(), "github", body.clone()).await.problem(400, "flow_mismatch");
        let other = app.browser();
        app.begin(&other, "facebook", json!({})).await;
        finish(&other, "github", body.clone()).await.problem(400, "flow_mismatch");
        finish(&app.client(), "github", with("flow_token", "rsaf_forged")).await.problem(400, "flow_mismatch");
        finish(&browser, "facebook", body.clone()).await.problem(400, "state_mismatch");
        let elsewhere = with("redirect_uri", &format!("{}/", app.node.base));
        finish(&browser, "github", elsewhere).await.problem(400, "state_mismatch");
        assert_no_login_happened(&app).await;

        finish(&browser, "github", body.clone()).await.ok();
        app.double.clear_calls();
        let replay = with("code", "u2");
        finish(&browser, "github", replay).await.problem(400, "state_mismatch");
        assert!(app.double.calls().is_empty());

        let begun = app.begin(&browser, "github", json!({})).await;
        app.advance(Duration::from_secs(600));
        let late = json!({"code": "u3", "state": begun.state});
        finish(&browser, "github", late).await.problem(400, "state_expired");
        assert!(app.double.calls().is_empty());
        assert_eq!(app.database.count("users").await, 1);
    }
}

async fn sec_01_states_are_random_and_stored_as_digests(engine: Engine) {
    let app = TestApp::builder(engine).oidc().start().await;
    let browser = app.browser();
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..5 {
        let begun = app.begin(&browser, "oidc", json!({})).await;
        let mut values = vec![begun.state.clone(), begun.flow_token.clone()];
        values.extend(["nonce", "code_challenge"].map(|name| begun.parameter(name).expect("a value").to_owned()));
        for value in values {
            assert!(value.len() >= 43, "256 bits: {value}");
            assert!(seen.insert(value.clone()), "{value} came twice");
            for stored in app.database.dump().await {
                let found = stored.bytes.windows(value.len()).any(|window| window == value.as_bytes());
                assert!(!found || value == begun.parameter("code_challenge").unwrap_or_default(), "{}", stored.column);
            }
        }
    }
}

async fn sec_02_required_policy_refuses_a_code_without_state(engine: Engine) {
    let app = TestApp::builder(engine).with("STATE_POLICY", "required").start().await;
    let victim = app.browser();
    // The attacker's own code, posted from the victim's page.
    for body in [json!({"code": "u1"}), json!({"code": "u1", "state": "forged"}), json!({"code": "u1", "state": ""})] {
        for kind in ["session", "token", "jwt-pair", "knox"] {
            let post = victim.post(&format!("/api/login/social/{kind}/github/")).header("origin", FRONTEND);
            post.json(&body).send().await.problem(400, "state_mismatch");
        }
    }
    assert!(victim.cookie("sessionid").is_none());
    assert_no_login_happened(&app).await;
}

async fn sec_02_when_present_policy_enforces_a_begun_login(engine: Engine) {
    let app = TestApp::start(engine).await;
    let browser = app.browser();
    let begun = app.begin(&browser, "github", json!({})).await;
    // Without cookie and flow token.
    finish(&app.client(), "github", json!({"code": "u1", "state": begun.state})).await.problem(400, "flow_mismatch");
    // The state is missing although the cookie belongs to an authorization request.
    finish(&browser, "github", json!({"code": "u1"})).await.problem(400, "state_mismatch");
    finish(&browser, "github", json!({"code": "u1", "state": "another"})).await.problem(400, "state_mismatch");
    let flow = json!({"code": "u1", "flow_token": begun.flow_token});
    finish(&app.client(), "github", flow).await.problem(400, "state_mismatch");
    assert_no_login_happened(&app).await;

    // A login at another provider with only a code is not affected.
    finish(&browser, "facebook", json!({"code": "u2"})).await.ok();
    // Nor is a login after the authorization request has expired.
    app.advance(Duration::from_secs(600));
    finish(&browser, "github", json!({"code": "u1"})).await.ok();
}

async fn sec_02_off_policy_accepts_drsa_front_ends(engine: Engine) {
    let app = TestApp::builder(engine).with("STATE_POLICY", "off").start().await;
    let browser = app.browser();
    let begun = app.begin(&browser, "github", json!({})).await;
    finish(&browser, "github", json!({"code": "u1"})).await.ok();
    finish(&app.client(), "github", json!({"code": "u2", "state": begun.state})).await.ok();
}

async fn sec_02_cross_origin_form_post_is_refused_under_every_policy(engine: Engine) {
    for policy in ["when_present", "required", "off"] {
        let app = TestApp::builder(engine).with("STATE_POLICY", policy).start().await;
        let evil = [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")];
        for headers in [&evil[..], &evil[..1], &evil[1..]] {
            let mut post = app.browser().post("/api/login/social/session/github/");
            for (name, value) in headers {
                post = post.header(name, value);
            }
            post.form(&[("code", "u1")]).send().await.problem(403, "csrf_failed");
        }
        assert_no_login_happened(&app).await;
    }
}

async fn sec_03_pkce_cannot_be_downgraded(engine: Engine) {
    let app = TestApp::builder(engine).oidc().start().await;
    let begin = |body: Value| {
        let client = app.client();
        async move { client.post("/api/login/social/begin/oidc/").json(&body).send().await }
    };
    let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
    begin(json!({"code_challenge": challenge, "code_challenge_method": "plain"})).await.problem(400, "invalid_request");
    begin(json!({"code_challenge": challenge})).await.problem(400, "invalid_request");

    // A verifier that the attacker posts does not replace the verifier of the server.
    let browser = app.browser();
    let begun = app.begin(&browser, "oidc", json!({})).await;
    let code = format!("u1~{}", begun.parameter("nonce").expect("a nonce"));
    let body = json!({"code": code, "state": begun.state, "code_verifier": "a".repeat(43)});
    browser.login("token/oidc", body).await.problem(400, "flow_mismatch");
    assert!(app.double.calls_at(OIDC_TOKEN).is_empty(), "refused before the token call");
    // The login is not used up: the front-end that began it has no verifier.
    browser.login("token/oidc", json!({"code": code, "state": begun.state})).await.ok();
}

async fn sec_03_unneeded_code_verifier_of_oauth_1_is_ignored(engine: Engine) {
    let app = TestApp::start(engine).await;
    let browser = app.browser();
    let verifier = "a".repeat(43);
    let first = browser.login("token/twitter", json!({"code_verifier": verifier})).await;
    let token = first.ok()["oauth_token"].clone();
    let body = json!({"oauth_token": token, "oauth_verifier": "u1", "code_verifier": verifier});
    browser.login("token/twitter", body).await.ok();
}

async fn sec_04_code_of_another_flow_is_refused(engine: Engine) {
    let app = TestApp::builder(engine).oidc().start().await;
    let (attacker, victim) = (app.browser(), app.browser());
    let attackers = app.begin(&attacker, "oidc", json!({})).await;
    let victims = app.begin(&victim, "oidc", json!({})).await;
    let code_of = |n: u8, nonce: Option<&str>| format!("u{n}~{}", nonce.expect("a nonce"));
    // The victim's flow with the attacker's code: the nonce belongs to another flow.
    let injected = json!({"code": code_of(6, attackers.parameter("nonce")), "state": victims.state});
    finish(&victim, "oidc", injected).await.problem(502, "provider_error");
    assert_eq!(app.database.count("users").await, 0);
    // A code whose ID token has no nonce is refused when the flow sent one.
    let victims = app.begin(&victim, "oidc", json!({})).await;
    finish(&victim, "oidc", json!({"code": "u6", "state": victims.state})).await.problem(502, "provider_error");
    assert_eq!(app.database.count("users").await, 0);
}

async fn sec_05_callback_of_another_provider_is_refused(engine: Engine) {
    let app = TestApp::builder(engine).oidc().start().await;
    let browser = app.browser();
    let begun = app.begin(&browser, "google-oauth2", json!({})).await;
    let body = json!({"code": "u1", "state": begun.state});
    finish(&browser, "github", body).await.problem(400, "state_mismatch");
    let begun = app.begin(&browser, "oidc", json!({})).await;
    let code = format!("u1~{}", begun.parameter("nonce").expect("a nonce"));
    app.double.clear_calls();
    let mixed = json!({"code": code, "state": begun.state, "iss": "https://evil.example"});
    finish(&browser, "oidc", mixed).await.problem(400, "state_mismatch");
    assert!(app.double.calls_at(OIDC_TOKEN).is_empty(), "the code was not sent");

    let begun = app.begin(&browser, "oidc", json!({})).await;
    let code = format!("u1~{}", begun.parameter("nonce").expect("a nonce"));
    let right = json!({"code": code, "state": begun.state, "iss": "https://id.example"});
    finish(&browser, "oidc", right).await.ok();
}

async fn sec_06_code_is_sent_to_the_provider_once(engine: Engine) {
    let app = TestApp::start(engine).await;
    finish(&app.client(), "github", json!({"code": "u1"})).await.ok();
    finish(&app.client(), "github", json!({"code": "u1"})).await.problem(400, "code_already_used");
    finish(&app.browser(), "github", json!({"code": "u1"})).await.problem(400, "code_already_used");
    app.advance(Duration::from_secs(599));
    finish(&app.client(), "github", json!({"code": "u1"})).await.problem(400, "code_already_used");
    let calls = app.double.calls_at(crate::support::fake_users::GITHUB_TOKEN);
    assert_eq!(calls.len(), 1);
    // The same code from another provider is another code.
    finish(&app.client(), "facebook", json!({"code": "u1"})).await.ok();
}

async fn sec_07_error_response_consumes_the_state(engine: Engine) {
    let app = TestApp::start(engine).await;
    let browser = app.browser();
    let begun = app.begin(&browser, "github", json!({})).await;
    let denied = json!({"error": "access_denied", "state": begun.state});
    finish(&browser, "github", denied).await.problem(400, "access_denied");
    finish(&browser, "github", json!({"code": "u1", "state": begun.state})).await.problem(400, "state_mismatch");
    assert_no_login_happened(&app).await;
    // An error response from another browser does not consume the state.
    let begun = app.begin(&browser, "github", json!({})).await;
    let denied = json!({"error": "access_denied", "state": begun.state});
    assert_eq!(finish(&app.client(), "github", denied).await.status, 400);
    finish(&browser, "github", json!({"code": "u1", "state": begun.state})).await.ok();
}
