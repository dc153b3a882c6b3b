//! The question before what cannot be undone. `--yes` skips it; without a terminal it is required.

use std::io::{IsTerminal as _, Write as _};

use super::failure::Failure;

/// Asks on the terminal. `action`: what is confirmed, such as `delete this user`. `expected`: what the operator must type.
///
/// Errors: not confirmed, or there is no terminal.
pub(super) fn confirm(action: &str, question: &str, expected: &str) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::Other(format!("the confirmation cannot be read: {error}"));
    if !std::io::stdin().is_terminal() {
        return Err(Failure::Other(format!("to {action} without a terminal, add --yes")));
    }
    eprint!("{question} Type {expected} to confirm: ");
    std::io::stderr().flush().map_err(failed)?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).map_err(failed)?;
    if answer.trim() == expected {
        Ok(())
    } else {
        Err(Failure::Other("not confirmed: nothing was changed".to_owned()))
    }
}
