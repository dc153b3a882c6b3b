//! Checks an id_token as OpenID Connect Core 3.1.3.7 wants it, in its order (SEC-17 to SEC-19). Every fault has the same
//! outward code; what it was stands in the log.

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use super::ProviderError;
use super::call::failed;
use super::documents::Key;
use crate::model::lenient;
use crate::secrets::{ExposeSecret, SecretString, hex, same};

/// Longest token that is looked at, in bytes.
const LONGEST: usize = 64 * 1024;
/// Longest `kid`.
const LONGEST_KEY_ID: usize = 512;

/// What a token of this login must be.
pub struct Expected<'a> {
    /// `{tenantid}` stands for the claim `tid`. `None`: any.
    pub issuers: Option<&'a [String]>,
    /// One of them.
    pub audiences: &'a [String],
    pub client_id: &'a str,
    pub nonce: Option<&'a str>,
    /// For `at_hash`; `None` where it is not checked.
    pub access_token: Option<&'a str>,
    /// Whose digest `at_hash` uses.
    pub hashed_by: Algorithm,
    /// Seconds since 1970.
    pub now: i64,
    pub leeway: i64,
    /// Whether `exp` and `iat` must be there.
    pub times: bool,
    /// 0: any.
    pub max_age: i64,
}

/// The header's algorithm and key id, as far as they may be believed: the algorithm only when the descriptor lists it.
pub struct Head {
    pub algorithm: Algorithm,
    pub key_id: Option<String>,
}

fn refused(reason: &'static str) -> ProviderError {
    failed("id_token", reason)
}

pub fn head(token: &str, algorithms: &[Algorithm]) -> Result<Head, ProviderError> {
    if token.len() > LONGEST {
        return Err(refused("longer than any token should be"));
    }
    let header = jsonwebtoken::decode_header(token).map_err(|_| refused("no JWT, or signed in a way not known"))?;
    if !algorithms.contains(&header.alg) {
        return Err(refused("its algorithm is not the provider's"));
    }
    if header.crit.is_some() {
        return Err(refused("its header asks for something not known"));
    }
    if header.kid.as_ref().is_some_and(|kid| kid.len() > LONGEST_KEY_ID) {
        return Err(refused("its key id is too long"));
    }
    Ok(Head { algorithm: header.alg, key_id: header.kid.filter(|kid| !kid.is_empty()) })
}

/// The keys of a set that may have signed: those of the id, or all when there is none.
pub fn candidates<'k>(keys: &'k [Key], head: &Head, ignore_id: bool) -> Vec<&'k Key> {
    let of_id = |key: &&Key| ignore_id || head.key_id.is_none() || key.id == head.key_id;
    keys.iter().filter(of_id).filter(|key| key.fits(head.algorithm)).collect()
}

/// The claims, once one of the keys verifies the signature.
pub fn signed_claims(token: &str, head: &Head, keys: &[&Key]) -> Result<Map<String, Value>, ProviderError> {
    let verified = keys.iter().find_map(|key| Some((*key, decoded(token, head.algorithm, &key.decoding)?)));
    let (key, claims) = verified.ok_or_else(|| refused("its signature does not hold"))?;
    match (&key.issuer, claims.get("iss").and_then(Value::as_str)) {
        (Some(issuer), Some(named)) if with_tenant(issuer, &claims).as_deref() != Some(named) => {
            Err(refused("its key is another issuer's"))
        }
        _ => Ok(claims),
    }
}

/// HS256 with the client's secret, only for providers that truly sign so (SEC-18).
pub fn shared_claims(token: &str, head: &Head, secret: &SecretString) -> Result<Map<String, Value>, ProviderError> {
    let key = DecodingKey::from_secret(secret.expose_secret().as_bytes());
    decoded(token, head.algorithm, &key).ok_or_else(|| refused("its signature does not hold"))
}

pub fn is_shared(algorithm: Algorithm) -> bool {
    matches!(algorithm, Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512)
}

fn decoded(token: &str, algorithm: Algorithm, key: &DecodingKey) -> Option<Map<String, Value>> {
    // Only the signature: the claims are checked by our own clock.
    let mut validation = Validation::new(algorithm);
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    jsonwebtoken::decode::<IgnoredAny>(token, key, &validation).ok()?;
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    match lenient::json(&claims).ok()? {
        Value::Object(claims) => Some(claims),
        _ => None,
    }
}

/// Returns the Unix second from which on the token is refused for its age: until then a used one must be remembered.
pub fn check(claims: &Map<String, Value>, expected: &Expected<'_>) -> Result<i64, ProviderError> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    if let Some(issuers) = expected.issuers {
        let issuer = text("iss").ok_or_else(|| refused("it has no issuer"))?;
        if !issuers.iter().any(|allowed| with_tenant(allowed, claims).as_deref() == Some(issuer)) {
            return Err(refused("its issuer is another"));
        }
    }
    check_audience(claims, expected)?;
    let valid_until = check_times(claims, expected)?;
    if text("sub").is_none() {
        return Err(refused("it has no subject"));
    }
    if let Some(nonce) = expected.nonce {
        let given = text("nonce").ok_or_else(|| refused("it has no nonce"))?;
        // Some apps' SDKs ask for the nonce's digest and put that into the token.
        let digest = hex(digest::digest(&digest::SHA256, nonce.as_bytes()).as_ref());
        if !same(given.as_bytes(), nonce.as_bytes()) && !same(given.as_bytes(), digest.as_bytes()) {
            return Err(refused("its nonce is another login's"));
        }
    }
    match (expected.access_token, claims.get("at_hash")) {
        (Some(access_token), Some(hash)) => {
            let made = access_token_hash(access_token, expected.hashed_by);
            if hash.as_str().is_some_and(|hash| same(hash.as_bytes(), made.as_bytes())) {
                Ok(valid_until)
            } else {
                Err(refused("its at_hash does not fit the access token"))
            }
        }
        _ => Ok(valid_until),
    }
}

fn check_audience(claims: &Map<String, Value>, expected: &Expected<'_>) -> Result<(), ProviderError> {
    let several;
    let audiences: &[Value] = match claims.get("aud") {
        Some(Value::Array(all)) => all,
        Some(one) => {
            several = [one.clone()];
            &several
        }
        None => return Err(refused("it has no audience")),
    };
    if !audiences.iter().any(|one| one.as_str().is_some_and(|one| expected.audiences.iter().any(|own| own == one))) {
        return Err(refused("it was made for another client"));
    }
    match claims.get("azp") {
        None | Some(Value::Null) if audiences.len() > 1 => Err(refused("it has several audiences and no azp")),
        None | Some(Value::Null) => Ok(()),
        Some(azp) if azp.as_str() == Some(expected.client_id) => Ok(()),
        Some(azp) if azp.as_str().is_some_and(|azp| expected.audiences.iter().any(|own| own == azp)) => Ok(()),
        Some(_) => Err(refused("its azp is another client")),
    }
}

/// Returns the Unix second from which on it refuses the same token.
fn check_times(claims: &Map<String, Value>, expected: &Expected<'_>) -> Result<i64, ProviderError> {
    #[expect(clippy::cast_possible_truncation, reason = "a time beyond all sense saturates and is refused")]
    let time = |name: &str| claims.get(name).and_then(Value::as_f64).map(|seconds| seconds.floor() as i64);
    let Expected { now, leeway, max_age, .. } = *expected;
    let lacks = |name: &str| !expected.times && !claims.contains_key(name);
    let expires = if lacks("exp") { Some(i64::MAX) } else { time("exp") };
    let expired_from = expires.ok_or_else(|| refused("it has no expiry"))?.saturating_add(leeway);
    if expired_from <= now {
        return Err(refused("it has expired"));
    }
    if claims.contains_key("nbf") && time("nbf").is_none_or(|from| from.saturating_sub(leeway) > now) {
        return Err(refused("it is not good yet"));
    }
    let issued = if lacks("iat") { Some(now) } else { time("iat") };
    let issued = issued.ok_or_else(|| refused("it does not say when it was made"))?;
    if issued.saturating_sub(leeway) > now {
        return Err(refused("it was made in the future"));
    }
    let too_old_from =
        if max_age > 0 { issued.saturating_add(max_age).saturating_add(leeway).saturating_add(1) } else { i64::MAX };
    if too_old_from <= now {
        return Err(refused("it was made too long ago"));
    }
    Ok(expired_from.min(too_old_from))
}

/// Microsoft's issuers hold the tenant that the token names.
pub fn with_tenant(issuer: &str, claims: &Map<String, Value>) -> Option<String> {
    if !issuer.contains("{tenantid}") {
        return Some(issuer.to_owned());
    }
    let tenant = claims.get("tid").and_then(Value::as_str)?;
    let is_plain = !tenant.is_empty() && tenant.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.'));
    is_plain.then(|| issuer.replace("{tenantid}", tenant))
}

/// OpenID Connect Core 3.1.3.6: the left half of the digest that the signature's algorithm uses.
pub fn access_token_hash(access_token: &str, algorithm: Algorithm) -> String {
    let hash = match algorithm {
        Algorithm::HS256 | Algorithm::RS256 | Algorithm::PS256 | Algorithm::ES256 => &digest::SHA256,
        Algorithm::HS384 | Algorithm::RS384 | Algorithm::PS384 | Algorithm::ES384 => &digest::SHA384,
        _ => &digest::SHA512,
    };
    let digest = digest::digest(hash, access_token.as_bytes());
    URL_SAFE_NO_PAD.encode(&digest.as_ref()[..digest.as_ref().len() / 2])
}
