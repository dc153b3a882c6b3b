//! Warns when a page of an unlisted origin calls this server: the browser hides the answer from the page, and the log shows a success.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use poem::Request;
use poem::http::{HeaderValue, header};

/// Origins that are remembered. A caller can invent any number of them, so further ones are not logged.
const MAX_ORIGINS: usize = 100;
/// Longer origins are not logged.
const MAX_ORIGIN_LEN: usize = 200;

/// The origins that were logged.
#[derive(Default)]
pub struct CorsWarnings(Mutex<BTreeSet<String>>);

impl CorsWarnings {
    /// Logs each origin once. `is_preflight`: a browser asks whether the page may make the call.
    pub fn refused(&self, origin: &str, is_preflight: bool) {
        if self.is_new(origin) {
            tracing::warn!(
                origin,
                is_preflight,
                "a page of this origin cannot read the answers of this server: if it is your front-end, add the origin to \
                 ALLOWED_ORIGINS"
            );
        }
    }

    fn is_new(&self, origin: &str) -> bool {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.len() < MAX_ORIGINS && known.insert(origin.to_owned())
    }
}

/// The origin of a script's call. A form and a navigation need no CORS, and `null` cannot be listed.
pub fn origin_of_script(request: &Request, is_preflight: bool) -> Option<String> {
    let is_script = is_preflight || request.headers().get("sec-fetch-mode").is_some_and(|mode| mode == "cors");
    let origin = request.headers().get(header::ORIGIN).and_then(|origin| HeaderValue::to_str(origin).ok());
    let is_loggable = |origin: &&str| origin.len() <= MAX_ORIGIN_LEN && origin.contains("://");
    origin.filter(is_loggable).filter(|_| is_script).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fault_e8_each_origin_is_logged_once() {
        let warnings = CorsWarnings::default();
        assert!(warnings.is_new("https://a.example") && !warnings.is_new("https://a.example"));
        for number in 1..MAX_ORIGINS {
            assert!(warnings.is_new(&format!("https://{number}.example")));
        }
        assert!(!warnings.is_new("https://one-too-many.example"));
    }

    #[test]
    fn only_calls_of_scripts_count() {
        let request = |mode: Option<&'static str>, origin: &'static str| {
            let mut request = Request::builder().finish();
            request.headers_mut().insert(header::ORIGIN, HeaderValue::from_static(origin));
            if let Some(mode) = mode {
                request.headers_mut().insert("sec-fetch-mode", HeaderValue::from_static(mode));
            }
            request
        };
        let origin = "https://a.example";
        assert_eq!(origin_of_script(&request(Some("cors"), origin), false).as_deref(), Some(origin));
        assert_eq!(origin_of_script(&request(None, origin), true).as_deref(), Some(origin));
        assert_eq!(origin_of_script(&request(Some("navigate"), origin), false), None);
        assert_eq!(origin_of_script(&request(None, origin), false), None);
        assert_eq!(origin_of_script(&request(Some("cors"), "null"), false), None);
    }
}
