//! OAuth 1.0a (RFC 5849): the request token and the access token, all calls signed. The token's secret never leaves the
//! server (SEC-12).

use serde_json::Value;
use tokio::time::Instant;

use super::call::{render_pairs, resolve_url};
use super::configured::Provider;
use super::context::ExchangeContext;
use super::descriptor::Format;
use super::error::ProviderError;
use super::protocol::RequestToken;
use super::reply;
use crate::model::as_text;
use crate::outgoing::{Request, Signer, sign};
use crate::secrets::{ExposeSecret, SecretString, constant_time_eq};

impl Provider {
    /// RFC 5849, 2.1: the first step, a request token for `callback`.
    pub async fn request_token(&self, callback: &str, deadline: Instant) -> Result<RequestToken, ProviderError> {
        const STAGE: &str = "request_token";
        let rules = &self.descriptor.oauth1;
        let scope =
            self.scope_of_settings().with("redirect_uri", Some(callback)).with("scope", Some(self.scope.as_str()));
        let url = resolve_url(STAGE, &rules.request_token_url, &scope, &[])?;
        let mut call = Request::new(rules.request_token_method, url);
        call.query = render_pairs(&rules.query, &scope)?;
        call.query.extend(self.values.pairs("REQUEST_TOKEN_EXTRA_ARGUMENTS"));
        let own = rules.callback.as_ref().map(|template| template.render(&scope)).transpose()?.flatten();
        let signer = self.signer(None);
        sign(&mut call, signer, &[("oauth_callback", own.as_deref().unwrap_or(callback))], &self.deps);
        let answer = self.send(STAGE, &call, deadline).await?;
        let secrets = [self.client_secret.expose_secret()];
        let members = reply::read(&answer, STAGE, Format::Form, &self.descriptor.errors, &secrets)?;
        let text = |name: &str| members.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        // Without it the provider speaks 1.0, which session fixation broke (SEC-14).
        if text("oauth_callback_confirmed") != Some("true") {
            return Err(ProviderError::failed(STAGE, "the callback was not confirmed"));
        }
        match (text("oauth_token"), text("oauth_token_secret")) {
            (Some(token), Some(secret)) => {
                Ok(RequestToken { token: token.to_owned(), secret: SecretString::from(secret) })
            }
            _ => Err(ProviderError::failed(STAGE, "there is no token in the answer")),
        }
    }

    pub(super) fn signer<'a>(&'a self, token: Option<(&'a str, &'a SecretString)>) -> Signer<'a> {
        Signer { client_id: &self.client_id, client_secret: &self.client_secret, token }
    }

    /// RFC 5849, 2.3: the verifier for an access token, kept as the object that the original keeps (R-EXT-03).
    pub(super) async fn exchange_verifier(&self, context: &mut ExchangeContext<'_>) -> Result<(), ProviderError> {
        const STAGE: &str = "token";
        let request_token =
            context.callback.request_token.ok_or_else(|| ProviderError::failed(STAGE, "there is no request token"))?;
        let given = |name: &str| context.callback.fields.get(name).and_then(as_text).unwrap_or_default();
        if !constant_time_eq(given("oauth_token").as_bytes(), request_token.token.as_bytes()) {
            return Err(ProviderError::failed(STAGE, "the callback is another request token's"));
        }
        let url = context.token_url()?;
        let mut call = Request::new(self.descriptor.token.method, url);
        call.query = render_pairs(&self.descriptor.token.query, &context.scope())?;
        let (callback, verifier) = (context.redirect_uri.clone(), given("oauth_verifier"));
        let extra = [("oauth_callback", callback.as_str()), ("oauth_verifier", verifier.as_str())];
        let signer = self.signer(Some((&request_token.token, &request_token.secret)));
        sign(&mut call, signer, &extra, &self.deps);
        let answer = self.send(STAGE, &call, context.callback.deadline).await?;
        // The provider took our client's signature for the request token a moment ago: what it refuses now is the
        // token or the verifier.
        let refused = matches!(answer.status, 401 | 403);
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
            return Err(ProviderError::failed(STAGE, "there is no token in the answer"));
        };
        context.access_token = Some(token.to_owned());
        context.token_secret = Some(SecretString::from(secret));
        context.token = members;
        Ok(())
    }
}
