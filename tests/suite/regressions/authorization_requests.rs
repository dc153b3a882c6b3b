//! Authorization requests and used codes: replay, forged input, authorization request cookies, wrapped and denied callbacks.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::fake_users::{CLIENT_ID, OIDC_TOKEN, TWITTER_ACCESS};
use crate::support::test_app::TestAppBuilder;
use crate::support::{Answer, Client, Engine, FRONTEND, REDIRECT_URI, Reply, TestApp, on_both_databases, signer};

on_both_databases! {
    fault_a9_forged_id_token_does_not_mark_the_token_as_used,
    fault_a9_rows_that_protect_a_login_are_never_evicted,
    fault_a9_own_state_is_recognized_without_its_row,
    fault_a16_used_id_token_is_stored_as_long_as_it_is_valid,
    fault_a24_other_callback_fields_do_not_make_a_code_new,
    fault_a25_begin_from_another_site_is_refused,
    fault_a25_forged_authorization_request_cookie_is_replaced,
    fault_a25_cross_site_form_does_not_replace_the_authorization_request_cookie,
    fault_a25_authorize_as_a_subresource_is_refused,
    fault_a25_cross_site_callback_has_its_own_cookie,
    fault_b1_callback_wrapped_in_payload_completes,
    fault_b2_denied_request_token_ends_the_login,
    fault_c3_invalid_optional_input_is_ignored,
    fault_d5_inconsistent_callback_is_refused_without_calling_the_provider,
    fault_d7_callback_with_only_a_state_is_access_denied,
    fault_a28_next_must_be_on_an_allowed_origin,
    fault_a28_authorize_link_cannot_widen_the_scope,
    fault_a28_empty_scope_means_the_configured_scopes,
    fault_a28_head_neither_begins_nor_completes_a_login,
    fault_a28_announced_iss_parameter_is_required,
}

async fn post_id_token(app: &TestApp, token: &str) -> Answer {
    app.client().login("token/oidc", json!({"id_token": token})).await
}

async fn begin_redirect(browser: &Client, provider: &str) -> Vec<(String, String)> {
    let path = format!("/api/login/social/authorize/{provider}/?next={REDIRECT_URI}");
    let answer = browser.get(&path).send().await;
    assert_eq!(answer.status, 303, "{}", answer.headers_and_body());
    let there = url::Url::parse(answer.header("location").expect("a location")).expect("a URL");
    there.query_pairs().into_owned().collect()
}

fn parameter(query: &[(String, String)], name: &str) -> String {
    query.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone()).expect("the parameter")
}

async fn callback(browser: &Client, provider: &str, query: &[(&str, &str)]) -> Answer {
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
    browser.get(&format!("/api/login/social/complete/{provider}/?{query}")).send().await
}

#[track_caller]
fn assert_redirects_with_error(answer: &Answer, code: &str) {
    assert_eq!(answer.status, 303, "{}", answer.headers_and_body());
    assert_eq!(answer.header("location"), Some(format!("{REDIRECT_URI}?error={code}").as_str()));
}

async fn fault_a9_forged_id_token_does_not_mark_the_token_as_used(engine: Engine) {
    let app = TestApp::builder(engine).oidc().start().await;
    let claims = app.fake_users.id_token_claims("u1", None, "");
    let token = signer::signed(&claims);
    let (signed, _) = token.rsplit_once('.').expect("a token");
    // A24: the same header and claims without the signature, posted first.
    for forged in [signer::forged(&claims), format!("{signed}.c2lnbmF0dXJl"), format!("{signed}.")] {
        assert_eq!(post_id_token(&app, &forged).await.status, 502);
    }
    assert_eq!(app.database.count("used_codes").await, 0);
    post_id_token(&app, &token).await.ok();
    post_id_token(&app, &token).await.problem(400, "code_already_used");
    assert_eq!(app.database.count("used_codes").await, 1);
}

async fn fault_a9_rows_that_protect_a_login_are_never_evicted(engine: Engine) {
    let app = TestApp::start(engine).await;
    app.login("token", "u1").await.ok();
    let browser = app.browser();
    let begun = app.begin(&browser, "github", json!({})).await;
    for n in 2..10 {
        app.login("token", &format!("u{n}")).await.ok();
        app.begin(&app.browser(), "github", json!({})).await;
    }
    let repository = app.database.repository().await;
    rest_social_auth::store::sweep(repository.as_ref(), app.clock.now(), 2).await.expect("a sweep");
    app.login("token", "u1").await.problem(400, "code_already_used");
    // The login still needs its state, and completes with it.
    browser.login("token/github", json!({"code": "u11"})).await.problem(400, "state_mismatch");
    browser.login("token/github", json!({"code": "u11", "state": begun.state})).await.ok();
    // A completed authorization request no longer protects a login: the sweeper deletes it first.
    rest_social_auth::store::sweep(repository.as_ref(), app.clock.now(), 0).await.expect("a sweep");
    assert_eq!(app.database.count("authorization_requests").await, 8);
    browser.login("token/github", json!({"code": "u12", "state": begun.state})).await.problem(400, "state_mismatch");
}

async fn fault_a9_own_state_is_recognized_without_its_row(engine: Engine) {
    let app = TestApp::start(engine).await;
    let begun = app.begin(&app.browser(), "github", json!({})).await;
    app.database.run("DELETE FROM authorization_requests").await;
    let client = app.client();
    for body in [
        json!({"code": "u1", "state": begun.state}),
        json!({"code": "u1", "redirect_state": begun.state}),
        json!({"code": "u1", "state": "a-front-ends-own", "redirect_state": begun.state}),
    ] {
        client.login("token/github", body).await.problem(400, "state_mismatch");
    }
    assert!(app.double.calls().is_empty());
    // A state that the front-end made is ignored, also when it resembles one of the server.
    let mut own = begun.state.clone();
    own.truncate(60);
    for (n, state) in ["x", "a-front-ends-own-state", &own, &begun.state.to_lowercase()].into_iter().enumerate() {
        client.login("token/github", json!({"code": format!("u{}", n + 1), "state": state})).await.ok();
    }
}

async fn fault_a16_used_id_token_is_stored_as_long_as_it_is_valid(engine: Engine) {
    let app = TestApp::builder(engine).oidc().with("SOCIAL_AUTH_OIDC_JWT_LEEWAY", "1200").start().await;
    let token = signer::signed(&app.fake_users.id_token_claims("u1", None, ""));
    post_id_token(&app, &token).await.ok();
    let repository = app.database.repository().await;
    for _ in 0..3 {
        app.advance(Duration::from_secs(590));
        rest_social_auth::store::sweep(repository.as_ref(), app.clock.now(), 100).await.expect("a sweep");
        post_id_token(&app, &token).await.problem(400, "code_already_used");
    }
    app.advance(Duration::from_secs(600));
    rest_social_auth::store::sweep(repository.as_ref(), app.clock.now(), 100).await.expect("a sweep");
    post_id_token(&app, &token).await.problem(502, "provider_error");
    assert_eq!(app.database.count("used_codes").await, 0, "what is refused for its age need not be remembered");
}

async fn fault_a24_other_callback_fields_do_not_make_a_code_new(engine: Engine) {
    let app = vk_id(engine).await;
    for (device, status) in [("d1", 200), ("d2", 400)] {
        let body = json!({"code": "c1", "device_id": device});
        let answer = app.client().login("token/vk-id", body).await;
        assert_eq!(answer.status, status, "{}", answer.headers_and_body());
    }
    assert_eq!(app.double.calls_at(VK_TOKEN).len(), 1);
}

async fn fault_a25_begin_from_another_site_is_refused(engine: Engine) {
    let app = TestApp::start(engine).await;
    let browser = app.browser();
    let begin = |headers: &[(&str, &str)]| {
        let request = browser.post("/api/login/social/begin/github/").form(&[("redirect_uri", REDIRECT_URI)]);
        headers.iter().fold(request, |request, (name, value)| request.header(name, value)).send()
    };
    for headers in [
        &[("origin", "https://evil.example")][..],
        &[("origin", "null")],
        &[("origin", FRONTEND), ("origin", FRONTEND)],
        &[("sec-fetch-site", "cross-site")],
    ] {
        begin(headers).await.problem(403, "csrf_failed");
    }
    assert_eq!(app.database.count("authorization_requests").await, 0);
    browser.login("token/github", json!({"code": "u1"})).await.ok();
    // A link on another site may start the redirect flow; it does not affect other logins.
    let path = format!("/api/login/social/authorize/github/?next={REDIRECT_URI}");
    let link = browser.get(&path).header("sec-fetch-site", "cross-site").send().await;
    assert_eq!(link.status, 303);
    browser.login("token/github", json!({"code": "u2"})).await.ok();
    // Pages of an allowed origin and clients without an Origin header may begin.
    for headers in [&[("origin", FRONTEND)][..], &[("sec-fetch-site", "same-origin")], &[]] {
        begin(headers).await.ok();
    }
}

async fn fault_a25_forged_authorization_request_cookie_is_replaced(engine: Engine) {
    let app = TestApp::start(engine).await;
    for made_up in ["rsab_pjEpjvYlAhrn2JyZwIvcCzk6WJjmE1v6ilaZnGWGyVo", &format!("rsab_{}", "A".repeat(64)), "", "x"] {
        let browser = app.browser();
        browser.set_cookie("rsa_authorization_request", made_up);
        app.begin(&browser, "github", json!({})).await;
        let made = browser.cookie("rsa_authorization_request").expect("a cookie");
        assert_ne!(made, made_up);
        let begun = app.begin(&browser, "github", json!({})).await;
        assert_eq!(
            browser.cookie("rsa_authorization_request").as_deref(),
            Some(made.as_str()),
            "the cookie of this server is not replaced"
        );
        let fixed = app.browser();
        fixed.set_cookie("rsa_authorization_request", made_up);
        let body = json!({"code": "u1", "state": begun.state});
        fixed.login("token/github", body).await.problem(400, "flow_mismatch");
    }
}

const VK_TOKEN: &str = "POST id.vk.ru/oauth2/auth";

async fn vk_id(engine: Engine) -> TestApp {
    let plan = TestApp::builder(engine).with("SOCIAL_AUTH_VK_ID_KEY", "k1").with("SOCIAL_AUTH_VK_ID_SECRET", "s1");
    let app = plan.start().await;
    app.double.on(VK_TOKEN, |call| {
        let state = call.field("state");
        Reply::json(&json!({"access_token": "a1", "token_type": "Bearer", "user_id": 1, "state": state}))
    });
    let user = json!({"user": {"user_id": "1", "first_name": "Ada", "last_name": "L"}});
    app.double.always("POST id.vk.ru/oauth2/user_info", Reply::json(&user));
    app
}

/// A browser sends no `Lax` cookie with a cross-site form, so the first step would set a new one.
async fn fault_a25_cross_site_form_does_not_replace_the_authorization_request_cookie(engine: Engine) {
    let app = TestApp::start(engine).await;
    for route in ["token", "token_user", "jwt-pair", "jwt-sliding-user", "knox"] {
        let first_step = |headers: &[(&str, &str)]| {
            let request = app.client().post(&format!("/api/login/social/{route}/twitter/"));
            let request = request.form(&[("redirect_uri", REDIRECT_URI)]);
            headers.iter().fold(request, |request, (name, value)| request.header(name, value)).send()
        };
        for headers in [
            &[("origin", "https://evil.example")][..],
            &[("origin", "null"), ("sec-fetch-site", "cross-site")],
            &[("sec-fetch-site", "cross-site")],
        ] {
            let answer = first_step(headers).await;
            assert!(answer.ok()["oauth_token"].is_string());
            assert!(answer.set_cookies().is_empty(), "{route}: {headers:?}");
        }
        for headers in
            [&[("origin", FRONTEND), ("sec-fetch-site", "cross-site")][..], &[("sec-fetch-site", "same-site")], &[]]
        {
            assert!(
                first_step(headers).await.set_cookie("rsa_authorization_request").is_some(),
                "{route}: {headers:?}"
            );
        }
    }
}

async fn apple(engine: Engine) -> TestApp {
    let settings = [("CLIENT", CLIENT_ID), ("TEAM", "T1"), ("KEY", "K1"), ("SECRET", "no key is needed to begin")];
    let with = |plan: TestAppBuilder, (name, value)| plan.with(&format!("SOCIAL_AUTH_APPLE_ID_{name}"), value);
    settings.into_iter().fold(TestApp::builder(engine), with).start().await
}

async fn fault_a25_authorize_as_a_subresource_is_refused(engine: Engine) {
    let app = apple(engine).await;
    for provider in ["github", "apple-id"] {
        let authorize = |mode: &str, destination: &str, site: &str| {
            let request = app.browser().get(&format!("/api/login/social/authorize/{provider}/?next={REDIRECT_URI}"));
            let request = request.header("sec-fetch-mode", mode).header("sec-fetch-dest", destination);
            request.header("sec-fetch-site", site).send()
        };
        for (mode, destination) in
            [("no-cors", "image"), ("cors", "empty"), ("same-origin", "empty"), ("websocket", "")]
        {
            for site in ["cross-site", "same-origin"] {
                let answer = authorize(mode, destination, site).await;
                answer.problem(403, "csrf_failed");
                assert!(answer.set_cookies().is_empty(), "{provider}: {mode}");
            }
        }
        assert_eq!(app.database.count("authorization_requests").await, i64::from(provider != "github"));
        let link = authorize("navigate", "document", "cross-site").await;
        assert_eq!((link.status, link.set_cookies().len()), (303, 1), "{provider}: {}", link.headers_and_body());
    }
}

async fn fault_a25_cross_site_callback_has_its_own_cookie(engine: Engine) {
    const LAX: &str = "rsa_authorization_request";
    const CROSS_SITE: &str = "rsa_authorization_request_form_post";
    let app = apple(engine).await;
    let browser = app.browser();
    let github = app.begin(&browser, "github", json!({})).await;
    let own = browser.cookie(LAX).expect("a cookie");
    let path = format!("/api/login/social/authorize/apple-id/?next={REDIRECT_URI}");
    let answer = browser.get(&path).send().await;
    let set = answer.set_cookie(CROSS_SITE).expect("a cookie of its own");
    assert_eq!((set.attribute("SameSite"), set.attribute("Secure")), (Some("None"), Some("")));
    assert_eq!((set.value.as_str(), answer.set_cookies().len()), (own.as_str(), 1), "both cookies have the same value");
    let query = url::Url::parse(answer.header("location").expect("a location")).expect("a URL");
    let query: Vec<(String, String)> = query.query_pairs().into_owned().collect();
    // A login at another provider does not change the cookie.
    let answer = browser.post("/api/login/social/begin/github/").json(&json!({})).send().await;
    assert!(answer.set_cookie(LAX).is_some() && answer.set_cookie(CROSS_SITE).is_none());
    // Apple's callback is a cross-site POST: the browser sends only the cookie with SameSite=None.
    let callback =
        app.client().post("/api/login/social/complete/apple-id/").header("origin", "https://appleid.apple.com");
    let callback = callback.header("cookie", format!("{CROSS_SITE}={}", set.value));
    let answer = callback.form(&[("state", &parameter(&query, "state")), ("error", "access_denied")]).send().await;
    assert_redirects_with_error(&answer, "access_denied");
    // A value that another site has set does not replace the cookie of this browser.
    let strange = app.client().get(&path).header("sec-fetch-mode", "navigate").send().await;
    browser.set_cookie(CROSS_SITE, &strange.set_cookie(CROSS_SITE).expect("a cookie").value);
    browser.login("token/github", json!({"code": "u1", "state": github.state})).await.ok();
    let answer = browser.get(&path).send().await;
    assert_eq!(answer.set_cookie(CROSS_SITE).expect("a cookie").value, own);
}

async fn fault_b1_callback_wrapped_in_payload_completes(engine: Engine) {
    let app = vk_id(engine).await;
    let browser = app.browser();
    let state = parameter(&begin_redirect(&browser, "vk-id").await, "state");
    let payload = json!({"code": "c1", "state": state, "device_id": "d1", "flow_token": "x"}).to_string();
    let answer = callback(&browser, "vk-id", &[("payload", &payload)]).await;
    assert_eq!((answer.status, answer.header("location")), (303, Some(REDIRECT_URI)), "{}", answer.headers_and_body());
    assert_eq!(browser.get("/api/user/").send().await.field("first_name"), "Ada");
    // An error response may be wrapped too.
    let state = parameter(&begin_redirect(&browser, "vk-id").await, "state");
    let payload = json!({"error": "access_denied", "state": state}).to_string();
    assert_redirects_with_error(&callback(&browser, "vk-id", &[("payload", &payload)]).await, "access_denied");
    // The state beside an invalid payload says where the user came from.
    let inner = json!({"code": "c2", "device_id": "d1", "state": "another"}).to_string();
    for (payload, error, code) in [
        ("{bad", None, "invalid_request"),
        (&inner, None, "invalid_request"),
        ("x", Some("access_denied"), "access_denied"),
    ] {
        let state = parameter(&begin_redirect(&browser, "vk-id").await, "state");
        let mut fields = vec![("payload", payload), ("state", &state)];
        fields.extend(error.map(|error| ("error", error)));
        assert_redirects_with_error(&callback(&browser, "vk-id", &fields).await, code);
    }
    // `undefined` beside complete fields is a missing value.
    let state = parameter(&begin_redirect(&browser, "vk-id").await, "state");
    let fields = [("payload", "undefined"), ("code", "c3"), ("device_id", "d1"), ("state", &state)];
    let answer = callback(&browser, "vk-id", &fields).await;
    assert_eq!((answer.status, answer.header("location")), (303, Some(REDIRECT_URI)), "{}", answer.headers_and_body());
}

async fn fault_d5_inconsistent_callback_is_refused_without_calling_the_provider(engine: Engine) {
    let app = vk_id(engine).await;
    let begun = app.begin(&app.browser(), "vk-id", json!({})).await;
    let inner = |state: &str| json!({"code": "c1", "device_id": "d1", "state": state}).to_string();
    for (body, code) in [
        (json!({"payload": "no JSON"}), "invalid_request"),
        (json!({"payload": inner("theirs"), "state": begun.state}), "invalid_request"),
        (json!({"payload": inner(&begun.state), "state": "theirs"}), "invalid_request"),
        (json!({"payload": inner("s"), "code": "c2"}), "invalid_request"),
        (json!({"payload": json!({"code": "c1"}).to_string()}), "invalid_request"),
        (json!({"code": "c1", "device_id": "d1", "state": begun.state}), "flow_mismatch"),
    ] {
        app.client().login("token/vk-id", body).await.problem(400, code);
    }
    assert!(app.double.calls().is_empty());
    let answer = app.client().login("token/vk-id", json!({"payload": inner("s"), "code": "c1", "state": "s"})).await;
    answer.ok();
}

async fn fault_b2_denied_request_token_ends_the_login(engine: Engine) {
    let app = TestApp::start(engine).await;
    let browser = app.browser();
    let token = parameter(&begin_redirect(&browser, "twitter").await, "oauth_token");
    assert_redirects_with_error(&callback(&browser, "twitter", &[("denied", &token)]).await, "access_denied");
    let late = callback(&browser, "twitter", &[("oauth_token", &token), ("oauth_verifier", "u1")]).await;
    assert_redirects_with_error(&late, "state_mismatch");
    // A denial for a request token of another browser, or for an unknown one, has no effect.
    let open = parameter(&begin_redirect(&browser, "twitter").await, "oauth_token");
    callback(&app.browser(), "twitter", &[("denied", &open)]).await.problem(400, "flow_mismatch");
    callback(&browser, "twitter", &[("denied", "forged")]).await.problem(400, "state_mismatch");
    assert!(app.double.calls_at(TWITTER_ACCESS).is_empty());
    let done = callback(&browser, "twitter", &[("oauth_token", &open), ("oauth_verifier", "u1")]).await;
    assert_eq!(done.header("location"), Some(REDIRECT_URI), "{}", done.headers_and_body());
    // The same on a login route.
    let token = browser.login("token/twitter", json!({})).await.field("oauth_token");
    browser.login("token/twitter", json!({"denied": token})).await.problem(400, "access_denied");
    browser.login("token/twitter", json!({"denied": "forged"})).await.problem(400, "access_denied");
    let late = json!({"oauth_token": token, "oauth_verifier": "u2"});
    browser.login("token/twitter", late).await.problem(400, "state_mismatch");
    assert_eq!(app.double.calls_at(TWITTER_ACCESS).len(), 1);
}

async fn fault_c3_invalid_optional_input_is_ignored(engine: Engine) {
    let app = TestApp::start(engine).await;
    let wrong = [json!(["email"]), json!({"a": 1}), json!(5), json!(true), json!(null), json!(""), json!("undefined")];
    for (n, value) in wrong.into_iter().enumerate() {
        let body = json!({"code": format!("u{}", n + 1), "granted_scopes": value, "denied_scopes": value});
        app.client().login("token_user/facebook", body).await.ok();
    }
}

async fn fault_d7_callback_with_only_a_state_is_access_denied(engine: Engine) {
    let plan = TestApp::builder(engine).with("SOCIAL_AUTH_WEIXIN_KEY", "k1").with("SOCIAL_AUTH_WEIXIN_SECRET", "s1");
    let app = plan.start().await;
    let browser = app.browser();
    let state = parameter(&begin_redirect(&browser, "weixin").await, "state");
    assert_redirects_with_error(&callback(&browser, "weixin", &[("state", &state)]).await, "access_denied");
    assert_redirects_with_error(
        &callback(&browser, "weixin", &[("state", &state), ("code", "c1")]).await,
        "state_mismatch",
    );
    let begun = app.begin(&browser, "weixin", json!({})).await;
    browser.login("token/weixin", json!({"state": begun.state})).await.problem(400, "access_denied");
    app.client().login("token/weixin", json!({})).await.problem(400, "invalid_request");
    // At other providers the code is a missing field.
    let begun = app.begin(&browser, "github", json!({})).await;
    browser.login("token/github", json!({"state": begun.state})).await.problem(400, "invalid_request");
    assert!(app.double.calls().is_empty());
}

async fn fault_a28_next_must_be_on_an_allowed_origin(engine: Engine) {
    let app = TestApp::start(engine).await;
    let begin = |next: &str| app.client().post("/api/login/social/begin/github/").json(&json!({"next": next})).send();
    for next in [
        "blob:https://front.example/2f6c",
        "BLOB:https://front.example/2f6c",
        "filesystem:https://front.example/temporary/x",
        "view-source:https://front.example/",
        "javascript:alert(1)",
        "data:text/html,x",
        "ftp://front.example/",
        "wss://front.example/",
        "https://user@front.example/",
        "https://front.example.evil.example/",
        "https://front.example:8443/",
        "http://front.example/",
        "https:\\front.example",
        "//front.example/",
        "/.//evil.example",
        "/a/..//evil.example",
        "/%2e//evil.example",
    ] {
        let problem = begin(next).await.problem(400, "invalid_request");
        assert!(problem["errors"]["next"].is_array(), "{next}: {problem}");
    }
    for next in ["/", "/articles/42?a=b#c", "https://front.example/articles/42"] {
        assert_eq!(begin(next).await.field("next"), next);
    }
    // The front-end gets what was checked, in a form that every reader takes alike.
    for (next, read) in [
        ("https:front.example/x", "https://front.example/x"),
        ("https:///front.example/x/../y", "https://front.example/y"),
        ("HTTPS://FRONT.example:443", "https://front.example/"),
        ("/a/./b", "/a/b"),
    ] {
        assert_eq!(begin(next).await.field("next"), read);
    }
}

async fn fault_a28_authorize_link_cannot_widen_the_scope(engine: Engine) {
    let app = TestApp::builder(engine)
        .with("SOCIAL_AUTH_GITHUB_SCOPE", "user:email,read:org")
        .with("SOCIAL_AUTH_GITHUB_OPTIONAL_SCOPE", "repo")
        .start()
        .await;
    let authorize = |scope: &str| {
        let path = format!("/api/login/social/authorize/github/?next={REDIRECT_URI}&scope={scope}");
        let browser = app.browser();
        async move { browser.get(&path).header("sec-fetch-site", "none").send().await }
    };
    for scope in ["repo+delete_repo", "user:email+repo", "user", "user:email,repo"] {
        let problem = authorize(scope).await.problem(400, "invalid_request");
        assert!(problem["errors"]["scope"].is_array(), "{problem}");
    }
    for scope in ["user:email", "read:org+user:email", ""] {
        let answer = authorize(scope).await;
        assert_eq!(answer.status, 303, "{scope}: {}", answer.headers_and_body());
    }
    // The front-end may request scopes of OPTIONAL_SCOPE by POST.
    let begun = app.begin(&app.browser(), "github", json!({"scope": "repo"})).await;
    assert_eq!(begun.parameter("scope"), Some("repo"));
}

async fn fault_a28_empty_scope_means_the_configured_scopes(engine: Engine) {
    let app = TestApp::builder(engine).with("SOCIAL_AUTH_GITHUB_SCOPE", "user:email,read:org").start().await;
    let configured = app.begin(&app.browser(), "github", json!({})).await;
    let configured = configured.parameter("scope").expect("the configured scopes").to_owned();
    for scope in ["", "%20", "+", "%09", "%20%0A+"] {
        let path = format!("/api/login/social/authorize/github/?next={REDIRECT_URI}&scope={scope}");
        let answer = app.browser().get(&path).header("sec-fetch-site", "cross-site").send().await;
        assert_eq!(answer.status, 303, "{}", answer.headers_and_body());
        let there = url::Url::parse(answer.header("location").expect("a location")).expect("a URL");
        let query: Vec<(String, String)> = there.query_pairs().into_owned().collect();
        assert_eq!(parameter(&query, "scope"), configured, "{scope:?}");
    }
    for scope in [json!([]), json!([""]), json!(["", "\t"]), json!(""), json!(" ")] {
        let begun = app.begin(&app.browser(), "github", json!({"scope": scope})).await;
        assert_eq!(begun.parameter("scope"), Some(configured.as_str()), "{scope}");
    }
}

async fn fault_a28_head_neither_begins_nor_completes_a_login(engine: Engine) {
    let app = TestApp::start(engine).await;
    let browser = app.browser();
    let path = format!("/api/login/social/authorize/github/?next={REDIRECT_URI}");
    let answer = browser.request("HEAD", &path).send().await;
    assert_eq!((answer.status, answer.header("allow")), (405, Some("GET, OPTIONS")));
    assert!(answer.set_cookies().is_empty());
    assert_eq!(app.database.count("authorization_requests").await, 0);
    let state = parameter(&begin_redirect(&browser, "github").await, "state");
    let path = format!("/api/login/social/complete/github/?code=u1&state={state}");
    assert_eq!(browser.request("HEAD", &path).send().await.status, 405);
    assert!(app.double.calls().is_empty());
    let done = callback(&browser, "github", &[("code", "u1"), ("state", &state)]).await;
    assert_eq!(done.header("location"), Some(REDIRECT_URI), "{}", done.headers_and_body());
    // Every GET operation of the OpenAPI document accepts HEAD, except those with side effects.
    let document: Value = serde_json::from_str(&app.client().get("/openapi.json").send().await.text).expect("JSON");
    let with_effects = ["authorize/{provider}/", "complete/{provider}/", "social/{id}/token/"];
    for (path, operations) in document["paths"].as_object().expect("paths") {
        if operations.get("get").is_none() {
            continue;
        }
        let allow = app.client().request("OPTIONS", &path.replace(['{', '}'], "")).send().await;
        let answers_head = allow.header("allow").is_some_and(|methods| methods.contains("HEAD"));
        assert_eq!(answers_head, !with_effects.iter().any(|ending| path.ends_with(ending)), "{path}");
    }
}

async fn fault_a28_announced_iss_parameter_is_required(engine: Engine) {
    for promised in [true, false] {
        let app = TestApp::builder(engine).oidc().start().await;
        let document = json!({
            "issuer": "https://id.example",
            "authorization_endpoint": "https://id.example/authorize",
            "token_endpoint": "https://id.example/token",
            "userinfo_endpoint": "https://id.example/userinfo",
            "jwks_uri": "https://id.example/keys",
            "id_token_signing_alg_values_supported": ["RS256"],
            "authorization_response_iss_parameter_supported": promised,
        });
        app.double.always("GET id.example/.well-known/openid-configuration", Reply::json(&document));
        let login = |body: Value| {
            let client = app.client();
            async move { client.login("token/oidc", body).await }
        };
        let without = login(json!({"code": "u1"})).await;
        if promised {
            without.problem(400, "state_mismatch");
            login(json!({"code": "u1", "iss": ""})).await.problem(400, "state_mismatch");
            login(json!({"code": "u1", "iss": "https://evil.example"})).await.problem(400, "state_mismatch");
            assert!(app.double.calls_at(OIDC_TOKEN).is_empty(), "the code is not sent");
        } else {
            without.ok();
        }
        // The code is still unused.
        login(json!({"code": "u2", "iss": "https://id.example"})).await.ok();
        // A posted ID token has no authorization response, so it needs no iss parameter.
        post_id_token(&app, &signer::signed(&app.fake_users.id_token_claims("u3", None, ""))).await.ok();
        assert_eq!(app.fake_users.id_token_claims("u3", None, "")["aud"], CLIENT_ID);
    }
}
