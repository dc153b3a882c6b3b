//! Which credentials an operation accepts, as a parameter of its handler: [`OptionalAuth`] and [`RequiredAuth`].
//!
//! The OpenAPI document lists the accepted schemes; [`admit`] verifies the credential. poem-openapi's own security schemes
//! are not used: they try one scheme after the other, so a valid cookie would hide an invalid `Authorization` header.

use std::marker::PhantomData;

use poem::{Request, RequestBody, Result};
use poem_openapi::registry::{MetaSecurityScheme, Registry};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use super::admission::{Admitted, admit, presented_credentials};
use super::app::App;
use super::base_url::base_url;
use super::origin::OriginPolicy;
use super::problem::Failure;
use crate::account::{AuthError, AuthScheme, Caller, PresentedCredentials};
use crate::login::RequestContext;

/// The credentials that a route accepts (R-AUT-01).
pub trait AcceptedCredential: Send + Sync + 'static {
    /// For the account service.
    const SCHEME: AuthScheme;
    /// For the OpenAPI document.
    const SCHEMES: &'static [&'static str];
}

macro_rules! accepted_credentials {
    ($($(#[$doc:meta])+ $name:ident: $family:ident, $schemes:expr;)+) => {
        $(
            $(#[$doc])+
            pub struct $name;

            impl AcceptedCredential for $name {
                const SCHEME: AuthScheme = AuthScheme::$family;
                const SCHEMES: &'static [&'static str] = &$schemes;
            }
        )+
    };
}

accepted_credentials! {
    /// The session cookie.
    BySession: Session, [SESSION];
    /// `Authorization: Token` with a permanent token.
    ByToken: Token, [TOKEN];
    /// `Authorization: Bearer` with a JWT.
    ByJwt: Jwt, [JWT];
    /// `Authorization: Token` with a knox token.
    ByKnox: Knox, [KNOX];
    /// The `Authorization` header of any kind; without one, the session cookie.
    ByAny: Any, [JWT, KNOX, SESSION, TOKEN];
}

/// A call that works without a credential and uses one that it has.
pub struct OptionalAuth<'a, C> {
    /// The request.
    pub request: &'a Request,
    accepted: PhantomData<C>,
}

/// A call that needs a credential.
pub struct RequiredAuth<'a, C> {
    /// The request.
    pub request: &'a Request,
    accepted: PhantomData<C>,
}

impl<C: AcceptedCredential> OptionalAuth<'_, C> {
    /// Verifies the credential and the origin. Errors: those of [`admit`].
    pub async fn admit(&self, app: &App, policy: OriginPolicy) -> Result<Admitted, Failure> {
        admit(app, self.request, C::SCHEME, policy).await
    }

    /// [`Self::admit`] for a call that may link an account to the caller, which may need a fresh login (SEC-25).
    pub async fn admit_to_link(&self, app: &App, policy: OriginPolicy) -> Result<RequestContext, Failure> {
        let Admitted { caller, mut context, .. } = self.admit(app, policy).await?;
        if let (Some(link_to), Some(caller)) = (&mut context.caller, &caller) {
            link_to.needs_fresh_login = app.account.is_too_old_to_link(caller).await?;
        }
        Ok(context)
    }

    /// [`Self::admit`] for the answers to a pending login, which may link an account to a caller who signed in after the question.
    pub async fn admit_to_resume(&self, app: &App, policy: OriginPolicy) -> Result<RequestContext, Failure> {
        let Admitted { caller, context, .. } = self.admit(app, policy).await?;
        let caller_signed_in = match &caller {
            Some(caller) => app.account.signed_in_at(caller).await?,
            None => None,
        };
        Ok(RequestContext { caller_signed_in, ..context })
    }
}

impl<C: AcceptedCredential> RequiredAuth<'_, C> {
    /// Verifies the credential and the origin. Errors: those of [`admit`], and 401 `not_authenticated`.
    pub async fn admit(&self, app: &App, policy: OriginPolicy) -> Result<Caller, Failure> {
        self.admit_if_any(app, policy).await?.ok_or_else(|| AuthError::NotAuthenticated.into())
    }

    /// [`Self::admit`]; `None` without a credential.
    pub async fn admit_if_any(&self, app: &App, policy: OriginPolicy) -> Result<Option<Caller>, Failure> {
        Ok(admit(app, self.request, C::SCHEME, policy).await?.caller)
    }

    /// The credentials of the request, not verified.
    pub fn presented(&self, app: &App) -> PresentedCredentials {
        presented_credentials(self.request, &base_url(&app.settings, self.request))
    }
}

/// Both extractors in the OpenAPI document and in handlers. `$optional`: whether the document allows no credential.
macro_rules! auth_extractor {
    ($type:ident, $optional:literal) => {
        impl<'a, C: AcceptedCredential> ApiExtractor<'a> for $type<'a, C> {
            const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];
            type ParamType = ();
            type ParamRawType = ();

            fn register(registry: &mut Registry) {
                for name in C::SCHEMES {
                    registry.create_security_scheme(name, security_scheme(name));
                }
            }

            fn security_schemes() -> Vec<&'static str> {
                C::SCHEMES.to_vec()
            }

            fn has_security_fallback() -> bool {
                $optional
            }

            async fn from_request(
                request: &'a Request,
                _: &mut RequestBody,
                _: ExtractParamOptions<()>,
            ) -> Result<Self> {
                Ok(Self { request, accepted: PhantomData })
            }
        }
    };
}

auth_extractor!(OptionalAuth, true);
auth_extractor!(RequiredAuth, false);

/// Names of the security schemes in the OpenAPI document.
const SESSION: &str = "session";
const TOKEN: &str = "token";
const JWT: &str = "jwt";
const KNOX: &str = "knox";

fn security_scheme(name: &str) -> MetaSecurityScheme {
    let in_header = |description| MetaSecurityScheme {
        ty: "apiKey",
        description: Some(description),
        name: Some("Authorization"),
        key_in: Some("header"),
        scheme: None,
        bearer_format: None,
        flows: None,
        openid_connect_url: None,
    };
    match name {
        SESSION => MetaSecurityScheme {
            name: Some("sessionid"),
            key_in: Some("cookie"),
            ..in_header(
                "The cookie of a session login; its name is `__Host-sessionid` where the server is reached by https. An \
                 unsafe call needs a listed origin: browsers send `Origin` or `Sec-Fetch-Site`, programs must send \
                 `Origin`.",
            )
        },
        JWT => MetaSecurityScheme {
            ty: "http",
            name: None,
            key_in: None,
            scheme: Some("bearer"),
            bearer_format: Some("JWT"),
            ..in_header("The access or sliding token of a JWT login: `Authorization: Bearer <token>`.")
        },
        KNOX => in_header("The token of a knox login: `Authorization: Token <token>`."),
        _ => in_header("The token of a token login: `Authorization: Token <token>`."),
    }
}
