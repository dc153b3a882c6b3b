//! `init`: a settings file to begin with. What it sets is the safe choice; what it explains can be turned on.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use super::{Failure, print};
use crate::clock::Ambient;

/// Where it goes, unless told otherwise.
pub(super) const FILE: &str = "rest-social-auth.toml";

/// Refuses to overwrite. The file is for its owner alone: it holds the secret key.
pub(super) fn init(output: &Path, ambient: &Ambient) -> Result<(), Failure> {
    let text = template(&ambient.token::<48>());
    if output == Path::new("-") {
        return print(text.trim_end());
    }
    let shown = output.display();
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(output).map_err(|error| {
        Failure::Other(match error.kind() {
            std::io::ErrorKind::AlreadyExists => format!("{shown} is there already and stays as it is"),
            _ => format!("{shown} cannot be written: {error}"),
        })
    })?;
    file.write_all(text.as_bytes()).map_err(|error| Failure::Other(format!("{shown} cannot be written: {error}")))?;
    print(&format!(
        "Wrote {shown}. Put in your own addresses and a provider's key, then:\n\n  rest-social-auth serve --config {shown}"
    ))
}

fn template(secret_key: &str) -> String {
    format!(
        r##"# Settings of rest-social-auth. Each can also come from the environment, under its name in upper case, which wins.
# docs/SETTINGS.md has all of them.

# The server's own base URL: scheme, host and port. Everything but this machine needs https.
public_url = "http://127.0.0.1:8000"
listen = "127.0.0.1:8000"

# All keys are derived from it. Whoever knows it can sign in as anybody; whoever changes it logs everybody out.
secret_key = "{secret_key}"

# Where users and credentials are kept; or postgres://user:password@host/database
database_url = "sqlite://rest-social-auth.db"

# The front-ends, as browsers write their origins, and the URIs that a login may return to. Both are compared to the letter.
# That of public_url itself counts as listed.
allowed_origins = [
    # "https://app.example.com",
]
allowed_redirect_uris = [
    # "https://app.example.com/callback",
    # "com.example.app:/callback",
]

# Only logins that began here (POST /api/login/social/begin/...) can be finished: nobody is signed in with a stranger's code.
# Front-ends that begin their logins themselves need "when_present".
state_policy = "required"

# A refresh token works once, and its use after that ends all that came from it.
simple_jwt_rotate_refresh_tokens = true
simple_jwt_blacklist_after_rotation = true

# Who may enter: only addresses of these domains, only people who have a user here; docs/SETTINGS.md has further lists.
# social_auth_whitelisted_domains = ["example.com"]
# social_auth_sign_up = false

# The proxy in front of this server, by address or network: then the audit trail has the callers' own addresses.
# trusted_proxies = ["127.0.0.1", "::1"]

# Tells browsers to use https only, for a year. Turn it on once https works.
# hsts = true

# What users may change about themselves by PATCH /api/user/, and a field beyond the stock ones (docs/SETTINGS.md).
# rest_social_editable_user_fields = ["first_name", "last_name"]
# rest_social_user_fields.locale = {{ from = "profile.locale" }}

# log_format = "json"

# Your own software is told what happens to users, by signed calls: docs/WEBHOOKS.md. A secret is whsec_ and what
# `openssl rand -base64 32` prints.
# webhook_url = "https://app.example.com/hooks/users"
# webhook_secrets = ["whsec_..."]

# One table for each provider; `rest-social-auth providers list` has the names. What to register at the provider as redirect
# or callback URI is what stands in allowed_redirect_uris.
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
    use crate::settings::{Mode, Sources, StatePolicy, read};

    /// Of a webhook: 32 bytes.
    const SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

    #[test]
    fn the_file_is_read_as_it_is_and_chooses_what_is_safe() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("made.toml");
        let ambient = Ambient::system();
        assert!(init(&path, &ambient).is_ok());
        assert!(init(&path, &ambient).is_err(), "it is not overwritten");
        let settings = read(&Sources {
            mode: Mode::Serve,
            defaults: toml::Table::new(),
            file: Some(&path),
            environment: Vec::new(),
            catalog: &["github"],
            steps: &[],
            fields: &[],
        })
        .unwrap_or_else(|errors| panic!("{errors:?}"));
        assert_eq!(settings.state_policy, StatePolicy::Required);
        assert!(settings.link_needs_fresh_login);
        assert!(settings.jwt.rotate_refresh_tokens && settings.jwt.blacklist_after_rotation);
        assert!(settings.warnings.is_empty(), "{:?}", settings.warnings);
    }

    #[test]
    fn what_it_explains_can_be_turned_on() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("made.toml");
        let ambient = Ambient::system();
        // An assignment, a table or an item of a list; all other comments are sentences.
        let is_setting = |text: &str| {
            let name = text.split(" = ").next().unwrap_or_default();
            let is_name = name.chars().all(|c| c.is_ascii_lowercase() || matches!(c, '_' | '.'));
            text.contains(" = ") && is_name || text.starts_with('[') || text.starts_with('"')
        };
        let turned_on = |line: &str| match line.trim_start().strip_prefix("# ") {
            Some(text) if is_setting(text) => format!("{text}\n"),
            _ => format!("{line}\n"),
        };
        assert!(init(&path, &ambient).is_ok());
        let text: String = fs::read_to_string(&path).expect("it is there").lines().map(turned_on).collect();
        let text = text.replace("http://127.0.0.1:8000", "https://id.example.com").replace("whsec_...", SECRET);
        fs::write(&path, text).expect("the file is written");
        let settings = read(&Sources {
            mode: Mode::Serve,
            defaults: toml::Table::new(),
            file: Some(&path),
            environment: Vec::new(),
            catalog: &catalog_names(),
            steps: &[],
            fields: &[],
        })
        .unwrap_or_else(|errors| panic!("{errors:?}"));
        assert!(settings.warnings.is_empty(), "{:?}", settings.warnings);
        let client = Client::new(&settings.outgoing).expect("the rules are plain");
        let providers = Providers::from_settings(&settings, &client, &ambient);
        let providers = providers.unwrap_or_else(|errors| panic!("{errors:?}"));
        let titles: Vec<&str> = providers.iter().map(|provider| provider.title()).collect();
        assert_eq!(titles, ["GitHub", "Company login"]);
        assert_eq!(settings.users.own_fields.iter().count(), 1);
    }
}
