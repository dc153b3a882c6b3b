//! OAuth 2.0: the authorization endpoint, the token and the revocation endpoint.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use poem::http::{StatusCode, header};
use poem::web::Data;
use poem::{Body, Request, Response, handler};
use serde_json::json;
use url::Url;

use super::demo_users::DemoUser;
use super::responses::{json, refusal, see_other};
use super::site::{
    AuthorizationRequest, Code, DemoStore, Grant, Pending, Refresh, SCOPES, Site, registered_redirect_uri,
};
use super::{consent_page, oidc};
use crate::clock::UnixMillis;
use crate::http::Language;
use crate::secrets::{is_pkce_challenge, matches_pkce_challenge};
use crate::simulator::params::Params;

/// Maximum length of a parameter.
const MAX_PARAMETER_LEN: usize = 2048;

/// The authorization endpoint (RFC 6749, section 3.1): shows the consent page, unless `login_hint` names a user.
#[handler]
pub async fn authorize(site: Data<&Arc<Site>>, request: &Request) -> Response {
    let (params, language) = (Params::of_query(request), Language::of(request));
    // Even an error must not be sent to a redirect URI that is not registered (section 4.1.2.1).
    if params.get("client_id") != Some(site.oauth2.id) {
        return refusal("No client with this client_id is registered.", language);
    }
    let redirect_uri_text = params.get("redirect_uri").unwrap_or_default();
    let Some(redirect_uri) = registered_redirect_uri(redirect_uri_text) else {
        return refusal("This redirect_uri is not registered: only loopback addresses are.", language);
    };
    match parse_request(&params, redirect_uri.clone(), redirect_uri_text) {
        Ok(request) => {
            let scope = request.scope.clone();
            let hint = params.get("login_hint").and_then(|login| site.user(login));
            match hint {
                Some(user) => see_other(&grant(&site, request, user)),
                None => consent_page::show(&site, Pending::OAuth2(request), &scope, language),
            }
        }
        Err((error, description)) => {
            let members = [("error", error), ("error_description", description)];
            see_other(&redirect_target(&site, redirect_uri, params.get("state"), &members))
        }
    }
}

/// Errors: `error` and `error_description`.
fn parse_request(
    params: &Params,
    redirect_uri: Url,
    redirect_uri_text: &str,
) -> Result<AuthorizationRequest, (&'static str, &'static str)> {
    if params.has_repeats() || params.pairs().iter().any(|(_, value)| value.len() > MAX_PARAMETER_LEN) {
        return Err(("invalid_request", "A parameter is repeated or too long."));
    }
    if params.get("response_type") != Some("code") {
        return Err(("unsupported_response_type", "Only response_type=code is supported."));
    }
    if params.get("response_mode").is_some_and(|mode| mode != "query") {
        return Err(("invalid_request", "Only response_mode=query is supported."));
    }
    if params.get("prompt") == Some("none") {
        return Err(("interaction_required", "Every login needs the consent page."));
    }
    let code_challenge = match (params.get("code_challenge"), params.get("code_challenge_method")) {
        (None, None) => None,
        (Some(challenge), Some("S256")) if is_pkce_challenge(challenge) => Some(challenge.to_owned()),
        (Some(_), Some("S256")) => {
            return Err(("invalid_request", "code_challenge is not a SHA-256 digest in base64url."));
        }
        _ => return Err(("invalid_request", "PKCE needs code_challenge and code_challenge_method=S256.")),
    };
    // Unknown scopes are ignored (section 3.3).
    let requested = params.get("scope").unwrap_or("openid profile email").split_ascii_whitespace();
    let scope: Vec<&str> = requested.filter(|scope| SCOPES.contains(scope)).collect();
    Ok(AuthorizationRequest {
        redirect_uri,
        redirect_uri_text: redirect_uri_text.to_owned(),
        state: params.get("state").map(str::to_owned),
        nonce: params.get("nonce").map(str::to_owned),
        code_challenge,
        acr: params.first_acr_value(),
        scope: scope.join(" "),
    })
}

/// The redirect URI with `members`, the state and the issuer (RFC 9207).
fn redirect_target(site: &Site, mut redirect_uri: Url, state: Option<&str>, members: &[(&str, &str)]) -> Url {
    redirect_uri
        .query_pairs_mut()
        .extend_pairs(members)
        .extend_pairs(state.map(|state| ("state", state)))
        .append_pair("iss", &site.base);
    redirect_uri
}

/// The user consented: the redirect to the client, with an authorization code.
pub fn grant(site: &Site, request: AuthorizationRequest, user: &'static DemoUser) -> Url {
    let code = site.deps.token::<32>();
    let (redirect_uri, state) = (request.redirect_uri.clone(), request.state.clone());
    let mut store = site.store();
    let grant = store.new_grant();
    store.codes.insert(&code, Code { request, user, grant, is_used: false }, site.deps.now());
    redirect_target(site, redirect_uri, state.as_deref(), &[("code", &code)])
}

/// The user denied consent.
pub fn deny(site: &Site, request: &AuthorizationRequest) -> Url {
    let members = [("error", "access_denied"), ("error_description", "The user denied consent.")];
    redirect_target(site, request.redirect_uri.clone(), request.state.as_deref(), &members)
}

/// The token endpoint (RFC 6749, sections 4.1.3 and 6).
#[handler]
pub async fn token_endpoint(site: Data<&Arc<Site>>, request: &Request, body: Body) -> Response {
    let params = match Params::of_form(request, body).await {
        Ok(params) => params,
        Err(response) => return response,
    };
    if let Some(refusal) = authenticate_client(&site, request, &params) {
        return refusal;
    }
    let granted = match params.get("grant_type") {
        _ if params.has_repeats() => Err("invalid_request"),
        Some("authorization_code") => by_code(&site, &params),
        Some("refresh_token") => by_refresh_token(&site, &params),
        Some(_) => Err("unsupported_grant_type"),
        None => Err("invalid_request"),
    };
    match granted {
        Ok(body) => json(StatusCode::OK, &body),
        Err(error) => json(StatusCode::BAD_REQUEST, &json!({ "error": error })),
    }
}

fn by_code(site: &Site, params: &Params) -> Result<serde_json::Value, &'static str> {
    let now = site.deps.now();
    let code = params.get("code").ok_or("invalid_request")?;
    let mut store = site.store();
    let code = store.codes.get_mut(code, now).ok_or("invalid_grant")?;
    // From here on the code is used, even if the request is refused.
    let (grant, was_used) = (code.grant, std::mem::replace(&mut code.is_used, true));
    if was_used {
        store.revoke_grant(grant);
        return Err("invalid_grant");
    }
    if params.get("redirect_uri") != Some(&code.request.redirect_uri_text) {
        return Err("invalid_grant");
    }
    // A verifier without a challenge is a downgrade attack (RFC 9700, section 4.8.2).
    match (&code.request.code_challenge, params.get("code_verifier")) {
        (None, None) => {}
        (Some(challenge), Some(verifier)) if matches_pkce_challenge(verifier, challenge) => {}
        _ => return Err("invalid_grant"),
    }
    let (user, request) = (code.user, code.request.clone());
    let grant = Grant { id: grant, user, scope: request.scope };
    let of_request = [("nonce", request.nonce), ("acr", request.acr)];
    Ok(tokens(site, &mut store, grant, &of_request, now))
}

fn by_refresh_token(site: &Site, params: &Params) -> Result<serde_json::Value, &'static str> {
    let now = site.deps.now();
    let token = params.get("refresh_token").ok_or("invalid_request")?;
    let mut store = site.store();
    let refresh = store.refresh.get_mut(token, now).ok_or("invalid_grant")?;
    let (grant, was_used) = (refresh.grant.clone(), std::mem::replace(&mut refresh.is_used, true));
    if was_used {
        store.revoke_grant(grant.id);
        return Err("invalid_grant");
    }
    Ok(tokens(site, &mut store, grant, &[], now))
}

/// `of_request`: claims of the ID token that the authorization request asks for.
fn tokens(
    site: &Site,
    store: &mut DemoStore,
    grant: Grant,
    of_request: &[(&str, Option<String>)],
    now: UnixMillis,
) -> serde_json::Value {
    let (access, refresh) = (site.deps.token::<32>(), site.deps.token::<32>());
    let mut body = json!({
        "access_token": access,
        "token_type": "Bearer",
        "expires_in": store.access.lifetime().as_secs(),
        "refresh_token": refresh,
        "scope": grant.scope,
    });
    if grant.scope.split(' ').any(|scope| scope == "openid") {
        body["id_token"] = oidc::id_token(site, &grant, of_request, &access, now).into();
    }
    store.access.insert(&access, grant.clone(), now);
    store.refresh.insert(&refresh, Refresh { grant, is_used: false }, now);
    body
}

/// Revocation (RFC 7009), which succeeds for an unknown token, too.
#[handler]
pub async fn revoke(site: Data<&Arc<Site>>, request: &Request, body: Body) -> Response {
    let params = match Params::of_form(request, body).await {
        Ok(params) => params,
        Err(response) => return response,
    };
    if let Some(refusal) = authenticate_client(&site, request, &params) {
        return refusal;
    }
    let Some(token) = params.get("token") else {
        return json(StatusCode::BAD_REQUEST, &json!({"error": "invalid_request"}));
    };
    let now = site.deps.now();
    let mut store = site.store();
    store.access.remove(token, now);
    // Revoking a refresh token revokes the access tokens of its grant (section 2.1).
    if let Some(refresh) = store.refresh.remove(token, now) {
        store.revoke_grant(refresh.grant.id);
    }
    Response::builder().status(StatusCode::OK).finish()
}

/// Client authentication, by HTTP Basic or in the body, never both (RFC 6749, section 2.3). `None`: it succeeded.
fn authenticate_client(site: &Site, request: &Request, params: &Params) -> Option<Response> {
    let basic = request.header(header::AUTHORIZATION).map(|value| basic_credentials(value).unwrap_or_default());
    let in_body = params.get("client_secret");
    let (id, secret) = match (&basic, in_body) {
        (Some((id, secret)), None) => (id.as_str(), secret.as_str()),
        (None, Some(secret)) => (params.get("client_id").unwrap_or_default(), secret),
        _ => ("", ""),
    };
    if id == site.oauth2.id && site.oauth2.has_secret(secret) {
        return None;
    }
    let mut response = json(StatusCode::UNAUTHORIZED, &json!({"error": "invalid_client"}));
    if basic.is_some() {
        let challenge = header::HeaderValue::from_static(r#"Basic realm="demo provider""#);
        response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    }
    Some(response)
}

/// ID and secret are form-encoded (RFC 6749, section 2.3.1).
fn basic_credentials(header: &str) -> Option<(String, String)> {
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = text.split_once(':')?;
    let decoded =
        |half: &str| percent_decode_str(&half.replace('+', " ")).decode_utf8().ok().map(|text| text.into_owned());
    Some((decoded(id)?, decoded(secret)?))
}
