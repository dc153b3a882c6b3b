//! The usual login: it issues a JWT to a known user and changes nothing else. Its three statements are one command for the thread
//! of the connection, which is woken once instead of four times.

use super::Tx;
use super::connections::Store;
use crate::model::{NewCredential, RefreshRow, ServiceName};
use crate::store::error::Result;
use crate::store::types::{ConsumedCredential, KnownLogin, LoginTarget};

/// `changes()` is the number of rows that the statement before it wrote: each statement runs only after the one before it did.
const STATEMENTS: &str = "
    INSERT INTO refresh_tokens
      (user_id, jti, family, parent, kind, created, family_created, expires, last_used, ip, agent, signed_in)
    SELECT $1, $5, $6, $7, $8, $9, $10, $11, $9, $12, $13, $14
    WHERE EXISTS (SELECT 1 FROM social_accounts a JOIN users u ON u.id = a.user_id
                  WHERE a.id = $2 AND a.user_id = $1 AND u.is_active AND u.credential_generation = $3
                    AND u.token_generation = $4);
    INSERT INTO audit_events (at, event, code, provider, kind, user_id, service, ip, agent, request_id)
    SELECT $15, $16, $17, $18, $8, $19, $20, $21, $22, $23 WHERE changes() = 1;
    UPDATE used_codes SET encrypted_answer = $24 WHERE code = $25 AND changes() = 1";

impl Store {
    /// Writes the login if it is such a one; otherwise [`Store::write_known`] writes it. False: the account or its user changed
    /// after it was read; nothing was written.
    pub(super) async fn write_login(tx: &mut Tx, known: &KnownLogin) -> Result<bool> {
        match (&known.login.target, &known.issued.credential) {
            (LoginTarget::Known { account_id, .. }, NewCredential::Refresh(row)) if is_plain(known) => {
                Self::write_plain(tx, known, account_id.0, row).await
            }
            _ => Self::write_known(tx, known).await,
        }
    }

    async fn write_plain(tx: &mut Tx, known: &KnownLogin, account: i64, row: &RefreshRow) -> Result<bool> {
        let (user, audit) = (&known.user, &known.login.audit);
        let code = match &known.login.consumes {
            Some(ConsumedCredential::Code(code)) => Some(code.as_bytes()),
            _ => None,
        };
        let written = sqlx::query(STATEMENTS)
            .bind(user.id)
            .bind(account)
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
            .bind(code)
            .execute(&mut **tx)
            .await?;
        Ok(written.rows_affected() > 0)
    }
}

/// Whether the login writes nothing but its credential, its audit event and its answer.
fn is_plain(known: &KnownLogin) -> bool {
    let KnownLogin { login, is_user_changed, event, issued, .. } = known;
    let audits_its_kind =
        matches!(&issued.credential, NewCredential::Refresh(row) if login.audit.kind == Some(row.kind));
    let changes_rows = *is_user_changed || login.set_last_login || known.changes_account();
    audits_its_kind && !changes_rows && login.revoked_session.is_none() && event.is_none()
}
