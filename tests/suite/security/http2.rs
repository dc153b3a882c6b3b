//! SEC-44: limits of HTTP/2, with frames that are written by hand: no client library sends them (RFC 9113).

use std::net::SocketAddr;
use std::sync::Arc;

use rest_social_auth::server::Server;
use rest_social_auth::server::listen::Certificate;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::support::test_app::SECRET_KEY;
use crate::support::{Database, Engine};

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
/// Error codes of GOAWAY.
const ENHANCE_YOUR_CALM: u32 = 11;

/// A server that speaks TLS.
struct TlsServer {
    address: SocketAddr,
    certificate: rcgen::Certificate,
    _database: Database,
}

impl TlsServer {
    async fn start(settings: &[(&str, &str)]) -> Self {
        let key = rcgen::KeyPair::generate().expect("a key");
        let params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).expect("a host name");
        let certificate = params.self_signed(&key).expect("a certificate");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound address");
        let database = Database::create(Engine::Sqlite).await;
        let builder = Server::builder()
            .setting("DATABASE_URL", database.url())
            .setting("SECRET_KEY", SECRET_KEY)
            .setting("PUBLIC_URL", format!("https://localhost:{}", address.port()));
        let builder = settings.iter().fold(builder, |builder, (name, value)| builder.setting(*name, *value));
        let server = builder.build().await.expect("a server");
        let tls = Some(Certificate { chain: certificate.pem(), key: key.serialize_pem() });
        // It ends with the runtime of the test.
        tokio::spawn(server.run(listener, tls, std::future::pending()));
        Self { address, certificate, _database: database }
    }

    async fn connect(&self) -> Connection {
        self.connect_from("127.0.0.1").await
    }

    /// Without a TLS handshake. Every address of 127.0.0.0/8 stands for a client of its own.
    async fn socket_from(&self, address: &str) -> TcpStream {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind(SocketAddr::new(address.parse().expect("an address"), 0)).expect("a loopback address");
        socket.connect(self.address).await.expect("a connection")
    }

    async fn connect_from(&self, address: &str) -> Connection {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.der().clone()).expect("a certificate");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the provider knows the default versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec()];
        let stream = self.socket_from(address).await;
        let name = ServerName::try_from("localhost").expect("a host name");
        let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.expect("a TLS connection");
        stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.expect("a write");
        Connection { stream }
    }
}

struct Frame {
    kind: u8,
    flags: u8,
    stream: u32,
    payload: Vec<u8>,
}

struct Connection {
    stream: TlsStream<TcpStream>,
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a short payload").to_be_bytes();
    let mut bytes = vec![length[1], length[2], length[3], kind, flags];
    bytes.extend_from_slice(&stream.to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

/// Headers of `GET path`, without the dynamic table (RFC 7541, 6.2.2).
fn request(path: &str, headers: &[(String, &str)]) -> Vec<u8> {
    let mut block = vec![0x82, 0x87]; // :method GET, :scheme https
    let text = |block: &mut Vec<u8>, text: &str| {
        block.push(u8::try_from(text.len()).ok().filter(|length| *length < 127).expect("a short text"));
        block.extend_from_slice(text.as_bytes());
    };
    block.push(0x04); // :path
    text(&mut block, path);
    block.push(0x01); // :authority
    text(&mut block, "localhost");
    for (name, value) in headers {
        block.push(0);
        text(&mut block, name);
        text(&mut block, value);
    }
    block
}

fn rst_stream(stream: u32) -> Vec<u8> {
    frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes())
}

impl Connection {
    /// False: the server has closed the connection.
    async fn send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).await.is_ok() && self.stream.flush().await.is_ok()
    }

    /// The next frame that is no PING. `None`: the connection is closed. PING is not answered.
    async fn next(&mut self) -> Option<Frame> {
        let mut head = [0; 9];
        self.stream.read_exact(&mut head).await.ok()?;
        let number = |bytes: &[u8]| bytes.iter().fold(0, |number: u32, byte| number << 8 | u32::from(*byte));
        let mut payload = vec![0; number(&head[..3]) as usize];
        self.stream.read_exact(&mut payload).await.ok()?;
        Some(Frame { kind: head[3], flags: head[4], stream: number(&head[5..]) & 0x7fff_ffff, payload })
    }

    /// Reads until the connection is closed; returns the error code of GOAWAY, if there was one.
    async fn until_closed(&mut self) -> Option<u32> {
        let mut code = None;
        while let Some(frame) = self.next().await {
            if frame.kind == GOAWAY {
                code = frame.payload.get(4..8).map(|bytes| u32::from_be_bytes(bytes.try_into().expect("four bytes")));
            }
        }
        code
    }

    /// Begins a request whose body never ends.
    async fn begin_post(&mut self, stream: u32) {
        let mut block = request("/api/token/verify/", &[("content-type".to_owned(), "application/json")]);
        block[0] = 0x83; // :method POST
        self.send(&frame(HEADERS, END_HEADERS, stream, &block)).await;
        self.send(&frame(DATA, 0, stream, b"{")).await;
    }

    /// Whether `GET /healthz` on this stream is answered with a body.
    async fn is_healthy(&mut self, stream: u32) -> bool {
        self.send(&frame(HEADERS, END_STREAM | END_HEADERS, stream, &request("/healthz", &[]))).await;
        while let Some(frame) = self.next().await {
            if frame.stream == stream && frame.kind == DATA && !frame.payload.is_empty() {
                return true;
            }
            if frame.stream == stream && (frame.kind == RST_STREAM || frame.flags & END_STREAM != 0) {
                return false;
            }
        }
        false
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sec_44_http2_limits_are_announced() {
    let server = TlsServer::start(&[]).await;
    let mut connection = server.connect().await;
    connection.send(&frame(SETTINGS, 0, 0, &[])).await;
    let settings = connection.next().await.expect("the settings of the server");
    assert_eq!((settings.kind, settings.flags), (SETTINGS, 0));
    let value = |identifier: u16| {
        let mut entries = settings.payload.chunks_exact(6);
        let entry = entries.find(|entry| entry[..2] == identifier.to_be_bytes())?;
        Some(u32::from_be_bytes(entry[2..].try_into().expect("four bytes")))
    };
    assert_eq!(value(3), Some(100), "SETTINGS_MAX_CONCURRENT_STREAMS");
    assert_eq!(value(4), Some(64 * 1024), "SETTINGS_INITIAL_WINDOW_SIZE");
    assert_eq!(value(6), Some(32 * 1024), "SETTINGS_MAX_HEADER_LIST_SIZE");
    assert!(connection.is_healthy(1).await);
}

/// CVE-2023-44487 (rapid reset), CVE-2024-27316 (CONTINUATION flood), and heads with too many fields.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sec_44_http2_floods_end_their_own_connection_only() {
    let server = TlsServer::start(&[]).await;
    let mut healthy = server.connect().await;
    healthy.send(&frame(SETTINGS, 0, 0, &[])).await;
    assert!(healthy.is_healthy(1).await);

    let mut resets = server.connect().await;
    let mut bytes = frame(SETTINGS, 0, 0, &[]);
    for stream in (1..2001).step_by(2) {
        bytes.extend(frame(HEADERS, END_STREAM | END_HEADERS, stream, &request("/healthz", &[])));
        bytes.extend(rst_stream(stream));
    }
    resets.send(&bytes).await;
    assert_eq!(resets.until_closed().await, Some(ENHANCE_YOUR_CALM));

    let mut endless = server.connect().await;
    endless.send(&frame(SETTINGS, 0, 0, &[])).await;
    endless.send(&frame(HEADERS, END_STREAM, 1, &request("/healthz", &[]))).await;
    let fields: Vec<u8> = (0..100).flat_map(|_| [&[0, 1, b'x', 100][..], &[b'y'; 100]].concat()).collect();
    while endless.send(&frame(CONTINUATION, 0, 1, &fields)).await {}
    endless.until_closed().await;

    let many: Vec<(String, &str)> = (0..150).map(|n| (format!("x-{n}"), "1")).collect();
    healthy.send(&frame(HEADERS, END_STREAM | END_HEADERS, 3, &request("/healthz", &many))).await;
    let refused = loop {
        let frame = healthy.next().await.expect("the connection stays open");
        if frame.stream == 3 {
            break frame;
        }
    };
    // 431 has no body, the answer of the route has one.
    assert_eq!((refused.kind, refused.flags & END_STREAM), (HEADERS, END_STREAM));
    assert!(healthy.is_healthy(5).await);
}

/// Handshakes that do not end, open requests without a body, and streams without a window, each from an address of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sec_44_http2_clients_that_stall_are_replaced_when_the_server_is_full() {
    let limits = ["REQUEST_HEAD_TIMEOUT", "REQUEST_BODY_TIMEOUT", "RESPONSE_WRITE_TIMEOUT"];
    let mut settings = limits.map(|name| (name, "300")).to_vec();
    settings.push(("MAX_CONNECTIONS", "20"));
    let server = TlsServer::start(&settings).await;
    let (mut handshakes, mut stalled) = (Vec::new(), Vec::new());
    for number in 1..=45 {
        let address = format!("127.0.1.{number}");
        if number % 3 == 0 {
            let mut stream = server.socket_from(&address).await;
            stream.write_all(&[0x16, 3, 1]).await.expect("a write");
            handshakes.push(stream);
            continue;
        }
        let mut connection = server.connect_from(&address).await;
        let window: &[u8] = if number % 3 == 1 { &[] } else { &[0, 4, 0, 0, 0, 0] };
        connection.send(&frame(SETTINGS, 0, 0, window)).await;
        for stream in [1, 3, 5] {
            match number % 3 {
                1 => connection.begin_post(stream).await,
                _ => {
                    connection.send(&frame(HEADERS, END_STREAM | END_HEADERS, stream, &request("/healthz", &[]))).await;
                }
            }
        }
        stalled.push(connection);
    }
    let mut honest = Vec::new();
    for number in 1..=10 {
        let mut connection = server.connect_from(&format!("127.0.2.{number}")).await;
        connection.send(&frame(SETTINGS, 0, 0, &[])).await;
        assert!(connection.is_healthy(1).await, "client {number}");
        honest.push(connection);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sec_44_http2_clients_that_read_or_send_nothing_lose_their_connection() {
    let limits = ["REQUEST_HEAD_TIMEOUT", "RESPONSE_WRITE_TIMEOUT", "CONNECTION_IDLE_TIMEOUT"];
    let server = TlsServer::start(&limits.map(|name| (name, "1"))).await;
    let zero_window = frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]);
    // The answer can never be sent, although the client reads from its socket.
    let mut reads_nothing = server.connect().await;
    reads_nothing.send(&zero_window).await;
    reads_nothing.send(&frame(HEADERS, END_STREAM | END_HEADERS, 1, &request("/healthz", &[]))).await;
    let mut idle = server.connect().await;
    idle.send(&frame(SETTINGS, 0, 0, &[])).await;
    assert!(idle.is_healthy(1).await);
    let mut half_a_head = server.connect().await;
    half_a_head.send(&frame(SETTINGS, 0, 0, &[])).await;
    half_a_head.send(&frame(HEADERS, END_STREAM, 1, &request("/healthz", &[]))).await;
    let handshake = async {
        let mut stream = TcpStream::connect(server.address).await.expect("a connection");
        stream.write_all(&[0x16, 3, 1]).await.expect("a write");
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest).await;
    };
    let (_, idle, _, ()) =
        tokio::join!(reads_nothing.until_closed(), idle.until_closed(), half_a_head.until_closed(), handshake);
    assert_eq!(idle, Some(0), "GOAWAY without an error");
}
