//! When to stop: SIGTERM or SIGINT; a second Ctrl-C stops at once. SIGHUP stops what runs on a terminal, which has been
//! closed; a service ignores it with a line in the log, since to a service it means "read the settings again".

use std::io::IsTerminal as _;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::signal::unix::{SignalKind, signal};

use super::Failure;

/// Supervisors signal a process and its whole group: what comes so soon after the first is the same wish.
const SIGNAL_DEDUP_WINDOW: Duration = Duration::from_secs(1);

/// Resolves when the process is asked to stop.
///
/// Errors: signals cannot be listened for.
pub(super) fn asked_to_stop() -> Result<impl Future<Output = ()> + Send + 'static, Failure> {
    let listen =
        |kind| signal(kind).map_err(|error| Failure::Other(format!("signals cannot be listened for: {error}")));
    let (mut term, mut int) = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
    let mut hup = listen(SignalKind::hangup())?;
    let on_terminal = std::io::stdin().is_terminal() || std::io::stderr().is_terminal();
    Ok(async move {
        loop {
            tokio::select! {
                _ = term.recv() => break,
                _ = int.recv() => break,
                _ = hup.recv() => {
                    if on_terminal {
                        break;
                    }
                    tracing::warn!("SIGHUP ignored: the settings are read at start only; restart the server to apply them");
                }
            }
        }
        tracing::info!("stopping: open requests may finish");
        tokio::spawn(async move {
            tokio::time::sleep(SIGNAL_DEDUP_WINDOW).await;
            // Those that came meanwhile are one.
            while let Some(Some(())) = int.recv().now_or_never() {}
            int.recv().await;
            tracing::warn!("stopping at once");
            std::process::exit(1);
        });
    })
}
