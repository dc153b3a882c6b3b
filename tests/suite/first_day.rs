//! What a new developer or operator meets first: logout by a form, a wrong client secret, ids of users.

use serde_json::json;

use crate::support::{Answer, Client, Engine, FRONTEND, REDIRECT_URI, TestApp, on_both_databases};

on_both_databases! {
    fault_e10_logout_by_a_form_shows_the_next_page,
    fault_e16_wrong_client_secret_is_named_in_the_answer,
    fault_e17_taken_username_uses_up_no_id,
}

async fn signed_in(app: &TestApp, code: &str) -> Client {
    let browser = app.browser();
    browser.login("session/github", json!({"code": code})).await.ok();
    browser
}

async fn log_out(app: &TestApp, browser: &Client, path: &str, form: &[(&str, &str)]) -> Answer {
    let post = browser.post(path).header("accept", "text/html,*/*;q=0.8").header("origin", &app.node.base);
    post.form(form).send().await
}

async fn fault_e10_logout_by_a_form_shows_the_next_page(engine: Engine) {
    let app = TestApp::start(engine).await;
    // Each login needs a code of its own: u1, u01 and u001 are the same user.
    let mut codes = (0..).map(|zeros| format!("u{}1", "0".repeat(zeros)));
    let mut code = || codes.next().expect("codes do not end");
    for path in ["/api/session/logout/", "/api/logout/all/"] {
        for (next, location) in [
            (Some("/goodbye"), format!("{}/goodbye", app.node.base)),
            (Some(REDIRECT_URI), REDIRECT_URI.to_owned()),
            (Some("https://front.example/goodbye"), "https://front.example/goodbye".to_owned()),
            (None, format!("{}/", app.node.base)),
        ] {
            let browser = signed_in(&app, &code()).await;
            let form: Vec<(&str, &str)> = next.map(|next| ("next", next)).into_iter().collect();
            let answer = log_out(&app, &browser, path, &form).await;
            assert_eq!((answer.status, answer.header("location")), (303, Some(location.as_str())), "{}", answer.text);
            browser.get("/api/user/").send().await.problem(401, "not_authenticated");
            app.advance(std::time::Duration::from_secs(60));
        }
        let browser = signed_in(&app, &code()).await;
        let refused = log_out(&app, &browser, path, &[("next", "https://evil.example/")]).await;
        assert_eq!(refused.status, 400, "{}", refused.text);
        browser.get("/api/user/").send().await.ok();
        // A script gets no redirect.
        let answer = browser.post(path).header("origin", FRONTEND).json(&json!({"next": "/goodbye"})).send().await;
        assert_eq!((answer.status, answer.header("location")), (204, None), "{}", answer.text);
    }
}

async fn fault_e16_wrong_client_secret_is_named_in_the_answer(engine: Engine) {
    let app = TestApp::start(engine).await;
    let refused = json!({"error": "incorrect_client_credentials"});
    app.double.always(crate::support::fake_users::GITHUB_TOKEN, crate::support::Reply::json(&refused));
    let problem = app.login("token", "u1").await.problem(502, "provider_error");
    assert!(problem["detail"].to_string().contains("client ID or secret"), "{problem}");
}

async fn fault_e17_taken_username_uses_up_no_id(engine: Engine) {
    let app = TestApp::start(engine).await;
    for (number, code) in ["u1", "u2", "u3"].into_iter().enumerate() {
        let user = app.login_with_profile(code, json!({"id": number + 1, "login": "ada"})).await;
        assert_eq!(user["id"], number + 1, "{user}");
        let name = user["username"].as_str().expect("a name").to_owned();
        assert_eq!((name.starts_with("ada"), name.len()), (true, if number == 0 { 3 } else { 7 }), "{name}");
    }
}
