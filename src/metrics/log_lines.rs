//! Lines that are missing in the log. There is one log for all servers of a process, so there is one count.

use std::sync::atomic::{AtomicU64, Ordering};

static DROPPED: AtomicU64 = AtomicU64::new(0);

/// Lines of the log could not be written.
pub fn count_dropped_log_lines(lines: u64) {
    DROPPED.fetch_add(lines, Ordering::Relaxed);
}

pub(super) fn dropped() -> u64 {
    DROPPED.load(Ordering::Relaxed)
}
