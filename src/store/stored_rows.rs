//! Rows as the databases return them, and their conversion to the types of `model/`. Both databases share them.

use serde_json::{Map, Value};
use sqlx::types::Json;

use super::accounts::StoredAccount;
use super::error::{Result, StoreError};
use super::from_row::from_row;
use crate::clock::UnixMillis;
use crate::model::{
    AccountId, AuditRecord, AuthorizationRequest, ClientInfo, CompletedAnswer, CredentialEntry, CredentialHandle,
    CredentialKind, DueEvent, EventRecord, EventState, FamilyState, KnoxRow, LinkRequest, NewestToken, OneTimeCode,
    ServerRedirect, Service, SessionRow, SigningKey, SigningKeyState, SocialAccount, StartedBy, StoredPendingLogin,
    TokenUse, UsedCode, User, UserId,
};
use crate::secrets::Digest;

/// A value that this server cannot have written. Always an error: a default could let a caller in.
fn undecodable(what: &str) -> StoreError {
    StoreError(format!("a row cannot be decoded: {what}").into())
}

/// Errors: the value is no digest.
fn digest(stored: &[u8]) -> Result<Digest> {
    Digest::from_stored(stored).ok_or_else(|| undecodable("a digest of another length"))
}

/// The columns of [`UserRow`]: of a table named `u`, or bare after `RETURNING`, where SQLite has no table names.
macro_rules! user_columns {
    () => {
        "u.id, u.username, u.first_name, u.last_name, u.email, u.email_verified, u.email_verified_by, u.is_active, u.created, \
         u.last_login, u.revoked_before, u.credential_generation, u.token_generation, u.link_generation, u.fields, u.edited"
    };
    (bare) => {
        "id, username, first_name, last_name, email, email_verified, email_verified_by, is_active, created, last_login, \
         revoked_before, credential_generation, token_generation, link_generation, fields, edited"
    };
}
pub(super) use user_columns;

from_row! {
    pub(super) struct UserRow {
        id: UserId,
        username: String,
        first_name: String,
        last_name: String,
        email: String,
        email_verified: bool,
        email_verified_by: String,
        is_active: bool,
        created: i64,
        last_login: Option<i64>,
        revoked_before: i64,
        credential_generation: i64,
        token_generation: i64,
        link_generation: i64,
        fields: Option<Json<Map<String, Value>>>,
        edited: Option<Json<Vec<String>>>,
    }
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
            email_verified_by: row.email_verified_by,
            is_active: row.is_active,
            created: UnixMillis(row.created),
            last_login: row.last_login.map(UnixMillis),
            revoked_before: row.revoked_before,
            credential_generation: row.credential_generation,
            token_generation: row.token_generation,
            link_generation: row.link_generation,
            fields: row.fields.map(|fields| fields.0).unwrap_or_default(),
            edited: row.edited.map(|edited| edited.0).unwrap_or_default(),
        }
    }
}

/// The columns of [`AccountRow`], of a table named `a`.
macro_rules! account_columns {
    () => {
        "a.id AS account_id, a.user_id, a.provider, a.uid, a.uid_scope, a.legacy_uid, a.extra_data, \
         a.created AS account_created, a.modified"
    };
}
pub(super) use account_columns;

from_row! {
    pub(super) struct StoredAccountRow {
        encrypted_tokens: Option<Vec<u8>>,
        ..account: AccountRow,
    }
}

impl StoredAccountRow {
    pub fn into_account(self) -> StoredAccount {
        StoredAccount { account: self.account.into(), encrypted_tokens: self.encrypted_tokens }
    }
}

from_row! {
    pub(super) struct AccountRow {
        account_id: AccountId,
        user_id: UserId,
        provider: String,
        uid: String,
        uid_scope: String,
        legacy_uid: bool,
        extra_data: Json<Value>,
        account_created: i64,
        modified: i64,
    }
}

impl From<AccountRow> for SocialAccount {
    fn from(row: AccountRow) -> Self {
        Self {
            id: row.account_id,
            user_id: row.user_id,
            provider: row.provider,
            uid: row.uid,
            uid_scope: row.uid_scope,
            legacy_uid: row.legacy_uid,
            extra_data: row.extra_data.0,
            created: UnixMillis(row.account_created),
            modified: UnixMillis(row.modified),
        }
    }
}

from_row! {
    pub(super) struct AccountUserRow {
        ..pub account: AccountRow,
        ..pub user: UserRow,
    }
}

from_row! {
    pub(super) struct SessionUserRow {
        s_created: i64,
        expires: i64,
        last_used: i64,
        ip: Option<String>,
        agent: Option<String>,
        ..user: UserRow,
    }
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
            client: client(self.ip, self.agent),
        };
        (session, user)
    }
}

from_row! {
    pub(super) struct KnoxUserRow {
        token_key: String,
        k_created: i64,
        expires: Option<i64>,
        last_used: i64,
        ip: Option<String>,
        agent: Option<String>,
        ..user: UserRow,
    }
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
            last_used: UnixMillis(self.last_used),
            client: client(self.ip, self.agent),
        };
        (knox, user)
    }
}

/// The columns of [`FamilyRow`]: of a token `t` and of the newest valid token `n` of its family.
macro_rules! family_columns {
    () => {
        "t.family, t.parent, t.blacklisted, t.family_created, t.signed_in, t.last_used, n.jti AS newest, \
         n.parent AS newest_parent"
    };
}
pub(super) use family_columns;

from_row! {
    /// NULL in each column where a join found no token.
    pub(super) struct FamilyRow {
        family: Option<String>,
        parent: Option<String>,
        blacklisted: Option<i64>,
        family_created: Option<i64>,
        signed_in: Option<i64>,
        last_used: Option<i64>,
        newest: Option<String>,
        newest_parent: Option<String>,
    }
}

impl FamilyRow {
    /// `None`: the token is not stored.
    pub fn into_state(self, jti: &str) -> Option<FamilyState> {
        let family_created = UnixMillis(self.family_created?);
        Some(FamilyState {
            jti: jti.to_owned(),
            parent: self.parent,
            is_valid: self.blacklisted.is_none(),
            family: self.family?,
            family_created,
            signed_in: self.signed_in.map(UnixMillis),
            last_used: self.last_used.map_or(family_created, UnixMillis),
            newest: self.newest.map(|jti| NewestToken { jti, parent: self.newest_parent }),
        })
    }
}

from_row! {
    pub(super) struct FamilyUserRow {
        ..family: FamilyRow,
        ..user: UserRow,
    }
}

impl FamilyUserRow {
    pub fn split(self, jti: &str) -> (User, Option<FamilyState>) {
        (self.user.into(), self.family.into_state(jti))
    }
}

from_row! {
    pub(super) struct AccessUserRow {
        revoked_family: Option<String>,
        ..user: UserRow,
    }
}

impl AccessUserRow {
    /// One row for each revoked family; at least one if the user exists.
    pub fn join(rows: Vec<Self>) -> Option<(User, Vec<String>)> {
        let mut rows = rows.into_iter();
        let first = rows.next()?;
        let families = first.revoked_family.into_iter().chain(rows.filter_map(|row| row.revoked_family));
        Some((first.user.into(), families.collect()))
    }
}

from_row! {
    pub(super) struct AuthorizationRequestRow {
        provider: String,
        redirect_uri: String,
        browser: Vec<u8>,
        /// NULL: [`StartedBy::OAuth1Login`].
        flow: Option<Vec<u8>>,
        code_challenge: Option<String>,
        encrypted_secret: Option<Vec<u8>>,
        user_id: Option<UserId>,
        link_generation: i64,
        needs_fresh_login: bool,
        address: Option<Json<Value>>,
        server_redirect: Option<Json<ServerRedirect>>,
        encrypted_options: Option<Vec<u8>>,
        created: i64,
        expires: i64,
        claimed: Option<i64>,
    }
}

impl AuthorizationRequestRow {
    pub fn with_key(self, key: &Digest) -> Result<AuthorizationRequest> {
        Ok(AuthorizationRequest {
            key: key.clone(),
            provider: self.provider,
            redirect_uri: self.redirect_uri,
            browser: digest(&self.browser)?,
            started_by: match self.flow.as_deref() {
                Some(flow_token) => StartedBy::Begin { flow_token: digest(flow_token)? },
                None => StartedBy::OAuth1Login,
            },
            code_challenge: self.code_challenge,
            encrypted_secret: self.encrypted_secret,
            link_request: self.user_id.map(|user| LinkRequest {
                user,
                generation: self.link_generation,
                needs_fresh_login: self.needs_fresh_login,
            }),
            address: self.address.map(|address| address.0),
            server_redirect: self.server_redirect.map(|server_redirect| server_redirect.0),
            encrypted_options: self.encrypted_options,
            created: UnixMillis(self.created),
            expires: UnixMillis(self.expires),
            claimed: self.claimed.map(UnixMillis),
        })
    }
}

from_row! {
    pub(super) struct UsedCodeRow {
        binding: Option<Vec<u8>>,
        claimed: i64,
        encrypted_answer: Option<Vec<u8>>,
    }
}

impl TryFrom<UsedCodeRow> for UsedCode {
    type Error = StoreError;

    fn try_from(row: UsedCodeRow) -> Result<Self> {
        Ok(Self {
            binding: row.binding.as_deref().map(digest).transpose()?,
            claimed: UnixMillis(row.claimed),
            answer: row.encrypted_answer,
        })
    }
}

from_row! {
    pub(super) struct OneTimeCodeRow {
        code_challenge: Option<String>,
        encrypted_answer: Vec<u8>,
        expires: i64,
    }
}

impl OneTimeCodeRow {
    pub fn with_code(self, code: &Digest) -> OneTimeCode {
        OneTimeCode {
            code: code.clone(),
            code_challenge: self.code_challenge,
            answer: self.encrypted_answer,
            expires: UnixMillis(self.expires),
        }
    }
}

from_row! {
    pub(super) struct TokenUserRow {
        t_created: i64,
        last_used: i64,
        ..user: UserRow,
    }
}

impl TokenUserRow {
    pub fn split(self) -> (TokenUse, User) {
        let token = TokenUse { created: UnixMillis(self.t_created), last_used: UnixMillis(self.last_used) };
        (token, self.user.into())
    }
}

from_row! {
    /// A row of any of the four tables of credentials. Its key is in `digest` or in `name`.
    pub(super) struct CredentialEntryRow {
        kind: String,
        digest: Option<Vec<u8>>,
        name: Option<String>,
        created: i64,
        signed_in: Option<i64>,
        last_used: i64,
        expires: Option<i64>,
        ip: Option<String>,
        agent: Option<String>,
    }
}

impl CredentialEntryRow {
    pub fn into_entry(self) -> Result<CredentialEntry> {
        let missing = || undecodable("a credential without a key");
        let key = self.digest.as_deref().map(digest).transpose()?.ok_or_else(missing);
        let name = self.name.ok_or_else(missing);
        let unknown = |_| undecodable(&format!("the kind {:?} of a credential", self.kind));
        let kind = self.kind.parse::<CredentialKind>().map_err(unknown)?;
        let handle = match kind {
            CredentialKind::Session => CredentialHandle::Session(key?),
            CredentialKind::Token => CredentialHandle::Token(key?),
            CredentialKind::Knox => CredentialHandle::Knox(name?),
            CredentialKind::JwtPair | CredentialKind::JwtSliding => CredentialHandle::Family(name?),
        };
        Ok(CredentialEntry {
            kind,
            created: UnixMillis(self.created),
            signed_in: self.signed_in.map(UnixMillis),
            last_used: UnixMillis(self.last_used),
            expires: self.expires.map(UnixMillis),
            client: client(self.ip, self.agent),
            handle,
        })
    }
}

from_row! {
    pub(super) struct PendingLoginRow {
        browser: Option<Vec<u8>>,
        encrypted_login: Vec<u8>,
        user_id: Option<UserId>,
        expires: i64,
        completed: Option<i64>,
        encrypted_answer: Option<Vec<u8>>,
    }
}

impl PendingLoginRow {
    pub fn with_token(self, token: &Digest) -> Result<StoredPendingLogin> {
        let completed = match (self.completed, self.encrypted_answer) {
            (None, None) => None,
            (Some(at), Some(answer)) => Some(CompletedAnswer { at: UnixMillis(at), answer }),
            _ => return Err(undecodable("a pending login with one of completed and encrypted_answer")),
        };
        Ok(StoredPendingLogin {
            token: token.clone(),
            browser: self.browser.as_deref().map(digest).transpose()?,
            encrypted: self.encrypted_login,
            link_to: self.user_id,
            expires: UnixMillis(self.expires),
            completed,
        })
    }
}

from_row! {
    pub(super) struct AuditRow {
        at: i64,
        event: String,
        code: Option<String>,
        provider: Option<String>,
        kind: Option<String>,
        user_id: Option<UserId>,
        service: Option<String>,
        ip: Option<String>,
        agent: Option<String>,
        request_id: Option<String>,
    }
}

impl From<AuditRow> for AuditRecord {
    fn from(row: AuditRow) -> Self {
        Self {
            at: UnixMillis(row.at).rfc3339(),
            event: row.event,
            code: row.code,
            provider: row.provider,
            kind: row.kind,
            user_id: row.user_id,
            service: row.service,
            ip: row.ip,
            agent: row.agent,
            request_id: row.request_id,
        }
    }
}

from_row! {
    pub(super) struct ServiceRow {
        client_id: String,
        name: String,
        secret: Vec<u8>,
        created: i64,
        last_used: Option<i64>,
    }
}

impl ServiceRow {
    pub fn into_service(self) -> Result<Service> {
        Ok(Service {
            name: self.name.parse().map_err(|_| undecodable("the name of a service"))?,
            client_id: self.client_id,
            secret: digest(&self.secret)?,
            created: UnixMillis(self.created),
            last_used: self.last_used.map(UnixMillis),
        })
    }
}

from_row! {
    pub(super) struct DueEventRow {
        id: String,
        body: String,
        attempts: i64,
    }
}

impl From<DueEventRow> for DueEvent {
    fn from(row: DueEventRow) -> Self {
        Self { id: row.id, body: row.body, attempts: row.attempts }
    }
}

from_row! {
    pub(super) struct EventRow {
        id: String,
        kind: String,
        user_id: UserId,
        body: String,
        created: i64,
        attempts: i64,
        due: Option<i64>,
        delivered: Option<i64>,
        error: Option<String>,
    }
}

impl From<EventRow> for EventRecord {
    fn from(row: EventRow) -> Self {
        let moment = |at: Option<i64>| at.map(|at| UnixMillis(at).rfc3339());
        let state = match (row.due, row.delivered) {
            (Some(_), _) => EventState::Pending,
            (None, Some(_)) => EventState::Delivered,
            (None, None) => EventState::Dead,
        };
        Self {
            id: row.id,
            kind: row.kind,
            user_id: row.user_id,
            state,
            attempts: row.attempts,
            created: UnixMillis(row.created).rfc3339(),
            next_attempt: moment(row.due),
            delivered: moment(row.delivered),
            error: row.error,
            body: row.body,
        }
    }
}

from_row! {
    pub(super) struct SigningKeyRow {
        kid: String,
        algorithm: String,
        public_jwk: String,
        encrypted_private_key: Option<Vec<u8>>,
        state: String,
        created: i64,
        signs_from: Option<i64>,
        retired: Option<i64>,
        expires: Option<i64>,
    }
}

impl TryFrom<SigningKeyRow> for SigningKey {
    type Error = StoreError;

    fn try_from(row: SigningKeyRow) -> Result<Self> {
        Ok(Self {
            kid: row.kid,
            algorithm: row.algorithm,
            public_jwk: row.public_jwk,
            encrypted_private_key: row.encrypted_private_key,
            // One row must not keep the others from being read.
            state: row.state.parse().unwrap_or(SigningKeyState::Unknown),
            created: UnixMillis(row.created),
            signs_from: row.signs_from.map(UnixMillis),
            retired: row.retired.map(UnixMillis),
            expires: row.expires.map(UnixMillis),
        })
    }
}

fn client(ip: Option<String>, agent: Option<String>) -> ClientInfo {
    ClientInfo { ip, agent, request_id: None }
}
