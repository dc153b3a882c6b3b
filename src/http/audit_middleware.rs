//! What was refused goes into the log and the audit trail here, whatever refused it: one row for each (SEC-45).
//!
//! A refusal becomes an answer in one way, by [`Failure`](super::problem::Failure), which leaves [`AuditedRefusal`] beside it;
//! every answer of the API passes [`AuditMiddleware::over`], which writes down those that somebody may ask about one day. No handler
//! has to think of it, and an answer that refuses nothing costs nothing.

use std::borrow::Cow;
use std::cell::Cell;
use std::future::Future;
use std::net::IpAddr;

use poem::http::{HeaderValue, Method, StatusCode, Uri, header};
use poem::{Request, Response};

use super::app::{self, App};
use crate::account::Caller;
use crate::model::{RefusalContext, UserId};

tokio::task_local! {
    /// Whose credential came with the request.
    static CALLER: Cell<Option<UserId>>;
}

/// Says whose credential came along.
pub fn calls(caller: Option<&Caller>) {
    // Outside of a handler nobody listens.
    let _unheard = CALLER.try_with(|cell| cell.set(caller.map(|caller| caller.user.id)));
}

/// Beside an answer that refuses something: what, and what is known of it.
#[derive(Clone, Debug)]
pub struct AuditedRefusal {
    pub status: StatusCode,
    pub code: Cow<'static, str>,
    pub about: Box<RefusalContext>,
}

/// What a row says of a request, which is gone when it is answered.
pub struct AuditMiddleware {
    method: Method,
    uri: Uri,
    address: Option<IpAddr>,
    agent: Option<HeaderValue>,
}

impl AuditMiddleware {
    pub fn of(request: &Request) -> Self {
        Self {
            method: request.method().clone(),
            uri: request.original_uri().clone(),
            address: app::address(request),
            agent: request.headers().get(header::USER_AGENT).cloned(),
        }
    }

    /// The answer, with what it refuses written down. `template`: of the path that answers.
    pub async fn over(self, answer: impl Future<Output = Response>, app: &App, template: &str) -> Response {
        let listening = CALLER.scope(Cell::new(None), async { (answer.await, CALLER.with(Cell::get)) });
        let (mut response, caller) = listening.await;
        self.look(app, template, caller, &mut response).await;
        response
    }

    async fn look(&self, app: &App, template: &str, caller: Option<UserId>, response: &mut Response) {
        let Some(mut declined) = response.extensions_mut().remove::<AuditedRefusal>() else { return };
        if !self.belongs(template, &declined) {
            return;
        }
        let AuditedRefusal { code, about, .. } = &mut declined;
        about.provider = about.provider.take().or_else(|| self.provider(app, template));
        about.user_id = about.user_id.or(caller);
        if app.settings.rest_social.log_auth_exceptions {
            let (provider, kind) = (about.provider.as_deref(), about.kind.map(tracing::field::display));
            let (user_id, cause) = (about.user_id, about.cause.as_deref());
            tracing::warn!(%code, provider, kind, user_id, cause, "refused");
        }
        let client = app::client_of(self.address, self.agent.as_ref());
        app.login.note(code.clone(), about, &client).await;
    }

    /// Whatever is refused on the way of a login, but for mistyped answers to one that still waits for them; an act of
    /// somebody who is signed in that they may not do, or not now; and a token that had ended and came again. Not: a
    /// credential that is over, which every front-end shows now and then, and a form with a mistake in it.
    fn belongs(&self, template: &str, declined: &AuditedRefusal) -> bool {
        let AuditedRefusal { status, code, about } = declined;
        if template.starts_with("/api/login/") {
            return !(template.ends_with("/resume/") && code == "invalid_request");
        }
        let may_not = matches!(*status, StatusCode::FORBIDDEN | StatusCode::CONFLICT);
        about.user_id.is_some() || (may_not && !self.method.is_safe())
    }

    /// Of the path, where the refusal came too early to name it. What no provider is called is a stranger's text, as long
    /// as they like: it goes nowhere.
    fn provider(&self, app: &App, template: &str) -> Option<String> {
        let path = self.uri.path().trim_end_matches('/');
        let last = path.rsplit('/').next().filter(|_| template.ends_with("/{provider}/"))?;
        app.login.providers().get(last).map(|provider| provider.name().to_owned())
    }
}
