//! The suite: one file a promise, each test named after what it promises. Rules of the original begin with `r_`,
//! security requirements with `sec_`.
//!
//! `make test` runs it whole. By hand: `tests/postgres.sh cargo nextest run` starts the test cluster around it.

mod support;

mod advisories; // published advisories of comparable systems, each reproduced against this server
mod architecture; // the house as drawn
mod authenticated_logins; // R-AUT: logins sent with a credential
mod authorization_requests; // the begin route, state, PKCE, nonce; repeating a code
mod binary; // the compiled binary: settings, start, shutdown, log
mod commands; // users, keys, audit, providers, doctor: by the compiled binary
mod contributing; // CONTRIBUTING.md, SECURITY.md and docs/adr name files that exist
mod import; // the import of a Django project's database
mod landing; // the redirect flow on the server
mod library; // the server as a library: the program in examples/
mod login_errors; // R-ERR: problem documents of failed logins
mod login_responses; // R-OUT, R-SES, R-TOK, R-JWT, R-KNX: the response of each kind of login
mod native; // an id_token instead of a code
mod nodes; // two servers on one PostgreSQL
mod oauth; // R-O2, R-O1: what goes out to the providers
mod pending_logins; // custom pipeline steps, additional input (202), resume
mod pending_logins_in_redirect_flow; // additional input in the server-side redirect flow: the server's page, native apps
mod profile; // is_new, declared fields, changes by hand, export, the end of a user
mod provider_failures; // provider errors and timeouts, circuit breaker: status, no row written
mod provider_table; // the table in docs/PROVIDERS.md matches the catalog
mod providers; // every provider signs somebody in, tests/cases
mod redirects; // R-URI: where a login may return to
mod refusals; // single providers: accounts that change hands, callbacks nobody signed, other tenants
mod regressions; // faults that were seen, each with the right result
mod revoked_credentials; // revocation: linked requests, races, idle timeout, refreshed provider tokens
mod routes; // R-RT, R-IN: paths, bodies, order of checks
mod security; // SEC-1 to 16, 22 to 29, 32 to 36, 42, 44, 46
mod sign_in_restrictions; // allow and deny lists, organizations, providers, closed sign-up
mod signed_in; // what is signed in, unlinking, provider tokens, the audit trail
mod steam_and_telegram; // logins without OAuth: OpenID 2.0 and signed data
mod store; // the repository by itself
mod stored_provider_tokens; // stored provider tokens: refresh and revocation
mod token_and_logout_routes; // R-CMP: refresh, verify, blacklist, logout, current user, provider and account lists
mod trail; // SEC-45: what was done and what was refused, one row each
mod user_field_settings; // settings for usernames, user fields and extra data, for all providers or one
mod users; // R-PIPE, R-USR, R-EML, R-EXT: who is made or found, and what is kept
mod webhooks; // the operator's own software is told, and asked
