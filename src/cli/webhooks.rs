//! `webhooks`: the events for the operator's software, and sending them again. Servers send them; these commands do not.

use std::path::Path;

use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use strum::VariantNames as _;

use super::configuration::settings_for;
use super::database;
use super::failure::Failure;
use super::output::{columns, pretty, print, print_either, print_json, safe, table};
use super::prune::Prune;
use crate::clock::Deps;
use crate::model::{EventRecord, EventState};
use crate::store::{Repository, Resend};

#[derive(Subcommand)]
pub(super) enum Command {
    /// List events, the newest first
    List {
        /// Only events in this state
        #[arg(long, value_name = "STATE", value_parser = PossibleValuesParser::new(EventState::VARIANTS).try_map(|state| state.parse::<EventState>()))]
        state: Option<EventState>,
        /// Maximum number of events
        #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
        limit: u32,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show one event with its request body
    Show {
        /// Id of the event, from `webhooks list`
        id: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Queue events to be sent again now, with the same ids
    Resend {
        #[command(flatten)]
        selection: Selection,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Delete delivered and failed events that are older than an age
    Prune(Prune),
}

#[derive(Args)]
#[group(required = true, multiple = false)]
pub(super) struct Selection {
    /// Id of one event
    id: Option<String>,
    /// All events whose delivery failed finally
    #[arg(long)]
    dead: bool,
}

pub(super) async fn run(command: Command, config: Option<&Path>, deps: Deps) -> Result<(), Failure> {
    let settings = settings_for(config, &[])?;
    let repository = database::open(&settings).await?;
    database::close_after(repository, async |repository| execute(command, repository.as_ref(), &deps).await).await
}

async fn execute(command: Command, repository: &dyn Repository, deps: &Deps) -> Result<(), Failure> {
    match command {
        Command::List { state, limit, json } => list(repository.events(state, i64::from(limit)).await?, json),
        Command::Show { id, json } => show(repository.event(&id).await?.ok_or_else(|| no_event(&id))?, json),
        Command::Resend { selection, json } => {
            let selected = selection.id.as_deref().map_or(Resend::Dead, Resend::One);
            let queued = repository.resend_events(selected, deps.now()).await?;
            if let (0, Some(id)) = (queued, &selection.id) {
                return Err(no_event(id));
            }
            let text = format!("queued {queued} events: a running server sends them within seconds");
            print_either(json, &json!({"queued": queued}), &text)
        }
        Command::Prune(prune) => {
            let delete = |before| repository.prune_events(before);
            prune.run(deps.now(), "events", "delivered and failed events", delete).await
        }
    }
}

fn no_event(id: &str) -> Failure {
    Failure::Other(format!("there is no event {}", safe(id)))
}

fn list(events: Vec<EventRecord>, as_json: bool) -> Result<(), Failure> {
    if as_json {
        return print_json(&events.iter().map(event_json).collect::<Vec<Value>>());
    }
    let heading = ["id", "type", "user", "created", "state", "attempts", "next attempt", "error"];
    let row = |event: EventRecord| {
        let EventRecord { id, kind, created, next_attempt, error, .. } = event;
        let (user, attempts) = (event.user_id.to_string(), event.attempts.to_string());
        let [next, error] = [next_attempt, error].map(Option::unwrap_or_default);
        [id, kind, user, created, event.state.to_string(), attempts, next, error]
    };
    print(&table(heading, events.into_iter().map(row)))
}

fn show(event: EventRecord, as_json: bool) -> Result<(), Failure> {
    let body: Value = serde_json::from_str(&event.body).map_err(|error| Failure::Other(error.to_string()))?;
    if as_json {
        let mut shown = event_json(&event);
        shown["body"] = body;
        return print_json(&shown);
    }
    let fields = [
        ("id", Some(event.id)),
        ("type", Some(event.kind)),
        ("user", Some(event.user_id.to_string())),
        ("state", Some(event.state.to_string())),
        ("attempts", Some(event.attempts.to_string())),
        ("created", Some(event.created)),
        ("next attempt", event.next_attempt),
        ("delivered", event.delivered),
        ("error", event.error),
    ];
    let rows: Vec<[String; 2]> =
        fields.into_iter().filter_map(|(name, value)| Some([name.to_owned(), value?])).collect();
    // JSON escapes control characters; line ends are those of its layout.
    let body: Vec<String> = pretty(&body)?.lines().map(safe).collect();
    print(&format!("{}\n{}", columns(&rows), body.join("\n")))
}

fn event_json(event: &EventRecord) -> Value {
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
