//! What an application attaches to a login: `data` for itself, its pipeline steps and webhooks, `app_state` for the page that
//! the user returns to; and the pages that a user may return to.

use rest_social_auth::async_trait;
use rest_social_auth::login::{Draft, InputField, Step, Stop};
use serde_json::{Value, json};

use crate::support::client::{location, parameter};
use crate::support::signer::challenge_of;
use crate::support::{Client, Engine, FRONTEND, REDIRECT_URI, Reply, TestApp, on_both_databases};

on_both_databases! {
    every_login_route_returns_data_and_app_state,
    data_is_stored_encrypted,
    invalid_data_and_app_state_are_field_errors,
    repeated_code_gets_the_same_data,
    oauth1_login_returns_data_and_app_state,
    redirect_flow_appends_app_state_and_swap_returns_data,
    errors_of_the_redirect_flow_echo_app_state,
    steps_and_webhooks_get_data,
    pending_login_keeps_data_until_it_is_resumed,
    next_may_be_any_page_of_a_listed_origin,
    next_origins_are_a_setting_of_their_own,
}

fn attached() -> Value {
    json!({"data": {"invitation": "MqW7", "plan": {"name": "pro", "seats": 3}}, "app_state": "/articles/42?a=b#c ä"})
}

async fn every_login_route_returns_data_and_app_state(engine: Engine) {
    let app = TestApp::start(engine).await;
    for (n, kind) in crate::support::LOGIN_ROUTES.iter().enumerate() {
        let browser = app.browser();
        let begun = app.begin(&browser, "github", attached()).await;
        assert!(!begun.url.as_str().contains("MqW7") && !begun.url.as_str().contains("articles"), "{}", begun.url);
        let body = json!({"code": format!("u{}", n + 1), "state": begun.state});
        let answer = browser.login(&format!("{kind}/github"), body).await;
        let (body, keys) = (answer.ok(), answer.keys());
        assert_eq!((&body["data"], &body["app_state"]), (&attached()["data"], &attached()["app_state"]), "{kind}");
        assert_eq!(keys[keys.len() - 2..], ["data", "app_state"], "{kind}");
        // A login that attached nothing has neither.
        let without = app.client().login(&format!("{kind}/github"), json!({"code": format!("u0{}", n + 1)})).await;
        assert_eq!(without.keys(), keys[..keys.len() - 2], "{kind}");
    }
    let form = [("data", r#"{"plan": "pro"}"#), ("app_state", "x")];
    let browser = app.browser();
    let begun = browser.post("/api/login/social/begin/github/").form(&form).send().await.ok();
    let answer = browser.login("token/github", json!({"code": "u00001", "state": begun["state"]})).await.ok();
    assert_eq!((&answer["data"], &answer["app_state"]), (&json!({"plan": "pro"}), &json!("x")));
}

async fn data_is_stored_encrypted(engine: Engine) {
    let app = TestApp::start(engine).await;
    app.begin(&app.browser(), "github", attached()).await;
    let filled = "SELECT count(*) FROM authorization_requests WHERE encrypted_options IS NOT NULL";
    assert_eq!(app.database.number(filled).await, 1);
    let stored = app.database.dump().await;
    let is_readable = |bytes: &[u8]| bytes.windows(4).any(|part| part == b"MqW7");
    assert!(!stored.iter().any(|value| is_readable(&value.bytes)), "no column has the text");
    app.begin(&app.browser(), "github", json!({})).await;
    assert_eq!(app.database.number(filled).await, 1, "nothing is stored for a login without data");
}

async fn invalid_data_and_app_state_are_field_errors(engine: Engine) {
    let app = TestApp::start(engine).await;
    let begin = async |body: Value| app.client().post("/api/login/social/begin/github/").json(&body).send().await;
    for (name, value) in [
        ("data", json!([])),
        ("data", json!("{}")),
        ("data", json!(null)),
        ("data", json!({"a": "x".repeat(2048)})),
        ("app_state", json!("x".repeat(513))),
        ("app_state", json!("a\r\nb")),
        ("app_state", json!({})),
    ] {
        let problem = begin(json!({ name: value })).await.problem(400, "invalid_request");
        assert!(problem["errors"][name].is_array(), "{name}: {problem}");
    }
    for query in ["data=x", "data=[]", "app_state=a%0Ab"] {
        let path = format!("/api/login/social/authorize/github/?next={REDIRECT_URI}&{query}");
        app.client().get(&path).send().await.problem(400, "invalid_request");
    }
    assert_eq!(app.database.count("authorization_requests").await, 0);
}

async fn repeated_code_gets_the_same_data(engine: Engine) {
    let app = TestApp::start(engine).await;
    let browser = app.browser();
    let begun = app.begin(&browser, "github", attached()).await;
    let body = json!({"code": "u1", "state": begun.state});
    let first = browser.login("jwt-pair/github", body.clone()).await;
    assert_eq!(first.ok()["data"], attached()["data"]);
    assert_eq!(browser.login("jwt-pair/github", body).await.text, first.text);
}

async fn oauth1_login_returns_data_and_app_state(engine: Engine) {
    let app = TestApp::start(engine).await;
    let browser = app.browser();
    let begun = app.begin(&browser, "twitter", attached()).await;
    let token = begun.parameter("oauth_token").expect("a request token");
    let answer = browser.login("token_user/twitter", json!({"oauth_token": token, "oauth_verifier": "u4"})).await.ok();
    assert_eq!((&answer["data"], &answer["app_state"]), (&attached()["data"], &attached()["app_state"]));
}

/// Starts the redirect flow with these parameters and returns the state.
async fn authorize(browser: &Client, provider: &str, query: &[(&str, &str)]) -> String {
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
    let answer = browser.get(&format!("/api/login/social/authorize/{provider}/?{query}")).send().await;
    let url = location(&answer);
    parameter(&url, "state").or_else(|| parameter(&url, "oauth_token")).expect("a state or a request token")
}

/// Where the redirect flow ends.
async fn complete(browser: &Client, callback: &str) -> url::Url {
    location(&browser.get(&format!("/api/login/social/complete/{callback}")).send().await)
}

async fn redirect_flow_appends_app_state_and_swap_returns_data(engine: Engine) {
    let app = TestApp::start(engine).await;
    let (data, app_state) =
        (attached()["data"].to_string(), attached()["app_state"].as_str().expect("a text").to_owned());
    let attach =
        |kind: &'static str| [("kind", kind), ("next", REDIRECT_URI), ("data", &data), ("app_state", &app_state)];
    let browser = app.browser();
    let state = authorize(&browser, "github", &attach("session")).await;
    let end = complete(&browser, &format!("github/?code=u1&state={state}")).await;
    assert_eq!(end.as_str(), format!("{REDIRECT_URI}?app_state=%2Farticles%2F42%3Fa%3Db%23c%20%C3%A4"));
    browser.get("/api/user/").send().await.ok();

    let token = authorize(&browser, "twitter", &attach("jwt-pair")).await;
    let end = complete(&browser, &format!("twitter/?oauth_token={token}&oauth_verifier=u1")).await;
    assert_eq!(parameter(&end, "app_state"), Some(app_state));
    let code = parameter(&end, "code").expect("a code");
    let answer = app.client().post("/api/login/social/swap/").json(&json!({"code": code})).send().await.ok();
    assert_eq!((&answer["data"], &answer["app_state"]), (&attached()["data"], &attached()["app_state"]));
}

async fn errors_of_the_redirect_flow_echo_app_state(engine: Engine) {
    let app = TestApp::start(engine).await;
    let browser = app.browser();
    for (callback, error) in [("error=access_denied", "access_denied"), ("code=wrong", "invalid_code")] {
        let state = authorize(&browser, "github", &[("next", REDIRECT_URI), ("app_state", "a b")]).await;
        let end = complete(&browser, &format!("github/?{callback}&state={state}")).await;
        assert_eq!(end.as_str(), format!("{REDIRECT_URI}?app_state=a%20b&error={error}"));
    }
}

/// Refuses new users without an invitation, and stores it.
struct Invited;

#[async_trait]
impl Step for Invited {
    async fn run(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        if draft.user().is_some() {
            return Ok(());
        }
        let invitation = draft.data().and_then(|data| data.get("invitation")).cloned();
        match invitation {
            Some(invitation) => draft.set_extra_data("invitation", invitation),
            None => return Err(Stop::refuse("invitation_required", "Sign-up needs an invitation.")),
        }
        Ok(())
    }
}

const STEPS: &str = "social_details,social_uid,auth_allowed,social_user,invited,ask,get_username,create_user,associate_user,\
                     load_extra_data,user_details";

async fn steps_and_webhooks_get_data(engine: Engine) {
    const RECEIVER: &str = "POST hooks.example/users";
    let app = TestApp::builder(engine)
        .with("WEBHOOK_URL", "https://hooks.example/users")
        .with("WEBHOOK_SECRETS", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
        .with("SOCIAL_AUTH_PIPELINE", &STEPS.replace("ask,", "webhook,"))
        .with_builder(|builder| builder.step("invited", Invited))
        .start()
        .await;
    app.double.always(RECEIVER, Reply::json(&json!({"allow": true})));
    app.login("token", "u1").await.problem(403, "invitation_required");
    for code in ["u01", "u001"] {
        let browser = app.browser();
        let begun = app.begin(&browser, "github", attached()).await;
        browser.login("token/github", json!({"code": code, "state": begun.state})).await.ok();
    }
    app.login("token", "u0001").await.ok();
    let mut calls = app.double.calls_at(RECEIVER);
    while calls.len() < 4 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        calls = app.double.calls_at(RECEIVER);
    }
    let events: Vec<Value> = calls.iter().map(|call| serde_json::from_str(&call.body).expect("JSON")).collect();
    let data_of = |kind: &str| {
        let events = events.iter().filter(|event| event["type"] == kind);
        events.map(|event| event["data"]["data"].clone()).collect::<Vec<_>>()
    };
    let data = attached()["data"].clone();
    assert_eq!(data_of("user.creating"), std::slice::from_ref(&data));
    assert_eq!(data_of("user.created"), std::slice::from_ref(&data));
    let mut signed_in = data_of("user.signed_in");
    signed_in.sort_by_key(Value::is_null);
    assert_eq!(signed_in, [data, Value::Null], "the last login attached nothing");
    let stored = "SELECT count(*) FROM social_accounts WHERE CAST(extra_data AS TEXT) LIKE '%MqW7%'";
    assert_eq!(app.database.number(stored).await, 1);
}

/// Asks every new user once.
struct Ask;

#[async_trait]
impl Step for Ask {
    async fn run(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        if draft.user().is_some() || draft.answer("name").is_some() {
            return Ok(());
        }
        Err(Stop::ask([InputField::text("name", "Name")]))
    }
}

async fn pending_login_keeps_data_until_it_is_resumed(engine: Engine) {
    let app = TestApp::builder(engine)
        .with("SOCIAL_AUTH_PIPELINE", STEPS)
        .with_builder(|builder| builder.step("invited", Invited).step("ask", Ask))
        .start()
        .await;
    let browser = app.browser();
    let begun = app.begin(&browser, "github", attached()).await;
    let pending = browser.login("token/github", json!({"code": "u1", "state": begun.state})).await;
    assert!(!pending.text.contains("MqW7"), "{}", pending.text);
    let answers = json!({"flow_token": pending.json()["flow_token"], "name": "Ada"});
    let resume = browser.post("/api/login/social/resume/").header("origin", FRONTEND);
    let answer = resume.json(&answers).send().await.ok();
    assert_eq!((&answer["data"], &answer["app_state"]), (&attached()["data"], &attached()["app_state"]));

    let data = attached()["data"].to_string();
    let state = authorize(&browser, "github", &[("next", REDIRECT_URI), ("data", &data), ("app_state", "a")]).await;
    let pending_at = complete(&browser, &format!("github/?code=u2&state={state}")).await;
    assert_eq!(
        (parameter(&pending_at, "app_state").as_deref(), parameter(&pending_at, "halted").as_deref()),
        (Some("a"), Some("ask"))
    );
    let code = json!({"code": parameter(&pending_at, "code").expect("a code")});
    let pending = app.client().post("/api/login/social/swap/").json(&code).send().await.json();
    let form = [("flow_token", pending["flow_token"].as_str().expect("a flow token")), ("name", "Ada")];
    let resume =
        browser.post("/api/login/social/resume/").header("accept", "text/html").header("origin", &app.node.base);
    assert_eq!(location(&resume.form(&form).send().await).as_str(), format!("{REDIRECT_URI}?app_state=a"));
}

async fn next_may_be_any_page_of_a_listed_origin(engine: Engine) {
    let app = TestApp::start(engine).await;
    let browser = app.browser();
    for (next, end) in [
        ("https://front.example/articles/42?page=2".to_owned(), "https://front.example/articles/42?page=2".to_owned()),
        ("https://front.example/#/articles/42".to_owned(), "https://front.example/#/articles/42".to_owned()),
        ("/articles/42".to_owned(), format!("{}/articles/42", app.node.base)),
        (format!("{}/x", app.node.base), format!("{}/x", app.node.base)),
    ] {
        let state = authorize(&browser, "github", &[("next", &next)]).await;
        assert_eq!(complete(&browser, &format!("github/?code=u1&state={state}")).await.as_str(), end);
        let state = authorize(&browser, "github", &[("next", &next)]).await;
        let refused = complete(&browser, &format!("github/?error=access_denied&state={state}")).await;
        assert_eq!(parameter(&refused, "error").as_deref(), Some("access_denied"), "{refused}");
    }
    for next in [
        "https://evil.example/articles",
        "https://front.example.evil.example/",
        "https://front.example@evil.example/",
        "https://user@front.example/",
        "https://front.example:8443/",
        "http://front.example/",
        "blob:https://front.example/x",
        "javascript:alert(1)//front.example",
        "//evil.example/",
        "/\\evil.example/",
        "\\\\evil.example",
        "/a\nb",
        "articles/42",
        "",
    ] {
        let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("next", next).finish();
        let answer = browser.get(&format!("/api/login/social/authorize/github/?{query}")).send().await;
        assert_eq!(answer.status, 400, "{next}: {}", answer.headers_and_body());
    }
    // A code in the URL of any page of the origin is of use to the app with the verifier alone.
    let page = "https://front.example/articles/42";
    let without = browser.get(&format!("/api/login/social/authorize/github/?kind=jwt-pair&next={page}")).send().await;
    assert!(without.problem(400, "invalid_request")["errors"]["code_challenge"].is_array());
    let verifier = "the-apps-own-verifier-of-at-least-43-characters";
    let challenge = challenge_of(verifier);
    let query =
        [("kind", "jwt-pair"), ("next", page), ("code_challenge", &challenge), ("code_challenge_method", "S256")];
    let state = authorize(&browser, "github", &query).await;
    let end = complete(&browser, &format!("github/?code=u001&state={state}")).await;
    let exchange = json!({"code": parameter(&end, "code").expect("a code"), "code_verifier": verifier});
    app.client().post("/api/login/social/swap/").json(&exchange).send().await.ok();
}

async fn next_origins_are_a_setting_of_their_own(engine: Engine) {
    let app = TestApp::builder(engine).with("ALLOWED_NEXT_ORIGINS", "https://shop.example").start().await;
    let browser = app.browser();
    let begin = async |next: &str| {
        let body = json!({ "next": next });
        browser.post("/api/login/social/begin/github/").json(&body).send().await.status
    };
    for (next, is_allowed) in [
        ("https://shop.example/basket", true),
        (&format!("{}/x", app.node.base), true),
        ("https://front.example/inbox", false),
    ] {
        assert_eq!(begin(next).await == 200, is_allowed, "{next}");
        let answer = browser.get(&format!("/api/login/social/authorize/github/?next={next}")).send().await;
        assert_eq!(answer.status == 303, is_allowed, "{next}");
    }
    // An entry of ALLOWED_REDIRECT_URIS stays allowed.
    authorize(&browser, "github", &[("next", REDIRECT_URI)]).await;
}
