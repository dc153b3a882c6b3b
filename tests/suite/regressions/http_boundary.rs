//! Request headers: an invalid one does not hide others, and headers of untrusted clients are ignored.

use std::collections::BTreeSet;

use rest_social_auth::model::AuditFilter;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::{Engine, FRONTEND, TestApp, on_both_databases};

on_both_databases! {
    fault_b4_invalid_cookie_does_not_hide_other_cookies,
    blank_authorization_header_is_ignored,
    session_is_found_among_several_cookies_with_its_name,
    fault_b5_x_forwarded_for_is_read_from_the_right,
    fault_b14_retry_after_is_sent_and_exposed_by_cors,
    fault_a28_request_needs_exactly_one_valid_host,
    fault_a28_request_id_is_accepted_from_trusted_proxies_only,
}

async fn fault_b4_invalid_cookie_does_not_hide_other_cookies(engine: Engine) {
    let app = TestApp::start(engine).await;
    let browser = app.browser();
    let first = app.begin(&browser, "github", json!({})).await;
    let begun = app.begin(&browser, "github", json!({})).await;
    browser.login("session/github", json!({"code": "u1", "state": first.state})).await.ok();
    let cookies = |names: &[&str]| {
        let mut line = b"theme=\xff\xfe; na\xefve=1; ".to_vec();
        for name in names {
            line.extend(format!("{name}={}; ", browser.cookie(name).expect("a cookie")).into_bytes());
        }
        line.extend(b"city=K\xf6ln; emoji=\xf0\x9f\x98\x80");
        line
    };
    let user = app.client().get("/api/user/").header("cookie", cookies(&["sessionid"])).send().await;
    assert_eq!(user.field("username"), "user1");
    let login =
        app.client().post("/api/login/social/token/github/").header("cookie", cookies(&["rsa_authorization_request"]));
    login.json(&json!({"code": "u01", "state": begun.state})).send().await.ok();
}

async fn blank_authorization_header_is_ignored(engine: Engine) {
    let app = TestApp::start(engine).await;
    let browser = app.browser();
    browser.login("session/github", json!({"code": "u1"})).await.ok();
    let mut code = 10;
    for blank in ["", " ", "\t "] {
        let user = browser.get("/api/user/").header("authorization", blank).send().await;
        assert_eq!(user.field("username"), "user1", "{blank:?}: the session cookie decides");
        let anonymous = app.client().get("/api/user/").header("authorization", blank).send().await;
        anonymous.problem(401, "not_authenticated");
        for route in ["token", "jwt-pair", "jwt-sliding", "knox", "session"] {
            code += 1;
            let login = app.client().post(&format!("/api/login/social/{route}/github/"));
            login.header("authorization", blank).json(&json!({"code": format!("u{code}")})).send().await.ok();
        }
    }
    for lines in [&[&b"\xff"[..]][..], &[b"", b""], &[b"", b"Token x"]] {
        let request = browser.get("/api/user/");
        let request = lines.iter().fold(request, |request, line| request.header("authorization", line));
        assert_eq!(request.send().await.status, 401, "{lines:?}");
    }
}

/// Another server on the same host or on a parent domain may set a cookie with this name.
async fn session_is_found_among_several_cookies_with_its_name(engine: Engine) {
    let app = TestApp::start(engine).await;
    let browser = app.browser();
    browser.login("session/github", json!({"code": "u1"})).await.ok();
    let own = browser.cookie("sessionid").expect("a session");
    let user = |cookies: String| app.client().get("/api/user/").header("cookie", cookies).send();
    let others = |count: usize| "sessionid=; ".to_owned() + &"sessionid=of-another-server; ".repeat(count);
    for count in 0..4 {
        let before = user(format!("{}sessionid={own}", others(count))).await;
        assert_eq!(before.field("username"), "user1", "after {count} others");
        assert_eq!(user(format!("sessionid={own}; {}", others(count))).await.field("username"), "user1");
    }
    user(format!("{}sessionid={own}", others(4))).await.problem(401, "not_authenticated");
    let out = app.client().post("/api/session/logout/").header("origin", FRONTEND);
    out.header("cookie", format!("{}sessionid={own}", others(1))).send().await;
    user(format!("sessionid={own}")).await.problem(401, "not_authenticated");
}

async fn fault_b5_x_forwarded_for_is_read_from_the_right(engine: Engine) {
    let app = TestApp::builder(engine).with("TRUSTED_PROXIES", "127.0.0.1,10.0.0.0/8").start().await;
    let refused = |lines: &[&[u8]]| {
        let request = app.client().post("/api/login/social/token/github/").json(&json!({"code": "bad"}));
        lines.iter().fold(request, |request, line| request.header("x-forwarded-for", line)).send()
    };
    for (lines, address) in [
        (&[&b"\xc3\xa9, 1.2.3.4"[..]][..], "1.2.3.4"),
        (&[b"\xff\xfe,192.0.2.1, 1.2.3.4\t, 10.0.0.7"], "1.2.3.4"),
        (&[b"\xff", b"1.2.3.4"], "1.2.3.4"),
        (&[b"1.2.3.4, \xff, 10.0.0.7"], "10.0.0.7"),
        (&[b"\xff"], "127.0.0.1"),
        // RFC 9110, 5.6.1.2: empty elements are ignored.
        (&[b"1.2.3.4 , "], "1.2.3.4"),
        (&[b"1.2.3.4,,\t,10.0.0.7,", b""], "1.2.3.4"),
    ] {
        assert_eq!(refused(lines).await.status, 400);
        let repository = app.database.repository().await;
        let events = repository.audit_events(&AuditFilter::default(), 1).await.expect("the audit log");
        assert_eq!(events[0].ip.as_deref(), Some(address), "{lines:?}");
    }
}

async fn fault_b14_retry_after_is_sent_and_exposed_by_cors(engine: Engine) {
    let app = TestApp::start(engine).await;
    app.database.run("DROP TABLE authorization_requests").await;
    let begin = app.client().post("/api/login/social/begin/github/").header("origin", FRONTEND).json(&json!({}));
    let answer = begin.send().await;
    answer.problem(503, "database_unavailable");
    assert!(answer.header("retry-after").is_some_and(|seconds| seconds.parse::<u32>().is_ok_and(|n| n > 0)));
    let exposed = answer.headers("access-control-expose-headers").join(",").to_lowercase();
    assert!(exposed.contains("retry-after"), "{exposed}");
    assert_eq!(answer.header("vary"), Some("Origin"));
    assert_eq!(app.client().get("/api/user/").send().await.header("retry-after"), None);
}

async fn fault_a28_request_needs_exactly_one_valid_host(engine: Engine) {
    let app = TestApp::start(engine).await;
    let address = app.node.base.trim_start_matches("http://").to_owned();
    let status = |head: String| {
        let address = address.clone();
        async move {
            let mut socket = tokio::net::TcpStream::connect(address).await.expect("a connection");
            socket.write_all(format!("{head}connection: close\r\n\r\n").as_bytes()).await.expect("a write");
            let mut answer = String::new();
            socket.read_to_string(&mut answer).await.expect("an answer");
            answer.split(' ').nth(1).unwrap_or_default().to_owned()
        }
    };
    let ok = format!("GET /healthz HTTP/1.1\r\nhost: {address}\r\n");
    assert_eq!(status(ok.clone()).await, "200");
    for head in [
        "GET /healthz HTTP/1.1\r\n".to_owned(),
        format!("{ok}host: {address}\r\n"),
        format!("{ok}Host: evil.example\r\n"),
        "GET /healthz HTTP/1.1\r\nhost:\r\n".to_owned(),
        "GET /healthz HTTP/1.1\r\nhost: a b\r\n".to_owned(),
        "GET /healthz HTTP/1.1\r\nhost: evil@sso.example\r\n".to_owned(),
    ] {
        assert_eq!(status(head.clone()).await, "400", "{head}");
    }
    assert_eq!(status("GET /healthz HTTP/1.0\r\n".to_owned()).await, "200");
}

async fn fault_a28_request_id_is_accepted_from_trusted_proxies_only(engine: Engine) {
    let mut seen = BTreeSet::new();
    let long = "x".repeat(129);
    for (proxies, id, is_taken) in [
        ("", "trace-0123456789", false),
        ("10.0.0.0/8", "trace-0123456789", false),
        ("127.0.0.0/8", "trace-0123456789", true),
        ("127.0.0.0/8", "a b\"<>", false),
        ("127.0.0.0/8", long.as_str(), false),
    ] {
        let app = TestApp::builder(engine).with("TRUSTED_PROXIES", proxies).start().await;
        let login = app.client().post("/api/login/social/token/github/").json(&json!({"code": "bad"}));
        let answer = login.header("x-request-id", id).send().await;
        let given = answer.header("x-request-id").expect("an id").to_owned();
        assert_eq!(given == id, is_taken, "{proxies:?}: {given}");
        let events =
            app.database.repository().await.audit_events(&AuditFilter::default(), 1).await.expect("the audit log");
        assert_eq!(events[0].request_id.as_deref(), Some(given.as_str()));
        assert!(seen.insert(given));
    }
}
