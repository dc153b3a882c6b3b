//! R-OUT, R-SES, R-TOK, R-JWT and R-KNX: the exact response of each kind of login.

use serde_json::{Value, json};

use crate::support::client::{claims, jwt_header};
use crate::support::{Answer, Engine, TestApp, on_both_databases};

on_both_databases! {
    r_out_01_and_02_members_have_the_order_of_drsa,
    r_out_03_json_is_utf_8_without_escapes_or_whitespace,
    r_ses_01_session_login_answers_the_user_and_sets_a_cookie,
    r_ses_03_only_a_session_login_sets_last_login,
    r_ses_04_session_lifetime_follows_the_provider_token_when_enabled,
    r_ses_05_existing_user_can_sign_in_again,
    r_tok_01_every_login_returns_the_same_permanent_token,
    r_tok_02_authorization_scheme_is_case_insensitive,
    r_jwt_01_to_03_tokens_carry_their_token_type,
    r_jwt_04_claims_and_lifetimes_of_a_pair,
    r_jwt_05_claims_and_lifetimes_of_a_sliding_token,
    r_jwt_06_user_variants_contain_the_user_as_claims,
    r_jwt_07_authorization_scheme_is_configurable,
    r_jwt_08_refresh_and_sliding_tokens_are_stored_by_jti,
    r_jwt_09_issuer_audience_and_user_id_claim_are_configurable,
    r_jwt_04_and_05_lifetimes_and_claim_names_are_configurable,
    r_knx_01_every_login_issues_a_new_token,
    r_knx_03_digest_and_first_fifteen_characters_are_stored,
    r_knx_04_scheme_is_case_insensitive_and_the_token_expires,
    knox_prefix_and_length_are_configurable,
    knox_auto_refresh_extends_a_used_token_up_to_the_maximum_ttl,
    knox_token_limit_refuses_the_login_and_writes_nothing,
    knox_token_limit_holds_for_concurrent_logins,
}

/// Start of the test clock, in Unix seconds.
const NOW: i64 = 1_795_521_600;

async fn r_out_01_and_02_members_have_the_order_of_drsa(engine: Engine) {
    let app = TestApp::start(engine).await;
    for (kind, expected) in [
        ("session", "id,username,first_name,last_name,email"),
        ("token", "token"),
        ("token_user", "id,token,username,first_name,last_name,email"),
        ("jwt-pair", "token,refresh"),
        ("jwt-pair-user", "id,token,refresh,username,first_name,last_name,email"),
        ("jwt-sliding", "token"),
        ("jwt-sliding-user", "id,token,username,first_name,last_name,email"),
        ("knox", "token"),
        ("knox_user", "id,token,username,first_name,last_name,email"),
    ] {
        let answer = app.login(kind, &format!("u{}1", kind.len())).await;
        assert_eq!(answer.keys().join(","), expected, "{kind}");
        if expected.starts_with("id") {
            let body = answer.json();
            assert!(body["id"].is_i64(), "{body}");
            let n = format!("{}1", kind.len());
            let user =
                json!([format!("user{n}"), format!("First{n}"), format!("Last{n}"), format!("user{n}@example.com")]);
            assert_eq!(json!([body["username"], body["first_name"], body["last_name"], body["email"]]), user);
        }
    }
}

async fn r_out_03_json_is_utf_8_without_escapes_or_whitespace(engine: Engine) {
    let app = TestApp::start(engine).await;
    let profile = json!({"id": 7, "login": "zoe", "name": "Zoë Ñandú 李", "email": "zoe@example.com"});
    app.fake_users.set_profile("github", "u7", profile);
    let answer = app.login("session", "u7").await;
    let expected = r#"{"id":1,"username":"zoe","first_name":"Zoë","last_name":"Ñandú 李","email":"zoe@example.com"}"#;
    assert_eq!(answer.text, expected);
    assert!(answer.header("content-type").is_some_and(|kind| kind.starts_with("application/json")));
}

async fn r_ses_01_session_login_answers_the_user_and_sets_a_cookie(engine: Engine) {
    let app = TestApp::start(engine).await;
    let browser = app.browser();
    let answer = browser.login("session/github", json!({"code": "u1"})).await;
    let cookie = answer.set_cookie("sessionid").expect("a session cookie");
    for (name, expected) in [("HttpOnly", ""), ("Max-Age", "1209600"), ("Path", "/"), ("SameSite", "Lax")] {
        assert_eq!(cookie.attribute(name), Some(expected), "{name}: {}", answer.headers_and_body());
    }
    assert!(cookie.value.len() >= 43, "256 random bits");
    let user = browser.get("/api/user/").send().await;
    assert_eq!(user.text, answer.text);
    app.client().get("/api/user/").send().await.problem(401, "not_authenticated");
}

async fn r_ses_03_only_a_session_login_sets_last_login(engine: Engine) {
    let app = TestApp::start(engine).await;
    for kind in ["token", "jwt-pair", "jwt-sliding", "knox"] {
        app.login(kind, "u1").await;
    }
    let unset = "SELECT count(*) FROM users WHERE last_login IS NULL";
    assert_eq!(app.database.number(unset).await, 1);
    app.login("session", "u01").await.ok();
    assert_eq!(app.database.number(unset).await, 0);
}

async fn r_ses_04_session_lifetime_follows_the_provider_token_when_enabled(engine: Engine) {
    let max_age = |answer: &Answer| {
        answer.set_cookie("sessionid").and_then(|cookie| cookie.attribute("Max-Age").map(str::to_owned))
    };
    let app = TestApp::start(engine).await;
    let facebook = app.client().login("session/facebook", json!({"code": "u1"})).await;
    assert_eq!(max_age(&facebook).as_deref(), Some("1209600"), "the setting is off");

    let app = TestApp::builder(engine).with("SOCIAL_AUTH_SESSION_EXPIRATION", "True").start().await;
    let facebook = app.client().login("session/facebook", json!({"code": "u1"})).await;
    assert_eq!(max_age(&facebook).as_deref(), Some("5183944"));
    let github = app.login("session", "u2").await;
    assert_eq!(max_age(&github).as_deref(), Some("1209600"), "github sends no expires_in");

    let plan = TestApp::builder(engine)
        .with("SOCIAL_AUTH_SESSION_EXPIRATION", "True")
        .with("SOCIAL_AUTH_MAX_SESSION_LENGTH", "600");
    let app = plan.start().await;
    let facebook = app.client().login("session/facebook", json!({"code": "u1"})).await;
    let github = app.login("session", "u2").await;
    assert_eq!((max_age(&facebook).as_deref(), max_age(&github).as_deref()), (Some("600"), Some("600")));
}

async fn r_ses_05_existing_user_can_sign_in_again(engine: Engine) {
    let app = TestApp::start(engine).await;
    let browser = app.browser();
    let origin = app.node.base.clone();
    let login = |code: &'static str| {
        let post = browser.post("/api/login/social/session/github/").header("origin", &origin);
        post.json(&json!({"code": code})).send()
    };
    let first = login("u1").await;
    let second = login("u01").await;
    assert_eq!(first.ok(), second.ok());
    assert_eq!(app.database.count("users").await, 1);
}

async fn r_tok_01_every_login_returns_the_same_permanent_token(engine: Engine) {
    let app = TestApp::start(engine).await;
    let first = app.token("token", "u1").await;
    assert!(first.len() == 40 && first.bytes().all(|byte| b"0123456789abcdef".contains(&byte)), "{first}");
    app.advance(std::time::Duration::from_secs(86_400 * 400));
    assert_eq!(app.token("token_user", "u01").await, first);
    assert_ne!(app.token("token", "u2").await, first);
    assert_eq!(app.database.count("tokens").await, 2);
    assert_eq!(app.client().user(&format!("Token {first}")).await.field("username"), "user1");
}

async fn r_tok_02_authorization_scheme_is_case_insensitive(engine: Engine) {
    let app = TestApp::start(engine).await;
    let token = app.token("token", "u1").await;
    for scheme in ["Token", "token", "TOKEN", "Bearer"] {
        app.client().user(&format!("{scheme} {token}")).await.ok();
    }
}

async fn r_jwt_01_to_03_tokens_carry_their_token_type(engine: Engine) {
    let app = TestApp::start(engine).await;
    let pair = app.login("jwt-pair", "u1").await.ok();
    let token_type = |token: &Value| claims(token.as_str().expect("a token"))["token_type"].clone();
    assert_eq!((token_type(&pair["token"]), token_type(&pair["refresh"])), (json!("access"), json!("refresh")));
    let sliding = app.login("jwt-sliding", "u01").await.ok();
    assert_eq!(token_type(&sliding["token"]), "sliding");
}

async fn r_jwt_04_claims_and_lifetimes_of_a_pair(engine: Engine) {
    let app = TestApp::start(engine).await;
    let pair = app.login("jwt-pair", "u1").await;
    let (access, refresh) = (pair.field("token"), pair.field("refresh"));
    assert_eq!(jwt_header(&access).to_string(), r#"{"alg":"HS256","typ":"JWT"}"#);
    let (access, refresh) = (claims(&access), claims(&refresh));
    for (token, kind, lifetime) in [(&access, "access", 300), (&refresh, "refresh", 86_400)] {
        let jti = token["jti"].as_str().expect("a jti");
        assert!(jti.len() == 32 && jti.bytes().all(|byte| byte.is_ascii_hexdigit()), "{jti}");
        // `gen` is not a claim of DRSA: it is the user's credential generation, initially the time of creation.
        let expected = json!({"token_type": kind, "exp": NOW + lifetime, "iat": NOW, "jti": jti, "user_id": "1",
            "gen": NOW * 1000});
        assert_eq!(token.to_string(), expected.to_string(), "the claims have this order");
    }
    assert_ne!(access["jti"], refresh["jti"]);
}

async fn r_jwt_05_claims_and_lifetimes_of_a_sliding_token(engine: Engine) {
    let app = TestApp::start(engine).await;
    let token = claims(&app.token("jwt-sliding", "u1").await);
    let expected = json!({"token_type": "sliding", "exp": NOW + 300, "iat": NOW, "jti": token["jti"],
        "refresh_exp": NOW + 86_400, "user_id": "1", "gen": NOW * 1000});
    assert_eq!(token.to_string(), expected.to_string());
}

async fn r_jwt_06_user_variants_contain_the_user_as_claims(engine: Engine) {
    let app = TestApp::start(engine).await;
    let pair = app.login("jwt-pair-user", "u1").await;
    let sliding = app.token("jwt-sliding-user", "u01").await;
    for token in [pair.field("token"), pair.field("refresh"), sliding] {
        let claims = claims(&token);
        let names: Vec<&String> = claims.as_object().expect("claims").keys().collect();
        assert_eq!(
            names[names.len() - 6..],
            ["user_id", "gen", "username", "first_name", "last_name", "email"],
            "{claims}"
        );
        assert_eq!((&claims["username"], &claims["email"]), (&json!("user1"), &json!("user1@example.com")));
    }
    let plain = claims(&app.token("jwt-pair", "u001").await);
    assert!(plain.get("username").is_none(), "{plain}");
}

async fn r_jwt_07_authorization_scheme_is_configurable(engine: Engine) {
    let app = TestApp::start(engine).await;
    let (access, sliding) = (app.token("jwt-pair", "u1").await, app.token("jwt-sliding", "u01").await);
    for token in [&access, &sliding] {
        app.client().user(&format!("Bearer {token}")).await.ok();
        // Schemes are case-insensitive (RFC 9110, section 11.1); simplejwt compares them exactly.
        app.client().user(&format!("bearer {token}")).await.ok();
    }
    let app = TestApp::builder(engine).with("SIMPLE_JWT_AUTH_HEADER_TYPES", "JWT").start().await;
    let token = app.token("jwt-pair", "u1").await;
    app.client().user(&format!("JWT {token}")).await.ok();
    assert_eq!(app.client().user(&format!("Bearer {token}")).await.status, 401);
}

async fn r_jwt_08_refresh_and_sliding_tokens_are_stored_by_jti(engine: Engine) {
    let app = TestApp::start(engine).await;
    let refresh = claims(&app.login("jwt-pair", "u1").await.field("refresh"));
    let sliding = claims(&app.token("jwt-sliding", "u2").await);
    // A token that is refreshed at the last moment issues one that is valid for an access or sliding lifetime, 300 s.
    for (token, kind, user) in [(refresh, "jwt-pair", 1), (sliding, "jwt-sliding", 2)] {
        let jti = token["jti"].as_str().expect("a jti");
        let row = format!(
            "SELECT count(*) FROM refresh_tokens WHERE jti = '{jti}' AND kind = '{kind}' AND user_id = {user}
            AND expires = {}",
            (NOW + 86_400 + 300) * 1000
        );
        assert_eq!(app.database.number(&row).await, 1, "{kind}");
    }
}

async fn r_jwt_09_issuer_audience_and_user_id_claim_are_configurable(engine: Engine) {
    let plan = TestApp::builder(engine).with("SIMPLE_JWT_ISSUER", "us").with("SIMPLE_JWT_AUDIENCE", "them");
    let app = plan.with("SIMPLE_JWT_USER_ID_CLAIM", "sub").with("SIMPLE_JWT_ACCESS_TOKEN_LIFETIME", "60").start().await;
    let token = app.token("jwt-pair", "u1").await;
    let claims = claims(&token);
    assert_eq!((&claims["iss"], &claims["aud"], &claims["sub"]), (&json!("us"), &json!("them"), &json!("1")));
    assert_eq!(claims["exp"], NOW + 60);
    assert!(claims.get("user_id").is_none());
    app.client().user(&format!("Bearer {token}")).await.ok();
}

async fn r_jwt_04_and_05_lifetimes_and_claim_names_are_configurable(engine: Engine) {
    let mut plan = TestApp::builder(engine);
    for (name, value) in [
        ("REFRESH_TOKEN_LIFETIME", "7200"),
        ("SLIDING_TOKEN_LIFETIME", "120"),
        ("SLIDING_TOKEN_REFRESH_LIFETIME", "900"),
        ("SLIDING_TOKEN_REFRESH_EXP_CLAIM", "until"),
        ("TOKEN_TYPE_CLAIM", "kind"),
        ("JTI_CLAIM", "nr"),
    ] {
        plan = plan.with(&format!("SIMPLE_JWT_{name}"), value);
    }
    let app = plan.start().await;
    let refresh = claims(&app.login("jwt-pair", "u1").await.field("refresh"));
    assert_eq!((&refresh["exp"], &refresh["kind"]), (&json!(NOW + 7200), &json!("refresh")));
    assert!(refresh["nr"].is_string() && refresh.get("jti").is_none() && refresh.get("token_type").is_none());
    let token = app.token("jwt-sliding", "u01").await;
    let sliding = claims(&token);
    assert_eq!((&sliding["exp"], &sliding["until"]), (&json!(NOW + 120), &json!(NOW + 900)));
    app.client().user(&format!("Bearer {token}")).await.ok();
    // It can be refreshed until `until`.
    let mut token = token;
    for _ in 0..8 {
        app.advance(std::time::Duration::from_secs(110));
        let renew = app.client().post("/api/token/sliding/refresh/").json(&json!({"token": token}));
        token = renew.send().await.field("token");
        assert_eq!(claims(&token)["until"], NOW + 900);
    }
    app.advance(std::time::Duration::from_secs(21));
    let renew = app.client().post("/api/token/sliding/refresh/").json(&json!({"token": token}));
    renew.send().await.problem(401, "token_not_valid");
}

async fn r_knx_01_every_login_issues_a_new_token(engine: Engine) {
    let app = TestApp::start(engine).await;
    let (first, second) = (app.token("knox", "u1").await, app.token("knox_user", "u01").await);
    for token in [&first, &second] {
        assert!(token.len() == 64 && token.bytes().all(|byte| b"0123456789abcdef".contains(&byte)), "{token}");
        app.client().user(&format!("Token {token}")).await.ok();
    }
    assert_ne!(first, second);
}

async fn r_knx_03_digest_and_first_fifteen_characters_are_stored(engine: Engine) {
    let app = TestApp::start(engine).await;
    let token = app.token("knox", "u1").await;
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA512, token.as_bytes());
    let row = format!(
        "SELECT count(*) FROM knox_tokens WHERE digest = '{}' AND token_key = '{}' AND expires = {}",
        data_encoding::HEXLOWER.encode(digest.as_ref()),
        &token[..15],
        (NOW + 36_000) * 1000
    );
    assert_eq!(app.database.number(&row).await, 1);
}

async fn r_knx_04_scheme_is_case_insensitive_and_the_token_expires(engine: Engine) {
    let app = TestApp::start(engine).await;
    let token = app.token("knox", "u1").await;
    for scheme in ["Token", "token", "TOKEN"] {
        app.client().user(&format!("{scheme} {token}")).await.ok();
    }
    app.advance(std::time::Duration::from_secs(36_000));
    let refused = app.client().user(&format!("Token {token}")).await;
    assert_eq!(refused.problem(401, "invalid_token")["detail"], "Invalid token.");
    assert_eq!(refused.header("www-authenticate"), Some("Token"));
    assert_eq!(app.database.count("knox_tokens").await, 0, "an expired token is deleted when it is used");
}

async fn knox_prefix_and_length_are_configurable(engine: Engine) {
    let plan = TestApp::builder(engine)
        .with("REST_KNOX_TOKEN_PREFIX", "kx_")
        .with("REST_KNOX_AUTH_TOKEN_CHARACTER_LENGTH", "70");
    let app = plan.with("REST_KNOX_TOKEN_TTL", "60").with("REST_KNOX_AUTH_HEADER_PREFIX", "Knox").start().await;
    let token = app.token("knox", "u1").await;
    assert!(token.starts_with("kx_") && token.len() == 73, "{token}");
    app.client().user(&format!("knox {token}")).await.ok();
    app.advance(std::time::Duration::from_secs(60));
    assert_eq!(app.client().user(&format!("Knox {token}")).await.status, 401);
}

async fn knox_auto_refresh_extends_a_used_token_up_to_the_maximum_ttl(engine: Engine) {
    let plan = TestApp::builder(engine).with("REST_KNOX_TOKEN_TTL", "600").with("REST_KNOX_AUTO_REFRESH", "True");
    let plan = plan.with("REST_KNOX_AUTO_REFRESH_MAX_TTL", "1000").with("REST_KNOX_MIN_REFRESH_INTERVAL", "60");
    let app = plan.start().await;
    let token = format!("Token {}", app.token("knox", "u1").await);
    let expires = "SELECT expires FROM knox_tokens";
    for (elapsed, expires_after) in [(50, 600), (250, 900), (200, 1000), (499, 1000)] {
        app.advance(std::time::Duration::from_secs(elapsed));
        app.client().user(&token).await.ok();
        let expected = (NOW + expires_after) * 1000;
        assert_eq!(app.database.number(expires).await, expected, "{elapsed} s later");
    }
    app.advance(std::time::Duration::from_secs(1));
    app.client().user(&token).await.problem(401, "invalid_token");
}

async fn knox_token_limit_refuses_the_login_and_writes_nothing(engine: Engine) {
    let app = TestApp::builder(engine).with("REST_KNOX_TOKEN_LIMIT_PER_USER", "2").start().await;
    let first = format!("Token {}", app.token("knox", "u1").await);
    app.advance(std::time::Duration::from_secs(60));
    app.login("knox_user", "u01").await.ok();
    let refused = app.login("knox", "u001").await.problem(403, "token_limit_exceeded");
    assert_eq!(refused["detail"], "Maximum amount of tokens allowed per user exceeded.");
    assert_eq!(app.database.count("knox_tokens").await, 2);
    app.link("knox/facebook", &first, "u2").await.problem(403, "token_limit_exceeded");
    assert_eq!(app.database.count("social_accounts").await, 1, "the refused login wrote nothing");
    app.login("token", "u0001").await.ok();
    app.login("knox", "u3").await.ok();
    // Expired tokens do not count.
    app.advance(std::time::Duration::from_secs(36_000 - 60));
    app.login("knox", "u00001").await.ok();
    app.login("knox", "u000001").await.problem(403, "token_limit_exceeded");
}

async fn knox_token_limit_holds_for_concurrent_logins(engine: Engine) {
    let app = TestApp::builder(engine).with("REST_KNOX_TOKEN_LIMIT_PER_USER", "3").start().await;
    // Two accounts of one user: a lock on the account's row does not serialize the logins.
    let token = format!("Token {}", app.token("token", "u1").await);
    app.link("token/facebook", &token, "u1").await.ok();
    let logins = (1..=8).map(|n| {
        let (provider, code) = (["github", "facebook"][n % 2], format!("u{}1", "0".repeat(n)));
        let client = app.client();
        async move { client.login(&format!("knox/{provider}"), json!({"code": code})).await.status }
    });
    let mut statuses = futures_util::future::join_all(logins).await;
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 200, 403, 403, 403, 403, 403]);
    assert_eq!(app.database.count("knox_tokens").await, 3);
}
