//! `services`: the back-ends that may introspect and revoke credentials of users.

use std::path::Path;

use clap::Subcommand;
use serde_json::{Value, json};

use super::configuration::settings_for;
use super::confirmation::confirm;
use super::database;
use super::failure::Failure;
use super::output::{columns, is_discarded, pretty, print, print_either, print_json, print_once, safe, table};
use crate::clock::{Deps, UnixMillis};
use crate::model::{AuditEvent, AuditKind, Service, ServiceName};
use crate::secrets::{ExposeSecret as _, SecretString};
use crate::store::Repository;

#[derive(Subcommand)]
pub(super) enum Command {
    /// Add a service and print its client id and its secret, which is shown only once
    Add {
        /// Name of the service: letters, digits, `.`, `_` and `-`
        name: ServiceName,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// List services, with the time of their last call
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Remove a service. Running servers refuse its next call
    Remove {
        /// Name of the service
        name: ServiceName,
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
    database::close_after(repository, async |repository| match command {
        Command::Add { name, json } => add(name, json, repository.as_ref(), &deps).await,
        Command::List { json } => list(json, repository.as_ref()).await,
        Command::Remove { name, yes, json } => {
            if !yes {
                let question = format!("Remove the service {name}? Its secret is of no use afterwards.");
                confirm(&format!("remove {name}"), &question, "yes")?;
            }
            remove(&name, json, repository.as_ref(), &deps).await
        }
    })
    .await
}

async fn add(name: ServiceName, as_json: bool, repository: &dyn Repository, deps: &Deps) -> Result<(), Failure> {
    if is_discarded() {
        let problem =
            "the standard output is closed or /dev/null, and the secret is shown only once: no service was added";
        return Err(Failure::Other(problem.to_owned()));
    }
    let (service, secret) = Service::new(name, deps);
    let audit = AuditEvent::of_service(AuditKind::ServiceAdded, service.name.clone(), service.created);
    if !repository.insert_service(&service, &audit).await? {
        let problem = "is in use. Choose another name, or remove that service first";
        return Err(Failure::Other(format!("the name {} {problem}", safe(service.name.as_str()))));
    }
    let printed = shown_once(&service, &secret, as_json).and_then(|text| print_once(&text));
    if printed.is_err() {
        // A command that fails changes nothing, and nothing else knows the secret.
        let audit = AuditEvent::of_service(AuditKind::ServiceRemoved, service.name.clone(), deps.now());
        repository.remove_service(&service.name, &audit).await?;
    }
    printed
}

fn shown_once(service: &Service, secret: &SecretString, as_json: bool) -> Result<String, Failure> {
    if as_json {
        return pretty(&with_secret(service, secret));
    }
    let rows =
        [["name", service.name.as_str()], ["client id", &service.client_id], ["client secret", secret.expose_secret()]]
            .map(|row| row.map(str::to_owned));
    let note = "The secret is shown only now: the database has its digest.";
    Ok(format!("{}\n{note}", columns(&rows)))
}

async fn list(as_json: bool, repository: &dyn Repository) -> Result<(), Failure> {
    let services = repository.services().await?;
    if as_json {
        return print_json(&services.iter().map(service_json).collect::<Vec<Value>>());
    }
    let row = |service: Service| {
        let last_used = service.last_used.map_or_else(|| "never".to_owned(), UnixMillis::rfc3339);
        [service.name.to_string(), service.client_id, service.created.rfc3339(), last_used]
    };
    print(&table(["name", "client id", "created", "last used"], services.into_iter().map(row)))
}

async fn remove(name: &ServiceName, as_json: bool, repository: &dyn Repository, deps: &Deps) -> Result<(), Failure> {
    let audit = AuditEvent::of_service(AuditKind::ServiceRemoved, name.clone(), deps.now());
    if !repository.remove_service(name, &audit).await? {
        return Err(Failure::Other(format!("there is no service {name}")));
    }
    print_either(as_json, &json!({"removed": name}), &format!("removed {name}: servers refuse its next call"))
}

fn service_json(service: &Service) -> Value {
    json!({
        "name": service.name,
        "client_id": service.client_id,
        "created": service.created.rfc3339(),
        "last_used": service.last_used.map(UnixMillis::rfc3339),
    })
}

/// With the names of OAuth 2.0 dynamic registration (RFC 7591), which secret stores expect.
fn with_secret(service: &Service, secret: &SecretString) -> Value {
    let mut shown = service_json(service);
    shown["client_secret"] = secret.expose_secret().into();
    shown
}
