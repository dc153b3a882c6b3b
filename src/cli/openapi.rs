//! `openapi`: prints the OpenAPI document.

use std::path::Path;

use clap::{Args, ValueEnum};
use url::Url;

use super::configuration::optional_settings_for;
use super::failure::Failure;
use super::output::print;
use crate::http::{DocumentFormat, DocumentOptions, SpecVersion};

/// The settings that the document contains.
const SETTINGS: [&str; 4] =
    ["PUBLIC_URL", "REST_SOCIAL_USER_FIELDS", "SIMPLE_JWT_ACCESS_TOKEN_LIFETIME", "SOCIAL_AUTH_REQUESTS_TIMEOUT"];

#[derive(Args)]
pub struct Options {
    #[arg(long, value_enum, default_value_t = Format::Yaml)]
    format: Format,
    /// URL of the server in the document, instead of PUBLIC_URL
    #[arg(long, value_name = "URL", value_parser = server_url)]
    server: Option<String>,
    /// Version of the OpenAPI Specification: 3.1 has `webhooks`, 3.0 has them as `x-webhooks`
    #[arg(long, value_enum, default_value_t = Version::V3_0)]
    openapi_version: Version,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Yaml,
    Json,
}

#[derive(Clone, Copy, ValueEnum)]
enum Version {
    #[value(name = "3.0")]
    V3_0,
    #[value(name = "3.1")]
    V3_1,
}

/// Prints the document. Without a settings file it reads no settings, so that every machine prints the same.
pub fn run(options: &Options, config: Option<&Path>) -> Result<(), Failure> {
    let settings = config.map(|file| optional_settings_for(file, &SETTINGS)).transpose()?;
    let version = match options.openapi_version {
        Version::V3_0 => SpecVersion::V3_0,
        Version::V3_1 => SpecVersion::V3_1,
    };
    let content = DocumentOptions { settings: settings.as_ref(), server: options.server.as_deref(), version };
    print(&content.document(match options.format {
        Format::Yaml => DocumentFormat::Yaml,
        Format::Json => DocumentFormat::Json,
    }))
}

/// Paths of the document begin with a slash, so the URL must not end in one.
fn server_url(text: &str) -> Result<String, String> {
    let url = Url::parse(text).map_err(|_| "must be a URL such as https://login.example.com")?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("must begin with https:// or http://".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        return Err("must have no user, query or fragment".to_owned());
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn server_is_an_absolute_url_without_a_final_slash() {
        for (text, url) in [
            ("https://login.example.com", "https://login.example.com"),
            ("https://login.example.com/", "https://login.example.com"),
            ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
            ("https://example.com/login/", "https://example.com/login"),
        ] {
            assert_eq!(server_url(text).as_deref(), Ok(url));
        }
        for wrong in ["", "/", "login.example.com", "ftp://example.com", "https://a@b.example", "https://a.example/?b"]
        {
            assert!(server_url(wrong).is_err(), "{wrong}");
        }
    }
}
