//! `users`: who is here, what they signed in with, and an operator's acts on them.

use std::io::{IsTerminal as _, Write as _};
use std::path::Path;

use clap::Subcommand;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::table::{columns, plain};
use super::{Failure, database, pretty, print};
use crate::account;
use crate::clock::{Deps, UnixMillis};
use crate::model::{AuditEvent, AuditKind, CredentialEntry, CredentialQuery, SocialAccount, User, UserId};
use crate::outgoing::Client;
use crate::provider::Providers;
use crate::settings::Settings;
use crate::store::{Repository, StoredAccount, UserSearch};

#[derive(Subcommand)]
pub(super) enum Command {
    /// In the order of their ids
    List {
        /// Those whose username or e-mail address begins with this in any case, or who have an account of exactly this uid
        #[arg(long, value_name = "TEXT", conflicts_with = "contains")]
        search: Option<String>,
        /// Those whose username, e-mail address or name contains this in any case: slow, since it reads all users
        #[arg(long, value_name = "TEXT")]
        contains: Option<String>,
        /// Most that are listed
        #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
        limit: u32,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// One user, with linked accounts and all that is signed in
    Show {
        /// Id or username; `id:7` and `username:7` say which
        user: String,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Keep a user out: every session and token ends at once, on all servers
    Deactivate {
        /// Id or username; `id:7` and `username:7` say which
        user: String,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Let a user in again, who then signs in anew
    Activate {
        /// Id or username; `id:7` and `username:7` say which
        user: String,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Delete a user for good, with linked accounts and credentials; the audit trail stays
    Delete {
        /// Id or username; `id:7` and `username:7` say which
        user: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
}

pub(super) async fn run(command: Command, config: Option<&Path>, deps: Deps) -> Result<(), Failure> {
    let settings = database::settings_of(config, &["WEBHOOK_URL", "WEBHOOK_SECRETS", "WEBHOOK_EVENTS"])?;
    let repository = database::open_announcing(&settings, &deps).await?;
    let done = execute(command, &settings, repository.as_ref(), &deps).await;
    repository.close().await;
    done
}

async fn execute(
    command: Command,
    settings: &Settings,
    repository: &dyn Repository,
    deps: &Deps,
) -> Result<(), Failure> {
    let now = deps.now();
    match command {
        Command::List { search, contains, limit, json } => {
            let search = match (&search, &contains) {
                (Some(text), _) => UserSearch::Prefix(text),
                (None, Some(text)) => UserSearch::Substring(text),
                (None, None) => UserSearch::All,
            };
            list(repository, search, limit, json).await
        }
        Command::Show { user, json } => {
            let user = find(repository, &user).await?;
            let accounts = repository.accounts_of(user.id).await?;
            // Also sessions that SESSION_IDLE_TIMEOUT has ended: the command does not read that setting.
            let all = CredentialQuery { now, idle_since: None, after: None, limit: i64::MAX };
            let credentials = repository.credentials_of(user.id, &all).await?;
            if json {
                let mut shown = member(&user);
                shown["fields"] = user.fields.clone().into();
                shown["accounts"] = accounts.iter().map(linked).collect();
                shown["credentials"] = credentials.iter().map(credential).collect();
                return print(&pretty(&shown)?);
            }
            print(&page(&user, &accounts, &credentials))
        }
        Command::Deactivate { user, json } => set_active(repository, &user, false, now, json).await,
        Command::Activate { user, json } => set_active(repository, &user, true, now, json).await,
        Command::Delete { user, yes, json } => {
            let user = find(repository, &user).await?;
            if !yes {
                confirmed(&user)?;
            }
            let audit = AuditEvent::of_operator(AuditKind::Deleted, user.id, now);
            let Some(accounts) = repository.delete_user(user.id, &audit).await? else {
                return Err(Failure::Other(format!("{} is gone already", named(&user))));
            };
            revoke_provider_tokens(settings, &accounts, deps).await;
            if json {
                return print(&pretty(&json!({"id": user.id, "username": user.username, "deleted": true}))?);
            }
            print(&format!("{} is deleted", named(&user)))
        }
    }
}

/// The user is gone already: what cannot be given back is told and no failure.
async fn revoke_provider_tokens(settings: &Settings, accounts: &[StoredAccount], deps: &Deps) {
    let has_tokens = accounts.iter().any(|account| account.encrypted_tokens.is_some());
    let Some(vault) = settings.vault.as_deref().filter(|_| has_tokens) else { return };
    let providers = Client::new(&settings.outgoing).map_err(|error| vec![error]);
    match providers.and_then(|client| Providers::from_settings(settings, &client, deps)) {
        Ok(providers) => {
            let deadline = Instant::now() + settings.outgoing.login_timeout;
            account::revoke_provider_tokens(&providers, vault, accounts, deadline).await;
        }
        Err(errors) => {
            let reasons: Vec<String> = errors.iter().map(ToString::to_string).collect();
            eprintln!("warning: the providers' tokens were not revoked: {}", plain(&reasons.join("; ")));
        }
    }
}

async fn list(repository: &dyn Repository, search: UserSearch<'_>, limit: u32, json: bool) -> Result<(), Failure> {
    // One more than asked for tells whether there are more.
    let mut users = repository.users(search, i64::from(limit) + 1).await?;
    let listed = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = users.len() > listed;
    users.truncate(listed);
    if json {
        return print(&pretty(&users.iter().map(member).collect::<Vec<Value>>())?);
    }
    let mut rows = vec![["id", "username", "name", "e-mail", "state", "created", "last login"].map(str::to_owned)];
    rows.extend(users.into_iter().map(|user| {
        let name = format!("{} {}", user.first_name, user.last_name).trim().to_owned();
        let state = if user.is_active { "active" } else { "inactive" }.to_owned();
        let (created, last_login) = (user.created.rfc3339(), moment(user.last_login));
        [user.id.to_string(), user.username, name, user.email, state, created, last_login]
    }));
    print(&columns(&rows))?;
    if more { print("There are more: raise --limit, or narrow it down with --search.") } else { Ok(()) }
}

async fn set_active(
    repository: &dyn Repository,
    wanted: &str,
    active: bool,
    now: UnixMillis,
    json: bool,
) -> Result<(), Failure> {
    let user = find(repository, wanted).await?;
    if !repository.set_active(user.id, active, now).await? {
        return Err(Failure::Other(format!("{} is gone", named(&user))));
    }
    if json {
        return print(&pretty(&json!({"id": user.id, "username": user.username, "is_active": active}))?);
    }
    let what = if active { "may sign in again" } else { "is kept out: every session and token has ended" };
    print(&format!("{} {what}", named(&user)))
}

/// By id or username. What could be either must be said.
async fn find(repository: &dyn Repository, wanted: &str) -> Result<User, Failure> {
    let (id, username) = match wanted.split_once(':') {
        Some(("id", id)) => (id.parse().ok(), None),
        Some(("username", username)) => (None, Some(username)),
        _ => (wanted.parse().ok(), Some(wanted)),
    };
    let of_id = match id {
        Some(id) => repository.user(id).await?,
        None => None,
    };
    let of_username = match username {
        Some(username) => repository.user_by_username(username).await?,
        None => None,
    };
    let shown = plain(wanted);
    match (of_id, of_username) {
        (Some(one), Some(other)) if one.id != other.id => Err(Failure::Other(format!(
            "{shown} is the id of one user and the username of another: say id:{shown} or username:{shown}"
        ))),
        (Some(user), _) | (None, Some(user)) => Ok(user),
        (None, None) => Err(Failure::Other(format!("there is no user {shown}"))),
    }
}

/// The id of `wanted`; a number is taken as it is, since the trail outlives its users.
pub(super) async fn id_of(repository: &dyn Repository, wanted: &str) -> Result<UserId, Failure> {
    match wanted.strip_prefix("id:").unwrap_or(wanted).parse() {
        Ok(id) => Ok(id),
        Err(_) => Ok(find(repository, wanted).await?.id),
    }
}

fn confirmed(user: &User) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::Other(format!("cannot ask: {error}"));
    if !std::io::stdin().is_terminal() {
        return Err(Failure::Other(format!("{} would be deleted for good: say --yes", named(user))));
    }
    eprint!("Delete {} for good, with all accounts? Type the username to go on: ", named(user));
    std::io::stderr().flush().map_err(failed)?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).map_err(failed)?;
    if answer.trim() == user.username { Ok(()) } else { Err(Failure::Other("nothing was deleted".to_owned())) }
}

fn named(user: &User) -> String {
    format!("{} (id {})", plain(&user.username), user.id)
}

/// A text as it is, anything else as JSON.
fn as_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn moment(at: Option<UnixMillis>) -> String {
    at.map(UnixMillis::rfc3339).unwrap_or_default()
}

fn member(user: &User) -> Value {
    json!({
        "id": user.id,
        "username": user.username,
        "first_name": user.first_name,
        "last_name": user.last_name,
        "email": user.email,
        "email_verified": user.email_verified,
        "is_active": user.is_active,
        "created": user.created.rfc3339(),
        "last_login": user.last_login.map(UnixMillis::rfc3339),
    })
}

fn linked(account: &SocialAccount) -> Value {
    json!({
        "id": account.id,
        "provider": account.provider,
        "uid": account.uid,
        "created": account.created.rfc3339(),
        "modified": account.modified.rfc3339(),
    })
}

fn credential(entry: &CredentialEntry) -> Value {
    json!({
        "kind": entry.kind.to_string(),
        "created": entry.created.rfc3339(),
        "last_used": entry.last_used.rfc3339(),
        "expires": entry.expires.map(UnixMillis::rfc3339),
        "ip": entry.client.ip,
        "agent": entry.client.agent,
    })
}

fn page(user: &User, accounts: &[SocialAccount], credentials: &[CredentialEntry]) -> String {
    let vouched = if user.email_verified { " (verified)" } else { "" };
    let facts = [
        ("id", user.id.to_string()),
        ("username", user.username.clone()),
        ("name", format!("{} {}", user.first_name, user.last_name).trim().to_owned()),
        ("e-mail", format!("{}{vouched}", user.email)),
        ("state", if user.is_active { "active" } else { "inactive" }.to_owned()),
        ("created", user.created.rfc3339()),
        ("last login", moment(user.last_login)),
    ];
    let own = user.fields.iter().map(|(name, value)| (name.as_str(), as_text(value)));
    let facts: Vec<[String; 2]> = facts.into_iter().chain(own).map(|(name, fact)| [name.to_owned(), fact]).collect();
    let mut linked = vec![["provider", "uid", "linked", "last seen"].map(str::to_owned)];
    linked.extend(accounts.iter().map(|account| {
        [account.provider.clone(), account.uid.clone(), account.created.rfc3339(), account.modified.rfc3339()]
    }));
    let mut signed_in = vec![["kind", "created", "last used", "expires", "address", "agent"].map(str::to_owned)];
    signed_in.extend(credentials.iter().map(|entry| {
        let client = [&entry.client.ip, &entry.client.agent].map(|text| text.clone().unwrap_or_default());
        let [ip, agent] = client;
        let expires = entry.expires.map_or_else(|| "never".to_owned(), UnixMillis::rfc3339);
        [entry.kind.to_string(), entry.created.rfc3339(), entry.last_used.rfc3339(), expires, ip, agent]
    }));
    let or_none = |rows: String, count: usize| if count == 0 { "none\n".to_owned() } else { rows };
    format!(
        "{}\nLinked accounts\n{}\nSigned in\n{}",
        columns(&facts),
        or_none(columns(&linked), accounts.len()),
        or_none(columns(&signed_in), credentials.len())
    )
}
