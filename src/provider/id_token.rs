//! Checks whether a signed token is an ID token of this client (SEC-17 to SEC-20). It checks the purpose, and then follows the
//! order of OpenID Connect Core 3.1.3.7. Every login and every refresh uses [`check`]. All failures have the same error code; the
//! reason is logged.

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use data_encoding::HEXLOWER;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::jws::{SignatureAlgorithm, SignedToken, SuspectDocument, TokenError};
use super::keys::Key;
use crate::model::AccountUid;
use crate::secrets::constant_time_eq;

/// Seconds that the clock of the provider may be ahead, for `iat` and `nbf`. For `exp` only JWT_LEEWAY counts.
const CLOCK_SKEW: i64 = 60;
/// Seconds that the user's authentication may be older than `max_age`; a larger JWT_LEEWAY counts instead.
const AUTHENTICATION_LEEWAY: i64 = 5;

/// The kind of token that is verified.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// An ID token.
    #[default]
    IdToken,
    /// A JWT access token whose authorized party is this client.
    AccessToken,
    /// The provider issues one token for both purposes.
    Either,
}

/// The requirements for a token.
pub struct Expected<'a> {
    pub purpose: Purpose,
    /// `{tenantid}` stands for the claim `tid`.
    pub issuers: &'a [String],
    /// The token needs one of them.
    pub audiences: &'a [String],
    /// Further audiences, with which a token needs no `azp`.
    pub trusted_audiences: &'a [String],
    pub client_id: &'a str,
    pub nonce: Option<&'a str>,
    /// For `at_hash`. `None`: it is not checked.
    pub access_token: Option<&'a str>,
    /// The algorithm whose digest `at_hash` uses. `None`: that of the signature.
    pub hashed_by: Option<SignatureAlgorithm>,
    /// Seconds since 1970.
    pub now: i64,
    pub leeway: i64,
    /// Whether `exp` and `iat` are required.
    pub requires_times: bool,
    /// `None`: no limit.
    pub max_age: Option<i64>,
    /// The maximum time in seconds between `auth_time` and `iat`, for a login with `max_age`. `None`: `auth_time` is not checked.
    pub max_authentication_age: Option<i64>,
    /// `acr` must be one of them, with REQUIRE_ACR. Empty: it is not checked.
    pub acr_values: &'a [String],
}

/// The keys of an algorithm that may have signed a token with this `kid`; without one, all of the algorithm.
pub fn candidates<'k>(keys: &'k [Key], key_id: Option<&str>, algorithm: SignatureAlgorithm) -> Vec<&'k Key> {
    let of_id = |key: &&Key| key_id.is_none() || key.id.as_deref() == key_id;
    keys.iter().filter(of_id).filter(|key| key.is_for(algorithm)).collect()
}

/// Verifies the signature with one of the keys and returns the claims.
///
/// Errors: no key verifies the signature, or the key belongs to another issuer.
pub fn signed_claims(token: &SignedToken<'_>, keys: &[&Key]) -> Result<Map<String, Value>, TokenError> {
    if keys.is_empty() {
        return Err(TokenError::with_suspect("no published key has its kid and algorithm", SuspectDocument::KeySet));
    }
    let key = keys.iter().find(|key| token.is_signed_by(&key.material));
    let key = key.ok_or_else(|| TokenError::with_suspect("its signature does not verify", SuspectDocument::KeySet))?;
    let claims = token.claims()?;
    match (&key.issuer, claims.get("iss").and_then(Value::as_str)) {
        (Some(issuer), Some(named)) if with_tenant(issuer, &claims).as_deref() != Some(named) => {
            Err(TokenError::new("its key belongs to another issuer"))
        }
        _ => Ok(claims),
    }
}

/// Checks the claims of a token whose signature was verified.
///
/// Errors: the first claim that is absent or not as `expected` (OpenID Connect Core 3.1.3.7).
pub fn check(token: &SignedToken<'_>, claims: &Map<String, Value>, expected: &Expected<'_>) -> Result<(), TokenError> {
    check_purpose(token.media_type.as_ref(), claims, expected)?;
    let text = |name: &str| text_of(claims, name);
    let issuer = text("iss").ok_or_else(|| TokenError::new("it has no issuer"))?;
    if !expected.issuers.iter().any(|allowed| with_tenant(allowed, claims).as_deref() == Some(issuer)) {
        let reason = "it has another issuer; see ID_TOKEN_ISSUER";
        return Err(TokenError::with_suspect(reason, SuspectDocument::Discovery));
    }
    check_audience(claims, expected)?;
    check_times(claims, expected)?;
    check_authentication_time(claims, expected)?;
    let has_acr = || text("acr").is_some_and(|acr| expected.acr_values.iter().any(|required| required == acr));
    if !expected.acr_values.is_empty() && !has_acr() {
        return Err(TokenError::new("its acr is none of ACR_VALUES, as REQUIRE_ACR demands"));
    }
    // OpenID Connect Core 2: a text. Others could be rounded by the provider's own software.
    if text("sub").is_none_or(|subject| AccountUid::parse(subject).is_err()) || token.has_big_integer_as_subject() {
        return Err(TokenError::new("it has no subject"));
    }
    if let Some(nonce) = expected.nonce {
        let given = text("nonce").ok_or_else(|| TokenError::new("it has no nonce"))?;
        // The SDKs of some apps send the digest of the nonce, which the token then contains.
        let digest = HEXLOWER.encode(digest::digest(&digest::SHA256, nonce.as_bytes()).as_ref());
        if !constant_time_eq(given.as_bytes(), nonce.as_bytes())
            && !constant_time_eq(given.as_bytes(), digest.as_bytes())
        {
            return Err(TokenError::new("its nonce belongs to another login"));
        }
    }
    match (expected.access_token, claims.get("at_hash")) {
        (Some(access_token), Some(hash)) => {
            let made = access_token_hash(access_token, expected.hashed_by.unwrap_or(token.algorithm));
            if hash.as_str().is_some_and(|hash| constant_time_eq(hash.as_bytes(), made.as_bytes())) {
                Ok(())
            } else {
                Err(TokenError::new("its at_hash does not match the access token"))
            }
        }
        _ => Ok(()),
    }
}

/// Checks a signed userinfo answer (OpenID Connect Core 5.3.2), except its `sub`, which is compared as in any other answer.
///
/// Errors: another kind of token, another issuer or audience, a token that is too old.
pub fn check_userinfo(
    token: &SignedToken<'_>,
    claims: &Map<String, Value>,
    issuers: &[String],
    audiences: &[String],
    not_before: i64,
) -> Result<(), TokenError> {
    let media_type = token.media_type.as_ref().map(media_type);
    if !matches!(media_type.as_deref(), None | Some("jwt" | "userinfo+jwt")) || claims.contains_key("events") {
        return Err(TokenError::new("it is another kind of token"));
    }
    let issuers: Vec<String> = issuers.iter().filter_map(|issuer| with_tenant(issuer, claims)).collect();
    if claims.get("iss").is_some_and(|issuer| !is_in(&issuers, issuer)) {
        return Err(TokenError::with_suspect("it has another issuer; see ID_TOKEN_ISSUER", SuspectDocument::Discovery));
    }
    let is_for_us = match claims.get("aud") {
        Some(Value::Array(all)) => all.iter().any(|one| is_in(audiences, one)),
        Some(one) => is_in(audiences, one),
        None => true,
    };
    if !is_for_us {
        return Err(TokenError::new("it was issued for another client"));
    }
    if claims.contains_key("exp") && time_of(claims, "exp").is_none_or(|expires| expires <= not_before) {
        return Err(TokenError::new("it has expired"));
    }
    Ok(())
}

/// RFC 7515, 4.1.9: without `application/`, in lower case.
fn media_type(value: &Value) -> String {
    let text = value.as_str().unwrap_or_default().to_ascii_lowercase();
    text.strip_prefix("application/").map(str::to_owned).unwrap_or(text)
}

/// Whether the value is a text of the list.
fn is_in(list: &[String], value: &Value) -> bool {
    value.as_str().is_some_and(|text| list.iter().any(|one| one == text))
}

fn text_of<'c>(claims: &'c Map<String, Value>, name: &str) -> Option<&'c str> {
    claims.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// A provider may sign access tokens (RFC 9068), security events such as logout tokens (RFC 8417), refresh tokens and userinfo with
/// the same key, issuer and audience. Depending on the provider, the header or a claim contains the kind.
fn check_purpose(
    media_type: Option<&Value>,
    claims: &Map<String, Value>,
    expected: &Expected<'_>,
) -> Result<(), TokenError> {
    let purpose = expected.purpose;
    let is_expected = match media_type.map(self::media_type).as_deref() {
        None | Some("jwt") => true,
        Some("id") => purpose != Purpose::AccessToken,
        Some("at+jwt") => purpose == Purpose::AccessToken,
        Some(_) => false,
    };
    if !is_expected {
        return Err(TokenError::new("its header declares another kind of token"));
    }
    if claims.contains_key("events") {
        return Err(TokenError::new("it is a security event, such as a logout token"));
    }
    // Claims of Keycloak (typ), Amazon Cognito (token_use) and Gen3 Fence (pur).
    let mut declares_id_token = false;
    for name in ["typ", "token_use", "pur"] {
        match claims.get(name).map(|value| value.as_str().unwrap_or_default().to_ascii_lowercase()).as_deref() {
            None => {}
            Some("id") if purpose != Purpose::AccessToken => declares_id_token = true,
            // Means only that it is a JWT.
            Some("jwt") if purpose != Purpose::AccessToken => {}
            Some("bearer" | "access") if purpose == Purpose::AccessToken => {}
            Some(_) => return Err(TokenError::new("its claims declare another kind of token")),
        }
    }
    let is_bound = ["nonce", "at_hash", "c_hash"].into_iter().any(|name| text_of(claims, name).is_some());
    let has_scope = ["scope", "scp"].into_iter().any(|name| claims.contains_key(name));
    // In an access token these claims contain the client. In an ID token they may have any meaning.
    let checks_client = purpose == Purpose::AccessToken || has_scope || !is_bound;
    for name in ["client_id", "appid", "cid"].into_iter().filter(|_| checks_client) {
        let is_ours = |party: &Value| party.as_str() == Some(expected.client_id) || is_in(expected.audiences, party);
        if claims.get(name).is_some_and(|party| !party.is_null() && !is_ours(party)) {
            return Err(TokenError::new("it was issued to another client"));
        }
    }
    // A token with a scope is an ID token only if it has a claim that access tokens do not have.
    if purpose == Purpose::IdToken && has_scope && !declares_id_token && !is_bound {
        return Err(TokenError::new("it is an access token"));
    }
    Ok(())
}

fn check_audience(claims: &Map<String, Value>, expected: &Expected<'_>) -> Result<(), TokenError> {
    let one;
    let audiences: &[Value] = match claims.get("aud") {
        Some(Value::Array(all)) => all,
        Some(single) => {
            one = [single.clone()];
            &one
        }
        None => return Err(TokenError::new("it has no audience")),
    };
    if !audiences.iter().any(|audience| is_in(expected.audiences, audience)) {
        return Err(TokenError::new("it was issued for another client"));
    }
    let is_trusted =
        |audience: &Value| is_in(expected.audiences, audience) || is_in(expected.trusted_audiences, audience);
    match claims.get("azp") {
        None | Some(Value::Null) if audiences.len() > 1 && !audiences.iter().all(is_trusted) => {
            Err(TokenError::new("it has several audiences and no azp; list the trusted ones in TRUSTED_AUDIENCES"))
        }
        None | Some(Value::Null) => Ok(()),
        Some(azp) if azp.as_str() == Some(expected.client_id) || is_in(expected.audiences, azp) => Ok(()),
        Some(_) => Err(TokenError::new("its azp is another client")),
    }
}

fn check_times(claims: &Map<String, Value>, expected: &Expected<'_>) -> Result<(), TokenError> {
    let Expected { now, leeway, max_age, .. } = *expected;
    let skew = leeway.max(CLOCK_SKEW);
    let lacks = |name: &str| !expected.requires_times && !claims.contains_key(name);
    let expires = if lacks("exp") { Some(i64::MAX) } else { time_of(claims, "exp") };
    if expires.ok_or_else(|| TokenError::new("it has no expiry"))?.saturating_add(leeway) <= now {
        return Err(TokenError::new("it has expired"));
    }
    let has_start = claims.get("nbf").is_some_and(|from| !from.is_null());
    if has_start && time_of(claims, "nbf").is_none_or(|from| from.saturating_sub(skew) > now) {
        return Err(TokenError::new("it is not valid yet (nbf)"));
    }
    let issued = if lacks("iat") { Some(now) } else { time_of(claims, "iat") };
    let issued = issued.ok_or_else(|| TokenError::new("it has no time of issue"))?;
    if issued.saturating_sub(skew) > now {
        return Err(TokenError::new("it was issued in the future"));
    }
    if max_age.is_some_and(|max_age| issued.saturating_add(max_age).saturating_add(leeway) < now) {
        return Err(TokenError::new("it was issued too long ago"));
    }
    Ok(())
}

/// OpenID Connect Core 3.1.3.7, 13. `auth_time` and `iat` are of one clock, so that no skew between clocks counts.
fn check_authentication_time(claims: &Map<String, Value>, expected: &Expected<'_>) -> Result<(), TokenError> {
    let Some(max_age) = expected.max_authentication_age else { return Ok(()) };
    let authenticated = time_of(claims, "auth_time").ok_or_else(|| {
        TokenError::new("it has no auth_time, although max_age was sent; the provider does not support max_age")
    })?;
    let issued = time_of(claims, "iat").unwrap_or(expected.now);
    if authenticated.saturating_sub(CLOCK_SKEW) > issued {
        return Err(TokenError::new("its auth_time is in the future"));
    }
    let leeway = expected.leeway.max(AUTHENTICATION_LEEWAY);
    if issued.saturating_sub(authenticated) > max_age.saturating_add(leeway) {
        return Err(TokenError::new("its auth_time is older than max_age allows"));
    }
    Ok(())
}

/// Whether an issuer contains `{tenantid}`, so that it stands for many tenants.
pub fn has_tenants(issuer: &str) -> bool {
    issuer.contains("{tenantid}")
}

/// Whether one of the issuers stands for many tenants.
pub fn any_has_tenants(issuers: &[String]) -> bool {
    issuers.iter().any(|issuer| has_tenants(issuer))
}

/// The last Unix second at which [`check`] accepts these claims. `None`: they never expire.
pub fn accepted_until(claims: &Map<String, Value>, leeway: i64, max_age: Option<i64>) -> Option<i64> {
    let by_expiry = time_of(claims, "exp").map(|expires| expires.saturating_add(leeway).saturating_sub(1));
    let by_age = time_of(claims, "iat").zip(max_age);
    let by_age = by_age.map(|(issued, max_age)| issued.saturating_add(max_age).saturating_add(leeway));
    by_expiry.into_iter().chain(by_age).min()
}

fn time_of(claims: &Map<String, Value>, name: &str) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "a time out of range saturates and is refused")]
    claims.get(name).and_then(Value::as_f64).map(|seconds| seconds.floor() as i64)
}

/// Replaces `{tenantid}` by the claim `tid`, as in the issuers of Microsoft.
pub fn with_tenant(issuer: &str, claims: &Map<String, Value>) -> Option<String> {
    if !has_tenants(issuer) {
        return Some(issuer.to_owned());
    }
    let tenant = claims.get("tid").and_then(Value::as_str)?;
    let is_plain = !tenant.is_empty() && tenant.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.'));
    is_plain.then(|| issuer.replace("{tenantid}", tenant))
}

/// The left half of the digest of the algorithm (OpenID Connect Core 3.1.3.6).
pub fn access_token_hash(access_token: &str, algorithm: SignatureAlgorithm) -> String {
    let digest = digest::digest(algorithm.digest(), access_token.as_bytes());
    URL_SAFE_NO_PAD.encode(&digest.as_ref()[..digest.as_ref().len() / 2])
}
