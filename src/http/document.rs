//! The OpenAPI document.

use poem_openapi::{ContactObject, LicenseObject, OpenApiService, ServerObject};
use serde_json::{Value, json};

use super::openapi::{NormalizedSpec, normalize_document, own_fields, time_limits, version_3_1, webhooks, yaml};
use super::routes::Operations;
use crate::settings::Settings;

/// The text form of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DocumentFormat {
    /// As in `openapi.yaml`.
    Yaml,
    /// With one member in a line.
    Json,
    /// Without blanks, as `/openapi.json` is served.
    MinifiedJson,
}

/// The version of the OpenAPI Specification that a document follows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SpecVersion {
    /// 3.0, which every tool reads. It has the webhooks as `x-webhooks`.
    #[default]
    V3_0,
    /// 3.1, with `webhooks`.
    V3_1,
}

/// What a document contains beside the operations. The default is the checked-in document, `openapi.yaml`.
#[derive(Clone, Copy, Default)]
pub struct DocumentOptions<'a> {
    /// PUBLIC_URL, time limits and declared fields of users come from here.
    pub settings: Option<&'a Settings>,
    /// The URL of the server, instead of PUBLIC_URL.
    pub server: Option<&'a str>,
    /// The version of the specification.
    pub version: SpecVersion,
}

impl DocumentOptions<'_> {
    /// The document in a text form.
    pub fn document(&self, format: DocumentFormat) -> String {
        let document = self.value();
        match format {
            DocumentFormat::Yaml => yaml(&document),
            DocumentFormat::Json => format!("{document:#}"),
            DocumentFormat::MinifiedJson => document.to_string(),
        }
    }

    fn value(&self) -> Value {
        let mut document: Value = serde_json::from_str(&service().spec()).expect("the document is JSON");
        normalize_document(&mut document);
        webhooks::add(&mut document);
        if let Some(settings) = self.settings {
            own_fields::add(&mut document, &settings.users.own_fields);
            time_limits::replace_all(&mut document, &time_limits::replacements(settings));
        }
        if let Some(url) = self.server_url() {
            document["servers"] = json!([{ "url": url }]);
        }
        match self.version {
            SpecVersion::V3_0 => document,
            SpecVersion::V3_1 => version_3_1::converted(document),
        }
    }

    /// Without a final slash, because paths begin with one. `None`: the server that serves the document.
    fn server_url(&self) -> Option<String> {
        let public_url = || Some(self.settings?.public_url.as_ref()?.origin().ascii_serialization());
        self.server.map(str::to_owned).or_else(public_url)
    }
}

/// The description of all operations.
fn service() -> OpenApiService<NormalizedSpec<Operations>, ()> {
    OpenApiService::new(NormalizedSpec::new(), "rest-social-auth", env!("CARGO_PKG_VERSION"))
        .description(DESCRIPTION)
        .contact(ContactObject::new().name("The operator of the server"))
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

Every path also works without its trailing slash. A request with a head of more than 32 KiB or 100 headers is answered 431, \
without a body.";

#[cfg(test)]
mod tests {
    use super::*;

    /// Readers download it, and users and programs with little memory read it in full.
    #[test]
    fn the_document_is_small() {
        const MAX_BYTES: usize = 160_000;
        const MAX_BYTES_PER_OPERATION: usize = 2_700;

        let document = DocumentOptions::default();
        let paths = document.value()["paths"].as_object().expect("paths").clone();
        let operations: usize = paths.values().filter_map(Value::as_object).map(serde_json::Map::len).sum();
        let bytes = document.document(DocumentFormat::Yaml).len();
        assert!(bytes <= MAX_BYTES.min(operations * MAX_BYTES_PER_OPERATION), "{bytes} bytes, {operations} operations");
    }

    #[test]
    fn the_checked_in_document_is_the_generated_one() {
        let checked_in = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.yaml"))
            .expect("openapi.yaml is beside Cargo.toml");
        assert!(
            checked_in == DocumentOptions::default().document(DocumentFormat::Yaml),
            "openapi.yaml is not up to date: run `make openapi`"
        );
    }
}
