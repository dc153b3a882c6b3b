//! HTML pages of this server, in the language of the user: an error, the questions of a pending login, the start page. They run
//! no script and load nothing; the Content-Security-Policy allows their one style by its digest.

mod error_page;
mod question_page;
mod style;
mod texts;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minijinja::value::Kwargs;
use minijinja::{Environment, UndefinedBehavior, context};
use poem::Response;
use poem::http::{HeaderValue, StatusCode, header};

pub use self::error_page::error_page;
pub use self::question_page::{CANCEL_FIELD, question_page, translated};
pub use self::style::project_style;
pub use self::texts::Texts;
use self::texts::fill;
use crate::http::protocol::Language;
use crate::secrets::Digest;
use crate::settings::SiteRules;

/// The media type of a page.
pub const HTML: &str = "text/html; charset=utf-8";
/// The mark of this project, as an SVG image.
pub const MARK: &str = include_str!("mark.svg");

/// The pages of a site: its name, logo and colour in the templates.
pub struct Pages {
    templates: Environment<'static>,
    policy: HeaderValue,
}

/// A page as HTML, and its language.
#[derive(Debug)]
pub struct Page {
    html: String,
    language: Language,
}

impl Pages {
    /// The pages of this module.
    pub fn new(site: &SiteRules) -> Self {
        let templates = [
            ("error.html", include_str!("error.html")),
            ("question.html", include_str!("question.html")),
            ("start.html", include_str!("start.html")),
        ];
        Self::with_templates(site, &templates, "")
    }

    /// Pages with other templates, which extend `layout.html`. `rules`: their own style.
    pub fn with_templates(site: &SiteRules, own: &[(&'static str, &'static str)], rules: &str) -> Self {
        let mut templates = Environment::new();
        templates.set_undefined_behavior(UndefinedBehavior::Strict);
        // HTML is escaped in templates whose name ends in `.html`.
        for (name, text) in [("layout.html", include_str!("layout.html")), ("mark.svg", MARK)].iter().chain(own) {
            templates.add_template(name, text).expect("the templates are part of the program and parse");
        }
        let style = style::style_of(site, &[include_str!("card.css"), rules].concat());
        let policy = policy(&style);
        let icon = format!("data:image/svg+xml;base64,{}", STANDARD.encode(MARK));
        // A browser that finds no icon asks for one.
        let icon = if site.logo.is_some() { "data:,".to_owned() } else { icon };
        templates.add_global(
            "site",
            context! {
                name => site.name,
                logo => site.logo,
                has_api_docs => site.has_api_docs,
                has_dev_start => site.has_dev_start,
                icon,
                style,
            },
        );
        templates.add_filter("fill", |text: &str, values: Kwargs| {
            let names: Vec<&str> = values.args().collect();
            let values: Result<Vec<_>, minijinja::Error> =
                names.into_iter().map(|name| Ok((name, values.get::<minijinja::Value>(name)?.to_string()))).collect();
            values.map(|values| fill(text, &values))
        });
        Self { templates, policy }
    }

    /// The page that a template makes of these values and of the texts, which are `t`.
    pub fn render(&self, template: &str, language: Language, values: minijinja::Value) -> Page {
        let values = context! { language => language.tag(), t => Texts::of(language).values, ..values };
        let html = self.templates.get_template(template).and_then(|template| template.render(values));
        Page { html: html.expect("the templates use nothing that can fail"), language }
    }

    /// A response with a page. The page's own referrer policy lets its form send an `Origin`.
    pub fn response(&self, status: StatusCode, page: Page) -> Response {
        Response::builder()
            .status(status)
            .content_type(HTML)
            .header(header::CONTENT_SECURITY_POLICY, self.policy.clone())
            .header(header::CONTENT_LANGUAGE, page.language.tag())
            .header(header::VARY, "Accept, Accept-Language")
            .body(page.html)
    }

    /// The page at `/` in `serve`.
    pub fn start(&self, language: Language) -> Page {
        let title = Texts::of(language).get(&["start", "title"]);
        self.render("start.html", language, context! { title })
    }
}

/// No `form-action`: browsers apply it to the redirects after a form, and a login redirects to other sites.
fn policy(style: &str) -> HeaderValue {
    let digest = STANDARD.encode(Digest::of(style.as_bytes()).as_bytes());
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; frame-ancestors 'none'"
    );
    HeaderValue::try_from(policy).expect("base64 is ASCII")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site() -> SiteRules {
        SiteRules { logo: Some("data:image/png;base64,AAAA".to_owned()), ..SiteRules::with_name("A & B <i>") }
    }

    #[tokio::test]
    async fn the_content_security_policy_of_a_page_allows_only_its_style_and_embedded_images() {
        for site in [site(), SiteRules::with_name("x")] {
            let pages = Pages::new(&site);
            let page = pages.response(StatusCode::OK, pages.start(Language::English));
            let policy = page.headers()[header::CONTENT_SECURITY_POLICY].to_str().expect("ASCII").to_owned();
            let html = page.into_body().into_string().await.expect("HTML is text");
            let style =
                html.split_once("<style>").and_then(|(_, rest)| rest.split_once("</style>")).expect("a style").0;
            let digest = STANDARD.encode(Digest::of(style.as_bytes()).as_bytes());
            assert!(policy.contains(&format!("style-src 'sha256-{digest}'")) && policy.contains("default-src 'none'"));
            assert!(!policy.contains("unsafe") && !html.contains(" style=") && !html.contains("<script"), "{policy}");
        }
    }

    #[test]
    fn a_page_has_name_logo_and_language_of_the_site() {
        let Page { html, .. } = Pages::new(&site()).start(Language::German);
        assert!(html.contains(r#"<html lang="de">"#), "{html}");
        assert!(html.contains(r#"src="data:image&#x2f;png;base64,AAAA" alt="A &amp; B &lt;i&gt;""#), "{html}");
        assert!(!html.contains("<i>") && !html.contains("<svg"), "{html}");
        let Page { html, .. } = Pages::new(&SiteRules::with_name("Acme")).start(Language::Spanish);
        assert!(html.contains("<svg") && html.contains("Acme usa esta dirección"), "{html}");
    }

    #[test]
    fn a_response_names_its_language_and_what_chose_it() {
        let pages = Pages::new(&SiteRules::with_name("x"));
        let page = pages.response(StatusCode::OK, pages.start(Language::German));
        assert_eq!(page.headers()[header::CONTENT_LANGUAGE], "de");
        assert_eq!(page.headers()[header::VARY], "Accept, Accept-Language");
    }
}
