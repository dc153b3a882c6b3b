//! Pending logins in the server-side redirect flow: the server's page that asks for additional input without script, and apps
//! that ask for it themselves.

use std::time::Duration;

use rest_social_auth::async_trait;
use rest_social_auth::login::{Draft, InputField, Step, Stop};
use serde_json::json;

use crate::pending_logins::{WITH_TERMS, flow_token, resume, with_terms};
use crate::support::client::{location, parameter};
use crate::support::{Answer, Client, Engine, TestApp, on_both_databases};

on_both_databases! {
    server_page_asks_for_additional_input,
    get_of_the_page_does_not_consume_the_code,
    refusal_after_the_page_redirects_with_its_code,
    cancel_on_the_page_ends_the_login_and_redirects_with_access_denied,
    login_that_was_completed_cannot_be_canceled,
    sec_34_only_the_browser_that_signed_in_cancels,
    page_shows_validation_errors_and_keeps_the_input,
    temporary_error_is_shown_on_the_page_and_can_be_retried,
    sec_13_page_works_only_in_the_browser_that_signed_in,
    page_redirects_to_an_app_without_its_code_verifier,
    one_time_code_of_a_pending_login_answers_additional_input_required,
}

const PAGE: &str = "https://front.example/cb";
const APP: &str = "com.example.app:/cb";
/// RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
/// The challenge of [`VERIFIER`], as parameters of a query.
const CHALLENGE: &str = "code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256";

/// Asks new users for a name and a plan. Some names are refused or invalid.
struct AskName;

#[async_trait]
impl Step for AskName {
    async fn run(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        if draft.user().is_some() {
            return Ok(());
        }
        let Some(name) = draft.answer("name").and_then(|name| name.as_str()).map(str::to_owned) else {
            return Err(Stop::ask([
                InputField::text("name", "Your \"name\""),
                InputField::choice("plan", "TestAppBuilder", &["free", "gold"]),
                InputField::checkbox("news", "News").optional(),
            ]));
        };
        match name.as_str() {
            "Eva" => Err(Stop::refuse("eva_is_banned", "This user is banned.")),
            "<Closed>" => Err(Stop::invalid("account", "This account is <closed>.")),
            "Invalid" => Err(Stop::invalid("name", "This name is invalid.")),
            _ => Ok(()),
        }
    }
}

async fn app_with_ask_name(engine: Engine) -> TestApp {
    let plan = TestApp::builder(engine).with("SOCIAL_AUTH_PIPELINE", &WITH_TERMS.replace("terms", "ask_name"));
    let plan = plan.with("ALLOWED_REDIRECT_URIS", &format!("{PAGE},{PAGE}?a=b"));
    plan.with_builder(|builder| builder.step("ask_name", AskName)).start().await
}

/// Goes through the redirect flow and returns the URL that the server redirects to.
async fn complete_redirect(browser: &Client, query: &str, code: &str) -> url::Url {
    let answer = browser.get(&format!("/api/login/social/authorize/github/?{query}")).send().await;
    let state = parameter(&location(&answer), "state").expect("a state");
    let callback = format!("/api/login/social/complete/github/?code={code}&state={state}");
    location(&browser.get(&callback).send().await)
}

/// Goes through the redirect flow and returns the path of the server's page.
async fn page_path(browser: &Client, query: &str, code: &str) -> String {
    let redirect = complete_redirect(browser, query, code).await;
    format!("/api/login/social/resume/?code={}", parameter(&redirect, "code").expect("a code"))
}

async fn get_page(browser: &Client, path: &str) -> Answer {
    browser.get(path).header("accept", "text/html").send().await
}

/// The flow token in the hidden field of the form.
fn form_flow_token(page: &Answer) -> String {
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"), "{}", page.headers_and_body());
    let token = page.text.split("name=\"flow_token\" value=\"").nth(1).and_then(|rest| rest.split('"').next());
    token.unwrap_or_else(|| panic!("no form: {}", page.text)).to_owned()
}

/// Submits the form of the page as a browser does.
async fn submit(app: &TestApp, browser: &Client, token: &str, fields: &[(&str, &str)]) -> Answer {
    let fields = [&[("flow_token", token)], fields].concat();
    let post = browser.post("/api/login/social/resume/").header("accept", "text/html,*/*;q=0.8");
    post.header("origin", &app.node.base).form(&fields).send().await
}

#[track_caller]
fn assert_page(page: &Answer, status: u16, texts: &[&str]) {
    assert_eq!(page.status, status, "{}", page.text);
    for text in texts {
        assert!(page.text.contains(text), "no {text} in {}", page.text);
    }
}

async fn server_page_asks_for_additional_input(engine: Engine) {
    let app = with_terms(engine).start().await;
    let browser = app.browser();
    let redirect = complete_redirect(&browser, &format!("next={PAGE}"), "u1").await;
    assert!(redirect.as_str().starts_with("https://front.example/cb?halted=terms&code=rsax_"), "{redirect}");
    let path = format!("/api/login/social/resume/?code={}", parameter(&redirect, "code").expect("a code"));
    let page = get_page(&browser, &path).await;
    assert_page(
        &page,
        200,
        &[
            "<form method=\"post\" action=\"/api/login/social/resume/?ui_locales=en\">",
            "name=\"terms\"",
            "<option value=\"gold\">gold</option>",
        ],
    );
    assert!(!page.text.contains("<script"));
    let host = app.node.base.split_once("//").expect("a URL").1;
    assert_page(&page, 200, &[&format!("{host} needs this information"), "<style>"]);
    assert!(page.header("content-security-policy").is_some_and(|policy| policy.contains("style-src 'sha256-")));
    let token = form_flow_token(&page);
    let again = submit(&app, &browser, &token, &[]).await;
    assert_page(&again, 400, &["This must be accepted."]);
    assert_eq!(form_flow_token(&again), token, "the same pending login");
    let done = submit(&app, &browser, &token, &[("terms", "true")]).await;
    assert_eq!(location(&done).as_str(), PAGE);
    assert_eq!(browser.get("/api/user/").send().await.field("username"), "user1");
    // Submitting twice redirects again.
    let twice = submit(&app, &browser, &token, &[("terms", "true")]).await;
    assert_eq!(location(&twice).as_str(), PAGE);
    assert_eq!(app.database.count("users").await, 1);
}

async fn get_of_the_page_does_not_consume_the_code(engine: Engine) {
    let app = with_terms(engine).start().await;
    let browser = app.browser();
    let path = page_path(&browser, &format!("next={PAGE}"), "u1").await;
    let token = form_flow_token(&get_page(&browser, &path).await);
    for method in ["HEAD", "GET"] {
        let seen = browser.request(method, &path).header("accept", "text/html").send().await;
        assert_eq!(seen.status, 200, "{method}: {}", seen.text);
    }
    assert_eq!(form_flow_token(&get_page(&browser, &path).await), token);
    location(&submit(&app, &browser, &token, &[("terms", "true")]).await);
    assert_page(&get_page(&browser, &path).await, 400, &["code_already_used"]);
    browser.get(&path).send().await.problem(400, "code_already_used");

    let late = page_path(&browser, &format!("next={PAGE}"), "u2").await;
    // The page is available as long as the pending login; a code can be exchanged for one minute.
    app.advance(Duration::from_secs(590));
    form_flow_token(&get_page(&browser, &late).await);
    let body = json!({"code": late.split('=').nth(1).expect("a code")});
    app.client().post("/api/login/social/swap/").json(&body).send().await.problem(400, "invalid_code");
    let late = page_path(&browser, &format!("next={PAGE}"), "u02").await;
    app.advance(Duration::from_secs(600));
    assert_page(&get_page(&browser, &late).await, 400, &["invalid_code"]);
    assert_page(&get_page(&browser, "/api/login/social/resume/?code=rsax_made_up").await, 400, &["invalid_code"]);
    browser.get("/api/login/social/resume/").send().await.problem(400, "invalid_request");
    // GET with the code of a completed login does not consume the code.
    app.database.run("DELETE FROM pending_logins").await;
    let completed = page_path(&browser, &format!("next={PAGE}&kind=token"), "u01").await;
    browser.get(&completed).send().await.problem(400, "invalid_code");
    let body = json!({"code": completed.split('=').nth(1).expect("a code")});
    app.client().post("/api/login/social/swap/").json(&body).send().await.ok();
}

async fn refusal_after_the_page_redirects_with_its_code(engine: Engine) {
    let app = app_with_ask_name(engine).await;
    let browser = app.browser();
    let token =
        form_flow_token(&get_page(&browser, &page_path(&browser, &format!("next={PAGE}?a=b"), "u1").await).await);
    let refused = submit(&app, &browser, &token, &[("name", "Eva"), ("plan", "free")]).await;
    assert_eq!(location(&refused).as_str(), "https://front.example/cb?a=b&error=eva_is_banned");
    assert_eq!(app.database.text("SELECT code FROM audit_events WHERE event = 'refused'").await, "eva_is_banned");
    // A client that accepts JSON gets a problem document.
    let input = json!({"name": "Eva", "plan": "free"});
    resume(&browser, &token, input).await.problem(403, "eva_is_banned");
    // The user was created by another login meanwhile and is deactivated.
    let other =
        form_flow_token(&get_page(&browser, &page_path(&browser, &format!("next={PAGE}?a=b"), "u01").await).await);
    location(&submit(&app, &browser, &token, &[("name", "Ana"), ("plan", "free")]).await);
    app.database.run("UPDATE users SET is_active = (1 = 0)").await;
    let refused = submit(&app, &browser, &other, &[("name", "Ana"), ("plan", "free")]).await;
    assert_eq!(location(&refused).as_str(), "https://front.example/cb?a=b&error=user_inactive");
    // An unknown flow token names no redirect URI, so the error page is shown.
    let unknown = submit(&app, &browser, "rsaf_made_up", &[("name", "Ana")]).await;
    assert_page(&unknown, 400, &["state_mismatch", "This sign-in is over"]);
}

/// Presses the button of the form that cancels.
async fn cancel(app: &TestApp, browser: &Client, token: &str) -> Answer {
    submit(app, browser, token, &[("terms", "true"), ("cancel-login", "1")]).await
}

async fn cancel_on_the_page_ends_the_login_and_redirects_with_access_denied(engine: Engine) {
    let plan = with_terms(engine).with("ALLOWED_REDIRECT_URIS", &format!("{PAGE},{PAGE}?a=b,{APP}"));
    let app = plan.start().await;
    for (n, (query, expected)) in [
        (format!("next={PAGE}"), format!("{PAGE}?error=access_denied")),
        (format!("next={PAGE}%3Fa%3Db&app_state=s"), format!("{PAGE}?a=b&app_state=s&error=access_denied")),
        (format!("next={APP}&kind=token&{CHALLENGE}"), format!("{APP}?error=access_denied")),
    ]
    .into_iter()
    .enumerate()
    {
        let browser = app.browser();
        let path = page_path(&browser, &query, &format!("u{}", n + 1)).await;
        let page = get_page(&browser, &path).await;
        assert_page(&page, 200, &["name=\"cancel-login\" value=\"1\" class=\"quiet\" formnovalidate>Cancel</button>"]);
        let token = form_flow_token(&page);
        // Invalid answers do not matter, and a second click has the same result.
        for _ in 0..2 {
            assert_eq!(location(&cancel(&app, &browser, &token).await).as_str(), expected);
        }
        let answered = submit(&app, &browser, &token, &[("terms", "true")]).await;
        assert_eq!(location(&answered).as_str(), expected, "the login has ended");
        resume(&browser, &token, json!({"terms": true})).await.problem(400, "access_denied");
        assert_page(&get_page(&browser, &path).await, 400, &["code_already_used"]);
        app.advance(Duration::from_secs(31));
        assert_page(&cancel(&app, &browser, &token).await, 400, &["code_already_used"]);
        assert!(browser.cookie("sessionid").is_none());
    }
    let canceled = "SELECT count(*) FROM audit_events WHERE code = 'access_denied' AND provider = 'github'";
    assert_eq!((app.database.count("users").await, app.database.number(canceled).await), (0, 3));
    // The user may begin again.
    let browser = app.browser();
    let path = page_path(&browser, &format!("next={PAGE}"), "u01").await;
    let token = form_flow_token(&get_page(&browser, &path).await);
    assert_eq!(location(&submit(&app, &browser, &token, &[("terms", "true")]).await).as_str(), PAGE);
}

async fn login_that_was_completed_cannot_be_canceled(engine: Engine) {
    let app = with_terms(engine).start().await;
    let browser = app.browser();
    let path = page_path(&browser, &format!("next={PAGE}"), "u1").await;
    let token = form_flow_token(&get_page(&browser, &path).await);
    location(&submit(&app, &browser, &token, &[("terms", "true")]).await);
    let canceled = cancel(&app, &browser, &token).await;
    assert_page(&canceled, 400, &["code_already_used", "This sign-in is already finished"]);
    browser.get("/api/user/").send().await.ok();
    // Without the redirect flow there is no page to redirect to.
    let token = flow_token(&app.login("token", "u2").await);
    let canceled = cancel(&app, &app.client(), &token).await;
    assert_page(&canceled, 400, &["access_denied", "You canceled the sign-in."]);
    resume(&app.client(), &token, json!({"terms": true})).await.problem(400, "access_denied");
}

async fn sec_34_only_the_browser_that_signed_in_cancels(engine: Engine) {
    let app = with_terms(engine).start().await;
    let browser = app.browser();
    let path = page_path(&browser, &format!("next={PAGE}"), "u1").await;
    let token = form_flow_token(&get_page(&browser, &path).await);
    for other in [app.client(), app.browser()] {
        assert_page(&cancel(&app, &other, &token).await, 400, &["flow_mismatch"]);
    }
    assert_page(&cancel(&app, &browser, "rsaf_made_up").await, 400, &["state_mismatch"]);
    let fields = [("flow_token", token.as_str()), ("cancel-login", "1")];
    let post = || browser.post("/api/login/social/resume/").header("accept", "text/html").form(&fields);
    for (name, value) in [("origin", "https://evil.example"), ("origin", "null"), ("sec-fetch-site", "cross-site")] {
        assert_page(&post().header(name, value).send().await, 403, &["csrf_failed"]);
    }
    // A link cannot cancel.
    assert_page(&get_page(&browser, &format!("{path}&cancel-login=1")).await, 200, &["name=\"terms\""]);
    assert_eq!(location(&submit(&app, &browser, &token, &[("terms", "true")]).await).as_str(), PAGE);
}

async fn page_shows_validation_errors_and_keeps_the_input(engine: Engine) {
    let app = app_with_ask_name(engine).await;
    let browser = app.browser();
    let page = get_page(&browser, &page_path(&browser, &format!("next={PAGE}"), "u1").await).await;
    assert_page(&page, 200, &["Your &quot;name&quot;"]);
    let token = form_flow_token(&page);
    let typed = [("name", "\"><b>"), ("plan", "gold"), ("news", "true")];
    let kept_input = [
        "value=\"&quot;&gt;&lt;b&gt;\"",
        "<option value=\"gold\" selected>gold</option>",
        "aria-describedby=\"about-news\" checked>",
    ];
    // An error in one field keeps the input of the others.
    let page = submit(&app, &browser, &token, &[("name", "\"><b>"), ("plan", "lead"), ("news", "true")]).await;
    assert_page(&page, 400, &["Choose one of the options.", kept_input[0], kept_input[2]]);
    for (name, message) in [
        ("Invalid", "<span id=\"about-name\"><strong>This name is invalid.</strong></span>"),
        ("<Closed>", "<p class=\"alert\" role=\"alert\">This account is &lt;closed&gt;.</p>"),
    ] {
        let page = submit(&app, &browser, &token, &[("name", name), typed[1], typed[2]]).await;
        assert_page(&page, 400, &[message, kept_input[1], kept_input[2]]);
        let messages = page.text.matches("</strong>").count() + page.text.matches("role=\"alert\"").count();
        assert_eq!(messages, 1, "{}", page.text);
    }
    assert_eq!(location(&submit(&app, &browser, &token, &typed).await).as_str(), PAGE);
}

async fn temporary_error_is_shown_on_the_page_and_can_be_retried(engine: Engine) {
    let app = app_with_ask_name(engine).await;
    let browser = app.browser();
    let token = form_flow_token(&get_page(&browser, &page_path(&browser, &format!("next={PAGE}"), "u1").await).await);
    let typed = [("name", "Ana"), ("plan", "free")];
    app.database.run("ALTER TABLE sessions RENAME TO sessions_elsewhere").await;
    let page = submit(&app, &browser, &token, &typed).await;
    assert_page(
        &page,
        503,
        &[
            "<p class=\"alert\" role=\"alert\">The database does not answer. Try again in a moment.</p>",
            "value=\"Ana\"",
        ],
    );
    app.database.run("ALTER TABLE sessions_elsewhere RENAME TO sessions").await;
    assert_eq!(location(&submit(&app, &browser, &form_flow_token(&page), &typed).await).as_str(), PAGE);
    browser.get("/api/user/").send().await.ok();
}

/// Otherwise an attacker could send the page of the attacker's login to a victim, who would be signed in as the attacker.
async fn sec_13_page_works_only_in_the_browser_that_signed_in(engine: Engine) {
    let app = with_terms(engine).with("ALLOWED_REDIRECT_URIS", &format!("{PAGE},{APP}")).start().await;
    for (n, query) in
        [format!("next={PAGE}"), format!("next={APP}&kind=token&{CHALLENGE}"), format!("next={PAGE}&kind=knox")]
            .iter()
            .enumerate()
    {
        let browser = app.browser();
        let path = page_path(&browser, query, &format!("u{}", n + 1)).await;
        let token = form_flow_token(&get_page(&browser, &path).await);
        let victim = app.browser();
        app.begin(&victim, "github", json!({})).await;
        for other in [&victim, &app.client()] {
            assert_page(&get_page(other, &path).await, 400, &["flow_mismatch"]);
            other.get(&path).send().await.problem(400, "flow_mismatch");
            let posted = submit(&app, other, &token, &[("terms", "true")]).await;
            assert_page(&posted, 400, &["flow_mismatch"]);
        }
        assert_eq!(app.database.count("users").await, i64::try_from(n).expect("few"), "{query}");
        location(&submit(&app, &browser, &token, &[("terms", "true")]).await);
    }
}

async fn page_redirects_to_an_app_without_its_code_verifier(engine: Engine) {
    let app = with_terms(engine).with("ALLOWED_REDIRECT_URIS", APP).start().await;
    let browser = app.browser();
    let query = format!("next={APP}&kind=token&{CHALLENGE}");
    let token = form_flow_token(&get_page(&browser, &page_path(&browser, &query, "u1").await).await);
    let redirect = location(&submit(&app, &browser, &token, &[("terms", "true")]).await);
    assert!(redirect.as_str().starts_with("com.example.app:/cb?code=rsax_"), "{redirect}");
    let body = json!({"code": parameter(&redirect, "code").expect("a code"), "code_verifier": VERIFIER});
    let done = app.client().post("/api/login/social/swap/").json(&body).send().await;
    assert_eq!(done.keys(), ["kind", "token"]);
}

async fn one_time_code_of_a_pending_login_answers_additional_input_required(engine: Engine) {
    let app = with_terms(engine).with("ALLOWED_REDIRECT_URIS", APP).start().await;
    let redirect = complete_redirect(&app.browser(), &format!("next={APP}&kind=jwt-pair-user&{CHALLENGE}"), "u1").await;
    assert_eq!(parameter(&redirect, "halted").as_deref(), Some("terms"));
    let body = json!({"code": parameter(&redirect, "code").expect("a code"), "code_verifier": VERIFIER});
    let answer = app.client().post("/api/login/social/swap/").json(&body).send().await;
    let token = flow_token(&answer);
    app.client().post("/api/login/social/swap/").json(&body).send().await.problem(400, "invalid_code");
    // The app resumes without the browser's cookie.
    let done = resume(&app.client(), &token, json!({"terms": true})).await;
    assert_eq!(done.keys(), ["kind", "id", "token", "refresh", "username", "first_name", "last_name", "email"]);
}
