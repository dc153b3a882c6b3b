//! OpenID Connect: the discovery document, the keys, the ID token and userinfo.

use std::sync::Arc;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use poem::http::{HeaderValue, StatusCode, header};
use poem::web::Data;
use poem::{Request, Response, handler};
use serde_json::{Map, Value, json};

use super::responses::json;
use super::site::{Grant, SCOPES, Signer, Site};
use crate::clock::UnixMillis;

/// In seconds.
const ID_TOKEN_LIFETIME: i64 = 600;

/// OpenID Connect Discovery 1.0, section 3.
#[handler]
pub async fn discovery(site: Data<&Arc<Site>>) -> Response {
    let base = &site.base;
    let document = json!({
        "issuer": base,
        "authorization_endpoint": format!("{base}/authorize"),
        "token_endpoint": format!("{base}/token"),
        "userinfo_endpoint": format!("{base}/userinfo"),
        "jwks_uri": format!("{base}/jwks.json"),
        "revocation_endpoint": format!("{base}/revoke"),
        "scopes_supported": SCOPES,
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "revocation_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
        "claims_supported": ["sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "acr", "at_hash", "name",
            "given_name", "family_name", "preferred_username", "email", "email_verified"],
    });
    json(StatusCode::OK, &document)
}

#[handler]
pub async fn jwks(site: Data<&Arc<Site>>) -> Response {
    json(StatusCode::OK, &serde_json::to_value(&site.signer.public).unwrap_or_default())
}

/// OpenID Connect Core, section 5.3.
#[handler]
pub async fn userinfo(site: Data<&Arc<Site>>, request: &Request) -> Response {
    let header = request.header(header::AUTHORIZATION).unwrap_or_default();
    let token =
        header.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, rest)| rest);
    let grant = token.and_then(|token| site.store().access.get(token.trim(), site.deps.now()).cloned());
    match grant {
        Some(grant) => json(StatusCode::OK, &Value::Object(claims(&grant))),
        None => {
            let mut response = json(StatusCode::UNAUTHORIZED, &json!({"error": "invalid_token"}));
            let challenge = if token.is_some() { r#"Bearer error="invalid_token""# } else { "Bearer" };
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
            response
        }
    }
}

/// The claims of the granted scopes (OpenID Connect Core, section 5.4).
fn claims(grant: &Grant) -> Map<String, Value> {
    let user = grant.user;
    let has = |wanted: &str| grant.scope.split(' ').any(|scope| scope == wanted);
    let mut claims = Map::new();
    claims.insert("sub".to_owned(), user.sub.as_str().into());
    if has("profile") {
        claims.insert("name".to_owned(), user.name().into());
        claims.insert("given_name".to_owned(), user.first_name.as_str().into());
        claims.insert("family_name".to_owned(), user.last_name.as_str().into());
        claims.insert("preferred_username".to_owned(), user.login.as_str().into());
    }
    if has("email") && !user.email.is_empty() {
        claims.insert("email".to_owned(), user.email.as_str().into());
        claims.insert("email_verified".to_owned(), user.email_verified.into());
    }
    claims
}

/// OpenID Connect Core, section 2, with `at_hash` (section 3.1.3.6). `of_request`: claims that the authorization request
/// asks for.
pub fn id_token(
    site: &Site,
    grant: &Grant,
    of_request: &[(&str, Option<String>)],
    access_token: &str,
    now: UnixMillis,
) -> String {
    let mut payload = claims(grant);
    let issued = now.seconds();
    let hash = digest::digest(&digest::SHA256, access_token.as_bytes());
    let mut insert = |name: &str, value: Value| payload.insert(name.to_owned(), value);
    insert("iss", site.base.as_str().into());
    insert("aud", site.oauth2.id.into());
    insert("iat", issued.into());
    insert("exp", (issued + ID_TOKEN_LIFETIME).into());
    insert("auth_time", issued.into());
    insert("at_hash", URL_SAFE_NO_PAD.encode(&hash.as_ref()[..16]).into());
    for (name, value) in of_request.iter().filter_map(|(name, value)| Some((*name, value.as_deref()?))) {
        insert(name, value.into());
    }
    let mut header = jsonwebtoken::Header::new(Signer::ALGORITHM);
    header.kid = Some(site.signer.kid.clone());
    jsonwebtoken::encode(&header, &payload, &site.signer.key).expect("the key is one for ES256")
}
