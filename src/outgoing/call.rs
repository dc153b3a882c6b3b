//! Sends one request over a connection pool and reads the answer. Errors never contain the URL.

use reqwest::header::{CONTENT_LENGTH, HeaderValue};

use super::address::Refused;
use super::error::{MAX_BODY_LEN, OutgoingError};
use super::message::{EncodedRequest, Reply, Request};

/// Has no time limit of its own.
pub(super) async fn exchange(pool: &reqwest::Client, request: &Request, host: &str) -> Result<Reply, OutgoingError> {
    let EncodedRequest { url, headers, body } = request.encoded()?;
    let mut outgoing = pool.request(request.method.clone(), url).headers(headers);
    if !body.is_empty() {
        outgoing = outgoing.body(body);
    } else if request.method == reqwest::Method::POST {
        // Some servers reject a POST without a Content-Length.
        outgoing = outgoing.header(CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
    let mut answer = outgoing.send().await.map_err(|error| outgoing_error(&error, host))?;
    let status = answer.status().as_u16();
    let headers = std::mem::take(answer.headers_mut());
    let announced_len = answer.content_length().unwrap_or_default();
    if announced_len > MAX_BODY_LEN as u64 {
        return Err(OutgoingError::TooLarge);
    }
    let mut body = Vec::with_capacity(usize::try_from(announced_len).unwrap_or_default().min(16 * 1024));
    while let Some(chunk) = answer.chunk().await.map_err(|error| outgoing_error(&error, host))? {
        if body.len() + chunk.len() > MAX_BODY_LEN {
            return Err(OutgoingError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Reply { status, headers, body })
}

/// The text of `reqwest::Error` contains the URL; that of its innermost cause does not.
fn outgoing_error(error: &reqwest::Error, host: &str) -> OutgoingError {
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
    let cause = if depth == 0 { "the request could not be sent".to_owned() } else { cause.to_string() };
    if error.is_timeout() {
        OutgoingError::Timeout
    } else if error.is_connect() {
        OutgoingError::Unreachable { host, cause }
    } else {
        OutgoingError::Broken(cause)
    }
}
