//! JWTs as simplejwt makes them: a pair of access and refresh token, or one sliding token (R-JWT-01 to 09).
//!
//! With HS* algorithms a token has the claims of simplejwt's and one more, `gen`, so that simplejwt and this server verify each
//! other's tokens; with asymmetric ones it has its type in `typ` and the id of its key in `kid` (SEC-29). The algorithm is pinned by
//! the settings, never taken from a token.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use data_encoding::HEXLOWER;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Validation};
use serde_json::{Map, Value, json};

use super::{Issue, jwt_keys};
use crate::clock::{Deps, UnixMillis};
use crate::model::{Kind, RefreshRow, RefreshUse, User, UserId};
use crate::secrets::{self, Digest, ServerKey};
use crate::settings::{GENERATION_CLAIM, JwtAlgorithm, JwtRules, SettingError};

/// Longer tokens are not looked at.
const LONGEST: usize = 8192;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenType {
    Access,
    Refresh,
    Sliding,
}

impl TokenType {
    pub const ALL: [Self; 3] = [Self::Access, Self::Refresh, Self::Sliding];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::Refresh => "refresh",
            Self::Sliding => "sliding",
        }
    }

    /// simplejwt's name, shown in its error messages.
    pub fn class(self) -> &'static str {
        match self {
            Self::Access => "AccessToken",
            Self::Refresh => "RefreshToken",
            Self::Sliding => "SlidingToken",
        }
    }
}

/// simplejwt's three messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JwtFault {
    #[error("Token is invalid")]
    Invalid,
    #[error("Token is expired")]
    Expired,
    #[error("Token has wrong type")]
    WrongType,
}

/// A token that verifies: signed by us, of a wanted type, not expired. Whether it was ended since, the store knows.
#[derive(Clone, Debug)]
pub struct Verified {
    pub token_type: TokenType,
    pub user_id: UserId,
    pub jti: String,
    /// Of a sliding token: until when it may be renewed.
    pub expires: UnixMillis,
    claims: Map<String, Value>,
}

impl Verified {
    /// Whether the token was issued for another user of the same id, or before every credential of the user was revoked.
    ///
    /// A token that this server issued names the user's generation, which decides alone: clocks of several nodes need not
    /// agree. simplejwt's own tokens have none: of them `iat` decides, which counts whole seconds, so that a token of the
    /// very second of a revocation is revoked as well.
    pub fn is_revoked(&self, user: &User) -> bool {
        if let Some(generation) = self.claims.get(GENERATION_CLAIM) {
            return generation.as_i64() != Some(user.credential_generation);
        }
        let issued = self.claims.get("iat").and_then(Value::as_i64).unwrap_or(0);
        let first = UnixMillis(user.created.0.min(user.credential_generation));
        issued < first.seconds() || (user.revoked_before > 0 && issued <= user.revoked_before)
    }
}

pub struct Jwts {
    rules: JwtRules,
    algorithm: Algorithm,
    signing: EncodingKey,
    verifying: DecodingKey,
    validation: Validation,
    key: ServerKey,
    /// Encoded headers of access, refresh and sliding tokens.
    headers: [String; 3],
}

impl Jwts {
    pub fn new(rules: JwtRules, key: ServerKey) -> Result<Self, SettingError> {
        let (algorithm, signing, verifying) = jwt_keys::parse(&rules)?;
        let mut validation = Validation::new(algorithm);
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        validation.validate_aud = false;
        let headers = TokenType::ALL.map(|token_type| URL_SAFE_NO_PAD.encode(header(&rules, token_type).to_string()));
        Ok(Self { rules, algorithm, signing, verifying, validation, key, headers })
    }

    pub fn rules(&self) -> &JwtRules {
        &self.rules
    }

    /// Access and refresh token of one instant, with different `jti` (R-JWT-04).
    pub fn issue_pair(&self, issue: &Issue<'_>, deps: &Deps) -> (String, String, RefreshRow) {
        let jti = deps.hex::<16>();
        let refresh_claims = self.claims(issue, TokenType::Refresh, self.rules.refresh_lifetime, &jti);
        let access = self.claims(issue, TokenType::Access, self.rules.access_lifetime, &self.access_jti(&jti, deps));
        let row = row(
            issue,
            Kind::JwtPair,
            jti,
            self.last_end(TokenType::Refresh, issue.now.plus(self.rules.refresh_lifetime)),
        );
        (self.sign(TokenType::Access, &access), self.sign(TokenType::Refresh, &refresh_claims), row)
    }

    pub fn issue_sliding(&self, issue: &Issue<'_>, deps: &Deps) -> (String, RefreshRow) {
        let jti = deps.hex::<16>();
        let claims = self.claims(issue, TokenType::Sliding, self.rules.sliding_lifetime, &jti);
        let end = self.last_end(TokenType::Sliding, issue.now.plus(self.rules.sliding_refresh_lifetime));
        let row = row(issue, Kind::JwtSliding, jti, end);
        (self.sign(TokenType::Sliding, &claims), row)
    }

    /// Checks signature, algorithm, `iss`, `aud`, end and type. Of `wanted` the first that fits; an expired token of a
    /// wrong type is told as expired, as simplejwt does.
    pub fn authenticate(&self, token: &str, wanted: &[TokenType], now: UnixMillis) -> Result<Verified, JwtFault> {
        if token.len() > LONGEST {
            return Err(JwtFault::Invalid);
        }
        let claims = jsonwebtoken::decode::<Map<String, Value>>(token, &self.verifying, &self.validation)
            .map_err(|_| JwtFault::Invalid)?
            .claims;
        let leeway = i64::try_from(self.rules.leeway.as_secs()).unwrap_or(0);
        let expires = claims.get("exp").and_then(Value::as_i64).ok_or(JwtFault::Invalid)?;
        if expires.saturating_add(leeway) <= now.seconds() {
            return Err(JwtFault::Expired);
        }
        if claims.get("nbf").and_then(Value::as_i64).is_some_and(|start| start.saturating_sub(leeway) > now.seconds()) {
            return Err(JwtFault::Invalid);
        }
        self.check_parties(&claims)?;
        let named = claims.get(&self.rules.token_type_claim).and_then(Value::as_str).ok_or(JwtFault::Invalid)?;
        let token_type = wanted.iter().copied().find(|wanted| wanted.as_str() == named).ok_or(JwtFault::WrongType)?;
        let user_id = match claims.get(&self.rules.user_id_claim) {
            Some(Value::String(text)) => text.parse().ok(),
            Some(Value::Number(number)) => number.as_i64().map(UserId),
            _ => None,
        };
        let jti = claims.get(&self.rules.jti_claim).and_then(Value::as_str).unwrap_or_default().to_owned();
        if jti.is_empty() || jti.len() > 64 {
            return Err(JwtFault::Invalid);
        }
        let end = match token_type {
            TokenType::Sliding => claims.get(&self.rules.sliding_refresh_exp_claim).and_then(Value::as_i64),
            _ => Some(expires),
        };
        Ok(Verified {
            token_type,
            user_id: user_id.ok_or(JwtFault::Invalid)?,
            jti,
            expires: UnixMillis::from_seconds(end.unwrap_or(expires)),
            claims,
        })
    }

    /// The access token of a refresh token: all its claims but type, times and id (R-CMP-01).
    pub fn access_of(&self, refresh: &Verified, family: &str, user: &User, now: UnixMillis, deps: &Deps) -> String {
        let jti = self.access_jti(family, deps);
        let claims = self.renewed(refresh, TokenType::Access, self.rules.access_lifetime, user, now, &jti);
        self.sign(TokenType::Access, &claims)
    }

    /// The successor of a refresh token, of the same family and the same login (R-CMP-02).
    pub fn rotate(
        &self,
        refresh: &Verified,
        used: &RefreshUse,
        issue: &Issue<'_>,
        deps: &Deps,
    ) -> (String, RefreshRow) {
        let jti = deps.hex::<16>();
        let lifetime = self.rules.refresh_lifetime;
        let claims = self.renewed(refresh, TokenType::Refresh, lifetime, issue.user, issue.now, &jti);
        let mut row = row(issue, Kind::JwtPair, jti, self.last_end(TokenType::Refresh, issue.now.plus(lifetime)));
        used.family.as_deref().unwrap_or(&refresh.jti).clone_into(&mut row.family);
        row.signed_in = used.signed_in;
        (self.sign(TokenType::Refresh, &claims), row)
    }

    /// New end and time, same `jti` and `refresh_exp` (R-CMP-06). After `refresh_exp`: expired.
    pub fn renew_sliding(&self, sliding: &Verified, user: &User, now: UnixMillis) -> Result<String, JwtFault> {
        if sliding.expires <= now {
            return Err(JwtFault::Expired);
        }
        let claims = self.renewed(sliding, TokenType::Sliding, self.rules.sliding_lifetime, user, now, &sliding.jti);
        Ok(self.sign(TokenType::Sliding, &claims))
    }

    /// When nothing of a token is accepted any more, for whoever remembers that it was ended. `end`: its `exp`, or the
    /// `refresh_exp` of a sliding one, at which it may be renewed for a last time.
    pub fn last_end(&self, token_type: TokenType, end: UnixMillis) -> UnixMillis {
        let renewed = if token_type == TokenType::Sliding { self.rules.sliding_lifetime } else { Duration::ZERO };
        end.plus(renewed).plus(self.rules.leeway)
    }

    /// Half random, half a mark of the family: so an access token, which no table knows, can be told to be of a family
    /// that one does, although the claims are the original's to the letter.
    fn access_jti(&self, family: &str, deps: &Deps) -> String {
        let random = deps.hex::<8>();
        let mark = self.mark(family, &random);
        random + &mark
    }

    fn mark(&self, family: &str, random: &str) -> String {
        HEXLOWER.encode(&self.key.derive("family of an access token", &[family.as_bytes(), random.as_bytes()])[..8])
    }

    /// Whether an access or sliding token is of this family.
    pub fn is_of_family(&self, jti: &str, family: &str) -> bool {
        jti == family
            || jti.split_at_checked(16).is_some_and(|(random, mark)| {
                secrets::constant_time_eq(mark.as_bytes(), self.mark(family, random).as_bytes())
            })
    }

    fn check_parties(&self, claims: &Map<String, Value>) -> Result<(), JwtFault> {
        let says = |claim: &str, wanted: &str| match claims.get(claim) {
            Some(Value::String(one)) => one == wanted,
            Some(Value::Array(several)) => several.iter().any(|one| one == wanted),
            _ => false,
        };
        let fits = self.rules.issuer.as_deref().is_none_or(|issuer| says("iss", issuer))
            && self.rules.audience.as_deref().is_none_or(|audience| says("aud", audience));
        if fits { Ok(()) } else { Err(JwtFault::Invalid) }
    }

    /// In the original's order (R-JWT-04, 05, 06, 09).
    fn claims(&self, issue: &Issue<'_>, token_type: TokenType, lifetime: Duration, jti: &str) -> Map<String, Value> {
        let issued = issue.now.seconds();
        let rules = &self.rules;
        let mut claims = Map::with_capacity(12);
        claims.insert(rules.token_type_claim.clone(), token_type.as_str().into());
        claims.insert("exp".to_owned(), (issued + seconds(lifetime)).into());
        claims.insert("iat".to_owned(), issued.into());
        claims.insert(rules.jti_claim.clone(), jti.into());
        if token_type == TokenType::Sliding {
            let end = issued + seconds(rules.sliding_refresh_lifetime);
            claims.insert(rules.sliding_refresh_exp_claim.clone(), end.into());
        }
        claims.insert(rules.user_id_claim.clone(), issue.user.id.to_string().into());
        claims.insert(GENERATION_CLAIM.to_owned(), issue.user.credential_generation.into());
        if issue.with_user {
            self.add_user(&mut claims, issue.user);
        }
        if let Some(audience) = &rules.audience {
            claims.insert("aud".to_owned(), audience.as_str().into());
        }
        if let Some(issuer) = &rules.issuer {
            claims.insert("iss".to_owned(), issuer.as_str().into());
        }
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

    /// A claim that decides nothing, where its name is free: what a user or a program chose never says whose token it is.
    fn add(&self, claims: &mut Map<String, Value>, name: &str, value: Value) {
        if !self.is_reserved(name) && !claims.contains_key(name) {
            claims.insert(name.to_owned(), value);
        }
    }

    /// Names whose meaning is ours or registered (RFC 7519, section 4.1), also where this token has none of the name: a
    /// program's own claims must not pass for them.
    fn is_reserved(&self, name: &str) -> bool {
        let rules = &self.rules;
        let ours = [&rules.token_type_claim, &rules.jti_claim, &rules.user_id_claim, &rules.sliding_refresh_exp_claim];
        ["iss", "sub", "aud", "exp", "nbf", "iat", "jti", GENERATION_CLAIM].contains(&name)
            || ours.iter().any(|known| *known == name)
    }

    fn renewed(
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
        claims
    }

    fn sign(&self, token_type: TokenType, claims: &Map<String, Value>) -> String {
        let body = serde_json::to_vec(claims).expect("a map of plain values has a JSON form");
        let mut token = String::with_capacity(512);
        token.push_str(&self.headers[token_type as usize]);
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(body, &mut token);
        let signature = jsonwebtoken::crypto::sign(token.as_bytes(), &self.signing, self.algorithm)
            .expect("the key was checked against the algorithm at start");
        token.push('.');
        token.push_str(&signature);
        token
    }
}

fn seconds(span: Duration) -> i64 {
    i64::try_from(span.as_secs()).unwrap_or(i64::MAX / 4)
}

fn row(issue: &Issue<'_>, kind: Kind, jti: String, expires: UnixMillis) -> RefreshRow {
    RefreshRow {
        family: jti.clone(),
        jti,
        kind,
        user_id: issue.user.id,
        created: issue.now,
        signed_in: Some(issue.now),
        expires,
        client: issue.client.clone(),
    }
}

fn header(rules: &JwtRules, token_type: TokenType) -> Value {
    let name = match rules.algorithm {
        JwtAlgorithm::HS256 => return json!({"alg": "HS256", "typ": "JWT"}),
        JwtAlgorithm::HS384 => return json!({"alg": "HS384", "typ": "JWT"}),
        JwtAlgorithm::HS512 => return json!({"alg": "HS512", "typ": "JWT"}),
        JwtAlgorithm::RS256 => "RS256",
        JwtAlgorithm::ES256 => "ES256",
        JwtAlgorithm::EdDSA => "EdDSA",
    };
    let typ = match token_type {
        TokenType::Access => "at+jwt",
        TokenType::Refresh => "refresh+jwt",
        TokenType::Sliding => "sliding+jwt",
    };
    let key = Digest::of(rules.verifying_key.as_deref().unwrap_or_default().as_bytes());
    json!({"alg": name, "typ": typ, "kid": HEXLOWER.encode(&key.as_bytes()[..8])})
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::model::ClientInfo;
    use crate::secrets::SecretString;

    pub(crate) fn user() -> User {
        User {
            id: UserId(1),
            username: "UserN1".into(),
            first_name: "User".into(),
            last_name: "N1".into(),
            email: "u1@example.com".into(),
            email_verified: true,
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
        let key = ServerKey::new(&secret);
        Jwts::new(JwtRules { signing_key: secret, ..JwtRules::default() }, key)
            .unwrap_or_else(|error| panic!("{error}"))
    }

    fn part(token: &str, number: usize) -> String {
        let part = token.split('.').nth(number).unwrap_or_default();
        String::from_utf8(URL_SAFE_NO_PAD.decode(part).unwrap_or_default()).unwrap_or_default()
    }

    fn pair(user: &User, with_user: bool, at: i64) -> (String, String) {
        let client = ClientInfo::default();
        let now = UnixMillis::from_seconds(at);
        let issue = Issue {
            kind: Kind::JwtPair,
            with_user,
            user,
            now,
            client: &client,
            claims: None,
            expires_in: None,
            longest: None,
        };
        let (access, refresh, _) = jwts().issue_pair(&issue, &Deps::system());
        (access, refresh)
    }

    #[test]
    fn r_jwt_04_header_and_claims_stand_in_the_originals_order() {
        let (access, refresh) = pair(&user(), false, 1000);
        assert_eq!(part(&access, 0), r#"{"alg":"HS256","typ":"JWT"}"#);
        assert!(part(&access, 1).starts_with(r#"{"token_type":"access","exp":1300,"iat":1000,"jti":""#));
        assert!(part(&access, 1).ends_with(r#"","user_id":"1","gen":7}"#));
        assert!(part(&refresh, 1).starts_with(r#"{"token_type":"refresh","exp":87400,"iat":1000,"jti":""#));
    }

    #[test]
    fn r_jwt_06_the_user_variants_carry_the_user_in_both_tokens() {
        let (access, refresh) = pair(&user(), true, 1000);
        let wanted = r#""user_id":"1","gen":7,"username":"UserN1","first_name":"User","last_name":"N1","email":"u1@example.com"}"#;
        assert!(part(&access, 1).ends_with(wanted) && part(&refresh, 1).ends_with(wanted));
    }

    #[test]
    fn sec_29_what_a_user_chose_never_says_whose_token_it_is() {
        let secret = SecretString::from("a key for tests of more than 32 bytes");
        let fields = json!({"end": 1, "kind": "refresh", "exp": 1, "plan": "free"});
        let chosen = User { username: "7".into(), fields: fields.as_object().cloned().unwrap_or_default(), ..user() };
        let rules = JwtRules {
            signing_key: secret.clone(),
            user_id_claim: "username".into(),
            token_type_claim: "kind".into(),
            jti_claim: "email".into(),
            sliding_refresh_exp_claim: "end".into(),
            ..JwtRules::default()
        };
        let jwts = Jwts::new(rules, ServerKey::new(&secret)).unwrap_or_else(|error| panic!("{error}"));
        let client = ClientInfo::default();
        let now = UnixMillis::from_seconds(1000);
        let issue = Issue {
            kind: Kind::JwtPair,
            with_user: true,
            user: &chosen,
            now,
            client: &client,
            claims: None,
            expires_in: None,
            longest: None,
        };
        let (access, _, _) = jwts.issue_pair(&issue, &Deps::system());
        let verified = jwts.authenticate(&access, &[TokenType::Access], now).expect("a good token");
        assert_eq!((verified.user_id, verified.jti.len(), &verified.claims["exp"]), (UserId(1), 32, &json!(1300)));
        assert_eq!((verified.claims.get("end"), &verified.claims["plan"]), (None, &json!("free")));
    }

    #[test]
    fn sec_29_a_token_is_good_for_its_own_type_and_time_only() {
        let (access, refresh) = pair(&user(), false, 1000);
        let at = |token: &str, wanted: &[TokenType], now| {
            jwts().authenticate(token, wanted, UnixMillis::from_seconds(now)).map(|verified| verified.user_id)
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
    fn fault_a21_the_generation_decides_and_no_clock_does() {
        let after = User { revoked_before: 1000, credential_generation: 8, ..user() };
        let revoked = |token: &str| {
            let now = UnixMillis::from_seconds(1006);
            jwts().authenticate(token, &[TokenType::Access], now).map(|verified| verified.is_revoked(&after))
        };
        // Issued before the revocation, by a node whose clock is right and by one that is five seconds ahead.
        assert_eq!(revoked(&pair(&user(), false, 1000).0), Ok(true));
        assert_eq!(revoked(&pair(&user(), false, 1005).0), Ok(true));
        // Issued after it, in the same second, and dated as it is: a verifier elsewhere refuses an `iat` in the future.
        let (new, _) = pair(&after, false, 1000);
        assert_eq!(revoked(&new), Ok(false));
        assert!(part(&new, 1).contains(r#""iat":1000,"#));
    }

    #[test]
    fn fault_f8_a_token_holds_for_no_other_user_of_the_same_id() {
        let key = EncodingKey::from_secret(b"a key for tests of more than 32 bytes");
        let verified = |claims: Value| {
            let token = jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).expect("a token");
            jwts().authenticate(&token, &[TokenType::Access], UnixMillis::from_seconds(1001)).expect("a good token")
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
