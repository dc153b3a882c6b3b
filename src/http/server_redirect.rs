//! The whole redirect flow on the server, for pages without script and for native apps: authorize, the provider's
//! callback, and the swap of an app's code.

use std::sync::Arc;

use poem::http::{HeaderValue, StatusCode, header};
use poem::{IntoResponse, Request, Response};
use poem_openapi::param::{Path, Query};
use poem_openapi::registry::{MetaHeader, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::{ApiResponse, OpenApi};
use url::Url;

use super::answer;
use super::app::{self, App, OriginPolicy, SameSite};
use super::auth::{BySession, OptionalAuth};
use super::begin::LoginKind;
use super::body::RawBody;
use super::input::{CallbackInput, SwapInput};
use super::login::Tag;
use super::problem::Failure;
use super::refusals::{self, Case, Problems, Refused};
use crate::login::{
    AuthorizationRequestCookie, AuthorizeRequest, ExchangedCode, Fields, RedirectOutcome, RequestContext,
};

pub struct ServerRedirect {
    pub app: Arc<App>,
}

pub struct AuthorizeProblems;

impl Problems for AuthorizeProblems {
    const LIST: &'static [&'static [Case]] =
        &[refusals::ANY, refusals::BEGIN, refusals::CREDENTIAL, refusals::PROVIDER, refusals::STORE];
}

pub struct CallbackProblems;

impl Problems for CallbackProblems {
    const LIST: &'static [&'static [Case]] =
        &[refusals::ANY, refusals::BODY, refusals::CALLBACK, refusals::PROVIDER, refusals::STORE];
}

pub struct SwapProblems;

impl Problems for SwapProblems {
    const LIST: &'static [&'static [Case]] = &[refusals::ANY, refusals::BODY, refusals::SWAP, refusals::STORE];
}

#[OpenApi(prefix_path = "/api/login/social", tag = Tag::ServerRedirect)]
impl ServerRedirect {
    /// Send the person to a provider
    ///
    /// For a link on a page without script, and for native apps. The provider sends the person back to this server, which
    /// sends them on to `next`: with a session cookie, or with a `code` for an app to swap, good once within 60 seconds.
    /// Where a step asks the person for more, `halted` names the step, and swapping the `code` tells what it asks; a page
    /// without script sends the person to `/api/login/social/resume/?code=…` instead, which asks and lands again. A refusal
    /// arrives at `next` as `error`, with its stable code. With REST_SOCIAL_IS_NEW, `is_new` comes along with a session:
    /// `true` for a sign-up. Where a session cookie comes along, and the link
    /// stands on a page of the same site, the account is linked to its user.
    #[expect(clippy::too_many_arguments, reason = "each parameter of the query is an argument")]
    #[oai(path = "/authorize/:provider", method = "get", operation_id = "authorize")]
    async fn authorize(
        &self,
        /// The provider's name, as `/api/login/social/providers/` lists it.
        provider: Path<String>,
        /// Where the person lands: one of ALLOWED_REDIRECT_URIS, to the letter.
        next: Query<Option<String>>,
        /// What the login hands out; `session` unless an app asks for a token.
        kind: Query<Option<LoginKind>>,
        /// Some of the provider's configured scopes instead of all, with blanks between them. Others can only be asked for
        /// by `POST /api/login/social/begin/{provider}/`, since any page may link here.
        scope: Query<Option<String>>,
        /// An app's own challenge: then the swap asks for its verifier (RFC 7636).
        code_challenge: Query<Option<String>>,
        /// `S256`.
        code_challenge_method: Query<Option<String>>,
        guest: OptionalAuth<'_, BySession>,
    ) -> Result<SeeOther, Refused<AuthorizeProblems>> {
        let request_context = guest.admit_to_link(&self.app, OriginPolicy::Navigation).await?;
        let (kind, with_user) = kind.0.unwrap_or(LoginKind::Session).of_model();
        let request = AuthorizeRequest {
            next: next.0,
            kind,
            with_user,
            code_challenge: code_challenge.0,
            code_challenge_method: code_challenge_method.0,
            scope: scope.0.and_then(|scopes| super::begin::scopes(scopes.split_whitespace())),
            address: super::begin::address(&query_of(guest.request)),
        };
        let begun = self.app.login.authorize(&provider.0, request, &request_context).await;
        let begun = begun.map_err(|error| PersonalFailure::of(guest.request, self.app.refusals(error)))?;
        let cookie = app::begun_authorization_request(&request_context.own, &begun);
        SeeOther::to(&begun.authorization_url, Some(cookie)).map_err(Refused::from)
    }

    /// A provider's callback
    ///
    /// The provider sends the person here; the redirect URI to register with it is this address below PUBLIC_URL.
    #[oai(path = "/complete/:provider", method = "get", operation_id = "completeLogin")]
    async fn complete(
        &self,
        /// The provider's name.
        provider: Path<String>,
        guest: OptionalAuth<'_, BySession>,
    ) -> Result<SeeOther, Refused<CallbackProblems>> {
        let request_context = guest.check_admission(&self.app, OriginPolicy::Open).await?.request_context;
        let fields = query_of(guest.request);
        Ok(self.complete_redirect(&provider.0, fields, request_context, guest.request).await?)
    }

    /// A provider's callback by POST
    ///
    /// For providers that answer with `response_mode=form_post`, as Apple does.
    #[oai(path = "/complete/:provider", method = "post", operation_id = "completeLoginByPost")]
    async fn complete_by_post(
        &self,
        /// The provider's name.
        provider: Path<String>,
        guest: OptionalAuth<'_, BySession>,
        body: RawBody<CallbackInput>,
    ) -> Result<SeeOther, Refused<CallbackProblems>> {
        let request_context = guest.check_admission(&self.app, OriginPolicy::Open).await?.request_context;
        let fields = body.fields().await?;
        Ok(self.complete_redirect(&provider.0, fields, request_context, guest.request).await?)
    }

    /// Swap an app's code
    ///
    /// The answer of the login, once; 202 where it waits for the person. An app that sent a `code_challenge` shows its verifier; after a wrong one the code
    /// is spent.
    #[oai(path = "/swap", method = "post", operation_id = "swapLoginCode")]
    async fn swap(&self, body: RawBody<SwapInput>) -> Result<SwapAnswer, Refused<SwapProblems>> {
        let fields = body.fields().await?;
        let mut errors = Vec::new();
        let code = fields.required("code", &mut errors);
        let verifier = fields.optional("code_verifier", &mut errors);
        let code = code.filter(|_| errors.is_empty()).ok_or_else(|| Failure::fields(errors))?;
        let swapped = self.app.login.swap(&code, verifier.as_deref()).await;
        Ok(SwapAnswer(swapped.map_err(|error| self.app.refusals(error))?))
    }
}

impl ServerRedirect {
    async fn complete_redirect(
        &self,
        provider: &str,
        fields: Fields,
        request_context: RequestContext,
        request: &Request,
    ) -> Result<SeeOther, PersonalFailure> {
        let (own, authorization_request) = (request_context.own.clone(), request_context.cookie.clone());
        let redirect_outcome = self.app.login.complete_redirect(provider, fields, request_context).await;
        let redirect_outcome =
            redirect_outcome.map_err(|error| PersonalFailure::of(request, self.app.refusals(error)))?;
        SeeOther::redirect_outcome(&own, authorization_request.as_ref(), redirect_outcome)
            .map_err(|failure| PersonalFailure::of(request, failure))
    }
}

/// A refusal that a person may be looking at.
pub struct PersonalFailure {
    failure: Failure,
    as_page: bool,
}

impl PersonalFailure {
    /// A page for a person, a problem document for a program.
    pub fn of(request: &Request, failure: Failure) -> Self {
        Self { failure, as_page: app::wants_page(request) }
    }
}

impl<S> From<PersonalFailure> for Refused<S> {
    fn from(personal: PersonalFailure) -> Self {
        if personal.as_page { Self::page(personal.failure) } else { Self::new(personal.failure) }
    }
}

fn query_of(request: &Request) -> Fields {
    let query = request.uri().query().unwrap_or_default();
    let pairs = url::form_urlencoded::parse(query.as_bytes());
    Fields::form(pairs.map(|(name, value)| (name.into_owned(), value.into_owned())))
}

/// 303, so that a POST does not go on with its body (RFC 9700, section 4.12).
pub struct SeeOther {
    location: HeaderValue,
    cookie: Option<HeaderValue>,
    /// What the person is told where they land.
    refusals: Option<Box<Failure>>,
}

impl SeeOther {
    /// Where a login landed, with its session's cookie. `authorization_request`: the attempt cookie as it came. A login that waits is bound to it, and it must last as long.
    pub fn redirect_outcome(
        own: &Url,
        authorization_request: Option<&AuthorizationRequestCookie>,
        redirect_outcome: RedirectOutcome,
    ) -> Result<Self, Failure> {
        match redirect_outcome {
            RedirectOutcome::Session { location, cookie } => {
                let name = app::session_cookie(own);
                let cookie = app::set_cookie(own, name, &cookie.value, cookie.max_age, SameSite::Lax);
                Self::to(&location, Some(cookie))
            }
            RedirectOutcome::Code { location } => Self::to(
                &location,
                authorization_request.map(|value| app::refresh_authorization_request_cookie(own, value)),
            ),
            RedirectOutcome::Refused { location, error } => {
                Ok(Self { refusals: Some(Box::new(error.into())), ..Self::to(&location, None)? })
            }
        }
    }

    fn to(location: &str, cookie: Option<HeaderValue>) -> Result<Self, Failure> {
        let unsendable =
            |_| Failure::new(StatusCode::BAD_GATEWAY, "provider_error", "The provider's address cannot be sent on.");
        Ok(Self { location: HeaderValue::try_from(location).map_err(unsendable)?, cookie, refusals: None })
    }
}

impl IntoResponse for SeeOther {
    fn into_response(self) -> Response {
        let mut response = StatusCode::SEE_OTHER.into_response();
        response.headers_mut().insert(header::LOCATION, self.location);
        if let Some(cookie) = self.cookie {
            response.headers_mut().insert(header::SET_COOKIE, cookie);
        }
        if let Some(mut refusals) = self.refusals {
            response.extensions_mut().insert(refusals.declined());
        }
        response
    }
}

impl SeeOther {
    pub fn response() -> MetaResponse {
        let header = |name: &str, description: &str, required| MetaHeader {
            name: name.to_owned(),
            description: Some(description.to_owned()),
            required,
            deprecated: false,
            schema: MetaSchemaRef::Inline(Box::new(MetaSchema::new("string"))),
        };
        MetaResponse {
            description: "Go on to `Location`.",
            status: Some(303),
            status_range: None,
            content: vec![],
            headers: vec![
                header(
                    "Location",
                    "The provider's page, or `next` with `code`, with `halted` and `code`, with `error` or with `is_new`.",
                    true,
                ),
                header("Set-Cookie", "The attempt cookie, or the session's.", false),
            ],
        }
    }
}

impl ApiResponse for SeeOther {
    fn meta() -> MetaResponses {
        MetaResponses { responses: vec![Self::response()] }
    }

    fn register(_: &mut Registry) {}
}

/// One of the four answers of the token routes.
pub struct SwapAnswer(ExchangedCode);

impl IntoResponse for SwapAnswer {
    fn into_response(self) -> Response {
        match self.0 {
            ExchangedCode::SignedIn { kind, with_user, answer } => answer::of_kind(kind, with_user, *answer),
            ExchangedCode::PendingLogin(pending_login) => answer::more_needed(pending_login),
        }
    }
}

impl ApiResponse for SwapAnswer {
    fn meta() -> MetaResponses {
        let description = "What the login handed out, in the shape of its kind.";
        let done = answer::success(description, answer::of_any_kind(false), None);
        MetaResponses { responses: vec![done, answer::more_needed_response()] }
    }

    fn register(registry: &mut Registry) {
        answer::register_all(registry);
    }
}
