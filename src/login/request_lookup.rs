//! Which authorization request a login finishes, and whether the caller may finish it (SEC-1, SEC-2, SEC-13).

use super::error::{LoginError, Refusal};
use super::link::may_ignore_request;
use super::next_uri::with_parameter;
use super::request::RequestContext;
use super::request_fields::Fields;
use super::request_secrets::{self, Binding, RequestOptions};
use super::service::LoginService;
use crate::model::{AuthorizationRequest, StartedBy};
use crate::provider::{MaxAge, Protocol, Provider};
use crate::settings::StatePolicy;

/// How an authorization request is completed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CompletionMode {
    /// The front-end posts the code and gets the answer.
    Answer,
    /// The provider redirects the browser to this server, which redirects it to the front-end.
    ServerRedirect,
}

/// The authorization request that a login finishes.
pub(super) struct MatchedRequest {
    pub row: AuthorizationRequest,
    /// `None` in OAuth 1.0a, where the request token identifies the row.
    pub state: Option<String>,
    pub options: RequestOptions,
}

impl MatchedRequest {
    /// The `max_age` that was sent to the provider.
    pub fn max_age(&self) -> Option<MaxAge> {
        self.options.max_age.map(|seconds| MaxAge { seconds, requested: self.row.created })
    }
}

impl LoginService {
    /// The request that this login finishes; `None` for a login without one, where STATE_POLICY allows it.
    ///
    /// Errors: `state_mismatch`, `state_expired`, `flow_mismatch`, `database_unavailable`.
    pub(super) async fn matched_request(
        &self,
        provider: &Provider,
        fields: &Fields,
        request_context: &RequestContext,
        mode: CompletionMode,
    ) -> Result<Option<MatchedRequest>, LoginError> {
        let binding = request_context.binding(fields.own("flow_token"));
        let policy = match mode {
            CompletionMode::Answer => self.settings.state_policy,
            CompletionMode::ServerRedirect => StatePolicy::Required,
        };
        if provider.protocol() == Protocol::OAuth1 {
            return self.matched_request_token(provider, fields, &binding, mode).await;
        }
        let is_own = |state: &&str| request_secrets::is_state(&self.key, state);
        let sent = || [fields.own("state"), fields.own("redirect_state")].into_iter().flatten();
        // A state that this server made takes precedence over one of the front-end.
        let state = sent().find(is_own).or_else(|| sent().next());
        match (self.stored_request(state).await?, state) {
            (Some(row), Some(state)) => match self.check_match(&row, provider, &binding, mode) {
                Ok(()) => self.with_options(row, state, Some(state.to_owned())).map(Some),
                Err(_) if may_ignore_request(policy, row.link_request) => Ok(None),
                Err(error) => Err(error),
            },
            (None, Some(state)) if policy != StatePolicy::Off && is_own(&state) => {
                Err(state_mismatch("This state was used already or has expired: start the login again."))
            }
            _ if policy == StatePolicy::Required => Err(state_mismatch(
                "The state is missing or unknown: send the one that /api/login/social/begin/ returned.",
            )),
            _ if policy == StatePolicy::WhenPresent && !binding.is_empty() => {
                let now = self.deps.now();
                let (browser, flow) = (binding.browser.as_ref(), binding.flow.as_ref());
                if self.store.has_open_authorization_request(provider.name(), browser, flow, now).await? {
                    return Err(state_mismatch(
                        "This browser started a login on this server: send its state with the code.",
                    ));
                }
                Ok(None)
            }
            _ => Ok(None),
        }
    }

    /// OAuth 1.0a: the row of the request token decides, whatever else was sent.
    async fn matched_request_token(
        &self,
        provider: &Provider,
        fields: &Fields,
        binding: &Binding,
        mode: CompletionMode,
    ) -> Result<Option<MatchedRequest>, LoginError> {
        // When the user denied consent, some providers send the request token as `denied` only.
        let oauth_token = fields.own("oauth_token");
        let denied = fields.own("denied").filter(|_| oauth_token.is_none());
        let Some(token) = oauth_token.or(denied) else { return Ok(None) };
        let Some(row) = self.stored_request(Some(token)).await? else {
            // Without a stored request token there is nothing to claim; the login is refused anyway.
            return match denied {
                Some(_) => Ok(None),
                None => Err(state_mismatch("No login was started on this server with this oauth_token.")),
            };
        };
        // A legacy front-end on another domain never stored the cookie: its token alone is enough, once (SEC-13).
        let may_be_unbound = matches!(row.started_by, StartedBy::OAuth1Login)
            && binding.is_empty()
            && self.settings.state_policy != StatePolicy::Required;
        match self.check_match(&row, provider, binding, mode) {
            Err(error) if error.refusal != Refusal::FlowMismatch || !may_be_unbound => Err(error),
            _ => self.with_options(row, token, None).map(Some),
        }
    }

    /// Errors: `state_expired` for options that were encrypted with another SECRET_KEY.
    fn with_options(
        &self,
        mut row: AuthorizationRequest,
        state_or_token: &str,
        state: Option<String>,
    ) -> Result<MatchedRequest, LoginError> {
        let encrypted = row.encrypted_options.as_deref();
        let options = request_secrets::decrypt_options(&self.key, state_or_token, encrypted)
            .ok_or_else(|| LoginError::new(Refusal::StateExpired, "This login cannot be completed: start it again."))?;
        // However the flow ends, the page at `next` gets its own value back.
        if let (Some(end), Some(app_state)) = (&mut row.server_redirect, &options.app.app_state) {
            end.next = with_parameter(&end.next, "app_state", app_state);
        }
        Ok(MatchedRequest { row, state, options })
    }

    async fn stored_request(&self, state_or_token: Option<&str>) -> Result<Option<AuthorizationRequest>, LoginError> {
        match state_or_token.and_then(request_secrets::request_key) {
            Some(key) => Ok(self.store.authorization_request(&key).await?),
            None => Ok(None),
        }
    }

    fn check_match(
        &self,
        row: &AuthorizationRequest,
        provider: &Provider,
        binding: &Binding,
        mode: CompletionMode,
    ) -> Result<(), LoginError> {
        if row.provider != provider.name() {
            Err(state_mismatch("This state belongs to another provider."))
        } else if row.server_redirect.is_some() != (mode == CompletionMode::ServerRedirect) {
            Err(state_mismatch("This login was started to be completed on another route."))
        } else if row.expires <= self.deps.now() {
            Err(LoginError::new(Refusal::StateExpired, "This login has expired: start it again."))
        } else if !binding.matches(row) {
            let detail = "This login was started in another browser: send its cookie or its flow_token.";
            Err(LoginError::new(Refusal::FlowMismatch, detail))
        } else {
            Ok(())
        }
    }
}

pub(super) fn state_mismatch(detail: &str) -> LoginError {
    LoginError::new(Refusal::StateMismatch, detail)
}
