//! The server-side redirect flow: authorize, complete, next. A page gets a session, a native app a one-time code.

use std::time::Duration;

use serde_json::json;

use crate::support::client::{location, parameter};
use crate::support::{Answer, Client, Engine, TestApp, on_both_databases};

on_both_databases! {
    redirect_flow_starts_a_session_without_javascript,
    sec_11_one_time_code_is_exchanged_once_within_a_minute,
    sec_11_one_time_code_needs_the_code_verifier_of_the_app,
    sec_03_one_time_code_without_a_challenge_is_refused_to_an_app_that_has_a_verifier,
    sec_03_redirect_to_the_scheme_of_an_app_requires_a_code_challenge,
    sec_09_next_must_be_on_the_allow_list,
    sec_13_callback_in_another_browser_is_refused,
    provider_error_is_returned_to_next_with_its_code,
    error_page_when_there_is_no_next,
    invalid_parameter_is_named_in_the_problem,
    callback_is_accepted_by_post,
    redirect_flow_works_with_oauth1,
    authorization_request_completes_only_on_its_own_route,
    authorize_links_for_pages_of_this_site_only,
}

const PAGE: &str = "https://front.example/cb";
const APP: &str = "com.example.app:/cb";
/// RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
/// The challenge of [`VERIFIER`], as parameters of a query.
const CHALLENGE: &str = "code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256";

async fn start_app(engine: Engine) -> TestApp {
    TestApp::builder(engine).with("ALLOWED_REDIRECT_URIS", &format!("{PAGE},{APP}")).start().await
}

async fn begin_redirect(browser: &Client, query: &str) -> String {
    let answer = browser.get(&format!("/api/login/social/authorize/github/?{query}")).send().await;
    let there = location(&answer);
    assert_eq!(there.host_str(), Some("github.com"));
    assert!(
        parameter(&there, "redirect_uri").is_some_and(|uri| uri.ends_with("/api/login/social/complete/github/")),
        "{there}"
    );
    parameter(&there, "state").expect("a state")
}

async fn complete(browser: &Client, code: &str, state: &str) -> Answer {
    browser.get(&format!("/api/login/social/complete/github/?code={code}&state={state}")).send().await
}

async fn redirect_flow_starts_a_session_without_javascript(engine: Engine) {
    let app = start_app(engine).await;
    let browser = app.browser();
    let state = begin_redirect(&browser, &format!("next={PAGE}")).await;
    let answer = complete(&browser, "u1", &state).await;
    assert_eq!(location(&answer).as_str(), PAGE);
    assert_eq!(browser.get("/api/user/").send().await.field("username"), "user1");
    // The callback is accepted once.
    let again = complete(&app.browser(), "u01", &state).await;
    again.problem(400, "flow_mismatch");
}

async fn sec_11_one_time_code_is_exchanged_once_within_a_minute(engine: Engine) {
    let app = start_app(engine).await;
    for (kind, late) in [("jwt-pair", false), ("knox_user", true)] {
        let browser = app.browser();
        let state = begin_redirect(&browser, &format!("next={APP}&kind={kind}&{CHALLENGE}")).await;
        let response = complete(&browser, if late { "u2" } else { "u1" }, &state).await;
        let there = location(&response);
        assert!(there.as_str().starts_with("com.example.app:/cb?code="), "{there}");
        assert!(!there.as_str().contains("eyJ"), "no JWT in a URL: {there}");
        assert!(response.set_cookie("sessionid").is_none());
        let code = json!({"code": parameter(&there, "code").expect("a code"), "code_verifier": VERIFIER});
        if late {
            app.advance(Duration::from_secs(61));
            app.client().post("/api/login/social/swap/").json(&code).send().await.problem(400, "invalid_code");
            continue;
        }
        let exchanged = app.client().post("/api/login/social/swap/").json(&code).send().await;
        assert_eq!(exchanged.keys(), ["kind", "token", "refresh"]);
        app.client().user(&format!("Bearer {}", exchanged.field("token"))).await.ok();
        app.client().post("/api/login/social/swap/").json(&code).send().await.problem(400, "invalid_code");
    }
    assert_eq!(app.database.count("one_time_codes").await, 0);
}

/// User `n` signs in by the redirect flow with this query; then the one-time code is exchanged with this verifier.
async fn swap_after_redirect(app: &TestApp, query: &str, n: u32, verifier: Option<&str>) -> Answer {
    let browser = app.browser();
    let state = begin_redirect(&browser, query).await;
    let there = location(&complete(&browser, &format!("u{n}"), &state).await);
    let mut body = json!({"code": parameter(&there, "code").expect("a code")});
    if let Some(verifier) = verifier {
        body["code_verifier"] = verifier.into();
    }
    app.client().post("/api/login/social/swap/").json(&body).send().await
}

async fn sec_11_one_time_code_needs_the_code_verifier_of_the_app(engine: Engine) {
    let app = start_app(engine).await;
    for (n, shown, status) in [(1, Some(VERIFIER), 200), (2, None, 400), (3, Some("x".repeat(43).as_str()), 400)] {
        let answer = swap_after_redirect(&app, &format!("next={APP}&kind=token&{CHALLENGE}"), n, shown).await;
        assert_eq!(answer.status, status, "{}", answer.headers_and_body());
    }
}

async fn sec_03_one_time_code_without_a_challenge_is_refused_to_an_app_that_has_a_verifier(engine: Engine) {
    let app = start_app(engine).await;
    // An attacker starts the flow without a challenge, and gives its code to an app that always sends its verifier.
    for (n, shown, status) in [(1, Some(VERIFIER), 400), (2, Some("short"), 400), (3, None, 200)] {
        let answer = swap_after_redirect(&app, &format!("next={PAGE}&kind=token"), n, shown).await;
        assert_eq!(answer.status, status, "{}", answer.headers_and_body());
        if status == 400 {
            answer.problem(400, "flow_mismatch");
        }
    }
}

async fn sec_03_redirect_to_the_scheme_of_an_app_requires_a_code_challenge(engine: Engine) {
    let app = start_app(engine).await;
    for kind in ["token", "jwt-pair", "knox_user"] {
        let path = format!("/api/login/social/authorize/github/?next={APP}&kind={kind}");
        let answer = app.browser().get(&path).send().await;
        assert!(answer.problem(400, "invalid_request")["errors"]["code_challenge"].is_array(), "{}", answer.text);
        begin_redirect(&app.browser(), &format!("next={APP}&kind={kind}&{CHALLENGE}")).await;
    }
}

async fn sec_09_next_must_be_on_the_allow_list(engine: Engine) {
    let app = start_app(engine).await;
    for next in ["https://evil.example", "https://front.example:8443/cb", "javascript:alert(1)", "//evil.example", "x"]
    {
        let path = format!("/api/login/social/authorize/github/?next={next}");
        let answer = app.browser().get(&path).header("referer", "https://front.example/").send().await;
        answer.problem(400, "redirect_uri_not_allowed");
    }
    let session = format!("/api/login/social/authorize/github/?next={APP}");
    app.browser().get(&session).send().await.problem(400, "invalid_request");
    let page = app.browser().get("/api/login/social/authorize/github/?next=x").header("accept", "text/html").send();
    let page = page.await;
    assert_eq!((page.status, page.header("content-type")), (400, Some("text/html; charset=utf-8")));
    assert!(page.headers_and_body().contains("redirect_uri_not_allowed"));
    assert_eq!(app.database.count("authorization_requests").await, 0);
}

async fn sec_13_callback_in_another_browser_is_refused(engine: Engine) {
    let app = start_app(engine).await;
    let state = begin_redirect(&app.browser(), &format!("next={PAGE}")).await;
    complete(&app.browser(), "u1", &state).await.problem(400, "flow_mismatch");
    complete(&app.browser(), "u1", "forged").await.problem(400, "state_mismatch");
    assert!(app.double.calls().is_empty());
}

async fn provider_error_is_returned_to_next_with_its_code(engine: Engine) {
    let app = start_app(engine).await;
    let browser = app.browser();
    let state = begin_redirect(&browser, &format!("next={PAGE}")).await;
    let path = format!("/api/login/social/complete/github/?error=access_denied&state={state}");
    let there = location(&browser.get(&path).send().await);
    assert_eq!(there.as_str(), "https://front.example/cb?error=access_denied");
    // The state is consumed.
    let after = complete(&browser, "u1", &state).await;
    assert_eq!(location(&after).as_str(), "https://front.example/cb?error=state_mismatch");
    assert_eq!(app.database.count("users").await, 0);
}

async fn error_page_when_there_is_no_next(engine: Engine) {
    let app = start_app(engine).await;
    for (path, code, title) in [
        ("complete/github/?code=u1&state=forged", "state_mismatch", "This sign-in is over"),
        ("authorize/github/?next=//app", "redirect_uri_not_allowed", "This link does not work"),
        ("authorize/github/?kind=foo", "invalid_request", "This link does not work"),
        ("resume/", "invalid_request", "This link does not work"),
    ] {
        let path = format!("/api/login/social/{path}");
        let page = app.browser().get(&path).header("accept", "text/html,*/*;q=0.8").send().await;
        assert_eq!((page.status, page.header("content-type")), (400, Some("text/html; charset=utf-8")), "{path}");
        assert!(page.text.contains(&format!("<h1>{title}</h1>")), "{}", page.text);
        assert!(page.text.contains(&format!("<code>{code}</code>")), "{}", page.text);
        assert!(page.header("content-security-policy").is_some_and(|policy| policy.contains("style-src 'sha256-")));
        app.browser().get(&path).send().await.problem(400, code);
    }
}

async fn invalid_parameter_is_named_in_the_problem(engine: Engine) {
    let app = start_app(engine).await;
    let errors = async |path: &str| {
        let answer = app.client().get(&format!("/api/login/social/{path}")).send().await;
        answer.problem(400, "invalid_request")["errors"].clone()
    };
    let kinds = "session, token, token_user, jwt-pair, jwt-pair-user, jwt-sliding, jwt-sliding-user, knox, knox_user";
    assert_eq!(errors("authorize/github/?kind=foo").await, json!({"kind": [format!("Must be one of {kinds}.")]}));
    assert_eq!(errors("resume/").await, json!({"code": ["This parameter is required."]}));
}

async fn callback_is_accepted_by_post(engine: Engine) {
    let app = start_app(engine).await;
    let browser = app.browser();
    let state = begin_redirect(&browser, &format!("next={PAGE}")).await;
    let posted = browser
        .post("/api/login/social/complete/github/")
        .header("origin", "https://github.com")
        .form(&[("code", "u1"), ("state", &state)])
        .send()
        .await;
    assert_eq!(location(&posted).as_str(), PAGE);
}

async fn redirect_flow_works_with_oauth1(engine: Engine) {
    let app = start_app(engine).await;
    let browser = app.browser();
    let answer = browser.get(&format!("/api/login/social/authorize/twitter/?next={PAGE}")).send().await;
    let token = parameter(&location(&answer), "oauth_token").expect("a request token");
    let path = format!("/api/login/social/complete/twitter/?oauth_token={token}&oauth_verifier=u1");
    assert_eq!(location(&browser.get(&path).send().await).as_str(), PAGE);
    browser.get("/api/user/").send().await.ok();
}

async fn authorization_request_completes_only_on_its_own_route(engine: Engine) {
    let app = start_app(engine).await;
    let browser = app.browser();
    let state = begin_redirect(&browser, &format!("next={PAGE}")).await;
    browser.login("token/github", json!({"code": "u1", "state": state})).await.problem(400, "state_mismatch");
    let begun = app.begin(&browser, "github", json!({})).await;
    complete(&browser, "u2", &begun.state).await.problem(400, "state_mismatch");
}

async fn authorize_links_for_pages_of_this_site_only(engine: Engine) {
    let app = start_app(engine).await;
    // `none`: a link in an e-mail, which the mail program opens.
    for (site, first, code, accounts) in
        [("cross-site", "u1", "u3", 1), ("none", "u5", "u6", 1), ("same-origin", "u2", "u4", 2)]
    {
        let browser = app.browser();
        let login = browser.post("/api/login/social/session/github/").header("origin", "https://front.example");
        login.json(&json!({"code": first})).send().await.ok();
        let before = browser.get("/api/user/").send().await.field("username");
        let path = format!("/api/login/social/authorize/github/?next={PAGE}");
        let answer = browser.get(&path).header("sec-fetch-site", site).send().await;
        let state = parameter(&location(&answer), "state").expect("a state");
        location(&complete(&browser, code, &state).await);
        let after = browser.get("/api/user/").send().await.field("username");
        assert_eq!(before == after, site == "same-origin", "{site}");
        let listed = browser.get("/api/user/social/").send().await.ok();
        assert_eq!(listed.as_array().map(Vec::len), Some(accounts), "{site}: {listed}");
    }
}
