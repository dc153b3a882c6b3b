//! What a caller accepts: the `Accept` header and `?format=`.

use poem::Request;
use poem::http::{HeaderValue, StatusCode, header};

use super::problem::Failure;

/// Whether a browser navigates here: `Accept` has `text/html`, and no JSON. Generated clients list every media type that the
/// document has for a response, pages among them.
pub fn wants_html(request: &Request) -> bool {
    let accept = request.headers().get_all(header::ACCEPT).iter();
    let accept: Vec<String> =
        accept.map(|accept| String::from_utf8_lossy(accept.as_bytes()).to_ascii_lowercase()).collect();
    let names = |media_type: &str| accept.iter().any(|accept| accept.contains(media_type));
    names("text/html") && !names("application/json") && !names("application/problem+json")
}

/// Responses are JSON and problem documents; a caller that accepts only HTML gets JSON too (R-IN-11).
///
/// Errors: 404 `not_found` for an unknown `format`, 406 `not_acceptable`.
pub fn check_acceptable(request: &Request) -> Result<(), Failure> {
    if let Some(query) = request.uri().query()
        && !has_known_format(query)
    {
        let detail = "This format is not available; the only format is json.";
        return Err(Failure::new(StatusCode::NOT_FOUND, "not_found", detail));
    }
    let mut accept = request.headers().get_all(header::ACCEPT).iter().peekable();
    if accept.peek().is_none() || accept.any(accepts_json) {
        return Ok(());
    }
    let detail = "Responses are application/json. Send an Accept header that includes it.";
    Err(Failure::new(StatusCode::NOT_ACCEPTABLE, "not_acceptable", detail))
}

/// R-IN-03: only `format` of the query counts.
fn has_known_format(query: &str) -> bool {
    let formats = url::form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name == "format");
    formats.last().is_none_or(|(_, format)| format == "json" || format.is_empty())
}

fn accepts_json(accept: &HeaderValue) -> bool {
    const ACCEPTED: [&str; 7] = [
        "*/*",
        "application/*",
        "application/json",
        "application/problem+json",
        "text/*",
        "text/html",
        "application/xhtml+xml",
    ];
    let accept = String::from_utf8_lossy(accept.as_bytes());
    accept.trim().is_empty()
        || accept.split(',').any(|range| {
            let (media_type, parameters) = range.split_once(';').unwrap_or((range, ""));
            let is_excluded = parameters.split(';').any(|parameter| {
                let weight = parameter.trim().strip_prefix("q=").and_then(|weight| weight.parse::<f32>().ok());
                weight.is_some_and(|weight| weight <= 0.0)
            });
            !is_excluded && ACCEPTED.iter().any(|accepted| media_type.trim().eq_ignore_ascii_case(accepted))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r_in_11_a_caller_that_accepts_neither_json_nor_html_is_refused() {
        let accepts = |accept: &'static str| accepts_json(&HeaderValue::from_static(accept));
        for accept in ["application/json", "", "*/*", "text/html,application/xhtml+xml;q=0.9", "image/png, */*;q=0.1"] {
            assert!(accepts(accept), "{accept}");
        }
        for accept in ["image/png", "application/xml", "application/json;q=0", "application/jsonp"] {
            assert!(!accepts(accept), "{accept}");
        }
    }

    #[test]
    fn a_page_is_for_callers_that_accept_html_and_do_not_name_json() {
        let wants = |accept: &'static str| wants_html(&Request::builder().header(header::ACCEPT, accept).finish());
        for accept in ["text/html", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "TEXT/HTML"] {
            assert!(wants(accept), "{accept}");
        }
        for accept in ["*/*", "application/json", "application/json, application/problem+json, text/html"] {
            assert!(!wants(accept), "{accept}");
        }
    }

    #[test]
    fn r_in_03_only_the_format_json_is_known() {
        assert!(has_known_format("code=1&provider=x"));
        assert!(has_known_format("format=json"));
        assert!(!has_known_format("format=xml"));
    }
}
