//! The signature of an OAuth 1.0a request (RFC 5849, section 3): HMAC-SHA1 in the `Authorization` header, which every OAuth 1.0a
//! provider of the catalogue accepts.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::Url;

use super::message::{Body, Pairs, Request};
use crate::clock::Deps;
use crate::secrets::{ExposeSecret, SecretString};

/// Escapes everything but the unreserved characters of RFC 3986.
pub const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The credentials of a signature (RFC 5849, section 3.4.2).
#[derive(Clone, Copy)]
pub struct Signer<'a> {
    /// `oauth_consumer_key`.
    pub client_id: &'a str,
    /// The secret of the client.
    pub client_secret: &'a SecretString,
    /// A request token or an access token, with its secret.
    pub token: Option<(&'a str, &'a SecretString)>,
}

/// Signs `call`. `extra` are further protocol parameters, such as `oauth_callback`. Every signature has a new nonce and the
/// current time (SEC-15).
pub fn sign(call: &mut Request, signer: Signer<'_>, extra: &[(&str, &str)], deps: &Deps) {
    let (nonce, timestamp) = (deps.hex::<16>(), deps.now().seconds().to_string());
    let mut protocol: Vec<(&str, &str)> = vec![
        ("oauth_nonce", &nonce),
        ("oauth_timestamp", &timestamp),
        ("oauth_version", "1.0"),
        ("oauth_signature_method", "HMAC-SHA1"),
        ("oauth_consumer_key", signer.client_id),
    ];
    protocol.extend(signer.token.map(|(token, _)| ("oauth_token", token)));
    protocol.extend(extra);

    let in_url: Pairs = call.url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
    let form: &[(String, String)] = match &call.body {
        Body::Form(form) => form,
        _ => &[],
    };
    let sent = in_url.iter().chain(&call.query).chain(form).map(|(name, value)| (name.as_str(), value.as_str()));
    let parameters: Vec<(&str, &str)> = protocol.iter().copied().chain(sent).collect();
    let base = base_string(call.method.as_str(), &call.url, &parameters);
    let signature = signature(&base, signer.client_secret, signer.token.map(|(_, secret)| secret));
    protocol.push(("oauth_signature", &signature));
    let header: Vec<String> =
        protocol.iter().map(|(name, value)| format!("{}=\"{}\"", escaped(name), escaped(value))).collect();
    call.headers.push(("Authorization".to_owned(), format!("OAuth {}", header.join(", "))));
}

fn escaped(text: &str) -> String {
    utf8_percent_encode(text, ESCAPED).to_string()
}

/// RFC 5849, 3.4.1. `parameters` must include the query of `url`.
fn base_string(method: &str, url: &Url, parameters: &[(&str, &str)]) -> String {
    let mut sorted: Vec<(String, String)> =
        parameters.iter().map(|(name, value)| (escaped(name), escaped(value))).collect();
    sorted.sort();
    let joined: Vec<String> = sorted.iter().map(|(name, value)| format!("{name}={value}")).collect();
    // `Url` converts scheme and host to lower case and drops the default port (3.4.1.2).
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let base_uri = format!("{}://{}{port}{}", url.scheme(), url.host_str().unwrap_or_default(), url.path());
    format!("{}&{}&{}", method.to_ascii_uppercase(), escaped(&base_uri), escaped(&joined.join("&")))
}

/// RFC 5849, 3.4.2.
fn signature(base: &str, client_secret: &SecretString, token_secret: Option<&SecretString>) -> String {
    let token_secret = token_secret.map(|secret| escaped(secret.expose_secret())).unwrap_or_default();
    let key = format!("{}&{token_secret}", escaped(client_secret.expose_secret()));
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key.as_bytes());
    STANDARD.encode(hmac::sign(&key, base.as_bytes()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// RFC 5849, 3.4.1.1, with its repeated names, `+`, `%20` and a parameter without a value.
    #[test]
    fn sec_15_base_string_of_the_rfc_example() {
        let url = Url::parse("http://EXAMPLE.com:80/request?b5=%3D%253D&a3=a&c%40=&a2=r%20b").unwrap();
        let query: Pairs = url.query_pairs().map(|(name, value)| (name.into(), value.into())).collect();
        let mut parameters = vec![
            ("oauth_consumer_key", "9djdj82h48djs9d2"),
            ("oauth_token", "kkk9d7dh3k39sjv7"),
            ("oauth_signature_method", "HMAC-SHA1"),
            ("oauth_timestamp", "137131201"),
            ("oauth_nonce", "7d8f3e4a"),
            ("c2", ""),
            ("a3", "2 q"),
        ];
        parameters.extend(query.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        assert_eq!(
            base_string("POST", &url, &parameters),
            "POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26a3%3D2%2520q%26a3%3Da%26b5%3D%253D%25253D%26c%2540\
             %3D%26c2%3D%26oauth_consumer_key%3D9djdj82h48djs9d2%26oauth_nonce%3D7d8f3e4a%26oauth_signature_method%3DHM\
             AC-SHA1%26oauth_timestamp%3D137131201%26oauth_token%3Dkkk9d7dh3k39sjv7"
        );
    }

    /// The signature of RFC 5849, 1.2, and the example in the documentation of X.
    #[test]
    fn sec_15_signatures_of_published_examples() {
        let url = Url::parse("http://photos.example.net/photos").unwrap();
        let parameters = [
            ("file", "vacation.jpg"),
            ("size", "original"),
            ("oauth_consumer_key", "dpf43f3p2l4k3l03"),
            ("oauth_token", "nnch734d00sl2jdk"),
            ("oauth_signature_method", "HMAC-SHA1"),
            ("oauth_timestamp", "137131202"),
            ("oauth_nonce", "chapoH"),
        ];
        let token_secret = SecretString::from("pfkkdhi9sl3r4s00");
        let secret = SecretString::from("kd94hf93k423kf44");
        assert_eq!(
            signature(&base_string("GET", &url, &parameters), &secret, Some(&token_secret)),
            "MdpQcU8iPSUjWoN/UDMsK2sui9I="
        );

        let url = Url::parse("https://api.twitter.com/1.1/statuses/update.json").unwrap();
        let parameters = [
            ("status", "Hello Ladies + Gentlemen, a signed OAuth request!"),
            ("include_entities", "true"),
            ("oauth_consumer_key", "xvz1evFS4wEEPTGEFPHBog"),
            ("oauth_nonce", "kYjzVBB8Y0ZFabxSWbWovY3uYSQ2pTgmZeNu2VS4cg"),
            ("oauth_signature_method", "HMAC-SHA1"),
            ("oauth_timestamp", "1318622958"),
            ("oauth_token", "370773112-GmHxMAgYyLbNEtIKZeRNFsMKPR9EyMZeS9weJAEb"),
            ("oauth_version", "1.0"),
        ];
        let secret = SecretString::from("kAcSOqF21Fu85e7zjz7ZN2U4ZRhfV3WpwPAoE3Z7kBw");
        let token_secret = SecretString::from("LswwdoUaIvS8ltyTt5jkRh4J50vUPVVHtR2YPi5kE");
        assert_eq!(
            signature(&base_string("POST", &url, &parameters), &secret, Some(&token_secret)),
            "hCtSmYh+iHYCEqBWrE7C7hYmtUk="
        );
    }

    #[test]
    fn sec_15_every_call_has_another_nonce() {
        let deps = Deps::system();
        let secret = SecretString::from("s");
        let signer = Signer { client_id: "k", client_secret: &secret, token: None };
        let nonce = || {
            let mut call = Request::new(reqwest::Method::POST, Url::parse("https://a.example/t").unwrap());
            sign(&mut call, signer, &[], &deps);
            call.headers[0].1.split('"').nth(1).unwrap().to_owned()
        };
        assert_ne!(nonce(), nonce());
    }

    proptest! {
        /// A provider that splits and decodes the base string finds the signed parameters, whatever their order was.
        #[test]
        fn base_string_encodes_all_parameters_in_a_fixed_order(
            mut pairs in proptest::collection::vec((".{0,12}", ".{0,12}"), 0..6)
        ) {
            let url = Url::parse("https://a.example/b").unwrap();
            let borrowed = |pairs: &[(String, String)]| {
                let all: Vec<(&str, &str)> = pairs.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
                base_string("get", &url, &all)
            };
            let base = borrowed(&pairs);
            pairs.reverse();
            prop_assert_eq!(&base, &borrowed(&pairs));
            let parts: Vec<&str> = base.split('&').collect();
            prop_assert_eq!(parts.len(), 3);
            let decode = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8().unwrap().into_owned();
            let joined = decode(parts[2]);
            let mut back: Vec<(String, String)> = joined
                .split('&')
                .filter(|part| !part.is_empty() && !pairs.is_empty())
                .map(|part| part.split_once('=').unwrap())
                .map(|(name, value)| (decode(name), decode(value)))
                .collect();
            back.sort();
            pairs.sort();
            prop_assert_eq!(back, pairs);
        }
    }
}
