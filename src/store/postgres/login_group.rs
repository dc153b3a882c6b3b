//! The logins of a group, all of known accounts: one transaction, with one statement for each table.

use std::collections::HashSet;

use sqlx::types::Json;

use super::current_pool::CurrentPool;
use super::group::{GroupError, GroupWrite};
use super::pool::{Lent, Tx};
use super::{Store, credential_group};
use crate::model::{AccountId, ServiceName, UserId};
use crate::store::error::Result;
use crate::store::login_commit::{ConsumedCredential, KnownLogin, LoginTarget};

impl GroupWrite for KnownLogin {
    type Key = i64;

    /// Its credential would be inserted twice.
    const IS_REPEATABLE: bool = false;

    fn key(&self) -> i64 {
        self.user.id.0
    }

    async fn commit_together(connection: Lent, logins: &[&Self]) -> std::result::Result<Vec<Option<bool>>, GroupError> {
        let mut group: Vec<&Self> = logins.iter().copied().filter(|login| is_plain(login)).collect();
        if group.is_empty() {
            return Ok(vec![None; logins.len()]);
        }
        let mut tx = Tx::begin_on(connection).await?;
        let locked = lock_users(&mut tx, &group).await?;
        group.retain(|login| locked.contains(&login.user.id));
        let known = check_accounts(&mut tx, &group).await?;
        group.retain(|login| account_of(login).is_some_and(|account| known.contains(&account)));
        write_last_logins(&mut tx, &group).await?;
        credential_group::insert_all(&mut tx, &group).await?;
        store_answers(&mut tx, &group).await?;
        insert_audit_events(&mut tx, &group).await?;
        insert_webhook_events(&mut tx, &group).await?;
        tx.commit().await.map_err(GroupError::of_commit)?;
        // The others are decided by themselves: whether their accounts changed, or another transaction has locked their users.
        let is_written = |login: &&Self| group.iter().any(|written| std::ptr::eq(*written, *login));
        Ok(logins.iter().map(|login| is_written(login).then_some(true)).collect())
    }

    async fn commit_alone(&self, pool: &CurrentPool) -> Result<bool> {
        let mut tx = Tx::begin(&pool.get()).await?;
        // Locks the user before the account, as all transactions do: no deadlock, and no revocation before this one ends.
        sqlx::query("SELECT 1 FROM users WHERE id = $1 FOR NO KEY UPDATE").bind(self.user.id).execute(&mut *tx).await?;
        let is_written = Store::write_known(&mut tx, self).await?;
        if is_written {
            tx.commit().await?;
        } else {
            tx.rollback().await?;
        }
        Ok(is_written)
    }
}

/// Whether the login only adds rows, and changes nothing of its user and its account but what the statements below write.
fn is_plain(login: &KnownLogin) -> bool {
    let is_rekeyed = matches!(login.login.target, LoginTarget::Known { is_rekeyed: true, .. });
    !login.is_user_changed && !is_rekeyed
}

fn account_of(login: &KnownLogin) -> Option<AccountId> {
    match login.login.target {
        LoginTarget::Known { account_id, .. } => Some(account_id),
        _ => None,
    }
}

fn column<'l, T>(group: &[&'l KnownLogin], value: impl Fn(&'l KnownLogin) -> T) -> Vec<T> {
    group.iter().map(|login| value(login)).collect()
}

/// Locks the users that are as they were read. Those that another transaction has locked are left out.
async fn lock_users(tx: &mut Tx, group: &[&KnownLogin]) -> Result<HashSet<UserId>> {
    let locked: Vec<UserId> = sqlx::query_scalar(
        "SELECT u.id FROM users u
         JOIN unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS given (id, credential_generation, token_generation)
           ON u.id = given.id AND u.credential_generation = given.credential_generation
              AND u.token_generation = given.token_generation
         WHERE u.is_active ORDER BY u.id FOR NO KEY UPDATE OF u SKIP LOCKED",
    )
    .bind(column(group, |login| login.user.id.0))
    .bind(column(group, |login| login.user.credential_generation))
    .bind(column(group, |login| login.user.token_generation))
    .fetch_all(&mut **tx)
    .await?;
    Ok(locked.into_iter().collect())
}

/// The accounts that the logins may use, with their changes written. After the lock, so that no other transaction changes them.
async fn check_accounts(tx: &mut Tx, group: &[&KnownLogin]) -> Result<HashSet<AccountId>> {
    let (changed, unchanged): (Vec<_>, Vec<_>) = group.iter().copied().partition(|login| login.changes_account());
    let mut known = HashSet::new();
    if !unchanged.is_empty() {
        let ids: Vec<AccountId> = sqlx::query_scalar(
            "SELECT a.id FROM unnest($1::bigint[], $2::bigint[]) AS given (id, user_id)
             JOIN social_accounts a ON a.id = given.id AND a.user_id = given.user_id",
        )
        .bind(column(&unchanged, |login| account_of(login).map(|id| id.0)))
        .bind(column(&unchanged, |login| login.user.id.0))
        .fetch_all(&mut **tx)
        .await?;
        known.extend(ids);
    }
    if !changed.is_empty() {
        let ids: Vec<AccountId> = sqlx::query_scalar(
            "UPDATE social_accounts a
             SET extra_data = given.extra_data, encrypted_tokens = coalesce(given.tokens, a.encrypted_tokens),
                 modified = CASE WHEN a.extra_data = given.extra_data THEN a.modified
                                 WHEN a.modified < given.now THEN given.now ELSE a.modified + 1 END
             FROM unnest($1::bigint[], $2::bigint[], $3::jsonb[], $4::bytea[], $5::bigint[], $6::bigint[])
               AS given (id, user_id, extra_data, tokens, modified, now)
             WHERE a.id = given.id AND a.user_id = given.user_id
               AND (a.extra_data = given.extra_data OR a.modified = given.modified)
             RETURNING a.id",
        )
        .bind(column(&changed, |login| account_of(login).map(|id| id.0)))
        .bind(column(&changed, |login| login.user.id.0))
        .bind(column(&changed, |login| Json(&login.login.extra_data)))
        .bind(column(&changed, |login| login.login.tokens.as_deref()))
        .bind(column(&changed, |login| match login.login.target {
            LoginTarget::Known { account_modified, .. } => Some(account_modified.0),
            _ => None,
        }))
        .bind(column(&changed, |login| login.login.now.0))
        .fetch_all(&mut **tx)
        .await?;
        known.extend(ids);
    }
    Ok(known)
}

async fn write_last_logins(tx: &mut Tx, group: &[&KnownLogin]) -> Result<()> {
    let set: Vec<&KnownLogin> = group.iter().copied().filter(|login| login.login.set_last_login).collect();
    if set.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "UPDATE users SET last_login = given.now FROM unnest($1::bigint[], $2::bigint[]) AS given (id, now)
         WHERE users.id = given.id AND (users.last_login IS NULL OR users.last_login < given.now)",
    )
    .bind(column(&set, |login| login.user.id.0))
    .bind(column(&set, |login| login.login.now.0))
    .execute(&mut **tx)
    .await?;
    Ok(())
}

async fn store_answers(tx: &mut Tx, group: &[&KnownLogin]) -> Result<()> {
    let mut codes: Vec<&[u8]> = Vec::new();
    let mut answers: Vec<&[u8]> = Vec::new();
    for login in group {
        if let (Some(ConsumedCredential::Code(code)), Some(answer)) = (&login.login.consumes, &login.issued.answer) {
            codes.push(code.as_bytes());
            answers.push(answer);
        }
    }
    if codes.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "UPDATE used_codes SET encrypted_answer = given.answer
         FROM unnest($1::bytea[], $2::bytea[]) AS given (code, answer) WHERE used_codes.code = given.code",
    )
    .bind(codes)
    .bind(answers)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

async fn insert_audit_events(tx: &mut Tx, group: &[&KnownLogin]) -> Result<()> {
    if group.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO audit_events (at, event, code, provider, kind, user_id, service, ip, agent, request_id)
         SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::text[],
                              $8::text[], $9::text[], $10::text[])",
    )
    .bind(column(group, |login| login.login.audit.at.0))
    .bind(column(group, |login| login.login.audit.event.to_string()))
    .bind(column(group, |login| login.login.audit.code.as_deref()))
    .bind(column(group, |login| login.login.audit.provider.as_deref()))
    .bind(column(group, |login| login.login.audit.kind.map(|kind| kind.to_string())))
    .bind(column(group, |login| login.login.audit.user_id.map(|id| id.0)))
    .bind(column(group, |login| login.login.audit.service.as_ref().map(ServiceName::as_str)))
    .bind(column(group, |login| login.login.audit.client.ip.as_deref()))
    .bind(column(group, |login| login.login.audit.client.agent.as_deref()))
    .bind(column(group, |login| login.login.audit.client.request_id.as_deref()))
    .execute(&mut **tx)
    .await?;
    Ok(())
}

async fn insert_webhook_events(tx: &mut Tx, group: &[&KnownLogin]) -> Result<()> {
    let events: Vec<_> = group.iter().filter_map(|login| Some((login, login.event.as_ref()?))).collect();
    if events.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO webhook_events (id, type, user_id, body, created, due)
         SELECT id, type, user_id, body, at, at
         FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::bigint[])
           AS given (id, type, user_id, body, at)",
    )
    .bind(events.iter().map(|(_, event)| event.id.as_str()).collect::<Vec<_>>())
    .bind(events.iter().map(|(_, event)| event.kind.name()).collect::<Vec<_>>())
    .bind(events.iter().map(|(login, _)| login.user.id.0).collect::<Vec<_>>())
    .bind(events.iter().map(|(_, event)| event.body.as_str()).collect::<Vec<_>>())
    .bind(events.iter().map(|(login, _)| login.login.audit.at.0).collect::<Vec<_>>())
    .execute(&mut **tx)
    .await?;
    Ok(())
}
