//! OAuth 1.0a (RFC 5849): the request token and the access token. The secret of a request token never leaves the server (SEC-12).

use reqwest::header::WWW_AUTHENTICATE;
use serde_json::Value;
use tokio::time::Instant;

use super::call::{render_pairs, resolve_url};
use super::configured::Provider;
use super::context::ExchangeContext;
use super::error::{ProviderError, Stage};
use super::protocol::RequestToken;
use super::reply;
use super::request_rules::Format;
use crate::model::as_text;
use crate::outgoing::{Reply, Request, Signer, sign};
use crate::secrets::{ExposeSecret, SecretString, constant_time_eq};

/// In bytes. The callback could not name a longer one.
const MAX_REQUEST_TOKEN_LEN: usize = 256;
/// Values of `oauth_problem` (OAuth Problem Reporting) that say nothing about the request token or the verifier.
const PROBLEMS_OF_CLIENT: [&str; 7] = [
    "consumer_key_unknown",
    "consumer_key_rejected",
    "consumer_key_refused",
    "signature_invalid",
    "signature_method_rejected",
    "timestamp_refused",
    "version_rejected",
];

impl Provider {
    /// Requests temporary credentials for `callback` (RFC 5849, 2.1).
    ///
    /// Errors: the provider refuses the client, fails, or does not confirm the callback.
    pub async fn request_token(&self, callback: &str, deadline: Instant) -> Result<RequestToken, ProviderError> {
        const STAGE: Stage = Stage::RequestToken;
        let rules = &self.descriptor.oauth1;
        let scope = self.base_scope().with("redirect_uri", Some(callback)).with("scope", Some(self.scope.as_str()));
        let url = resolve_url(STAGE, &rules.request_token_url, &scope, &[])?;
        let mut call = Request::new(rules.request_token_method, url);
        call.query = render_pairs(&rules.query, &scope)?;
        call.query.extend(self.values.pairs("REQUEST_TOKEN_EXTRA_ARGUMENTS"));
        let callback_of_rule = rules.callback.as_ref().map(|template| template.render(&scope)).transpose()?.flatten();
        let signer = self.signer(None);
        sign(&mut call, signer, &[("oauth_callback", callback_of_rule.as_deref().unwrap_or(callback))], &self.deps);
        let answer = self.send(STAGE, &call, deadline).await?;
        let secrets = [self.client_secret.expose_secret()];
        let members = reply::read(&answer, STAGE, Format::Form, &self.descriptor.errors, &secrets)?;
        let text = |name: &str| members.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        // Without it the provider uses OAuth 1.0, which allows session fixation (SEC-14).
        if text("oauth_callback_confirmed") != Some("true") {
            return Err(ProviderError::failed(STAGE, "the answer has no oauth_callback_confirmed=true"));
        }
        match (text("oauth_token"), text("oauth_token_secret")) {
            (Some(token), Some(_)) if token.len() > MAX_REQUEST_TOKEN_LEN || token.contains(char::is_control) => {
                Err(ProviderError::failed(STAGE, "the request token is too long or has a control character"))
            }
            (Some(token), Some(secret)) => {
                Ok(RequestToken { token: token.to_owned(), secret: SecretString::from(secret) })
            }
            _ => Err(ProviderError::failed(STAGE, "the answer has no token")),
        }
    }

    pub(super) fn signer<'a>(&'a self, token: Option<(&'a str, &'a SecretString)>) -> Signer<'a> {
        Signer { client_id: &self.client_id, client_secret: &self.client_secret, token }
    }

    /// Exchanges the verifier for an access token (RFC 5849, 2.3). The answer is stored as in DRSA (R-EXT-03).
    ///
    /// Errors: the provider refuses the verifier or the client, or fails.
    pub(super) async fn exchange_verifier(&self, context: &mut ExchangeContext<'_>) -> Result<(), ProviderError> {
        const STAGE: Stage = Stage::Token;
        let request_token = context
            .callback
            .request_token
            .ok_or_else(|| ProviderError::failed(STAGE, "the login has no request token"))?;
        let given = |name: &str| context.callback.fields.get(name).and_then(as_text).unwrap_or_default();
        if !constant_time_eq(given("oauth_token").as_bytes(), request_token.token.as_bytes()) {
            return Err(ProviderError::failed(STAGE, "the callback is of another request token"));
        }
        let url = context.token_url()?;
        let mut call = Request::new(self.descriptor.token.method, url);
        call.query = render_pairs(&self.descriptor.token.query, &context.scope())?;
        let (callback, verifier) = (context.redirect_uri.clone(), given("oauth_verifier"));
        let extra = [("oauth_callback", callback.as_str()), ("oauth_verifier", verifier.as_str())];
        let signer = self.signer(Some((&request_token.token, &request_token.secret)));
        sign(&mut call, signer, &extra, &self.deps);
        let answer = self.send(STAGE, &call, context.callback.deadline).await?;
        // The provider has just accepted the client for the request token, so it refuses the token or the verifier now.
        let refused = matches!(answer.status, 401 | 403) && !names_problem_of_client(&answer);
        let secrets = context.secrets();
        let read = reply::read(&answer, STAGE, Format::Form, &self.descriptor.errors, &secrets);
        let members = match read {
            Err(ProviderError::Failed { message, .. }) if refused => {
                return Err(ProviderError::InvalidCode { message });
            }
            read => read?,
        };
        let text = |name: &str| members.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        let none = self.descriptor.token.access_token_optional.then_some("");
        let (Some(token), Some(secret)) = (text("oauth_token"), text("oauth_token_secret").or(none)) else {
            return Err(ProviderError::failed(STAGE, "the answer has no token"));
        };
        context.access_token = Some(token.to_owned());
        context.token_secret = Some(SecretString::from(secret));
        context.token = members;
        Ok(())
    }
}

/// Whether the answer refuses the client or its clock, in the body or in `WWW-Authenticate`.
fn names_problem_of_client(answer: &Reply) -> bool {
    let header = answer.headers.get(WWW_AUTHENTICATE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let body = answer.text();
    let mut words =
        [header, &body].into_iter().flat_map(|text| text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')));
    words.any(|word| PROBLEMS_OF_CLIENT.contains(&word))
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderMap, HeaderValue};

    use super::*;

    #[test]
    fn problems_of_the_client_are_none_of_the_code() {
        let answer = |header: &'static str, body: &str| {
            let headers = HeaderMap::from_iter([(WWW_AUTHENTICATE, HeaderValue::from_static(header))]);
            Reply { status: 401, headers, body: body.as_bytes().to_vec() }
        };
        let named = [
            answer("", "oauth_problem=consumer_key_unknown&oauth_problem_advice=x"),
            answer("", r#"{"oauth_problem":"signature_invalid"}"#),
            answer(r#"OAuth realm="x", oauth_problem="timestamp_refused""#, ""),
        ];
        assert!(named.iter().all(names_problem_of_client));
        let others = [answer("", "oauth_problem=token_expired"), answer("OAuth oauth_problem=verifier_invalid", "")];
        assert!(!others.iter().any(names_problem_of_client));
    }
}
