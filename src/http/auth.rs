//! Who may call an operation: the request itself, and which credentials the document says it reads.
//!
//! poem-openapi's own schemes try one after the other and so let a bad `Authorization` header in by a good cookie. Here
//! the document lists the alternatives, and [`App::check_admission`] decides by one rule.

use std::marker::PhantomData;

use poem::{Request, RequestBody, Result};
use poem_openapi::registry::{MetaSecurityScheme, Registry};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use super::app::{Admitted, App, OriginPolicy};
use super::problem::Failure;
use crate::account::{AuthError, Caller, Family};
use crate::login::RequestContext;

/// Which credentials a route reads (R-AUT-01).
pub trait AcceptsCredential: Send + Sync + 'static {
    const FAMILY: Family;
    const SCHEMES: &'static [&'static str];
}

pub struct BySession;
pub struct ByToken;
pub struct ByJwt;
pub struct ByKnox;
/// An `Authorization` header settles it; without one, the session cookie.
pub struct ByAny;

impl AcceptsCredential for BySession {
    const FAMILY: Family = Family::Session;
    const SCHEMES: &'static [&'static str] = &["session"];
}

impl AcceptsCredential for ByToken {
    const FAMILY: Family = Family::Token;
    const SCHEMES: &'static [&'static str] = &["token"];
}

impl AcceptsCredential for ByJwt {
    const FAMILY: Family = Family::Jwt;
    const SCHEMES: &'static [&'static str] = &["jwt"];
}

impl AcceptsCredential for ByKnox {
    const FAMILY: Family = Family::Knox;
    const SCHEMES: &'static [&'static str] = &["knox"];
}

impl AcceptsCredential for ByAny {
    const FAMILY: Family = Family::Any;
    const SCHEMES: &'static [&'static str] = &["jwt", "knox", "session", "token"];
}

/// A call that needs no credential, and uses one that comes along.
pub struct OptionalAuth<'a, R> {
    pub request: &'a Request,
    reads: PhantomData<R>,
}

/// A call that needs a credential.
pub struct RequiredAuth<'a, R> {
    pub request: &'a Request,
    reads: PhantomData<R>,
}

impl<R: AcceptsCredential> OptionalAuth<'_, R> {
    /// Errors: 401 for a credential that does not hold, 403 `csrf_failed`, 503.
    pub async fn check_admission(&self, app: &App, origin_policy: OriginPolicy) -> Result<Admitted, Failure> {
        app.check_admission(self.request, R::FAMILY, origin_policy).await
    }
}

impl<R: AcceptsCredential> OptionalAuth<'_, R> {
    /// [`Self::check_admission`] for what may link an account to the caller.
    pub async fn admit_to_link(&self, app: &App, origin_policy: OriginPolicy) -> Result<RequestContext, Failure> {
        app.admit_to_link(self.request, R::FAMILY, origin_policy).await
    }
}

impl<R: AcceptsCredential> RequiredAuth<'_, R> {
    /// Errors: 401, also for no credential at all; 403 `csrf_failed`, 503.
    pub async fn check_admission(&self, app: &App, origin_policy: OriginPolicy) -> Result<Caller, Failure> {
        let admitted = app.check_admission(self.request, R::FAMILY, origin_policy).await?;
        admitted.caller.ok_or_else(|| AuthError::NotAuthenticated.into())
    }
}

impl<'a, R: AcceptsCredential> ApiExtractor<'a> for OptionalAuth<'a, R> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        register_schemes(registry, R::SCHEMES);
    }

    fn security_schemes() -> Vec<&'static str> {
        R::SCHEMES.to_vec()
    }

    fn has_security_fallback() -> bool {
        true
    }

    async fn from_request(request: &'a Request, _: &mut RequestBody, _: ExtractParamOptions<()>) -> Result<Self> {
        Ok(Self { request, reads: PhantomData })
    }
}

impl<'a, R: AcceptsCredential> ApiExtractor<'a> for RequiredAuth<'a, R> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        register_schemes(registry, R::SCHEMES);
    }

    fn security_schemes() -> Vec<&'static str> {
        R::SCHEMES.to_vec()
    }

    async fn from_request(request: &'a Request, _: &mut RequestBody, _: ExtractParamOptions<()>) -> Result<Self> {
        Ok(Self { request, reads: PhantomData })
    }
}

fn register_schemes(registry: &mut Registry, names: &'static [&'static str]) {
    for name in names {
        registry.create_security_scheme(name, scheme(name));
    }
}

fn scheme(name: &str) -> MetaSecurityScheme {
    let (ty, description, header, place, bearer) = match name {
        "session" => (
            "apiKey",
            "The cookie of a session login; `__Host-sessionid` where the server is reached by https. On an unsafe call \
             the page's origin must be listed: browsers say it by `Origin` or `Sec-Fetch-Site`, others must send one.",
            Some("sessionid"),
            Some("cookie"),
            false,
        ),
        "jwt" => {
            ("http", "The access or sliding token of a JWT login: `Authorization: Bearer <token>`.", None, None, true)
        }
        "knox" => (
            "apiKey",
            "The token of a knox login: `Authorization: Token <token>`.",
            Some("Authorization"),
            Some("header"),
            false,
        ),
        _ => (
            "apiKey",
            "The token of a token login: `Authorization: Token <token>`.",
            Some("Authorization"),
            Some("header"),
            false,
        ),
    };
    MetaSecurityScheme {
        ty,
        description: Some(description),
        name: header,
        key_in: place,
        scheme: bearer.then_some("bearer"),
        bearer_format: bearer.then_some("JWT"),
        flows: None,
        openid_connect_url: None,
    }
}
