//! The login routes: nine kinds of credential, and the short path of django-rest-social-auth; each with the provider in the
//! URL or in the body. One handler serves all; the table at the end says how they differ.

use std::marker::PhantomData;
use std::sync::Arc;

use poem::IntoResponse as _;
use poem::endpoint::BoxEndpoint;
use poem::http::{HeaderValue, Method, header};
use poem_openapi::param::Path;
use poem_openapi::registry::{MetaApi, Registry};
use poem_openapi::types::ToJSON;
use poem_openapi::{ApiResponse, OpenApi, Tags as _};

use crate::account::AuthScheme;
use crate::http::openapi::answers::{self, IssuedToken, SessionUser, TokenPair, UserWithToken, UserWithTokenPair};
use crate::http::openapi::inputs::{LoginInput, LoginWithProviderInput};
use crate::http::openapi::{Refused, Tag, error_list};
use crate::http::pages::translated;
use crate::http::protocol::{
    AcceptedCredential, App, ByJwt, ByKnox, BySession, ByToken, Failure, OptionalAuth, OriginPolicy, RawBody,
    is_cross_site, refresh_authorization_request_cookie, session_cookie_of,
};
use crate::login::{LoginOutcome, LoginRequest};
use crate::model::LoginKind;

/// How a login route differs from the others.
pub trait Kind: Send + Sync + 'static {
    /// The path without the provider.
    const PATH: &'static str;
    /// What it issues, and how it answers.
    const KIND: LoginKind;
    /// Operation ids without and with the provider in the URL.
    const IDS: [&'static str; 2];
    /// Whether the document advises against the route: it exists for the front-ends of django-rest-social-auth.
    const IS_DEPRECATED: bool;
    /// Summaries without and with the provider in the URL.
    const SUMMARIES: [&'static str; 2];
    /// The credential of a caller who is already signed in (R-AUT-01).
    type Credential: AcceptedCredential;
    /// The answer to a login.
    type Answer: ToJSON + 'static;
}

error_list! {
    LoginErrors: ANY, BODY, CREDENTIAL_REJECTED, LOGIN, ACCOUNT_CONFLICT, PROVIDER, SIGN_UP_UNAVAILABLE;
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
    /// Post the provider's callback.
    #[oai(path = "/", method = "post")]
    async fn without_provider(
        &self,
        auth: OptionalAuth<'_, K::Credential>,
        body: RawBody<LoginInput>,
    ) -> Result<answers::Login<K::Answer>, Refused<LoginErrors>> {
        Ok(Box::pin(self.login(None, auth, body)).await?)
    }

    /// Sign in with the provider in the URL
    ///
    /// Post the provider's callback.
    #[oai(path = "/:provider", method = "post")]
    async fn with_provider(
        &self,
        /// The provider's name, as `/api/login/social/providers/` lists it.
        provider: Path<String>,
        auth: OptionalAuth<'_, K::Credential>,
        body: RawBody<LoginWithProviderInput>,
    ) -> Result<answers::Login<K::Answer>, Refused<LoginErrors>> {
        Ok(Box::pin(self.login(Some(provider.0), auth, body)).await?)
    }
}

impl<K: Kind> Login<K> {
    async fn login<T>(
        &self,
        provider: Option<String>,
        auth: OptionalAuth<'_, K::Credential>,
        body: RawBody<T>,
    ) -> Result<answers::Login<K::Answer>, Failure> {
        let is_session_route = K::Credential::SCHEME == AuthScheme::Session;
        let policy = if is_session_route { OriginPolicy::SessionRoute } else { OriginPolicy::Unchecked };
        let request_context = auth.admit_to_link(&self.app, policy).await?;
        let (own, request_cookie) = (request_context.base_url.clone(), request_context.cookie.clone());
        let is_cross_site = is_cross_site(&self.app.settings, auth.request, &request_context);
        let fields = body.fields().await?;
        let request = LoginRequest { kind: K::KIND, provider, fields, request_context };
        let outcome = self.app.login.login(request).await.map_err(|error| self.app.login_failure(error))?;
        let (mut response, cookie): (_, Option<HeaderValue>) = match outcome {
            LoginOutcome::SignedIn(signed_in) => {
                let cookie = signed_in.issued.session().map(|session| session_cookie_of(&own, session));
                (answers::json(&answers::login_answer(*signed_in, K::KIND)), cookie)
            }
            LoginOutcome::PendingLogin(pending_login) => (
                translated(Failure::additional_input_required(pending_login), auth.request).into_response(),
                request_cookie.map(|cookie| refresh_authorization_request_cookie(&own, &cookie)),
            ),
            LoginOutcome::RequestToken { oauth_token, cookie } => {
                // A form on another site sends no authorization request cookie, and must not replace the browser's own.
                let cookie = (!is_cross_site).then(|| refresh_authorization_request_cookie(&own, &cookie));
                (answers::request_token(oauth_token), cookie)
            }
        };
        if let Some(cookie) = cookie {
            response.headers_mut().insert(header::SET_COOKIE, cookie);
        }
        Ok(answers::Login { response, body: PhantomData })
    }
}

/// [`Login`] with the operation ids and summaries of its kind, which the macro accepts only as literals.
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
            if K::IS_DEPRECATED {
                operation.tags = vec![Tag::Compatibility.name()];
                operation.deprecated = true;
            }
            let answers = operation.responses.responses.iter_mut().filter(|response| response.status == Some(200));
            if K::KIND == LoginKind::Session {
                answers.for_each(|answer| answer.headers.push(answers::session_cookie()));
            }
        }
        apis
    }

    fn register(registry: &mut Registry) {
        Login::<K>::register(registry);
        if K::IS_DEPRECATED {
            Tag::Compatibility.register(registry);
        }
        <Refused<LoginErrors> as ApiResponse>::register(registry);
    }

    fn add_routes(
        self,
        table: &mut std::collections::HashMap<String, std::collections::HashMap<Method, BoxEndpoint<'static>>>,
    ) {
        self.0.add_routes(table);
    }
}

/// One line for each route: type, path, operation id, summary, kind, the caller's credential, answer.
macro_rules! kinds {
    ($($name:ident: $path:literal, $id:literal, $summary:literal, $kind:ident, $credential:ty => $answer:ty;)*) => {
        $(
            pub struct $name;

            impl Kind for $name {
                const PATH: &'static str = concat!("/api/login/social", $path);
                const KIND: LoginKind = LoginKind::$kind;
                const IS_DEPRECATED: bool = $path.is_empty();
                const IDS: [&'static str; 2] = [$id, concat!($id, "WithProvider")];
                const SUMMARIES: [&'static str; 2] = [$summary, concat!($summary, ", provider in the URL")];
                type Credential = $credential;
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
    SessionLogin: "/session", "loginSession", "Sign in by session cookie", Session, BySession => SessionUser;
    TokenLogin: "/token", "loginToken", "Sign in by permanent token", Token, ByToken => IssuedToken;
    TokenUserLogin: "/token_user", "loginTokenUser", "Sign in by permanent token, with the user", TokenUser, ByToken => UserWithToken;
    JwtPairLogin: "/jwt-pair", "loginJwtPair", "Sign in by access and refresh token", JwtPair, ByJwt => TokenPair;
    JwtPairUserLogin: "/jwt-pair-user", "loginJwtPairUser", "Sign in by access and refresh token, with the user", JwtPairUser, ByJwt => UserWithTokenPair;
    JwtSlidingLogin: "/jwt-sliding", "loginJwtSliding", "Sign in by sliding token", JwtSliding, ByJwt => IssuedToken;
    JwtSlidingUserLogin: "/jwt-sliding-user", "loginJwtSlidingUser", "Sign in by sliding token, with the user", JwtSlidingUser, ByJwt => UserWithToken;
    KnoxLogin: "/knox", "loginKnox", "Sign in by knox token", Knox, ByKnox => IssuedToken;
    KnoxUserLogin: "/knox_user", "loginKnoxUser", "Sign in by knox token, with the user", KnoxUser, ByKnox => UserWithToken;
    BareLogin: "", "login", "Sign in by session cookie, short path", Session, BySession => SessionUser;
}
