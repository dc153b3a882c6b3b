//! Swagger UI with the OpenAPI document and all its assets inside: one page that loads nothing from another host.

use std::io::Read as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::read::GzDecoder;
use minijinja::{Environment, context};
use serde_json::Value;

use super::document::{DocumentFormat, DocumentOptions};
use super::pages::{MARK, project_style};
use crate::secrets::Digest;
use crate::settings::{Mode, Settings};

/// Compressed by build.rs, because few servers show them.
const STYLE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/swagger-ui.css.gz"));
const BUNDLE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/swagger-ui-bundle.js.gz"));

/// A page and its Content-Security-Policy.
pub struct SwaggerUi {
    /// The whole page.
    pub html: String,
    /// It allows the page's scripts by their digests, so an injected script does not run.
    pub policy: String,
}

/// The page for a server with these settings.
pub fn swagger_ui(settings: &Settings) -> SwaggerUi {
    let (style, bundle) = (decompressed(STYLE), decompressed(BUNDLE));
    let style = [&style, project_style(), include_str!("swagger_ui.css")].concat();
    // The page may call only the server that it comes from, which need not have the name of PUBLIC_URL.
    let options = DocumentOptions { settings: Some(settings), server: Some("/"), ..DocumentOptions::default() };
    // `<` would end the script in `</script>`; in JSON it occurs only in texts.
    let document = with_login_routes_once(&options.document(DocumentFormat::Json)).replace('<', "\\u003c");
    let is_demo = settings.mode == Mode::Dev;
    let script = include_str!("swagger_ui.js");
    let start = format!("const spec = {document};\nconst isDemo = {is_demo};\n{script}");
    let digest = |script: &String| format!("'sha256-{}'", STANDARD.encode(Digest::of(script.as_bytes()).as_bytes()));
    // The pages of `dev` have the client and its buttons as files.
    let files = if is_demo { " 'self'" } else { "" };
    let policy = format!(
        "default-src 'none'; script-src {} {}{files}; style-src 'unsafe-inline'; img-src 'self' data:; font-src data:; \
         connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        digest(&bundle),
        digest(&start)
    );
    let (mark, icon) = (MARK, STANDARD.encode(MARK));
    let values = context! { style, bundle, start, mark, icon, is_demo };
    let html = Environment::new().render_str(include_str!("swagger_ui.html"), values);
    SwaggerUi { html: html.expect("the template uses nothing that can fail"), policy }
}

/// Each login route has a twin with the provider in its path, which takes the same body otherwise. The page shows only the twin.
fn with_login_routes_once(document: &str) -> String {
    let mut document: Value = serde_json::from_str(document).expect("the document is JSON");
    let paths = document["paths"].as_object_mut().expect("the document has paths");
    let twins: Vec<String> =
        paths.keys().filter_map(|path| path.strip_suffix("{provider}/")).map(str::to_owned).collect();
    paths.retain(|path, _| !twins.contains(path));
    document.to_string()
}

fn decompressed(asset: &[u8]) -> String {
    let mut text = String::new();
    GzDecoder::new(asset).read_to_string(&mut text).expect("build.rs compresses text");
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Sources, read_with_errors};

    fn settings() -> Settings {
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
    fn each_login_route_is_shown_once_with_its_provider() {
        let settings = settings();
        let options = DocumentOptions { settings: Some(&settings), ..DocumentOptions::default() };
        let document = options.document(DocumentFormat::Json);
        let paths = |text: &str| {
            let document: Value = serde_json::from_str(text).expect("JSON");
            document["paths"].as_object().expect("paths").keys().cloned().collect::<Vec<_>>()
        };
        let (all, shown) = (paths(&document), paths(&with_login_routes_once(&document)));
        let hidden: Vec<&String> = all.iter().filter(|path| !shown.contains(path)).collect();
        assert!(hidden.len() > 5 && hidden.iter().all(|path| path.starts_with("/api/login/social/")), "{hidden:?}");
        assert!(hidden.iter().all(|path| shown.contains(&format!("{path}{{provider}}/"))), "{hidden:?}");
    }

    #[test]
    fn swagger_ui_loads_nothing_from_other_hosts_and_allows_only_its_own_scripts() {
        let SwaggerUi { html, policy } = swagger_ui(&settings());
        assert!(
            !html.contains("<script src=") && !html.contains("<link rel=\"stylesheet") && !html.contains("src=\"http")
        );
        let (mut rest, mut count) = (html.as_str(), 0);
        // As in a browser: a script ends at the first end tag.
        while let Some((script, after)) = rest.split_once("<script>").and_then(|(_, tag)| tag.split_once("</script>")) {
            let digest = STANDARD.encode(Digest::of(script.as_bytes()).as_bytes());
            assert!(policy.contains(&format!("'sha256-{digest}'")), "a script is not allowed");
            (rest, count) = (after, count + 1);
        }
        assert_eq!((count, policy.matches("'sha256-").count()), (2, 2));
        assert!(!policy.contains("script-src 'unsafe-inline'"));
    }
}
