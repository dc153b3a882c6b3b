//! Entity tags (RFC 9110, 8.8.3): a caller that has the current version of a document gets 304.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use poem::http::{HeaderMap, HeaderValue, header};

use crate::secrets::Digest;

/// The tag of one version of a document, made of its content.
pub struct EntityTag(String);

impl EntityTag {
    /// The tag of this content.
    pub fn of(content: &[u8]) -> Self {
        Self(format!("\"{}\"", URL_SAFE_NO_PAD.encode(&Digest::of(content).as_bytes()[..16])))
    }

    /// For a document with one representation.
    pub fn strong(&self) -> HeaderValue {
        HeaderValue::from_str(&self.0).expect("quoted base64 is ASCII")
    }

    /// For a document that is also sent compressed: the same content in other bytes.
    pub fn weak(&self) -> HeaderValue {
        HeaderValue::try_from(format!("W/{}", self.0)).expect("quoted base64 is ASCII")
    }

    /// Whether If-None-Match has the tag, by weak comparison (RFC 9110, 13.1.2).
    pub fn is_known(&self, headers: &HeaderMap) -> bool {
        let lines = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|line| line.to_str().ok());
        let mut known = lines.flat_map(|line| line.split(',')).map(str::trim);
        known.any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entity_tags_are_compared_weakly() {
        for (line, is_known) in [
            ("\"a\"", true),
            ("W/\"a\"", true),
            ("\"b\", \"a\"", true),
            ("*", true),
            ("\"b\"", false),
            ("a", false),
            ("", false),
        ] {
            let headers = HeaderMap::from_iter([(header::IF_NONE_MATCH, HeaderValue::from_static(line))]);
            assert_eq!(EntityTag("\"a\"".to_owned()).is_known(&headers), is_known, "{line}");
        }
    }
}
