//! Converts rows of Django's tables to rows of this server, or gives the reason why a row is skipped.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use data_encoding::HEXUPPER;
use md5::{Digest as _, Md5};
use serde_json::{Map, Value};

use super::django_session::{self, DjangoSession, SessionError};
use super::imported_users::ImportedUsers;
use super::report::Reason;
use crate::clock::UnixMillis;
use crate::model::{
    AccountUid, ClientInfo, CredentialKind, EmailAddress, KnoxRow, MAX_NAME_LEN, ProviderTokens, RefreshRow, Seconds,
    SessionRow, SocialAccount, TokenRow, UidError, User, UserFieldType, UserFields, UserId, clean_name, lenient,
    remaining_seconds, strip_nul_characters, without_provider_tokens,
};
use crate::secrets::{Digest, SecretString};
use crate::settings::JwtRules;
use crate::store::django;
use crate::store::import::ImportedRefreshToken;

/// The largest distance of a time zone from UTC.
const MAX_TIME_ZONE_OFFSET_MS: i64 = 14 * 3_600_000;
/// Characters of a permanent token.
const TOKEN_LEN: usize = 40;
/// Hex digits of a SHA-512 digest.
const KNOX_DIGEST_LEN: usize = 128;
/// The highest id that is imported. New rows get higher ones, and clients read ids as JSON numbers, which are exact below 2^53
/// (RFC 8259, section 6).
pub const MAX_ID: i64 = (1 << 52) - 1;
/// The highest id with --large-ids: it leaves ids for new rows.
pub const MAX_LARGE_ID: i64 = i64::MAX / 2;
/// The server refuses a JWT with a longer `jti`.
const MAX_JTI_LEN: usize = 64;
/// How many times JSON may be encoded as a text of JSON.
const MAX_ENCODINGS: usize = 5;

/// The values of declared fields, read from the project's own columns.
#[derive(Debug, Default, PartialEq)]
pub struct DeclaredValues {
    /// Valid values by field.
    pub values: Map<String, Value>,
    /// Fields whose column has a value of another type.
    pub invalid_fields: Vec<String>,
}

/// `columns` is a JSON object. Null and empty text count as no value.
pub fn declared_values(columns: &str, fields: &UserFields) -> DeclaredValues {
    let mut declared = DeclaredValues::default();
    let columns = object(columns.as_bytes());
    for field in fields.iter() {
        let value = match columns.get(&field.name) {
            None | Some(Value::Null) => continue,
            Some(Value::String(text)) if text.is_empty() => continue,
            // SQLite stores booleans as 0 and 1.
            Some(Value::Number(number)) if field.kind == UserFieldType::Boolean && number.as_u64() <= Some(1) => {
                Value::from(number.as_u64() == Some(1))
            }
            Some(value) => value.clone(),
        };
        match field.kind.parse_external(&value) {
            Ok(value) => drop(declared.values.insert(field.name.clone(), value)),
            Err(_) => declared.invalid_fields.push(field.name.clone()),
        }
    }
    declared
}

/// Whether the e-mail address is malformed. The user is imported without it.
pub fn has_invalid_email(row: &django::User) -> bool {
    !row.email.is_empty() && EmailAddress::parse(&row.email).is_none()
}

/// Whether a text has a character that is not UTF-8, which U+FFFD replaces.
pub fn has_unreadable_text(row: &django::User) -> bool {
    [&row.username, &row.first_name, &row.last_name, &row.email].iter().any(|text| text.has_replacement())
}

pub fn user(row: &django::User, fields: Map<String, Value>, now: UnixMillis) -> Result<User, Reason> {
    if row.username.is_empty() {
        return Err(Reason::NoUsername);
    }
    if row.username.chars().count() > MAX_NAME_LEN {
        return Err(Reason::UsernameTooLong);
    }
    if [&row.username, &row.first_name, &row.last_name].iter().any(|text| text.contains('\0')) {
        return Err(Reason::NulCharacter);
    }
    let [mut username, mut first_name, mut last_name] =
        [&row.username, &row.first_name, &row.last_name].map(|text| text.to_string());
    [&mut username, &mut first_name, &mut last_name].into_iter().for_each(clean_name);
    if username.is_empty() {
        return Err(Reason::NoUsername);
    }
    Ok(User {
        id: row.id,
        username,
        first_name,
        last_name,
        email: EmailAddress::parse(&row.email).map(|address| address.to_string()).unwrap_or_default(),
        // Django does not store who verified the address (SEC-23).
        email_verified: false,
        email_verified_by: String::new(),
        is_active: row.is_active,
        created: row.joined.map_or(now, UnixMillis),
        last_login: row.last_login.map(UnixMillis),
        revoked_before: 0,
        // Tokens of Django must stay valid. They may appear to be older than the user, because `date_joined` is local time
        // without USE_TZ.
        credential_generation: row.joined.map_or(0, |joined| joined.saturating_sub(MAX_TIME_ZONE_OFFSET_MS)),
        token_generation: 0,
        link_generation: 0,
        fields,
        edited: Vec::new(),
    })
}

pub fn check_link(row: &django::Link, imported_users: &ImportedUsers) -> Result<(), Reason> {
    if let Err(error) = AccountUid::parse(&row.uid) {
        Err(match error {
            UidError::Blank => Reason::NoUid,
            // R-PIPE-02: DRSA stores it for every profile without an id.
            UidError::MissingValue => Reason::SharedUid,
            UidError::TooLong => Reason::UidTooLong,
            UidError::NullCharacter => Reason::NulCharacter,
            UidError::ReplacementCharacter => Reason::UnreadableUid,
        })
    } else if row.provider.contains('\0') {
        Err(Reason::NulCharacter)
    } else if !imported_users.contains(row.user_id) {
        Err(Reason::UserLeftOut)
    } else {
        Ok(())
    }
}

/// `extra_data`: without provider tokens. `uid_scope`: empty if the data does not have it; the next login adds it.
pub fn account(
    row: django::Link,
    extra_data: Map<String, Value>,
    uid_scope: String,
    legacy_uid: bool,
    now: UnixMillis,
) -> SocialAccount {
    let created = row.created.or(row.modified).map_or(now, UnixMillis);
    SocialAccount {
        id: row.id,
        user_id: row.user_id,
        provider: row.provider.into(),
        uid: row.uid.into(),
        uid_scope,
        legacy_uid,
        extra_data: Value::Object(extra_data),
        created,
        modified: row.modified.map_or(created, UnixMillis),
    }
}

/// The extra data of a social account, separated from its provider tokens.
#[derive(Debug, Default)]
pub struct ExtraData {
    /// Members that are stored unencrypted.
    pub public: Map<String, Value>,
    pub tokens: Option<ProviderTokens>,
    /// The claims of the ID token.
    pub claims: Map<String, Value>,
    /// Whether a token or another secret was removed.
    pub had_secrets: bool,
    /// Whether it is not a JSON object.
    pub is_unreadable: bool,
    /// Whether it is not empty either, so that an id in it may have been lost.
    pub is_lost: bool,
}

pub fn split_extra_data(text: &str) -> ExtraData {
    let read = |text: &str| match text.trim() {
        "" => Ok(Value::Null),
        text => lenient::foreign_json(text.as_bytes()),
    };
    let mut value = read(text);
    // Releases with a text column encoded the JSON once more when the column became JSON.
    for _ in 0..MAX_ENCODINGS {
        let Ok(Value::String(inner)) = &value else { break };
        value = read(inner);
    }
    let all = match value {
        Ok(Value::Object(all)) => all,
        other => {
            let is_lost = !matches!(other, Ok(Value::Null));
            return ExtraData { is_unreadable: true, is_lost, ..ExtraData::default() };
        }
    };
    let mut public = without_provider_tokens(&all);
    let had_secrets = public != all;
    public.retain(|name, _| !name.contains('\0'));
    public.values_mut().for_each(strip_nul_characters);
    let claims = all.get("id_token").and_then(Value::as_str).map(claims).unwrap_or_default();
    ExtraData { public, tokens: provider_tokens(&all), claims, had_secrets, ..ExtraData::default() }
}

/// The access token is a text, or an object with token and secret (OAuth 1.0a; R-EXT-01 to R-EXT-03).
fn provider_tokens(all: &Map<String, Value>) -> Option<ProviderTokens> {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned);
    let access_token = all.get("access_token");
    let of_pair = |name: &str| text(access_token.and_then(|pair| pair.get(name)));
    Some(ProviderTokens {
        access_token: text(access_token).or_else(|| of_pair("oauth_token"))?.into(),
        refresh_token: text(all.get("refresh_token")).map(SecretString::from),
        secret: of_pair("oauth_token_secret").map(SecretString::from),
        token_type: text(all.get("token_type")),
        expires: expiry(all),
        identity: Map::new(),
        callback: Map::new(),
    })
}

/// When the provider tokens expire. A lifetime without a known begin counts as over, so that the tokens are refreshed.
fn expiry(all: &Map<String, Value>) -> Option<UnixMillis> {
    let issued = all.get("auth_time").and_then(Seconds::parse).map_or(0, Seconds::get);
    let remaining = remaining_seconds(&[Some(all)], issued)?;
    Some(UnixMillis::from_seconds(issued.saturating_add(remaining)))
}

pub fn token(row: &django::Token, imported_users: &ImportedUsers, now: UnixMillis) -> Result<TokenRow, Reason> {
    if row.key.len() != TOKEN_LEN {
        return Err(Reason::NotAToken);
    }
    if !imported_users.contains(row.user_id) {
        return Err(Reason::UserLeftOut);
    }
    Ok(TokenRow {
        digest: Digest::of(row.key.as_bytes()),
        user_id: row.user_id,
        created: row.created.map_or(now, UnixMillis),
        client: ClientInfo::default(),
    })
}

pub fn check_knox(row: &django::Knox, imported_users: &ImportedUsers, now: UnixMillis) -> Result<(), Reason> {
    if !row.salt.is_empty() {
        Err(Reason::Salted)
    } else if row.digest.len() != KNOX_DIGEST_LEN || !row.digest.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        Err(Reason::NotAToken)
    } else if row.token_key.contains('\0') {
        Err(Reason::NulCharacter)
    } else if row.expiry.is_some_and(|expiry| expiry <= now.0) {
        Err(Reason::Expired)
    } else if !imported_users.contains(row.user_id) {
        Err(Reason::UserLeftOut)
    } else {
        Ok(())
    }
}

pub fn knox(row: django::Knox, now: UnixMillis) -> KnoxRow {
    let created = row.created.map_or(now, UnixMillis);
    KnoxRow {
        digest: row.digest,
        token_key: row.token_key.into(),
        user_id: row.user_id,
        created,
        expires: row.expiry.map(UnixMillis),
        last_used: created,
        client: ClientInfo::default(),
    }
}

/// The claims of a token that simplejwt issued; empty if it cannot be read. Its signature is not verified.
pub fn claims_of(row: &django::Outstanding) -> Map<String, Value> {
    claims(&row.token)
}

/// The user that a token names, as text. `None`: it names none.
pub fn user_in(claims: &Map<String, Value>, rules: &JwtRules) -> Option<String> {
    match claims.get(&rules.user_id_claim)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Whether the token contains the digest of another password than the user's: with CHECK_REVOKE_TOKEN, simplejwt refuses it.
pub fn has_other_password(claims: &Map<String, Value>, row: &django::Outstanding, rules: &JwtRules) -> bool {
    let current = HEXUPPER.encode(&Md5::digest(row.password.as_bytes()));
    claims.get(&rules.revoke_token_claim).is_some_and(|digest| digest.as_str() != Some(current.as_str()))
}

/// A refresh or sliding token. `claims`: its own.
pub fn refresh(
    row: &django::Outstanding,
    claims: &Map<String, Value>,
    imported_users: &ImportedUsers,
    rules: &JwtRules,
    now: UnixMillis,
) -> Result<ImportedRefreshToken, Reason> {
    let user_id = row.user_id.ok_or(Reason::UserGone)?;
    if row.jti.is_empty() || row.jti.len() > MAX_JTI_LEN {
        return Err(Reason::NotAToken);
    }
    if row.jti.contains('\0') {
        return Err(Reason::NulCharacter);
    }
    let is_sliding = claims.get(&rules.token_type_claim).and_then(Value::as_str) == Some("sliding");
    // The table has the `exp` of a sliding token, which can be refreshed until its `refresh_exp`.
    let refresh_exp = claims.get(&rules.sliding_refresh_exp_claim).and_then(Value::as_i64).filter(|_| is_sliding);
    let expires = refresh_exp.map(UnixMillis::from_seconds).or(row.expires.map(UnixMillis)).unwrap_or(now);
    if expires <= now {
        return Err(Reason::Expired);
    }
    if !imported_users.contains(user_id) {
        return Err(Reason::UserLeftOut);
    }
    let token = RefreshRow {
        jti: row.jti.to_string(),
        family: row.jti.to_string(),
        parent: None,
        kind: if is_sliding { CredentialKind::JwtSliding } else { CredentialKind::JwtPair },
        user_id,
        created: row.created.map_or(now, UnixMillis),
        family_created: row.created.map_or(now, UnixMillis),
        signed_in: None,
        expires,
        client: ClientInfo::default(),
    };
    Ok(ImportedRefreshToken { token, blacklisted: row.blacklisted.map(UnixMillis) })
}

/// The claims of a token. The signature need not be verified, because Django wrote the row.
fn claims(token: &str) -> Map<String, Value> {
    let payload = token.split('.').nth(1).unwrap_or_default();
    let bytes = URL_SAFE_NO_PAD.decode(payload).unwrap_or_default();
    object(&bytes)
}

/// The members of a JSON object, which may have broken characters. Anything else has none.
fn object(json: &[u8]) -> Map<String, Value> {
    match lenient::foreign_json(json) {
        Ok(Value::Object(members)) => members,
        _ => Map::new(),
    }
}

pub fn decode_session(row: &django::Session, keys: &[SecretString], now: UnixMillis) -> Result<DjangoSession, Reason> {
    if row.expires.is_none_or(|expires| expires <= now.0) {
        return Err(Reason::Expired);
    }
    django_session::decode(&row.session_data, keys).map_err(|error| match error {
        SessionError::InvalidSignature => Reason::OtherKey,
        SessionError::NotJson => Reason::NotJson,
        SessionError::Anonymous => Reason::NobodySignedIn,
    })
}

pub fn session(row: &django::Session, decoded: &DjangoSession, user_id: UserId, now: UnixMillis) -> SessionRow {
    SessionRow {
        digest: Digest::of(row.session_key.as_bytes()),
        user_id,
        created: decoded.saved,
        expires: row.expires.map_or(now, UnixMillis),
        // Django does not store the last use, so the idle time begins now.
        last_used: now,
        client: ClientInfo::default(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::AccountId;
    use crate::secrets::ExposeSecret as _;

    fn link(uid: &str, user_id: i64) -> django::Link {
        django::Link {
            id: AccountId(1),
            user_id: UserId(user_id),
            provider: "github".into(),
            uid: uid.into(),
            extra_data: "{}".into(),
            created: None,
            modified: None,
        }
    }

    #[test]
    fn r_pipe_02_account_shared_by_several_users_is_skipped() {
        let imported_users = ImportedUsers::from_iter([1]);
        assert_eq!(check_link(&link("None", 1), &imported_users), Err(Reason::SharedUid));
        assert_eq!(check_link(&link("", 1), &imported_users), Err(Reason::NoUid));
        assert_eq!(check_link(&link("5", 2), &imported_users), Err(Reason::UserLeftOut));
        assert_eq!(check_link(&link("5", 1), &imported_users), Ok(()));
    }

    #[test]
    fn names_of_an_imported_user_are_cleaned() {
        let row = |username: &str| django::User {
            id: UserId(1),
            username: username.into(),
            first_name: "A\u{1b}[31m\r\nBcc: x".into(),
            last_name: "\u{202e}B".into(),
            email: "".into(),
            is_active: true,
            joined: None,
            last_login: None,
            own: "{}".into(),
        };
        let made = user(&row("ana\u{1b}"), Map::new(), UnixMillis(0)).expect("a user");
        let names = [made.username, made.first_name, made.last_name];
        assert_eq!(names, ["ana", "A[31m Bcc: x", "B"]);
        assert!(matches!(user(&row("\u{202e}"), Map::new(), UnixMillis(0)), Err(Reason::NoUsername)));
    }

    #[test]
    fn only_provider_tokens_are_removed_from_extra_data() {
        let parts = split_extra_data(r#"{"auth_time": 1, "access_token": "a", "token_type": "bearer", "id": 3}"#);
        assert_eq!(Value::Object(parts.public), json!({"auth_time": 1, "token_type": "bearer", "id": 3}));
        assert!(parts.had_secrets && parts.tokens.is_some());
        assert!(split_extra_data("null").is_unreadable);
        assert_eq!(split_extra_data(r#"{"plan": "a\u0000b"}"#).public["plan"], json!("ab"));
    }

    #[test]
    fn extra_data_with_a_broken_part_keeps_its_id() {
        let twice = json!(r#"{"sub": "id-1"}"#).to_string();
        let thrice = json!(twice).to_string();
        for text in [
            r#"{"sub": "id-1", "name": "Bea \ud83d"}"#,
            "{\"sub\": \"id-1\", \"name\": \"a\tb\"}",
            "\u{feff}{\"sub\": \"id-1\"}",
            &twice,
            &thrice,
        ] {
            let parts = split_extra_data(text);
            assert_eq!((parts.public.get("sub"), parts.is_unreadable), (Some(&json!("id-1")), false), "{text}");
        }
        let big = split_extra_data(r#"{"sub": 123456789012345678901234567890}"#);
        assert_eq!(big.public["sub"], json!("123456789012345678901234567890"));
        let deep = format!("{{\"sub\": \"id-1\", \"x\": {}{}}}", "[".repeat(200), "]".repeat(200));
        for lost in [deep.as_str(), "{'sub': 'id-1', 'name': None}", r#"["sub", "id-1"]"#, "\"id-1\"", "5"] {
            let parts = split_extra_data(lost);
            assert!(parts.is_unreadable && parts.is_lost, "{lost}");
        }
        for empty in ["null", "", " ", "\"\"", "\"null\""] {
            let parts = split_extra_data(empty);
            assert!(parts.is_unreadable && !parts.is_lost, "{empty}");
        }
        assert!(!split_extra_data("{}").is_unreadable);
    }

    #[test]
    fn imported_tokens_expire_in_every_form_of_a_time() {
        for (times, expires) in [
            (r#""auth_time": 1600000000, "expires_in": 3600"#, Some(1_600_003_600)),
            (r#""auth_time": 1600000000, "expires_in": 3600.0"#, Some(1_600_003_600)),
            (r#""auth_time": 1600000000.5, "expires_in": "3599.5""#, Some(1_600_003_599)),
            (r#""auth_time": 1600000000, "expires": 3600"#, Some(1_600_003_600)),
            (r#""auth_time": 1600000000, "expires": 1600003600"#, Some(1_600_003_600)),
            (r#""auth_time": 1600000000, "expires_on": "1600003600""#, Some(1_600_003_600)),
            (r#""auth_time": 1600000000, "expires_in": -5"#, Some(1_599_999_995)),
            (r#""expires_on": 1600003600"#, Some(1_600_003_600)),
            (r#""expires_in": 3600"#, Some(3600)),
            (r#""auth_time": 1600000000, "expires_in": null"#, None),
            (r#""auth_time": 1600000000"#, None),
        ] {
            let tokens = split_extra_data(&format!(r#"{{"access_token": "a", {times}}}"#)).tokens.expect("tokens");
            assert_eq!(tokens.expires.map(UnixMillis::seconds), expires, "{times}");
        }
    }

    #[test]
    fn provider_tokens_are_read_in_the_form_of_each_protocol() {
        let tokens =
            split_extra_data(r#"{"auth_time": 1000, "access_token": "a", "refresh_token": "r", "expires_in": "60"}"#)
                .tokens;
        let tokens = tokens.expect("tokens");
        assert_eq!(tokens.access_token.expose_secret(), "a");
        assert_eq!(tokens.refresh_token.expect("one").expose_secret(), "r");
        assert_eq!(tokens.expires.map(UnixMillis::seconds), Some(1060));
        let pair = split_extra_data(r#"{"access_token": {"oauth_token": "t", "oauth_token_secret": "s"}}"#).tokens;
        let pair = pair.expect("a pair");
        assert_eq!((pair.access_token.expose_secret(), pair.expires), ("t", None));
        assert_eq!(pair.secret.expect("one").expose_secret(), "s");
        assert!(split_extra_data(r#"{"access_token": null, "id": 1}"#).tokens.is_none());
    }

    #[test]
    fn sliding_token_expires_at_refresh_exp() {
        let claims = URL_SAFE_NO_PAD.encode(r#"{"token_type":"sliding","refresh_exp":1000}"#);
        let row = django::Outstanding {
            id: 1,
            user_id: Some(UserId(1)),
            jti: "a".repeat(32).into(),
            token: format!("h.{claims}.s").into(),
            password: "".into(),
            created: Some(0),
            expires: Some(5_000),
            blacklisted: None,
        };
        let at = |seconds| {
            let (users, rules) = (ImportedUsers::from_iter([1]), JwtRules::default());
            refresh(&row, &claims_of(&row), &users, &rules, UnixMillis::from_seconds(seconds))
                .map(|row| (row.token.kind, row.token.expires.seconds()))
        };
        assert_eq!(at(10), Ok((CredentialKind::JwtSliding, 1000)));
        assert_eq!(at(1000), Err(Reason::Expired));
    }

    #[test]
    fn knox_digest_with_salt_or_another_length_is_skipped() {
        let row = |digest: &str, salt: &str| django::Knox {
            digest: digest.into(),
            token_key: "k".into(),
            user_id: UserId(1),
            created: None,
            expiry: None,
            salt: salt.into(),
        };
        let check = |row| check_knox(&row, &ImportedUsers::from_iter([1]), UnixMillis(0));
        assert_eq!(check(row(&"0".repeat(128), "")), Ok(()));
        assert_eq!(check(row(&"0".repeat(128), "s")), Err(Reason::Salted));
        assert_eq!(check(row(&"0".repeat(64), "")), Err(Reason::NotAToken));
    }
}
