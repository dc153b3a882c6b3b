//! Writes the lines of the log on a thread of its own. A reader of the log that stalls, such as a stopped log driver, fills the
//! pipe: a direct write would block the task that logs, and with it every request. Lines that exceed the queue are dropped and counted.

use std::io::{ErrorKind, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::metrics;

/// Some 4,000 lines.
const MAX_QUEUED_BYTES: usize = 1024 * 1024;
/// What a pipe writes atomically (PIPE_BUF): several processes may write to one.
const MAX_WRITTEN_BYTES: usize = 4096;
/// Another program can make the standard error non-blocking for all that have it.
const RETRY_INTERVAL: Duration = Duration::from_millis(10);

/// Cheap to clone. A write is one line; it never blocks and never fails.
#[derive(Clone)]
pub(super) struct LogWriter(Arc<Shared>);

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    /// Lines were added, or written.
    changed: Condvar,
}

#[derive(Default)]
struct Queue {
    lines: Vec<u8>,
    /// Whether the thread has lines that it has not written.
    is_writing: bool,
    /// Lines that were dropped since the log last said so.
    dropped: u64,
}

impl LogWriter {
    /// Errors: the thread cannot be started.
    pub fn start(target: impl Write + Send + 'static) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let writer = Self(shared.clone());
        std::thread::Builder::new().name("log".to_owned()).spawn(move || shared.write_to(target))?;
        Ok(writer)
    }

    /// Waits until all lines are written, at most `limit`.
    pub fn flush(&self, limit: Duration) {
        let is_busy = |queue: &mut Queue| queue.is_writing || !queue.lines.is_empty();
        drop(self.0.changed.wait_timeout_while(self.0.lock(), limit, is_busy));
    }
}

impl Write for LogWriter {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        let mut queue = self.0.lock();
        if !queue.lines.is_empty() && queue.lines.len() + line.len() > MAX_QUEUED_BYTES {
            queue.dropped += 1;
            metrics::count_dropped_log_lines(1);
        } else {
            // Otherwise the thread looks at the queue again by itself.
            let is_idle = queue.lines.is_empty() && !queue.is_writing;
            queue.lines.extend_from_slice(line);
            if is_idle {
                self.0.changed.notify_all();
            }
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Never returns.
    fn write_to(&self, mut target: impl Write) {
        loop {
            let queue = self.changed.wait_while(self.lock(), |queue| queue.lines.is_empty());
            let mut queue = queue.unwrap_or_else(PoisonError::into_inner);
            let lines = std::mem::take(&mut queue.lines);
            queue.is_writing = true;
            drop(queue);
            let failed = write_lines(&mut target, &lines);
            metrics::count_dropped_log_lines(failed);
            let mut queue = self.lock();
            queue.is_writing = false;
            // A log that cannot be written at all must not grow by lines that say so.
            let dropped = if failed == 0 { std::mem::take(&mut queue.dropped) } else { 0 };
            drop(queue);
            if dropped > 0 {
                tracing::warn!(
                    lines = dropped,
                    "lines of the log were dropped: the standard error was not read in time"
                );
            }
            self.changed.notify_all();
        }
    }
}

/// Writes whole lines at a time. Returns how many could not be written.
fn write_lines(target: &mut impl Write, mut lines: &[u8]) -> u64 {
    let mut failed = 0;
    while !lines.is_empty() {
        let (part, rest) = lines.split_at(end_of_part(lines));
        if write_part(target, part).is_err() {
            failed += part.iter().filter(|byte| **byte == b'\n').count() as u64;
        }
        lines = rest;
    }
    failed
}

/// The end of the last line that fits, or of the first line if it is longer.
fn end_of_part(lines: &[u8]) -> usize {
    let is_end = |byte: &u8| *byte == b'\n';
    if lines.len() <= MAX_WRITTEN_BYTES {
        return lines.len();
    }
    let fitting = lines.get(..MAX_WRITTEN_BYTES).and_then(|lines| lines.iter().rposition(is_end));
    fitting.or_else(|| lines.iter().position(is_end)).map_or(lines.len(), |end| end + 1)
}

/// `write_all`, which also waits for a non-blocking target.
fn write_part(target: &mut impl Write, mut part: &[u8]) -> std::io::Result<()> {
    while !part.is_empty() {
        match target.write(part) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(written) => part = part.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::sleep(RETRY_INTERVAL),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

    use super::*;

    /// Each write waits until the test reads it.
    struct SlowReader(SyncSender<Vec<u8>>);

    impl Write for SlowReader {
        fn write(&mut self, part: &[u8]) -> std::io::Result<usize> {
            self.0.send(part.to_vec()).map_err(|_| ErrorKind::BrokenPipe)?;
            Ok(part.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn started() -> (LogWriter, Receiver<Vec<u8>>) {
        let (sender, receiver) = sync_channel(0);
        (LogWriter::start(SlowReader(sender)).expect("a thread"), receiver)
    }

    fn log(writer: &mut LogWriter, line: &str) {
        assert_eq!(writer.write(line.as_bytes()).expect("never fails"), line.len());
    }

    fn dropped(writer: &LogWriter) -> u64 {
        writer.0.lock().dropped
    }

    #[test]
    fn lines_are_written_in_order_and_as_a_whole() {
        let (mut writer, reader) = started();
        let lines: Vec<String> = (0..2000).map(|n| format!("line {n} {}\n", "x".repeat(n % 50))).collect();
        for line in &lines {
            log(&mut writer, line);
        }
        let (wanted, mut read) = (lines.concat(), Vec::new());
        while read.len() < wanted.len() {
            let part = reader.recv().expect("a part");
            assert!(part.len() <= MAX_WRITTEN_BYTES && part.ends_with(b"\n"));
            read.extend(part);
        }
        assert_eq!(String::from_utf8(read).expect("text"), wanted);
        writer.flush(Duration::MAX);
        assert_eq!(dropped(&writer), 0);
    }

    #[test]
    fn a_reader_that_stalls_blocks_neither_a_write_nor_the_end() {
        let (mut writer, reader) = started();
        let line = format!("{}\n", "x".repeat(1023));
        // The thread may have taken some.
        for _ in 0..3 * MAX_QUEUED_BYTES / line.len() {
            log(&mut writer, &line);
        }
        assert!(dropped(&writer) >= 1024);
        writer.flush(Duration::ZERO);
        while writer.0.lock().is_writing || !writer.0.lock().lines.is_empty() {
            let _ = reader.recv_timeout(RETRY_INTERVAL);
        }
        assert_eq!(dropped(&writer), 0, "the log says how many were dropped");
        drop(reader);
        log(&mut writer, &line);
        writer.flush(Duration::MAX);
    }

    #[test]
    fn a_line_that_is_longer_than_a_part_is_written_alone() {
        let long = format!("{}\n", "x".repeat(2 * MAX_WRITTEN_BYTES));
        assert_eq!(end_of_part(format!("{long}next\n").as_bytes()), long.len());
        assert_eq!(end_of_part(format!("first\n{long}").as_bytes()), "first\n".len());
        assert_eq!(end_of_part(b"no end"), 6);
    }
}
