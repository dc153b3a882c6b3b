//! Doubles of the providers: a loopback proxy that terminates TLS for any host name with a certificate authority of its
//! own, answers as the test configures, and records every request.
//!
//! The server under test uses it through HTTPS_PROXY and trusts it through SSL_CERT_FILE, so its requests carry the real
//! host names of the providers. The proxy never opens a connection.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::stream;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper_util::rt::TokioIo;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

/// A request that a provider received.
#[derive(Clone, Debug)]
pub struct Call {
    pub method: String,
    pub host: String,
    pub path: String,
    pub query: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    pub body: String,
}

impl Call {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The form fields in the order sent.
    pub fn form(&self) -> Vec<(String, String)> {
        url::form_urlencoded::parse(self.body.as_bytes()).into_owned().collect()
    }

    /// A field of the form, else of the query.
    pub fn field(&self, name: &str) -> Option<String> {
        self.form().into_iter().chain(self.query.clone()).find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// `METHOD host/path`.
    pub fn endpoint(&self) -> String {
        format!("{} {}{}", self.method, self.host, self.path)
    }
}

/// The reaction of a double to a request.
#[derive(Clone, Debug)]
pub enum Reply {
    Whole {
        status: u16,
        headers: Vec<(String, String)>,
        body: Vec<u8>,
    },
    After(Duration, Box<Reply>),
    /// Never answers.
    Hang,
    /// Answers once the test releases it. Records when the caller disconnects before.
    Held(Arc<Held>, Box<Reply>),
    /// Sends the head at once, then a byte every half second.
    Drip,
    /// A TCP reset instead of an answer.
    Reset,
    /// A body without an end.
    Endless,
    /// Announces a thousand bytes, sends ten, and closes.
    Truncated,
}

/// Controls the answers of [`Reply::Held`], and records whether a caller disconnected.
#[derive(Debug, Default)]
pub struct Held {
    released: CancellationToken,
    abandoned: AtomicBool,
}

impl Held {
    pub fn release(&self) {
        self.released.cancel();
    }

    pub fn was_abandoned(&self) -> bool {
        self.abandoned.load(Ordering::SeqCst)
    }

    async fn wait(&self) {
        let guard = Abandoned(&self.abandoned);
        self.released.cancelled().await;
        std::mem::forget(guard);
    }
}

struct Abandoned<'a>(&'a AtomicBool);

impl Drop for Abandoned<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl Reply {
    pub fn held(self, by: &Arc<Held>) -> Self {
        Self::Held(by.clone(), Box::new(self))
    }

    pub fn json(body: &serde_json::Value) -> Self {
        Self::of(200, "application/json", body.to_string())
    }

    pub fn json_at(status: u16, body: &serde_json::Value) -> Self {
        Self::of(status, "application/json", body.to_string())
    }

    pub fn of(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let headers = vec![("content-type".to_owned(), content_type.to_owned())];
        Self::Whole { status, headers, body: body.into() }
    }

    pub fn with_header(self, name: &str, value: &str) -> Self {
        match self {
            Self::Whole { status, mut headers, body } => {
                headers.push((name.to_owned(), value.to_owned()));
                Self::Whole { status, headers, body }
            }
            other => other,
        }
    }

    pub fn after(self, wait: Duration) -> Self {
        Self::After(wait, Box::new(self))
    }
}

type Rule = Arc<dyn Fn(&Call) -> Option<Reply> + Send + Sync>;

/// All providers of one test. Cheap to clone.
#[derive(Clone)]
pub struct Double {
    shared: Arc<Shared>,
}

struct Shared {
    proxy: String,
    authority: PathBuf,
    _folder: TempDir,
    issuer: Issuer<'static, KeyPair>,
    leaf_key: KeyPair,
    acceptors: Mutex<HashMap<String, TlsAcceptor>>,
    rules: Mutex<Vec<Rule>>,
    calls: Mutex<Vec<Call>>,
    connections: AtomicUsize,
}

impl Double {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let folder = TempDir::new().expect("a temporary folder");
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, "authority of one test");
        let certificate = params.self_signed(&key).expect("a certificate");
        let authority = folder.path().join("authority.pem");
        std::fs::write(&authority, certificate.pem()).expect("a file in the temporary folder");
        let shared = Shared {
            proxy: format!("http://{}", listener.local_addr().expect("a bound address")),
            authority,
            _folder: folder,
            issuer: Issuer::new(params, key),
            leaf_key: KeyPair::generate().expect("a key"),
            acceptors: Mutex::default(),
            rules: Mutex::default(),
            calls: Mutex::default(),
            connections: AtomicUsize::new(0),
        };
        let double = Self { shared: Arc::new(shared) };
        let accepting = double.clone();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let double = accepting.clone();
                tokio::spawn(async move { double.tunnel(socket).await });
            }
        });
        double
    }

    /// For HTTPS_PROXY.
    pub fn proxy(&self) -> &str {
        &self.shared.proxy
    }

    /// For SSL_CERT_FILE.
    pub fn authority(&self) -> &std::path::Path {
        &self.shared.authority
    }

    /// Answers requests to `METHOD host/path` with `reply`. Rules added later take precedence.
    pub fn on(&self, place: &str, reply: impl Fn(&Call) -> Reply + Send + Sync + 'static) {
        let place = place.to_owned();
        self.rule(move |call| (call.endpoint() == place).then(|| reply(call)));
    }

    pub fn always(&self, place: &str, reply: Reply) {
        self.on(place, move |_| reply.clone());
    }

    pub fn rule(&self, rule: impl Fn(&Call) -> Option<Reply> + Send + Sync + 'static) {
        self.shared.rules.lock().expect("the lock is not poisoned").push(Arc::new(rule));
    }

    pub fn calls(&self) -> Vec<Call> {
        self.shared.calls.lock().expect("the lock is not poisoned").clone()
    }

    pub fn calls_at(&self, place: &str) -> Vec<Call> {
        self.calls().into_iter().filter(|call| call.endpoint() == place).collect()
    }

    /// Waits for a call to `endpoint` and returns the first one.
    pub async fn wait_for_call(&self, place: &str) -> Call {
        loop {
            if let Some(call) = self.calls_at(place).into_iter().next() {
                return call;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// The only call to `endpoint`.
    pub fn call_at(&self, place: &str) -> Call {
        let mut calls = self.calls_at(place);
        let places: Vec<String> = self.calls().iter().map(Call::endpoint).collect();
        assert_eq!(calls.len(), 1, "calls at {place}; all calls: {places:?}");
        calls.remove(0)
    }

    pub fn clear_calls(&self) {
        self.shared.calls.lock().expect("the lock is not poisoned").clear();
    }

    /// TLS connections opened so far.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    async fn tunnel(&self, mut socket: TcpStream) {
        let Some(host) = connect_target(&mut socket).await else { return };
        if socket.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.is_err() {
            return;
        }
        let reset = Arc::new(AtomicBool::new(false));
        let socket = Resettable { socket, reset: reset.clone() };
        let Ok(tls) = self.acceptor(&host).accept(socket).await else { return };
        self.shared.connections.fetch_add(1, Ordering::SeqCst);
        let service = hyper::service::service_fn(|request| self.answer(&host, request, &reset));
        let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(tls), service).await;
    }

    fn acceptor(&self, host: &str) -> TlsAcceptor {
        let mut acceptors = self.shared.acceptors.lock().expect("the lock is not poisoned");
        let made = acceptors.entry(host.to_owned()).or_insert_with(|| {
            let params = CertificateParams::new(vec![host.to_owned()]).expect("a host name");
            let leaf = params.signed_by(&self.shared.leaf_key, &self.shared.issuer).expect("a certificate");
            let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.shared.leaf_key.serialize_der()));
            let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
            let config = ServerConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()
                .expect("the provider knows the default versions")
                .with_no_client_auth()
                .with_single_cert(vec![leaf.der().clone()], key)
                .expect("a certificate that fits its key");
            TlsAcceptor::from(Arc::new(config))
        });
        made.clone()
    }

    async fn answer(
        &self,
        host: &str,
        request: hyper::Request<Incoming>,
        reset: &AtomicBool,
    ) -> io::Result<hyper::Response<Body>> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        let query = parts.uri.query().unwrap_or_default();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let call = Call {
            method: parts.method.to_string(),
            host: host.to_owned(),
            path: parts.uri.path().to_owned(),
            query: url::form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
            headers: parts.headers.iter().map(|(name, value)| (name.to_string(), text(value.as_bytes()))).collect(),
            body: text(&body),
        };
        let rules = self.shared.rules.lock().expect("the lock is not poisoned").clone();
        self.shared.calls.lock().expect("the lock is not poisoned").push(call.clone());
        let nothing = || Reply::json_at(404, &serde_json::json!({"message": "the test configured no answer"}));
        let mut reply = rules.iter().rev().find_map(|rule| rule(&call)).unwrap_or_else(nothing);
        loop {
            reply = match reply {
                Reply::After(wait, then) => {
                    tokio::time::sleep(wait).await;
                    *then
                }
                Reply::Held(held, then) => {
                    held.wait().await;
                    *then
                }
                other => break response(other, reset).await,
            };
        }
    }
}

type Body = UnsyncBoxBody<Bytes, io::Error>;

async fn response(reply: Reply, reset: &AtomicBool) -> io::Result<hyper::Response<Body>> {
    let json = hyper::Response::builder().header("content-type", "application/json");
    let made = match reply {
        Reply::Whole { status, headers, body } => {
            let mut response = hyper::Response::builder().status(status);
            for (name, value) in headers {
                response = response.header(name, value);
            }
            response.body(Full::new(Bytes::from(body)).map_err(never).boxed_unsync())
        }
        Reply::Drip => {
            let bytes = stream::unfold(false, |begun| async move {
                if begun {
                    tokio::time::sleep(Duration::from_millis(500)).await;
                }
                Some((Ok(Frame::data(Bytes::from_static(b" "))), true))
            });
            json.body(StreamBody::new(bytes).boxed_unsync())
        }
        Reply::Endless => {
            let bytes = stream::repeat_with(|| Ok(Frame::data(Bytes::from_static(&[b'a'; 65_536]))));
            json.body(StreamBody::new(bytes).boxed_unsync())
        }
        Reply::Truncated => {
            let bytes = stream::iter([
                Ok(Frame::data(Bytes::from_static(b"{\"access_t"))),
                Err(io::Error::other("the test truncates the body")),
            ]);
            json.header("content-length", "1000").body(StreamBody::new(bytes).boxed_unsync())
        }
        Reply::Reset => {
            reset.store(true, Ordering::SeqCst);
            return Err(io::Error::other("the test resets here"));
        }
        Reply::Hang | Reply::After(..) | Reply::Held(..) => std::future::pending().await,
    };
    made.map_err(io::Error::other)
}

fn never(error: Infallible) -> io::Error {
    match error {}
}

/// The host of a CONNECT request, read up to its end.
async fn connect_target(socket: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() > 8192 {
            return None;
        }
        head.push(socket.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).ok()?;
    let target = head.strip_prefix("CONNECT ")?.split(' ').next()?;
    Some(target.rsplit_once(':').map_or(target, |(host, _)| host).to_owned())
}

/// A socket that can be closed with a TCP reset.
struct Resettable {
    socket: TcpStream,
    reset: Arc<AtomicBool>,
}

impl Drop for Resettable {
    fn drop(&mut self) {
        if self.reset.load(Ordering::SeqCst) {
            let _ = self.socket.set_zero_linger();
        }
    }
}

impl AsyncRead for Resettable {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(cx, buf)
    }
}

impl AsyncWrite for Resettable {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}
