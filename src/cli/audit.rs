//! `audit` lists audit events; `audit prune` deletes old ones. The server deletes events older than AUDIT_RETENTION itself.

use std::path::Path;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use futures_util::TryFutureExt as _;
use serde_json::{Value, json};

use super::configuration::settings_for;
use super::confirmation::confirm;
use super::failure::Failure;
use super::output::{print, print_either, print_json, table};
use super::progress::TerminalProgress;
use super::time_span::{When, parse_age, parse_when};
use super::{database, users};
use crate::clock::{Deps, UnixMillis};
use crate::model::{AuditFilter, AuditKind, AuditRecord};
use crate::store::{self, Repository};

#[derive(Args)]
pub(super) struct Command {
    #[command(flatten)]
    list: List,
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Args)]
struct List {
    /// Only events of this user: id or username
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    /// Only events of this provider
    #[arg(long, value_name = "NAME")]
    provider: Option<String>,
    /// Only this event: sign_up, sign_in, link, unlink, provider_tokens_dropped, refused, log_out, token_reused, updated, exported, deactivated, activated, deleted, service_added, service_removed, signing_key_rotated, signing_key_rotation_requested, signing_key_retired
    #[arg(long, value_name = "EVENT", value_parser = parse_event)]
    event: Option<AuditKind>,
    /// Only successes, or only refusals
    #[arg(long, value_enum, value_name = "OUTCOME")]
    outcome: Option<Outcome>,
    /// Only events with this code, such as invalid_code or legacy_uid
    #[arg(long, value_name = "CODE")]
    code: Option<String>,
    /// Only events of this service
    #[arg(long, value_name = "NAME")]
    service: Option<String>,
    /// Only events of this request: its id in X-Request-Id and in the log
    #[arg(long, value_name = "ID")]
    request: Option<String>,
    /// Only events since this time: RFC 3339, or an age such as 2h
    #[arg(long, value_name = "WHEN", value_parser = parse_when)]
    since: Option<When>,
    /// Only events before this time: RFC 3339, or an age such as 2h
    #[arg(long, value_name = "WHEN", value_parser = parse_when)]
    until: Option<When>,
    /// Maximum number of rows
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Print JSON, one row on each line
    #[arg(long, conflicts_with = "json")]
    jsonl: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Outcome {
    Done,
    Refused,
}

#[derive(Subcommand)]
enum Action {
    /// Delete events that are older than an age
    Prune {
        /// Age with a unit, such as 12h, 90d or 2w
        #[arg(long, value_name = "AGE", value_parser = parse_age)]
        before: Duration,
        /// Do not ask
        #[arg(long)]
        yes: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

pub(super) async fn run(command: Command, config: Option<&Path>, deps: Deps) -> Result<(), Failure> {
    let settings = settings_for(config, &[])?;
    let repository = database::open(&settings).await?;
    let result = match command.action {
        None => list(command.list, repository.as_ref(), &deps).await,
        Some(Action::Prune { before, yes, json }) => {
            let before = deps.now().minus(before);
            match confirmed(yes, before) {
                Ok(()) => prune(before, json, repository.as_ref()).await,
                refused => refused,
            }
        }
    };
    repository.close().await;
    result
}

async fn list(options: List, repository: &dyn Repository, deps: &Deps) -> Result<(), Failure> {
    let user = match &options.user {
        Some(user) => Some(users::id_of(repository, user).await?),
        None => None,
    };
    let now = deps.now();
    let filter = AuditFilter {
        user,
        provider: options.provider,
        event: options.event,
        refused: options.outcome.map(|outcome| matches!(outcome, Outcome::Refused)),
        code: options.code,
        service: options.service,
        request_id: options.request,
        since: options.since.map(|when| when.resolve(now)),
        until: options.until.map(|when| when.resolve(now)),
    };
    let events = repository.audit_events(&filter, i64::from(options.limit)).await?;
    if options.json {
        return print_json(&events);
    }
    if options.jsonl {
        let lines: Vec<String> = events.iter().map(|event| json!(event).to_string()).collect();
        return if lines.is_empty() { Ok(()) } else { print(&lines.join("\n")) };
    }
    let heading = ["at", "event", "user", "service", "provider", "kind", "code", "address", "agent", "request"];
    print(&table(heading, events.into_iter().map(row)))
}

fn row(record: AuditRecord) -> [String; 10] {
    let user = record.user_id.map(|id| id.to_string());
    let AuditRecord { at, event, service, code, provider, kind, ip, agent, request_id, .. } = record;
    [Some(at), Some(event), user, service, provider, kind, code, ip, agent, request_id].map(Option::unwrap_or_default)
}

fn confirmed(yes: bool, before: UnixMillis) -> Result<(), Failure> {
    let question = format!("Delete all audit events from before {}?", before.rfc3339());
    if yes { Ok(()) } else { confirm("delete audit events", &question, "yes") }
}

async fn prune(before: UnixMillis, as_json: bool, repository: &dyn Repository) -> Result<(), Failure> {
    let progress = TerminalProgress::of("deleted audit events", None);
    let deleted =
        store::delete_in_batches(|| repository.prune_audit(before).inspect_ok(|rows| progress.add(*rows))).await?;
    progress.finish();
    let result = json!({"before": before.rfc3339(), "deleted": deleted});
    print_either(as_json, &result, &format!("deleted {deleted} audit events from before {}", before.rfc3339()))
}

fn parse_event(text: &str) -> Result<AuditKind, String> {
    serde_json::from_value(Value::from(text)).map_err(|_| "is not an event: see --help".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_names_are_those_of_the_audit_log() {
        assert_eq!(parse_event("sign_up"), Ok(AuditKind::SignUp));
        assert!(parse_event("SignUp").is_err() && parse_event("").is_err());
    }
}
