//! Warnings in the log about insecure settings, at start and after a reload.

use crate::http::App;
use crate::secrets::ExposeSecret as _;
use crate::settings::{Mode, StatePolicy, exposed_database_files};

/// Logs what is insecure or has no effect in the settings.
pub(super) fn log_setting_warnings(app: &App) {
    let settings = &app.settings;
    for warning in settings.warnings.iter().chain(app.login.providers().warnings()) {
        tracing::warn!("{warning}");
    }
    for file in exposed_database_files(settings.database_url.expose_secret()) {
        tracing::warn!("DATABASE_URL: other users of this machine can open {}: run chmod 600", file.display());
    }
    if settings.state_policy != StatePolicy::Required {
        tracing::warn!(
            "STATE_POLICY is {}: a code without a state of this server is accepted, as front-ends of \
             django-rest-social-auth send it. Set it to required when all front-ends begin their logins at this server.",
            settings.state_policy
        );
    }
    // `serve` has no TLS of its own.
    let is_https = settings.public_url.as_ref().is_some_and(|url| url.scheme() == "https");
    let is_behind_proxy = settings.mode == Mode::Serve && is_https;
    if is_behind_proxy && settings.trusted_proxies.is_empty() && settings.rate_limits.address.is_some() {
        tracing::warn!(
            "TRUSTED_PROXIES is not set, but PUBLIC_URL is https: all clients have the address of the proxy, and share \
             one rate limit. Set it to the addresses of the proxy"
        );
    }
    let other_sites = settings.origins_of_other_sites();
    // `dev` allows the other names of its own addresses.
    if settings.mode == Mode::Serve && !other_sites.is_empty() {
        tracing::warn!(
            "ALLOWED_ORIGINS: {} is another site than PUBLIC_URL, so browsers do not send the session cookie from its \
             pages. Its front-end needs a kind with a token (docs/CREDENTIALS.md)",
            other_sites.join(", ")
        );
    }
    if settings.providers.is_empty() {
        tracing::warn!(
            "no provider is configured, so no user can sign in: set SOCIAL_AUTH_<NAME>_KEY, or [providers.<name>] in \
             the settings file"
        );
    }
}
