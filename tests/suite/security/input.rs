//! SEC-44 and SEC-46: limits on requests, and no provider text in responses.

use http_body_util::StreamBody;
use hyper::body::{Bytes, Frame};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::fake_users::GITHUB_TOKEN;
use crate::support::{Engine, Reply, TestApp, on_both_databases};

on_both_databases! {
    sec_44_body_size_is_limited,
    sec_44_json_depth_is_limited,
    sec_44_header_size_is_limited,
    sec_44_authorization_requests_are_swept,
    sec_46_provider_texts_are_not_echoed,
    sec_46_problem_reveals_no_type_file_or_query,
    unusual_texts_never_cause_a_500,
}

async fn sec_44_body_size_is_limited(engine: Engine) {
    let app = TestApp::start(engine).await;
    let body = |size: usize| json!({"code": "u1", "more": "x".repeat(size)}).to_string();
    let post = |path: &str| app.client().post(path);
    for path in ["/api/login/social/token/github/", "/api/login/social/begin/github/", "/api/token/verify/"] {
        let whole = post(path).body("application/json", body(66_000)).send().await;
        whole.problem(413, "too_large");
        let chunk = || Ok::<_, std::io::Error>(Frame::data(Bytes::from(vec![b'y'; 1000])));
        let chunks = StreamBody::new(futures_util::stream::iter((0..100).map(|_| chunk()).collect::<Vec<_>>()));
        let chunked = post(path).body("application/json", reqwest::Body::wrap(chunks)).send().await;
        chunked.problem(413, "too_large");
    }
    post("/api/login/social/token/github/").body("application/json", body(60_000)).send().await.ok();
    // A length that is announced is enough: no byte of these bodies is sent.
    let address = app.node.base.trim_start_matches("http://");
    for head in ["Content-Length: 66000", "Content-Length: 99999999", "Content-Length: 66000\r\nExpect: 100-continue"] {
        let mut socket = tokio::net::TcpStream::connect(address).await.expect("a connection");
        let request = format!(
            "POST /api/token/verify/ HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n{head}\r\n\r\n"
        );
        socket.write_all(request.as_bytes()).await.expect("a request");
        let mut answer = [0; 12];
        socket.read_exact(&mut answer).await.expect("an answer");
        assert_eq!(String::from_utf8_lossy(&answer), "HTTP/1.1 413", "{head}");
    }
    let fields: Vec<(String, String)> = (0..20_000).map(|n| (format!("f{n}"), String::new())).collect();
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    post("/api/login/social/token/github/").form(&fields).send().await.problem(413, "too_large");
}

async fn sec_44_json_depth_is_limited(engine: Engine) {
    let app = TestApp::start(engine).await;
    for deep in [format!("{}{}", "[".repeat(5000), "]".repeat(5000)), "{\"a\":".repeat(5000)] {
        let body = format!("{{\"code\":\"u1\",\"more\":{deep}}}");
        for path in ["/api/login/social/token/github/", "/api/login/social/begin/github/", "/api/token/verify/"] {
            let answer = app.client().post(path).body("application/json", body.clone()).send().await;
            answer.problem(400, "invalid_json");
        }
    }
    app.login("token", "u1").await.ok();
}

async fn sec_44_header_size_is_limited(engine: Engine) {
    let app = TestApp::start(engine).await;
    let answer = app.client().get("/api/user/").header("x-long", "x".repeat(600_000)).try_send().await;
    assert!(answer.is_err() || answer.is_ok_and(|answer| (400..500).contains(&answer.status)));
    // Bytes that are not HTTP close the connection; the server continues.
    let address = app.node.base.trim_start_matches("http://");
    let mut socket = tokio::net::TcpStream::connect(address).await.expect("a connection");
    socket.write_all(b"\x16\x03\x01 garbage\r\n\r\n").await.expect("a write");
    let mut rest = Vec::new();
    // The connection closes; a read error counts as closed.
    let _ = socket.read_to_end(&mut rest).await;
    app.login("token", "u1").await.ok();
}

async fn sec_44_authorization_requests_are_swept(engine: Engine) {
    let app = TestApp::start(engine).await;
    for _ in 0..12 {
        app.begin(&app.client(), "github", json!({})).await;
    }
    let repository = app.database.repository().await;
    rest_social_auth::store::sweep(repository.as_ref(), app.clock.now(), 5).await.expect("a sweep");
    assert_eq!(app.database.count("authorization_requests").await, 12, "what is not finished stays");
    app.database.run("UPDATE authorization_requests SET claimed = created").await;
    rest_social_auth::store::sweep(repository.as_ref(), app.clock.now(), 5).await.expect("a sweep");
    assert_eq!(app.database.count("authorization_requests").await, 5, "the oldest of those that are finished go");
    app.advance(std::time::Duration::from_secs(3600));
    rest_social_auth::store::sweep(repository.as_ref(), app.clock.now(), 5).await.expect("a sweep");
    assert_eq!(app.database.count("authorization_requests").await, 0, "expired rows are deleted");
}

async fn sec_46_provider_texts_are_not_echoed(engine: Engine) {
    let words = "<script>alert(1)</script> Traceback (most recent call last): at https://internal.example/x?secret=1";
    for verbose in ["False", "True"] {
        let app = TestApp::builder(engine).with("REST_SOCIAL_VERBOSE_ERRORS", verbose).start().await;
        for (n, reply) in [
            Reply::json(&json!({"error": words, "error_description": words})),
            Reply::json_at(400, &json!({"error": {"message": words}})),
            Reply::of(500, "text/html", words),
            Reply::of(200, "text/html", words),
        ]
        .into_iter()
        .enumerate()
        {
            app.double.always(GITHUB_TOKEN, reply);
            let answer = app.login("token", &format!("u{n}")).await;
            assert!(matches!(answer.status, 400 | 502), "{}", answer.text);
            for part in ["<script", "secret=1", "://internal"] {
                assert!(!answer.text.contains(part), "{part} in {}", answer.text);
            }
            if verbose == "False" {
                assert!(!answer.text.contains("Traceback"), "{}", answer.text);
            }
        }
        let callback = json!({"error": "access_denied", "error_description": words});
        let answer = app.client().login("token/github", callback).await;
        assert!(!answer.text.contains("<script") && !answer.text.contains("secret=1"), "{}", answer.text);
    }
}

async fn sec_46_problem_reveals_no_type_file_or_query(engine: Engine) {
    let app = TestApp::start(engine).await;
    let answers = [
        app.client().post("/api/login/social/token/").body("application/json", "{bad").send().await,
        app.client().post("/api/login/social/begin/github/").body("application/json", "5").send().await,
        app.client().post("/api/token/verify/").body("application/json", "{\"token\": {}}").send().await,
        app.client().get("/api/nothing/?secret=1").send().await,
    ];
    for answer in answers {
        assert!((400..500).contains(&answer.status), "{}", answer.text);
        for part in ["LoginInput", "::", ".rs", "secret=1", "panicked", "SELECT"] {
            assert!(!answer.text.contains(part), "{part} in {}", answer.text);
        }
    }
}

async fn unusual_texts_never_cause_a_500(engine: Engine) {
    let app = TestApp::start(engine).await;
    let texts = [
        "\u{0}",
        "\u{feff}",
        "\u{202e}",
        "😀",
        "'; DROP TABLE users; --",
        "%00",
        "\r\n",
        "../../etc/passwd",
        "\u{fffd}",
    ];
    let long = "x".repeat(20_000);
    for (n, text) in texts.iter().chain([&long.as_str()]).enumerate() {
        for field in
            ["code", "state", "flow_token", "redirect_uri", "provider", "oauth_token", "code_verifier", "error", "iss"]
        {
            let mut body = json!({"code": format!("u{n}")});
            body[field] = json!(text);
            for route in ["token", "token/github", "session/twitter", "begin/github"] {
                let answer = app.client().login(route, body.clone()).await;
                assert!(answer.status < 500 || answer.status == 502, "{field} = {text:?} at {route}: {}", answer.text);
            }
        }
        let path = format!(
            "/api/login/social/token/{}/",
            percent_encoding::utf8_percent_encode(
                &text.chars().take(200).collect::<String>(),
                percent_encoding::NON_ALPHANUMERIC
            )
        );
        let answer = app.client().post(&path).json(&json!({"code": "u1"})).send().await;
        assert!((400..500).contains(&answer.status), "{path}: {}", answer.text);
    }
    assert!(app.database.count("users").await > 0, "the table is there");
}
