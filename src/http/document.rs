//! The OpenAPI document.

use poem_openapi::{LicenseObject, OpenApiService, ServerObject};
use serde_json::Value;

use super::openapi::{NormalizedSpec, normalize_document, own_fields, time_limits, yaml};
use super::routes::Operations;
use crate::settings::Settings;

/// The format of the OpenAPI document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DocumentFormat {
    /// As in `openapi.yaml`.
    Yaml,
    /// As in `/openapi.json`.
    Json,
}

/// The document with the default settings, as `rest-social-auth openapi` prints it.
pub fn document(format: DocumentFormat) -> String {
    written(&stock_document(), format)
}

/// The document as a server with these settings serves it: with the operator's declared fields and time limits.
pub fn document_with(settings: &Settings, format: DocumentFormat) -> String {
    let mut document = stock_document();
    own_fields::add(&mut document, &settings.users.own_fields);
    time_limits::replace_all(&mut document, &time_limits::replacements(settings));
    written(&document, format)
}

fn stock_document() -> Value {
    let mut document = serde_json::from_str(&service().spec()).expect("the document is JSON");
    normalize_document(&mut document);
    document
}

fn written(document: &Value, format: DocumentFormat) -> String {
    match format {
        DocumentFormat::Yaml => yaml(document),
        DocumentFormat::Json => format!("{document:#}"),
    }
}

/// The description of all operations.
pub fn service() -> OpenApiService<NormalizedSpec<Operations>, ()> {
    OpenApiService::new(NormalizedSpec::new(), "rest-social-auth", env!("CARGO_PKG_VERSION"))
        .description(DESCRIPTION)
        .license(LicenseObject::new("MIT").url("https://opensource.org/license/mit"))
        .server(ServerObject::new("/").description("The server that serves this document"))
}

const DESCRIPTION: &str = "\
Sign in with any provider from any front-end.

**A login takes three calls.** `POST /api/login/social/begin/{provider}/` returns an `authorization_url`: send the user \
there. The provider sends the user back to your page with `code` and `state`. Post both to a login route, such as \
`POST /api/login/social/jwt-pair/{provider}/`, and get a credential: a session cookie, a permanent token, a pair of JWTs, a \
sliding JWT or a knox token.

**Errors** are problem documents (RFC 9457) with a stable `code`. Decide by the code, not by the texts.

**Cookies.** The session routes set a cookie that only pages of ALLOWED_ORIGINS may use. All other credentials are sent in \
the `Authorization` header.

Every path also works without its trailing slash.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checked_in_document_is_the_generated_one() {
        let checked_in = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.yaml"))
            .expect("openapi.yaml is beside Cargo.toml");
        assert!(checked_in == document(DocumentFormat::Yaml), "openapi.yaml is not up to date: run `make openapi`");
    }
}
