//! The sample of a provider: one login with an invented user, as the provider's documentation describes it. The simulator and the
//! tests of logins use it, and `providers show NAME --sample` prints it. `samples/README.md` documents the fields.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::expression::{Expr, Scope};

/// `(id, text)`, by id.
static FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/samples.rs"));

type Texts = BTreeMap<String, String>;

/// One login at a provider: the requests that it accepts, and its answers. Texts contain placeholders such as `{code}`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sample {
    /// The name of the provider. Empty in the settings, where the table names it.
    #[serde(default)]
    pub provider: String,
    /// The ID of the catalogue entry, if it is not the default one of this name.
    pub variant: Option<String>,
    /// OAuth 1.0a: the first of `calls` requests the request token.
    #[serde(default)]
    pub oauth1: bool,
    /// The provider signs no user in; its account is linked to a signed-in user.
    #[serde(default)]
    pub links_only: bool,
    /// The issuer, below which the discovery document and its endpoints are.
    pub issuer: Option<String>,
    /// Settings of the provider, such as its address.
    #[serde(default)]
    pub settings: BTreeMap<String, Value>,
    /// URLs and bodies of further documents.
    #[serde(default)]
    pub documents: Texts,
    /// Claims of the token that replaces `{id_token}`.
    pub id_token: Option<Map<String, Value>>,
    /// Fields of the body of begin.
    #[serde(default)]
    pub address: Map<String, Value>,
    /// Names and expressions of further placeholders: signatures of requests and of the callback.
    #[serde(default)]
    pub signatures: BTreeMap<String, Expr>,
    /// The authorization request.
    pub authorization: SampleAuthorization,
    /// Parameters of the callback besides `code` and `state`, or instead of them.
    #[serde(default)]
    pub callback: Map<String, Value>,
    /// The requests of the server, in order.
    #[serde(default)]
    pub calls: Vec<SampleCall>,
    /// The refusals of the provider in its own words.
    #[serde(default)]
    pub refusals: SampleRefusals,
    /// The user that results.
    pub user: SampleUser,
}

/// How a provider refuses. What is missing follows the standards and the error rules of the descriptor.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SampleRefusals {
    /// The parameters of the callback when the user denies consent. `state` is added.
    pub denied: Map<String, Value>,
    /// An invalid, used or expired code.
    pub invalid_code: Option<SampleRefusal>,
    /// An unknown client or a wrong client secret.
    pub invalid_client: Option<SampleRefusal>,
    /// An access token that is invalid or has expired.
    pub expired_token: Option<SampleRefusal>,
    /// Too many requests.
    pub rate_limited: Option<SampleRefusal>,
}

/// An answer that refuses a request.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SampleRefusal {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub answer: String,
    /// Headers of the answer.
    #[serde(default)]
    pub headers: Texts,
}

/// The authorization request of a sample.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SampleAuthorization {
    /// The authorization endpoint.
    pub url: String,
    /// Its parameters. `*`: any value.
    #[serde(default)]
    pub query: Texts,
    /// Whether a PKCE challenge is sent.
    #[serde(default)]
    pub pkce: bool,
    /// Whether a nonce is sent.
    #[serde(default)]
    pub nonce: bool,
}

/// A request of the server and its answer.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SampleCall {
    /// `METHOD URL`.
    pub request: String,
    /// The query.
    #[serde(default)]
    pub query: Texts,
    /// Headers that it must have.
    #[serde(default)]
    pub headers: Texts,
    /// The form. `*`: any value.
    pub form: Option<Texts>,
    /// The body as JSON.
    pub json: Option<String>,
    /// The body of the answer.
    pub answer: String,
    /// Headers of the answer.
    #[serde(default)]
    pub answer_headers: Texts,
}

/// The user of a sample, as the server stores it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SampleUser {
    /// The uid of the social account.
    pub uid: String,
    /// The part of the answers that identifies the user, if it is not the whole uid.
    pub id: Option<String>,
    /// `*`: any random text.
    #[serde(default)]
    pub username: String,
    /// Empty: none.
    #[serde(default)]
    pub email: String,
    /// Whether the provider has verified the address.
    #[serde(default)]
    pub email_verified: bool,
    /// Empty: none.
    #[serde(default)]
    pub first_name: String,
    /// Empty: none.
    #[serde(default)]
    pub last_name: String,
    /// The extra data, as JSON.
    #[serde(default)]
    pub extra_data: String,
}

/// The values of one login, which replace placeholders.
#[derive(Clone, Copy, Debug)]
pub struct SampleValues<'a> {
    /// Of the client.
    pub client_id: &'a str,
    /// Of the client.
    pub client_secret: &'a str,
    /// Of the user.
    pub access_token: &'a str,
    /// The parameters of the callback.
    pub callback: &'a Map<String, Value>,
}

impl Sample {
    /// Parses the text of a file.
    ///
    /// Errors: the first problem.
    pub fn parse(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|error| error.to_string())
    }

    /// The text of an entry's sample.
    pub fn text_of(id: &str) -> Option<&'static str> {
        FILES.iter().find(|(name, _)| *name == id).map(|(_, text)| *text)
    }

    /// The value of a placeholder that `signatures` declares. `None`: there is none, or it cannot be computed.
    pub fn signature(&self, name: &str, values: &SampleValues<'_>) -> Option<String> {
        let scope = Scope::default()
            .with("client_id", Some(values.client_id))
            .with("client_secret", Some(values.client_secret))
            .with("access_token", Some(values.access_token))
            .with("callback", Some(values.callback));
        self.signatures.get(name)?.text(&scope).ok().flatten()
    }
}

/// The samples of the catalogue by the names of their files. A name that is no ID of an entry is a further sample of one.
pub fn catalog_samples() -> impl Iterator<Item = (&'static str, &'static str)> {
    FILES.iter().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sample_of_the_catalogue_parses() {
        for (name, text) in catalog_samples() {
            let sample = Sample::parse(text).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert!(!sample.provider.is_empty() && !sample.user.uid.is_empty(), "{name}");
        }
    }

    #[test]
    fn signatures_are_computed_from_the_values_of_a_login() {
        let sample = Sample::parse(Sample::text_of("shopify").expect("a sample")).expect("it parses");
        let callback =
            Map::from_iter([("shop".to_owned(), Value::from("a")), ("hmac".to_owned(), Value::from("{hmac}"))]);
        let values =
            SampleValues { client_id: "id", client_secret: "secret", access_token: "token", callback: &callback };
        assert_eq!(sample.signature("hmac", &values).map(|text| text.len()), Some(64));
        assert_eq!(sample.signature("other", &values), None);
    }
}
