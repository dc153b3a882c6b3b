//! Health checks: liveness and readiness.

use std::sync::Arc;

use poem::http::StatusCode;
use poem_openapi::types::Example;
use poem_openapi::{Object, OpenApi};

use crate::http::openapi::answers::Answer;
use crate::http::openapi::{Refused, Tag, error_list};
use crate::http::protocol::{App, Failure};

pub struct Health {
    pub app: Arc<App>,
}

error_list! {
    LivenessErrors: LIVENESS;
    ReadinessErrors: READY;
}

#[OpenApi(tag = Tag::Operations)]
impl Health {
    /// Check that the process is alive
    ///
    /// It uses no database: a supervisor restarts the process when this fails.
    #[oai(path = "/healthz", method = "get", operation_id = "getHealth")]
    async fn health(&self) -> Result<Answer<HealthStatus>, Refused<LivenessErrors>> {
        Ok(Answer(HealthStatus::ok()))
    }

    /// Check that the server is ready for logins
    ///
    /// The database accepts writes, and no shutdown has begun.
    #[oai(path = "/readyz", method = "get", operation_id = "getReadiness")]
    async fn readiness(&self) -> Result<Answer<HealthStatus>, Refused<ReadinessErrors>> {
        if self.app.stopping.is_cancelled() {
            let detail = "This server is shutting down. Send requests to another one.";
            return Err(Failure::new(StatusCode::SERVICE_UNAVAILABLE, "shutting_down", detail).into());
        }
        if self.app.account.is_ready().await {
            return Ok(Answer(HealthStatus::ok()));
        }
        Err(Failure::database_unavailable().into())
    }
}

/// The server is healthy.
#[derive(Object)]
#[oai(example)]
pub struct HealthStatus {
    /// Always `ok`.
    pub status: String,
}

impl HealthStatus {
    fn ok() -> Self {
        Self { status: "ok".to_owned() }
    }
}

impl Example for HealthStatus {
    fn example() -> Self {
        Self::ok()
    }
}
