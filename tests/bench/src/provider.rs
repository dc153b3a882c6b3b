//! A provider like GitHub: code `u7` is a login of user 7.

use std::convert::Infallible;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use crate::Failure;

pub async fn serve(port: u64) -> Result<(), Failure> {
    let listener = TcpListener::bind(("127.0.0.1", u16::try_from(port)?)).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(
            hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer)),
        );
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let body = if request.uri().path().ends_with("/access_token") {
        let form = request.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        let user = user_in(&String::from_utf8_lossy(&form), "code=u");
        format!(r#"{{"access_token":"token-u{user}","token_type":"bearer","scope":"user:email"}}"#)
    } else {
        let header = request.headers().get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
        let user = user_in(header, "token-u");
        format!(
            r#"{{"id":{user},"login":"user{user}","name":"First{user} Last{user}","email":"user{user}@example.com"}}"#
        )
    };
    let mut response = Response::new(Full::new(Bytes::from(body)));
    response.headers_mut().insert("content-type", hyper::header::HeaderValue::from_static("application/json"));
    Ok(response)
}

/// The digits after `prefix`.
fn user_in(text: &str, prefix: &str) -> u64 {
    let digits = text.split_once(prefix).map_or("", |(_, rest)| rest);
    digits
        .split(|other: char| !other.is_ascii_digit())
        .next()
        .and_then(|digits| digits.parse().ok())
        .unwrap_or_default()
}
