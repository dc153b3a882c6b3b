//! What processes have used, from `/proc`.

use std::fs;

/// CPU time of a process and its children, those that ended included, in ticks of 10 ms.
pub fn cpu_ticks(pid: u64) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name in parentheses may contain spaces. After it: state, then utime, stime, cutime and cstime as numbers 12 to 15.
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let own: u64 = after_name.split_whitespace().skip(11).take(4).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    own + children(pid).into_iter().map(cpu_ticks).sum::<u64>()
}

/// Bytes that a process and its children have caused to be written to a disk.
pub fn written_bytes(pid: u64) -> u64 {
    let io = fs::read_to_string(format!("/proc/{pid}/io")).unwrap_or_default();
    let own = io.lines().find_map(|line| line.strip_prefix("write_bytes: ")?.parse::<u64>().ok()).unwrap_or_default();
    own + children(pid).into_iter().map(written_bytes).sum::<u64>()
}

fn children(pid: u64) -> Vec<u64> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    tasks
        .filter_map(|task| fs::read_to_string(task.path().join("children")).ok())
        .flat_map(|children| children.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>())
        .collect()
}
