//! When to stop: SIGTERM or SIGINT asks for it, a second one insists.

use tokio::signal::unix::{SignalKind, signal};

use super::Failure;

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
            tokio::select! {
                _ = term.recv() => {}
                _ = int.recv() => {}
            }
            tracing::warn!("stopping at once");
            std::process::exit(1);
        });
    })
}
