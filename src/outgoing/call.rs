//! One exchange over a pool: request out, answer in, every failure named without its URL.

use reqwest::header::{CONTENT_LENGTH, HeaderValue};

use super::address::Refused;
use super::{MAX_BODY, OutgoingError, Reply, Request};

/// The time limit is the caller's.
pub(super) async fn exchange(pool: &reqwest::Client, request: &Request, host: &str) -> Result<Reply, OutgoingError> {
    let (url, headers, body) = request.encoded()?;
    let mut outward = pool.request(request.method.clone(), url).headers(headers);
    if !body.is_empty() {
        outward = outward.body(body);
    } else if request.method == reqwest::Method::POST {
        // Some servers refuse a POST that does not say that it is empty.
        outward = outward.header(CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
    let mut answer = outward.send().await.map_err(|error| named(&error, host))?;
    let status = answer.status().as_u16();
    let headers = std::mem::take(answer.headers_mut());
    let promised = answer.content_length().unwrap_or_default();
    if promised > MAX_BODY as u64 {
        return Err(OutgoingError::TooLarge);
    }
    let mut body = Vec::with_capacity(usize::try_from(promised).unwrap_or_default().min(16 * 1024));
    while let Some(chunk) = answer.chunk().await.map_err(|error| named(&error, host))? {
        if body.len() + chunk.len() > MAX_BODY {
            return Err(OutgoingError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Reply { status, headers, body })
}

/// reqwest's own text holds the URL; the cause at the bottom does not.
fn named(error: &reqwest::Error, host: &str) -> OutgoingError {
    let host = host.to_owned();
    let mut cause: &(dyn std::error::Error + 'static) = error;
    let mut depth = 0;
    while let Some(deeper) = cause.source() {
        if let Some(Refused(reason)) = deeper.downcast_ref::<Refused>() {
            return OutgoingError::Forbidden { host, reason };
        }
        cause = deeper;
        depth += 1;
    }
    let cause = if depth == 0 { "the request could not be made".to_owned() } else { cause.to_string() };
    if error.is_timeout() {
        OutgoingError::Timeout
    } else if error.is_connect() {
        OutgoingError::Unreachable { host, cause }
    } else {
        OutgoingError::Broken(cause)
    }
}
