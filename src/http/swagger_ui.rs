//! Swagger UI with the OpenAPI document and all its assets inside: one page that loads nothing from another host.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minijinja::{Environment, context};

use super::document::{DocumentFormat, DocumentOptions, service};
use crate::secrets::Digest;
use crate::settings::Settings;

/// A page and its Content-Security-Policy.
pub struct SwaggerUi {
    /// The whole page.
    pub html: String,
    /// It allows the page's scripts by their digests, so an injected script does not run.
    pub policy: String,
}

/// The page for a server with these settings.
pub fn swagger_ui(settings: &Settings) -> SwaggerUi {
    let stock = service().swagger_ui_html();
    // Browsers normalize line ends to LF before they compute a digest.
    let asset = |element| asset(&stock, element).replace("\r\n", "\n").replace('\r', "\n");
    let (style, bundle) = (asset("style"), asset("script"));
    // The page may call only the server that it comes from, which need not have the name of PUBLIC_URL.
    let options = DocumentOptions { settings: Some(settings), server: Some("/"), ..DocumentOptions::default() };
    // `<` would end the script in `</script>`; in JSON it occurs only in texts.
    let document = options.document(DocumentFormat::MinifiedJson).replace('<', "\\u003c");
    let start = format!("SwaggerUIBundle({{ dom_id: \"#ui\", deepLinking: true, spec: {document} }});");
    let digest = |script: &String| format!("'sha256-{}'", STANDARD.encode(Digest::of(script.as_bytes()).as_bytes()));
    let policy = format!(
        "default-src 'none'; script-src {} {}; style-src 'unsafe-inline'; img-src 'self' data:; font-src data:; \
         connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        digest(&bundle),
        digest(&start)
    );
    let html = Environment::new().render_str(include_str!("swagger_ui.html"), context! { style, bundle, start });
    SwaggerUi { html: html.expect("the template uses nothing that can fail"), policy }
}

/// The text of the first `style` or `script` element of poem-openapi's page, which has the assets of Swagger UI.
fn asset<'a>(page: &'a str, element: &str) -> &'a str {
    let (start, end) = (format!("<{element} "), format!("</{element}>"));
    let text = page.split_once(&start).and_then(|(_, rest)| rest.split_once('>')?.1.split_once(&end));
    text.expect("poem-openapi's page has the element").0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Mode, Sources, read_with_errors};

    #[test]
    fn swagger_ui_loads_nothing_from_other_hosts_and_allows_only_its_own_scripts() {
        let sources = Sources {
            mode: Mode::Serve,
            defaults: toml::Table::new(),
            file: None,
            environment: Vec::new(),
            catalog: &[],
            steps: &[],
            fields: &[],
        };
        let SwaggerUi { html, policy } = swagger_ui(&read_with_errors(&sources).0);
        assert!(!html.contains("<script src=") && !html.contains("<link "));
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
