//! A row of Django becomes a row of ours, or there is a reason why not.

use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::django_session::{self, Fault, SignedIn};
use super::report::Reason;
use crate::clock::UnixMillis;
use crate::model::{
    AccountUid, ClientInfo, CredentialKind, EmailAddress, KnoxRow, ProviderTokens, RefreshRow, SessionRow,
    SocialAccount, TokenRow, UidError, User, UserFieldType, UserFields, UserId, strip_nul_characters,
    without_provider_tokens,
};
use crate::secrets::{Digest, SecretString};
use crate::settings::JwtRules;
use crate::store::django;

/// No place is further ahead of UTC, nor further behind it.
const MAX_TIME_ZONE_OFFSET_MS: i64 = 14 * 3_600_000;
const LONGEST_USERNAME: usize = 150;
/// Characters of a permanent token, and of the digest of a knox token.
const TOKEN_LENGTH: usize = 40;
const KNOX_DIGEST_LENGTH: usize = 128;
/// A JWT with a longer id is refused.
const LONGEST_JTI: usize = 64;

type Carried = HashSet<UserId>;

/// What the columns of the project's own become.
#[derive(Debug, Default, PartialEq)]
pub struct Declared {
    /// By field, of its type.
    pub kept: Map<String, Value>,
    /// Fields whose column holds what is not of their type.
    pub misfits: Vec<String>,
}

/// `columns` is a JSON object; null and the empty text are no value.
pub fn declared(columns: &str, fields: &UserFields) -> Declared {
    let mut declared = Declared::default();
    let columns: Map<String, Value> = serde_json::from_str(columns).unwrap_or_default();
    for field in fields.iter() {
        let value = match columns.get(&field.name) {
            None | Some(Value::Null) => continue,
            Some(Value::String(text)) if text.is_empty() => continue,
            // SQLite has no other booleans.
            Some(Value::Number(number)) if field.kind == UserFieldType::Boolean && number.as_u64() <= Some(1) => {
                Value::from(number.as_u64() == Some(1))
            }
            Some(value) => value.clone(),
        };
        match field.kind.parse(&value) {
            Ok(value) => drop(declared.kept.insert(field.name.clone(), value)),
            Err(_) => declared.misfits.push(field.name.clone()),
        }
    }
    declared
}

/// Whether the row has a text for an address that is none. The user is imported without it.
pub fn has_invalid_email(row: &django::User) -> bool {
    !row.email.is_empty() && EmailAddress::parse(&row.email).is_none()
}

pub fn user(row: &django::User, fields: Map<String, Value>, now: UnixMillis) -> Result<User, Reason> {
    if row.username.is_empty() {
        return Err(Reason::NoUsername);
    }
    if row.username.chars().count() > LONGEST_USERNAME {
        return Err(Reason::UsernameTooLong);
    }
    if [&row.username, &row.first_name, &row.last_name].iter().any(|text| text.contains('\0')) {
        return Err(Reason::NulCharacter);
    }
    Ok(User {
        id: row.id,
        username: row.username.clone(),
        first_name: row.first_name.clone(),
        last_name: row.last_name.clone(),
        email: EmailAddress::parse(&row.email).map(|address| address.to_string()).unwrap_or_default(),
        // Django does not know whether a provider vouched for it (SEC-23 needs to).
        email_verified: false,
        is_active: row.is_active,
        created: row.joined.map_or(now, UnixMillis),
        last_login: row.last_login.map(UnixMillis),
        revoked_before: 0,
        // Tokens that Django issued are older than the import, and may seem older than the user: without USE_TZ the time of
        // joining is local time.
        credential_generation: row.joined.map_or(0, |joined| joined.saturating_sub(MAX_TIME_ZONE_OFFSET_MS)),
        token_generation: 0,
        link_generation: 0,
        fields,
        edited: Vec::new(),
    })
}

pub fn check_link(row: &django::Link, carried: &Carried) -> Result<(), Reason> {
    if let Err(error) = AccountUid::parse(&row.uid) {
        Err(match error {
            UidError::Blank => Reason::NoUid,
            // R-PIPE-02: what the original stores for every profile without an id.
            UidError::MissingValue => Reason::SharedUid,
            UidError::TooLong => Reason::UidTooLong,
            UidError::NullCharacter => Reason::NulCharacter,
            UidError::ReplacementCharacter => Reason::UnreadableUid,
        })
    } else if row.provider.contains('\0') {
        Err(Reason::NulCharacter)
    } else if !carried.contains(&row.user_id) {
        Err(Reason::UserLeftOut)
    } else {
        Ok(())
    }
}

/// Without what authenticates; see [`extra_data`].
pub fn account(row: django::Link, extra_data: Map<String, Value>, legacy_uid: bool, now: UnixMillis) -> SocialAccount {
    let created = row.created.or(row.modified).map_or(now, UnixMillis);
    SocialAccount {
        id: row.id,
        user_id: row.user_id,
        provider: row.provider,
        uid: row.uid,
        // Django stores no more than the uid: the next login says within what it is unique.
        uid_scope: String::new(),
        legacy_uid,
        extra_data: Value::Object(extra_data),
        created,
        modified: row.modified.map_or(created, UnixMillis),
    }
}

/// A link's extra data, taken apart.
#[derive(Debug, Default)]
pub struct ExtraData {
    /// What is shown and kept in clear.
    pub kept: Map<String, Value>,
    /// What acts for the person at the provider.
    pub tokens: Option<ProviderTokens>,
    /// Something was in it that authenticates.
    pub had_secrets: bool,
    /// It is no JSON object.
    pub is_unreadable: bool,
}

pub fn extra_data(text: &str) -> ExtraData {
    let mut value = serde_json::from_str(text).unwrap_or(Value::Null);
    // Releases that kept JSON as text left it encoded twice when the column became JSON.
    if let Value::String(inner) = &value {
        value = serde_json::from_str(inner).unwrap_or(Value::Null);
    }
    let Value::Object(all) = value else { return ExtraData { is_unreadable: true, ..ExtraData::default() } };
    let mut kept = without_provider_tokens(&all);
    let had_secrets = kept != all;
    kept.retain(|name, _| !name.contains('\0'));
    kept.values_mut().for_each(strip_nul_characters);
    ExtraData { kept, tokens: provider_tokens(&all), had_secrets, is_unreadable: false }
}

/// R-EXT-01 to 03: a text, or with OAuth 1.0a an object of token and secret.
fn provider_tokens(all: &Map<String, Value>) -> Option<ProviderTokens> {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned);
    let seconds = |name: &str| match all.get(name) {
        Some(Value::String(text)) => text.parse().ok(),
        Some(value) => value.as_i64(),
        None => None,
    };
    let access_token = all.get("access_token");
    let of_pair = |name: &str| text(access_token.and_then(|pair| pair.get(name)));
    Some(ProviderTokens {
        access_token: text(access_token).or_else(|| of_pair("oauth_token"))?.into(),
        refresh_token: text(all.get("refresh_token")).map(SecretString::from),
        secret: of_pair("oauth_token_secret").map(SecretString::from),
        token_type: text(all.get("token_type")),
        expires: seconds("auth_time")
            .zip(seconds("expires_in"))
            .map(|(began, lives): (i64, i64)| UnixMillis::from_seconds(began.saturating_add(lives))),
        identity: Map::new(),
        callback: Map::new(),
    })
}

pub fn token(row: &django::Token, carried: &Carried, now: UnixMillis) -> Result<TokenRow, Reason> {
    if row.key.len() != TOKEN_LENGTH {
        return Err(Reason::NotAToken);
    }
    if !carried.contains(&row.user_id) {
        return Err(Reason::UserLeftOut);
    }
    Ok(TokenRow {
        digest: Digest::of(row.key.as_bytes()),
        user_id: row.user_id,
        created: row.created.map_or(now, UnixMillis),
        client: ClientInfo::default(),
    })
}

pub fn check_knox(row: &django::Knox, carried: &Carried, now: UnixMillis) -> Result<(), Reason> {
    if !row.salt.is_empty() {
        Err(Reason::Salted)
    } else if row.digest.len() != KNOX_DIGEST_LENGTH || !row.digest.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        Err(Reason::NotAToken)
    } else if row.token_key.contains('\0') {
        Err(Reason::NulCharacter)
    } else if row.expiry.is_some_and(|expiry| expiry <= now.0) {
        Err(Reason::Expired)
    } else if !carried.contains(&row.user_id) {
        Err(Reason::UserLeftOut)
    } else {
        Ok(())
    }
}

pub fn knox(row: django::Knox, now: UnixMillis) -> KnoxRow {
    let created = row.created.map_or(now, UnixMillis);
    KnoxRow {
        digest: row.digest,
        token_key: row.token_key,
        user_id: row.user_id,
        created,
        expires: row.expiry.map(UnixMillis),
        last_used: created,
        client: ClientInfo::default(),
    }
}

/// The row, and when it was blacklisted.
pub fn refresh(
    row: &django::Outstanding,
    carried: &Carried,
    rules: &JwtRules,
    now: UnixMillis,
) -> Result<(RefreshRow, Option<UnixMillis>), Reason> {
    let user_id = row.user_id.ok_or(Reason::UserGone)?;
    if row.jti.is_empty() || row.jti.len() > LONGEST_JTI {
        return Err(Reason::NotAToken);
    }
    if row.jti.contains('\0') {
        return Err(Reason::NulCharacter);
    }
    let claims = claims(&row.token);
    let claim = |name: &str| claims.get(name);
    let is_sliding = claim(&rules.token_type_claim).and_then(Value::as_str) == Some("sliding");
    // The table says when a sliding token must be renewed; it lives on until `refresh_exp`.
    let last = claim(&rules.sliding_refresh_exp_claim).and_then(Value::as_i64).filter(|_| is_sliding);
    let expires = last.map(UnixMillis::from_seconds).or(row.expires.map(UnixMillis)).unwrap_or(now);
    if expires <= now {
        return Err(Reason::Expired);
    }
    if !carried.contains(&user_id) {
        return Err(Reason::UserLeftOut);
    }
    let token = RefreshRow {
        jti: row.jti.clone(),
        family: row.jti.clone(),
        kind: if is_sliding { CredentialKind::JwtSliding } else { CredentialKind::JwtPair },
        user_id,
        created: row.created.map_or(now, UnixMillis),
        signed_in: None,
        expires,
        client: ClientInfo::default(),
    };
    Ok((token, row.blacklisted.map(UnixMillis)))
}

/// The claims of a token, unverified: the row is Django's own.
fn claims(token: &str) -> Map<String, Value> {
    let payload = token.split('.').nth(1).unwrap_or_default();
    let bytes = URL_SAFE_NO_PAD.decode(payload).unwrap_or_default();
    serde_json::from_slice(&bytes).unwrap_or_default()
}

pub fn open_session(row: &django::Session, keys: &[SecretString], now: UnixMillis) -> Result<SignedIn, Reason> {
    if row.expires.is_none_or(|expires| expires <= now.0) {
        return Err(Reason::Expired);
    }
    django_session::open(&row.session_data, keys).map_err(|fault| match fault {
        Fault::Unreadable => Reason::OtherKey,
        Fault::NotJson => Reason::NotJson,
        Fault::Anonymous => Reason::NobodySignedIn,
    })
}

pub fn session(row: &django::Session, signed_in: &SignedIn, user_id: UserId, now: UnixMillis) -> SessionRow {
    SessionRow {
        digest: Digest::of(row.session_key.as_bytes()),
        user_id,
        created: signed_in.saved,
        expires: row.expires.map_or(now, UnixMillis),
        // Django does not keep when a session was last used: its idle time begins with the move.
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
    fn r_pipe_02_an_account_that_strangers_share_is_left_out() {
        let carried = Carried::from([UserId(1)]);
        assert_eq!(check_link(&link("None", 1), &carried), Err(Reason::SharedUid));
        assert_eq!(check_link(&link("", 1), &carried), Err(Reason::NoUid));
        assert_eq!(check_link(&link("5", 2), &carried), Err(Reason::UserLeftOut));
        assert_eq!(check_link(&link("5", 1), &carried), Ok(()));
    }

    #[test]
    fn extra_data_loses_provider_tokens_and_nothing_else() {
        let parts = extra_data(r#"{"auth_time": 1, "access_token": "a", "token_type": "bearer", "id": 3}"#);
        assert_eq!(Value::Object(parts.kept), json!({"auth_time": 1, "token_type": "bearer", "id": 3}));
        assert!(parts.had_secrets && parts.tokens.is_some());
        assert_eq!(extra_data(r#""{\"id\": 3}""#).kept["id"], json!(3), "encoded twice");
        assert!(extra_data("null").is_unreadable);
        assert_eq!(extra_data(r#"{"plan": "a\u0000b"}"#).kept["plan"], json!("ab"));
    }

    #[test]
    fn provider_tokens_are_read_as_each_protocol_keeps_them() {
        let tokens =
            extra_data(r#"{"auth_time": 10, "access_token": "a", "refresh_token": "r", "expires_in": "60"}"#).tokens;
        let tokens = tokens.expect("tokens");
        assert_eq!(tokens.access_token.expose_secret(), "a");
        assert_eq!(tokens.refresh_token.expect("one").expose_secret(), "r");
        assert_eq!(tokens.expires.map(UnixMillis::seconds), Some(70));
        let pair = extra_data(r#"{"access_token": {"oauth_token": "t", "oauth_token_secret": "s"}}"#).tokens;
        let pair = pair.expect("a pair");
        assert_eq!((pair.access_token.expose_secret(), pair.expires), ("t", None));
        assert_eq!(pair.secret.expect("one").expose_secret(), "s");
        assert!(extra_data(r#"{"access_token": null, "id": 1}"#).tokens.is_none());
    }

    #[test]
    fn a_sliding_token_counts_until_its_refresh_exp() {
        let claims = URL_SAFE_NO_PAD.encode(r#"{"token_type":"sliding","refresh_exp":1000}"#);
        let row = django::Outstanding {
            id: 1,
            user_id: Some(UserId(1)),
            jti: "a".repeat(32),
            token: format!("h.{claims}.s"),
            created: Some(0),
            expires: Some(5_000),
            blacklisted: None,
        };
        let at = |seconds| {
            refresh(&row, &Carried::from([UserId(1)]), &JwtRules::default(), UnixMillis::from_seconds(seconds))
                .map(|(token, _)| (token.kind, token.expires.seconds()))
        };
        assert_eq!(at(10), Ok((CredentialKind::JwtSliding, 1000)));
        assert_eq!(at(1000), Err(Reason::Expired));
    }

    #[test]
    fn a_salted_or_foreign_knox_digest_is_left_out() {
        let row = |digest: &str, salt: &str| django::Knox {
            digest: digest.into(),
            token_key: "k".into(),
            user_id: UserId(1),
            created: None,
            expiry: None,
            salt: salt.into(),
        };
        let check = |row| check_knox(&row, &Carried::from([UserId(1)]), UnixMillis(0));
        assert_eq!(check(row(&"0".repeat(128), "")), Ok(()));
        assert_eq!(check(row(&"0".repeat(128), "s")), Err(Reason::Salted));
        assert_eq!(check(row(&"0".repeat(64), "")), Err(Reason::NotAToken));
    }
}
