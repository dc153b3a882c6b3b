//! The test suite. Each test is named after the behaviour that it checks. Names that begin with `r_` check a rule taken
//! from django-rest-social-auth (DRSA), names that begin with `sec_` check a security requirement.
//!
//! `make test` runs all of it. To run it alone: `tests/postgres.sh cargo nextest run`, which starts the PostgreSQL
//! cluster that the tests need.

mod support;

mod advisories; // published advisories of comparable systems, each reproduced against this server
mod application_data; // `data` and `app_state` of a login: answers, redirect flow, steps, webhooks
mod architecture; // layers, dependencies and size limits of src/
mod ask_link; // the step that asks whether an account belongs to the user with its address
mod audit_log; // SEC-45: one audit event for each success and each refusal
mod authenticated_logins; // R-AUT: logins sent with a credential
mod authorization_requests; // the begin route, state, PKCE, nonce; repeating a code
mod backup; // `backup` of a database in use, and its restoration
mod binary; // the compiled binary: settings, start, shutdown, log
mod commands; // users, keys, audit, providers, doctor: by the compiled binary
mod contributing; // CONTRIBUTING.md, SECURITY.md and docs/adr name files that exist
mod file_table; // the tables of docs/ARCHITECTURE.md match the source files
mod first_day; // what a new operator or developer meets first: logout by a form, a wrong client secret, ids of users
mod id_token_login; // logins with an ID token instead of a code
mod import; // the import of a Django project's database
mod library; // the server as a library, with the steps of examples/
mod login_errors; // R-ERR: problem documents of failed logins
mod login_parameters; // parameters that one login adds: prompt, login_hint, max_age and others
mod login_responses; // R-OUT, R-SES, R-TOK, R-JWT, R-KNX: the response of each kind of login
mod metrics; // `/metrics`: names, labels, no secret
mod multiple_nodes; // two servers on one PostgreSQL
mod operating_commands; // healthcheck, completions, man; examples and confirmation of commands
mod pages; // pages for users: languages, the name and logo of the site, unknown addresses, `/` of serve
mod pending_logins; // custom pipeline steps, additional input (403), resume
mod pending_logins_in_redirect_flow; // additional input in the server-side redirect flow: the server's page, native apps
mod provider_failures; // provider errors and timeouts, circuit breaker: status, no row written
mod provider_logins; // every provider of the catalog signs a user in, the samples of the providers
mod provider_refusals; // what single providers refuse: changed owners, unsigned callbacks, other tenants
mod provider_requests; // R-O2, R-O1: requests sent to providers
mod provider_table; // the table in docs/PROVIDERS.md matches the catalog
mod rate_limits; // SEC-43: limits by address, provider and user, on one node and on several
mod redirect_uris; // R-URI: which redirect URI a login uses
mod regressions; // faults found in this server, each with the right result
mod reload; // SIGHUP: new settings in a running server
mod revoked_credentials; // revocation: linked requests, races, idle timeout, refreshed provider tokens
mod routes; // R-RT, R-IN: paths, bodies, order of checks
mod security; // SEC-1 to 16, 22 to 29, 32 to 36, 42, 44, 46
mod security_rules; // docs/SECURITY.md: a test for each rule and each advisory
mod served_documents; // /openapi.json, /openapi.yaml, /docs/: server, compression, caching
mod server_redirect_flow; // authorize, callback, next: the redirect flow on the server
mod services; // RFC 7662, RFC 7009: introspection and revocation for services
mod sessions_and_accounts; // list and revoke credentials, unlink accounts, provider tokens, audit events
mod sign_in_restrictions; // allow and deny lists, organizations, providers, closed sign-up
mod signing_keys; // SEC-29, SEC-31: the keys that the server makes to sign JWTs, the key set, the metadata
mod simulator; // the provider simulator of `dev`: logins, behaviours, refusals, own providers
mod snapshots; // snapshots of problem documents, pages, help texts and the file of init
mod steam_and_telegram; // logins without OAuth: OpenID 2.0 and signed data
mod store; // the repository by itself
mod stored_provider_tokens; // stored provider tokens: refresh and revocation
mod token_and_logout_routes; // R-CMP: refresh, verify, blacklist, logout, current user, provider and account lists
mod token_families; // SEC-30: rotation, lost answers, reuse detection, absolute lifetime
mod traces; // traceparent in the log, spans for an OpenTelemetry collector
mod user_field_settings; // settings for usernames, user fields and extra data, for all providers or one
mod user_profile; // is_new, declared fields, PATCH, export and deletion of a user
mod users; // R-PIPE, R-USR, R-EML, R-EXT: which user is found or created, and what is stored
mod webhooks; // events delivered to the webhook endpoint, and user.creating
