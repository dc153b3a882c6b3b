//! Knox tokens: random hex digits, a new one at every login, stored as SHA-512 as in django-rest-knox (R-KNX).
//! `store/sql/credentials.rs` applies the maximum per user when a login is committed.

use aws_lc_rs::digest;
use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};

use super::issue::IssueRequest;
use crate::clock::{Deps, UnixMillis};
use crate::model::KnoxRow;
use crate::settings::KnoxRules;

/// Leading characters of a token that are stored in clear, as in django-rest-knox (R-KNX-03).
const TOKEN_KEY_LEN: usize = 15;
/// The same in django-rest-knox 4.
const EARLY_TOKEN_KEY_LEN: usize = 8;
/// Maximum bytes of a token that is looked up.
const MAX_TOKEN_LEN: usize = 512;

/// Issues knox tokens and extends them.
pub struct Knox {
    rules: KnoxRules,
}

impl Knox {
    /// The rules of the REST_KNOX settings.
    pub fn new(rules: KnoxRules) -> Self {
        Self { rules }
    }

    /// Scheme of the `Authorization` header.
    pub fn header_prefix(&self) -> &str {
        &self.rules.auth_header_prefix
    }

    /// Maximum valid tokens of a user.
    pub fn limit(&self) -> Option<i64> {
        self.rules.limit_per_user
    }

    /// A new token and its row.
    pub fn issue(&self, issue: &IssueRequest<'_>, deps: &Deps) -> (String, KnoxRow) {
        let mut digits = String::with_capacity(self.rules.character_length + 64);
        while digits.len() < self.rules.character_length {
            digits.push_str(&deps.hex::<32>());
        }
        digits.truncate(self.rules.character_length);
        let token = format!("{}{digits}", self.rules.prefix);
        let row = KnoxRow {
            digest: digest_of(token.as_bytes()),
            token_key: token.chars().take(TOKEN_KEY_LEN).collect(),
            user_id: issue.user.id,
            created: issue.now,
            expires: self.rules.ttl.map(|ttl| issue.now.plus(ttl)),
            last_used: issue.now,
            client: issue.client.clone(),
        };
        (token, row)
    }

    /// The keys under which the row of a token may be, the usual one first. Empty: the text cannot be a token.
    pub fn lookup_keys(&self, token: &str) -> Vec<String> {
        if token.is_empty() || token.len() > MAX_TOKEN_LEN {
            return Vec::new();
        }
        let early = HEXLOWER_PERMISSIVE.decode(token.as_bytes()).ok().map(|bytes| digest_of(&bytes));
        std::iter::once(digest_of(token.as_bytes())).chain(early).collect()
    }

    /// Whether the row, which one of the keys found, is that of the token. knox 4 stored the digest of the bytes that the hex
    /// digits stand for, and the first 8 digits.
    pub fn is_row_of(&self, row: &KnoxRow, token: &str) -> bool {
        let is_early = row.token_key.len() == EARLY_TOKEN_KEY_LEN && token.starts_with(&row.token_key);
        is_early || row.digest == digest_of(token.as_bytes())
    }

    /// Whether a token has expired.
    pub fn is_expired(&self, row: &KnoxRow, now: UnixMillis) -> bool {
        row.expires.is_some_and(|expires| expires <= now)
    }

    /// The new expiry of a token in use with AUTO_REFRESH: at most once per MIN_REFRESH_INTERVAL, and at most
    /// AUTO_REFRESH_MAX_TTL after it was issued.
    pub fn extended_expiry(&self, row: &KnoxRow, now: UnixMillis) -> Option<UnixMillis> {
        let (ttl, expires) = (self.rules.ttl?, row.expires?);
        if !self.rules.auto_refresh {
            return None;
        }
        let wanted = now.plus(ttl);
        let new = self.rules.auto_refresh_max_ttl.map_or(wanted, |max| wanted.min(row.created.plus(max)));
        (new > expires.plus(self.rules.min_refresh_interval)).then_some(new)
    }
}

fn digest_of(token: &[u8]) -> String {
    HEXLOWER.encode(digest::digest(&digest::SHA512, token).as_ref())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::credential::jwt::tests::user;
    use crate::model::{ClientInfo, LoginKind, UserId};

    fn knox(auto_refresh: bool) -> Knox {
        Knox::new(KnoxRules {
            ttl: Some(Duration::from_secs(36_000)),
            character_length: 64,
            limit_per_user: None,
            prefix: "kx".into(),
            auto_refresh,
            auto_refresh_max_ttl: Some(Duration::from_secs(40_000)),
            min_refresh_interval: Duration::from_secs(60),
            auth_header_prefix: "Token".into(),
        })
    }

    #[test]
    fn r_knx_01_and_03_the_row_holds_the_sha512_and_fifteen_characters() {
        let (client, user, knox) = (ClientInfo::default(), user(), knox(false));
        let now = UnixMillis(0);
        let issue = IssueRequest::plain(LoginKind::Knox, &user, now, &client);
        let (token, row) = knox.issue(&issue, &Deps::system());
        assert_eq!((token.len(), row.digest.len()), (66, 128));
        assert_eq!(row.token_key, token[..15]);
        assert_eq!(knox.lookup_keys(&token), std::slice::from_ref(&row.digest), "the prefix is not hexadecimal");
        assert!(knox.is_row_of(&row, &token));
        assert_eq!(row.expires, Some(UnixMillis::from_seconds(36_000)));
        assert!(knox.is_expired(&row, UnixMillis::from_seconds(36_000)));
    }

    #[test]
    fn token_of_knox_4_is_found_by_the_digest_of_its_bytes() {
        let (knox, token) = (knox(false), "00ff".repeat(16));
        let [usual, early] = knox.lookup_keys(&token).try_into().expect("two keys");
        let row = |digest: &str, token_key: &str| KnoxRow {
            digest: digest.to_owned(),
            token_key: token_key.to_owned(),
            user_id: UserId(1),
            created: UnixMillis(0),
            expires: None,
            last_used: UnixMillis(0),
            client: ClientInfo::default(),
        };
        assert!(
            knox.is_row_of(&row(&early, &token[..8]), &token) && knox.is_row_of(&row(&usual, &token[..15]), &token)
        );
        // The hex digits of a token of knox 5 have the digest of that token.
        assert!(!knox.is_row_of(&row(&early, &token[..15]), &token));
        assert!(!knox.is_row_of(&row(&early, "11111111"), &token));
        assert_eq!((knox.lookup_keys("0ff").len(), knox.lookup_keys("").len()), (1, 0));
    }

    #[test]
    fn a_token_in_use_is_extended_up_to_its_maximum() {
        let row = KnoxRow {
            digest: String::new(),
            token_key: String::new(),
            user_id: UserId(1),
            created: UnixMillis(0),
            expires: Some(UnixMillis::from_seconds(36_000)),
            last_used: UnixMillis(0),
            client: ClientInfo::default(),
        };
        let at = |seconds| knox(true).extended_expiry(&row, UnixMillis::from_seconds(seconds));
        assert_eq!(at(30), None);
        assert_eq!(at(100), Some(UnixMillis::from_seconds(36_100)));
        assert_eq!(at(30_000), Some(UnixMillis::from_seconds(40_000)));
        assert_eq!(knox(false).extended_expiry(&row, UnixMillis::from_seconds(100)), None);
    }
}
