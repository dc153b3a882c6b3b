//! `audit`: reads the trail and prunes it. The server prunes it by itself after AUDIT_RETENTION.

use std::path::Path;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::table::columns;
use super::{Failure, database, pretty, print, users};
use crate::clock::{Deps, UnixMillis};
use crate::model::{AuditFilter, AuditKind, AuditRecord};
use crate::store::{self, Repository};

#[derive(Args)]
pub(super) struct Command {
    #[command(flatten)]
    read: Read,
    #[command(subcommand)]
    act: Option<Act>,
}

#[derive(Args)]
struct Read {
    /// Of this user alone: id or username
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    /// Of this provider alone
    #[arg(long, value_name = "NAME")]
    provider: Option<String>,
    /// Of this event alone: sign_up, sign_in, link, unlink, provider_tokens_dropped, refused, log_out, updated, exported, deactivated, activated, deleted
    #[arg(long, value_name = "EVENT", value_parser = event)]
    event: Option<AuditKind>,
    /// What was done, or what was refused
    #[arg(long, value_enum, value_name = "OUTCOME")]
    outcome: Option<Outcome>,
    /// With this code, such as invalid_code or legacy_uid
    #[arg(long, value_name = "CODE")]
    code: Option<String>,
    /// Of this request, as X-Request-Id and the log name it
    #[arg(long, value_name = "ID")]
    request: Option<String>,
    /// From then on: a moment in RFC 3339, or an age such as 2h
    #[arg(long, value_name = "WHEN", value_parser = when)]
    since: Option<When>,
    /// Before then: a moment in RFC 3339, or an age such as 2h
    #[arg(long, value_name = "WHEN", value_parser = when)]
    until: Option<When>,
    /// Most rows that are shown
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// As JSON
    #[arg(long)]
    json: bool,
    /// As JSON, one row a line
    #[arg(long, conflicts_with = "json")]
    jsonl: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Outcome {
    Done,
    Refused,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum When {
    Ago(Duration),
    At(UnixMillis),
}

#[derive(Subcommand)]
enum Act {
    /// Delete what is older
    Prune {
        /// Age: a number with s, m, h, d or w, such as 90d
        #[arg(long, value_name = "AGE", value_parser = age)]
        before: Duration,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
}

pub(super) async fn run(command: Command, config: Option<&Path>, deps: Deps) -> Result<(), Failure> {
    let settings = database::settings_of(config, &[])?;
    let repository = database::open(&settings).await?;
    let done = match command.act {
        None => read(command.read, repository.as_ref(), &deps).await,
        Some(Act::Prune { before, json }) => prune(before, json, repository.as_ref(), &deps).await,
    };
    repository.close().await;
    done
}

async fn read(wanted: Read, repository: &dyn Repository, deps: &Deps) -> Result<(), Failure> {
    let user = match &wanted.user {
        Some(user) => Some(users::id_of(repository, user).await?),
        None => None,
    };
    let moment = |when: When| match when {
        When::Ago(age) => deps.now().minus(age),
        When::At(moment) => moment,
    };
    let filter = AuditFilter {
        user,
        provider: wanted.provider,
        event: wanted.event,
        refused: wanted.outcome.map(|outcome| matches!(outcome, Outcome::Refused)),
        code: wanted.code,
        request_id: wanted.request,
        since: wanted.since.map(moment),
        until: wanted.until.map(moment),
    };
    let trail = repository.audit_events(&filter, i64::from(wanted.limit)).await?;
    if wanted.json {
        return print(&pretty(&trail)?);
    }
    if wanted.jsonl {
        let lines: Vec<String> = trail.iter().map(|record| json!(record).to_string()).collect();
        return if lines.is_empty() { Ok(()) } else { print(&lines.join("\n")) };
    }
    let heading = ["at", "event", "user", "provider", "kind", "code", "address", "agent", "request"];
    let mut rows = vec![heading.map(str::to_owned)];
    rows.extend(trail.into_iter().map(row));
    print(&columns(&rows))
}

fn row(record: AuditRecord) -> [String; 9] {
    let user = record.user_id.map(|id| id.to_string());
    let AuditRecord { at, event, code, provider, kind, ip, agent, request_id, .. } = record;
    [Some(at), Some(event), user, provider, kind, code, ip, agent, request_id].map(Option::unwrap_or_default)
}

async fn prune(age: Duration, json: bool, repository: &dyn Repository, deps: &Deps) -> Result<(), Failure> {
    let before = deps.now().minus(age);
    let deleted = store::delete_in_batches(|| repository.prune_audit(before)).await?;
    if json {
        return print(&pretty(&json!({"before": before.rfc3339(), "deleted": deleted}))?);
    }
    print(&format!("{deleted} rows from before {} are deleted", before.rfc3339()))
}

fn event(text: &str) -> Result<AuditKind, String> {
    serde_json::from_value(Value::from(text)).map_err(|_| "there is no such event: see --help".to_owned())
}

fn when(text: &str) -> Result<When, String> {
    let wrong = |_| "must be a moment such as 2026-11-24T12:00:00Z, or an age such as 90d".to_owned();
    UnixMillis::from_rfc3339(text).map_or_else(|| age(text).map(When::Ago).map_err(wrong), |at| Ok(When::At(at)))
}

/// `90d`. A bare number could be anything.
pub(super) fn age(text: &str) -> Result<Duration, String> {
    let wrong = || "must be a number with s, m, h, d or w, such as 90d".to_owned();
    let unit = text.chars().last().ok_or_else(wrong)?;
    let seconds: u64 = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 24 * 3600,
        'w' => 7 * 24 * 3600,
        _ => return Err(wrong()),
    };
    let count: u64 = text[..text.len() - 1].parse().map_err(|_| wrong())?;
    count.checked_mul(seconds).map(Duration::from_secs).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_has_a_unit() {
        assert_eq!(age("90d"), Ok(Duration::from_secs(90 * 86_400)));
        assert_eq!(age("0s"), Ok(Duration::ZERO));
        for wrong in ["", "90", "d", "-1d", "1.5h", "9y", "99999999999999999999d", "1ä", "18446744073709551615w"] {
            assert!(age(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_moment_is_written_out_or_an_age() {
        assert_eq!(when("2026-11-24T12:00:00Z"), Ok(When::At(UnixMillis(1_795_521_600_000))));
        assert_eq!(when("2026-11-24T14:00:00+02:00"), when("2026-11-24T12:00:00Z"));
        assert_eq!(when("2h"), Ok(When::Ago(Duration::from_secs(7200))));
        for wrong in ["", "yesterday", "2026-11-24", "12:00", "2"] {
            assert!(when(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_event_is_called_as_the_trail_calls_it() {
        assert_eq!(event("sign_up"), Ok(AuditKind::SignUp));
        assert!(event("SignUp").is_err() && event("").is_err());
    }
}
