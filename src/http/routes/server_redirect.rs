//! The redirect flow on the server, for pages without script and for native apps: authorize, and the provider's callback.

use std::sync::Arc;

use poem::Request;
use poem_openapi::OpenApi;
use poem_openapi::param::Path;

use crate::http::openapi::inputs::CallbackInput;
use crate::http::openapi::{Refused, SeeOther, Tag, error_list};
use crate::http::protocol::{
    App, BySession, OptionalAuth, OriginPolicy, Query, RawBody, Rejection, authorization_request_cookie_of,
    form_fields, provider_parameters, scopes,
};
use crate::login::{AppContext, AuthorizeRequest, Fields, LoginError, RequestContext};
use crate::model::LoginKind;

pub struct ServerRedirect {
    pub app: Arc<App>,
}

error_list! {
    AuthorizeErrors or_page: ANY, BEGIN, USER_TO_LINK_MISSING, PROVIDER;
    CallbackErrors or_page: ANY, CALLBACK;
    PostedCallbackErrors or_page: ANY, BODY, CALLBACK;
}

#[OpenApi(prefix_path = "/api/login/social", tag = Tag::ServerRedirect)]
impl ServerRedirect {
    /// Send the user to a provider
    ///
    /// For links on pages without script, and for native apps. The provider sends the user back to this server, which
    /// redirects to `next`: with a session cookie, or with a one-time `code` that an app exchanges within 60 seconds. If a
    /// step needs additional input, `halted` names the step: an app exchanges the `code` for the fields; a page sends the
    /// user to `/api/login/social/resume/?code=…`, a form that redirects to `next` again. An error is sent to `next` as
    /// `error`, with its code. With REST_SOCIAL_IS_NEW, a session login has `is_new` too. If the request has a session
    /// cookie and the link is on a page of the same site, the account is linked to the session's user.
    #[expect(clippy::too_many_arguments, reason = "each parameter of the query is an argument")]
    #[expect(unused_variables, reason = "some are only documented here: the provider's descriptor says which are used")]
    #[oai(path = "/authorize/:provider", method = "get", operation_id = "authorize")]
    async fn authorize(
        &self,
        /// The provider's name, as `/api/login/social/providers/` lists it.
        provider: Path<String>,
        /// Where the login ends: an entry of ALLOWED_REDIRECT_URIS, or any page of an origin of ALLOWED_NEXT_ORIGINS. With a
        /// kind that has a token, such a page needs a `code_challenge`.
        next: Query<Option<String>>,
        /// The kind of credential; the default is `session`. Apps need a kind with a token.
        kind: Query<Option<LoginKind>>,
        /// A subset of the provider's configured scopes, separated by spaces. Other scopes need
        /// `POST /api/login/social/begin/{provider}/`, because any site may link here.
        scope: Query<Option<String>>,
        /// An app's challenge (RFC 7636), required for its own scheme. Its code then needs the verifier.
        code_challenge: Query<Option<String>>,
        /// `S256`.
        code_challenge_method: Query<Option<String>>,
        /// What the provider asks the user for: `none`, `login`, `consent` or `select_account`.
        prompt: Query<Option<String>>,
        /// The account that the provider suggests, such as an e-mail address.
        login_hint: Query<Option<String>>,
        /// The maximum time in seconds since the user authenticated at the provider. The ID token must prove it.
        max_age: Query<Option<u32>>,
        /// Languages for the provider's pages, in order, such as `de en`.
        ui_locales: Query<Option<String>>,
        /// Authentication context classes that the application requests, in order.
        acr_values: Query<Option<String>>,
        /// The domain of the user's account at the provider (Microsoft).
        domain_hint: Query<Option<String>>,
        /// A JSON object of at most 2 KB, as JSON text. The answer of the login has it, and pipeline steps and webhooks.
        data: Query<Option<String>>,
        /// A text of at most 512 characters, which is appended to `next`.
        app_state: Query<Option<String>>,
        auth: OptionalAuth<'_, BySession>,
    ) -> Result<SeeOther, Refused<AuthorizeErrors>> {
        let request_context = auth.admit_to_link(&self.app, OriginPolicy::Navigation).await?;
        let (fields, mut errors) = (query_fields(auth.request), Vec::new());
        let app = AppContext::read(&fields, &mut errors);
        LoginError::check_fields(errors)?;
        let request = AuthorizeRequest {
            next: next.0,
            kind: kind.0.unwrap_or(LoginKind::Session),
            code_challenge: code_challenge.0,
            code_challenge_method: code_challenge_method.0,
            scope: scope.0.and_then(|names| scopes(names.split_whitespace())),
            app,
            parameters: provider_parameters(&fields),
        };
        let begun = self.app.login.authorize(&provider.0, request, &request_context).await;
        let begun = begun.map_err(|error| self.app.login_failure(error))?;
        let cookie = authorization_request_cookie_of(&request_context.base_url, &begun);
        Ok(SeeOther::new(&begun.authorization_url, Some(cookie))?)
    }

    /// A provider's callback
    ///
    /// The provider sends the user here. Register this URL below PUBLIC_URL at the provider as redirect URI.
    #[oai(path = "/complete/:provider", method = "get", operation_id = "completeLogin")]
    async fn complete(
        &self,
        /// The provider's name.
        provider: Path<String>,
        auth: OptionalAuth<'_, BySession>,
    ) -> Result<SeeOther, Refused<CallbackErrors>> {
        let context = auth.admit(&self.app, OriginPolicy::Unchecked).await?.context;
        Ok(Box::pin(self.complete_redirect(&provider.0, query_fields(auth.request), context)).await?)
    }

    /// A provider's callback by POST
    ///
    /// For providers that use `response_mode=form_post`, such as Apple.
    #[oai(path = "/complete/:provider", method = "post", operation_id = "completeLoginByPost")]
    async fn complete_by_post(
        &self,
        /// The provider's name.
        provider: Path<String>,
        auth: OptionalAuth<'_, BySession>,
        body: RawBody<CallbackInput>,
    ) -> Result<SeeOther, Refused<PostedCallbackErrors>> {
        let context = auth.admit(&self.app, OriginPolicy::Unchecked).await?.context;
        let fields = body.fields().await?;
        Ok(Box::pin(self.complete_redirect(&provider.0, fields, context)).await?)
    }
}

impl ServerRedirect {
    async fn complete_redirect(
        &self,
        provider: &str,
        fields: Fields,
        context: RequestContext,
    ) -> Result<SeeOther, Rejection> {
        let (own, request_cookie) = (context.base_url.clone(), context.cookie.clone());
        let outcome = self.app.login.complete_redirect(provider, fields, context).await;
        let outcome = outcome.map_err(|error| self.app.login_failure(error))?;
        SeeOther::to_outcome(&own, request_cookie.as_ref(), outcome)
    }
}

fn query_fields(request: &Request) -> Fields {
    form_fields(request.uri().query().unwrap_or_default().as_bytes())
}
