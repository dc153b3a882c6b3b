//! The audit log of refused requests: one event for each (SEC-45).
//!
//! Every refusal of the API reaches [`Resource`](super::resource::Resource) as a [`Failure`]; it passes the failure to
//! [`AuditMiddleware`]. Handlers need not think of the audit log, and a request that succeeds costs nothing. Of the refusals
//! of a rate limit, the first of each caller in a minute is logged.

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use poem::Request;
use poem::http::{HeaderValue, Method, StatusCode, header};

use super::app::App;
use super::client::{client_address, client_info_from};
use super::problem::Failure;
use crate::login::LoginError;
use crate::model::{Network, UserId};

/// Which refusals of a route belong in the audit log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditScope {
    /// A step of a login: all.
    Login,
    /// Answers to a pending login: all but invalid answers, after which the login is still pending.
    PendingLogin,
    /// Calls of services: a wrong credential of a service (401).
    Service,
    /// Everything else: an unsafe call that is forbidden or conflicts (403, 409), and a reused refresh token. An expired
    /// credential or an invalid field is not logged: both are part of normal use.
    Account,
}

/// The caller of a request, set by [`AuditMiddleware::set_caller`] once a credential was verified. It is in the request's
/// extensions, because the middleware runs around the handler that verifies the credential.
#[derive(Clone, Default)]
struct AuthenticatedCaller(Arc<OnceLock<UserId>>);

/// What an audit event says of the request. The request itself is consumed by its handler.
pub struct AuditMiddleware {
    scope: AuditScope,
    method: Method,
    address: Option<IpAddr>,
    user_agent: Option<HeaderValue>,
    /// From the path.
    provider: Option<String>,
    caller: AuthenticatedCaller,
}

impl AuditMiddleware {
    /// Call this before the handler. `provider`: the provider that the path names.
    pub fn before(request: &mut Request, scope: AuditScope, provider: Option<String>) -> Self {
        let caller = AuthenticatedCaller::default();
        request.extensions_mut().insert(caller.clone());
        Self {
            scope,
            method: request.method().clone(),
            address: client_address(request),
            user_agent: request.headers().get(header::USER_AGENT).cloned(),
            provider,
            caller,
        }
    }

    /// Records the user whose credential the request has.
    pub fn set_caller(request: &Request, user: UserId) {
        if let Some(caller) = request.extensions().get::<AuthenticatedCaller>() {
            caller.0.get_or_init(|| user);
        }
    }

    /// Writes the audit event of a refusal and its log line, if the route's [`AuditScope`] includes it.
    pub async fn record(self, app: &App, failure: &mut Failure) {
        if !self.includes(failure) {
            return;
        }
        // The routes of logins count every request by address. Elsewhere a page of another site can send any number of these.
        if self.scope == AuditScope::Account
            && failure.code == "csrf_failed"
            && let Err(exceeded) = app.rate_limits.check_address(Network::of(self.address)).await
        {
            *failure = LoginError::from(exceeded).into();
            if !self.includes(failure) {
                return;
            }
        }
        let context = &mut failure.context;
        // The provider's own name: the path may hold any text.
        let provider = self.provider.as_deref().and_then(|name| app.login.providers().get(name));
        context.provider = context.provider.take().or_else(|| provider.map(|provider| provider.name().to_owned()));
        context.user_id = context.user_id.or_else(|| self.caller.0.get().copied());
        if app.settings.rest_social.log_auth_exceptions {
            let (provider, kind) = (context.provider.as_deref(), context.kind.map(tracing::field::display));
            let (user_id, cause) = (context.user_id.map(|user| user.0), context.cause.as_deref());
            tracing::warn!(code = %failure.code, provider, kind, user_id, cause, "refused");
        }
        let client = client_info_from(self.address, self.user_agent.as_ref());
        app.login.audit_refusal(failure.code.clone(), context, &client).await;
    }

    fn includes(&self, failure: &Failure) -> bool {
        if failure.rate_limit.as_ref().is_some_and(|exceeded| !exceeded.is_reported) {
            return false;
        }
        match self.scope {
            AuditScope::Login => true,
            AuditScope::PendingLogin => failure.code != "invalid_request",
            AuditScope::Service => failure.status == StatusCode::UNAUTHORIZED,
            AuditScope::Account => {
                let is_forbidden = matches!(failure.status, StatusCode::FORBIDDEN | StatusCode::CONFLICT);
                failure.context.user_id.is_some() || (is_forbidden && !self.method.is_safe())
            }
        }
    }
}
