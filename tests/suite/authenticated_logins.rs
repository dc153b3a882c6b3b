//! R-AUT: logins sent with a credential.

use serde_json::{Value, json};

use crate::support::{Answer, Engine, TestApp, on_both_databases};

on_both_databases! {
    r_aut_01_each_kind_of_route_accepts_its_own_credentials,
    r_aut_02_invalid_credential_is_refused_before_any_provider_call,
    challenge_of_jwts_names_their_scheme,
    r_aut_02_invalid_jwt_gets_the_messages_of_simplejwt,
    r_aut_03_new_account_is_linked_to_the_caller,
    r_aut_04_linking_updates_names_but_not_username_and_email,
    r_aut_05_account_of_another_user_is_not_moved,
    r_aut_05_one_user_can_have_two_accounts_of_one_provider,
    r_aut_07_expired_token_blocks_the_login,
}

async fn login(app: &TestApp, route: &str, authorization: &str, code: &str) -> Answer {
    let post = app.client().post(&format!("/api/login/social/{route}/")).header("authorization", authorization);
    post.json(&json!({"code": code})).send().await
}

async fn r_aut_01_each_kind_of_route_accepts_its_own_credentials(engine: Engine) {
    let app = TestApp::start(engine).await;
    let token = format!("Token {}", app.token("token", "u1").await);
    let knox = format!("Token {}", app.token("knox", "u01").await);
    let access = format!("Bearer {}", app.token("jwt-pair", "u001").await);
    let session = app.browser();
    session.login("session/github", json!({"code": "u0001"})).await.ok();
    assert_eq!(app.database.count("users").await, 1);

    // A credential of the route's own kind: the account is linked to the caller.
    for (n, (route, credential)) in
        [("token_user", &token), ("knox_user", &knox), ("jwt-pair-user", &access)].iter().enumerate()
    {
        let linked = app.link(&format!("{route}/facebook"), credential, &format!("u{}", n + 10)).await;
        assert_eq!(linked.ok()["id"], 1, "{route}");
    }
    let post = |path: &str| session.post(path).header("origin", &app.node.base);
    let begun = post("/api/login/social/begin/facebook/").json(&json!({})).send().await;
    let body = json!({"code": "u13", "state": begun.field("state")});
    assert_eq!(post("/api/login/social/session/facebook/").json(&body).send().await.ok()["id"], 1);
    assert_eq!(app.database.count("users").await, 1);

    // A credential of another kind is ignored: a new user is created.
    let other = session.login("token_user/facebook", json!({"code": "u20"})).await;
    assert_ne!(other.ok()["id"], 1, "a session cookie on a token route");
    for (route, credential) in [("token_user", &access), ("jwt-pair-user", &token), ("knox_user", &access)] {
        let other = login(&app, &format!("{route}/facebook"), credential, &format!("u3{}", route.len())).await;
        assert_ne!(other.ok()["id"], 1, "{credential} on {route}");
    }
    let unknown = login(&app, "token_user/facebook", "Digest abc", "u40").await;
    assert_ne!(unknown.ok()["id"], 1, "an unknown scheme is ignored");
}

async fn r_aut_02_invalid_credential_is_refused_before_any_provider_call(engine: Engine) {
    let app = TestApp::start(engine).await;
    for route in ["token", "token_user", "knox", "knox_user"] {
        for (authorization, detail) in [
            ("Token 0123456789012345678901234567890123456789", "Invalid token."),
            ("Token x", "Invalid token."),
            ("Token", "Invalid token header. No credentials provided."),
            ("token a b", "Invalid token header. Token string should not contain spaces."),
        ] {
            let answer = login(&app, &format!("{route}/github"), authorization, "u1").await;
            assert_eq!(answer.problem(401, "invalid_token")["detail"], detail, "{authorization} on {route}");
            assert_eq!(answer.header("www-authenticate"), Some("Token"));
        }
    }
    assert!(app.double.calls().is_empty());
    assert_eq!(app.database.count("users").await, 0);
}

/// simplejwt names the first of AUTH_HEADER_TYPES; the challenges of other credentials stay.
async fn challenge_of_jwts_names_their_scheme(engine: Engine) {
    let app = TestApp::builder(engine).with("SIMPLE_JWT_AUTH_HEADER_TYPES", "JWT,Bearer").start().await;
    let answer = login(&app, "jwt-pair/github", "JWT x", "u1").await;
    assert_eq!(answer.header("www-authenticate"), Some("JWT realm=\"api\""));
    let answer = login(&app, "token/github", "Token x", "u1").await;
    assert_eq!(answer.header("www-authenticate"), Some("Token"));
}

async fn r_aut_02_invalid_jwt_gets_the_messages_of_simplejwt(engine: Engine) {
    let app = TestApp::start(engine).await;
    let pair = app.login("jwt-pair", "u1").await;
    let (access, refresh) = (pair.field("token"), pair.field("refresh"));
    app.double.clear_calls();
    let broken = format!("{}x", &access[..access.len() - 2]);
    let token_errors = |answer: &Answer| -> Vec<Value> {
        assert_eq!(answer.header("www-authenticate"), Some("Bearer realm=\"api\""));
        let problem = answer.problem(401, "token_not_valid");
        assert_eq!(problem["detail"], "Given token not valid for any token type");
        problem["messages"].as_array().expect("messages").clone()
    };
    for (token, message) in [(&broken, "Token is invalid"), (&refresh, "Token has wrong type")] {
        let errors = token_errors(&login(&app, "jwt-pair/github", &format!("Bearer {token}"), "u1").await);
        assert_eq!(errors[0], json!({"token_class": "AccessToken", "token_type": "access", "message": message}));
        assert!(errors.iter().all(|entry| entry["message"] == message));
    }
    app.advance(std::time::Duration::from_secs(300));
    let errors = token_errors(&login(&app, "jwt-sliding/github", &format!("Bearer {access}"), "u1").await);
    assert_eq!(errors[0]["message"], "Token is expired");
    for header in ["Bearer", "Bearer a b"] {
        let answer = login(&app, "jwt-pair/github", header, "u1").await;
        let problem = answer.problem(401, "bad_authorization_header");
        assert_eq!(problem["detail"], "Authorization header must contain two space-delimited values");
    }
    let access = app.token("jwt-pair", "u01").await;
    app.double.clear_calls();
    app.database.run("DELETE FROM users").await;
    login(&app, "jwt-pair/github", &format!("Bearer {access}"), "u1").await.problem(401, "user_not_found");
    assert!(app.double.calls().is_empty());
}

async fn r_aut_03_new_account_is_linked_to_the_caller(engine: Engine) {
    let app = TestApp::start(engine).await;
    let token = app.token("token", "u1").await;
    let linked = app.link("token_user/google-oauth2", &format!("Token {token}"), "u5").await.ok();
    assert_eq!((&linked["id"], &linked["token"], &linked["username"]), (&json!(1), &json!(token), &json!("user1")));
    let accounts = app.client().get("/api/user/social/").header("authorization", format!("Token {token}")).send().await;
    let accounts = accounts.ok();
    let providers: Vec<&Value> =
        accounts.as_array().expect("a list").iter().map(|account| &account["provider"]).collect();
    assert_eq!(providers, ["github", "google-oauth2"]);
    // The linked account signs the caller in.
    let again = app.client().login("token_user/google-oauth2", json!({"code": "u05"})).await;
    assert_eq!(again.ok()["id"], 1);
}

async fn r_aut_04_linking_updates_names_but_not_username_and_email(engine: Engine) {
    let app = TestApp::start(engine).await;
    let token = app.token("token", "u1").await;
    let linked = app.link("token_user/google-oauth2", &format!("Token {token}"), "u5").await.ok();
    assert_eq!((&linked["first_name"], &linked["last_name"]), (&json!("First5"), &json!("Last5")));
    assert_eq!((&linked["username"], &linked["email"]), (&json!("user1"), &json!("user1@example.com")));
}

async fn r_aut_05_account_of_another_user_is_not_moved(engine: Engine) {
    let app = TestApp::start(engine).await;
    let token = app.token("token", "u1").await;
    app.client().login("token/google-oauth2", json!({"code": "u9"})).await.ok();
    let before = app.database.dump().await.len();
    app.link("token_user/google-oauth2", &format!("Token {token}"), "u09").await.problem(409, "account_in_use");
    let owner = "SELECT user_id FROM social_accounts WHERE provider = 'google-oauth2'";
    assert_eq!(app.database.number(owner).await, 2);
    assert_eq!(app.database.count("social_accounts").await, 2);
    assert!(app.database.dump().await.len() >= before);
}

async fn r_aut_05_one_user_can_have_two_accounts_of_one_provider(engine: Engine) {
    let app = TestApp::start(engine).await;
    let token = app.token("token", "u1").await;
    app.link("token/github", &format!("Token {token}"), "u2").await.ok();
    assert_eq!((app.database.count("users").await, app.database.count("social_accounts").await), (1, 2));
}

async fn r_aut_07_expired_token_blocks_the_login(engine: Engine) {
    let app = TestApp::start(engine).await;
    let access = app.token("jwt-pair", "u1").await;
    app.advance(std::time::Duration::from_secs(301));
    login(&app, "jwt-pair/github", &format!("Bearer {access}"), "u01").await.problem(401, "token_not_valid");
    app.login("jwt-pair", "u01").await.ok();
}
