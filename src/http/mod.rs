//! The HTTP floor: poem-openapi definitions, and what stands between a request and a service. No rule of a login, no SQL,
//! no HTTP client.
//!
//! | file | what |
//! |---|---|
//! | `login.rs` | the login routes: one handler, one table |
//! | `landing.rs` | the redirect flow on the server |
//! | `resume.rs`, `form.rs` | goes on with a login that waits for the person |
//! | `begin.rs`, `user.rs`, `export.rs`, `credentials.rs`, `tokens.rs`, `logout.rs`, `health.rs` | the other routes |
//! | `resource.rs` | a path with its methods: 405, OPTIONS, HEAD, 406 |
//! | `trail.rs` | what was refused, written down |
//! | `app.rs`, `entry.rs` | who calls, from where, and whether that may be |
//! | `body.rs`, `input.rs`, `answer.rs` | what goes in, what comes out |
//! | `described.rs` | types whose schema is written by hand |
//! | `problem.rs`, `refused.rs` | errors, and their place in the document |
//! | `page.rs` | the frame of the pages that a person sees, and an error's words for people |
//! | `tidy.rs`, `own_fields.rs`, `time_limits.rs` | the document as a whole |
//!
//! `docs/API.md` says what a new endpoint must look like.

mod answer;
mod app;
mod audit_middleware;
mod auth;
mod begin;
mod body;
mod credentials;
mod export;
mod form;
mod health;
mod input;
mod login;
mod logout;
mod normalize;
mod own_fields;
mod page;
mod problem;
mod refusals;
mod resource;
mod resume;
mod schemas;
mod server_redirect;
mod time_limits;
mod tokens;
mod user;

use std::collections::HashMap;
use std::sync::Arc;

use poem::Route;
use poem_openapi::registry::{MetaParamIn, MetaPath};
use poem_openapi::{LicenseObject, OpenApi, OpenApiService, ServerObject};
use serde_json::Value;

pub use self::app::App;
use self::normalize::NormalizedSpec;
pub use self::problem::{Failure, REQUEST_ID, from_framework};
pub use self::resource::{Resource, Template};
use crate::settings::Settings;

/// The OpenAPI document of the stock model, as `rest-social-auth openapi` prints it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DocumentFormat {
    Yaml,
    Json,
}

/// Needs no database and no configuration.
pub fn document(format: DocumentFormat) -> String {
    match format {
        DocumentFormat::Yaml => service().spec_yaml(),
        DocumentFormat::Json => service().spec(),
    }
}

/// The document as a server with these settings serves it: with the operator's own fields and time limits.
pub fn document_with(settings: &Settings, format: DocumentFormat) -> String {
    let (fields, limits) = (&settings.users.own_fields, time_limits::replacements(settings));
    if fields.is_empty() && limits.is_empty() {
        return document(format);
    }
    let mut document: Value = serde_json::from_str(&service().spec()).expect("the document is JSON");
    own_fields::add(&mut document, fields);
    time_limits::replace_all(&mut document, &limits);
    match format {
        DocumentFormat::Yaml => serde_yaml::to_string(&document).expect("JSON has a YAML form"),
        DocumentFormat::Json => format!("{document:#}"),
    }
}

/// Swagger UI with the document and all its assets inside: one page that asks no other host.
pub fn swagger_ui(settings: &Settings) -> String {
    let page = service().swagger_ui_html();
    page.replace(&document(DocumentFormat::Json), &document_with(settings, DocumentFormat::Json))
}

type Apis = (
    login::Logins,
    (
        begin::Begin,
        server_redirect::ServerRedirect,
        resume::Resume,
        user::Users,
        credentials::Credentials,
        tokens::Tokens,
        logout::Logout,
        health::Health,
    ),
);

/// Every route of the API, each with and without its trailing slash.
pub fn routes(app: &Arc<App>) -> Route {
    let apis: Apis = (
        login::logins(app),
        (
            begin::Begin { app: app.clone() },
            server_redirect::ServerRedirect { app: app.clone() },
            resume::Resume { app: app.clone() },
            user::Users { app: app.clone() },
            credentials::Credentials { app: app.clone() },
            tokens::Tokens { app: app.clone() },
            logout::Logout { app: app.clone() },
            health::Health { app: app.clone() },
        ),
    );
    let mut table = HashMap::new();
    apis.add_routes(&mut table);
    let documented = NormalizedSpec::<Apis>::meta().into_iter().flat_map(|api| api.paths);
    documented.fold(Route::new(), |route, MetaPath { path: template, operations }| {
        let path = as_routed(&template);
        let mut params = operations.iter().flat_map(|operation| &operation.params);
        let reads_query = params.any(|param| param.in_type == MetaParamIn::Query);
        let methods = table.remove(&path).unwrap_or_default();
        let resource = Arc::new(Resource::new(template, methods).reading_query(reads_query).watched(app.clone()));
        route.at(&path, resource.clone()).at(format!("{path}/"), resource)
    })
}

/// A documented path as the macros name it in the table of routes: without the last slash, `{provider}` as `:param0`.
fn as_routed(template: &str) -> String {
    let mut number = 0;
    let segments = template.trim_end_matches('/').split('/').map(|segment| {
        if !segment.starts_with('{') {
            return segment.to_owned();
        }
        number += 1;
        format!(":param{}", number - 1)
    });
    segments.collect::<Vec<_>>().join("/")
}

fn service() -> OpenApiService<NormalizedSpec<Apis>, ()> {
    OpenApiService::new(NormalizedSpec::new(), "rest-social-auth", env!("CARGO_PKG_VERSION"))
        .description(DESCRIPTION)
        .license(LicenseObject::new("MIT").url("https://opensource.org/license/mit"))
        .server(ServerObject::new("/").description("The server that this document comes from"))
}

const DESCRIPTION: &str = "\
Sign in with any provider from any front-end.

**A login in three calls.** `POST /api/login/social/begin/{provider}/` answers an `authorization_url`: send the person \
there. The provider sends them back to your page with `code` and `state`. Post both to a login route, such as \
`POST /api/login/social/jwt-pair/{provider}/`, and get a credential: a session cookie, a permanent token, a pair of JWTs, a \
sliding JWT or a knox token.

**Errors** are problem documents (RFC 9457) with a stable `code`; decide by it, not by the texts.

**Cookies.** The session routes set a cookie that only pages of ALLOWED_ORIGINS may use. All other credentials travel in \
the `Authorization` header.

Every path works without its trailing slash too.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_documented_path_is_found_in_the_table_of_routes() {
        assert_eq!(as_routed("/api/login/social/knox/{provider}/"), "/api/login/social/knox/:param0");
        assert_eq!(as_routed("/api/user/"), "/api/user");
        assert_eq!(as_routed("/a/{b}/c/{d}"), "/a/:param0/c/:param1");
    }

    #[test]
    fn the_checked_in_document_is_the_generated_one() {
        let checked_in = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.yaml"))
            .expect("openapi.yaml stands beside Cargo.toml");
        assert!(checked_in == document(DocumentFormat::Yaml), "openapi.yaml is not up to date: run `make openapi`");
    }
}
