//! JWTs as in simplejwt: a pair of access and refresh token, or one sliding token (R-JWT-01 to 09).
//!
//! With HS* algorithms a token has simplejwt's claims and `gen`, so that simplejwt and this server verify each other's tokens.
//! With asymmetric ones it also has its type in `typ` and the id of its key in `kid` (SEC-29), and an access token is one of
//! RFC 9068. The key fixes the algorithm; it is never taken from a token.

use std::time::Duration;

use data_encoding::HEXLOWER;
use serde_json::{Map, Value};

use super::issue::{IssueRequest, IssuedPair};
use super::jwt_keys::{JwtKeys, media_type};
pub use super::token_type::TokenType;
use crate::clock::{Deps, UnixMillis};
use crate::model::{CredentialKind, RefreshRefusal, RefreshRow, Seconds, User, UserId};
use crate::secrets::Digest;
use crate::settings::{GENERATION_CLAIM, JwtRules, SettingError};

/// Maximum bytes of a token that is parsed.
pub(super) const MAX_TOKEN_LEN: usize = 8192;
/// Seconds by which the clock of the node that issued a token may be ahead.
const CLOCK_SKEW: i64 = 60;
/// Maximum bytes of a `jti`.
const MAX_JTI_LEN: usize = 64;
/// Hex digits of the random half of an access token's `jti`.
const JTI_RANDOM_LEN: usize = 16;

/// Why a JWT is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JwtFault {
    /// Its signature or a claim is invalid, or it was revoked.
    Invalid,
    /// It has expired.
    Expired,
    /// It is of another type than the route accepts.
    WrongType,
}

impl JwtFault {
    /// simplejwt's message.
    pub fn message(self) -> &'static str {
        match self {
            Self::Invalid => "Token is invalid",
            Self::Expired => "Token is expired",
            Self::WrongType => "Token has wrong type",
        }
    }
}

/// A verified token: signed by this server, of an accepted type, not expired. The store knows whether it was revoked.
#[derive(Clone, Debug)]
pub struct Verified {
    /// Its type.
    pub token_type: TokenType,
    /// The user that it names.
    pub user_id: UserId,
    /// Its id.
    pub jti: String,
    /// `exp`; for a sliding token, until when it can be refreshed, if the token says so.
    pub expires: UnixMillis,
    /// Until when a sliding token can be refreshed. `None`: the claim is missing or no whole number, or the token is no sliding
    /// token.
    pub refreshable_until: Option<UnixMillis>,
    claims: Map<String, Value>,
}

impl Verified {
    /// `iat`; `None`: the token has none.
    pub fn issued(&self) -> Option<UnixMillis> {
        self.claims.get("iat").and_then(Value::as_i64).map(UnixMillis::from_seconds)
    }

    /// A claim of the token.
    pub fn claim(&self, name: &str) -> Option<&Value> {
        self.claims.get(name)
    }

    /// Whether this server issued it: a token of simplejwt has no credential generation.
    pub fn has_generation(&self) -> bool {
        self.claims.contains_key(GENERATION_CLAIM)
    }

    /// Whether the user may use the token; the store knows whether the token itself was revoked.
    ///
    /// Errors: `UserInactive`, `UserRevoked`.
    pub fn check_user(&self, user: &User) -> Result<(), RefreshRefusal> {
        if !user.is_active {
            Err(RefreshRefusal::UserInactive)
        } else if self.is_revoked(user) {
            Err(RefreshRefusal::UserRevoked)
        } else {
            Ok(())
        }
    }

    /// Whether the token was issued for another user of the same id, or before every credential of the user was revoked.
    ///
    /// A token of this server carries the user's generation, which decides alone, so the clocks of several nodes need not agree.
    /// A token of simplejwt has none: its `iat` decides. `iat` counts whole seconds, so a token issued in the second of a revocation is
    /// revoked as well. A token without `iat` is valid for an imported user until a revocation.
    fn is_revoked(&self, user: &User) -> bool {
        if let Some(generation) = self.claims.get(GENERATION_CLAIM) {
            return generation.as_i64() != Some(user.credential_generation);
        }
        let Some(issued) = self.issued().map(UnixMillis::seconds) else {
            // A token of an early simplejwt. The import gave the users of Django an earlier generation than their creation.
            let is_imported = user.credential_generation < user.created.0;
            return !is_imported || user.revoked_before > 0;
        };
        let first = UnixMillis(user.created.0.min(user.credential_generation));
        issued < first.seconds() || (user.revoked_before > 0 && issued <= user.revoked_before)
    }
}

/// Issues, verifies and refreshes JWTs.
pub struct Jwts {
    pub(super) rules: JwtRules,
    pub(super) keys: JwtKeys,
}

impl Jwts {
    /// Errors: the setting of a key that does not match the algorithm.
    pub fn new(rules: JwtRules) -> Result<Self, SettingError> {
        Ok(Self { keys: JwtKeys::new(&rules)?, rules })
    }

    /// The SIMPLE_JWT settings.
    pub fn rules(&self) -> &JwtRules {
        &self.rules
    }

    /// Access and refresh token of the same time, with different `jti` (R-JWT-04).
    pub fn issue_pair(&self, issue: &IssueRequest<'_>, deps: &Deps) -> IssuedPair {
        let jti = deps.hex::<16>();
        let lifetime = |lifetime| self.within_family(lifetime, issue.now, issue.now);
        let refresh_lifetime = lifetime(self.rules.refresh_lifetime);
        let refresh_claims = self.claims(issue, TokenType::Refresh, refresh_lifetime, &jti);
        let access_jti = Self::access_jti(&jti, deps);
        let access = self.claims(issue, TokenType::Access, lifetime(self.rules.access_lifetime), &access_jti);
        let end = self.pair_row_expires(issue.now, issue.now);
        let row = row(issue, CredentialKind::JwtPair, jti, end);
        let refresh = self.sign(TokenType::Refresh, &refresh_claims);
        IssuedPair { access: self.sign(TokenType::Access, &access), refresh, row }
    }

    /// A sliding token and its row.
    pub fn issue_sliding(&self, issue: &IssueRequest<'_>, deps: &Deps) -> (String, RefreshRow) {
        let jti = deps.hex::<16>();
        let lifetime = |lifetime| self.within_family(lifetime, issue.now, issue.now);
        let claims = self.claims(issue, TokenType::Sliding, lifetime(self.rules.sliding_lifetime), &jti);
        let refreshable = lifetime(self.rules.sliding_refresh_lifetime);
        let end = self.blacklist_until(TokenType::Sliding, issue.now.plus(refreshable));
        let row = row(issue, CredentialKind::JwtSliding, jti, end);
        (self.sign(TokenType::Sliding, &claims), row)
    }

    /// Checks signature, algorithm, `iss`, `aud`, expiry and type. An expired token of a wrong type counts as expired, as in
    /// simplejwt.
    ///
    /// Errors: [`JwtFault`].
    pub fn verify(&self, token: &str, accepted: &[TokenType], now: UnixMillis) -> Result<Verified, JwtFault> {
        if token.len() > MAX_TOKEN_LEN {
            return Err(JwtFault::Invalid);
        }
        let decoded = self.decode(token, now)?;
        let claims = &decoded.claims;
        let leeway = i64::try_from(self.rules.leeway.as_secs()).unwrap_or(0);
        let expires = claims.get("exp").and_then(Value::as_i64).ok_or(JwtFault::Invalid)?;
        if expires.saturating_add(leeway) <= now.seconds() {
            return Err(JwtFault::Expired);
        }
        let is_later = |time: i64, skew: i64| time.saturating_sub(skew) > now.seconds();
        if time_claim(claims, "nbf")?.is_some_and(|start| is_later(start, leeway))
            || time_claim(claims, "iat")?.is_some_and(|issued| is_later(issued, leeway.max(CLOCK_SKEW)))
        {
            return Err(JwtFault::Invalid);
        }
        self.check_parties(&decoded)?;
        let named = claims.get(&self.rules.token_type_claim).and_then(Value::as_str).ok_or(JwtFault::Invalid)?;
        let token_type =
            accepted.iter().copied().find(|accepted| accepted.as_str() == named).ok_or(JwtFault::WrongType)?;
        if decoded.signed_type.as_ref().is_some_and(|signed| signed != media_type(token_type)) {
            return Err(JwtFault::Invalid);
        }
        let user_id = match claims.get(&self.rules.user_id_claim) {
            // Written in one way only: `02` is not the text that was signed for user 2.
            Some(Value::String(text)) => text.parse().ok().filter(|id: &UserId| id.to_string() == *text),
            Some(Value::Number(number)) => number.as_i64().map(UserId),
            _ => None,
        };
        let jti = claims.get(&self.rules.jti_claim).and_then(Value::as_str).unwrap_or_default().to_owned();
        // PostgreSQL cannot store a null character.
        if jti.is_empty() || jti.len() > MAX_JTI_LEN || jti.contains(char::is_control) {
            return Err(JwtFault::Invalid);
        }
        let refreshable_until = match token_type {
            TokenType::Sliding => claims.get(&self.rules.sliding_refresh_exp_claim).and_then(Value::as_i64),
            TokenType::Access | TokenType::Refresh => None,
        };
        Ok(Verified {
            token_type,
            user_id: user_id.ok_or(JwtFault::Invalid)?,
            jti,
            expires: UnixMillis::from_seconds(refreshable_until.unwrap_or(expires)),
            refreshable_until: refreshable_until.map(UnixMillis::from_seconds),
            claims: decoded.claims,
        })
    }

    /// The access token of a refresh token: its claims except for type, times and id (R-CMP-01).
    pub fn access_of(&self, refresh: &Verified, family: &str, user: &User, now: UnixMillis, deps: &Deps) -> String {
        let jti = Self::access_jti(family, deps);
        let claims = self.renewed(refresh, TokenType::Access, self.rules.access_lifetime, user, now, &jti);
        self.sign(TokenType::Access, &claims)
    }

    /// Until when a blacklisted token must be remembered: until no token that a refresh with it issued can be used. `expires`: its
    /// `exp`, or the `refresh_exp` of a sliding token, at which it can be refreshed for the last time.
    pub fn blacklist_until(&self, token_type: TokenType, expires: UnixMillis) -> UnixMillis {
        let last_lifetime = match token_type {
            TokenType::Sliding => self.rules.sliding_lifetime,
            TokenType::Access | TokenType::Refresh => self.rules.access_lifetime,
        };
        expires.plus(last_lifetime).plus(self.rules.leeway)
    }

    /// `lifetime`, shortened to the end of a family that began at `family_created` (SIMPLE_JWT_FAMILY_LIFETIME).
    pub(super) fn within_family(&self, lifetime: Duration, family_created: UnixMillis, now: UnixMillis) -> Duration {
        let rest = |whole| now.until(family_created.plus(whole)).unwrap_or_default();
        self.rules.family_lifetime.map_or(lifetime, |whole| lifetime.min(rest(whole)))
    }

    /// Until when the row of a pair is kept.
    pub(super) fn pair_row_expires(&self, family_created: UnixMillis, now: UnixMillis) -> UnixMillis {
        let lifetime = self.within_family(self.rules.refresh_lifetime, family_created, now);
        self.blacklist_until(TokenType::Refresh, now.plus(lifetime))
    }

    /// Half random, half a tag of the family. So an access token, which is not stored, can be matched with its family, although
    /// the claims are exactly simplejwt's.
    pub(super) fn access_jti(family: &str, deps: &Deps) -> String {
        let random = deps.hex::<8>();
        let tag = Self::family_tag(family, &random);
        random + &tag
    }

    /// Without a key, so that a change of SECRET_KEY does not separate tokens from their family. The id of a family is random and
    /// only its client has it: others cannot tell which access tokens are of one family.
    fn family_tag(family: &str, random: &str) -> String {
        let digest = Digest::of_parts(&[b"family of an access token", family.as_bytes(), random.as_bytes()]);
        HEXLOWER.encode(&digest.as_bytes()[..8])
    }

    /// Whether an access or sliding token is of this family.
    pub fn is_of_family(jti: &str, family: &str) -> bool {
        jti == family
            || jti.split_at_checked(JTI_RANDOM_LEN).is_some_and(|(random, tag)| tag == Self::family_tag(family, random))
    }

    /// Adds `aud` and `iss`, and with an asymmetric algorithm the claims that RFC 9068, 2.2 requires. A client of this server is
    /// not registered and has no id: the server itself is the client.
    pub(super) fn add_parties(&self, claims: &mut Map<String, Value>, user: UserId) {
        match self.rules.audience_of_own_tokens() {
            [] => {}
            [one] => drop(claims.insert("aud".to_owned(), one.as_str().into())),
            several => drop(claims.insert("aud".to_owned(), several.into())),
        }
        let mut add = |name: &str, value: Option<&str>| {
            if let Some(value) = value {
                claims.insert(name.to_owned(), value.into());
            }
        };
        add("iss", self.rules.issuer_of_own_tokens());
        if !self.rules.algorithm.is_symmetric() {
            add("sub", Some(&user.to_string()));
            add("client_id", self.rules.issuer_of_own_tokens());
        }
    }

    /// In simplejwt's order (R-JWT-04, 05, 06, 09).
    fn claims(
        &self,
        issue: &IssueRequest<'_>,
        token_type: TokenType,
        lifetime: Duration,
        jti: &str,
    ) -> Map<String, Value> {
        let issued = issue.now.seconds();
        let rules = &self.rules;
        let mut claims = Map::with_capacity(14);
        claims.insert(rules.token_type_claim.clone(), token_type.as_str().into());
        claims.insert("exp".to_owned(), (issued + seconds(lifetime)).into());
        claims.insert("iat".to_owned(), issued.into());
        claims.insert(rules.jti_claim.clone(), jti.into());
        if token_type == TokenType::Sliding {
            let end = issued + seconds(self.within_family(rules.sliding_refresh_lifetime, issue.now, issue.now));
            claims.insert(rules.sliding_refresh_exp_claim.clone(), end.into());
        }
        claims.insert(rules.user_id_claim.clone(), issue.user.id.to_string().into());
        claims.insert(GENERATION_CLAIM.to_owned(), issue.user.credential_generation.into());
        if issue.kind.has_user() {
            self.add_user(&mut claims, issue.user);
        }
        self.add_parties(&mut claims, issue.user.id);
        if let Some(own) = issue.claims {
            for (name, value) in own {
                self.add(&mut claims, name, value.clone());
            }
        }
        claims
    }

    fn add_user(&self, claims: &mut Map<String, Value>, user: &User) {
        for (name, value) in [
            ("username", &user.username),
            ("first_name", &user.first_name),
            ("last_name", &user.last_name),
            ("email", &user.email),
        ] {
            self.add(claims, name, value.as_str().into());
        }
        for (name, value) in &user.fields {
            self.add(claims, name, value.clone());
        }
    }

    /// Adds a claim unless its name is reserved or used: values that a user or a program chose must not identify the user.
    fn add(&self, claims: &mut Map<String, Value>, name: &str, value: Value) {
        if !self.is_reserved(name) && !claims.contains_key(name) {
            claims.insert(name.to_owned(), value);
        }
    }

    /// Names that this server or RFC 7519, section 4.1, gives a meaning, also when this token lacks them.
    fn is_reserved(&self, name: &str) -> bool {
        let rules = &self.rules;
        let own = [&rules.token_type_claim, &rules.jti_claim, &rules.user_id_claim, &rules.sliding_refresh_exp_claim];
        ["iss", "sub", "aud", "exp", "nbf", "iat", "jti", GENERATION_CLAIM].contains(&name)
            || (name == "client_id" && !rules.algorithm.is_symmetric())
            || own.iter().any(|known| *known == name)
    }

    pub(super) fn renewed(
        &self,
        from: &Verified,
        token_type: TokenType,
        lifetime: Duration,
        user: &User,
        now: UnixMillis,
        jti: &str,
    ) -> Map<String, Value> {
        let issued = now.seconds();
        let mut claims = from.claims.clone();
        claims.insert(self.rules.token_type_claim.clone(), token_type.as_str().into());
        claims.insert("exp".to_owned(), (issued + seconds(lifetime)).into());
        claims.insert("iat".to_owned(), issued.into());
        claims.insert(self.rules.jti_claim.clone(), jti.into());
        claims.insert(GENERATION_CLAIM.to_owned(), user.credential_generation.into());
        // A token of simplejwt may lack them.
        self.add_parties(&mut claims, user.id);
        claims
    }
}

/// A claim that is a time. Errors: it is neither a number nor absent.
fn time_claim(claims: &Map<String, Value>, name: &str) -> Result<Option<i64>, JwtFault> {
    match claims.get(name) {
        None => Ok(None),
        Some(value @ Value::Number(_)) => Ok(Seconds::parse(value).map(Seconds::get)),
        Some(_) => Err(JwtFault::Invalid),
    }
}

fn seconds(span: Duration) -> i64 {
    i64::try_from(span.as_secs()).unwrap_or(i64::MAX / 4)
}

fn row(issue: &IssueRequest<'_>, kind: CredentialKind, jti: String, expires: UnixMillis) -> RefreshRow {
    RefreshRow {
        family: jti.clone(),
        jti,
        parent: None,
        kind,
        user_id: issue.user.id,
        created: issue.now,
        family_created: issue.now,
        signed_in: Some(issue.now),
        expires,
        client: issue.client.clone(),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::json;

    use super::*;
    use crate::model::{ClientInfo, LoginKind};
    use crate::secrets::SecretString;

    pub(crate) fn user() -> User {
        User {
            id: UserId(1),
            username: "UserN1".into(),
            first_name: "User".into(),
            last_name: "N1".into(),
            email: "u1@example.com".into(),
            email_verified: true,
            email_verified_by: String::new(),
            is_active: true,
            created: UnixMillis(0),
            last_login: None,
            revoked_before: 0,
            credential_generation: 7,
            token_generation: 0,
            link_generation: 0,
            fields: Map::new(),
            edited: Vec::new(),
        }
    }

    fn jwts() -> Jwts {
        let secret = SecretString::from("a key for tests of more than 32 bytes");
        Jwts::new(JwtRules { signing_key: secret, ..JwtRules::default() }).unwrap_or_else(|error| panic!("{error}"))
    }

    fn part(token: &str, number: usize) -> String {
        let part = token.split('.').nth(number).unwrap_or_default();
        String::from_utf8(URL_SAFE_NO_PAD.decode(part).unwrap_or_default()).unwrap_or_default()
    }

    fn pair(user: &User, kind: LoginKind, at: i64) -> (String, String) {
        let client = ClientInfo::default();
        let now = UnixMillis::from_seconds(at);
        let issue = IssueRequest::plain(kind, user, now, &client);
        let IssuedPair { access, refresh, .. } = jwts().issue_pair(&issue, &Deps::system());
        (access, refresh)
    }

    #[test]
    fn r_jwt_04_header_and_claims_are_in_simplejwts_order() {
        let (access, refresh) = pair(&user(), LoginKind::JwtPair, 1000);
        assert_eq!(part(&access, 0), r#"{"alg":"HS256","typ":"JWT"}"#);
        assert!(part(&access, 1).starts_with(r#"{"token_type":"access","exp":1300,"iat":1000,"jti":""#));
        assert!(part(&access, 1).ends_with(r#"","user_id":"1","gen":7}"#));
        assert!(part(&refresh, 1).starts_with(r#"{"token_type":"refresh","exp":87400,"iat":1000,"jti":""#));
    }

    /// A token with these claims and header, signed with the right key.
    pub(crate) fn signed(header: &Value, changed: &Value) -> String {
        let mut claims = json!({"token_type": "access", "exp": 2000, "iat": 1000, "jti": "a", "user_id": "1"});
        for (name, value) in changed.as_object().into_iter().flatten() {
            claims[name] = value.clone();
        }
        let encoded = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let text = format!("{}.{}", encoded(header), encoded(&claims));
        let key = jsonwebtoken::EncodingKey::from_secret(b"a key for tests of more than 32 bytes");
        let signature = jsonwebtoken::crypto::sign(text.as_bytes(), &key, jsonwebtoken::Algorithm::HS256);
        format!("{text}.{}", signature.unwrap_or_else(|error| panic!("{error}")))
    }

    #[test]
    fn a_signed_token_with_a_malformed_claim_or_an_extension_is_invalid() {
        let plain = json!({"alg": "HS256", "typ": "JWT"});
        let verify = |token: &str| jwts().verify(token, &TokenType::ALL, UnixMillis::from_seconds(1500)).map(|_| ());
        for claims in [json!({}), json!({"nbf": 1400.5}), json!({"iat": 1560}), json!({"user_id": 1})] {
            assert_eq!(verify(&signed(&plain, &claims)), Ok(()), "{claims}");
        }
        for claims in [
            json!({"nbf": "x"}),
            json!({"nbf": 1e300}),
            json!({"nbf": 1501}),
            json!({"iat": 1561}),
            json!({"iat": null}),
            json!({"user_id": "+1"}),
            json!({"user_id": "01"}),
            json!({"jti": "a\u{0}"}),
        ] {
            assert_eq!(verify(&signed(&plain, &claims)), Err(JwtFault::Invalid), "{claims}");
        }
        for extension in ["crit", "b64", "enc", "zip"] {
            let mut header = plain.clone();
            header[extension] = json!(false);
            assert_eq!(verify(&signed(&header, &json!({}))), Err(JwtFault::Invalid), "{extension}");
        }
    }

    #[test]
    fn r_jwt_06_the_user_variants_carry_the_user_in_both_tokens() {
        let (access, refresh) = pair(&user(), LoginKind::JwtPairUser, 1000);
        let wanted = r#""user_id":"1","gen":7,"username":"UserN1","first_name":"User","last_name":"N1","email":"u1@example.com"}"#;
        assert!(part(&access, 1).ends_with(wanted) && part(&refresh, 1).ends_with(wanted));
    }

    #[test]
    fn sec_29_user_controlled_claims_cannot_replace_the_user_id() {
        let secret = SecretString::from("a key for tests of more than 32 bytes");
        let fields = json!({"end": 1, "kind": "refresh", "exp": 1, "plan": "free"});
        let chosen = User { username: "7".into(), fields: fields.as_object().cloned().unwrap_or_default(), ..user() };
        let rules = JwtRules {
            signing_key: secret,
            user_id_claim: "username".into(),
            token_type_claim: "kind".into(),
            jti_claim: "email".into(),
            sliding_refresh_exp_claim: "end".into(),
            ..JwtRules::default()
        };
        let jwts = Jwts::new(rules).unwrap_or_else(|error| panic!("{error}"));
        let client = ClientInfo::default();
        let now = UnixMillis::from_seconds(1000);
        let issue = IssueRequest::plain(LoginKind::JwtPairUser, &chosen, now, &client);
        let access = jwts.issue_pair(&issue, &Deps::system()).access;
        let verified = jwts.verify(&access, &[TokenType::Access], now).expect("a good token");
        assert_eq!((verified.user_id, verified.jti.len(), &verified.claims["exp"]), (UserId(1), 32, &json!(1300)));
        assert_eq!((verified.claims.get("end"), &verified.claims["plan"]), (None, &json!("free")));
    }

    #[test]
    fn token_without_iat_is_valid_for_imported_users_until_a_revocation() {
        let key = jsonwebtoken::EncodingKey::from_secret(b"a key for tests of more than 32 bytes");
        let claims = json!({"token_type": "access", "exp": 2000, "jti": "j", "user_id": "1"});
        let token = jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).expect("a token");
        let verified =
            jwts().verify(&token, &[TokenType::Access], UnixMillis::from_seconds(1001)).expect("a good token");
        let created_here = User { created: UnixMillis(900_000), credential_generation: 900_000, ..user() };
        let imported = User { credential_generation: 100, ..created_here.clone() };
        let revoked = User { revoked_before: 1000, credential_generation: 1_000_000, ..imported.clone() };
        let result = [created_here, imported, revoked].map(|user| verified.is_revoked(&user));
        assert_eq!(result, [true, false, true]);
    }

    #[test]
    fn sec_29_a_token_is_valid_for_its_own_type_and_time_only() {
        let (access, refresh) = pair(&user(), LoginKind::JwtPair, 1000);
        let at = |token: &str, wanted: &[TokenType], now| {
            jwts().verify(token, wanted, UnixMillis::from_seconds(now)).map(|verified| verified.user_id)
        };
        assert_eq!(at(&access, &[TokenType::Access], 1299), Ok(UserId(1)));
        assert_eq!(at(&access, &[TokenType::Access], 1300), Err(JwtFault::Expired));
        assert_eq!(at(&refresh, &[TokenType::Access, TokenType::Sliding], 1001), Err(JwtFault::WrongType));
        assert_eq!(at(&format!("{access}x"), &[TokenType::Access], 1001), Err(JwtFault::Invalid));
        let none =
            format!("{}.{}.", URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#), access.split('.').nth(1).unwrap_or(""));
        assert_eq!(at(&none, &[TokenType::Access], 1001), Err(JwtFault::Invalid));
    }

    #[test]
    fn fault_a21_the_generation_decides_and_not_the_clock() {
        let after = User { revoked_before: 1000, credential_generation: 8, ..user() };
        let revoked = |token: &str| {
            let now = UnixMillis::from_seconds(1006);
            jwts().verify(token, &[TokenType::Access], now).map(|verified| verified.is_revoked(&after))
        };
        // Issued before the revocation, by a node whose clock is right and by one that is five seconds ahead.
        assert_eq!(revoked(&pair(&user(), LoginKind::JwtPair, 1000).0), Ok(true));
        assert_eq!(revoked(&pair(&user(), LoginKind::JwtPair, 1005).0), Ok(true));
        // Issued after it, in the same second, and dated as it is: a verifier elsewhere refuses an `iat` in the future.
        let (new, _) = pair(&after, LoginKind::JwtPair, 1000);
        assert_eq!(revoked(&new), Ok(false));
        assert!(part(&new, 1).contains(r#""iat":1000,"#));
    }

    #[test]
    fn fault_f8_a_token_is_invalid_for_another_user_of_the_same_id() {
        let key = jsonwebtoken::EncodingKey::from_secret(b"a key for tests of more than 32 bytes");
        let verified = |claims: Value| {
            let token = jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).expect("a token");
            jwts().verify(&token, &[TokenType::Access], UnixMillis::from_seconds(1001)).expect("a good token")
        };
        let claims = |iat: i64| json!({"token_type": "access", "exp": 2000, "iat": iat, "jti": "j", "user_id": "1"});
        let created =
            |at: i64| User { created: UnixMillis::from_seconds(at), credential_generation: at * 1000, ..user() };
        for (generation, user, revoked) in [
            (Some(json!(7)), user(), false),
            (Some(json!(7)), created(1), true),
            (Some(json!("7")), user(), true),
            (Some(Value::Null), user(), true),
            // simplejwt's own: older than the user it names, or not.
            (None, created(1000), false),
            (None, created(1001), true),
        ] {
            let mut claims = claims(1000);
            if let Some(generation) = &generation {
                claims["gen"] = generation.clone();
            }
            assert_eq!(verified(claims).is_revoked(&user), revoked, "{generation:?} {}", user.created.0);
        }
    }
}
