//! The pages beside the API: the document, Swagger UI with all its assets inside, and a start page that leads there.
//!
//! They are made when first asked for and kept: nobody waits for them at start.

use std::sync::{Arc, LazyLock};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use poem::endpoint::make_sync;
use poem::http::{HeaderValue, Method, header};
use poem::{EndpointExt as _, Response, Route};

use super::outer_middleware::CONTENT_SECURITY_POLICY;
use crate::http::{self, DocumentFormat, Resource};
use crate::secrets::Digest;
use crate::settings::Settings;

/// A whole text with its type and its policy.
struct Page {
    text: String,
    content_type: &'static str,
    policy: Option<HeaderValue>,
}

impl Page {
    fn response(&self) -> Response {
        let mut response = Response::builder().content_type(self.content_type).body(self.text.clone());
        if let Some(policy) = &self.policy {
            response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy.clone());
        }
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        response
    }
}

/// `settings`: the document shows the operator's own fields and time limits.
pub fn mount(route: Route, settings: &Arc<Settings>) -> Route {
    let docs = page("/docs/", {
        let settings = settings.clone();
        move || docs(&settings)
    });
    let document = |template, format, content_type| {
        let settings = settings.clone();
        let text = move || http::document_with(&settings, format);
        page(template, move || Page { text: text(), content_type, policy: None })
    };
    route
        .at("/", page("/", start))
        .at("/docs", docs.clone())
        .at("/docs/", docs)
        .at("/openapi.json", document("/openapi.json", DocumentFormat::Json, "application/json"))
        .at("/openapi.yaml", document("/openapi.yaml", DocumentFormat::Yaml, "application/yaml"))
}

fn page(template: &str, make: impl FnOnce() -> Page + Send + Sync + 'static) -> Arc<Resource> {
    let made = LazyLock::new(make);
    let endpoint = make_sync(move |_| made.response());
    Arc::new(Resource::new(template.to_owned(), [(Method::GET, endpoint.boxed())].into()))
}

/// Scripts are allowed by their digests, so that nothing injected into the page would run.
fn docs(settings: &Settings) -> Page {
    // A browser takes the digest of what it has read, and it reads every line end as LF.
    let html = http::swagger_ui(settings).replace("\r\n", "\n").replace('\r', "\n");
    let scripts: Vec<String> = inline_scripts(&html)
        .map(|script| format!("'sha256-{}'", STANDARD.encode(Digest::of(script.as_bytes()).as_bytes())))
        .collect();
    let policy = format!(
        "default-src 'none'; script-src {}; style-src 'unsafe-inline'; img-src 'self' data:; font-src data:; \
         connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        scripts.join(" ")
    );
    let text = format!("<!doctype html>{}", html.replacen("<title>Swagger UI<", "<title>rest-social-auth API<", 1));
    Page { text, content_type: "text/html; charset=utf-8", policy: HeaderValue::try_from(policy).ok() }
}

/// As a browser finds them: from a tag to the first end tag, whatever stands between.
fn inline_scripts(html: &str) -> impl Iterator<Item = &str> {
    let mut rest = html;
    std::iter::from_fn(move || {
        let (_, tag) = rest.split_once("<script")?;
        let (script, after) = tag.split_once('>')?.1.split_once("</script>")?;
        rest = after;
        Some(script)
    })
}

fn start() -> Page {
    let policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'";
    Page {
        text: START_PAGE.to_owned(),
        content_type: "text/html; charset=utf-8",
        policy: Some(HeaderValue::from_static(policy)),
    }
}

const START_PAGE: &str = r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>rest-social-auth</title>
<style>
body { font: 1.05rem/1.6 system-ui, sans-serif; max-width: 34rem; margin: 12vh auto; padding: 0 1.5rem; color: #1c2530; }
a { color: #0b5cad; }
@media (prefers-color-scheme: dark) { body { background: #12171d; color: #d7dee6; } a { color: #7db8f5; } }
</style>
</head>
<body>
<h1>rest-social-auth</h1>
<p>This server signs people in with the providers they already use.</p>
<ul>
<li><a href="/example/">Example pages</a>: session, token, JWT and knox</li>
<li><a href="/docs/">Interactive documentation</a></li>
<li><a href="/openapi.yaml">OpenAPI document</a></li>
</ul>
</body>
</html>
"#;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Mode, Sources, read_with_errors};

    fn stock() -> Settings {
        let sources = Sources {
            mode: Mode::Serve,
            defaults: toml::Table::new(),
            file: None,
            environment: Vec::new(),
            catalog: &[],
            steps: &[],
            fields: &[],
        };
        read_with_errors(&sources).0
    }

    #[test]
    fn swagger_ui_asks_no_other_host_and_runs_only_its_own_scripts() {
        let page = docs(&stock());
        assert_eq!(inline_scripts(&page.text).count(), 2);
        assert!(!page.text.contains("<script src=") && !page.text.contains("<link "));
        let policy = page.policy.expect("digests are plain ASCII");
        let policy = policy.to_str().expect("as before");
        assert_eq!(policy.matches("'sha256-").count(), 2);
        assert!(!policy.contains("script-src 'unsafe-inline'"));
    }
}
