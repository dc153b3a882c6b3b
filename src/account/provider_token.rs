//! Provider tokens: returned to their user, stored encrypted, refreshed by one node at a time, and revoked (SEC-40).

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::Instant;
use tracing::Instrument as _;

use super::account_service::AccountService;
use super::authenticate::Caller;
use super::error::AuthError;
use crate::clock::Deps;
use crate::model::{AccountId, AuditEvent, AuditKind, ClientInfo, ProviderTokens, SocialAccount, UserId};
use crate::provider::{ProviderError, Providers, Stage};
use crate::secrets::TokenCipher;
use crate::store::{ReencryptedTokens, Repository, StoreError, StoredAccount};

/// Minimum remaining lifetime of a returned token; a token that expires sooner is refreshed first.
const MIN_REMAINING_LIFETIME: Duration = Duration::from_secs(60);
/// Maximum concurrent background revocations, each of which has the time limit of a login's provider calls.
const MAX_REVOCATIONS: usize = 1000;
const MIN_RETRY_INTERVAL: Duration = Duration::from_millis(100);
const MAX_RETRY_INTERVAL: Duration = Duration::from_secs(1);
/// How long a write of tokens is retried.
const SAVE_TIMEOUT: Duration = Duration::from_secs(15);

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum ProviderTokenError {
    /// The caller has no account of this id.
    #[error("Not found.")]
    NotFound,
    /// STORE_PROVIDER_TOKENS was off at the last login, or the encryption key was removed.
    #[error(
        "No provider token is stored. Sign in with this account again; the server must have STORE_PROVIDER_TOKENS on."
    )]
    NotStored,
    /// The token has expired, and the provider does not refresh it.
    #[error("The provider token has expired. Sign in with this account again.")]
    Expired,
    /// The provider did not refresh it.
    #[error("{0}")]
    Provider(ProviderError),
    /// The database does not answer.
    #[error(transparent)]
    Auth(#[from] AuthError),
}

impl From<StoreError> for ProviderTokenError {
    fn from(error: StoreError) -> Self {
        Self::Auth(error.into())
    }
}

impl AccountService {
    /// A token that is valid for another minute at least, or until it expires when it cannot be refreshed.
    ///
    /// Errors: [`ProviderTokenError`].
    pub async fn provider_token(
        &self,
        caller: &Caller,
        account: AccountId,
        client: &ClientInfo,
    ) -> Result<ProviderTokens, ProviderTokenError> {
        let deadline = Instant::now() + self.settings.outgoing.login_timeout;
        loop {
            let stored = self.store.account_tokens(caller.user.id, account).await?;
            let StoredAccount { account: row, encrypted_tokens: encrypted } =
                stored.ok_or(ProviderTokenError::NotFound)?;
            let readable = self.settings.token_cipher.as_deref().zip(encrypted.as_deref());
            let tokens = readable.and_then(|(cipher, encrypted)| decrypt(cipher, &row, encrypted));
            let tokens = tokens.ok_or(ProviderTokenError::NotStored)?;
            let now = self.deps.now();
            if tokens.expires.is_none_or(|expires| expires > now.plus(MIN_REMAINING_LIFETIME)) {
                return Ok(tokens);
            }
            let is_expired = tokens.expires.is_some_and(|expires| expires <= now);
            if tokens.refresh_token.is_none() {
                return if is_expired { Err(ProviderTokenError::Expired) } else { Ok(tokens) };
            }
            if self.store.lease_tokens(account, now, now.plus(self.lease_duration())).await? {
                let again = self.store.account_tokens(caller.user.id, account).await?;
                if again.is_some_and(|found| found.encrypted_tokens == encrypted) {
                    if let Err(exceeded) = self.check_refresh_limits(caller.user.id, &row.provider).await {
                        self.end_lease(account).await;
                        return Err(exceeded.into());
                    }
                    // In a task of its own: when the caller disconnects or the server shuts down, the new refresh token must
                    // still be stored.
                    let (service, client) = (self.clone(), client.clone());
                    let old = encrypted.unwrap_or_default();
                    let renewal = Renewal { row, old, client };
                    let renewing = async move { service.renew(renewal, &tokens, deadline).await };
                    let task = self.refreshes.spawn(renewing.in_current_span());
                    return task.await.unwrap_or_else(|failure| match failure.try_into_panic() {
                        Ok(panic) => std::panic::resume_unwind(panic),
                        // The runtime is shutting down.
                        Err(_) => Err(ProviderTokenError::Provider(ProviderError::Timeout { stage: Stage::Refresh })),
                    });
                }
                // Another call refreshed them between the read and the lease.
                self.store.release_token_lease(account).await?;
                continue;
            }
            // Another call holds the lease: poll until it has refreshed them.
            if Instant::now() + MIN_RETRY_INTERVAL > deadline {
                return Err(ProviderTokenError::Provider(ProviderError::Timeout { stage: Stage::Refresh }));
            }
            tokio::time::sleep(MIN_RETRY_INTERVAL).await;
        }
    }

    /// Counts a refresh at the provider. Errors: `too_many_requests`.
    async fn check_refresh_limits(&self, user: UserId, provider: &str) -> Result<(), AuthError> {
        self.check_user_limit(user).await?;
        let checked = self.rate_limits.check_provider(provider).await;
        checked.map_err(|exceeded| AuthError::TooManyRequests(user, Box::new(exceeded)))
    }

    /// Longer than a refresh can take, including its writes. Otherwise another node would send the same refresh token, and a
    /// provider that rotates them would revoke both.
    fn lease_duration(&self) -> Duration {
        self.settings.outgoing.login_timeout + SAVE_TIMEOUT + self.settings.database.call
    }

    /// Refreshes leased tokens and releases the lease.
    async fn renew(
        &self,
        renewal: Renewal,
        tokens: &ProviderTokens,
        deadline: Instant,
    ) -> Result<ProviderTokens, ProviderTokenError> {
        let Renewal { row, .. } = &renewal;
        let Some((provider, cipher)) = self.providers.get(&row.provider).zip(self.settings.token_cipher.as_deref())
        else {
            self.end_lease(row.id).await;
            return Err(ProviderTokenError::Expired);
        };
        let result = provider.refresh_tokens(tokens, &row.uid, deadline).await;
        match &result {
            Ok(fresh) => {
                let encrypted = cipher.encrypt(&row.token_binding(), &fresh.to_bytes(), &self.deps);
                // A login stored newer tokens meanwhile, or the account was unlinked. In the second case these must be
                // revoked here.
                if self.save_renewed(&renewal, &encrypted).await == Some(false) && self.is_unlinked(row).await {
                    self.revoke_provider_tokens(vec![StoredAccount {
                        account: renewal.row,
                        encrypted_tokens: Some(encrypted),
                    }]);
                    return Err(ProviderTokenError::NotFound);
                }
            }
            Err(error @ ProviderError::UserMismatch { .. }) => self.drop_tokens(&renewal, error).await,
            Err(_) => {}
        }
        self.end_lease(row.id).await;
        result.map_err(|error| match error {
            ProviderError::InvalidCode { .. } | ProviderError::UserMismatch { .. } => ProviderTokenError::Expired,
            error => ProviderTokenError::Provider(error),
        })
    }

    /// Whether they replaced the old tokens. `None`: they could not be saved; the caller still gets the token, which is valid
    /// until it expires.
    async fn save_renewed(&self, renewal: &Renewal, new: &[u8]) -> Option<bool> {
        let Renewal { row, old, .. } = renewal;
        match persist(row, || self.store.replace_encrypted_tokens(row.id, old, new)).await {
            Ok(is_saved) => Some(is_saved),
            Err(error) => {
                tracing::error!(
                    provider = row.provider,
                    account = row.id.0,
                    %error,
                    "refreshed tokens could not be saved: if the provider rotates them, the user must sign in again"
                );
                None
            }
        }
    }

    /// Drops tokens whose user is uncertain: the refreshed ones belong to another user (OpenID Connect Core 12.2).
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

    /// False when the database does not answer.
    async fn is_unlinked(&self, row: &SocialAccount) -> bool {
        match self.store.account_tokens(row.user_id, row.id).await {
            Ok(found) => found.is_none(),
            Err(error) => {
                tracing::warn!(account = row.id.0, %error, "an account whose tokens were refreshed could not be read");
                false
            }
        }
    }

    async fn end_lease(&self, account: AccountId) {
        if let Err(error) = self.store.release_token_lease(account).await {
            tracing::warn!(account = account.0, %error, "the lease on provider tokens could not be released: it expires by itself");
        }
    }

    /// Revokes the tokens of removed accounts at their providers, in a background task, so that no request waits for the
    /// providers.
    pub(super) fn revoke_provider_tokens(&self, accounts: Vec<StoredAccount>) {
        let Some(cipher) = self.settings.token_cipher.clone() else { return };
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
            async move { revoke_provider_tokens(&providers, &cipher, &accounts, Instant::now() + limit).await }
                .in_current_span(),
        );
    }

    /// Waits for the refreshes and revocations in progress at providers; for a graceful shutdown.
    pub async fn finish_provider_tasks(&self) {
        for tasks in [&self.refreshes, &self.revocations] {
            tasks.close();
            tasks.wait().await;
        }
    }
}

/// Tokens that are refreshed under a lease.
struct Renewal {
    row: SocialAccount,
    /// Encrypted, as stored.
    old: Vec<u8>,
    client: ClientInfo,
}

/// Retries a failing write: a provider that rotates refresh tokens has revoked the old one by now.
async fn persist<W>(row: &SocialAccount, write: impl Fn() -> W) -> Result<bool, StoreError>
where
    W: Future<Output = Result<bool, StoreError>>,
{
    let deadline = Instant::now() + SAVE_TIMEOUT;
    let mut pause = MIN_RETRY_INTERVAL;
    loop {
        match write().await {
            Err(error) if Instant::now() + pause < deadline => {
                tracing::warn!(account = row.id.0, %error, "provider tokens could not be written: retrying");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(MAX_RETRY_INTERVAL);
            }
            result => return result,
        }
    }
}

/// Revokes tokens at their providers; a failure is only logged.
pub async fn revoke_provider_tokens(
    providers: &Providers,
    cipher: &TokenCipher,
    accounts: &[StoredAccount],
    deadline: Instant,
) {
    let one = async |row: &SocialAccount, encrypted: &[u8]| {
        let Some((provider, tokens)) = providers.get(&row.provider).zip(decrypt(cipher, row, encrypted)) else {
            return;
        };
        if let Err(error) = provider.revoke_provider_tokens(&tokens, &row.uid, deadline).await {
            tracing::warn!(provider = row.provider, %error, "the provider token could not be revoked");
        }
    };
    let stored = accounts.iter().filter_map(|stored| Some((&stored.account, stored.encrypted_tokens.as_deref()?)));
    join_all(stored.map(|(row, encrypted)| one(row, encrypted))).await;
}

fn decrypt(cipher: &TokenCipher, row: &SocialAccount, encrypted: &[u8]) -> Option<ProviderTokens> {
    ProviderTokens::from_bytes(&cipher.decrypt(&row.token_binding(), encrypted)?)
}

/// Encrypts all provider tokens again with the first of ENCRYPTION_KEYS. Safe while servers run: tokens that are refreshed
/// meanwhile stay. Returns the number of re-encrypted tokens, and of those that no key decrypts. Calls `on_progress` with the
/// number of tokens of each batch.
///
/// Errors: the database fails.
pub async fn rotate_keys(
    store: &dyn Repository,
    cipher: &TokenCipher,
    deps: &Deps,
    on_progress: impl Fn(u64),
) -> Result<(u64, u64), StoreError> {
    const BATCH: i64 = 500;
    let (mut done, mut undecryptable, mut after) = (0, 0, AccountId(0));
    loop {
        let batch = store.encrypted_tokens(after, BATCH).await?;
        let Some((last, _)) = batch.last() else { return Ok((done, undecryptable)) };
        after = last.id;
        let rows = batch.len() as u64;
        let mut reencrypted = Vec::new();
        for (row, encrypted) in batch.into_iter().filter(|(_, encrypted)| !cipher.is_current(encrypted)) {
            let bound = row.token_binding();
            match cipher.decrypt(&bound, &encrypted) {
                Some(plain) => {
                    let new = cipher.encrypt(&bound, &plain, deps);
                    reencrypted.push(ReencryptedTokens { account: row.id, old: encrypted, new });
                }
                None => undecryptable += 1,
            }
        }
        done += store.reencrypt_all(&reencrypted).await?;
        on_progress(rows);
    }
}
