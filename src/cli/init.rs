//! `init`: writes a settings file with safe values. What is commented out can be turned on.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use serde_json::json;

use super::failure::Failure;
use super::output::{print, print_either};
use crate::clock::Deps;
use crate::settings;

/// The default name of the file.
pub(super) const FILE: &str = "rest-social-auth.toml";

/// Does not overwrite a file. Only the owner can read the new one, because it contains the secret key.
pub(super) fn init(output: &Path, as_json: bool, deps: &Deps) -> Result<(), Failure> {
    let text = template(&deps.token::<48>());
    if output == Path::new("-") {
        return print(text.trim_end());
    }
    let shown = output.display();
    let opened = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(output);
    let written = opened.and_then(|mut file| {
        // An incomplete file would be taken for one of the operator.
        file.write_all(text.as_bytes()).inspect_err(|_| drop(fs::remove_file(output)))
    });
    written.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => Failure::Other(format!("{shown} exists already, so it was not changed")),
        _ => Failure::cannot_write(output, &error),
    })?;
    let text = format!(
        "Wrote {shown}. Add your own addresses and the key of a provider, then run:\n\n  rest-social-auth serve --config {shown}"
    );
    print_either(as_json, &json!({"file": output.display().to_string()}), &text)
}

/// A setting with the value that `init` writes.
fn set(name: &str) -> String {
    match settings::initial_value(name) {
        value if matches!(value, "true" | "false") || value.parse::<u64>().is_ok() => {
            format!("{} = {value}", name.to_ascii_lowercase())
        }
        value => format!("{} = {value:?}", name.to_ascii_lowercase()),
    }
}

fn jwt_settings() -> String {
    let (rotate, blacklist) = (set("SIMPLE_JWT_ROTATE_REFRESH_TOKENS"), set("SIMPLE_JWT_BLACKLIST_AFTER_ROTATION"));
    let family_lifetime = set("SIMPLE_JWT_FAMILY_LIFETIME");
    let (algorithm, rotation) = (set("SIMPLE_JWT_ALGORITHM"), set("SIMPLE_JWT_KEY_ROTATION"));
    format!(
        "# A refresh replaces the refresh token. A token that is used again after its successor was used may be stolen: all tokens of
# its login are revoked. 30 days after a login, the user must sign in again.
{rotate}
{blacklist}
{family_lifetime}

# Services verify JWTs with the public keys of /.well-known/jwks.json. The server makes the keys and replaces the one that signs
# every 90 days. Projects that verify with simplejwt and SECRET_KEY need \"HS256\".
{algorithm}
{rotation}"
    )
}

fn template(secret_key: &str) -> String {
    let (listen, database_url, state_policy) = (set("LISTEN"), set("DATABASE_URL"), set("STATE_POLICY"));
    let (address, jwt) = (settings::initial_value("LISTEN"), jwt_settings());
    format!(
        r##"# Settings of rest-social-auth. The environment can set each of them too, under its name in upper case, and takes
# precedence. docs/SETTINGS.md lists all settings.

# Base URL of the server: scheme, host and port. It must be https unless the host is a loopback one.
public_url = "http://{address}"
{listen}

# All keys are derived from it. With it, anyone can sign in as any user. A new one ends all sessions and tokens.
secret_key = "{secret_key}"

# Or postgres://user:password@host/database
{database_url}

# Origins of the front-ends as browsers send them, and redirect URIs of logins. Both are matched exactly. Those of public_url
# are always allowed.
allowed_origins = [
    # "https://app.example.com",
]
allowed_redirect_uris = [
    # "https://app.example.com/callback",
    # "com.example.app:/callback",
]

# Only logins that began at this server (POST /api/login/social/begin/...) can be completed, which prevents login CSRF.
# Front-ends that begin their logins themselves need "when_present".
{state_policy}

{jwt}

# Restrict who may sign in: e-mail domains, or existing users only. docs/SETTINGS.md has further lists.
# social_auth_whitelisted_domains = ["example.com"]
# social_auth_sign_up = false

# Addresses or networks of your reverse proxies. The server reads the client's address from their X-Forwarded-For. Without
# this, all clients behind a proxy share one rate limit.
# trusted_proxies = ["127.0.0.1", "::1"]

# Browsers use only https for a year. Turn it on when https works.
# hsts = true

# What users may change with PATCH /api/user/, and a declared field (docs/SETTINGS.md).
# rest_social_editable_user_fields = ["first_name", "last_name"]
# rest_social_user_fields.locale = {{ from = "profile.locale" }}

# Name and accent colour of the pages that users see: errors and questions of a login (docs/PAGES.md).
# site_name = "Example"
# site_accent_color = "#0b6b4f"

# log_format = "json"
# Metrics for Prometheus, on an address that only your monitoring reaches (docs/METRICS.md).
# metrics_listen = "127.0.0.1:9464"
# The file that `rest-social-auth backup` writes; `doctor` warns when it is old. "external" if other software makes backups.
# backup_file = "/var/backups/rest-social-auth.db"

# Your software receives events about users: docs/WEBHOOKS.md. A secret is whsec_ followed by the output of
# `openssl rand -base64 32`.
# webhook_url = "https://app.example.com/hooks/users"
# webhook_secrets = ["whsec_..."]

# One table for each provider; `rest-social-auth providers list` lists the names. Register the URIs of allowed_redirect_uris
# at the provider.
# [providers.github]
# key = "the client id"
# secret = "the client secret"
# scope = ["user:email"]
#
# Any OpenID Connect provider:
# [providers.company]
# extends = "oidc"
# title = "Company login"
# oidc_endpoint = "https://id.example.com"
# key = "the client id"
# secret = "the client secret"
"##
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outgoing::Client;
    use crate::provider::{Providers, catalog_names};
    use crate::settings::{Sources, StatePolicy, read};

    /// A webhook secret.
    const SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

    #[test]
    fn init_file_is_valid_and_safe() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("settings.toml");
        let deps = Deps::system();
        assert!(init(&path, false, &deps).is_ok());
        assert!(init(&path, false, &deps).is_err(), "the file is not overwritten");
        let settings = read(&Sources { file: Some(&path), catalog: &["github"], ..Sources::default() });
        let settings = settings.unwrap_or_else(|errors| panic!("{errors:?}"));
        assert_eq!(settings.state_policy, StatePolicy::Required);
        assert_eq!(settings.listen.to_string(), settings::initial_value("LISTEN"));
        assert!(settings.link_needs_fresh_login);
        assert!(settings.jwt.rotate_refresh_tokens && settings.jwt.blacklist_after_rotation);
        assert!(settings.jwt.family_lifetime.is_some());
        assert!(settings.jwt.makes_keys && settings.jwt.key_rotation.is_some());
        assert!(settings.warnings.is_empty(), "{:?}", settings.warnings);
    }

    #[test]
    fn commented_settings_of_the_init_file_are_valid() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("settings.toml");
        let deps = Deps::system();
        // All other comments are sentences.
        let is_setting = |text: &str| {
            let name = text.split(" = ").next().unwrap_or_default();
            let is_name = name.chars().all(|c| c.is_ascii_lowercase() || matches!(c, '_' | '.'));
            text.contains(" = ") && is_name || text.starts_with('[') || text.starts_with('"')
        };
        let turned_on = |line: &str| match line.trim_start().strip_prefix("# ") {
            Some(text) if is_setting(text) => format!("{text}\n"),
            _ => format!("{line}\n"),
        };
        assert!(init(&path, false, &deps).is_ok());
        let text: String = fs::read_to_string(&path).expect("it is there").lines().map(turned_on).collect();
        let text = text.replace("http://127.0.0.1:8000", "https://id.example.com").replace("whsec_...", SECRET);
        fs::write(&path, text).expect("the file is written");
        let settings = read(&Sources { file: Some(&path), catalog: &catalog_names(), ..Sources::default() });
        let settings = settings.unwrap_or_else(|errors| panic!("{errors:?}"));
        assert!(settings.warnings.is_empty(), "{:?}", settings.warnings);
        let client = Client::new(&settings.outgoing).expect("the rules are plain");
        let providers = Providers::from_settings(&settings, &client, &deps);
        let providers = providers.unwrap_or_else(|errors| panic!("{errors:?}"));
        let titles: Vec<&str> = providers.iter().map(|provider| provider.title()).collect();
        assert_eq!(titles, ["GitHub", "Company login"]);
        assert_eq!(settings.users.own_fields.iter().count(), 1);
    }
}
