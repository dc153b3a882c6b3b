//! Error responses of providers, and client authentication.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::double::Reply;
use crate::support::fake_users::{CLIENT_SECRET, GITHUB_TOKEN};
use crate::support::{Engine, TestApp, on_both_databases};

on_both_databases! {
    fault_c09a_error_descriptions_about_the_code_are_invalid_code,
    fault_a27_verbose_errors_show_no_form_of_a_secret,
    fault_c10_x_email_is_requested_when_the_scope_allows_it,
    fault_d1_client_id_and_secret_are_form_encoded_in_http_basic,
}

const X_TOKEN: &str = "POST api.twitter.com/2/oauth2/token";
const X_USER: &str = "GET api.twitter.com/2/users/me";

async fn fault_c09a_error_descriptions_about_the_code_are_invalid_code(engine: Engine) {
    let app = TestApp::start(engine).await;
    for (n, (status, words, is_about_the_code)) in [
        (400, "Value passed for the authorization code was invalid.", true),
        (400, "Invalid \"code\" in request.", true),
        (401, "authorization code not found", true),
        (400, "The code has expired.", true),
        (400, "code_verifier does not match", true),
        (400, "Invalid client_secret.", false),
        (400, "The code parameter is required.", false),
        (429, "The code has expired.", false),
        (503, "The code has expired.", false),
    ]
    .into_iter()
    .enumerate()
    {
        let body = json!({"error": "invalid_request", "error_description": words});
        app.double.always(GITHUB_TOKEN, Reply::json_at(status, &body));
        let answer = app.login("token", &format!("u{}", n + 1)).await;
        if is_about_the_code {
            answer.problem(400, "invalid_code")
        } else {
            answer.problem(502, "provider_error")
        };
    }
}

async fn fault_a27_verbose_errors_show_no_form_of_a_secret(engine: Engine) {
    let app = TestApp::builder(engine).with("REST_SOCIAL_VERBOSE_ERRORS", "True").start().await;
    let percent: String = CLIENT_SECRET.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let forms = [
        CLIENT_SECRET.to_owned(),
        CLIENT_SECRET.to_uppercase(),
        CLIENT_SECRET.replace('-', "_"),
        CLIENT_SECRET.chars().rev().collect(),
        percent,
        STANDARD.encode(CLIENT_SECRET),
        STANDARD.encode(format!("client-of-the-test:{CLIENT_SECRET}")),
        STANDARD.encode(format!("{CLIENT_SECRET}:client-of-the-test")),
        "the code u1x-of-no-user".to_owned(),
    ];
    for (n, form) in forms.iter().enumerate() {
        for (error, words) in [("invalid_grant", form.as_str()), (form.as_str(), "No."), (form.as_str(), form.as_str())]
        {
            let words = format!("Refused: {words} at evil.example/x");
            app.double.always(GITHUB_TOKEN, Reply::json_at(400, &json!({"error": error, "error_description": words})));
            let code = if form.contains("u1x") { "u1x-of-no-user".to_owned() } else { format!("u{n}-{}", error.len()) };
            let answer = app.client().login("token/github", json!({"code": code})).await;
            assert!(!answer.text.contains(form.as_str()) && !answer.text.contains("evil.example"), "{}", answer.text);
            if form.contains("u1x") {
                break;
            }
        }
    }
    let body =
        json!({"error": "invalid_grant", "error_description": "The code is too old: see evil.example/x for more"});
    app.double.always(GITHUB_TOKEN, Reply::json_at(400, &body));
    let detail = app.login("token", "u99").await.problem(400, "invalid_code")["detail"].to_string();
    assert!(detail.contains("The code is too old: see for more"), "{detail}");
}

fn x_plan(engine: Engine) -> crate::support::test_app::TestAppBuilder {
    let plan = TestApp::builder(engine).with("SOCIAL_AUTH_TWITTER_OAUTH2_KEY", "id:of x");
    plan.with("SOCIAL_AUTH_TWITTER_OAUTH2_SECRET", "s+e%c:r/é~t")
}

async fn x_login(app: &TestApp, code: &str, scope: &Value) -> Value {
    app.double.always(X_TOKEN, Reply::json(&json!({"access_token": "x", "token_type": "bearer", "scope": scope})));
    let person =
        json!({"data": {"id": "77", "username": "nell", "name": "Nell", "confirmed_email": "nell@example.org"}});
    app.double.on(X_USER, move |call| {
        let asked = call.field("user.fields").unwrap_or_default();
        let mut person = person.clone();
        if !asked.split(',').any(|field| field == "confirmed_email") {
            person["data"].as_object_mut().expect("an object").remove("confirmed_email");
        }
        Reply::json(&person)
    });
    app.client().login("token_user/twitter-oauth2", json!({"code": code})).await.ok()
}

async fn fault_c10_x_email_is_requested_when_the_scope_allows_it(engine: Engine) {
    let app = x_plan(engine).with("SOCIAL_AUTH_TWITTER_OAUTH2_SCOPE", r#"["users.email"]"#).start().await;
    assert_eq!(x_login(&app, "c1", &json!("users.read tweet.read users.email")).await["email"], "nell@example.org");
    let app = x_plan(engine).with("SOCIAL_AUTH_TWITTER_OAUTH2_SCOPE", r#"["users.email"]"#).start().await;
    assert_eq!(x_login(&app, "c1", &json!(null)).await["email"], "nell@example.org", "as asked for");
    let app = x_plan(engine).start().await;
    assert_eq!(x_login(&app, "c1", &json!("users.read tweet.read")).await["email"], "");
}

async fn fault_d1_client_id_and_secret_are_form_encoded_in_http_basic(engine: Engine) {
    for (plain, pair) in [("false", "id%3Aof+x:s%2Be%25c%3Ar%2F%C3%A9%7Et"), ("true", "id:of x:s+e%c:r/é~t")] {
        let app = x_plan(engine).with("SOCIAL_AUTH_TWITTER_OAUTH2_PLAIN_BASIC", plain).start().await;
        x_login(&app, "c1", &json!("users.read")).await;
        let call = app.double.call_at(X_TOKEN);
        assert_eq!(call.header("authorization"), Some(format!("Basic {}", STANDARD.encode(pair)).as_str()));
    }
}
