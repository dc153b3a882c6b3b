//! When to stop: SIGTERM or SIGINT asks for it; a person at the keyboard may insist with another Ctrl-C.

use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::signal::unix::{SignalKind, signal};

use super::Failure;

/// Supervisors signal a process and its whole group: what comes so soon after the first is the same wish.
const UNINTENDED: Duration = Duration::from_secs(1);

/// Resolves when the process is asked to stop.
///
/// Errors: signals cannot be listened for.
pub(super) fn asked_to_stop() -> Result<impl Future<Output = ()> + Send + 'static, Failure> {
    let listen =
        |kind| signal(kind).map_err(|error| Failure::Other(format!("signals cannot be listened for: {error}")));
    let (mut term, mut int) = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
        tracing::info!("stopping: open requests may finish");
        tokio::spawn(async move {
            tokio::time::sleep(UNINTENDED).await;
            // Those that came meanwhile are one.
            while let Some(Some(())) = int.recv().now_or_never() {}
            int.recv().await;
            tracing::warn!("stopping at once");
            std::process::exit(1);
        });
    })
}
