//! Documents for the services that accept this server's tokens: the public keys (RFC 7517), and the server's metadata
//! (RFC 8414).

use std::sync::Arc;
use std::time::Duration;

use poem::Request;
use poem_openapi::param::Header;
use poem_openapi::types::{Example, ToJSON};
use poem_openapi::{Object, OpenApi};
use url::Url;

use crate::http::openapi::public_document::{Json, JwkSet, PublicDocument};
use crate::http::openapi::{JsonObject, Refused, Tag, error_list};
use crate::http::protocol::{App, base_url};

pub struct WellKnown {
    pub app: Arc<App>,
}

error_list! {
    DocumentErrors: DOCUMENT;
}

/// How long the metadata may be cached. With `HS*` also the key set, which is empty.
const METADATA_CACHE_AGE: Duration = Duration::from_secs(5 * 60);

#[OpenApi(prefix_path = "/.well-known", tag = Tag::Services)]
impl WellKnown {
    /// Get the public keys that verify JWTs
    ///
    /// A JWK set (RFC 7517). It contains the next key long before that signs. Read it again when a token names a key that your
    /// copy does not have. With the HS algorithms the set is empty, because their key is secret.
    #[oai(path = "/jwks.json", method = "get", operation_id = "getKeySet")]
    async fn jwks(
        &self,
        request: &Request,
        /// The `ETag` of the caller's copy. If the document still has it, the answer is 304 without a body.
        #[oai(name = "If-None-Match")]
        _if_none_match: Header<Option<String>>,
    ) -> Result<PublicDocument<KeySet, JwkSet>, Refused<DocumentErrors>> {
        let keys = self.app.account.signing_keys();
        let cache_age = keys.schedule().map_or(METADATA_CACHE_AGE, |schedule| schedule.cache_age());
        Ok(PublicDocument::new(request, keys.public_keys(), cache_age))
    }

    /// Get the metadata of the server
    ///
    /// Authorization server metadata (RFC 8414). This server has no authorization endpoint and no token endpoint of OAuth:
    /// users sign in with the routes of this document.
    #[oai(path = "/oauth-authorization-server", method = "get", operation_id = "getServerMetadata")]
    async fn metadata(
        &self,
        request: &Request,
        /// The `ETag` of the caller's copy. If the document still has it, the answer is 304 without a body.
        #[oai(name = "If-None-Match")]
        _if_none_match: Header<Option<String>>,
    ) -> Result<PublicDocument<ServerMetadata, Json>, Refused<DocumentErrors>> {
        let own = base_url(&self.app.settings, request);
        let metadata = ServerMetadata::new(&own, self.app.account.signing_keys().algorithms());
        Ok(PublicDocument::new(request, metadata.to_json_string(), METADATA_CACHE_AGE))
    }
}

/// Public keys, as a JWK set.
#[derive(Object)]
#[oai(example)]
pub struct KeySet {
    /// JSON Web Keys. `kid` is the RFC 7638 thumbprint. A key verifies tokens with its own `alg` only.
    pub keys: Vec<JsonObject>,
}

impl Example for KeySet {
    fn example() -> Self {
        let members = [
            ("kty", "EC"),
            ("use", "sig"),
            ("alg", "ES256"),
            ("kid", "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U"),
            ("crv", "P-256"),
            ("x", "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4"),
            ("y", "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"),
        ];
        let member = |(name, value): (&str, &str)| (name.to_owned(), value.into());
        Self { keys: vec![JsonObject(members.map(member).into_iter().collect())] }
    }
}

/// Authorization server metadata.
#[derive(Object)]
pub struct ServerMetadata {
    /// The URL of the server, without a slash at its end: that of this document (RFC 8414, 3.3). Without SIMPLE_JWT_ISSUER it is
    /// also `iss` of JWTs with an asymmetric algorithm.
    pub issuer: String,
    /// The public keys that verify JWTs.
    pub jwks_uri: String,
    /// Empty: the server has no authorization endpoint.
    pub response_types_supported: Vec<String>,
    /// Empty: the server has no token endpoint of OAuth.
    pub grant_types_supported: Vec<String>,
    /// Token introspection (RFC 7662).
    pub introspection_endpoint: String,
    pub introspection_endpoint_auth_methods_supported: Vec<String>,
    /// Token revocation (RFC 7009).
    pub revocation_endpoint: String,
    pub revocation_endpoint_auth_methods_supported: Vec<String>,
    /// The algorithms of the keys in the key set; absent with the HS algorithms.
    #[oai(skip_serializing_if = "Vec::is_empty", default)]
    pub access_token_signing_alg_values_supported: Vec<String>,
}

impl ServerMetadata {
    /// RFC 8414, 2 omits empty members, but requires the response types. Without the grant types, the default of the RFC would
    /// include the authorization code.
    fn new(own: &Url, algorithms: Vec<String>) -> Self {
        let base = own.origin().ascii_serialization();
        let auth_methods = || ["client_secret_basic", "client_secret_post"].map(str::to_owned).to_vec();
        Self {
            jwks_uri: format!("{base}/.well-known/jwks.json"),
            response_types_supported: Vec::new(),
            grant_types_supported: Vec::new(),
            introspection_endpoint: format!("{base}/api/token/introspect/"),
            introspection_endpoint_auth_methods_supported: auth_methods(),
            revocation_endpoint: format!("{base}/api/token/revoke/"),
            revocation_endpoint_auth_methods_supported: auth_methods(),
            access_token_signing_alg_values_supported: algorithms,
            issuer: base,
        }
    }
}
