//! The claims of a group: one statement, which is its own transaction.

use super::current_pool::CurrentPool;
use super::group::{GroupError, GroupWrite};
use super::pool::Lent;
use crate::clock::UnixMillis;
use crate::model::CodeClaim;
use crate::secrets::Digest;
use crate::store::error::Result;

/// A claim on a code and on its authorization request.
pub(super) struct Claim {
    pub authorization_request: Option<Digest>,
    /// `None`: the authorization request alone is claimed.
    pub code: Option<CodeClaim>,
    pub now: UnixMillis,
}

impl GroupWrite for Claim {
    /// Two claims on one authorization request would lock it in one statement.
    type Key = Vec<u8>;

    /// The first claim refuses the second.
    const IS_REPEATABLE: bool = true;

    fn key(&self) -> Vec<u8> {
        let code = self.code.as_ref().map(|code| &code.digest);
        self.authorization_request.as_ref().or(code).map(|digest| digest.as_bytes().to_vec()).unwrap_or_default()
    }

    async fn commit_together(
        mut connection: Lent,
        claims: &[&Self],
    ) -> std::result::Result<Vec<Option<bool>>, GroupError> {
        let mut with_code: Vec<(&Self, &CodeClaim)> =
            claims.iter().filter_map(|claim| Some((*claim, claim.code.as_ref()?))).collect();
        with_code.sort_by(|(_, one), (_, other)| one.digest.as_bytes().cmp(other.digest.as_bytes()));
        with_code.dedup_by(|(_, one), (_, other)| one.digest.as_bytes() == other.digest.as_bytes());
        if with_code.is_empty() {
            return Ok(vec![None; claims.len()]);
        }
        let acquired: Vec<Vec<u8>> =
            claim_all(&with_code).fetch_all(&mut *connection).await.map_err(GroupError::of_commit)?;
        connection.release();
        // Of two claims on one code in a group, the second is decided by itself.
        Ok(claims
            .iter()
            .map(|claim| {
                let code = claim.code.as_ref()?;
                with_code
                    .iter()
                    .any(|(sent, _)| std::ptr::eq(*sent, *claim))
                    .then(|| acquired.iter().any(|digest| digest == code.digest.as_bytes()))
            })
            .collect())
    }

    async fn commit_alone(&self, pool: &CurrentPool) -> Result<bool> {
        let mut connection = pool.get().acquire_tested().await?;
        let is_acquired = match (&self.code, &self.authorization_request) {
            (Some(code), _) => claim_all(&[(self, code)]).fetch_optional(&mut *connection).await?.is_some(),
            (None, Some(key)) => {
                let used =
                    sqlx::query("UPDATE authorization_requests SET claimed = $1 WHERE key = $2 AND claimed IS NULL")
                        .bind(self.now.0)
                        .bind(key.as_bytes());
                used.execute(&mut *connection).await?.rows_affected() == 1
            }
            (None, None) => true,
        };
        connection.release();
        Ok(is_acquired)
    }
}

/// Claims each code that has no other valid claim and whose authorization request is open, and the request with it. Locks the
/// requests first, in the order of their keys, then writes the codes in theirs: no deadlock with the statement of another node.
fn claim_all<'q>(
    claims: &[(&'q Claim, &'q CodeClaim)],
) -> sqlx::query::QueryScalar<'q, sqlx::Postgres, Vec<u8>, sqlx::postgres::PgArguments> {
    let requests: Vec<Option<&[u8]>> =
        claims.iter().map(|(claim, _)| claim.authorization_request.as_ref().map(Digest::as_bytes)).collect();
    sqlx::query_scalar(
        "WITH given AS MATERIALIZED (
           SELECT * FROM unnest($1::bytea[], $2::bytea[], $3::bigint[], $4::bigint[], $5::bytea[])
             AS given (code, binding, claimed, expires, request)
         ), open_request AS MATERIALIZED (
           SELECT key FROM authorization_requests WHERE key = ANY ($5) AND claimed IS NULL ORDER BY key FOR NO KEY UPDATE
         ), acquired AS (
           INSERT INTO used_codes AS known (code, binding, claimed, expires)
           SELECT code, binding, claimed, expires FROM given
           WHERE request IS NULL OR request IN (SELECT key FROM open_request)
           ORDER BY code
           ON CONFLICT (code) DO UPDATE
             SET binding = excluded.binding, claimed = excluded.claimed, expires = excluded.expires,
                 encrypted_answer = NULL, owner = NULL
             WHERE known.expires <= excluded.claimed
           RETURNING code
         ), used AS (
           UPDATE authorization_requests SET claimed = given.claimed
           FROM given JOIN acquired USING (code)
           WHERE authorization_requests.key = given.request
         )
         SELECT code FROM acquired",
    )
    .bind(claims.iter().map(|(_, code)| code.digest.as_bytes()).collect::<Vec<_>>())
    .bind(claims.iter().map(|(_, code)| code.binding.as_ref().map(Digest::as_bytes)).collect::<Vec<_>>())
    .bind(claims.iter().map(|(_, code)| code.claimed.0).collect::<Vec<_>>())
    .bind(claims.iter().map(|(_, code)| code.expires.0).collect::<Vec<_>>())
    .bind(requests)
}
