//! The languages of pages, and which of them a request asks for: `ui_locales` of OpenID Connect, then `Accept-Language`.

use poem::Request;
use poem::http::{HeaderMap, header};

use super::weighted_list::weighted;

/// A language that has a file in `texts/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// The one of requests that ask for no other.
    English,
    /// `de`
    German,
    /// `es`
    Spanish,
}

impl Language {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::English, Self::German, Self::Spanish];

    /// The language tag (BCP 47).
    pub fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
            Self::Spanish => "es",
        }
    }

    /// The first known language of the query's `ui_locales`, or the known one that `Accept-Language` prefers.
    pub fn of(request: &Request) -> Self {
        let query = request.uri().query().unwrap_or_default();
        let locales = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "ui_locales");
        Self::preferred(locales.map(|(_, locales)| locales).as_deref(), request.headers())
    }

    /// The same with this value of `ui_locales`: language tags, the preferred one first (OpenID Connect Core, 3.1.2.1).
    pub fn preferred(ui_locales: Option<&str>, headers: &HeaderMap) -> Self {
        let named = ui_locales.unwrap_or_default().split_whitespace().find_map(Self::by_tag);
        named.unwrap_or_else(|| Self::accepted(&weighted(headers, &header::ACCEPT_LANGUAGE)))
    }

    /// `de` and `de-AT` are German.
    fn by_tag(tag: &str) -> Option<Self> {
        let primary = tag.split('-').next().unwrap_or_default();
        Self::ALL.into_iter().find(|language| language.tag().eq_ignore_ascii_case(primary))
    }

    /// The range with the highest weight, of several the first (RFC 9110, 12.5.4).
    fn accepted(ranges: &[(String, f32)]) -> Self {
        let known = ranges.iter().filter_map(|(tag, weight)| {
            let language = if tag == "*" { Self::English } else { Self::by_tag(tag)? };
            (*weight > 0.0).then_some((language, *weight))
        });
        let best = known.reduce(|best, next| if next.1 > best.1 { next } else { best });
        best.map_or(Self::English, |(language, _)| language)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn language_of(query: &str, accepted: &[&'static str]) -> Language {
        let mut request = Request::builder().uri_str(format!("/{query}"));
        for line in accepted {
            request = request.header(header::ACCEPT_LANGUAGE, *line);
        }
        Language::of(&request.finish())
    }

    #[test]
    fn accept_language_decides_by_weight_and_order() {
        for (accepted, expected) in [
            ("de", Language::German),
            ("DE-at,de;q=0.9,en;q=0.8", Language::German),
            ("en-US,en;q=0.9,de;q=0.8", Language::English),
            ("fr-FR, es;q=0.5, de;q=0.4", Language::Spanish),
            ("en;q=0.2, es; q=0.9", Language::Spanish),
            ("de;q=0, *;q=0.1", Language::English),
            ("de;q=x, es;q=0.1", Language::German),
            ("fr", Language::English),
            ("deu", Language::English),
            (";;,,=", Language::English),
            ("", Language::English),
        ] {
            assert_eq!(language_of("", &[accepted]), expected, "{accepted}");
        }
        assert_eq!(language_of("", &["fr", "es"]), Language::Spanish);
        assert_eq!(language_of("", &[]), Language::English);
    }

    #[test]
    fn ui_locales_come_before_accept_language() {
        assert_eq!(language_of("?ui_locales=fr-CA%20es-MX+de", &["de"]), Language::Spanish);
        assert_eq!(language_of("?code=x&ui_locales=en", &["de"]), Language::English);
        assert_eq!(language_of("?ui_locales=fr", &["de"]), Language::German);
        assert_eq!(language_of("?ui_locales=", &["de"]), Language::German);
    }
}
