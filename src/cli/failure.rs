//! A failure as JSON: with `--json` a script reads the standard output alone, so that is where it finds the reason.

use std::ffi::OsString;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;

use super::{Failure, pretty, print};

/// Whether something was written to the standard output: a report that names what is wrong is not followed by a second
/// document.
static HAS_OUTPUT: AtomicBool = AtomicBool::new(false);

pub(super) fn note_output() {
    HAS_OUTPUT.store(true, Ordering::Relaxed);
}

/// Before the command line is parsed, since parsing may be what fails.
pub(super) fn wants_json(arguments: impl Iterator<Item = OsString>) -> bool {
    arguments.take_while(|argument| argument != "--").any(|argument| argument == "--json" || argument == "--jsonl")
}

/// The first paragraph of clap's text as one line, without its `error: `.
pub(super) fn usage_error(text: &str) -> String {
    let paragraph = text.split("\n\n").next().unwrap_or_default();
    let line = paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
    line.strip_prefix("error: ").unwrap_or(&line).to_owned()
}

pub(super) fn print_json(failure: &Failure) {
    if HAS_OUTPUT.load(Ordering::Relaxed) {
        return;
    }
    let error = match failure {
        Failure::Settings(errors) => {
            let settings = errors.iter().map(|error| json!({"name": error.name, "problem": error.problem}));
            json!({"message": "settings are missing or wrong", "settings": settings.collect::<Vec<_>>()})
        }
        Failure::Other(problem) => json!({"message": problem}),
    };
    // The reason is also on the standard error.
    if let Ok(text) = pretty(&json!({"error": error})) {
        let _ = print(&text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_asked_for_before_the_positional_arguments_alone() {
        let of = |line: &str| wants_json(line.split(' ').map(OsString::from));
        assert!(of("x users list --json") && of("x audit --jsonl"));
        assert!(!of("x users list") && !of("x users show -- --json"));
    }
}
