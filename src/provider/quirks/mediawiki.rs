//! The profile of MediaWiki is a JWT, signed with the client secret.

use jsonwebtoken::Algorithm;
use serde_json::{Map, Value};
use url::Url;

use super::super::context::ExchangeContext;
use super::super::error::{ProviderError, Stage};
use super::super::jws::{SignatureAlgorithm, SignedToken, VerifyingKey};
use crate::model::Seconds;
use crate::outgoing::Request;
use crate::secrets::{ExposeSecret, constant_time_eq};

const STAGE: Stage = Stage::Profile;
/// Maximum difference of the clocks, in seconds.
const LEEWAY: i64 = 10;

pub fn read_profile(context: &ExchangeContext<'_>, sent: &Request, body: &Value) -> Result<Value, ProviderError> {
    let token = body.as_str().unwrap_or_default().trim();
    let hs256 = SignatureAlgorithm::Standard(Algorithm::HS256);
    let token = SignedToken::parse(token, &[hs256]).map_err(|error| error.at(STAGE))?;
    let key = VerifyingKey::of_secret(context.provider.client_secret.expose_secret());
    if !key.is_some_and(|key| token.is_signed_by(&key)) {
        return Err(ProviderError::failed(STAGE, "the identity's signature does not verify with the client secret"));
    }
    let claims = token.claims().map_err(|error| error.at(STAGE))?;
    check(&claims, context, nonce_of(sent))?;
    Ok(Value::Object(claims))
}

/// The nonce of the signature, which the answer must repeat.
fn nonce_of(sent: &Request) -> &str {
    let header = sent.headers.iter().find(|(name, _)| name == "Authorization").map_or("", |(_, value)| value.as_str());
    let after = header.split_once("oauth_nonce=\"").map_or("", |(_, after)| after);
    after.split('"').next().unwrap_or_default()
}

fn check(claims: &Map<String, Value>, context: &ExchangeContext<'_>, nonce: &str) -> Result<(), ProviderError> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default();
    let host = |text: &str| Url::parse(text).ok().and_then(|url| url.host_str().map(str::to_owned));
    let own = context.provider.values.text("MEDIAWIKI_URL").and_then(host);
    let now = context.provider.deps.now().seconds();
    let time = |name: &str| claims.get(name).and_then(Seconds::parse).map(Seconds::get);
    let fault = if text("aud") != context.provider.client_id {
        "the identity was issued for another client"
    } else if own.is_none() || host(text("iss")) != own {
        "the identity is of another wiki"
    } else if time("iat").is_none_or(|at| at - LEEWAY > now) {
        "the identity was issued in the future"
    } else if time("exp").is_some_and(|at| at + LEEWAY <= now) {
        "the identity has expired"
    } else if nonce.is_empty() || !constant_time_eq(text("nonce").as_bytes(), nonce.as_bytes()) {
        "the identity is not the answer to this call"
    } else {
        return Ok(());
    };
    Err(ProviderError::failed(STAGE, fault))
}
