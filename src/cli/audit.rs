//! `audit` lists audit events; `audit prune` deletes old ones. The server deletes events older than AUDIT_RETENTION itself.

use std::path::Path;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;
use strum::VariantNames as _;

use super::configuration::settings_for;
use super::failure::Failure;
use super::output::{print, print_json, table};
use super::prune::Prune;
use super::time_span::{When, parse_when};
use super::{database, users};
use crate::clock::Deps;
use crate::model::{AuditFilter, AuditKind, AuditRecord};
use crate::store::Repository;

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
    #[arg(long, value_name = "EVENT", value_parser = parse_event, help = event_help())]
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
    Prune(Prune),
}

pub(super) async fn run(command: Command, config: Option<&Path>, deps: Deps) -> Result<(), Failure> {
    let settings = settings_for(config, &[])?;
    let repository = database::open(&settings).await?;
    database::close_after(repository, async |repository| match command.action {
        None => list(command.list, repository.as_ref(), &deps).await,
        Some(Action::Prune(prune)) => {
            let delete = |before| repository.prune_audit(before);
            prune.run(deps.now(), "audit events", "all audit events", delete).await
        }
    })
    .await
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

fn event_help() -> String {
    format!("Only this event: {}", AuditKind::VARIANTS.join(", "))
}

fn parse_event(text: &str) -> Result<AuditKind, String> {
    text.parse().map_err(|_| "is not an event: see --help".to_owned())
}
