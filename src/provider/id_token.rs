//! Decides whether a token that a provider signed is an ID token of this client: its purpose, and the checks of OpenID
//! Connect Core 3.1.3.7 in their order (SEC-17 to SEC-20). Every path of a login and of a renewal ends in [`check`]. A caller
//! sees one code for all faults; the reason is logged.

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use data_encoding::HEXLOWER;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::jws::{Cache, SignatureAlgorithm, Token, Unverified};
use super::keys::Key;
use crate::secrets::constant_time_eq;

/// Seconds that the provider's clock may be ahead: for `iat` and `nbf`. `exp` has JWT_LEEWAY alone.
const CLOCK_SKEW: i64 = 60;

/// What a token must be for, as a descriptor names it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    #[default]
    IdToken,
    /// An access token in JWT form, whose authorized party is this client.
    AccessToken,
    /// The provider signs one token for both.
    Either,
}

/// What a token of this login must be.
pub struct Expected<'a> {
    pub purpose: Purpose,
    /// `{tenantid}` stands for the claim `tid`.
    pub issuers: &'a [String],
    /// One of them.
    pub audiences: &'a [String],
    /// Further audiences that are trusted: beside these a token needs no `azp`.
    pub trusted_audiences: &'a [String],
    pub client_id: &'a str,
    pub nonce: Option<&'a str>,
    /// For `at_hash`; `None` where it is not checked.
    pub access_token: Option<&'a str>,
    /// Whose digest `at_hash` uses, where it is not the signature's.
    pub hashed_by: Option<SignatureAlgorithm>,
    /// Seconds since 1970.
    pub now: i64,
    pub leeway: i64,
    /// Whether `exp` and `iat` must be there.
    pub times: bool,
    /// 0: any.
    pub max_age: i64,
}

/// The keys of a set that may have signed: those of the id, or all when there is none.
pub fn candidates<'k>(keys: &'k [Key], token: &Token<'_>, ignore_id: bool) -> Vec<&'k Key> {
    let of_id = |key: &&Key| ignore_id || token.key_id.is_none() || key.id == token.key_id;
    keys.iter().filter(of_id).filter(|key| key.fits(token.algorithm)).collect()
}

/// The claims, once one of the keys verifies the signature.
pub fn signed_claims(token: &Token<'_>, keys: &[&Key]) -> Result<Map<String, Value>, Unverified> {
    if keys.is_empty() {
        return Err(Unverified::because_of("no published key fits its kid and algorithm", Cache::Keys));
    }
    let key = keys.iter().find(|key| token.is_signed_by(&key.material));
    let key = key.ok_or_else(|| Unverified::because_of("its signature does not verify", Cache::Keys))?;
    let claims = token.claims()?;
    match (&key.issuer, claims.get("iss").and_then(Value::as_str)) {
        (Some(issuer), Some(named)) if with_tenant(issuer, &claims).as_deref() != Some(named) => {
            Err(Unverified::of("its key is another issuer's"))
        }
        _ => Ok(claims),
    }
}

/// Whether a signed token is what is expected. `token`: its signature was verified.
pub fn check(token: &Token<'_>, claims: &Map<String, Value>, expected: &Expected<'_>) -> Result<(), Unverified> {
    check_purpose(token.media_type.as_ref(), claims, expected)?;
    let text = |name: &str| text_of(claims, name);
    let issuer = text("iss").ok_or_else(|| Unverified::of("it has no issuer"))?;
    if !expected.issuers.iter().any(|allowed| with_tenant(allowed, claims).as_deref() == Some(issuer)) {
        let reason = "its issuer is another: see ID_TOKEN_ISSUER";
        return Err(Unverified::because_of(reason, Cache::Document));
    }
    check_audience(claims, expected)?;
    check_times(claims, expected)?;
    if text("sub").is_none() {
        return Err(Unverified::of("it has no subject"));
    }
    if let Some(nonce) = expected.nonce {
        let given = text("nonce").ok_or_else(|| Unverified::of("it has no nonce"))?;
        // Some apps' SDKs ask for the nonce's digest and put that into the token.
        let digest = HEXLOWER.encode(digest::digest(&digest::SHA256, nonce.as_bytes()).as_ref());
        if !constant_time_eq(given.as_bytes(), nonce.as_bytes())
            && !constant_time_eq(given.as_bytes(), digest.as_bytes())
        {
            return Err(Unverified::of("its nonce is another login's"));
        }
    }
    match (expected.access_token, claims.get("at_hash")) {
        (Some(access_token), Some(hash)) => {
            let made = access_token_hash(access_token, expected.hashed_by.unwrap_or(token.algorithm));
            if hash.as_str().is_some_and(|hash| constant_time_eq(hash.as_bytes(), made.as_bytes())) {
                Ok(())
            } else {
                Err(Unverified::of("its at_hash does not fit the access token"))
            }
        }
        _ => Ok(()),
    }
}

/// Whether a signed userinfo answer is this provider's for this client (OpenID Connect Core 5.3.2). Its `sub` is compared with
/// that of the ID token where all answers are.
pub fn check_userinfo(
    token: &Token<'_>,
    claims: &Map<String, Value>,
    issuers: &[String],
    audiences: &[String],
    not_before: i64,
) -> Result<(), Unverified> {
    let media_type = token.media_type.as_ref().map(media_type);
    if !matches!(media_type.as_deref(), None | Some("jwt" | "userinfo+jwt")) || claims.contains_key("events") {
        return Err(Unverified::of("it is another kind of token"));
    }
    let is_in = |list: &[String], value: &Value| value.as_str().is_some_and(|text| list.iter().any(|one| one == text));
    let issuers: Vec<String> = issuers.iter().filter_map(|issuer| with_tenant(issuer, claims)).collect();
    if claims.get("iss").is_some_and(|issuer| !is_in(&issuers, issuer)) {
        return Err(Unverified::because_of("its issuer is another: see ID_TOKEN_ISSUER", Cache::Document));
    }
    let is_for_us = match claims.get("aud") {
        Some(Value::Array(all)) => all.iter().any(|one| is_in(audiences, one)),
        Some(one) => is_in(audiences, one),
        None => true,
    };
    if !is_for_us {
        return Err(Unverified::of("it was made for another client"));
    }
    if claims.contains_key("exp") && time_of(claims, "exp").is_none_or(|expires| expires <= not_before) {
        return Err(Unverified::of("it has expired"));
    }
    Ok(())
}

/// RFC 7515, 4.1.9: `application/` may be left out, letters in any case.
fn media_type(value: &Value) -> String {
    let text = value.as_str().unwrap_or_default().to_ascii_lowercase();
    text.strip_prefix("application/").map(str::to_owned).unwrap_or(text)
}

fn text_of<'c>(claims: &'c Map<String, Value>, name: &str) -> Option<&'c str> {
    claims.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// A provider signs more than ID tokens with the same key, issuer and audience: access tokens (RFC 9068), logout tokens and
/// other security events (RFC 8417), refresh tokens, userinfo. The kind is in the header or in a claim, which differs by provider.
fn check_purpose(
    media_type: Option<&Value>,
    claims: &Map<String, Value>,
    expected: &Expected<'_>,
) -> Result<(), Unverified> {
    let purpose = expected.purpose;
    let is_fit = match media_type.map(self::media_type).as_deref() {
        None | Some("jwt") => true,
        Some("id") => purpose != Purpose::AccessToken,
        Some("at+jwt") => purpose == Purpose::AccessToken,
        Some(_) => false,
    };
    if !is_fit {
        return Err(Unverified::of("its header says that it is another kind of token"));
    }
    if claims.contains_key("events") {
        return Err(Unverified::of("it is a security event, such as a logout token"));
    }
    // Keycloak (typ), Amazon Cognito (token_use) and Gen3 Fence (pur) say it in a claim.
    let mut says_id = false;
    for name in ["typ", "token_use", "pur"] {
        match claims.get(name).map(|value| value.as_str().unwrap_or_default().to_ascii_lowercase()).as_deref() {
            None => {}
            Some("id") if purpose != Purpose::AccessToken => says_id = true,
            // Every kind of token is a JWT.
            Some("jwt") if purpose != Purpose::AccessToken => {}
            Some("bearer" | "access") if purpose == Purpose::AccessToken => {}
            Some(_) => return Err(Unverified::of("its own claims name another kind of token")),
        }
    }
    let is_bound = ["nonce", "at_hash", "c_hash"].into_iter().any(|name| claims.contains_key(name));
    let has_scope = ["scope", "scp"].into_iter().any(|name| claims.contains_key(name));
    // The client of an access token. In an ID token, whose client `aud` and `azp` name, these may be claims of any meaning.
    let names_client = purpose == Purpose::AccessToken || has_scope || !is_bound;
    for name in ["client_id", "appid", "cid"].into_iter().filter(|_| names_client) {
        let is_ours = |party: &Value| {
            party
                .as_str()
                .is_some_and(|party| party == expected.client_id || expected.audiences.iter().any(|own| own == party))
        };
        if claims.get(name).is_some_and(|party| !party.is_null() && !is_ours(party)) {
            return Err(Unverified::of("it was issued to another client"));
        }
    }
    // An ID token needs no scope. Where one is there, only what access tokens do not have tells the two apart.
    if purpose == Purpose::IdToken && has_scope && !says_id && !is_bound {
        return Err(Unverified::of("it is an access token"));
    }
    Ok(())
}

fn check_audience(claims: &Map<String, Value>, expected: &Expected<'_>) -> Result<(), Unverified> {
    let one;
    let audiences: &[Value] = match claims.get("aud") {
        Some(Value::Array(all)) => all,
        Some(single) => {
            one = [single.clone()];
            &one
        }
        None => return Err(Unverified::of("it has no audience")),
    };
    let is_in = |list: &[String], audience: &Value| {
        audience.as_str().is_some_and(|audience| list.iter().any(|known| known == audience))
    };
    if !audiences.iter().any(|audience| is_in(expected.audiences, audience)) {
        return Err(Unverified::of("it was made for another client"));
    }
    let is_trusted =
        |audience: &Value| is_in(expected.audiences, audience) || is_in(expected.trusted_audiences, audience);
    match claims.get("azp") {
        None | Some(Value::Null) if audiences.len() > 1 && !audiences.iter().all(is_trusted) => {
            Err(Unverified::of("it has several audiences and no azp: list those you trust in TRUSTED_AUDIENCES"))
        }
        None | Some(Value::Null) => Ok(()),
        Some(azp) if azp.as_str() == Some(expected.client_id) || is_in(expected.audiences, azp) => Ok(()),
        Some(_) => Err(Unverified::of("its azp is another client")),
    }
}

fn check_times(claims: &Map<String, Value>, expected: &Expected<'_>) -> Result<(), Unverified> {
    let Expected { now, leeway, max_age, .. } = *expected;
    let skew = leeway.max(CLOCK_SKEW);
    let lacks = |name: &str| !expected.times && !claims.contains_key(name);
    let expires = if lacks("exp") { Some(i64::MAX) } else { time_of(claims, "exp") };
    if expires.ok_or_else(|| Unverified::of("it has no expiry"))?.saturating_add(leeway) <= now {
        return Err(Unverified::of("it has expired"));
    }
    if claims.contains_key("nbf") && time_of(claims, "nbf").is_none_or(|from| from.saturating_sub(skew) > now) {
        return Err(Unverified::of("it is not valid yet (nbf)"));
    }
    let issued = if lacks("iat") { Some(now) } else { time_of(claims, "iat") };
    let issued = issued.ok_or_else(|| Unverified::of("it does not say when it was issued"))?;
    if issued.saturating_sub(skew) > now {
        return Err(Unverified::of("it was issued in the future"));
    }
    if max_age > 0 && issued.saturating_add(max_age).saturating_add(leeway) < now {
        return Err(Unverified::of("it was issued too long ago"));
    }
    Ok(())
}

/// Whether an issuer stands for many, each with users of its own.
pub fn is_of_tenants(issuer: &str) -> bool {
    issuer.contains("{tenantid}")
}

/// The last second, since 1970, at which [`check`] accepts a token of these claims. A used token must be remembered until
/// then. `None`: it never expires.
pub fn accepted_until(claims: &Map<String, Value>, leeway: i64, max_age: i64) -> Option<i64> {
    let by_expiry = time_of(claims, "exp").map(|expires| expires.saturating_add(leeway).saturating_sub(1));
    let issued = time_of(claims, "iat").filter(|_| max_age > 0);
    let by_age = issued.map(|issued| issued.saturating_add(max_age).saturating_add(leeway));
    by_expiry.into_iter().chain(by_age).min()
}

fn time_of(claims: &Map<String, Value>, name: &str) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "a time beyond all sense saturates and is refused")]
    claims.get(name).and_then(Value::as_f64).map(|seconds| seconds.floor() as i64)
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
pub fn access_token_hash(access_token: &str, algorithm: SignatureAlgorithm) -> String {
    let digest = digest::digest(algorithm.digest(), access_token.as_bytes());
    URL_SAFE_NO_PAD.encode(&digest.as_ref()[..digest.as_ref().len() / 2])
}
