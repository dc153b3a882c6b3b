//! `audit`: reads the trail and prunes it. The server prunes it by itself after AUDIT_RETENTION.

use std::path::Path;
use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::json;

use super::table::columns;
use super::{Failure, database, pretty, print, users};
use crate::clock::Ambient;
use crate::model::AuditRecord;
use crate::store::Repository;

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
    #[arg(long, value_name = "ID")]
    user: Option<String>,
    /// Most rows that are shown
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// As JSON
    #[arg(long)]
    json: bool,
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

pub(super) async fn run(command: Command, config: Option<&Path>, ambient: Ambient) -> Result<(), Failure> {
    let settings = database::settings_of(config, &[])?;
    let repository = database::open(&settings).await?;
    let done = match command.act {
        None => read(command.read, repository.as_ref()).await,
        Some(Act::Prune { before, json }) => prune(before, json, repository.as_ref(), &ambient).await,
    };
    repository.close().await;
    done
}

async fn read(wanted: Read, repository: &dyn Repository) -> Result<(), Failure> {
    let user = match &wanted.user {
        Some(user) => Some(users::id_of(repository, user).await?),
        None => None,
    };
    let trail = repository.audit_trail(user, i64::from(wanted.limit)).await?;
    if wanted.json {
        return print(&pretty(&trail)?);
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

async fn prune(age: Duration, json: bool, repository: &dyn Repository, ambient: &Ambient) -> Result<(), Failure> {
    let before = ambient.now().minus(age);
    let deleted = repository.prune_audit(before).await?;
    if json {
        return print(&pretty(&json!({"before": before.rfc3339(), "deleted": deleted}))?);
    }
    print(&format!("{deleted} rows from before {} are deleted", before.rfc3339()))
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
}
