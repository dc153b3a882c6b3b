//! The results of commands on the standard output: text in columns, or one JSON document for scripts.

use std::fs::File;
use std::io::Write as _;
use std::os::fd::AsFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize;
use serde_json::json;

use super::failure::Failure;
use crate::model::is_bidi_or_control;

/// Whether the standard output has a result. The standard output must not contain a second JSON document.
static HAS_OUTPUT: AtomicBool = AtomicBool::new(false);

/// Prints `text` and ends the line. A reader that closes the pipe early is not an error.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    match write(text) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(unwritable(&error)),
        _ => Ok(()),
    }
}

/// As [`print`], for what is printed only once: a reader that closes the pipe early is an error.
pub(super) fn print_once(text: &str) -> Result<(), Failure> {
    write(text).map_err(|error| unwritable(&error))
}

fn write(text: &str) -> std::io::Result<()> {
    HAS_OUTPUT.store(true, Ordering::Relaxed);
    let mut out = std::io::stdout().lock();
    let end = if text.ends_with('\n') { "" } else { "\n" };
    out.write_all(text.as_bytes()).and_then(|()| out.write_all(end.as_bytes())).and_then(|()| out.flush())
}

fn unwritable(error: &std::io::Error) -> Failure {
    Failure::Other(format!("the standard output cannot be written: {error}"))
}

/// Whether the standard output is `/dev/null`, or was closed when the process started, which Rust turns into the same.
pub(super) fn is_discarded() -> bool {
    let device = |found: std::io::Result<std::fs::Metadata>| found.ok().map(|found| found.rdev());
    let Ok(output) = std::io::stdout().as_fd().try_clone_to_owned() else { return false };
    let output = device(File::from(output).metadata());
    output.is_some_and(|device| device != 0) && output == device(std::fs::metadata("/dev/null"))
}

pub(super) fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    print(&pretty(value)?)
}

/// Prints `value` with `--json`, `text` without.
pub(super) fn print_either(as_json: bool, value: &impl Serialize, text: &str) -> Result<(), Failure> {
    if as_json { print_json(value) } else { print(text) }
}

pub(super) fn pretty(value: &impl Serialize) -> Result<String, Failure> {
    serde_json::to_string_pretty(value).map_err(|error| Failure::Other(error.to_string()))
}

/// For scripts, which read the standard output only. The reason is on the standard error too.
pub(super) fn print_failure_as_json(failure: &Failure) {
    if HAS_OUTPUT.load(Ordering::Relaxed) {
        return;
    }
    let error = match failure {
        Failure::Settings(errors) => {
            let settings = errors.iter().map(|error| json!({"name": error.name, "problem": error.problem}));
            json!({"message": "settings are missing or wrong, or what they name cannot be used", "settings": settings.collect::<Vec<_>>()})
        }
        Failure::CommandLine(problem) | Failure::Other(problem) => json!({"message": problem}),
    };
    let _ = print_json(&json!({"error": error}));
}

/// Replaces control characters and bidirectional controls, with which text of users or providers could change the terminal.
pub(super) fn safe(text: &str) -> String {
    text.chars().map(|c| if is_bidi_or_control(c) { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// One line for each row, of which the first is the heading.
pub(super) fn columns<const N: usize>(rows: &[[String; N]]) -> String {
    let rows: Vec<[String; N]> = rows.iter().map(|row| row.each_ref().map(|cell| safe(cell))).collect();
    let mut widths = [0; N];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |row: &[String; N]| {
        let cells: Vec<String> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        format!("{}\n", cells.join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

/// The same with a heading of constant names.
pub(super) fn table<const N: usize>(heading: [&str; N], rows: impl Iterator<Item = [String; N]>) -> String {
    columns(&std::iter::once(heading.map(str::to_owned)).chain(rows).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn external_text_cannot_control_the_terminal() {
        let rows = std::iter::once(["a\u{1b}[2Jb\n", "\u{202e}7"].map(str::to_owned));
        assert_eq!(table(["name", "id"], rows), "name     id\na\u{fffd}[2Jb\u{fffd}  \u{fffd}7\n");
    }
}
