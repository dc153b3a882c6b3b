//! Successors of refresh and sliding tokens: their rows, and their signed form once the rows are committed (R-CMP-02, SEC-30).

use super::jwt::{Jwts, TokenType, Verified};
use super::token_family::FamilyRules;
use crate::clock::{Deps, UnixMillis};
use crate::model::{ClientInfo, CredentialKind, FamilyState, PresentedToken, RefreshRow, User};

impl Jwts {
    /// The settings of token families.
    pub fn family_rules(&self) -> FamilyRules {
        let rules = self.rules();
        FamilyRules {
            detects_reuse: rules.rotate_refresh_tokens && rules.blacklist_after_rotation,
            lifetime: rules.family_lifetime,
        }
    }

    /// What the store needs of a verified refresh or sliding token.
    pub fn presented<'a>(&self, verified: &'a Verified, now: UnixMillis) -> PresentedToken<'a> {
        PresentedToken {
            jti: &verified.jti,
            kind: verified.token_type.credential_kind(),
            issued: verified.issued().unwrap_or(now),
            expires: self.blacklist_until(verified.token_type, verified.expires),
        }
    }

    /// The row of the successor of a refresh or sliding token, in the same family. The successor of a sliding token can be
    /// refreshed for as long as the token itself.
    pub fn successor(
        &self,
        presented: &PresentedToken<'_>,
        state: &FamilyState,
        user: &User,
        client: &ClientInfo,
        now: UnixMillis,
        deps: &Deps,
    ) -> RefreshRow {
        let (jti, expires) = match presented.kind {
            // It authenticates requests too, so its id must show its family.
            CredentialKind::JwtSliding => (Self::access_jti(&state.family, deps), presented.expires),
            _ => (deps.hex::<16>(), self.pair_row_expires(state.family_created, now)),
        };
        RefreshRow {
            jti,
            family: state.family.clone(),
            parent: Some(state.jti.clone()),
            kind: presented.kind,
            user_id: user.id,
            created: now,
            family_created: state.family_created,
            signed_in: state.signed_in,
            expires,
            client: client.clone(),
        }
    }

    /// The access token and the refresh token of a successor's row.
    pub fn successor_pair(&self, from: &Verified, row: &RefreshRow, user: &User, deps: &Deps) -> (String, String) {
        let (rules, now) = (self.rules(), row.created);
        let lifetime = |lifetime| self.within_family(lifetime, row.family_created, now);
        let access_jti = Self::access_jti(&row.family, deps);
        let access = self.renewed(from, TokenType::Access, lifetime(rules.access_lifetime), user, now, &access_jti);
        let refresh = self.renewed(from, TokenType::Refresh, lifetime(rules.refresh_lifetime), user, now, &row.jti);
        (self.sign(TokenType::Access, &access), self.sign(TokenType::Refresh, &refresh))
    }

    /// The sliding token of a successor's row. It keeps the `refresh_exp` of the token that it replaces.
    pub fn successor_sliding(&self, from: &Verified, row: &RefreshRow, user: &User) -> String {
        let lifetime = self.within_family(self.rules().sliding_lifetime, row.family_created, row.created);
        let claims = self.renewed(from, TokenType::Sliding, lifetime, user, row.created, &row.jti);
        self.sign(TokenType::Sliding, &claims)
    }

    /// A sliding token with a new expiry and the same `jti` and `refresh_exp` (R-CMP-06).
    pub fn renewed_sliding(
        &self,
        sliding: &Verified,
        family_created: UnixMillis,
        user: &User,
        now: UnixMillis,
    ) -> String {
        let lifetime = self.within_family(self.rules().sliding_lifetime, family_created, now);
        let claims = self.renewed(sliding, TokenType::Sliding, lifetime, user, now, &sliding.jti);
        self.sign(TokenType::Sliding, &claims)
    }
}
