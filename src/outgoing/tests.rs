//! The client against local servers that fail in the ways a provider can.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;
use url::Url;

use super::error::MAX_BODY_LEN;
use super::{Client, OutgoingError, Reply, Request};
use crate::settings::OutgoingRules;

fn rules() -> OutgoingRules {
    OutgoingRules {
        https_proxy: None,
        http_proxy: None,
        no_proxy: None,
        extra_roots: None,
        allow_private: true,
        connect_timeout: Duration::from_secs(5),
        timeout: Duration::from_secs(10),
        login_timeout: Duration::from_secs(15),
        user_agent: "test/1".to_owned(),
    }
}

fn public_only() -> OutgoingRules {
    OutgoingRules { allow_private: false, ..rules() }
}

async fn get(rules: &OutgoingRules, url: &str, limit: Duration) -> Result<Reply, OutgoingError> {
    let client = Client::new(rules).expect("the client is built");
    get_with(&client, url, limit).await
}

async fn get_with(client: &Client, url: &str, limit: Duration) -> Result<Reply, OutgoingError> {
    let request = Request::new(reqwest::Method::GET, Url::parse(url).expect("a URL"));
    client.send(&request, Instant::now() + limit).await
}

/// A deadline that no test reaches.
const LONG: Duration = Duration::from_secs(120);

/// Reads one request head; `None`: the client disconnected.
async fn head<S: AsyncRead + Unpin>(stream: &mut S) -> Option<String> {
    let mut text = Vec::new();
    while !text.ends_with(b"\r\n\r\n") {
        text.push(stream.read_u8().await.ok()?);
    }
    Some(String::from_utf8_lossy(&text).into_owned())
}

/// Starts a server that calls `serve` for every connection. Returns its base URL and the number of connections so far.
async fn server<F, R>(serve: F) -> (String, Arc<AtomicUsize>)
where
    F: Fn(TcpStream) -> R + Send + Sync + 'static,
    R: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = connections.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(serve(stream));
        }
    });
    (url, connections)
}

/// Answers every request of a connection with `answer`.
async fn always(mut stream: impl AsyncRead + AsyncWrite + Unpin, answer: &str) {
    while head(&mut stream).await.is_some() {
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

#[tokio::test]
async fn connections_are_reused() {
    let (url, connections) =
        server(|stream| always(stream, "HTTP/1.1 201 Created\r\nx-a: b\r\ncontent-length: 2\r\n\r\nhi")).await;
    let client = Client::new(&rules()).expect("the client is built");
    for _ in 0..3 {
        let reply = get_with(&client, &url, LONG).await.expect("an answer");
        assert_eq!((reply.status, reply.body.as_slice()), (201, &b"hi"[..]));
        assert_eq!(reply.headers["x-a"], "b");
    }
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn sec37_requests_have_a_user_agent_and_no_accept_encoding() {
    let (url, _) = server(|mut stream| async move {
        let head = head(&mut stream).await.unwrap_or_default().to_lowercase();
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{head}", head.len());
        let _ = stream.write_all(answer.as_bytes()).await;
    })
    .await;
    let reply = get(&rules(), &url, LONG).await.expect("an answer");
    let head = String::from_utf8(reply.body).expect("text");
    assert!(head.contains("user-agent: test/1"), "{head}");
    assert!(!head.contains("accept-encoding"), "{head}");
}

#[tokio::test]
async fn sec37_redirects_are_not_followed() {
    let (url, connections) = server(|stream| {
        always(stream, "HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n")
    })
    .await;
    assert_eq!(get(&rules(), &url, LONG).await.expect("an answer").status, 302);
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn sec37_a_silent_provider_times_out_at_the_deadline() {
    let (url, _) = server(|stream| async move {
        let _held = stream;
        std::future::pending::<()>().await;
    })
    .await;
    let result = get(&rules(), &url, Duration::from_millis(300)).await;
    assert!(matches!(result, Err(OutgoingError::Timeout)), "{result:?}");
}

#[tokio::test]
async fn sec37_a_slow_body_times_out_at_the_limit_of_one_call() {
    let (url, _) = server(|mut stream| async move {
        let _ = head(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n").await;
        while stream.write_all(b".").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    let rules = OutgoingRules { timeout: Duration::from_millis(300), ..rules() };
    let result = get(&rules, &url, LONG).await;
    assert!(matches!(result, Err(OutgoingError::Timeout)), "{result:?}");
}

#[tokio::test]
async fn sec37_reading_an_endless_body_stops_at_one_mebibyte() {
    let sent = Arc::new(AtomicUsize::new(0));
    let counted = sent.clone();
    let (url, _) = server(move |mut stream| {
        let counted = counted.clone();
        async move {
            let _ = head(&mut stream).await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await;
            let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
            while stream.write_all(chunk.as_bytes()).await.is_ok() {
                counted.fetch_add(chunk.len(), Ordering::SeqCst);
            }
        }
    })
    .await;
    let result = get(&rules(), &url, LONG).await;
    assert!(matches!(result, Err(OutgoingError::TooLarge)), "{result:?}");
    assert!(sent.load(Ordering::SeqCst) < 16 * MAX_BODY_LEN);
}

#[tokio::test]
async fn sec37_a_body_with_a_large_content_length_is_not_read() {
    let (url, _) = server(|stream| always(stream, "HTTP/1.1 200 OK\r\ncontent-length: 10000000000\r\n\r\n")).await;
    let result = get(&rules(), &url, LONG).await;
    assert!(matches!(result, Err(OutgoingError::TooLarge)), "{result:?}");
}

#[tokio::test]
async fn the_error_of_an_incomplete_answer_has_no_url() {
    let (url, _) = server(|mut stream| async move {
        let _ = head(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf").await;
    })
    .await;
    let error = get(&rules(), &format!("{url}/?code=secret"), LONG).await.expect_err("broken");
    assert!(matches!(error, OutgoingError::Broken(_)), "{error:?}");
    assert!(!error.to_string().contains("secret"), "{error}");

    let (url, connections) = server(|mut stream| async move {
        let _ = head(&mut stream).await;
    })
    .await;
    let error = get(&rules(), &format!("{url}/?code=secret"), LONG).await.expect_err("closed");
    assert!(matches!(error, OutgoingError::Broken(_)), "{error:?}");
    assert!(!format!("{error:?}").contains("secret"), "{error:?}");
    assert_eq!(connections.load(Ordering::SeqCst), 1, "a request is sent once");
}

#[tokio::test]
async fn the_error_of_a_closed_port_has_no_url() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    let error = get(&rules(), &format!("http://{address}/?code=secret"), LONG).await.expect_err("closed");
    assert!(matches!(error, OutgoingError::Unreachable { .. }), "{error:?}");
    assert!(!format!("{error:?} {error}").contains("secret"), "{error:?}");
}

#[tokio::test]
async fn sec37_private_addresses_and_plain_http_are_refused() {
    let port = TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("an address").port();
    for url in [
        format!("https://127.0.0.1:{port}/"),
        format!("https://localhost:{port}/"),
        "https://2130706433/".to_owned(),
        "https://0x7f.1/".to_owned(),
        "https://[::1]/".to_owned(),
        "https://[::ffff:169.254.169.254]/".to_owned(),
        "https://169.254.169.254/".to_owned(),
        "http://provider.example/".to_owned(),
        "ftp://provider.example/".to_owned(),
    ] {
        let result = get(&public_only(), &url, LONG).await;
        assert!(matches!(result, Err(OutgoingError::Forbidden { .. })), "{url}: {result:?}");
    }
    // With OUTGOING_ALLOW_PRIVATE plain http is still limited to private addresses.
    let result = get(&rules(), "http://8.8.8.8/", LONG).await;
    assert!(matches!(result, Err(OutgoingError::Forbidden { .. })), "{result:?}");
}

#[tokio::test]
async fn allow_private_allows_plain_http_to_a_loopback_name() {
    let (url, _) = server(|stream| always(stream, "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")).await;
    let url = url.replace("127.0.0.1", "localhost");
    assert_eq!(get(&rules(), &url, LONG).await.expect("an answer").status, 200);
}

/// A TLS server for `name`, with the file that holds its root.
async fn tls_server(name: &str, folder: &Path) -> (u16, std::path::PathBuf) {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).expect("a certificate");
    let file = folder.join("root.pem");
    std::fs::write(&file, made.cert.pem()).expect("written");
    super::install_crypto();
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("a key");
    let config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .expect("a configuration");
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let (url, _) = server(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            if let Ok(stream) = acceptor.accept(stream).await {
                always(stream, "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\ntls").await;
            }
        }
    })
    .await;
    (Url::parse(&url).expect("a URL").port().expect("a port"), file)
}

#[tokio::test]
async fn ssl_cert_file_adds_a_trusted_root() {
    let folder = tempfile::tempdir().expect("a folder");
    let (port, file) = tls_server("localhost", folder.path()).await;
    let url = format!("https://localhost:{port}/");
    let trusting = OutgoingRules { extra_roots: Some(file), ..rules() };
    assert_eq!(get(&trusting, &url, LONG).await.expect("an answer").body, b"tls");
    let error = get(&rules(), &url, LONG).await.expect_err("an unknown issuer");
    assert!(matches!(&error, OutgoingError::Unreachable { cause, .. } if cause.contains("certificate")), "{error:?}");
}

#[tokio::test]
async fn a_missing_or_empty_ssl_cert_file_is_an_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "").expect("written");
    for file in [folder.path().join("none.pem"), empty] {
        let error = Client::new(&OutgoingRules { extra_roots: Some(file), ..rules() }).err().expect("an error");
        assert_eq!(error.name, "SSL_CERT_FILE");
    }
}

/// A proxy that connects every CONNECT to one port and records the request lines.
async fn proxy(to: u16, asked: Arc<std::sync::Mutex<Vec<String>>>) -> Url {
    let (url, _) = server(move |mut stream| {
        let asked = asked.clone();
        async move {
            let Some(head) = head(&mut stream).await else { return };
            asked.lock().expect("a list").push(head.lines().next().unwrap_or_default().to_owned());
            let mut far = TcpStream::connect(("127.0.0.1", to)).await.expect("the target");
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
            let _ = tokio::io::copy_bidirectional(&mut stream, &mut far).await;
        }
    })
    .await;
    Url::parse(&url).expect("a URL")
}

#[tokio::test]
async fn a_loopback_proxy_is_used_and_resolves_the_host_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let (port, file) = tls_server("provider.example", folder.path()).await;
    let asked = Arc::new(std::sync::Mutex::new(Vec::new()));
    let mut at = proxy(port, asked.clone()).await;
    for host in ["127.0.0.1", "localhost"] {
        at.set_host(Some(host)).expect("a host");
        let rules = OutgoingRules { https_proxy: Some(at.clone()), extra_roots: Some(file.clone()), ..public_only() };
        let client = Client::new(&rules).expect("the client is built");
        for _ in 0..2 {
            let reply = get_with(&client, "https://provider.example/token", LONG).await.expect("an answer");
            assert_eq!(reply.body, b"tls");
        }
        for refused in ["https://10.0.0.1/", "https://[::1]/", "https://localhost/"] {
            if host == "127.0.0.1" && refused.contains("localhost") {
                continue; // the proxy resolves a name that is not its own
            }
            let result = get_with(&client, refused, LONG).await;
            assert!(matches!(result, Err(OutgoingError::Forbidden { .. })), "{refused}: {result:?}");
        }
    }
    assert_eq!(*asked.lock().expect("a list"), ["CONNECT provider.example:443 HTTP/1.1"; 2]);
}

#[tokio::test]
async fn no_proxy_hosts_are_subject_to_the_address_policy() {
    let asked = Arc::new(std::sync::Mutex::new(Vec::new()));
    let at = proxy(1, asked.clone()).await;
    let rules = OutgoingRules { https_proxy: Some(at), no_proxy: Some("localhost".to_owned()), ..public_only() };
    let result = get(&rules, "https://localhost/", LONG).await;
    assert!(matches!(result, Err(OutgoingError::Forbidden { .. })), "{result:?}");
    assert!(asked.lock().expect("a list").is_empty());
}

#[tokio::test]
async fn no_proxy_may_name_all_hosts_or_a_port() {
    let (url, _) = server(|stream| always(stream, "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")).await;
    let host = url.trim_start_matches("http://").trim_end_matches('/').to_owned();
    for (list, is_direct) in [("*", true), ("a.example, *", true), (host.as_str(), true), ("a.example:80", false)] {
        let asked = Arc::new(std::sync::Mutex::new(Vec::new()));
        let at = proxy(1, asked.clone()).await;
        let rules = OutgoingRules { http_proxy: Some(at), no_proxy: Some(list.to_owned()), ..rules() };
        let _ = get(&rules, &url, LONG).await;
        assert_eq!(asked.lock().expect("a list").is_empty(), is_direct, "{list}");
    }
}

#[tokio::test]
async fn sec39_a_silent_host_does_not_delay_another() {
    let (silent, _) = server(|stream| async move {
        let _held = stream;
        std::future::pending::<()>().await;
    })
    .await;
    let (quick, _) = server(|stream| always(stream, "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")).await;
    let client = Client::new(&rules()).expect("the client is built");
    let hanging: Vec<_> = (0..super::host::MAX_CONCURRENT_CALLS + 8)
        .map(|_| {
            let (client, silent) = (client.clone(), silent.clone());
            tokio::spawn(async move { get_with(&client, &silent, Duration::from_secs(2)).await })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(get_with(&client, &quick, LONG).await.expect("an answer").status, 200);
    for call in hanging {
        let result = call.await.expect("a task");
        assert!(matches!(result, Err(OutgoingError::Timeout)), "{result:?}");
    }
}

/// Whether a call is sent, which an open breaker prevents.
async fn is_called(client: &Client, url: &str) -> bool {
    !matches!(get_with(client, url, LONG).await, Err(OutgoingError::CircuitOpen { .. }))
}

#[tokio::test]
async fn fault_b19_only_full_timeouts_count_as_faults() {
    let (silent, connections) = server(|stream| async move {
        let _held = stream;
        std::future::pending::<()>().await;
    })
    .await;
    let rules = OutgoingRules { timeout: Duration::from_millis(200), ..rules() };
    let times = super::host::MAX_FAULTS as usize;
    let client = Client::new(&rules).expect("the client is built");
    for _ in 0..2 * times {
        let result = get_with(&client, &silent, Duration::from_millis(20)).await;
        assert!(matches!(result, Err(OutgoingError::Timeout)), "{result:?}");
    }
    assert!(is_called(&client, &silent).await, "short deadlines do not open the breaker");
    let before = connections.load(Ordering::SeqCst);
    // Other calls hold all permits, so these calls are never sent.
    let host = client.host(&Url::parse(&silent).expect("a URL"), "127.0.0.1");
    let calls = u32::try_from(super::host::MAX_CONCURRENT_CALLS).expect("a small number");
    let all = host.permits.acquire_many(calls).await.expect("all permits");
    let waiting = (0..2 * times).map(|_| get_with(&client, &silent, LONG));
    for result in futures_util::future::join_all(waiting).await {
        assert!(matches!(result, Err(OutgoingError::Timeout)), "{result:?}");
    }
    assert_eq!(connections.load(Ordering::SeqCst), before);
    drop(all);
    assert!(is_called(&client, &silent).await, "waiting for a permit does not open the breaker");
    // No answer within the time limit of a call is a fault.
    let client = Client::new(&rules).expect("the client is built");
    for _ in 0..times {
        assert!(is_called(&client, &silent).await);
    }
    assert!(!is_called(&client, &silent).await);
}
