//! What may be written to a terminal: colours and a progress bar only where the user's environment allows them.

use std::env;
use std::io::IsTerminal as _;

/// Whether the standard error may have colours: a terminal, no `NO_COLOR` (https://no-color.org), and not `TERM=dumb`.
pub(super) fn has_colours() -> bool {
    let is_set = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    colours(std::io::stderr().is_terminal(), is_set, is_dumb())
}

/// Whether the standard error can redraw a line.
pub(super) fn can_redraw() -> bool {
    std::io::stderr().is_terminal() && !is_dumb()
}

fn is_dumb() -> bool {
    env::var_os("TERM").is_some_and(|term| term == "dumb")
}

fn colours(is_terminal: bool, no_color: bool, is_dumb: bool) -> bool {
    is_terminal && !no_color && !is_dumb
}

/// Of a progress bar, as a whole number with separators.
pub(super) fn rate(per_second: f64) -> String {
    // NaN and infinity, before the first step, become 0 and the largest number.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rate that does not fit becomes the nearest number"
    )]
    let whole = if per_second.is_finite() { per_second.round() as u64 } else { 0 };
    format!("{}/s", indicatif::HumanCount(whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fault_d9_colours_only_on_a_terminal_that_wants_them() {
        assert!(colours(true, false, false));
        for (is_terminal, no_color, is_dumb) in [(false, false, false), (true, true, false), (true, false, true)] {
            assert!(!colours(is_terminal, no_color, is_dumb));
        }
    }

    #[test]
    fn fault_d9_a_rate_is_a_whole_number() {
        assert_eq!(rate(29_064.999_349_927_63), "29,065/s");
        assert_eq!(
            (rate(0.4), rate(f64::INFINITY), rate(f64::NAN)),
            ("0/s".to_owned(), "0/s".to_owned(), "0/s".to_owned())
        );
    }
}
