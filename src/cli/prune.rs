//! The subcommands `prune`: they delete old rows in batches.

use std::future::Future;
use std::time::Duration;

use clap::Args;
use futures_util::TryFutureExt as _;
use serde_json::json;

use super::confirmation::confirm;
use super::failure::Failure;
use super::output::print_either;
use super::progress::TerminalProgress;
use super::time_span::parse_age;
use crate::clock::UnixMillis;
use crate::store;

#[derive(Args)]
pub(super) struct Prune {
    /// Age with a unit, such as 12h, 90d or 2w
    #[arg(long, value_name = "AGE", value_parser = parse_age)]
    before: Duration,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Prune {
    /// `what` and `which`: the rows, as the messages and the question name them. `delete`: deletes a batch of those from before a
    /// time.
    pub async fn run<F>(
        self,
        now: UnixMillis,
        what: &str,
        which: &str,
        delete: impl Fn(UnixMillis) -> F,
    ) -> Result<(), Failure>
    where
        F: Future<Output = store::Result<u64>>,
    {
        let before = now.minus(self.before);
        let time = before.rfc3339();
        if !self.yes {
            confirm(&format!("delete {what}"), &format!("Delete {which} from before {time}?"), "yes")?;
        }
        let progress = TerminalProgress::of(&format!("deleted {what}"), None);
        let deleted = store::delete_in_batches(|| delete(before).inspect_ok(|rows| progress.add(*rows))).await?;
        progress.finish();
        let text = format!("deleted {deleted} {what} from before {time}");
        print_either(self.json, &json!({"before": time, "deleted": deleted}), &text)
    }
}
