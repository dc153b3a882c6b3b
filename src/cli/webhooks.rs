//! `webhooks`: what the operator's software was told, or could not be, and telling it once more. Servers do the sending.

use std::path::Path;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::audit::age;
use super::table::{columns, plain};
use super::{Failure, database, pretty, print};
use crate::clock::Deps;
use crate::model::{EventRecord, EventState};
use crate::store::{self, Repository, Resend};

#[derive(Subcommand)]
pub(super) enum Command {
    /// The newest first
    List {
        /// In this state alone
        #[arg(long, value_enum, value_name = "STATE")]
        state: Option<State>,
        /// Most that are listed
        #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
        limit: u32,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// One event, with what is sent
    Show {
        /// The event's id, as `list` has it
        id: String,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Have an event sent again now, with the same id
    Resend {
        #[command(flatten)]
        which: Which,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Delete what was delivered or given up and is older
    Prune {
        /// Age: a number with s, m, h, d or w, such as 90d
        #[arg(long, value_name = "AGE", value_parser = age)]
        before: Duration,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Clone, Copy, ValueEnum)]
pub(super) enum State {
    Pending,
    Delivered,
    Dead,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
pub(super) struct Which {
    /// This one, by its id
    id: Option<String>,
    /// All that were given up
    #[arg(long)]
    dead: bool,
}

pub(super) async fn run(command: Command, config: Option<&Path>, deps: Deps) -> Result<(), Failure> {
    let settings = database::settings_of(config, &[])?;
    let repository = database::open(&settings).await?;
    let done = execute(command, repository.as_ref(), &deps).await;
    repository.close().await;
    done
}

async fn execute(command: Command, repository: &dyn Repository, deps: &Deps) -> Result<(), Failure> {
    match command {
        Command::List { state, limit, json } => {
            let state = state.map(|state| match state {
                State::Pending => EventState::Pending,
                State::Delivered => EventState::Delivered,
                State::Dead => EventState::Dead,
            });
            list(&repository.events(state, i64::from(limit)).await?, json)
        }
        Command::Show { id, json } => show(repository.event(&id).await?.ok_or_else(|| no_event(&id))?, json),
        Command::Resend { which, json } => {
            let wanted = which.id.as_deref().map_or(Resend::Dead, Resend::One);
            let queued = repository.resend_events(wanted, deps.now()).await?;
            if let (0, Some(id)) = (queued, &which.id) {
                return Err(no_event(id));
            }
            if json {
                return print(&pretty(&json!({"queued": queued}))?);
            }
            print(&format!("{queued} queued: a server sends them within seconds"))
        }
        Command::Prune { before, json } => {
            let before = deps.now().minus(before);
            let deleted = store::delete_in_batches(|| repository.prune_events(before)).await?;
            if json {
                return print(&pretty(&json!({"before": before.rfc3339(), "deleted": deleted}))?);
            }
            print(&format!("{deleted} events from before {} are deleted", before.rfc3339()))
        }
    }
}

fn no_event(id: &str) -> Failure {
    Failure::Other(format!("there is no event {}", plain(id)))
}

fn list(events: &[EventRecord], json: bool) -> Result<(), Failure> {
    if json {
        return print(&pretty(&events.iter().map(member).collect::<Vec<Value>>())?);
    }
    let heading = ["id", "type", "user", "created", "state", "tries", "next try", "error"];
    let mut rows = vec![heading.map(str::to_owned)];
    rows.extend(events.iter().cloned().map(|event| {
        let EventRecord { id, kind, created, next_attempt, error, .. } = event;
        let (user, tries) = (event.user_id.to_string(), event.attempts.to_string());
        let [next, error] = [next_attempt, error].map(Option::unwrap_or_default);
        [id, kind, user, created, event.state.to_string(), tries, next, error]
    }));
    print(&columns(&rows))
}

fn show(event: EventRecord, json: bool) -> Result<(), Failure> {
    let body: Value = serde_json::from_str(&event.body).map_err(|error| Failure::Other(error.to_string()))?;
    if json {
        let mut shown = member(&event);
        shown["body"] = body;
        return print(&pretty(&shown)?);
    }
    let facts = [
        ("id", Some(event.id)),
        ("type", Some(event.kind)),
        ("user", Some(event.user_id.to_string())),
        ("state", Some(event.state.to_string())),
        ("tries", Some(event.attempts.to_string())),
        ("created", Some(event.created)),
        ("next try", event.next_attempt),
        ("delivered", event.delivered),
        ("error", event.error),
    ];
    let facts: Vec<[String; 2]> = facts.into_iter().filter_map(|(name, fact)| Some([name.to_owned(), fact?])).collect();
    // JSON holds no control character but those that lay it out.
    let body: Vec<String> = pretty(&body)?.lines().map(plain).collect();
    print(&format!("{}\n{}", columns(&facts), body.join("\n")))
}

fn member(event: &EventRecord) -> Value {
    json!({
        "id": event.id,
        "type": event.kind,
        "user_id": event.user_id,
        "state": event.state,
        "attempts": event.attempts,
        "created": event.created,
        "next_attempt": event.next_attempt,
        "delivered": event.delivered,
        "error": event.error,
    })
}
