//! Pages for users: the site's name and logo, languages, unknown addresses, and what `serve` shows.

use crate::support::{Answer, Client, Engine, REDIRECT_URI, TestApp, on_both_databases};

on_both_databases! {
    question_page_is_in_the_language_of_the_user,
    json_of_a_pending_login_is_in_the_language_of_the_user,
    exchanged_pending_login_is_in_the_language_of_the_user,
    error_page_is_in_the_language_of_the_user,
    pages_show_the_name_and_the_logo_of_the_site,
}

const WITH_EMAIL: &str = "social_details,social_uid,auth_allowed,social_user,get_username,require_email,create_user,\
                          associate_user,load_extra_data,user_details";
const SVG: &str = r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"><rect width="1" height="1"/></svg>"#;

async fn open(browser: &Client, path: &str, language: &str) -> Answer {
    browser.get(path).header("accept", "text/html").header("accept-language", language).send().await
}

/// A page in one language, which also says so in its headers.
#[track_caller]
fn assert_page(page: &Answer, status: u16, language: &str, texts: &[&str]) {
    assert_eq!(page.status, status, "{}", page.text);
    assert_eq!(page.header("content-language"), Some(language), "{}", page.headers_and_body());
    assert_eq!(page.header("vary"), Some("Accept, Accept-Language, Origin"));
    for text in [&format!("<html lang=\"{language}\">")].into_iter().map(String::as_str).chain(texts.iter().copied()) {
        assert!(page.text.contains(text), "no {text} in {}", page.text);
    }
}

/// The one-time code at the end of the redirect flow.
async fn redirect_code(browser: &Client, query: &str) -> String {
    let parameter = |answer: &Answer, wanted: &str| {
        let url = url::Url::parse(answer.header("location").expect("a location")).expect("a URL");
        url.query_pairs().find(|(name, _)| name == wanted).expect("the parameter").1.into_owned()
    };
    let authorize = browser.get(&format!("/api/login/social/authorize/github/?{query}")).send().await;
    let state = parameter(&authorize, "state");
    let callback = browser.get(&format!("/api/login/social/complete/github/?code=u1&state={state}")).send().await;
    parameter(&callback, "code")
}

async fn question_page_is_in_the_language_of_the_user(engine: Engine) {
    let app = TestApp::builder(engine).with("SOCIAL_AUTH_PIPELINE", WITH_EMAIL).start().await;
    app.fake_users.set_profile("github", "u1", serde_json::json!({"id": 1, "login": "ana", "name": "Ana Lopez"}));
    let browser = app.browser();
    let code = redirect_code(&browser, &format!("next={REDIRECT_URI}")).await;
    let path = format!("/api/login/social/resume/?code={code}");

    assert_page(&open(&browser, &path, "de-CH, en;q=0.5").await, 200, "de", &["Noch ein Schritt", ">E-Mail-Adresse<"]);
    // `ui_locales` comes first, and the form keeps it.
    let page = open(&browser, &format!("{path}&ui_locales=fr+es"), "de").await;
    let action = "/api/login/social/resume/?ui_locales=es";
    assert_page(&page, 200, "es", &["Un paso más", &format!("action=\"{action}\"")]);
    let token = page.text.split("name=\"flow_token\" value=\"").nth(1).and_then(|rest| rest.split('"').next());
    let fields = [("flow_token", token.expect("a form")), ("email", "no address")];
    let post = browser.post(action).header("accept", "text/html").header("origin", &app.node.base).form(&fields);
    assert_page(&post.send().await, 400, "es", &["<strong>Escribe una dirección de correo válida.</strong>"]);
}

async fn json_of_a_pending_login_is_in_the_language_of_the_user(engine: Engine) {
    let app = TestApp::builder(engine).with("SOCIAL_AUTH_PIPELINE", WITH_EMAIL).start().await;
    app.fake_users.set_profile("github", "u1", serde_json::json!({"id": 1, "login": "ana"}));
    let post = |path: &str, language: &str, body: serde_json::Value| {
        let client = app.client();
        client.post(path).header("accept-language", language).json(&body).send()
    };
    let login = post("/api/login/social/token/github/", "de-CH, en;q=0.5", serde_json::json!({"code": "u1"})).await;
    let asked = login.problem(403, "additional_input_required");
    assert_eq!(asked["fields"][0]["title"], "E-Mail-Adresse");
    assert_eq!((login.header("content-language"), login.header("vary")), (Some("de"), Some("Accept-Language, Origin")));

    let answers = serde_json::json!({"flow_token": asked["flow_token"], "answers": {"email": "no address"}});
    let resume = "/api/login/social/resume/";
    let refused = post(resume, "es", answers.clone()).await;
    let refused = (refused.problem(400, "invalid_request"), refused.header("content-language").map(str::to_owned));
    assert_eq!(refused.0["errors"]["email"], serde_json::json!(["Escribe una dirección de correo válida."]));
    assert_eq!(refused.1.as_deref(), Some("es"));
    // English is the default, and the rest of the document is always English.
    let refused = post(resume, "fr", answers).await.problem(400, "invalid_request");
    assert_eq!(refused["errors"]["email"], serde_json::json!(["Enter a valid e-mail address."]));
    assert_eq!(refused["detail"], "The request has invalid fields.");
}

async fn exchanged_pending_login_is_in_the_language_of_the_user(engine: Engine) {
    let app = TestApp::builder(engine).with("SOCIAL_AUTH_PIPELINE", WITH_EMAIL).start().await;
    app.fake_users.set_profile("github", "u1", serde_json::json!({"id": 1, "login": "ana"}));
    let code = redirect_code(&app.browser(), &format!("next={REDIRECT_URI}&kind=token")).await;
    let exchange = app.client().post("/api/login/social/swap/").header("accept-language", "es");
    let exchanged = exchange.json(&serde_json::json!({"code": code})).send().await;
    let asked = exchanged.problem(403, "additional_input_required");
    assert_eq!(
        (&asked["fields"][0]["title"], &asked["title"]),
        (&"Dirección de correo electrónico".into(), &"Forbidden".into())
    );
    assert_eq!(
        (exchanged.header("content-language"), exchanged.header("vary")),
        (Some("es"), Some("Accept-Language, Origin"))
    );
    // The query decides before `Accept-Language`, as on the pages.
    let resume = |query: &str, flow_token: &serde_json::Value| {
        let post = app.client().post(&format!("/api/login/social/resume/{query}")).header("accept-language", "es");
        post.json(&serde_json::json!({"flow_token": flow_token, "answers": {"email": "no address"}})).send()
    };
    let refused = resume("?ui_locales=fr+de", &asked["flow_token"]).await;
    let errors = refused.problem(400, "invalid_request")["errors"].clone();
    assert_eq!(errors, serde_json::json!({"email": ["Gib eine gültige E-Mail-Adresse ein."]}));
    // Without a text for the user, nothing depends on the language.
    let unknown = resume("", &"rsaf_unknown".into()).await;
    unknown.problem(400, "state_mismatch");
    assert_eq!((unknown.header("content-language"), unknown.header("vary")), (None, Some("Origin")));
}

async fn error_page_is_in_the_language_of_the_user(engine: Engine) {
    let app = TestApp::start(engine).await;
    let path = "/api/login/social/authorize/github/?next=https://evil.example/";
    let details = "<code>redirect_uri_not_allowed</code>";
    for (language, title) in
        [("en", "This link does not work"), ("de", "Dieser Link funktioniert nicht"), ("es", "Este enlace no funciona")]
    {
        let title = format!("<h1>{title}</h1>");
        assert_page(&open(&app.browser(), path, language).await, 400, language, &[&title, details]);
        let by_query = open(&app.browser(), &format!("{path}&ui_locales={language}"), "fr").await;
        assert_page(&by_query, 400, language, &[&title]);
    }
    app.browser().get(path).header("accept-language", "de").send().await.problem(400, "redirect_uri_not_allowed");
}

async fn pages_show_the_name_and_the_logo_of_the_site(engine: Engine) {
    let folder = tempfile::tempdir().expect("a folder");
    let logo = folder.path().join("logo.svg");
    std::fs::write(&logo, SVG).expect("the logo can be written");
    let plan = TestApp::builder(engine).with("SITE_NAME", "Café <Süd>").with("SITE_ACCENT_COLOR", "#FFEE00");
    let app = plan.with("SITE_LOGO", &logo.display().to_string()).start().await;
    let page = open(&app.browser(), "/", "de").await;
    assert_page(&page, 200, "de", &["alt=\"Café &lt;Süd&gt;\"", "Café &lt;Süd&gt; meldet dich", "--accent: #ffee00"]);
    assert!(page.text.contains("src=\"data:image") && !page.text.contains("<svg"), "{}", page.text);
    assert!(page.header("content-security-policy").is_some_and(|policy| policy.contains("img-src data:;")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_e7_serve_has_no_example_pages_and_docs_only_by_a_setting() {
    let app = TestApp::start(Engine::Sqlite).await;
    let start = open(&app.browser(), "/", "en").await;
    assert_page(&start, 200, "en", &["Sign-in service", "/openapi.yaml"]);
    assert!(!start.text.contains("example") && !start.text.contains("/docs/"), "{}", start.text);
    for path in ["/example/", "/example", "/example/jwt/", "/example/sdk.js", "/docs/", "/docs"] {
        app.client().get(path).send().await.problem(404, "not_found");
    }
    app.client().get("/openapi.json").send().await.ok();
    let app = TestApp::builder(Engine::Sqlite).with("API_DOCS", "true").start().await;
    assert_eq!(app.client().get("/docs/").send().await.status, 200);
    assert_page(&open(&app.browser(), "/", "en").await, 200, "en", &["href=\"/docs/\""]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_e19_a_browser_gets_a_page_for_an_unknown_address() {
    let app = TestApp::start(Engine::Sqlite).await;
    for path in ["/nothing", "/api/nothing/", "/api/user/social/1/nothing"] {
        let page = open(&app.browser(), path, "de").await;
        assert_page(&page, 404, "de", &["<h1>Diese Seite gibt es nicht</h1>", "<code>not_found</code>"]);
        assert!(page.header("content-security-policy").is_some_and(|policy| policy.contains("style-src 'sha256-")));
        app.client().get(path).send().await.problem(404, "not_found");
        // A program, although it accepts HTML too.
        app.client().post(path).header("accept", "text/html").send().await.problem(404, "not_found");
    }
}
