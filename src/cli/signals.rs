//! Signals that stop the process: SIGTERM and SIGINT. A second SIGINT stops it at once. SIGHUP stops a process on a terminal,
//! because the terminal was closed. It asks a service to reload its settings.

use std::io::IsTerminal as _;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::signal::unix::{SignalKind, signal};

use super::failure::Failure;
use super::logging;

/// How often the parent process is looked at.
const PARENT_CHECK_INTERVAL: Duration = Duration::from_millis(250);

/// Supervisors signal both a process and its process group: signals within this time count as one.
const SIGNAL_DEDUP_WINDOW: Duration = Duration::from_secs(1);

/// Resolves when a signal stops the process. `hang_up`: called at each SIGHUP of a service.
///
/// Errors: the signal handlers cannot be installed.
pub(super) fn stop_signal(
    hang_up: impl Fn() + Send + 'static,
) -> Result<impl Future<Output = ()> + Send + 'static, Failure> {
    let listen =
        |kind| signal(kind).map_err(|error| Failure::Other(format!("signal handlers cannot be installed: {error}")));
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
                    hang_up();
                }
            }
        }
        tracing::info!("stopping: open requests are finished first");
        tokio::spawn(async move {
            tokio::time::sleep(SIGNAL_DEDUP_WINDOW).await;
            // Discards the signals of that time.
            while let Some(Some(())) = int.recv().now_or_never() {}
            int.recv().await;
            tracing::warn!("stopping at once");
            logging::flush();
            std::process::exit(1);
        });
    })
}

/// Makes writes beyond a limit on the size of files fail, as those on a full disk do. By default the signal SIGXFSZ ends the process.
///
/// Errors: the signal handler cannot be installed.
pub(super) fn ignore_file_size_signal() -> std::io::Result<()> {
    // The handler stays installed.
    signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw())).map(drop)
}

/// Resolves when the parent process has ended, which makes another process the parent. Never resolves for a process that the system's
/// first process has started, as in a container.
pub(super) fn parent_exit() -> impl Future<Output = ()> {
    // Now, since the parent may have ended when the future is polled.
    let parent = std::os::unix::process::parent_id();
    async move {
        if parent <= 1 {
            return std::future::pending().await;
        }
        while std::os::unix::process::parent_id() == parent {
            tokio::time::sleep(PARENT_CHECK_INTERVAL).await;
        }
    }
}
