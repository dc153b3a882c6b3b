//! R-CMP: the routes that users of django-rest-social-auth (DRSA) mount beside the login routes: refresh, verify, blacklist,
//! logout, current user.

use std::time::Duration;

use serde_json::{Value, json};

use rest_social_auth::model::UserId;

use crate::support::client::claims;
use crate::support::test_app::SECRET_KEY;
use crate::support::{Answer, Client, Engine, TestApp, on_both_databases};

on_both_databases! {
    r_cmp_01_refresh_returns_an_access_token_with_all_claims,
    r_cmp_02_rotation_returns_a_new_refresh_token,
    r_cmp_03_refresh_errors,
    r_cmp_04_verify_accepts_every_token_type,
    r_cmp_05_blacklisted_token_is_refused,
    r_cmp_06_sliding_token_is_refreshed_until_it_expires,
    r_cmp_06_sliding_token_without_a_refresh_date_is_not_refreshed,
    jwts_and_opaque_tokens_may_have_the_same_word,
    r_cmp_07_knox_logout_revokes_one_token_and_logoutall_all,
    r_cmp_09_session_logout_deletes_session_and_cookie,
    r_cmp_10_user_endpoint_accepts_every_kind_of_credential,
    fault_e19_a_page_asks_for_the_user_without_an_error,
    authorization_header_takes_precedence_over_the_session_cookie,
    logout_all_revokes_credentials_of_every_kind,
    logout_all_deletes_the_session_cookie_of_the_same_user_only,
    tokens_issued_after_logout_all_work,
    provider_list_has_the_members_that_a_front_end_needs,
    account_list_contains_no_tokens_or_secrets,
}

async fn post(app: &TestApp, path: &str, body: Value) -> Answer {
    app.client().post(path).json(&body).send().await
}

async fn r_cmp_01_refresh_returns_an_access_token_with_all_claims(engine: Engine) {
    let app = TestApp::start(engine).await;
    let pair = app.login("jwt-pair-user", "u1").await;
    let refresh = pair.field("refresh");
    app.advance(Duration::from_secs(1000));
    let answer = post(&app, "/api/token/refresh/", json!({"refresh": refresh})).await;
    assert_eq!(answer.keys(), ["access"]);
    let (access, before) = (claims(&answer.field("access")), claims(&refresh));
    assert_eq!(access["token_type"], "access");
    assert_eq!((access["iat"].as_i64(), access["exp"].as_i64()), (Some(1_795_522_600), Some(1_795_522_900)));
    assert_ne!(access["jti"], before["jti"]);
    for claim in ["user_id", "username", "first_name", "last_name", "email"] {
        assert_eq!(access[claim], before[claim]);
    }
    app.client().user(&format!("Bearer {}", answer.field("access"))).await.ok();
    // Whitespace around it is no part of it, as in Django REST framework.
    let padded = format!(" {refresh}\n");
    app.client().post("/api/token/refresh/").form(&[("refresh", &padded)]).send().await.ok();
    post(&app, "/api/token/refresh/", json!({"refresh": padded})).await.ok();
}

async fn r_cmp_02_rotation_returns_a_new_refresh_token(engine: Engine) {
    let rotating = TestApp::builder(engine).with("SIMPLE_JWT_ROTATE_REFRESH_TOKENS", "True");
    let app = rotating.with("SIMPLE_JWT_BLACKLIST_AFTER_ROTATION", "True").start().await;
    let refresh = app.login("jwt-pair", "u1").await.field("refresh");
    let answer = post(&app, "/api/token/refresh/", json!({"refresh": refresh})).await;
    assert_eq!(answer.keys(), ["access", "refresh"]);
    let next = answer.field("refresh");
    assert_ne!(claims(&next)["jti"], claims(&refresh)["jti"]);
    post(&app, "/api/token/refresh/", json!({"refresh": next})).await.ok();
    let again = post(&app, "/api/token/refresh/", json!({"refresh": refresh})).await;
    assert_eq!(again.problem(401, "token_not_valid")["detail"], "Token is blacklisted");
}

async fn r_cmp_03_refresh_errors(engine: Engine) {
    let app = TestApp::start(engine).await;
    let pair = app.login("jwt-pair", "u1").await;
    let (access, refresh) = (pair.field("token"), pair.field("refresh"));
    for path in ["/api/token/refresh/", "/api/token/blacklist/"] {
        let missing = post(&app, path, json!({})).await;
        assert_eq!(missing.problem(400, "invalid_request")["errors"], json!({"refresh": ["This field is required."]}));
        let blank = post(&app, path, json!({"refresh": ""})).await;
        assert_eq!(
            blank.problem(400, "invalid_request")["errors"],
            json!({"refresh": ["This field may not be blank."]})
        );
    }
    for (token, detail) in [
        ("nothing".to_owned(), "Token is invalid"),
        (format!("{}x", &refresh[..refresh.len() - 1]), "Token is invalid"),
        (access, "Token has wrong type"),
    ] {
        let answer = post(&app, "/api/token/refresh/", json!({"refresh": token})).await;
        assert_eq!(answer.problem(401, "token_not_valid")["detail"], detail);
        assert_eq!(answer.header("www-authenticate"), Some("Bearer realm=\"api\""));
    }
    let repository = app.database.repository().await;
    repository.set_active(UserId(1), false, app.clock.now()).await.expect("a write");
    let inactive = post(&app, "/api/token/refresh/", json!({"refresh": refresh})).await;
    assert_eq!(inactive.problem(401, "invalid_token")["detail"], "No active account found for the given token.");
    app.database.run("DELETE FROM users").await;
    assert_eq!(post(&app, "/api/token/refresh/", json!({"refresh": refresh})).await.status, 401, "the user is deleted");
    app.advance(Duration::from_secs(86_400));
    let expired = post(&app, "/api/token/refresh/", json!({"refresh": refresh})).await;
    assert_eq!(expired.problem(401, "token_not_valid")["detail"], "Token is expired");
}

async fn r_cmp_04_verify_accepts_every_token_type(engine: Engine) {
    let app = TestApp::start(engine).await;
    let pair = app.login("jwt-pair", "u1").await;
    let sliding = app.token("jwt-sliding", "u01").await;
    for token in [pair.field("token"), pair.field("refresh"), sliding] {
        let answer = post(&app, "/api/token/verify/", json!({"token": token})).await;
        assert_eq!((answer.status, answer.text.as_str()), (200, "{}"));
    }
    post(&app, "/api/token/verify/", json!({"token": "x"})).await.problem(401, "token_not_valid");
    post(&app, "/api/token/verify/", json!({})).await.problem(400, "invalid_request");
    let refresh = pair.field("refresh");
    post(&app, "/api/token/blacklist/", json!({"refresh": refresh})).await.ok();
    post(&app, "/api/token/verify/", json!({"token": refresh})).await.ok();

    let app = TestApp::builder(engine).with("SIMPLE_JWT_BLACKLIST_AFTER_ROTATION", "True").start().await;
    let refresh = app.login("jwt-pair", "u1").await.field("refresh");
    post(&app, "/api/token/blacklist/", json!({"refresh": refresh})).await.ok();
    let answer = post(&app, "/api/token/verify/", json!({"token": refresh})).await;
    assert_eq!(answer.status, 400);
    assert!(answer.text.contains("Token is blacklisted"), "{}", answer.text);
}

async fn r_cmp_05_blacklisted_token_is_refused(engine: Engine) {
    let app = TestApp::start(engine).await;
    let refresh = app.login("jwt-pair", "u1").await.field("refresh");
    let answer = post(&app, "/api/token/blacklist/", json!({"refresh": refresh})).await;
    assert_eq!((answer.status, answer.text.as_str()), (200, "{}"));
    for path in ["/api/token/blacklist/", "/api/token/refresh/"] {
        let again = post(&app, path, json!({"refresh": refresh})).await;
        assert_eq!(again.problem(401, "token_not_valid")["detail"], "Token is blacklisted", "{path}");
    }
}

async fn r_cmp_06_sliding_token_is_refreshed_until_it_expires(engine: Engine) {
    let app = TestApp::start(engine).await;
    let mut token = app.token("jwt-sliding-user", "u1").await;
    let first = claims(&token);
    for _ in 0..3 {
        app.advance(Duration::from_secs(299));
        let answer = post(&app, "/api/token/sliding/refresh/", json!({"token": token})).await;
        assert_eq!(answer.keys(), ["token"]);
        token = answer.field("token");
    }
    let last = claims(&token);
    assert_eq!(
        (&last["jti"], &last["refresh_exp"], &last["username"]),
        (&first["jti"], &first["refresh_exp"], &json!("user1"))
    );
    assert_eq!(last["exp"].as_i64(), Some(1_795_521_600 + 3 * 299 + 300));
    app.advance(Duration::from_secs(300));
    let late = post(&app, "/api/token/sliding/refresh/", json!({"token": token})).await;
    assert_eq!(late.problem(401, "token_not_valid")["detail"], "Token is expired");
    let access = app.token("jwt-pair", "u01").await;
    let wrong = post(&app, "/api/token/sliding/refresh/", json!({"token": access})).await;
    assert_eq!(wrong.problem(401, "token_not_valid")["detail"], "Token has wrong type");
}

async fn r_cmp_06_sliding_token_without_a_refresh_date_is_not_refreshed(engine: Engine) {
    let app = TestApp::start(engine).await;
    let token = app.token("jwt-sliding", "u1").await;
    let key = jsonwebtoken::EncodingKey::from_secret(SECRET_KEY.as_bytes());
    let dates = [json!("1795521900"), json!(1_795_525_200.5), json!(null), json!(true), json!([1_795_525_200])];
    for date in dates.map(Some).into_iter().chain([None]) {
        let mut claims = claims(&token);
        match &date {
            Some(date) => claims["refresh_exp"] = date.clone(),
            None => drop(claims.as_object_mut().expect("claims").remove("refresh_exp")),
        }
        let changed = jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).expect("a token");
        let answer = post(&app, "/api/token/sliding/refresh/", json!({"token": changed})).await;
        answer.problem(401, "token_not_valid");
        // As in simplejwt, it authenticates until `exp`.
        app.client().user(&format!("Bearer {changed}")).await.ok();
    }
    post(&app, "/api/token/sliding/refresh/", json!({"token": token})).await.ok();
}

async fn jwts_and_opaque_tokens_may_have_the_same_word(engine: Engine) {
    for (name, value, word) in [
        ("REST_KNOX_AUTH_HEADER_PREFIX", "Bearer", "Bearer"),
        ("SIMPLE_JWT_AUTH_HEADER_TYPES", "Bearer,Token", "Token"),
        ("SIMPLE_JWT_AUTH_HEADER_TYPES", "Token", "Token"),
    ] {
        let app = TestApp::builder(engine).with(name, value).start().await;
        for (kind, code) in [("jwt-pair", "u1"), ("jwt-sliding", "u01"), ("knox", "u001"), ("token", "u0001")] {
            let token = app.token(kind, code).await;
            app.client().user(&format!("{word} {token}")).await.ok();
            assert_eq!(app.client().user(&format!("{word} {token}x")).await.status, 401, "{name} {kind}");
        }
    }
}

async fn r_cmp_07_knox_logout_revokes_one_token_and_logoutall_all(engine: Engine) {
    let app = TestApp::start(engine).await;
    let mut tokens = Vec::new();
    for code in ["u1", "u01", "u001"] {
        tokens.push(format!("Token {}", app.token("knox", code).await));
    }
    let other_user = format!("Token {}", app.token("knox", "u2").await);
    let call = |method: &str, path: &str, token: &str| {
        app.client().request(method, path).header("authorization", token).send()
    };
    let out = call("POST", "/api/knox/logout/", &tokens[0]).await;
    assert_eq!((out.status, out.text.as_str()), (204, ""));
    let again = call("POST", "/api/knox/logout/", &tokens[0]).await;
    assert_eq!(again.problem(401, "invalid_token")["detail"], "Invalid token.");
    app.client().user(&tokens[1]).await.ok();
    assert_eq!(call("POST", "/api/knox/logoutall/", &tokens[1]).await.status, 204);
    for token in &tokens {
        assert_eq!(app.client().user(token).await.status, 401);
    }
    app.client().user(&other_user).await.ok();
    for path in ["/api/knox/logout/", "/api/knox/logoutall/"] {
        call("GET", path, &other_user).await.problem(405, "method_not_allowed");
        let anonymous = app.client().post(path).send().await;
        let problem = anonymous.problem(401, "not_authenticated");
        assert_eq!(problem["detail"], "Authentication credentials were not provided.");
    }
}

async fn signed_in(app: &TestApp, code: &str) -> Client {
    let browser = app.browser();
    browser.login("session/github", json!({"code": code})).await.ok();
    browser
}

async fn r_cmp_09_session_logout_deletes_session_and_cookie(engine: Engine) {
    let app = TestApp::start(engine).await;
    let browser = signed_in(&app, "u1").await;
    let value = browser.cookie("sessionid").expect("a session");
    let out = browser.post("/api/session/logout/").header("origin", &app.node.base).send().await;
    assert_eq!((out.status, out.text.as_str()), (204, ""));
    assert_eq!(out.set_cookie("sessionid").expect("a deleted cookie").attribute("Max-Age"), Some("0"));
    assert!(browser.cookie("sessionid").is_none());
    browser.set_cookie("sessionid", &value);
    browser.get("/api/user/").send().await.problem(401, "not_authenticated");
    assert_eq!(app.database.count("sessions").await, 0);
}

async fn r_cmp_10_user_endpoint_accepts_every_kind_of_credential(engine: Engine) {
    let app = TestApp::start(engine).await;
    let expected = app.login("session", "u1").await.text;
    for (n, (kind, scheme)) in
        [("token", "Token"), ("knox", "Token"), ("jwt-pair", "Bearer"), ("jwt-sliding", "Bearer"), ("knox", "Bearer")]
            .iter()
            .enumerate()
    {
        let token = app.token(kind, &format!("u{}1", "0".repeat(n + 1))).await;
        assert_eq!(app.client().user(&format!("{scheme} {token}")).await.text, expected, "{kind}");
    }
    assert_eq!(signed_in(&app, "u0000001").await.get("/api/user/").send().await.text, expected);
    let anonymous = app.client().get("/api/user/").send().await.problem(401, "not_authenticated");
    assert_eq!(anonymous["detail"], "Authentication credentials were not provided.");
}

async fn fault_e19_a_page_asks_for_the_user_without_an_error(engine: Engine) {
    let app = TestApp::start(engine).await;
    let path = "/api/user/?optional=true";
    let anonymous = app.client().get(path).send().await;
    assert_eq!((anonymous.status, anonymous.text.as_str()), (204, ""));
    assert_eq!(signed_in(&app, "u1").await.get(path).send().await.status, 200);
    let rejected = app.client().get(path).header("authorization", "Token x").send().await;
    rejected.problem(401, "invalid_token");
}

async fn authorization_header_takes_precedence_over_the_session_cookie(engine: Engine) {
    let app = TestApp::start(engine).await;
    let browser = signed_in(&app, "u1").await;
    for header in ["Token x", "Bearer x", "Bearer a.b.c", "Basic dTpw", "Token", "nonsense"] {
        let answer = browser.get("/api/user/").header("authorization", header).send().await;
        assert_eq!(answer.status, 401, "{header}: {}", answer.text);
        assert!(answer.header("www-authenticate").is_some());
    }
    let other = format!("Token {}", app.token("token", "u2").await);
    assert_eq!(browser.user(&other).await.field("username"), "user2", "the cookie is ignored");
}

async fn logout_all_revokes_credentials_of_every_kind(engine: Engine) {
    let app = TestApp::start(engine).await;
    let browser = signed_in(&app, "u1").await;
    let mut headers = Vec::new();
    for (n, (kind, scheme)) in
        [("token", "Token"), ("knox", "Token"), ("jwt-pair", "Bearer"), ("jwt-sliding", "Bearer")].iter().enumerate()
    {
        let answer = app.login(kind, &format!("u{}1", "0".repeat(n + 1))).await;
        headers.push(format!("{scheme} {}", answer.field("token")));
        if *kind == "jwt-pair" {
            headers.push(format!("refresh {}", answer.field("refresh")));
        }
    }
    let other_user = format!("Token {}", app.token("token", "u2").await);
    let out = app.client().post("/api/logout/all/").header("authorization", &headers[0]).send().await;
    assert_eq!(out.status, 204, "{}", out.text);
    for header in &headers {
        let answer = match header.strip_prefix("refresh ") {
            Some(refresh) => post(&app, "/api/token/refresh/", json!({"refresh": refresh})).await,
            None => app.client().user(header).await,
        };
        assert_eq!(answer.status, 401, "{header}");
    }
    assert_eq!(browser.get("/api/user/").send().await.status, 401);
    app.client().user(&other_user).await.ok();
    app.client().post("/api/logout/all/").send().await.problem(401, "not_authenticated");
}

async fn logout_all_deletes_the_session_cookie_of_the_same_user_only(engine: Engine) {
    let app = TestApp::start(engine).await;
    let browser = signed_in(&app, "u1").await;
    let logout_all = async |code: &str| {
        let token = format!("Token {}", app.token("token", code).await);
        let answer = browser.post("/api/logout/all/").header("authorization", token).send().await;
        assert_eq!(answer.status, 204, "{}", answer.text);
    };
    logout_all("u2").await;
    assert_eq!(browser.get("/api/user/").send().await.field("username"), "user1", "another user logged out");
    logout_all("u01").await;
    assert!(browser.cookie("sessionid").is_none(), "its session is deleted");
}

async fn tokens_issued_after_logout_all_work(engine: Engine) {
    let app = TestApp::start(engine).await;
    let before = app.token("token", "u1").await;
    let out = app.client().post("/api/logout/all/").header("authorization", format!("Token {before}")).send().await;
    assert_eq!(out.status, 204);
    // Within the same second.
    let after = app.token("token", "u01").await;
    assert_ne!(before, after, "a new permanent token");
    for (kind, scheme, code) in
        [("jwt-pair", "Bearer", "u001"), ("jwt-sliding", "Bearer", "u0001"), ("knox", "Token", "u00001")]
    {
        let token = app.token(kind, code).await;
        app.client().user(&format!("{scheme} {token}")).await.ok();
    }
}

async fn provider_list_has_the_members_that_a_front_end_needs(engine: Engine) {
    let app = TestApp::builder(engine).with("SOCIAL_AUTH_GITHUB_SCOPE", "read:user").start().await;
    let body = app.client().get("/api/login/social/providers/").send().await.ok();
    let providers = body["providers"].as_array().expect("a list");
    let names: Vec<&Value> = providers.iter().map(|provider| &provider["name"]).collect();
    assert_eq!(names.len(), 4, "configured providers only: {names:?}");
    let github = providers.iter().find(|provider| provider["name"] == "github").expect("github");
    for member in ["title", "protocol", "client_id", "authorization_url", "scope", "redirect_uri", "kinds"] {
        assert!(github.get(member).is_some(), "{member} in {github}");
    }
    assert_eq!(github["title"], "GitHub");
    assert_eq!(github["authorization_url"], "https://github.com/login/oauth/authorize");
    assert!(github["scope"].to_string().contains("read:user"), "{github}");
    assert!(!body.to_string().contains(crate::support::fake_users::CLIENT_SECRET));
}

async fn account_list_contains_no_tokens_or_secrets(engine: Engine) {
    let app = TestApp::start(engine).await;
    let token = format!("Token {}", app.token("token", "u1").await);
    let imported = r#"{"access_token": "SECRET", "token_type": "bearer", "nested": {"refresh_token": "SECRET", "plan": "free"},
        "_private": "SECRET", "client_secret": "SECRET", "id": 1}"#;
    app.database.run(&format!("UPDATE social_accounts SET extra_data = '{imported}'")).await;
    let answer = app.client().get("/api/user/social/").header("authorization", &token).send().await;
    assert!(!answer.text.contains("SECRET"), "{}", answer.text);
    let shown = &answer.ok()[0]["extra_data"];
    assert_eq!(*shown, json!({"token_type": "bearer", "nested": {"plan": "free"}, "id": 1}));
    app.client().get("/api/user/social/").send().await.problem(401, "not_authenticated");
}
