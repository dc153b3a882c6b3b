//! Verifies the signatures of OAuth 1.0a requests (RFC 5849, section 3). HMAC-SHA1 only.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{percent_decode_str, utf8_percent_encode};

use super::expiring_map::ExpiringMap;
use crate::clock::UnixMillis;
use crate::outgoing::ESCAPED;
use crate::secrets::constant_time_eq;

/// Maximum difference of the clocks, in seconds.
const MAX_CLOCK_SKEW: u64 = 300;

/// A request with its signature, which is not verified yet.
pub struct SignedRequest {
    oauth: Vec<(String, String)>,
    /// All parameters but `realm` and `oauth_signature` (section 3.4.1.3.1).
    all: Vec<(String, String)>,
}

/// A value of `oauth_problem` (OAuth Problem Reporting extension).
pub type Problem = &'static str;

impl SignedRequest {
    /// `others`: the parameters of the query and of a form body.
    pub fn parse(authorization: &str, others: &[(String, String)]) -> Result<Self, Problem> {
        let (scheme, rest) = authorization.split_once(' ').ok_or("parameter_absent")?;
        if !scheme.eq_ignore_ascii_case("oauth") {
            return Err("parameter_absent");
        }
        let mut oauth: Vec<(String, String)> = Vec::new();
        for part in rest.split(',') {
            let (name, value) = part.trim().split_once('=').ok_or("parameter_rejected")?;
            let value =
                value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).ok_or("parameter_rejected")?;
            let (name, value) = (decoded(name)?, decoded(value)?);
            if name == "realm" {
                continue;
            }
            if !name.starts_with("oauth_") || oauth.iter().any(|(known, _)| *known == name) {
                return Err("parameter_rejected");
            }
            oauth.push((name, value));
        }
        // Protocol parameters must be sent in one place only (section 3.5).
        if others.iter().any(|(name, _)| name.starts_with("oauth_")) {
            return Err("parameter_rejected");
        }
        let mut all: Vec<_> = oauth.iter().filter(|(name, _)| name != "oauth_signature").cloned().collect();
        all.extend_from_slice(others);
        Ok(Self { oauth, all })
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.oauth.iter().find(|(known, value)| known == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    pub fn required(&self, name: &str) -> Result<&str, Problem> {
        self.get(name).ok_or("parameter_absent")
    }

    /// Detects a replay (section 3.3). `used`: the nonces of the verified requests, to which this one is added.
    pub fn use_nonce(&self, used: &mut ExpiringMap<()>, now: UnixMillis) -> Result<(), Problem> {
        let names = ["oauth_consumer_key", "oauth_token", "oauth_timestamp", "oauth_nonce"];
        let nonce = names.map(|name| encoded(self.get(name).unwrap_or_default())).join("&");
        if used.get(&nonce, now).is_some() {
            return Err("nonce_used");
        }
        used.insert(&nonce, (), now);
        Ok(())
    }

    /// Verifies time and signature. `uri`: scheme, host and path (section 3.4.1.2). `secrets`: of the client and of the token.
    /// `now`: Unix seconds.
    pub fn verify(&self, method: &str, uri: &str, secrets: (&str, &str), now: i64) -> Result<(), Problem> {
        if self.required("oauth_signature_method")? != "HMAC-SHA1" {
            return Err("signature_method_rejected");
        }
        if self.get("oauth_version").is_some_and(|version| version != "1.0") {
            return Err("version_rejected");
        }
        let timestamp: i64 = self.required("oauth_timestamp")?.parse().map_err(|_| "timestamp_refused")?;
        if now.abs_diff(timestamp) > MAX_CLOCK_SKEW {
            return Err("timestamp_refused");
        }
        self.required("oauth_nonce")?;
        let given = STANDARD.decode(self.required("oauth_signature")?).map_err(|_| "signature_invalid")?;
        let expected = sign(&self.base_string(method, uri), secrets);
        if constant_time_eq(&given, &expected) { Ok(()) } else { Err("signature_invalid") }
    }

    /// Section 3.4.1.
    fn base_string(&self, method: &str, uri: &str) -> String {
        let mut pairs: Vec<_> = self.all.iter().map(|(name, value)| (encoded(name), encoded(value))).collect();
        pairs.sort_unstable();
        let normalized: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
        format!("{}&{}&{}", method.to_ascii_uppercase(), encoded(uri), encoded(&normalized.join("&")))
    }
}

/// Section 3.4.2.
fn sign(base_string: &str, (client, token): (&str, &str)) -> Vec<u8> {
    let key = format!("{}&{}", encoded(client), encoded(token));
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key.as_bytes());
    hmac::sign(&key, base_string.as_bytes()).as_ref().to_vec()
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, ESCAPED).to_string()
}

fn decoded(text: &str) -> Result<String, Problem> {
    percent_decode_str(text).decode_utf8().map(|text| text.into_owned()).map_err(|_| "parameter_rejected")
}

/// The header that a client sends, for tests.
#[cfg(test)]
pub fn authorization_header(
    method: &str,
    uri: &str,
    oauth: &[(&str, &str)],
    others: &[(String, String)],
    secrets: (&str, &str),
) -> String {
    let oauth: Vec<(String, String)> =
        oauth.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let signed = SignedRequest { all: [oauth.clone(), others.to_vec()].concat(), oauth };
    let signature = STANDARD.encode(sign(&signed.base_string(method, uri), secrets));
    let sent = signed.oauth.iter().map(|(name, value)| (name.clone(), value.clone()));
    let parts: Vec<String> = sent
        .chain([("oauth_signature".to_owned(), signature)])
        .map(|(name, value)| format!("{}=\"{}\"", encoded(&name), encoded(&value)))
        .collect();
    format!("OAuth {}", parts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 5849, section 3.4.1.1, with the parameters of its section 3.4.1.3.1.
    #[test]
    fn rfc5849_base_string_example() {
        let header = concat!(
            r#"OAuth realm="Example", oauth_consumer_key="9djdj82h48djs9d2", oauth_token="kkk9d7dh3k39sjv7", "#,
            r#"oauth_signature_method="HMAC-SHA1", oauth_timestamp="137131201", oauth_nonce="7d8f3e4a", "#,
            r#"oauth_signature="bYT5CMsGcbgUdFHObYMEfcx6bsw%3D""#
        );
        let others: Vec<(String, String)> =
            [("b5", "=%3D"), ("a3", "a"), ("c@", ""), ("a2", "r b"), ("c2", ""), ("a3", "2 q")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .to_vec();
        let signed = SignedRequest::parse(header, &others).unwrap();
        assert_eq!(
            signed.base_string("POST", "http://example.com/request"),
            concat!(
                "POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26a3%3D2%2520q%26a3%3Da%26b5%3D%253D%25253D%26c%25",
                "40%3D%26c2%3D%26oauth_consumer_key%3D9djdj82h48djs9d2%26oauth_nonce%3D7d8f3e4a%26oauth_signature_method",
                "%3DHMAC-SHA1%26oauth_timestamp%3D137131201%26oauth_token%3Dkkk9d7dh3k39sjv7"
            )
        );
    }

    /// RFC 5849, section 1.2, the request for the photograph.
    #[test]
    fn rfc5849_signature_example() {
        let verify = |signature: &str, now| {
            let header = format!(
                "OAuth realm=\"Photos\", oauth_consumer_key=\"dpf43f3p2l4k3l03\", oauth_token=\"nnch734d00sl2jdk\", \
                 oauth_signature_method=\"HMAC-SHA1\", oauth_timestamp=\"137131202\", oauth_nonce=\"chapoH\", \
                 oauth_signature=\"{signature}\""
            );
            let query = [("file", "vacation.jpg"), ("size", "original")];
            let query = query.map(|(name, value)| (name.to_owned(), value.to_owned()));
            let secrets = ("kd94hf93k423kf44", "pfkkdhi9sl3r4s00");
            SignedRequest::parse(&header, &query)?.verify("GET", "http://photos.example.net/photos", secrets, now)
        };
        assert_eq!(verify("MdpQcU8iPSUjWoN%2FUDMsK2sui9I%3D", 137_131_202), Ok(()));
        assert_eq!(verify("NdpQcU8iPSUjWoN%2FUDMsK2sui9I%3D", 137_131_202), Err("signature_invalid"));
        assert_eq!(verify("MdpQcU8iPSUjWoN%2FUDMsK2sui9I%3D", 137_131_503), Err("timestamp_refused"));
    }

    #[test]
    fn malformed_and_repeated_parameters_are_refused() {
        for header in [
            r#"OAuth oauth_token="a", oauth_token="b""#,
            r#"OAuth oauth_token=a"#,
            r#"OAuth oauth_token"#,
            r#"OAuth other="a""#,
        ] {
            assert_eq!(SignedRequest::parse(header, &[]).err(), Some("parameter_rejected"), "{header}");
        }
        assert_eq!(SignedRequest::parse("Bearer x", &[]).err(), Some("parameter_absent"));
        let elsewhere = [("oauth_token".to_owned(), "b".to_owned())];
        assert_eq!(SignedRequest::parse(r#"OAuth oauth_token="a""#, &elsewhere).err(), Some("parameter_rejected"));
    }
}
