//! Tasks beside the listener and their intervals. These are the sweeper, the counter of rows that have a limit, the return of
//! unused rate limits, the webhook dispatcher, the rotation of the keys that sign JWTs, and the comparison of stored accounts with
//! the settings.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, Interval, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use crate::account::SigningKeyService;
use crate::clock::{Deps, UnixMillis};
use crate::delivery::WebhookDispatcher;
use crate::hook::Webhook;
use crate::http::App;
use crate::login::{self, LoginService};
use crate::rate_limit::{RETURN_INTERVAL, RateLimits, ReturnScope};
use crate::settings::Settings;
use crate::store::{self, Repository, StoreError};

const SWEEP_INTERVAL: Duration = Duration::from_secs(60);
/// While the keys that sign JWTs cannot be read.
const KEY_RETRY_INTERVAL: Duration = Duration::from_secs(1);
/// AUDIT_RETENTION and WEBHOOK_RETENTION are applied in the first sweep and then in every 60th.
const SWEEPS_PER_RETENTION_SWEEP: u64 = 60;

pub(super) struct BackgroundTasks {
    /// Tasks that a shutdown may stop at any moment.
    abortable: [JoinHandle<()>; 5],
    dispatcher: Option<JoinHandle<()>>,
    /// Stops the dispatcher.
    closing: CancellationToken,
}

impl BackgroundTasks {
    /// `closing`: tells the dispatcher to stop.
    pub fn start(
        app: &Arc<App>,
        repository: &Arc<dyn Repository>,
        hook: Option<Arc<Webhook>>,
        deps: &Deps,
        closing: CancellationToken,
    ) -> Self {
        let sweeper = sweep_periodically(repository.clone(), Retention::from(&*app.settings), deps.clone());
        let abortable = [
            tokio::spawn(warn_about_accounts(app.clone(), repository.clone(), deps.now())),
            tokio::spawn(sweeper),
            tokio::spawn(count_live_rows(app.login.clone())),
            tokio::spawn(maintain_signing_keys(app.account.signing_keys().clone())),
            tokio::spawn(return_unused_limits(app.rate_limits.clone())),
        ];
        let dispatcher = hook.map(|hook| {
            let dispatcher = WebhookDispatcher::new(hook, repository.clone(), deps.clone());
            tokio::spawn(dispatcher.run(closing.clone()))
        });
        Self { abortable, dispatcher, closing }
    }

    /// Stops, and finishes the deliveries in progress.
    pub async fn stop(self) {
        self.abortable.iter().for_each(JoinHandle::abort);
        self.closing.cancel();
        if let Some(dispatcher) = self.dispatcher {
            let _ = dispatcher.await;
        }
    }

    /// Waits until `deadline` for work that would otherwise be lost: the code of a login is already used, a provider token
    /// that is to be revoked is not stored, a refreshed one not yet, and a webhook that was sent must not be sent again.
    pub async fn finish(self, app: &App, deadline: Instant) {
        self.abortable.iter().for_each(JoinHandle::abort);
        let dispatcher = async {
            if let Some(dispatcher) = self.dispatcher {
                let _ = dispatcher.await;
            }
        };
        let logins = async {
            app.login.drain_in_flight().await;
            // A login can add a revocation.
            app.account.finish_provider_tasks().await;
            app.rate_limits.return_unused(ReturnScope::All).await;
        };
        let (logins, dispatcher) =
            tokio::join!(tokio::time::timeout_at(deadline, logins), tokio::time::timeout_at(deadline, dispatcher));
        if logins.is_err() {
            tracing::warn!("logins, refreshes or revocations at providers did not finish within SHUTDOWN_TIMEOUT");
        }
        if dispatcher.is_err() {
            tracing::warn!("webhooks did not finish within SHUTDOWN_TIMEOUT");
        }
    }
}

/// Logs warnings about stored accounts that the present settings do not find. It may read all accounts.
async fn warn_about_accounts(app: Arc<App>, repository: Arc<dyn Repository>, now: UnixMillis) {
    let until = app.settings.users.legacy_uids_until;
    match login::account_warnings(repository.as_ref(), app.login.providers(), until, now).await {
        Ok(warnings) => warnings.iter().for_each(|warning| tracing::warn!("{warning}")),
        Err(error) => tracing::warn!(%error, "the stored accounts could not be compared with the settings"),
    }
}

/// What the sweeper keeps. A duration of `None` has no limit.
#[derive(Clone, Copy)]
struct Retention {
    /// MAX_KEPT_ROWS (SEC-44).
    max_rows: i64,
    audit: Option<Duration>,
    webhooks: Option<Duration>,
}

impl From<&Settings> for Retention {
    fn from(settings: &Settings) -> Self {
        let webhooks = settings.webhooks.as_ref().and_then(|rules| rules.retention);
        Self { max_rows: settings.limits.kept_rows, audit: settings.audit_retention, webhooks }
    }
}

/// A late tick delays those after it.
fn interval(period: Duration) -> Interval {
    let mut interval = tokio::time::interval(period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

async fn sweep_periodically(repository: Arc<dyn Repository>, retention: Retention, deps: Deps) {
    let mut interval = interval(SWEEP_INTERVAL);
    // The first tick is immediate, and a sweep must not slow down the start.
    interval.tick().await;
    for round in 0_u64.. {
        interval.tick().await;
        let retention = if round.is_multiple_of(SWEEPS_PER_RETENTION_SWEEP) {
            retention
        } else {
            Retention { audit: None, webhooks: None, ..retention }
        };
        match sweep(repository.as_ref(), retention, &deps).await {
            Ok(0) => {}
            Ok(rows) => tracing::debug!(rows, "deleted expired rows"),
            Err(error) => tracing::warn!(%error, "expired rows could not be deleted"),
        }
    }
}

/// Not a part of the sweep, which may take minutes: meanwhile counts that only increase would refuse logins.
async fn count_live_rows(login: Arc<LoginService>) {
    let mut interval = interval(SWEEP_INTERVAL);
    loop {
        interval.tick().await;
        if let Err(error) = login.count_live_rows().await {
            tracing::warn!(%error, "the rows that count against the limits of logins could not be counted");
        }
    }
}

/// Lets other nodes use what this node was granted of a rate limit and does not use.
async fn return_unused_limits(limits: RateLimits) {
    let mut interval = interval(RETURN_INTERVAL);
    loop {
        interval.tick().await;
        limits.return_unused(ReturnScope::Idle).await;
    }
}

/// Reads the keys that sign JWTs, and changes their states when it is time. Ends at once with `HS*`. Without them, requests are
/// refused, so that they are read again soon.
async fn maintain_signing_keys(keys: Arc<SigningKeyService>) {
    let Some(schedule) = keys.schedule() else { return };
    let mut interval = interval(schedule.reload_interval());
    loop {
        interval.tick().await;
        if let Err(error) = keys.maintain().await {
            tracing::warn!(%error, "the keys that sign JWTs could not be read or rotated");
        }
        if !keys.is_ready() {
            interval.reset_after(KEY_RETRY_INTERVAL.min(interval.period()));
        }
    }
}

/// Deletes expired rows and the oldest rows above MAX_KEPT_ROWS. Returns the number of deleted rows.
async fn sweep(repository: &dyn Repository, retention: Retention, deps: &Deps) -> Result<u64, StoreError> {
    let now = deps.now();
    let mut deleted = store::sweep(repository, now, retention.max_rows).await?;
    if let Some(age) = retention.audit {
        deleted += store::delete_in_batches(|| repository.prune_audit(now.minus(age))).await?;
    }
    if let Some(age) = retention.webhooks {
        deleted += store::delete_in_batches(|| repository.prune_events(now.minus(age))).await?;
    }
    Ok(deleted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{AuditEvent, AuditFilter, AuditKind, UserId};
    use crate::secrets::SecretString;

    #[tokio::test]
    async fn sweeper_keeps_audit_events_for_the_retention() {
        let directory = tempfile::tempdir().expect("a directory");
        let url = SecretString::from(format!("sqlite://{}", directory.path().join("sweeper.db").display()));
        let repository = store::open(&url, true).await.expect("a database");
        repository.migrate().await.expect("the schema");
        let deps = Deps::system();
        let day = Duration::from_secs(86_400);
        for age in [day * 91, day * 89, Duration::ZERO] {
            let event = AuditEvent::of_operator(AuditKind::Deactivated, UserId(1), deps.now().minus(age));
            repository.insert_audit_event(&event).await.expect("a row");
        }
        let retention = Retention { max_rows: 100, audit: Some(day * 90), webhooks: None };
        let without_audit = Retention { audit: None, ..retention };
        assert_eq!(sweep(repository.as_ref(), without_audit, &deps).await.expect("a sweep"), 0);
        assert_eq!(sweep(repository.as_ref(), retention, &deps).await.expect("a sweep"), 1);
        assert_eq!(repository.audit_events(&AuditFilter::default(), 9).await.expect("the events").len(), 2);
    }
}
