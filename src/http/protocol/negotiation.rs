//! What a caller accepts: the `Accept` header and `?format=`.

use poem::Request;
use poem::http::{HeaderMap, StatusCode, header};

use super::problem::Failure;
use super::weighted_list::weighted;

/// Whether a browser navigates here: `Accept` has `text/html`, and no JSON. Generated clients list every media type that the
/// document has for a response, pages among them.
pub fn wants_html(request: &Request) -> bool {
    let accepted = weighted(request.headers(), &header::ACCEPT);
    let names = |media_type: &str| accepted.iter().any(|(range, weight)| range == media_type && *weight > 0.0);
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
    if accepts_json(request.headers()) {
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

/// A caller without the header accepts everything.
fn accepts_json(headers: &HeaderMap) -> bool {
    /// The most specific range that is present counts (RFC 9110, 12.5.1).
    const JSON: [&str; 3] = ["application/json", "application/*", "*/*"];
    const OTHERS: [&str; 4] = ["application/problem+json", "text/*", "text/html", "application/xhtml+xml"];
    let accepted = weighted(headers, &header::ACCEPT);
    let weight_of = |range: &str| {
        let weights = accepted.iter().filter(|(named, _)| named == range).map(|(_, weight)| *weight);
        weights.reduce(f32::max)
    };
    accepted.is_empty()
        || JSON.into_iter().find_map(weight_of).is_some_and(|weight| weight > 0.0)
        || OTHERS.into_iter().filter_map(weight_of).any(|weight| weight > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r_in_11_a_caller_that_accepts_neither_json_nor_html_is_refused() {
        let accepts =
            |accept: &'static str| accepts_json(Request::builder().header(header::ACCEPT, accept).finish().headers());
        for accept in ["application/json", "", "*/*", "text/html,application/xhtml+xml;q=0.9", "image/png, */*;q=0.1"] {
            assert!(accepts(accept), "{accept}");
        }
        for accept in ["application/*;q=0, application/json", "application/json;q=0, text/html"] {
            assert!(accepts(accept), "{accept}");
        }
        for accept in [
            "image/png",
            "application/xml",
            "application/json;q=0",
            "application/jsonp",
            "application/json;q=0, */*",
            "*/*, application/*;q=0",
        ] {
            assert!(!accepts(accept), "{accept}");
        }
    }

    #[test]
    fn a_page_is_for_callers_that_accept_html_and_do_not_name_json() {
        let wants = |accept: &'static str| wants_html(&Request::builder().header(header::ACCEPT, accept).finish());
        for accept in ["text/html", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "TEXT/HTML"] {
            assert!(wants(accept), "{accept}");
        }
        for accept in
            ["*/*", "application/json", "application/json, application/problem+json, text/html", "text/html;q=0, */*"]
        {
            assert!(!wants(accept), "{accept}");
        }
        assert!(wants("application/json;q=0, text/html"));
    }

    #[test]
    fn r_in_03_only_the_format_json_is_known() {
        assert!(has_known_format("code=1&provider=x"));
        assert!(has_known_format("format=json"));
        assert!(!has_known_format("format=xml"));
    }
}
