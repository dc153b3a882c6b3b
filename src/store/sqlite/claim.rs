//! The claim on a code and on its authorization request.

use super::Tx;
use super::connections::Store;
use crate::clock::UnixMillis;
use crate::model::CodeClaim;
use crate::secrets::Digest;
use crate::store::error::Result;

impl Store {
    /// Writes a claim if the code has no other valid claim and the authorization request is open. After false the caller rolls
    /// the transaction back.
    pub(super) async fn write_claim(
        tx: &mut Tx,
        authorization_request: Option<&Digest>,
        code: Option<&CodeClaim>,
        now: UnixMillis,
    ) -> Result<bool> {
        if let Some(code) = code {
            let inserted = sqlx::query(
                "INSERT INTO used_codes AS known (code, binding, claimed, expires)
                 SELECT $1, $2, $3, $4
                 WHERE $5 IS NULL OR EXISTS (SELECT 1 FROM authorization_requests WHERE key = $5 AND claimed IS NULL)
                 ON CONFLICT (code) DO UPDATE
                   SET binding = excluded.binding, claimed = excluded.claimed, expires = excluded.expires,
                       encrypted_answer = NULL, owner = NULL
                   WHERE known.expires <= excluded.claimed",
            )
            .bind(code.digest.as_bytes())
            .bind(code.binding.as_ref().map(Digest::as_bytes))
            .bind(code.claimed.0)
            .bind(code.expires.0)
            .bind(authorization_request.map(Digest::as_bytes));
            if inserted.execute(&mut **tx).await?.rows_affected() == 0 {
                return Ok(false);
            }
        }
        let Some(key) = authorization_request else { return Ok(true) };
        let used = sqlx::query("UPDATE authorization_requests SET claimed = $1 WHERE key = $2 AND claimed IS NULL")
            .bind(now.0)
            .bind(key.as_bytes())
            .execute(&mut **tx)
            .await?;
        Ok(used.rows_affected() == 1)
    }
}
