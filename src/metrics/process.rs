//! The figures of the process, under the names that all clients of Prometheus use. They are read at each scrape.

use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};

/// Registers what this system tells: macOS does not tell the memory.
pub(super) fn register(registry: &mut Registry) {
    let cpu = clock_gettime(ClockId::ProcessCPUTime);
    let seconds = cpu.tv_sec as f64 + cpu.tv_nsec as f64 / 1e9;
    registry.register("process_cpu_seconds", "CPU time of the process", ConstCounter::new(seconds));
    if let Some(bytes) = resident_bytes() {
        registry.register("process_resident_memory_bytes", "Memory of the process", ConstGauge::new(bytes));
    }
    if let Some(open) = open_files() {
        registry.register("process_open_fds", "Open files and connections", ConstGauge::new(open));
    }
    if let Some(limit) = getrlimit(Resource::Nofile).current {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        registry.register("process_max_fds", "Files and connections that may be open", ConstGauge::new(limit));
    }
}

fn resident_bytes() -> Option<i64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: i64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

/// Without the one that reads the directory.
fn open_files() -> Option<i64> {
    let entries = std::fs::read_dir("/dev/fd").ok()?;
    Some(i64::try_from(entries.count()).unwrap_or(i64::MAX).saturating_sub(1))
}
