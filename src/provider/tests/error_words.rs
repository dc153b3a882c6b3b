//! Error descriptions of providers for invalid, used or expired codes and for refused clients. Each group has its source; an
//! answer whose source names no status has the status that the provider uses otherwise.

use super::super::catalog::read;
use super::super::descriptor::ErrorRules;
use super::super::request_rules::Format;
use super::super::{ProviderError, reply};
use crate::outgoing::Reply;

/// From the provider's documentation or its staff, at the address that the descriptor cites. A provider, the status and the
/// body of its answer.
const DOCUMENTED: &str = r#"gitea 400 {"error": "unauthorized_client", "error_description": "client is not authorized"}
gitea 400 {"error": "unauthorized_client", "error_description": "failed PKCE code challenge"}
nextcloud 400 {"error": "invalid_request"}
apple-id 400 {"error": "invalid_grant", "error_description": "The code has already been used."}
azuread-oauth2 400 {"error": "invalid_grant", "error_description": "AADSTS70002: Error validating credentials. AADSTS54005: OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an existing refresh token."}
box 400 {"error": "invalid_grant", "error_description": "The authorization code has expired"}
github 200 {"error": "bad_verification_code", "error_description": "The code passed is incorrect or expired."}
instagram 400 {"code": 400, "error_type": "OAuthException", "error_message": "Matching code was not found or was already used."}
linkedin-oauth2 401 {"error": "invalid_request", "error_description": "Unable to retrieve access token: authorization code not found"}
linkedin-oauth2 400 {"error": "invalid_request", "error_description": "Unable to retrieve access token: appid/redirect uri/code verifier does not match authorization code. Or authorization code expired. Or external member binding exists"}
linkedin-openidconnect 401 {"error": "invalid_request", "error_description": "Unable to retrieve access token: authorization code not found"}
shopify 400 {"error": "invalid_request", "error_description": "The authorization code was not found or was already used"}
slack 200 {"ok": false, "error": "invalid_code"}
slack 200 {"ok": false, "error": "code_already_used"}
strava 400 {"message": "Bad Request", "errors": [{"resource": "AuthorizationCode", "field": "code", "code": "invalid"}]}
strava 400 {"message": "Bad Request", "errors": [{"resource": "AuthorizationCode", "field": "", "code": "expired"}]}
threads 400 {"error_type": "OAuthException", "code": 400, "error_message": "Matching code was not found or was already used"}
weibo 400 {"error": "invalid_grant", "error_code": 21325, "request": "/oauth2/access_token"}
weixin 200 {"errcode": 40029, "errmsg": "invalid code, hints: [ req_id: 1foBSgMre-Hz ]"}
weixin 200 {"errcode": 40163, "errmsg": "code been used, rid: 62bae58d"}"#;

/// From reports of users and from public code that handles the answer.
const SEEN: &str = r#"amazon 400 {"error": "invalid_grant", "error_description": "The request has an invalid grant parameter : code"}
apple-id 400 {"error": "invalid_grant", "error_description": "The code has expired or has been revoked."}
bitbucket-oauth2 400 {"error": "invalid_grant", "error_description": "The specified code is not valid."}
cognito 400 {"error": "invalid_grant"}
digitalocean 401 {"error": "invalid_grant", "error_description": "The provided authorization grant is invalid, expired, revoked, does not match the redirection URI used in the authorization request, or was issued to another client."}
discord 400 {"error": "invalid_request", "error_description": "Invalid \"code\" in request."}
dropbox-oauth2 400 {"error": "invalid_grant", "error_description": "code doesn't exist or has expired"}
facebook 400 {"error": {"message": "This authorization code has been used.", "type": "OAuthException", "code": 100, "error_subcode": 36009}}
fitbit-oauth2 400 {"errors": [{"errorType": "invalid_grant", "message": "Authorization code invalid: x"}], "success": false}
google-oauth2 400 {"error": "invalid_grant", "error_description": "Malformed auth code."}
hubspot 400 {"status": "BAD_AUTH_CODE", "message": "missing or unknown auth code"}
kakao 400 {"error": "invalid_grant", "error_description": "authorization code not found for code=x", "error_code": "KOE320"}
keycloak 400 {"error": "invalid_grant", "error_description": "Code not valid"}
mailru 200 {"error": "token not found", "error_code": 6, "error_description": "token not found"}
naver 200 {"error": "invalid_request", "error_description": "no valid data in session"}
okta-oauth2 400 {"error": "invalid_grant", "error_description": "The authorization code is invalid or has expired."}
patreon 401 {"error": "invalid_grant"}
qq 200 callback( {"error":100020,"error_description":"code is reused error"} );
qq 200 callback( {"error":100019,"error_description":"code to access token error"} );
salesforce-oauth2 400 {"error": "invalid_grant", "error_description": "expired authorization code"}
spotify 400 {"error": "invalid_grant", "error_description": "Invalid authorization code"}
stripe 400 {"error": "invalid_grant", "error_description": "Authorization code does not exist: ac_123"}
tiktok 200 {"error": "invalid_grant", "error_description": "Authorization code is expired."}
twitch-oauth2 400 {"status": 400, "message": "Invalid authorization code"}
twitter-oauth2 400 {"error": "invalid_request", "error_description": "Value passed for the authorization code was invalid."}
vk-oauth2 401 {"error": "invalid_grant", "error_description": "Code is invalid or expired."}
weixin 200 {"errcode": 42003, "errmsg": "oauth_code expired"}
yandex-oauth2 400 {"error": "invalid_grant", "error_description": "Code has expired"}
zoom-oauth2 400 {"reason": "Invalid authorization code mk1Cq", "error": "invalid_request"}"#;

/// Not verified: no source was found, so the texts of the providers may differ.
const REMEMBERED: &str = r#"azuread-oauth2 400 {"error": "invalid_grant", "error_description": "AADSTS70008: The provided authorization code has expired."}
deezer 200 wrong code
facebook 400 {"error": {"message": "Error validating verification code. Please make sure your redirect_uri is identical", "type": "OAuthException", "code": 100}}
line 400 {"error": "invalid_grant", "error_description": "invalid authorization code"}
paypal-oauth2 400 {"error": "invalid_authzcode", "error_description": "The authorization code has expired"}
reddit 200 {"error": "invalid_grant"}
stackoverflow 400 {"error": {"type": "invalid_request", "message": "`code` is expired or invalid"}}
threads 400 {"error": {"message": "Invalid verification code format.", "type": "OAuthException", "code": 100}}
vimeo-oauth2 400 {"error": "invalid_grant", "error_description": "The authorization code or user credentials are wrong."}
weixin 200 {"errcode": 40029, "errmsg": "invalid code, rid: 65"}
yandex-oauth2 400 {"error": "bad_verification_code", "error_description": "Invalid code"}
zoho 200 {"error": "invalid_code"}"#;

/// Invented: other texts in a documented form, and texts for the general rule.
const MADE_UP: &str = r#"hubspot-2026-03 400 {"error": "invalid_grant", "error_description": "missing or unknown auth code", "status": "BAD_AUTH_CODE", "message": "missing or unknown auth code"}
figma 400 {"error": true, "status": 400, "message": "Invalid code"}
oidc 400 {"error_code": "authcode_expired", "msg": "The authcode is expired"}
oidc 401 {"message": "Code has already been used"}
oidc 400 Invalid authorization code
oidc 200 The authorization code has expired
oidc 400 {"error": "invalid_request", "error_description": "code_verifier does not match"}
oidc 400 {"error": "bad_request", "error_description": "Unknown authorization_code"}"#;

/// Answers that refuse the client or the request. Sources as above; those without an own form are invented.
const REFUSED_CLIENTS: &str = r#"gitea 400 {"error": "unauthorized_client", "error_description": "invalid client secret"}
gitea 400 {"error": "unauthorized_client", "error_description": "unexpected redirect URI"}
gitea 400 {"error": "invalid_client", "error_description": "cannot load client with client id: 'x'"}
nextcloud 400 {"error": "invalid_client"}
twitter-oauth2 401 {"error": "unauthorized_client", "error_description": "Missing valid authorization header"}
twitter-oauth2 400 {"error": "invalid_request", "error_description": "Missing required parameter [code_verifier]."}
google-oauth2 401 {"error": "invalid_client", "error_description": "The provided client secret is invalid."}
google-oauth2 400 {"error": "redirect_uri_mismatch", "error_description": "Bad Request"}
facebook 400 {"error": {"message": "Error validating client secret.", "type": "OAuthException", "code": 1}}
github 200 {"error": "incorrect_client_credentials", "error_description": "The client_id and/or client_secret passed are incorrect."}
github 200 {"error": "redirect_uri_mismatch", "error_description": "The redirect_uri MUST match the registered callback URL."}
github 400 {"error": "redirect_uri_mismatch", "error_description": "The redirect_uri does not match that of the authorization code."}
linkedin-oauth2 401 {"error": "invalid_client", "error_description": "Client authentication failed"}
slack 200 {"ok": false, "error": "bad_client_secret"}
twitch-oauth2 403 {"status": 403, "message": "invalid client secret"}
weixin 200 {"errcode": 40125, "errmsg": "invalid appsecret"}
weixin 200 {"errcode": 40013, "errmsg": "invalid appid"}
qq 200 callback( {"error":100009,"error_description":"client secret is illegal"} );
strava 400 {"message": "Bad Request", "errors": [{"resource": "Application", "field": "client_id", "code": "invalid"}]}
instagram 400 {"code": 400, "error_type": "OAuthException", "error_message": "Invalid platform app"}
zoom-oauth2 401 {"reason": "Invalid client_id or client_secret", "error": "invalid_client"}
auth0 401 {"error": "access_denied", "error_description": "Unauthorized"}
auth0_openidconnect 401 {"error": "access_denied", "error_description": "Unauthorized"}
hubspot-2026-03 400 {"error": "invalid_client", "error_description": "missing or invalid client secret", "status": "BAD_CLIENT_SECRET", "message": "missing or invalid client secret"}
mailru 200 {"error": "invalid client", "error_code": 2, "error_description": "invalid client"}
deezer 200 wrong application
oidc 400 {"error": "unsupported_grant_type", "error_description": "Invalid grant_type authorization_code"}
oidc 400 {"error": "invalid_request", "error_description": "The code parameter is missing"}
oidc 400 {"error": "invalid_request", "error_description": "Unsupported grant type: authorization_code is invalid for this client"}
oidc 400 {"error": "invalid_scope", "error_description": "Invalid scope"}
oidc 400 {"error": "invalid_request", "error_description": "Something is invalid"}
oidc 429 {"error": "invalid_grant", "error_description": "Too many requests"}
oidc 429 {"error": "invalid_request", "error_description": "The authorization code is invalid"}
oidc 503 {"error": "invalid_grant", "error_description": "The authorization code is invalid"}
oidc 500 invalid authorization code
oidc 404 {"error": "invalid_client", "error_description": "Client not found"}
google-oauth2 302 {"error": "redirect_uri_mismatch", "error_description": "Bad Request"}"#;

/// Answers of servers, proxies and frameworks at an address without an endpoint.
const NO_ENDPOINT: &str = r#"oidc 404 <html>404 page not found</html>
oidc 404 404 page not found
oidc 404 <html> <head><title>404 Not Found</title></head> <body> <center><h1>404 Not Found</h1></center> <hr><center>nginx</center> </body> </html>
oidc 404 {"timestamp": "2026-01-01T00:00:00Z", "status": 404, "error": "Not Found", "path": "/token"}
oidc 404 {"error": {"code": 404, "message": "Requested entity was not found.", "status": "NOT_FOUND"}}
oidc 404 {"message": "no Route matched with those values"}
oidc 404 {"detail": "Not Found"}
oidc 404
oidc 410 Gone
oidc 301 <html><head><title>301 Moved Permanently</title></head></html>
oidc 303 See Other
oidc 308 {"error": "Permanent Redirect"}
figma 404 {"error": true, "status": 404, "message": "Please make requests to api.figma.com/v1/oauth/... instead of www.figma.com/api/oauth/...", "i18n": "error.not_found"}
github 404 {"error": "Not Found"}"#;

fn answer(status: u16, body: &str) -> Reply {
    Reply { status, headers: reqwest::header::HeaderMap::new(), body: body.as_bytes().to_vec() }
}

fn outcomes(lines: &str) -> impl Iterator<Item = (&str, Result<serde_json::Value, ProviderError>)> {
    lines.lines().map(|line| {
        let mut parts = line.splitn(3, ' ');
        let mut part = || parts.next().unwrap_or_default();
        let (provider, status, body) = (part(), part(), part());
        let descriptor = read(Some(provider), &toml::Table::new()).expect("it is in the catalogue");
        let answer = answer(status.parse().expect("a status"), body);
        (line, reply::read(&answer, "token", descriptor.token.format, &descriptor.errors, &[]))
    })
}

#[test]
fn fault_c09a_descriptions_of_an_invalid_code_are_recognized() {
    let all = [DOCUMENTED, SEEN, REMEMBERED, MADE_UP].into_iter().flat_map(outcomes);
    let wrong: Vec<_> = all.filter(|(_, outcome)| !matches!(outcome, Err(ProviderError::InvalidCode { .. }))).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    let good = r#"{"access_token": "a", "message": "code was used"}"#;
    assert!(reply::read(&answer(200, good), "token", Format::Json, &ErrorRules::default(), &[]).is_ok());
    let text = "the authorization code of this text has expired";
    assert!(reply::read(&answer(200, text), "token", Format::Text, &ErrorRules::default(), &[]).is_ok());
}

#[test]
fn fault_c09a_a_refused_client_is_not_an_invalid_code() {
    let all = outcomes(REFUSED_CLIENTS);
    let is_refused = |outcome: &Result<_, _>| {
        matches!(outcome, Err(ProviderError::ClientRejected { .. } | ProviderError::Failed { .. }))
    };
    let wrong: Vec<_> = all.filter(|(_, outcome)| !is_refused(outcome)).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn fault_e16_a_refused_client_is_told_from_other_failures() {
    for line in REFUSED_CLIENTS.lines().filter(|line| line.contains("client secret") || line.contains("invalid_client"))
    {
        for (line, outcome) in outcomes(line) {
            assert!(matches!(outcome, Err(ProviderError::ClientRejected { .. })), "{line}: {outcome:?}");
        }
    }
}

#[test]
fn fault_c07_status_404_means_a_missing_endpoint_whatever_the_body() {
    for (line, outcome) in outcomes(NO_ENDPOINT) {
        assert!(matches!(outcome, Err(ProviderError::EndpointNotFound { .. })), "{line}: {outcome:?}");
    }
    let profile = |body: &str| reply::read(&answer(404, body), "profile", Format::Json, &ErrorRules::default(), &[]);
    assert!(matches!(profile(r#"{"status": 404, "error": "Not Found"}"#), Err(ProviderError::EndpointNotFound { .. })));
    assert!(matches!(profile(r#"{"error": "insufficient_scope"}"#), Err(ProviderError::Failed { .. })));
    let words = r#"{"error": "invalid_grant", "error_description": "unknown code"}"#;
    let token = reply::read(&answer(404, words), "token", Format::Json, &ErrorRules::default(), &[]);
    assert!(matches!(token, Err(ProviderError::InvalidCode { .. })));
}

#[test]
fn fault_c09a_refused_refresh_tokens_are_recognized() {
    let of = |words: &str| {
        let body = serde_json::json!({"error": "invalid_request", "error_description": words}).to_string();
        reply::read(&answer(400, &body), "refresh", Format::Json, &ErrorRules::default(), &[])
    };
    assert!(matches!(of("The refresh token has expired"), Err(ProviderError::InvalidCode { .. })));
    let hubspot = read(Some("hubspot"), &toml::Table::new()).expect("it is in the catalogue");
    let documented = r#"{"error": "invalid_grant", "error_description": "refresh token is invalid, expired or revoked",
        "status": "BAD_REFRESH_TOKEN", "message": "refresh token is invalid, expired or revoked"}"#;
    let outcome = reply::read(&answer(400, documented), "refresh", Format::Json, &hubspot.errors, &[]);
    assert!(matches!(outcome, Err(ProviderError::InvalidCode { .. })), "{outcome:?}");
    for words in ["The authorization code is invalid", "Invalid client secret", "The refresh token is required"] {
        let outcome = of(words);
        let is_other = matches!(outcome, Err(ProviderError::Failed { .. } | ProviderError::ClientRejected { .. }));
        assert!(is_other, "{words}");
    }
}
