//! The listener of METRICS_LISTEN: `/metrics` in the text format of Prometheus. It has a listener of its own, because it has no
//! authentication, and the routes of logins must not pay for a flood of scrapes.

use std::sync::Arc;
use std::time::Duration;

use poem::http::{HeaderValue, Method, StatusCode, header};
use poem::{Endpoint, Request, Response};
use tokio::net::TcpListener;

use super::application::Current;
use super::listen;
use crate::metrics::{Metrics, Scraped};
use crate::settings::{SettingError, Settings};
use crate::store::Repository;

/// How long a scrape waits for the database. Prometheus gives up after ten seconds by default.
const DATABASE_TIMEOUT: Duration = Duration::from_secs(1);

/// Listens on METRICS_LISTEN. `None`: the setting has no value.
///
/// Errors: the address cannot be used.
pub(super) fn bind(settings: &Settings) -> Result<Option<TcpListener>, SettingError> {
    let Some(address) = settings.metrics_listen else { return Ok(None) };
    listen::bind_setting("METRICS_LISTEN", address, settings.listen_reuse_port).map(Some)
}

/// `GET /metrics`.
pub(super) struct MetricsEndpoint {
    pub metrics: Metrics,
    pub repository: Arc<dyn Repository>,
    pub current: Current,
}

impl MetricsEndpoint {
    async fn scraped(&self) -> Scraped {
        let webhook_queue = if self.current.get().hook.is_some() {
            // A database that does not answer must not hide the other metrics.
            let counted = tokio::time::timeout(DATABASE_TIMEOUT, self.repository.pending_events()).await;
            counted.ok().and_then(Result::ok)
        } else {
            None
        };
        Scraped { pool: Some(self.repository.pool_connections()), webhook_queue }
    }
}

impl Endpoint for MetricsEndpoint {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        const FORMAT: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
        let text = |status: StatusCode, text: &'static str| Response::builder().status(status).body(text);
        if !matches!(request.uri().path(), "/metrics" | "/metrics/") {
            return Ok(text(StatusCode::NOT_FOUND, "The metrics are at /metrics.\n"));
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "");
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
            return Ok(response);
        }
        let mut response = Response::from(self.metrics.render(self.scraped().await));
        response.headers_mut().insert(header::CONTENT_TYPE, FORMAT);
        response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        Ok(response)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_port_that_is_in_use_is_an_error_that_may_end_without_a_change_of_the_setting() {
        let used = listen::bind("127.0.0.1:0".parse().expect("an address"), false).expect("a free port");
        let address = used.local_addr().expect("an address");
        let error = listen::bind_setting("METRICS_LISTEN", address, false).expect_err("the port is in use");
        assert_eq!((error.name.as_str(), error.is_temporary), ("METRICS_LISTEN", true));
    }
}
