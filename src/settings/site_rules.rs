//! SITE_*: the name, the logo and the accent colour of the pages that users see; and API_DOCS.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use url::{Position, Url};

use super::setting_reader::{self, SettingReader};
use super::types::Mode;
use crate::model::{Color, is_bidi_or_control};

const MAX_NAME_LEN: usize = 60;
/// Each page contains the logo.
const MAX_LOGO_LEN: usize = 64 * 1024;
const PNG_SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// SITE_* and API_DOCS.
#[derive(Clone, Debug)]
pub struct SiteRules {
    /// SITE_NAME, or the host of PUBLIC_URL.
    pub name: String,
    /// SITE_LOGO as a `data:` URL; `None`: pages show the mark of this project and the name.
    pub logo: Option<String>,
    /// SITE_ACCENT_COLOR.
    pub accent_color: Color,
    /// API_DOCS: whether `/docs/` is served.
    pub has_api_docs: bool,
    /// Whether the start page is the one of `dev`, where a developer signs in.
    pub has_dev_start: bool,
}

impl SiteRules {
    /// The pages of a site without settings of its own.
    pub fn with_name(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            logo: None,
            accent_color: SettingReader::default().value("SITE_ACCENT_COLOR", accent_color),
            has_api_docs: false,
            has_dev_start: false,
        }
    }
}

pub(super) fn site(reader: &mut SettingReader, public_url: Option<&Url>, mode: Mode) -> SiteRules {
    let host = public_url.map(|url| url[Position::BeforeHost..Position::AfterPort].to_owned());
    SiteRules {
        name: reader.optional("SITE_NAME", name).or(host).unwrap_or_else(|| env!("CARGO_PKG_NAME").to_owned()),
        logo: reader.optional("SITE_LOGO", logo),
        accent_color: reader.value("SITE_ACCENT_COLOR", accent_color),
        has_api_docs: reader.optional_boolean("API_DOCS").unwrap_or(mode == Mode::Dev),
        has_dev_start: mode == Mode::Dev,
    }
}

fn name(value: &Value) -> Result<String, String> {
    let text = setting_reader::text(value)?;
    if text.chars().count() > MAX_NAME_LEN || text.chars().any(is_bidi_or_control) {
        return Err(format!("must have at most {MAX_NAME_LEN} characters, and no control characters"));
    }
    Ok(text)
}

fn accent_color(value: &Value) -> Result<Color, String> {
    Color::parse(&setting_reader::text(value)?).ok_or_else(|| "must be a colour such as #0b6b4f".to_owned())
}

/// Reads the file. A browser executes no script of an image, and loads nothing for it.
fn logo(value: &Value) -> Result<String, String> {
    let path = setting_reader::text(value)?;
    let bytes = std::fs::read(&path).map_err(|error| format!("cannot read {path}: {error}"))?;
    if bytes.len() > MAX_LOGO_LEN {
        return Err(format!("{path} has more than {} KiB, and each page contains it", MAX_LOGO_LEN / 1024));
    }
    let media_type = if bytes.starts_with(PNG_SIGNATURE) {
        "image/png"
    } else if is_svg(&bytes) {
        "image/svg+xml"
    } else {
        return Err(format!("{path} is neither an SVG nor a PNG image"));
    };
    Ok(format!("data:{media_type};base64,{}", STANDARD.encode(bytes)))
}

fn is_svg(bytes: &[u8]) -> bool {
    const SVG: &str = "http://www.w3.org/2000/svg";
    let options = roxmltree::ParsingOptions { allow_dtd: true, ..roxmltree::ParsingOptions::default() };
    let document = std::str::from_utf8(bytes).ok().map(|text| roxmltree::Document::parse_with_options(text, options));
    document.is_some_and(|parsed| parsed.is_ok_and(|document| document.root_element().has_tag_name((SVG, "svg"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SVG: &str = r#"<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"/>"#;

    fn logo_of(content: &[u8]) -> Result<String, String> {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), content).expect("the file can be written");
        logo(&file.path().display().to_string().into())
    }

    #[test]
    fn a_logo_is_an_svg_or_png_file_of_at_most_64_kib() {
        assert!(logo_of(SVG.as_bytes()).expect("an SVG").starts_with("data:image/svg+xml;base64,"));
        assert!(logo_of(PNG_SIGNATURE).expect("a PNG").starts_with("data:image/png;base64,iVBORw0KGg"));
        for (content, problem) in [
            (&b"GIF89a"[..], "neither an SVG nor a PNG"),
            (b"<svg/>", "neither"),
            (b"<html xmlns='http://www.w3.org/1999/xhtml'/>", "neither"),
            (&[b' '; MAX_LOGO_LEN + 1], "more than 64 KiB"),
        ] {
            assert!(logo_of(content).expect_err("refused").contains(problem));
        }
        let missing = logo(&"/no/such/logo.svg".into()).expect_err("refused");
        assert!(missing.starts_with("cannot read /no/such/logo.svg:"), "{missing}");
    }

    #[test]
    fn a_name_is_short_and_has_no_control_characters() {
        assert_eq!(name(&"Acme & Söhne".into()), Ok("Acme & Söhne".to_owned()));
        for text in ["a\u{202e}b", "a\nb", &"x".repeat(61)] {
            assert!(name(&text.into()).is_err(), "{text:?}");
        }
    }

    #[test]
    fn the_name_is_by_default_the_host_of_public_url() {
        let reader = &mut SettingReader::default();
        let url = Url::parse("https://login.example:8443").expect("a URL");
        assert_eq!(site(reader, Some(&url), Mode::Serve).name, "login.example:8443");
    }
}
