//! SEC-32 to SEC-36: sessions, cookies, cross-site requests, CORS and security headers.

use std::time::Duration;

use serde_json::json;

use crate::support::{Client, Engine, FRONTEND, TestApp, on_both_databases};

on_both_databases! {
    sec_32_every_login_replaces_the_session_id,
    sec_32_session_expires_by_age_and_idle_time,
    sec_33_https_cookies_are_host_bound_and_secure,
    sec_33_loopback_cookies_are_not_secure,
    sec_34_session_cookie_needs_an_allowed_origin,
    sec_34_session_routes_refuse_other_sites,
    sec_34_other_routes_use_the_origin_for_the_redirect_uri_only,
    sec_34_authorization_header_takes_precedence_over_the_cookie,
    sec_35_cors_origins_match_exactly,
    sec_35_preflight_is_answered_for_allowed_origins,
    sec_36_every_response_has_the_security_headers,
}

const EVIL: &str = "https://evil.example";

async fn signed_in(app: &TestApp, code: &str) -> Client {
    let browser = app.browser();
    browser.login("session/github", json!({"code": code})).await.ok();
    browser
}

async fn sec_32_every_login_replaces_the_session_id(engine: Engine) {
    let app = TestApp::start(engine).await;
    let browser = app.browser();
    browser.set_cookie("sessionid", "fixed-by-an-attacker");
    let login = |code: &'static str| {
        let post = browser.post("/api/login/social/session/github/").header("origin", &app.node.base);
        post.json(&json!({"code": code})).send()
    };
    login("u1").await.ok();
    let first = browser.cookie("sessionid").expect("a session");
    assert_ne!(first, "fixed-by-an-attacker");
    login("u01").await.ok();
    let second = browser.cookie("sessionid").expect("a session");
    assert_ne!(first, second);
    for (value, status) in [("fixed-by-an-attacker", 401), (first.as_str(), 401), (second.as_str(), 200)] {
        let other = app.browser();
        other.set_cookie("sessionid", value);
        assert_eq!(other.get("/api/user/").send().await.status, status);
    }
    assert_eq!(app.database.count("sessions").await, 1);
}

async fn sec_32_session_expires_by_age_and_idle_time(engine: Engine) {
    let app =
        TestApp::builder(engine).with("SESSION_COOKIE_AGE", "3600").with("SESSION_IDLE_TIMEOUT", "1000").start().await;
    let browser = signed_in(&app, "u1").await;
    for _ in 0..3 {
        app.advance(Duration::from_secs(900));
        browser.get("/api/user/").send().await.ok();
    }
    app.advance(Duration::from_secs(900));
    assert_eq!(browser.get("/api/user/").send().await.status, 401, "an hour old, though in use");
    let browser = signed_in(&app, "u01").await;
    app.advance(Duration::from_secs(1000));
    assert_eq!(browser.get("/api/user/").send().await.status, 401, "idle");
}

async fn sec_33_https_cookies_are_host_bound_and_secure(engine: Engine) {
    let app = TestApp::builder(engine).with("PUBLIC_URL", "https://login.example").start().await;
    let answer = app.client().login("session/github", json!({"code": "u1"})).await;
    let session = answer.set_cookie("__Host-sessionid").expect("a session cookie");
    let begun = app.client().post("/api/login/social/begin/github/").json(&json!({})).send().await;
    let authorization_request = begun.authorization_request_cookie();
    assert!(authorization_request.name.starts_with("__Host-"), "{}", authorization_request.name);
    for cookie in [session, authorization_request] {
        for (name, wanted) in [
            ("Secure", Some("")),
            ("HttpOnly", Some("")),
            ("SameSite", Some("Lax")),
            ("Path", Some("/")),
            ("Domain", None),
        ] {
            assert_eq!(cookie.attribute(name), wanted, "{name} of {}", cookie.name);
        }
    }
    let browser = app.browser();
    browser.set_cookie("__Host-sessionid", &answer.set_cookie("__Host-sessionid").expect("a session cookie").value);
    browser.get("/api/user/").send().await.ok();
    let plain = app.browser();
    plain.set_cookie("sessionid", &answer.set_cookie("__Host-sessionid").expect("a session cookie").value);
    assert_eq!(plain.get("/api/user/").send().await.status, 401, "a cookie that any subdomain could set");
}

async fn sec_33_loopback_cookies_are_not_secure(engine: Engine) {
    let app = TestApp::start(engine).await;
    let answer = app.client().login("session/github", json!({"code": "u1"})).await;
    let cookie = answer.set_cookie("sessionid").expect("a session cookie");
    assert_eq!(
        (cookie.attribute("Secure"), cookie.attribute("HttpOnly"), cookie.attribute("Domain")),
        (None, Some(""), None)
    );
}

async fn sec_34_session_cookie_needs_an_allowed_origin(engine: Engine) {
    let app = TestApp::start(engine).await;
    let browser = signed_in(&app, "u1").await;
    for (name, value) in [
        ("origin", EVIL),
        ("origin", "null"),
        ("origin", "https://front.example/"),
        ("sec-fetch-site", "cross-site"),
        ("x-csrftoken", "whatever"),
    ] {
        for path in ["/api/logout/all/", "/api/session/logout/", "/api/login/social/session/github/"] {
            let post = browser.post(path).header(name, value);
            post.json(&json!({"code": "u2"})).send().await.problem(403, "csrf_failed");
        }
    }
    for body in ["application/x-www-form-urlencoded", "text/plain"] {
        let post = browser.post("/api/logout/all/").header("origin", EVIL).body(body, "code=u2");
        post.send().await.problem(403, "csrf_failed");
    }
    let bare = browser.post("/api/logout/all/").send().await;
    bare.problem(403, "csrf_failed");
    let by_get = browser.get("/api/logout/all/").header("origin", EVIL).send().await;
    by_get.problem(405, "method_not_allowed");
    browser.get("/api/user/").send().await.ok();
    assert_eq!(app.database.count("users").await, 1);

    for (n, (name, value)) in
        [("origin", FRONTEND), ("origin", app.node.base.as_str()), ("sec-fetch-site", "same-origin")].iter().enumerate()
    {
        let browser = signed_in(&app, &format!("u{}1", "0".repeat(n + 1))).await;
        assert_eq!(browser.post("/api/logout/all/").header(name, value).send().await.status, 204, "{name}: {value}");
    }
}

async fn sec_34_session_routes_refuse_other_sites(engine: Engine) {
    let app = TestApp::start(engine).await;
    let post = |path: &str| app.client().post(path);
    for path in [
        "/api/login/social/session/github/",
        "/api/login/social/session/",
        "/api/login/social/",
        "/api/login/social/github/",
    ] {
        let body = json!({"provider": "github", "code": "u1"});
        post(path).header("origin", EVIL).json(&body).send().await.problem(403, "csrf_failed");
        post(path).header("sec-fetch-site", "cross-site").json(&body).send().await.problem(403, "csrf_failed");
        let twice = post(path).header("origin", FRONTEND).header("origin", EVIL).json(&body).send().await;
        twice.problem(403, "csrf_failed");
    }
    assert!(app.double.calls().is_empty());
    // When Origin is present it decides: the front-end may be another site than the server.
    let front =
        post("/api/login/social/session/github/").header("origin", FRONTEND).header("sec-fetch-site", "cross-site");
    front.json(&json!({"code": "u1"})).send().await.ok();
    // A front-end may still send Django's CSRF token.
    let classic = post("/api/login/social/session/github/").header("origin", FRONTEND).header("x-csrftoken", "abc");
    classic.json(&json!({"code": "u01"})).send().await.ok();
}

async fn sec_34_other_routes_use_the_origin_for_the_redirect_uri_only(engine: Engine) {
    let app = TestApp::builder(engine).with("REST_SOCIAL_DOMAIN_FROM_ORIGIN", "false").start().await;
    for kind in ["token", "jwt-pair", "jwt-sliding", "knox"] {
        let post = app.client().post(&format!("/api/login/social/{kind}/github/")).header("origin", EVIL);
        let answer = post.json(&json!({"code": format!("u{}", kind.len())})).send().await;
        answer.ok();
        assert_eq!(answer.header("access-control-allow-origin"), None, "its script cannot read the answer");
    }
}

async fn sec_34_authorization_header_takes_precedence_over_the_cookie(engine: Engine) {
    let app = TestApp::start(engine).await;
    let browser = signed_in(&app, "u1").await;
    let session = browser.cookie("sessionid").expect("a session");
    let other = format!("Token {}", app.token("token", "u2").await);
    // With both, the user of the header is logged out and no origin is needed.
    let out = browser.post("/api/logout/all/").header("authorization", &other).send().await;
    assert_eq!(out.status, 204, "{}", out.text);
    browser.set_cookie("sessionid", &session);
    browser.get("/api/user/").send().await.ok();
    assert_eq!(app.client().user(&other).await.status, 401);
}

async fn sec_35_cors_origins_match_exactly(engine: Engine) {
    let app = TestApp::start(engine).await;
    let token = format!("Token {}", app.token("token", "u1").await);
    let get =
        |origin: &str| app.client().get("/api/user/").header("authorization", &token).header("origin", origin).send();
    let listed = get(FRONTEND).await;
    assert_eq!(listed.header("access-control-allow-origin"), Some(FRONTEND));
    assert_eq!(listed.header("access-control-allow-credentials"), Some("true"));
    for origin in [
        EVIL,
        "null",
        "https://sub.front.example",
        "https://front.example.evil.example",
        "http://front.example",
        "https://FRONT.example",
    ] {
        let answer = get(origin).await;
        assert_eq!(answer.status, 200, "{origin}");
        assert_eq!(answer.header("access-control-allow-origin"), None, "{origin}");
        assert_eq!(answer.header("access-control-allow-credentials"), None, "{origin}");
        assert!(
            answer.headers("vary").join(",").to_lowercase().contains("origin"),
            "{origin}: {}",
            answer.headers_and_body()
        );
    }
    // A front-end of an allowed origin can read error responses too.
    let refused = app.client().get("/api/user/").header("origin", FRONTEND).send().await;
    assert_eq!((refused.status, refused.header("access-control-allow-origin")), (401, Some(FRONTEND)));
}

async fn sec_35_preflight_is_answered_for_allowed_origins(engine: Engine) {
    let app = TestApp::builder(engine).with("CORS_ALLOW_HEADERS", "X-Tenant").start().await;
    let ask = |origin: &str, path: &str| {
        let request = app.client().request("OPTIONS", path).header("origin", origin);
        let request = request.header("access-control-request-method", "POST");
        request.header("access-control-request-headers", "authorization,content-type,x-csrftoken,x-request-id").send()
    };
    for path in
        ["/api/login/social/jwt-pair/github/", "/api/login/social/begin/github/", "/api/user/", "/api/token/refresh/"]
    {
        let answer = ask(FRONTEND, path).await;
        assert!(matches!(answer.status, 200 | 204), "{path}: {}", answer.status);
        assert_eq!(answer.header("access-control-allow-origin"), Some(FRONTEND), "{path}");
        assert_eq!(answer.header("access-control-allow-credentials"), Some("true"));
        let allowed = answer.headers("access-control-allow-headers").join(",").to_lowercase();
        let allowed: Vec<&str> = allowed.split(',').map(str::trim).collect();
        for header in ["authorization", "content-type", "accept", "x-csrftoken", "x-request-id"] {
            assert!(allowed.contains(&header), "{header} in {allowed:?}");
        }
        // Headers that libraries add to every request, and one of the setting.
        for header in ["x-requested-with", "traceparent", "tracestate", "baggage", "sentry-trace", "x-tenant"] {
            assert!(allowed.contains(&header), "{header} in {allowed:?}");
        }
        let wanted = if path == "/api/user/" { "GET" } else { "POST" };
        assert!(answer.headers("access-control-allow-methods").join(",").contains(wanted), "{path}");
        assert!(answer.header("access-control-max-age").is_some_and(|age| age.parse::<u32>().is_ok_and(|age| age > 0)));
        let evil = ask(EVIL, path).await;
        assert_eq!(evil.header("access-control-allow-origin"), None, "{path}");
    }
}

async fn sec_36_every_response_has_the_security_headers(engine: Engine) {
    let app = TestApp::start(engine).await;
    let token = format!("Token {}", app.token("token", "u1").await);
    let answers = [
        app.login("session", "u01").await,
        app.login("token", "bad").await,
        app.client().user(&token).await,
        app.client().get("/api/user/").send().await,
        app.client().get("/api/nothing/").send().await,
        app.client().post("/api/token/verify/").json(&json!({"token": "x"})).send().await,
        app.client().post("/api/login/social/begin/github/").json(&json!({})).send().await,
    ];
    for answer in answers {
        let shown = answer.headers_and_body();
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{shown}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{shown}");
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"), "{shown}");
        let policy = answer.header("content-security-policy").unwrap_or_default();
        assert!(policy.contains("frame-ancestors 'none'"), "{shown}");
        assert!(answer.header("x-request-id").is_some_and(|id| id.len() >= 16), "{shown}");
        assert_eq!(answer.header("strict-transport-security"), None, "off by default");
    }
    for bad in ["a b\"<>", &"x".repeat(5000)] {
        let answer = app.client().get("/api/user/").header("x-request-id", bad).send().await;
        assert_ne!(answer.header("x-request-id"), Some(bad), "a made one instead");
        assert!(answer.header("x-request-id").is_some() || answer.status >= 400);
    }
    let hsts = TestApp::builder(engine).with("HSTS", "true").with("PUBLIC_URL", "https://login.example").start().await;
    let answer = hsts.client().get("/api/user/").send().await;
    assert!(answer.header("strict-transport-security").is_some_and(|value| value.contains("max-age=")));
}
