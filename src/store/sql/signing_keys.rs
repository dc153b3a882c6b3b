//! The keys that the server made to sign JWTs. Conditions on the state, and an index of one published and one signing key for
//! each algorithm, decide between nodes.

use super::audit::audit_query;
use super::{Query, Store};
use crate::clock::UnixMillis;
use crate::model::{AuditEvent, SigningKey, SigningKeyChange};
use crate::store::error::Result;
use crate::store::signing_keys::SigningKeyStore;
use crate::store::stored_rows::SigningKeyRow;

fn change_query(change: &SigningKeyChange, now: UnixMillis) -> Query<'_> {
    match change {
        SigningKeyChange::Schedule { kid, signs_from } => {
            sqlx::query("UPDATE signing_keys SET signs_from = $1 WHERE kid = $2 AND state = 'published'")
                .bind(signs_from.0)
                .bind(kid)
        }
        SigningKeyChange::Sign { kid } => sqlx::query(
            "UPDATE signing_keys SET state = 'signing', signs_from = $1 WHERE kid = $2 AND state = 'published'",
        )
        .bind(now.0)
        .bind(kid),
        // A retired key may be retired again, at an earlier time; see `SigningKey::is_ended`. A key that signed verifies as long as any refresh token that was
        // issued: their lifetime may have been longer before, or be longer at another node.
        SigningKeyChange::Retire { kid, expires, from } => sqlx::query(
            "UPDATE signing_keys
             SET state = 'retired', encrypted_private_key = NULL, retired = CASE WHEN $4 IS NULL THEN $1 ELSE coalesce(retired, $1) END,
                 expires = CASE WHEN $4 = 'signing' AND $2 < (SELECT max(t.expires) FROM refresh_tokens t)
                                THEN (SELECT max(t.expires) FROM refresh_tokens t) ELSE $2 END
             WHERE kid = $3 AND (expires IS NULL OR expires > $2) AND state = coalesce($4, state)",
        )
        .bind(now.0)
        .bind(expires.0)
        .bind(kid)
        .bind(from.map(|state| state.to_string())),
    }
}

#[async_trait::async_trait]
impl SigningKeyStore for Store {
    async fn signing_keys(&self) -> Result<Vec<SigningKey>> {
        let rows: Vec<SigningKeyRow> =
            read!(self, fetch_all, sqlx::query_as(
            "SELECT kid, algorithm, public_jwk, encrypted_private_key, state, created, signs_from, retired, expires
             FROM signing_keys ORDER BY created, kid",
        ));
        rows.into_iter().map(SigningKey::try_from).collect()
    }

    async fn insert_signing_key(&self, key: &SigningKey) -> Result<bool> {
        let inserted = sqlx::query(
            "INSERT INTO signing_keys
               (kid, algorithm, public_jwk, encrypted_private_key, state, created, signs_from)
             VALUES ($1, $2, $3, $4, $5, $6, $7)
             ON CONFLICT DO NOTHING",
        )
        .bind(&key.kid)
        .bind(&key.algorithm)
        .bind(&key.public_jwk)
        .bind(&key.encrypted_private_key)
        .bind(key.state.to_string())
        .bind(key.created.0)
        .bind(key.signs_from.map(|at| at.0))
        .execute(&mut *self.writer().await?)
        .await?;
        Ok(inserted.rows_affected() == 1)
    }

    async fn change_signing_keys(
        &self,
        changes: &[SigningKeyChange],
        now: UnixMillis,
        audit: &[AuditEvent],
    ) -> Result<bool> {
        let mut tx = self.begin().await?;
        for change in changes {
            let changed = match change_query(change, now).execute(&mut *tx).await {
                Ok(changed) => changed.rows_affected() == 1,
                // Another node made another key sign.
                Err(sqlx::Error::Database(error)) if error.is_unique_violation() => false,
                Err(error) => return Err(error.into()),
            };
            if !changed {
                tx.rollback().await?;
                return Ok(false);
            }
        }
        for event in audit {
            audit_query(event).execute(&mut *tx).await?;
        }
        tx.commit().await?;
        Ok(true)
    }

    async fn replace_encrypted_key(&self, kid: &str, old: &[u8], new: &[u8]) -> Result<bool> {
        let replaced = sqlx::query(
            "UPDATE signing_keys SET encrypted_private_key = $1 WHERE kid = $2 AND encrypted_private_key = $3",
        )
        .bind(new)
        .bind(kid)
        .bind(old)
        .execute(&mut *self.writer().await?)
        .await?;
        Ok(replaced.rows_affected() == 1)
    }
}
