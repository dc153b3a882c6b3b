//! The credentials of a group of logins: one statement for each kind.

use super::pool::Tx;
use crate::model::{KnoxRow, NewCredential, RefreshRow, SessionRow, TokenRow};
use crate::secrets::Digest;
use crate::store::error::Result;
use crate::store::login_commit::KnownLogin;

/// Revokes the sessions that the logins replace, and inserts their credentials.
pub(super) async fn insert_all(tx: &mut Tx, group: &[&KnownLogin]) -> Result<()> {
    let revoked: Vec<&[u8]> =
        group.iter().filter_map(|login| login.login.revoked_session.as_ref().map(Digest::as_bytes)).collect();
    if !revoked.is_empty() {
        sqlx::query("DELETE FROM sessions WHERE digest = ANY ($1)").bind(revoked).execute(&mut **tx).await?;
    }
    let (mut sessions, mut tokens, mut refresh, mut knox) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for login in group {
        match &login.issued.credential {
            NewCredential::Session(row) => sessions.push(row),
            NewCredential::Token(row) => tokens.push(row),
            NewCredential::Refresh(row) => refresh.push(row),
            NewCredential::Knox(row) => knox.push(row),
        }
    }
    insert_sessions(tx, &sessions).await?;
    insert_tokens(tx, &tokens).await?;
    insert_refresh(tx, &refresh).await?;
    insert_knox(tx, &knox).await
}

fn column<'r, R, T>(rows: &[&'r R], value: impl Fn(&'r R) -> T) -> Vec<T> {
    rows.iter().map(|row| value(row)).collect()
}

async fn insert_sessions(tx: &mut Tx, rows: &[&SessionRow]) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO sessions (digest, user_id, created, expires, last_used, ip, agent)
         SELECT * FROM unnest($1::bytea[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::text[], $7::text[])",
    )
    .bind(column(rows, |row| row.digest.as_bytes()))
    .bind(column(rows, |row| row.user_id.0))
    .bind(column(rows, |row| row.created.0))
    .bind(column(rows, |row| row.expires.0))
    .bind(column(rows, |row| row.last_used.0))
    .bind(column(rows, |row| row.client.ip.as_deref()))
    .bind(column(rows, |row| row.client.agent.as_deref()))
    .execute(&mut **tx)
    .await?;
    Ok(())
}

async fn insert_tokens(tx: &mut Tx, rows: &[&TokenRow]) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO tokens AS known (digest, user_id, created, signed_in, last_used, ip, agent)
         SELECT digest, user_id, created, created, created, ip, agent
         FROM unnest($1::bytea[], $2::bigint[], $3::bigint[], $4::text[], $5::text[])
           AS given (digest, user_id, created, ip, agent)
         ON CONFLICT (digest) DO UPDATE
           SET signed_in = excluded.signed_in, ip = excluded.ip, agent = excluded.agent
           WHERE known.signed_in IS NULL OR known.signed_in < excluded.signed_in",
    )
    .bind(column(rows, |row| row.digest.as_bytes()))
    .bind(column(rows, |row| row.user_id.0))
    .bind(column(rows, |row| row.created.0))
    .bind(column(rows, |row| row.client.ip.as_deref()))
    .bind(column(rows, |row| row.client.agent.as_deref()))
    .execute(&mut **tx)
    .await?;
    Ok(())
}

async fn insert_refresh(tx: &mut Tx, rows: &[&RefreshRow]) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO refresh_tokens
           (jti, family, parent, kind, user_id, created, family_created, expires, last_used, ip, agent, signed_in)
         SELECT jti, family, parent, kind, user_id, created, family_created, expires, created, ip, agent, signed_in
         FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[],
                     $8::bigint[], $9::text[], $10::text[], $11::bigint[])
           AS given (jti, family, parent, kind, user_id, created, family_created, expires, ip, agent, signed_in)",
    )
    .bind(column(rows, |row| row.jti.as_str()))
    .bind(column(rows, |row| row.family.as_str()))
    .bind(column(rows, |row| row.parent.as_deref()))
    .bind(column(rows, |row| row.kind.to_string()))
    .bind(column(rows, |row| row.user_id.0))
    .bind(column(rows, |row| row.created.0))
    .bind(column(rows, |row| row.family_created.0))
    .bind(column(rows, |row| row.expires.0))
    .bind(column(rows, |row| row.client.ip.as_deref()))
    .bind(column(rows, |row| row.client.agent.as_deref()))
    .bind(column(rows, |row| row.signed_in.map(|at| at.0)))
    .execute(&mut **tx)
    .await?;
    Ok(())
}

async fn insert_knox(tx: &mut Tx, rows: &[&KnoxRow]) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO knox_tokens (digest, token_key, user_id, created, expires, last_used, ip, agent)
         SELECT digest, token_key, user_id, created, expires, created, ip, agent
         FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::text[], $7::text[])
           AS given (digest, token_key, user_id, created, expires, ip, agent)",
    )
    .bind(column(rows, |row| row.digest.as_str()))
    .bind(column(rows, |row| row.token_key.as_str()))
    .bind(column(rows, |row| row.user_id.0))
    .bind(column(rows, |row| row.created.0))
    .bind(column(rows, |row| row.expires.map(|at| at.0)))
    .bind(column(rows, |row| row.client.ip.as_deref()))
    .bind(column(rows, |row| row.client.agent.as_deref()))
    .execute(&mut **tx)
    .await?;
    Ok(())
}
