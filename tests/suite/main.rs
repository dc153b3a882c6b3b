//! The suite: one file a promise, each test named after what it promises. Rules of the original begin with `r_`,
//! security requirements with `sec_`.
//!
//! `make test` runs it whole. By hand: `tests/postgres.sh cargo nextest run` starts the test cluster around it.

mod support;

mod advisories; // published advisories of comparable systems, re-enacted here
mod answers; // R-OUT, R-SES, R-TOK, R-JWT, R-KNX: what each kind of login hands out
mod architecture; // the house as drawn
mod assertions; // Steam and Telegram: logins without OAuth
mod begin; // logins that the server begins, and the same code once more
mod binary; // the real binary: settings, start, end, log
mod callers; // R-AUT: a login by somebody who is signed in
mod catalogue; // docs/PROVIDERS.md knows every provider
mod commands; // users, keys, audit, providers check, doctor: by the real binary
mod companions; // R-CMP: refresh, verify, logouts, who am I
mod contributing; // CONTRIBUTING.md, SECURITY.md and docs/adr name files that exist
mod ended; // what ends with a credential, and when
mod entry; // who may enter: lists, organisations, a closed sign-up
mod errors; // R-ERR: how a login that fails is told
mod faults; // providers that fail: promised status, no row left
mod fields; // names, fields and extra data as the settings say, for all providers or for one
mod halted_landings; // what a login of the redirect flow on the server waits for, asked on a page or by an app
mod halts; // steps of a program's own, and logins that wait for the person
mod import; // a Django project moves in
mod kept_tokens; // provider tokens renewed and given back
mod landing; // the redirect flow on the server
mod library; // the server as a library: the program in examples/
mod native; // an id_token instead of a code
mod nodes; // two servers on one PostgreSQL
mod oauth; // R-O2, R-O1: what goes out to the providers
mod profile; // is_new, declared fields, changes by hand, export, the end of a user
mod providers; // every provider signs somebody in, tests/cases
mod redirects; // R-URI: where a login may return to
mod refusals; // single providers: accounts that change hands, callbacks nobody signed, other tenants
mod regressions; // faults that were seen, each with the right result
mod routes; // R-RT, R-IN: paths, bodies, order of checks
mod security; // SEC-1 to 16, 22 to 29, 32 to 36, 42, 44, 46
mod signed_in; // what is signed in, unlinking, provider tokens, the audit trail
mod store; // the repository by itself
mod trail; // SEC-45: what was done and what was refused, one row each
mod users; // R-PIPE, R-USR, R-EML, R-EXT: who is made or found, and what is kept
mod webhooks; // the operator's own software is told, and asked
