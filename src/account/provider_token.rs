//! A provider's token, handed to the user it was given for: kept sealed, renewed when it is due, by one of all nodes at a
//! time (SEC-40).

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::Instant;
use tracing::Instrument as _;

use super::{AccountService, AuthError, Caller};
use crate::clock::Deps;
use crate::model::{AccountId, AuditEvent, AuditKind, ClientInfo, ProviderTokens, SocialAccount};
use crate::provider::{ProviderError, Providers};
use crate::secrets::TokenCipher;
use crate::store::{ReencryptedTokens, Repository, StoreError, StoredAccount};

/// A token that ends sooner is renewed before it is handed out.
const MARGIN: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(100);
/// Background revocations at a time, each of which ends within the limit of a login's provider calls.
const MAX_REVOCATIONS: usize = 1000;
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// How long writing tokens is tried.
const SAVE_TIMEOUT: Duration = Duration::from_secs(15);

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The account is not the caller's, or there is none of this id.
    #[error("There is nothing of this id.")]
    NotFound,
    /// Nothing was kept: STORE_PROVIDER_TOKENS was off at the last login, or the key that sealed it is gone.
    #[error("No token is kept of this account. Sign in with it again where the server keeps tokens.")]
    NotStored,
    /// The provider does not renew it any more: the person must sign in again.
    #[error("The token has ended and the provider does not renew it: sign in with this account again.")]
    Ended,
    #[error("{0}")]
    Provider(ProviderError),
    #[error(transparent)]
    Auth(#[from] AuthError),
}

impl From<StoreError> for TokenError {
    fn from(error: StoreError) -> Self {
        Self::Auth(error.into())
    }
}

impl AccountService {
    /// A token that lives for a minute at least, or as long as it lives where the provider cannot renew it.
    pub async fn provider_token(
        &self,
        caller: &Caller,
        account: AccountId,
        client: &ClientInfo,
    ) -> Result<ProviderTokens, TokenError> {
        let deadline = Instant::now() + self.settings.outgoing.login_timeout;
        loop {
            let kept = self.store.account_tokens(caller.user.id, account).await?;
            let StoredAccount { account: row, encrypted_tokens: encrypted } = kept.ok_or(TokenError::NotFound)?;
            let there = self.settings.vault.as_deref().zip(encrypted.as_deref());
            let tokens =
                there.and_then(|(vault, encrypted)| opened(vault, &row, encrypted)).ok_or(TokenError::NotStored)?;
            let now = self.deps.now();
            if tokens.expires.is_none_or(|expires| expires > now.plus(MARGIN)) {
                return Ok(tokens);
            }
            let has_ended = tokens.expires.is_some_and(|expires| expires <= now);
            if tokens.refresh_token.is_none() {
                return if has_ended { Err(TokenError::Ended) } else { Ok(tokens) };
            }
            if self.store.lease_tokens(account, now, now.plus(self.lease())).await? {
                let again = self.store.account_tokens(caller.user.id, account).await?;
                if again.is_some_and(|found| found.encrypted_tokens == encrypted) {
                    // In a task of its own: whoever breaks off must not lose the token that the old one was spent for.
                    let (service, client) = (self.clone(), client.clone());
                    let old = encrypted.unwrap_or_default();
                    let renewal = Renewal { row, old, client };
                    let job = tokio::spawn(async move { service.renewed(renewal, &tokens, deadline).await });
                    let timeout = TokenError::Provider(ProviderError::Timeout { stage: "refresh" });
                    return job.await.unwrap_or(Err(timeout));
                }
                // Another call renewed them between the read and the lease.
                self.store.release_token_lease(account).await?;
                continue;
            }
            // Another call holds the lease: look again until it has renewed them.
            if Instant::now() + PAUSE > deadline {
                return Err(TokenError::Provider(ProviderError::Timeout { stage: "refresh" }));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Longer than a renewal can take, its writes included: else another node would send the same refresh token, and a
    /// provider that rotates them would revoke both.
    fn lease(&self) -> Duration {
        self.settings.outgoing.login_timeout + SAVE_TIMEOUT + self.settings.database.call
    }

    /// Renews leased tokens, and releases the lease whatever comes of it.
    async fn renewed(
        &self,
        renewal: Renewal,
        tokens: &ProviderTokens,
        deadline: Instant,
    ) -> Result<ProviderTokens, TokenError> {
        let Renewal { row, .. } = &renewal;
        let Some((provider, vault)) = self.providers.get(&row.provider).zip(self.settings.vault.as_deref()) else {
            self.end_lease(row.id).await;
            return Err(TokenError::Ended);
        };
        let result = provider.refresh_tokens(tokens, &row.uid, deadline).await;
        match &result {
            Ok(fresh) => {
                let encrypted = vault.encrypt(&row.token_binding(), &fresh.to_bytes(), &self.deps);
                // They were not the latest: a login brought newer ones, or the account is unlinked, and then nothing else
                // could revoke these.
                if self.save_renewed(&renewal, &encrypted).await == Some(false) && self.is_unlinked(row).await {
                    self.revoke_provider_tokens(vec![StoredAccount {
                        account: renewal.row,
                        encrypted_tokens: Some(encrypted),
                    }]);
                    return Err(TokenError::NotFound);
                }
            }
            Err(error @ ProviderError::UserMismatch { .. }) => self.drop_tokens(&renewal, error).await,
            Err(_) => {}
        }
        self.end_lease(row.id).await;
        result.map_err(|error| match error {
            ProviderError::InvalidCode { .. } | ProviderError::UserMismatch { .. } => TokenError::Ended,
            error => TokenError::Provider(error),
        })
    }

    /// Whether they took the place of those that were renewed. `None`: they could not be saved. The caller gets the token
    /// all the same: it is good for as long as the provider said.
    async fn save_renewed(&self, renewal: &Renewal, new: &[u8]) -> Option<bool> {
        let Renewal { row, old, .. } = renewal;
        match persist(row, || self.store.replace_encrypted_tokens(row.id, old, new)).await {
            Ok(is_saved) => Some(is_saved),
            Err(error) => {
                tracing::error!(
                    provider = row.provider,
                    account = row.id.0,
                    %error,
                    "renewed tokens could not be saved: where the provider rotates them, the user must sign in again"
                );
                None
            }
        }
    }

    /// Neither the old tokens nor the new ones are this user's for certain (OpenID Connect Core 12.2).
    async fn drop_tokens(&self, renewal: &Renewal, reason: &ProviderError) {
        let Renewal { row, old, client } = renewal;
        tracing::warn!(provider = row.provider, account = row.id.0, error = %reason, "the account's tokens are dropped");
        let audit = AuditEvent {
            provider: Some(row.provider.clone()),
            code: Some("another_user".into()),
            ..self.event(AuditKind::ProviderTokensDropped, None, row.user_id, client)
        };
        if let Err(error) = persist(row, || self.store.drop_tokens(row.id, old, &audit)).await {
            tracing::error!(
                provider = row.provider,
                account = row.id.0,
                %error,
                "tokens that may be another user's could not be dropped: unlink the account, or have its user sign in again"
            );
        }
    }

    /// Where the database does not say, the account counts as linked.
    async fn is_unlinked(&self, row: &SocialAccount) -> bool {
        match self.store.account_tokens(row.user_id, row.id).await {
            Ok(found) => found.is_none(),
            Err(error) => {
                tracing::warn!(account = row.id.0, %error, "an account whose tokens were renewed could not be read");
                false
            }
        }
    }

    async fn end_lease(&self, account: AccountId) {
        if let Err(error) = self.store.release_token_lease(account).await {
            tracing::warn!(account = account.0, %error, "the lease on a provider's tokens could not be released: it ends by itself");
        }
    }

    /// Revokes the tokens of removed accounts at their providers, in a background task: the accounts are gone whether the
    /// providers answer or not, and no request waits for them. Nothing else has the tokens any more.
    pub(super) fn revoke_provider_tokens(&self, accounts: Vec<StoredAccount>) {
        let Some(vault) = self.settings.vault.clone() else { return };
        if accounts.iter().all(|account| account.encrypted_tokens.is_none()) {
            return;
        }
        if self.revocations.len() >= MAX_REVOCATIONS {
            tracing::warn!(
                accounts = accounts.len(),
                "too many revocations are waiting: provider tokens are not revoked"
            );
            return;
        }
        let (providers, limit) = (self.providers.clone(), self.settings.outgoing.login_timeout);
        self.revocations.spawn(
            async move { revoke_provider_tokens(&providers, &vault, &accounts, Instant::now() + limit).await }
                .in_current_span(),
        );
    }

    /// Waits for the revocations that are under way; for a graceful shutdown.
    pub async fn finish_revocations(&self) {
        self.revocations.close();
        self.revocations.wait().await;
    }
}

/// Tokens that are being renewed under a lease.
struct Renewal {
    row: SocialAccount,
    /// As they are kept.
    old: Vec<u8>,
    client: ClientInfo,
}

/// A provider that rotates refresh tokens has ended the old one by now, so a write that fails is tried again for a while.
async fn persist<W>(row: &SocialAccount, write: impl Fn() -> W) -> Result<bool, StoreError>
where
    W: Future<Output = Result<bool, StoreError>>,
{
    let give_up = Instant::now() + SAVE_TIMEOUT;
    let mut pause = PAUSE;
    loop {
        match write().await {
            Err(error) if Instant::now() + pause < give_up => {
                tracing::warn!(account = row.id.0, %error, "provider tokens could not be written: trying again");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
            result => return result,
        }
    }
}

/// Best effort: what asked for it is done whether the providers answer or not.
pub async fn revoke_provider_tokens(
    providers: &Providers,
    vault: &TokenCipher,
    accounts: &[StoredAccount],
    deadline: Instant,
) {
    let one = async |row: &SocialAccount, encrypted: &[u8]| {
        let Some((provider, tokens)) = providers.get(&row.provider).zip(opened(vault, row, encrypted)) else { return };
        if let Err(error) = provider.revoke_provider_tokens(&tokens, &row.uid, deadline).await {
            tracing::warn!(provider = row.provider, %error, "the provider's token could not be given back");
        }
    };
    let kept = accounts.iter().filter_map(|stored| Some((&stored.account, stored.encrypted_tokens.as_deref()?)));
    join_all(kept.map(|(row, encrypted)| one(row, encrypted))).await;
}

fn opened(vault: &TokenCipher, row: &SocialAccount, encrypted: &[u8]) -> Option<ProviderTokens> {
    ProviderTokens::from_bytes(&vault.decrypt(&row.token_binding(), encrypted)?)
}

/// Seals everything anew with the first of ENCRYPTION_KEYS; returns how many were, and how many no key opens. Safe beside
/// running servers: what is renewed meanwhile keeps its newer text.
pub async fn rotate_keys(store: &dyn Repository, vault: &TokenCipher, deps: &Deps) -> Result<(u64, u64), StoreError> {
    const BATCH: i64 = 500;
    let (mut done, mut closed, mut after) = (0, 0, AccountId(0));
    loop {
        let batch = store.encrypted_tokens(after, BATCH).await?;
        let Some((last, _)) = batch.last() else { return Ok((done, closed)) };
        after = last.id;
        let mut reencrypted = Vec::new();
        for (row, encrypted) in batch.into_iter().filter(|(_, encrypted)| !vault.is_current(encrypted)) {
            let bound = row.token_binding();
            match vault.decrypt(&bound, &encrypted) {
                Some(plain) => {
                    let new = vault.encrypt(&bound, &plain, deps);
                    reencrypted.push(ReencryptedTokens { account: row.id, old: encrypted, new });
                }
                None => closed += 1,
            }
        }
        done += store.reencrypt_all(&reencrypted).await?;
    }
}
