//! `users`: lists and shows users, deactivates, activates and deletes them.

use std::path::Path;

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::configuration::settings_for;
use super::confirmation::confirm;
use super::database;
use super::failure::Failure;
use super::output::{columns, print, print_either, print_json, safe, table};
use crate::account;
use crate::clock::{Deps, UnixMillis};
use crate::model::{AuditEvent, AuditKind, CredentialEntry, CredentialQuery, SocialAccount, User, UserId};
use crate::outgoing::Client;
use crate::provider::Providers;
use crate::settings::Settings;
use crate::store::{Repository, StoredAccount, UserSearch};

#[derive(Subcommand)]
pub(super) enum Command {
    /// List users in the order of their ids
    List {
        /// Only users whose username, e-mail address, its domain or a name begins with this text, ignoring case, or who have an account with exactly this uid
        #[arg(long, value_name = "TEXT", conflicts_with = "contains")]
        search: Option<String>,
        /// Only users whose username, e-mail address or name contains this text, ignoring case. Slow: it reads all users
        #[arg(long, value_name = "TEXT")]
        contains: Option<String>,
        /// Maximum number of users
        #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
        limit: u32,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show one user with social accounts and valid credentials
    Show(OneUser),
    /// Deactivate a user and revoke all sessions and tokens at once, on all servers
    Deactivate(OneUser),
    /// Activate a user, who must then sign in again
    Activate(OneUser),
    /// Delete a user with social accounts and credentials. The audit log keeps the user's events
    Delete {
        /// Do not ask for confirmation
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        deleted: OneUser,
    },
}

// No doc comment: it would replace the text of `delete --help`.
#[derive(Args)]
pub(super) struct OneUser {
    /// Id or username; `id:7` or `username:7` if it could be both
    user: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(command: Command, config: Option<&Path>, deps: Deps) -> Result<(), Failure> {
    let settings = settings_for(config, &["WEBHOOK_URL", "WEBHOOK_SECRETS", "WEBHOOK_EVENTS"])?;
    let repository = database::open_with_events(&settings, &deps).await?;
    database::close_after(repository, async |repository| execute(command, &settings, repository.as_ref(), &deps).await)
        .await
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
        Command::Show(OneUser { user, json }) => {
            let user = find(repository, &user).await?;
            let accounts = repository.accounts_of(user.id).await?;
            // Includes sessions that SESSION_IDLE_TIMEOUT has expired: the command does not read that setting.
            let all = CredentialQuery { now, idle_since: None, after: None, limit: i64::MAX };
            let credentials = repository.credentials_of(user.id, &all).await?;
            if json {
                let mut shown = user_json(&user);
                shown["fields"] = user.fields.clone().into();
                shown["accounts"] = accounts.iter().map(account_json).collect();
                shown["credentials"] = credentials.iter().map(credential_json).collect();
                return print_json(&shown);
            }
            print(&user_text(&user, &accounts, &credentials))
        }
        Command::Deactivate(OneUser { user, json }) => set_active(repository, &user, false, now, json).await,
        Command::Activate(OneUser { user, json }) => set_active(repository, &user, true, now, json).await,
        Command::Delete { yes, deleted: OneUser { user, json } } => {
            let user = find(repository, &user).await?;
            if !yes {
                confirm_deletion(&user)?;
            }
            let audit = AuditEvent::of_operator(AuditKind::Deleted, user.id, now);
            let Some(deleted) = repository.delete_user(user.id, &audit).await? else {
                return Err(Failure::Other(format!("{} does not exist any more", named(&user))));
            };
            revoke_provider_tokens(settings, &deleted.accounts, deps).await;
            let result = json!({"id": user.id, "username": user.username, "deleted": true});
            print_either(json, &result, &format!("deleted {}", named(&user)))
        }
    }
}

/// The user is already deleted, so a token that cannot be revoked is a warning.
async fn revoke_provider_tokens(settings: &Settings, accounts: &[StoredAccount], deps: &Deps) {
    let has_tokens = accounts.iter().any(|account| account.encrypted_tokens.is_some());
    let Some(cipher) = settings.token_cipher.as_deref().filter(|_| has_tokens) else { return };
    let providers = Client::new(&settings.outgoing).map_err(|error| vec![error]);
    match providers.and_then(|client| Providers::from_settings(settings, &client, deps)) {
        Ok(providers) => {
            let deadline = Instant::now() + settings.outgoing.login_timeout;
            account::revoke_provider_tokens(&providers, cipher, accounts, deadline).await;
        }
        Err(errors) => {
            let reasons: Vec<String> = errors.iter().map(ToString::to_string).collect();
            eprintln!("warning: the provider tokens were not revoked: {}", safe(&reasons.join("; ")));
        }
    }
}

async fn list(repository: &dyn Repository, search: UserSearch<'_>, limit: u32, as_json: bool) -> Result<(), Failure> {
    // One row more shows whether the list is complete.
    let mut users = repository.users(search, i64::from(limit) + 1).await?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let has_more = users.len() > limit;
    users.truncate(limit);
    if as_json {
        return print_json(&users.iter().map(user_json).collect::<Vec<Value>>());
    }
    let row = |user: User| {
        let (name, state, created) = (full_name(&user), state(&user).to_owned(), user.created.rfc3339());
        [user.id.to_string(), user.username, name, user.email, state, created, time_text(user.last_login)]
    };
    let heading = ["id", "username", "name", "e-mail", "state", "created", "last login"];
    print(&table(heading, users.into_iter().map(row)))?;
    if has_more { print("There are more users: use a higher --limit, or --search.") } else { Ok(()) }
}

async fn set_active(
    repository: &dyn Repository,
    name: &str,
    active: bool,
    now: UnixMillis,
    as_json: bool,
) -> Result<(), Failure> {
    let user = find(repository, name).await?;
    if !repository.set_active(user.id, active, now).await? {
        return Err(Failure::Other(format!("{} does not exist any more", named(&user))));
    }
    let text = if active { "is active" } else { "is inactive; all sessions and tokens are revoked" };
    let result = json!({"id": user.id, "username": user.username, "is_active": active});
    print_either(as_json, &result, &format!("{} {text}", named(&user)))
}

/// The user with this id or username. Errors: no user, or one by id and another by username.
async fn find(repository: &dyn Repository, name: &str) -> Result<User, Failure> {
    let (id, username) = match name.split_once(':') {
        Some(("id", id)) => (id.parse().ok(), None),
        Some(("username", username)) => (None, Some(username)),
        _ => (name.parse().ok(), Some(name)),
    };
    let by_id = match id {
        Some(id) => repository.user(id).await?,
        None => None,
    };
    let by_username = match username {
        Some(username) => repository.user_by_username(username).await?,
        None => None,
    };
    let shown = safe(name);
    match (by_id, by_username) {
        (Some(one), Some(other)) if one.id != other.id => Err(Failure::Other(format!(
            "{shown} is the id of one user and the username of another: use id:{shown} or username:{shown}"
        ))),
        (Some(user), _) | (None, Some(user)) => Ok(user),
        (None, None) => Err(Failure::Other(format!("there is no user {shown}"))),
    }
}

/// The id of a user for the audit log, which also has events of deleted users: a number need not be an existing id.
pub(super) async fn id_of(repository: &dyn Repository, name: &str) -> Result<UserId, Failure> {
    match name.strip_prefix("id:").unwrap_or(name).parse() {
        Ok(id) => Ok(id),
        Err(_) => Ok(find(repository, name).await?.id),
    }
}

fn confirm_deletion(user: &User) -> Result<(), Failure> {
    let question = format!("Delete {} with all social accounts? This cannot be undone.", named(user));
    confirm(&format!("delete {}", named(user)), &question, &user.username)
}

fn named(user: &User) -> String {
    format!("{} (id {})", safe(&user.username), user.id)
}

/// A text without quotes, any other value as JSON.
fn as_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn full_name(user: &User) -> String {
    format!("{} {}", user.first_name, user.last_name).trim().to_owned()
}

fn state(user: &User) -> &'static str {
    if user.is_active { "active" } else { "inactive" }
}

fn time_text(time: Option<UnixMillis>) -> String {
    time.map(UnixMillis::rfc3339).unwrap_or_default()
}

fn user_json(user: &User) -> Value {
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

fn account_json(account: &SocialAccount) -> Value {
    json!({
        "id": account.id,
        "provider": account.provider,
        "uid": account.uid,
        "created": account.created.rfc3339(),
        "modified": account.modified.rfc3339(),
    })
}

fn credential_json(entry: &CredentialEntry) -> Value {
    json!({
        "kind": entry.kind.to_string(),
        "created": entry.created.rfc3339(),
        "last_used": entry.last_used.rfc3339(),
        "expires": entry.expires.map(UnixMillis::rfc3339),
        "ip": entry.client.ip,
        "agent": entry.client.agent,
    })
}

fn user_text(user: &User, accounts: &[SocialAccount], credentials: &[CredentialEntry]) -> String {
    let verified = if user.email_verified { " (verified)" } else { "" };
    let standard = [
        ("id", user.id.to_string()),
        ("username", user.username.clone()),
        ("name", full_name(user)),
        ("e-mail", format!("{}{verified}", user.email)),
        ("state", state(user).to_owned()),
        ("created", user.created.rfc3339()),
        ("last login", time_text(user.last_login)),
    ];
    let declared = user.fields.iter().map(|(name, value)| (name.as_str(), as_text(value)));
    let fields: Vec<[String; 2]> =
        standard.into_iter().chain(declared).map(|(name, value)| [name.to_owned(), value]).collect();
    let account_rows = accounts.iter().map(|account| {
        [account.provider.clone(), account.uid.clone(), account.created.rfc3339(), account.modified.rfc3339()]
    });
    let credential_rows = credentials.iter().map(|entry| {
        let [ip, agent] = [&entry.client.ip, &entry.client.agent].map(|text| text.clone().unwrap_or_default());
        let expires = entry.expires.map_or_else(|| "never".to_owned(), UnixMillis::rfc3339);
        [entry.kind.to_string(), entry.created.rfc3339(), entry.last_used.rfc3339(), expires, ip, agent]
    });
    let or_none = |text: String, count: usize| if count == 0 { "none\n".to_owned() } else { text };
    format!(
        "{}\nSocial accounts\n{}\nCredentials\n{}",
        columns(&fields),
        or_none(table(["provider", "uid", "created", "modified"], account_rows), accounts.len()),
        or_none(
            table(["kind", "created", "last used", "expires", "address", "agent"], credential_rows),
            credentials.len()
        )
    )
}
