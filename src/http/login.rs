//! The login routes: nine kinds of credential and the bare route of the original's documentation, each with the provider
//! in the URL or in the body. One handler serves them all; the table at the end says how they differ.

use std::marker::PhantomData;
use std::sync::Arc;

use poem::Response;
use poem::endpoint::BoxEndpoint;
use poem::http::{Method, header};
use poem_openapi::param::Path;
use poem_openapi::registry::{MetaApi, Registry};
use poem_openapi::types::{Example, ToJSON};
use poem_openapi::{ApiResponse, OpenApi, Tags};

use super::answer::{self, SessionUser, Token, TokenPair, UserWithToken, UserWithTokenPair};
use super::app::{self, App, OriginPolicy, SameSite};
use super::auth::{AcceptsCredential, ByJwt, ByKnox, BySession, ByToken, OptionalAuth};
use super::body::RawBody;
use super::input::{LoginInput, LoginInputWithProvider};
use super::problem::Failure;
use super::refusals::{self, Case, Problems, Refused};
use crate::account::Family;
use crate::login::{LoginRequest, Outcome, SignedIn};
use crate::model;

/// Tags of the document.
#[derive(Tags)]
pub enum Tag {
    /// A code from a provider's callback goes in, a signed-in user comes out. Each kind of credential has a route of its
    /// own; all take the same body.
    #[oai(rename = "login")]
    Login,
    /// What a front-end needs before a login: which providers there are, and where to send the person.
    #[oai(rename = "begin")]
    Begin,
    /// The whole redirect flow on the server, for pages without script and for native apps.
    #[oai(rename = "redirect")]
    ServerRedirect,
    /// The signed-in user, by any kind of credential.
    #[oai(rename = "user")]
    User,
    /// The companions of a JWT login.
    #[oai(rename = "jwt")]
    Jwt,
    /// Ends what a login handed out.
    #[oai(rename = "logout")]
    Logout,
    /// For whoever runs the server.
    #[oai(rename = "operations")]
    Operations,
}

/// How a login route differs from the others.
pub trait Kind: Send + Sync + 'static {
    const PATH: &'static str;
    const KIND: model::Kind;
    /// Whether tokens and answer carry the user's data.
    const WITH_USER: bool;
    /// Operation ids without and with the provider in the URL.
    const IDS: [&'static str; 2];
    const SUMMARIES: [&'static str; 2];
    /// The credential of a caller who is already signed in (R-AUT-01).
    type AcceptsCredential: AcceptsCredential;
    type Answer: ToJSON + Example + From<SignedIn> + 'static;
}

pub struct LoginProblems;

impl Problems for LoginProblems {
    const LIST: &'static [&'static [Case]] = &[
        refusals::ANY,
        refusals::BODY,
        refusals::CREDENTIAL,
        refusals::LOGIN,
        refusals::ACCOUNTS,
        refusals::PROVIDER,
        refusals::SIGN_UP,
    ];
}

/// The two routes of a kind.
pub struct Login<K> {
    app: Arc<App>,
    kind: PhantomData<K>,
}

#[OpenApi(prefix_path = K::PATH, tag = Tag::Login)]
impl<K: Kind> Login<K> {
    /// Sign in
    ///
    /// Post what the provider's callback carried: `code`, and `state` where the login was begun here (with `flow_token`
    /// from a client that keeps no cookies). A user who is not known yet is created. A login that was begun with
    /// a credential links the provider's account to that user instead; a credential that comes along here alone links nothing.
    #[oai(path = "/", method = "post")]
    async fn without_provider(
        &self,
        guest: OptionalAuth<'_, K::AcceptsCredential>,
        body: RawBody<LoginInputWithProvider>,
    ) -> Result<answer::Login<K::Answer>, Refused<LoginProblems>> {
        Ok(self.login(None, guest, body).await?)
    }

    /// Sign in with the provider in the URL
    ///
    /// Post what the provider's callback carried: `code`, and `state` where the login was begun here (with `flow_token`
    /// from a client that keeps no cookies). The provider in the URL wins over one in the body. A user who is not known
    /// yet is created. A login that was begun with a credential links the provider's account to that user instead; a
    /// credential that comes along here alone links nothing.
    #[oai(path = "/:provider", method = "post")]
    async fn with_provider(
        &self,
        /// The provider's name, as `/api/login/social/providers/` lists it.
        provider: Path<String>,
        guest: OptionalAuth<'_, K::AcceptsCredential>,
        body: RawBody<LoginInput>,
    ) -> Result<answer::Login<K::Answer>, Refused<LoginProblems>> {
        Ok(self.login(Some(provider.0), guest, body).await?)
    }
}

impl<K: Kind> Login<K> {
    async fn login<T>(
        &self,
        provider: Option<String>,
        guest: OptionalAuth<'_, K::AcceptsCredential>,
        body: RawBody<T>,
    ) -> Result<answer::Login<K::Answer>, Failure> {
        let origin_policy =
            if K::AcceptsCredential::FAMILY == Family::Session { OriginPolicy::Session } else { OriginPolicy::Open };
        let request_context = guest.admit_to_link(&self.app, origin_policy).await?;
        let (own, authorization_request) = (request_context.own.clone(), request_context.cookie.clone());
        let is_cross_site = self.app.is_cross_site(guest.request, &request_context);
        let fields = body.fields().await?;
        let request = LoginRequest { kind: K::KIND, with_user: K::WITH_USER, provider, fields, request_context };
        let outcome = self.app.login.login(request).await.map_err(|error| self.app.refusals(error))?;
        let (response, cookie) = match outcome {
            Outcome::SignedIn(mut signed_in) => {
                let cookie = signed_in.session.take().map(|session| {
                    let name = app::session_cookie(&own);
                    app::set_cookie(&own, name, &session.value, session.max_age, SameSite::Lax)
                });
                (answer::json(&K::Answer::from(*signed_in)), cookie)
            }
            Outcome::PendingLogin(pending_login) => (
                answer::more_needed(pending_login),
                authorization_request.map(|cookie| app::refresh_authorization_request_cookie(&own, &cookie)),
            ),
            Outcome::RequestToken { oauth_token, cookie } => {
                // A form of another site carries no attempt cookie, and must not replace the one that the browser has.
                let cookie = (!is_cross_site).then(|| app::refresh_authorization_request_cookie(&own, &cookie));
                (answer::json(&answer::RequestToken::new(oauth_token)), cookie)
            }
        };
        let response = with_cookie(response, cookie);
        Ok(answer::Login { response, body: PhantomData })
    }
}

fn with_cookie(mut response: Response, cookie: Option<poem::http::HeaderValue>) -> Response {
    if let Some(cookie) = cookie {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

/// [`Login`] with the operation ids and summaries of its kind, which the macro takes as literals only.
pub struct Named<K>(Login<K>);

impl<K: Kind> Named<K> {
    pub fn new(app: &Arc<App>) -> Self {
        Self(Login { app: app.clone(), kind: PhantomData })
    }
}

impl<K: Kind> OpenApi for Named<K> {
    fn meta() -> Vec<MetaApi> {
        let mut apis = Login::<K>::meta();
        let operations = apis.iter_mut().flat_map(|api| &mut api.paths).flat_map(|path| &mut path.operations);
        for ((operation, id), summary) in operations.zip(K::IDS).zip(K::SUMMARIES) {
            operation.operation_id = Some(id);
            operation.summary = Some(summary);
        }
        apis
    }

    fn register(registry: &mut Registry) {
        Login::<K>::register(registry);
        <Refused<LoginProblems> as ApiResponse>::register(registry);
    }

    fn add_routes(
        self,
        table: &mut std::collections::HashMap<String, std::collections::HashMap<Method, BoxEndpoint<'static>>>,
    ) {
        self.0.add_routes(table);
    }
}

/// One line a route: type, path, operation id, summary, credential, whether with the user, caller's credential, answer.
macro_rules! kinds {
    ($($name:ident: $path:literal, $id:literal, $summary:literal, $kind:ident, $with_user:literal, $reads:ty => $answer:ty;)*) => {
        $(
            pub struct $name;

            impl Kind for $name {
                const PATH: &'static str = concat!("/api/login/social", $path);
                const KIND: model::Kind = model::Kind::$kind;
                const WITH_USER: bool = $with_user;
                const IDS: [&'static str; 2] = [$id, concat!($id, "WithProvider")];
                const SUMMARIES: [&'static str; 2] = [$summary, concat!($summary, ", provider in the URL")];
                type AcceptsCredential = $reads;
                type Answer = $answer;
            }
        )*

        /// All login routes.
        pub type Logins = ($(Named<$name>,)*);

        pub fn logins(app: &Arc<App>) -> Logins {
            ($(Named::<$name>::new(app),)*)
        }
    };
}

kinds! {
    SessionLogin: "/session", "loginSession", "Sign in by session cookie", Session, true, BySession => SessionUser;
    TokenLogin: "/token", "loginToken", "Sign in by permanent token", Token, false, ByToken => Token;
    TokenUserLogin: "/token_user", "loginTokenUser", "Sign in by permanent token, with the user", Token, true, ByToken => UserWithToken;
    JwtPairLogin: "/jwt-pair", "loginJwtPair", "Sign in by access and refresh token", JwtPair, false, ByJwt => TokenPair;
    JwtPairUserLogin: "/jwt-pair-user", "loginJwtPairUser", "Sign in by access and refresh token, with the user", JwtPair, true, ByJwt => UserWithTokenPair;
    JwtSlidingLogin: "/jwt-sliding", "loginJwtSliding", "Sign in by sliding token", JwtSliding, false, ByJwt => Token;
    JwtSlidingUserLogin: "/jwt-sliding-user", "loginJwtSlidingUser", "Sign in by sliding token, with the user", JwtSliding, true, ByJwt => UserWithToken;
    KnoxLogin: "/knox", "loginKnox", "Sign in by knox token", Knox, false, ByKnox => Token;
    KnoxUserLogin: "/knox_user", "loginKnoxUser", "Sign in by knox token, with the user", Knox, true, ByKnox => UserWithToken;
    BareLogin: "", "login", "Sign in by session cookie, short path", Session, true, BySession => SessionUser;
}
