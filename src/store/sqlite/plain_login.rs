//! The usual login: it issues a JWT to a known user and changes nothing of it. Its statements are one command for the thread of
//! the connection, which is woken once instead of four or five times.

use sqlx::types::Json;

use super::Tx;
use super::connections::Store;
use crate::model::{NewCredential, RefreshRow, ServiceName};
use crate::store::error::Result;
use crate::store::login_commit::{ConsumedCredential, KnownLogin, LoginTarget};

macro_rules! insert_token {
    () => {
        "INSERT INTO refresh_tokens
           (user_id, jti, family, parent, kind, created, family_created, expires, last_used, ip, agent, signed_in)
         SELECT $1, $5, $6, $7, $8, $9, $10, $11, $9, $12, $13, $14 WHERE "
    };
}

macro_rules! is_user_unchanged {
    () => {
        "u.id = $1 AND u.is_active AND u.credential_generation = $3 AND u.token_generation = $4"
    };
}

/// `changes()` is the number of rows that the statement before it wrote: each statement runs only after the one before it did.
macro_rules! after_token {
    () => {
        ";
         INSERT INTO audit_events (at, event, code, provider, kind, user_id, service, ip, agent, request_id)
         SELECT $15, $16, $17, $18, $8, $19, $20, $21, $22, $23 WHERE changes() = 1;
         UPDATE used_codes SET encrypted_answer = $24 WHERE code = $25 AND changes() = 1"
    };
}

/// A login that leaves its account as it is.
const UNCHANGED_ACCOUNT: &str = concat!(
    insert_token!(),
    "EXISTS (SELECT 1 FROM social_accounts a JOIN users u ON u.id = a.user_id WHERE a.id = $2 AND ",
    is_user_unchanged!(),
    ")",
    after_token!()
);

/// As `Store::update_account` for an account that keeps its key.
const CHANGED_ACCOUNT: &str = concat!(
    "UPDATE social_accounts SET extra_data = $26, encrypted_tokens = coalesce($27, encrypted_tokens),
       modified = CASE WHEN extra_data = $26 THEN modified WHEN modified < $28 THEN $28 ELSE modified + 1 END
     WHERE id = $2 AND user_id = $1 AND (extra_data = $26 OR modified = $29)
       AND EXISTS (SELECT 1 FROM users u WHERE ",
    is_user_unchanged!(),
    ");",
    insert_token!(),
    "changes() = 1",
    after_token!()
);

impl Store {
    /// Writes the login if it is such a one; otherwise [`Store::write_known`] does. False: the account or its user changed after
    /// it was read; nothing was written.
    pub(super) async fn write_login(tx: &mut Tx, known: &KnownLogin) -> Result<bool> {
        match (&known.login.target, &known.issued.credential) {
            (LoginTarget::Known { is_rekeyed: false, .. }, NewCredential::Refresh(row)) if is_plain(known, row) => {
                Self::write_plain(tx, known, row).await
            }
            _ => Self::write_known(tx, known).await,
        }
    }

    async fn write_plain(tx: &mut Tx, known: &KnownLogin, row: &RefreshRow) -> Result<bool> {
        let LoginTarget::Known { account_id, account_modified, .. } = known.login.target else { return Ok(false) };
        let (user, audit) = (&known.user, &known.login.audit);
        let code = match &known.login.consumes {
            Some(ConsumedCredential::Code(code)) => Some(code.as_bytes()),
            _ => None,
        };
        let is_changed = known.changes_account();
        let mut statements = sqlx::query(if is_changed { CHANGED_ACCOUNT } else { UNCHANGED_ACCOUNT })
            .bind(user.id)
            .bind(account_id)
            .bind(user.credential_generation)
            .bind(user.token_generation)
            .bind(&row.jti)
            .bind(&row.family)
            .bind(&row.parent)
            .bind(row.kind.to_string())
            .bind(row.created.0)
            .bind(row.family_created.0)
            .bind(row.expires.0)
            .bind(&row.client.ip)
            .bind(&row.client.agent)
            .bind(row.signed_in.map(|at| at.0))
            .bind(audit.at.0)
            .bind(audit.event.to_string())
            .bind(audit.code.as_deref())
            .bind(&audit.provider)
            .bind(audit.user_id)
            .bind(audit.service.as_ref().map(ServiceName::as_str))
            .bind(&audit.client.ip)
            .bind(&audit.client.agent)
            .bind(&audit.client.request_id)
            .bind(&known.issued.answer)
            .bind(code);
        if is_changed {
            statements = statements
                .bind(Json(&known.login.extra_data))
                .bind(&known.login.tokens)
                .bind(known.login.now.0)
                .bind(account_modified.0);
        }
        Ok(statements.execute(&mut **tx).await?.rows_affected() > 0)
    }
}

/// Whether the login writes nothing but its account, its credential, its audit event and its answer.
fn is_plain(known: &KnownLogin, row: &RefreshRow) -> bool {
    let KnownLogin { login, is_user_changed, event, .. } = known;
    let changes_user = *is_user_changed || login.set_last_login || login.revoked_session.is_some();
    !changes_user && event.is_none() && login.audit.kind == Some(row.kind)
}
