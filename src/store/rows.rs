//! Rows as the databases give them, and what they become above: nobody outside `store/` sees one.

use serde_json::Value;
use sqlx::FromRow;
use sqlx::types::Json;

use crate::clock::UnixMillis;
use crate::model::{
    Attempt, ClientInfo, KnoxRow, Landing, RefreshUse, SessionRow, SocialAccount, Swap, UsedCode, User,
};
use crate::secrets::Digest;

/// The columns of [`UserRow`], of a table called `u`.
macro_rules! user_columns {
    () => {
        "u.id, u.username, u.first_name, u.last_name, u.email, u.email_verified, u.is_active, u.created, \
         u.last_login, u.revoked_before, u.token_generation"
    };
}
pub(super) use user_columns;

#[derive(FromRow)]
pub(super) struct UserRow {
    id: i64,
    username: String,
    first_name: String,
    last_name: String,
    email: String,
    email_verified: bool,
    is_active: bool,
    created: i64,
    last_login: Option<i64>,
    revoked_before: i64,
    token_generation: i64,
}

impl From<UserRow> for User {
    fn from(row: UserRow) -> Self {
        Self {
            id: row.id,
            username: row.username,
            first_name: row.first_name,
            last_name: row.last_name,
            email: row.email,
            email_verified: row.email_verified,
            is_active: row.is_active,
            created: UnixMillis(row.created),
            last_login: row.last_login.map(UnixMillis),
            revoked_before: row.revoked_before,
            token_generation: row.token_generation,
        }
    }
}

#[derive(FromRow)]
pub(super) struct AccountRow {
    account_id: i64,
    user_id: i64,
    provider: String,
    uid: String,
    extra_data: Json<Value>,
    account_created: i64,
    modified: i64,
}

impl From<AccountRow> for SocialAccount {
    fn from(row: AccountRow) -> Self {
        Self {
            id: row.account_id,
            user_id: row.user_id,
            provider: row.provider,
            uid: row.uid,
            extra_data: row.extra_data.0,
            created: UnixMillis(row.account_created),
            modified: UnixMillis(row.modified),
        }
    }
}

#[derive(FromRow)]
pub(super) struct AccountUserRow {
    #[sqlx(flatten)]
    pub account: AccountRow,
    #[sqlx(flatten)]
    pub user: UserRow,
}

#[derive(FromRow)]
pub(super) struct SessionUserRow {
    s_created: i64,
    expires: i64,
    last_used: i64,
    ip: Option<String>,
    agent: Option<String>,
    #[sqlx(flatten)]
    user: UserRow,
}

impl SessionUserRow {
    pub fn split(self, digest: &Digest) -> (SessionRow, User) {
        let user = User::from(self.user);
        let session = SessionRow {
            digest: digest.clone(),
            user_id: user.id,
            created: UnixMillis(self.s_created),
            expires: UnixMillis(self.expires),
            last_used: UnixMillis(self.last_used),
            client: ClientInfo { ip: self.ip, agent: self.agent },
        };
        (session, user)
    }
}

#[derive(FromRow)]
pub(super) struct KnoxUserRow {
    token_key: String,
    k_created: i64,
    expires: Option<i64>,
    ip: Option<String>,
    agent: Option<String>,
    #[sqlx(flatten)]
    user: UserRow,
}

impl KnoxUserRow {
    pub fn split(self, digest: &str) -> (KnoxRow, User) {
        let user = User::from(self.user);
        let knox = KnoxRow {
            digest: digest.to_owned(),
            token_key: self.token_key,
            user_id: user.id,
            created: UnixMillis(self.k_created),
            expires: self.expires.map(UnixMillis),
            client: ClientInfo { ip: self.ip, agent: self.agent },
        };
        (knox, user)
    }
}

#[derive(FromRow)]
pub(super) struct RefreshUseRow {
    family: Option<String>,
    blacklisted: Option<i64>,
    successor: Option<String>,
    #[sqlx(flatten)]
    user: UserRow,
}

impl RefreshUseRow {
    pub fn split(self) -> (Option<User>, RefreshUse) {
        let used =
            RefreshUse { family: self.family, blacklisted: self.blacklisted.is_some(), successor: self.successor };
        (Some(self.user.into()), used)
    }
}

#[derive(FromRow)]
pub(super) struct AttemptRow {
    provider: String,
    redirect_uri: String,
    browser: Option<Vec<u8>>,
    flow: Option<Vec<u8>>,
    classic: bool,
    code_challenge: Option<String>,
    sealed_secret: Option<Vec<u8>>,
    user_id: Option<i64>,
    address: Option<Json<Value>>,
    landing: Option<Json<Landing>>,
    created: i64,
    expires: i64,
    claimed: Option<i64>,
}

impl AttemptRow {
    pub fn with_key(self, key: &Digest) -> Attempt {
        Attempt {
            key: key.clone(),
            provider: self.provider,
            redirect_uri: self.redirect_uri,
            browser: self.browser.as_deref().and_then(Digest::from_stored),
            flow: self.flow.as_deref().and_then(Digest::from_stored),
            classic: self.classic,
            code_challenge: self.code_challenge,
            sealed_secret: self.sealed_secret,
            user_id: self.user_id,
            address: self.address.map(|address| address.0),
            landing: self.landing.map(|landing| landing.0),
            created: UnixMillis(self.created),
            expires: UnixMillis(self.expires),
            claimed: self.claimed.map(UnixMillis),
        }
    }
}

#[derive(FromRow)]
pub(super) struct UsedCodeRow {
    binding: Option<Vec<u8>>,
    claimed: i64,
    answer: Option<Vec<u8>>,
}

impl From<UsedCodeRow> for UsedCode {
    fn from(row: UsedCodeRow) -> Self {
        Self {
            binding: row.binding.as_deref().and_then(Digest::from_stored),
            claimed: UnixMillis(row.claimed),
            answer: row.answer,
        }
    }
}

#[derive(FromRow)]
pub(super) struct SwapRow {
    code_challenge: Option<String>,
    answer: Vec<u8>,
    expires: i64,
}

impl SwapRow {
    pub fn with_code(self, code: &Digest) -> Swap {
        Swap {
            code: code.clone(),
            code_challenge: self.code_challenge,
            answer: self.answer,
            expires: UnixMillis(self.expires),
        }
    }
}
