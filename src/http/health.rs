//! Whether the process lives, and whether it can work.

use std::sync::Arc;

use poem::http::StatusCode;
use poem_openapi::types::Example;
use poem_openapi::{Object, OpenApi};

use super::answer::Answer;
use super::app::App;
use super::login::Tag;
use super::problem::Failure;
use super::refusals::{self, Case, Problems, Refused};

pub struct Health {
    pub app: Arc<App>,
}

pub struct AliveProblems;

impl Problems for AliveProblems {
    const LIST: &'static [&'static [Case]] = &[refusals::METHOD];
}

pub struct ReadyProblems;

impl Problems for ReadyProblems {
    const LIST: &'static [&'static [Case]] = &[refusals::METHOD, refusals::READY];
}

#[OpenApi(tag = Tag::Operations)]
impl Health {
    /// Is the process alive?
    #[oai(path = "/healthz", method = "get", operation_id = "getHealth")]
    async fn health(&self) -> Result<Answer<Status>, Refused<AliveProblems>> {
        Ok(Answer(Status::ok()))
    }

    /// Could a login be written to the database now, and is no shutdown under way?
    #[oai(path = "/readyz", method = "get", operation_id = "getReadiness")]
    async fn readiness(&self) -> Result<Answer<Status>, Refused<ReadyProblems>> {
        if self.app.stopping.is_cancelled() {
            let detail = "This server is shutting down. Send requests to another one.";
            return Err(Failure::new(StatusCode::SERVICE_UNAVAILABLE, "shutting_down", detail).into());
        }
        if self.app.account.is_ready().await {
            return Ok(Answer(Status::ok()));
        }
        let detail = "The database does not answer. Try again in a moment.";
        Err(Failure::new(StatusCode::SERVICE_UNAVAILABLE, "database_unavailable", detail).into())
    }
}

/// All is well.
#[derive(Object)]
#[oai(example)]
pub struct Status {
    /// Always `ok`.
    pub status: String,
}

impl Status {
    fn ok() -> Self {
        Self { status: "ok".to_owned() }
    }
}

impl Example for Status {
    fn example() -> Self {
        Self::ok()
    }
}
