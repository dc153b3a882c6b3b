//! Accepts connections and hands their requests to an endpoint, until told to stop: time limits while a request's head
//! arrives, a cap on its size, TLS, and a graceful end.
//!
//! hyper does the protocols. poem's own server sets no time limit for a request's head, which lets a client hold a
//! connection for ever (SEC-44). Callers: `server/`, and the demo provider. HTTP/2 needs TLS, where ALPN chooses it.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use poem::http::uri::Scheme;
use poem::web::{LocalAddr, RemoteAddr};
use poem::{Endpoint, Request, Response};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// For the head of a request, and for an idle connection.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes; more is answered 431.
const LARGEST_HEAD: usize = 32 * 1024;
const MOST_STREAMS: u32 = 100;
/// After an accept that failed, most likely for want of file descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves until `shutdown`, then lets open requests finish for as long as `grace`.
///
/// `tls`: certificate chain and key as PEM. Errors: a certificate or key that cannot be used.
pub async fn serve<E: Endpoint + 'static>(
    listener: TcpListener,
    tls: Option<(String, String)>,
    endpoint: E,
    shutdown: impl Future<Output = ()>,
    grace: Duration,
) -> io::Result<()> {
    let tls = tls.map(|(chain, key)| acceptor(&chain, &key)).transpose()?;
    let service = Arc::new(Service { endpoint, local: LocalAddr(listener.local_addr()?.into()) });
    let graceful = GracefulShutdown::new();
    tokio::pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut shutdown => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let remote = RemoteAddr(peer.into());
                tokio::spawn(connection(stream, remote, tls.clone(), service.clone(), graceful.watcher()));
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    drop(listener);
    if tokio::time::timeout(grace, graceful.shutdown()).await.is_err() {
        tracing::warn!("requests were still open when the time to finish them was over");
    }
    Ok(())
}

struct Service<E> {
    endpoint: E,
    local: LocalAddr,
}

async fn connection<E: Endpoint + 'static>(
    stream: TcpStream,
    remote: RemoteAddr,
    tls: Option<TlsAcceptor>,
    service: Arc<Service<E>>,
    watcher: Watcher,
) {
    // Answers are small and whole: waiting for more to send only delays them.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY could not be set");
    }
    let ended = match tls {
        None => http1_connection(stream, remote, Scheme::HTTP, service, watcher).await,
        Some(tls) => match tokio::time::timeout(HANDSHAKE_TIMEOUT, tls.accept(stream)).await {
            Ok(Ok(stream)) if stream.get_ref().1.alpn_protocol() == Some(b"h2") => {
                http2_connection(stream, remote, service, watcher).await
            }
            Ok(Ok(stream)) => http1_connection(stream, remote, Scheme::HTTPS, service, watcher).await,
            Ok(Err(error)) => return tracing::debug!(%error, "TLS handshake failed"),
            Err(_) => return tracing::debug!("TLS handshake took too long"),
        },
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection broke off");
    }
}

async fn http1_connection<E: Endpoint + 'static>(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    remote: RemoteAddr,
    scheme: Scheme,
    service: Arc<Service<E>>,
    watcher: Watcher,
) -> hyper::Result<()> {
    let service = service_fn(move |request| answer(service.clone(), request, remote.clone(), scheme.clone()));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_header_size(LARGEST_HEAD)
        .serve_connection(TokioIo::new(stream), service);
    watcher.watch(connection).await
}

async fn http2_connection<E: Endpoint + 'static>(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    remote: RemoteAddr,
    service: Arc<Service<E>>,
    watcher: Watcher,
) -> hyper::Result<()> {
    let service = service_fn(move |request| answer(service.clone(), request, remote.clone(), Scheme::HTTPS));
    let connection = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .keep_alive_interval(HEAD_TIMEOUT)
        .max_concurrent_streams(MOST_STREAMS)
        .max_header_list_size(u32::try_from(LARGEST_HEAD).unwrap_or(u32::MAX))
        .serve_connection(TokioIo::new(stream), service);
    watcher.watch(connection).await
}

async fn answer<E: Endpoint>(
    service: Arc<Service<E>>,
    request: hyper::Request<hyper::body::Incoming>,
    remote: RemoteAddr,
    scheme: Scheme,
) -> Result<hyper::Response<impl hyper::body::Body<Data = hyper::body::Bytes, Error = io::Error>>, Infallible> {
    let request = Request::from((request, service.local.clone(), remote, scheme));
    let response: Response = service.endpoint.get_response(request).await;
    Ok(response.into())
}

fn acceptor(chain: &str, key: &str) -> io::Result<TlsAcceptor> {
    let wrong = |error: &dyn std::fmt::Display| io::Error::new(io::ErrorKind::InvalidInput, format!("TLS: {error}"));
    let chain = CertificateDer::pem_slice_iter(chain.as_bytes()).collect::<Result<Vec<_>, _>>();
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|error| wrong(&error))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong(&error))?
        .with_no_client_auth()
        .with_single_cert(chain.map_err(|error| wrong(&error))?, key)
        .map_err(|error| wrong(&error))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
