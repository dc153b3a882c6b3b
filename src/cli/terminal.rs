//! Whether colours and progress bars are written to the terminal.

use std::env;
use std::io::IsTerminal as _;

/// Whether the standard error is a terminal that accepts colours: no `NO_COLOR` (<https://no-color.org>), no `TERM=dumb`.
pub(super) fn allows_colours() -> bool {
    let is_set = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    colours_allowed(std::io::stderr().is_terminal(), is_set, is_dumb())
}

/// Whether the standard error is a terminal that can redraw a line.
pub(super) fn can_redraw() -> bool {
    std::io::stderr().is_terminal() && !is_dumb()
}

/// Without TERM, nothing says what the terminal can do.
fn is_dumb() -> bool {
    env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb")
}

fn colours_allowed(is_terminal: bool, no_color: bool, is_dumb: bool) -> bool {
    is_terminal && !no_color && !is_dumb
}

/// Rows in a second, as an integer with separators.
pub(super) fn rate(per_second: f64) -> String {
    // Before the first step the rate is not finite.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the cast saturates")]
    let whole = if per_second.is_finite() { per_second.round() as u64 } else { 0 };
    format!("{}/s", indicatif::HumanCount(whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fault_d9_colours_need_a_terminal_that_accepts_them() {
        assert!(colours_allowed(true, false, false));
        for (is_terminal, no_color, is_dumb) in [(false, false, false), (true, true, false), (true, false, true)] {
            assert!(!colours_allowed(is_terminal, no_color, is_dumb));
        }
    }

    #[test]
    fn fault_d9_rate_is_an_integer() {
        assert_eq!(rate(29_064.999_349_927_63), "29,065/s");
        assert_eq!(
            (rate(0.4), rate(f64::INFINITY), rate(f64::NAN)),
            ("0/s".to_owned(), "0/s".to_owned(), "0/s".to_owned())
        );
    }
}
