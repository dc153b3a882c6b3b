//! The permanent token: 40 hex digits, the same at every login (R-TOK-01).
//!
//! Every login returns the same token, but only its digest is stored. So it is derived from the server's key, the user's id,
//! the time of the user's creation (a later user with the same id gets another token) and a generation that grows whenever
//! the token is revoked.

use data_encoding::HEXLOWER;

use crate::clock::UnixMillis;
use crate::model::{ClientInfo, TokenRow, User};
use crate::secrets::{Digest, ServerKey};

/// Hex digits of a token.
const TOKEN_LEN: usize = 40;

/// Issues permanent tokens.
pub struct Tokens {
    key: ServerKey,
}

impl Tokens {
    /// `key`: derives the tokens.
    pub fn new(key: ServerKey) -> Self {
        Self { key }
    }

    /// The user's token and its row.
    pub fn issue(&self, user: &User, now: UnixMillis, client: &ClientInfo) -> (String, TokenRow) {
        let parts = [user.id.0, user.created.0, user.token_generation].map(i64::to_be_bytes);
        let derived = self.key.derive("permanent token", &[&parts[0], &parts[1], &parts[2]]);
        let mut token = HEXLOWER.encode(&derived);
        token.truncate(TOKEN_LEN);
        let digest = Digest::of(token.as_bytes());
        let row = TokenRow { digest, user_id: user.id, created: now, client: client.clone() };
        (token, row)
    }

    /// The key of a token; `None`: the text cannot be one.
    pub fn lookup_key(&self, token: &str) -> Option<Digest> {
        (token.len() == TOKEN_LEN).then(|| Digest::of(token.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credential::jwt::tests::user;
    use crate::model::UserId;
    use crate::secrets::SecretString;

    #[test]
    fn r_tok_01_one_token_per_user_until_it_is_revoked() {
        let tokens = Tokens::new(ServerKey::new(&SecretString::from("k")));
        let first = tokens.issue(&user(), UnixMillis(0), &ClientInfo::default()).0;
        assert_eq!(first, tokens.issue(&user(), UnixMillis(9), &ClientInfo::default()).0);
        assert!(first.len() == 40 && first.bytes().all(|b| b.is_ascii_hexdigit()));
        let later = User { token_generation: 1, ..user() };
        assert_ne!(first, tokens.issue(&later, UnixMillis(0), &ClientInfo::default()).0);
        let other = User { id: UserId(2), ..user() };
        assert_ne!(first, tokens.issue(&other, UnixMillis(0), &ClientInfo::default()).0);
        let successor = User { created: UnixMillis(1), ..user() };
        assert_ne!(first, tokens.issue(&successor, UnixMillis(0), &ClientInfo::default()).0);
    }
}
