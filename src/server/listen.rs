//! Accepts connections and passes their requests to an endpoint: limits of the protocols, TLS, and graceful shutdown
//! ([`Shutdown`]).
//!
//! hyper implements the protocols. poem's own server has no time limits, so a client could hold a connection for ever (SEC-44):
//! `activity.rs` has them, and `connections.rs` the limits on the number of connections. The demo provider uses this module
//! too. HTTP/2 is available with TLS only, where ALPN selects it.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use hyper::body::Bytes;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use poem::http::uri::Scheme;
use poem::http::{HeaderValue, StatusCode, Version, header};
use poem::web::{LocalAddr, RemoteAddr};
use poem::{Body, Endpoint, Request, Response};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use socket2::{SockFilter, SockRef};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::activity::{Limit, Protocol, TimedBody, TimedStream, within_limits};
use super::connections::{Admitted, Connections, OverCapacity};
use super::unread_body::UnreadBody;
use crate::settings::SettingError;

/// A longer request head is answered 431.
const MAX_HEAD_BYTES: usize = 32 * 1024;
/// A request with more headers is answered 431.
const MAX_HEADERS: usize = 100;
/// HTTP/2: open requests of one connection.
const MAX_CONCURRENT_STREAMS: u32 = 100;
/// HTTP/2: streams that the client reset before this server handled them. A further one ends the connection (CVE-2023-44487).
const MAX_RESET_STREAMS: usize = 20;
/// HTTP/2: bytes of one request body, and of all of a connection, that the client may send before they are read.
const STREAM_WINDOW: u32 = 64 * 1024;
const CONNECTION_WINDOW: u32 = 256 * 1024;
/// HTTP/2: bytes of a response that wait in a buffer of its stream.
const MAX_SEND_BUFFER: usize = 64 * 1024;
/// HTTP/2: how often a PING is sent, and how long the client may take to answer it.
const PING_INTERVAL: Duration = Duration::from_secs(30);
const PING_TIMEOUT: Duration = Duration::from_secs(20);
/// HTTP/2: how long a client may take to close an idle connection after GOAWAY. A request that it sends until then is answered.
const GOAWAY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a connection over capacity may take for its one request.
const OVER_CAPACITY_TIMEOUT: Duration = Duration::from_secs(5);
/// Queued connections that may fail while the listener closes.
const MAX_ACCEPT_FAILURES: u32 = 64;
/// Connections that the kernel queues.
const BACKLOG: u32 = 1024;
/// How long TCP handshakes may still finish before the listener closes.
const LAST_HANDSHAKES_TIMEOUT: Duration = Duration::from_millis(200);

/// How a listener stops. The owner cancels `draining`, and later `closing`. Until then the listener serves all requests.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    /// Every answer closes its connection: `Connection: close`, or GOAWAY in HTTP/2.
    pub draining: CancellationToken,
    /// The queued connections are accepted, then the listener closes.
    pub closing: CancellationToken,
    /// After `closing`: how long an idle connection may still send a request.
    pub idle: Duration,
    /// After `closing`: how long open requests may take.
    pub limit: Duration,
}

/// Listens on `address`. `reuse_port` (SO_REUSEPORT): another process of the same system user may listen there too, so that a
/// successor can be ready before this process stops.
///
/// Errors: the address cannot be used.
pub fn bind(address: SocketAddr, reuse_port: bool) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.set_reuseport(reuse_port)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// [`bind`] on the address of the setting `name`.
///
/// Errors: the address cannot be used. A port becomes free, and an interface gets its address, while the setting stays.
pub fn bind_setting(name: &str, address: SocketAddr, reuse_port: bool) -> Result<TcpListener, SettingError> {
    bind(address, reuse_port).map_err(|error| {
        let problem = match error.kind() {
            io::ErrorKind::AddrInUse => {
                let other = SocketAddr::new(address.ip(), address.port().checked_add(10).unwrap_or(8000));
                format!("another program listens on {address}: stop it or choose another address, such as {other}")
            }
            _ => format!("cannot listen on {address}: {error}"),
        };
        let is_temporary = matches!(error.kind(), io::ErrorKind::AddrInUse | io::ErrorKind::AddrNotAvailable);
        SettingError { is_temporary, ..SettingError::new(name, problem) }
    })
}

/// Serves until `shutdown` with the default limits of connections, then answers all requests that have reached the socket.
///
/// Errors: the listener has no address.
pub async fn serve<E: Endpoint + 'static>(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    endpoint: E,
    shutdown: &Shutdown,
) -> io::Result<()> {
    serve_within(listener, tls, endpoint, &Connections::with_defaults(), shutdown).await
}

/// [`serve`] with these limits of connections.
pub(super) async fn serve_within<E: Endpoint + 'static>(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    endpoint: E,
    connections: &Arc<Connections>,
    shutdown: &Shutdown,
) -> io::Result<()> {
    let service = Arc::new(Service {
        endpoint,
        local: LocalAddr(listener.local_addr()?.into()),
        draining: shutdown.draining.clone(),
        idle_closed: CancellationToken::new(),
        aborted: CancellationToken::new(),
    });
    let tasks = TaskTracker::new();
    let spawn = |stream: TcpStream, peer: SocketAddr| {
        let admitted = connections.admit(peer.ip(), &service.aborted);
        tasks.spawn(connection(stream, RemoteAddr(peer.into()), admitted, tls.clone(), service.clone()));
    };
    accept_until(&listener, shutdown.closing.cancelled(), connections, &spawn).await;
    let deadline = Instant::now() + shutdown.limit;
    service.draining.cancel();
    reject_new_connections(&listener);
    accept_until(&listener, tokio::time::sleep(LAST_HANDSHAKES_TIMEOUT), connections, &spawn).await;
    if let Err(error) = accept_queued(listener, &spawn) {
        tracing::warn!(%error, "queued connections could not be accepted");
    }
    tasks.close();
    let drained = tokio::time::timeout(shutdown.idle, tasks.wait()).await.is_ok();
    service.idle_closed.cancel();
    if !drained && tokio::time::timeout_at(deadline, tasks.wait()).await.is_err() {
        let open = tasks.len();
        tracing::warn!(
            open,
            "open connections are closed, because their requests did not finish within SHUTDOWN_TIMEOUT"
        );
        service.aborted.cancel();
    }
    Ok(())
}

async fn accept_until(
    listener: &TcpListener,
    stop: impl Future<Output = ()>,
    connections: &Connections,
    spawn: &impl Fn(TcpStream, SocketAddr),
) {
    tokio::pin!(stop);
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut stop => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => spawn(stream, peer),
            Err(error) if is_of_connection(&error) => {}
            Err(error) => tokio::time::sleep(connections.pause_after(&error)).await,
        }
    }
}

/// Whether the client gave up the connection before it was accepted. The next accept is not affected.
fn is_of_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// Accepts the connections that the kernel has queued, and closes the listener. The kernel resets connections that are queued
/// later. A connection that fails does not stop the others.
fn accept_queued(listener: TcpListener, spawn: &impl Fn(TcpStream, SocketAddr)) -> io::Result<()> {
    let listener = listener.into_std()?;
    let mut failures = 0;
    while failures < MAX_ACCEPT_FAILURES {
        let accepted = listener.accept().and_then(|(stream, peer)| {
            stream.set_nonblocking(true)?;
            Ok((TcpStream::from_std(stream)?, peer))
        });
        match accepted {
            Ok((stream, peer)) => spawn(stream, peer),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                failures += 1;
            }
        }
    }
    Ok(())
}

/// Makes the kernel drop new SYN packets for this listener. Otherwise a connection between the last accept and the close would
/// be reset. The client repeats its SYN after a second, to the successor or to a closed port.
fn reject_new_connections(listener: &TcpListener) {
    const FLAGS: u32 = 13; // offset in the TCP header
    const SYN: u32 = 0x02;
    let filter = [
        SockFilter::new(0x30, 0, 0, FLAGS),    // BPF_LD | BPF_B | BPF_ABS
        SockFilter::new(0x45, 0, 1, SYN), // BPF_JMP | BPF_JSET | BPF_K: the next line if it is set, else the one after
        SockFilter::new(0x06, 0, 0, 0),   // BPF_RET | BPF_K: drop
        SockFilter::new(0x06, 0, 0, u32::MAX), // BPF_RET | BPF_K: pass
    ];
    if let Err(error) = SockRef::from(listener).attach_filter(&filter) {
        tracing::debug!(%error, "new connections cannot be rejected before the listener closes");
    }
}

struct Service<E> {
    endpoint: E,
    local: LocalAddr,
    draining: CancellationToken,
    /// Idle connections are closed.
    idle_closed: CancellationToken,
    /// All connections are closed.
    aborted: CancellationToken,
}

async fn connection<E: Endpoint + 'static>(
    stream: TcpStream,
    remote: RemoteAddr,
    admitted: Admitted,
    tls: Option<TlsAcceptor>,
    service: Arc<Service<E>>,
) {
    // Answers are small and sent at once, so Nagle's algorithm would only delay them.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY could not be set");
    }
    let closed = admitted.connection.closed.clone();
    let is_over_capacity = admitted.is_over_capacity;
    let stream = TimedStream::new(stream, admitted.connection.activity.clone());
    let scheme = if tls.is_some() { Scheme::HTTPS } else { Scheme::HTTP };
    let peer = Arc::new(Peer { remote, scheme, admitted, unread_body: UnreadBody::default() });
    // On the heap: it is as large as the state of both protocols.
    let served = Box::pin(async {
        let Some(tls) = tls else { return http1_connection(stream, peer, service).await };
        let activity = peer.admitted.connection.activity.clone();
        match within_limits(std::pin::pin!(tls.accept(stream)), &activity).await.map_err(Ended::Limit)? {
            Ok(stream) if stream.get_ref().1.alpn_protocol() == Some(b"h2") => {
                http2_connection(stream, peer, service).await
            }
            Ok(stream) => http1_connection(stream, peer, service).await,
            Err(error) => Err(Ended::Handshake(error)),
        }
    });
    let served = async {
        if is_over_capacity {
            tokio::time::timeout(OVER_CAPACITY_TIMEOUT, served).await.unwrap_or(Ok(()))
        } else {
            served.await
        }
    };
    if let Some(Err(reason)) = closed.run_until_cancelled(served).await {
        tracing::debug!(%reason, "a connection ended");
    }
}

/// The other end of a connection.
struct Peer {
    remote: RemoteAddr,
    scheme: Scheme,
    admitted: Admitted,
    /// For HTTP/1.
    unread_body: UnreadBody,
}

/// Why a connection ended before the client closed it.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error("it exceeded a time limit: {0:?}")]
    Limit(Limit),
    #[error("the TLS handshake failed: {0}")]
    Handshake(io::Error),
    #[error(transparent)]
    Protocol(#[from] hyper::Error),
}

async fn http1_connection<E: Endpoint + 'static>(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    peer: Arc<Peer>,
    service: Arc<Service<E>>,
) -> Result<(), Ended> {
    // hyper's graceful shutdown closes a connection that has not sent a request yet. While `draining`, the header of each answer
    // closes the connection instead.
    let idle_closed = service.idle_closed.clone();
    let activity = peer.admitted.connection.activity.clone();
    activity.begin(Protocol::Http1);
    let keeps_alive = !peer.admitted.is_over_capacity;
    let service = service_fn(move |request| answer(service.clone(), request, peer.clone()));
    let connection = http1::Builder::new()
        .keep_alive(keeps_alive)
        .max_headers(MAX_HEADERS)
        .max_header_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let served = within_limits(connection.as_mut(), &activity);
    if let Some(ended) = idle_closed.run_until_cancelled(served).await {
        return Ok(ended.map_err(Ended::Limit)??);
    }
    connection.as_mut().graceful_shutdown();
    Ok(within_limits(connection, &activity).await.map_err(Ended::Limit)??)
}

async fn http2_connection<E: Endpoint + 'static>(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    peer: Arc<Peer>,
    service: Arc<Service<E>>,
) -> Result<(), Ended> {
    let draining = service.draining.clone();
    let activity = peer.admitted.connection.activity.clone();
    activity.begin(Protocol::Http2);
    let service = service_fn(move |request| answer(service.clone(), request, peer.clone()));
    let connection = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT)
        .max_concurrent_streams(MAX_CONCURRENT_STREAMS)
        .max_pending_accept_reset_streams(MAX_RESET_STREAMS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(MAX_SEND_BUFFER)
        // A header block that does not end within this size ends the connection, too (CVE-2024-27316).
        .max_header_list_size(u32::try_from(MAX_HEAD_BYTES).unwrap_or(u32::MAX))
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    match draining.run_until_cancelled(within_limits(connection.as_mut(), &activity)).await {
        Some(Err(Limit::Idle)) => activity.begin_close(GOAWAY_TIMEOUT),
        Some(ended) => return Ok(ended.map_err(Ended::Limit)??),
        None => {}
    }
    // Sends GOAWAY. Requests that the client sent before it received it are answered (RFC 9113, 6.8).
    connection.as_mut().graceful_shutdown();
    Ok(within_limits(connection, &activity).await.map_err(Ended::Limit)??)
}

async fn answer<E: Endpoint>(
    service: Arc<Service<E>>,
    request: hyper::Request<hyper::body::Incoming>,
    peer: Arc<Peer>,
) -> Result<
    hyper::Response<TimedBody<impl hyper::body::Body<Data = Bytes, Error = io::Error> + Unpin + use<E>>>,
    Infallible,
> {
    let open_request = peer.admitted.connection.activity.begin_request();
    let version = request.version();
    let has_too_many_headers = request.headers().len() > MAX_HEADERS;
    let mut request = Request::from((request, service.local.clone(), peer.remote.clone(), peer.scheme.clone()));
    if peer.admitted.is_over_capacity {
        request.extensions_mut().insert(OverCapacity);
    }
    let body = request.take_body();
    let has_http1_body = version < Version::HTTP_2 && !body.is_empty();
    let expects_continue = has_http1_body && request.headers().contains_key(header::EXPECT);
    if !body.is_empty() {
        let body = open_request.body(body.into_bytes_stream().boxed());
        request.set_body(if has_http1_body {
            Body::from_bytes_stream(peer.unread_body.watch(body))
        } else {
            Body::from_bytes_stream(body)
        });
    }
    // HTTP/1 refuses them while it reads the head.
    let mut response: Response = if has_too_many_headers {
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE.into()
    } else {
        service.endpoint.get_response(request).await
    };
    let can_continue = !has_http1_body || peer.unread_body.discard(expects_continue).await;
    // HTTP/2 forbids this header (RFC 9113, 8.2.2).
    if (service.draining.is_cancelled() || !can_continue) && version < Version::HTTP_2 {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(hyper::Response::from(response).map(|body| open_request.with_body(body)))
}

/// A certificate chain and its private key, both in PEM form.
#[derive(Clone)]
pub struct Certificate {
    /// The certificate of the server, and those that sign it.
    pub chain: String,
    /// The private key.
    pub key: String,
}

/// TLS with this certificate. Errors: it is not usable.
pub(crate) fn tls_acceptor(certificate: &Certificate) -> io::Result<TlsAcceptor> {
    let invalid = |error: &dyn std::fmt::Display| io::Error::new(io::ErrorKind::InvalidInput, format!("TLS: {error}"));
    let chain = CertificateDer::pem_slice_iter(certificate.chain.as_bytes()).collect::<Result<Vec<_>, _>>();
    let key = PrivateKeyDer::from_pem_slice(certificate.key.as_bytes()).map_err(|error| invalid(&error))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| invalid(&error))?
        .with_no_client_auth()
        .with_single_cert(chain.map_err(|error| invalid(&error))?, key)
        .map_err(|error| invalid(&error))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
