//! `providers list` and `providers show`: what the catalogue knows.

use clap::Subcommand;
use serde_json::json;

use super::{Failure, print};
use crate::provider;

#[derive(Subcommand)]
pub(super) enum Command {
    /// All names
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
}

pub(super) fn run(command: &Command) -> Result<(), Failure> {
    match command {
        Command::List { json } => {
            let names = provider::catalog_names();
            print(&if *json { json!(names).to_string() } else { names.join("\n") })
        }
    }
}
