//! Who may call an operation: the request itself, and which credentials the document says it reads.
//!
//! poem-openapi's own schemes try one after the other and so let a bad `Authorization` header in by a good cookie. Here
//! the document lists the alternatives, and [`App::admit`] decides by one rule.

use std::marker::PhantomData;

use poem::{Request, RequestBody, Result};
use poem_openapi::registry::{MetaSecurityScheme, Registry};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use super::app::{Admitted, App, Gate};
use super::problem::Failure;
use crate::account::{AuthError, Caller, Family};
use crate::login::Visitor;

/// Which credentials a route reads (R-AUT-01).
pub trait Reads: Send + Sync + 'static {
    const FAMILY: Family;
    const SCHEMES: &'static [&'static str];
}

pub struct BySession;
pub struct ByToken;
pub struct ByJwt;
pub struct ByKnox;
/// An `Authorization` header settles it; without one, the session cookie.
pub struct ByAny;

impl Reads for BySession {
    const FAMILY: Family = Family::Session;
    const SCHEMES: &'static [&'static str] = &["session"];
}

impl Reads for ByToken {
    const FAMILY: Family = Family::Token;
    const SCHEMES: &'static [&'static str] = &["token"];
}

impl Reads for ByJwt {
    const FAMILY: Family = Family::Jwt;
    const SCHEMES: &'static [&'static str] = &["jwt"];
}

impl Reads for ByKnox {
    const FAMILY: Family = Family::Knox;
    const SCHEMES: &'static [&'static str] = &["knox"];
}

impl Reads for ByAny {
    const FAMILY: Family = Family::Any;
    const SCHEMES: &'static [&'static str] = &["jwt", "knox", "session", "token"];
}

/// A call that needs no credential, and uses one that comes along.
pub struct Guest<'a, R> {
    pub request: &'a Request,
    reads: PhantomData<R>,
}

/// A call that needs a credential.
pub struct Member<'a, R> {
    pub request: &'a Request,
    reads: PhantomData<R>,
}

impl<R: Reads> Guest<'_, R> {
    /// Errors: 401 for a credential that does not hold, 403 `csrf_failed`, 503.
    pub async fn admit(&self, app: &App, gate: Gate) -> Result<Admitted, Failure> {
        app.admit(self.request, R::FAMILY, gate).await
    }
}

impl<R: Reads> Guest<'_, R> {
    /// [`Self::admit`] for what may link an account to the caller.
    pub async fn admit_to_link(&self, app: &App, gate: Gate) -> Result<Visitor, Failure> {
        app.admit_to_link(self.request, R::FAMILY, gate).await
    }
}

impl<R: Reads> Member<'_, R> {
    /// Errors: 401, also for no credential at all; 403 `csrf_failed`, 503.
    pub async fn admit(&self, app: &App, gate: Gate) -> Result<Caller, Failure> {
        let admitted = app.admit(self.request, R::FAMILY, gate).await?;
        admitted.caller.ok_or_else(|| AuthError::NotAuthenticated.into())
    }
}

impl<'a, R: Reads> ApiExtractor<'a> for Guest<'a, R> {
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

impl<'a, R: Reads> ApiExtractor<'a> for Member<'a, R> {
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
