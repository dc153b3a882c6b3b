//! The progress of long work, as a line on the terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressState, ProgressStyle};

use super::terminal;
use crate::import::Progress;

/// A line on the standard error, if that is a terminal.
#[derive(Default)]
pub(super) struct TerminalProgress(Option<ProgressBar>);

impl TerminalProgress {
    /// Starts a line. `rows`: how many there are; `None`: that is not known.
    pub fn of(what: &str, rows: Option<u64>) -> Self {
        if !terminal::can_redraw() {
            return Self(None);
        }
        let (bar, style) = match rows {
            Some(rows) => (
                ProgressBar::new(rows),
                ProgressStyle::with_template("{msg:34} {bar:30} {human_pos:>11}/{human_len} {rate:>14} {eta:>5}"),
            ),
            None => (ProgressBar::no_length(), ProgressStyle::with_template("{msg:34} {human_pos:>11} {rate:>14}")),
        };
        if let Ok(style) = style {
            let rate = |state: &ProgressState, out: &mut dyn std::fmt::Write| {
                let _ = out.write_str(&terminal::rate(state.per_sec()));
            };
            bar.set_style(style.with_key("rate", rate));
        }
        bar.set_message(what.to_owned());
        bar.enable_steady_tick(Duration::from_millis(200));
        Self(Some(bar))
    }

    pub fn add(&self, rows: u64) {
        if let Some(bar) = &self.0 {
            bar.inc(rows);
        }
    }

    pub fn finish(self) {
        if let Some(bar) = self.0 {
            bar.finish();
        }
    }
}

impl Progress for TerminalProgress {
    fn begin(&mut self, table: &str, rows: u64) {
        *self = Self::of(table, Some(rows));
    }

    fn advance(&mut self, rows: u64) {
        self.add(rows);
    }

    fn end(&mut self) {
        std::mem::take(self).finish();
    }
}
