//! Error descriptions of providers for invalid, used or expired codes and for refused clients: those of the samples, and further ones.
//! Each group has its source; an answer whose source names no status has the status that the provider uses otherwise.

use super::super::catalog::read;
use super::super::descriptor::ErrorRules;
use super::super::request_rules::Format;
use super::super::{ProviderError, Sample, SampleRefusal, Stage, catalog_samples, reply};
use crate::outgoing::Reply;

/// From the provider's documentation or its staff, at the address that the descriptor cites. A provider, the status and the
/// body of its answer.
const DOCUMENTED: &str = r#"gitea 400 {"error": "unauthorized_client", "error_description": "client is not authorized"}
gitea 400 {"error": "unauthorized_client", "error_description": "failed PKCE code challenge"}
nextcloud 400 {"error": "invalid_request"}
linkedin-oauth2 400 {"error": "invalid_request", "error_description": "Unable to retrieve access token: appid/redirect uri/code verifier does not match authorization code. Or authorization code expired. Or external member binding exists"}
slack 200 {"ok": false, "error": "code_already_used"}
strava 400 {"message": "Bad Request", "errors": [{"resource": "AuthorizationCode", "field": "", "code": "expired"}]}
weixin 200 {"errcode": 40163, "errmsg": "code been used, rid: 62bae58d"}"#;

/// From reports of users and from public code that handles the answer.
const SEEN: &str = r#"apple-id 400 {"error": "invalid_grant", "error_description": "The code has expired or has been revoked."}
qq 200 callback( {"error":100019,"error_description":"code to access token error"} );
weixin 200 {"errcode": 42003, "errmsg": "oauth_code expired"}"#;

/// Not verified: no source was found, so the texts of the providers may differ.
const REMEMBERED: &str = r#"azuread-oauth2 400 {"error": "invalid_grant", "error_description": "AADSTS70008: The provided authorization code has expired."}
azuread-oauth2 400 {"error": "invalid_request", "error_description": "AADSTS9002313: Invalid request. Request is malformed or invalid."}
microsoft-graph 400 {"error": "invalid_request", "error_description": "AADSTS9002313: Invalid request. Request is malformed or invalid."}
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
google-oauth2 400 {"error": "redirect_uri_mismatch", "error_description": "Bad Request"}
github 200 {"error": "redirect_uri_mismatch", "error_description": "The redirect_uri MUST match the registered callback URL."}
github 400 {"error": "redirect_uri_mismatch", "error_description": "The redirect_uri does not match that of the authorization code."}
weixin 200 {"errcode": 40013, "errmsg": "invalid appid"}
auth0 401 {"error": "access_denied", "error_description": "Unauthorized"}
atlassian 401 {"error": "access_denied", "error_description": "Unauthorized"}
atlassian 403 {"error": "access_denied", "error_description": "Unauthorized"}
oidc 401 {"error": "access_denied", "error_description": "Unauthorized"}
oidc 401 {"error": "access_denied"}
auth0_openidconnect 401 {"error": "access_denied", "error_description": "Unauthorized"}
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

type Outcome = Result<serde_json::Value, ProviderError>;

fn outcome(provider: &str, stage: Stage, answer: &Reply) -> Outcome {
    let descriptor = read(Some(provider), &toml::Table::new()).expect("it is in the catalogue");
    reply::read(answer, stage, descriptor.token.format, &descriptor.errors, &[])
}

fn outcomes(lines: &str) -> impl Iterator<Item = (String, Outcome)> {
    lines.lines().map(|line| {
        let mut parts = line.splitn(3, ' ');
        let mut part = || parts.next().unwrap_or_default();
        let (provider, status, body) = (part(), part(), part());
        (line.to_owned(), outcome(provider, Stage::Token, &answer(status.parse().expect("a status"), body)))
    })
}

/// The outcomes of one refusal of the samples.
fn of_samples(stage: Stage, refusal: impl Fn(Sample) -> Option<SampleRefusal>) -> Vec<(String, Outcome)> {
    let samples = catalog_samples().map(|(name, text)| (name, Sample::parse(text).expect("it parses")));
    let refused = samples.filter_map(|(name, sample)| Some((name, refusal(sample)?)));
    refused
        .map(|(name, refusal)| (name.to_owned(), outcome(name, stage, &answer(refusal.status, &refusal.answer))))
        .collect()
}

#[test]
fn fault_c09a_descriptions_of_an_invalid_code_are_recognized() {
    let of_samples = of_samples(Stage::Token, |sample| sample.refusals.invalid_code);
    assert!(of_samples.len() > 30, "{}", of_samples.len());
    let all = [DOCUMENTED, SEEN, REMEMBERED, MADE_UP].into_iter().flat_map(outcomes).chain(of_samples);
    let wrong: Vec<_> = all.filter(|(_, outcome)| !matches!(outcome, Err(ProviderError::InvalidCode { .. }))).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    let good = r#"{"access_token": "a", "message": "code was used"}"#;
    assert!(reply::read(&answer(200, good), Stage::Token, Format::Json, &ErrorRules::default(), &[]).is_ok());
    let text = "the authorization code of this text has expired";
    assert!(reply::read(&answer(200, text), Stage::Token, Format::Text, &ErrorRules::default(), &[]).is_ok());
}

#[test]
fn fault_c09a_a_refused_client_is_not_an_invalid_code() {
    let all = outcomes(REFUSED_CLIENTS).chain(of_samples(Stage::Token, |sample| sample.refusals.invalid_client));
    let is_refused = |outcome: &Result<_, _>| {
        matches!(outcome, Err(ProviderError::ClientRejected { .. } | ProviderError::Failed { .. }))
    };
    let wrong: Vec<_> = all.filter(|(_, outcome)| !is_refused(outcome)).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn fault_e16_a_refused_client_is_told_from_other_failures() {
    let names_client =
        |refusal: &SampleRefusal| ["client secret", "invalid_client"].iter().any(|word| refusal.answer.contains(word));
    let all = of_samples(Stage::Token, |sample| sample.refusals.invalid_client.filter(names_client));
    assert!(all.len() > 5, "{}", all.len());
    for (name, outcome) in all {
        assert!(matches!(outcome, Err(ProviderError::ClientRejected { .. })), "{name}: {outcome:?}");
    }
}

#[test]
fn words_for_expired_tokens_and_rate_limits_are_errors_of_a_profile_request() {
    let expired = of_samples(Stage::Profile, |sample| sample.refusals.expired_token);
    let limited = of_samples(Stage::Profile, |sample| sample.refusals.rate_limited);
    assert!(expired.len() > 10 && limited.len() > 10);
    let wrong: Vec<_> = expired.into_iter().chain(limited).filter(|(_, outcome)| outcome.is_ok()).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn fault_c07_status_404_means_a_missing_endpoint_whatever_the_body() {
    for (line, outcome) in outcomes(NO_ENDPOINT) {
        assert!(matches!(outcome, Err(ProviderError::EndpointNotFound { .. })), "{line}: {outcome:?}");
    }
    let profile =
        |body: &str| reply::read(&answer(404, body), Stage::Profile, Format::Json, &ErrorRules::default(), &[]);
    assert!(matches!(profile(r#"{"status": 404, "error": "Not Found"}"#), Err(ProviderError::EndpointNotFound { .. })));
    assert!(matches!(profile(r#"{"error": "insufficient_scope"}"#), Err(ProviderError::Failed { .. })));
    let words = r#"{"error": "invalid_grant", "error_description": "unknown code"}"#;
    let token = reply::read(&answer(404, words), Stage::Token, Format::Json, &ErrorRules::default(), &[]);
    assert!(matches!(token, Err(ProviderError::InvalidCode { .. })));
}

#[test]
fn fault_c09a_refused_refresh_tokens_are_recognized() {
    let of = |words: &str| {
        let body = serde_json::json!({"error": "invalid_request", "error_description": words}).to_string();
        reply::read(&answer(400, &body), Stage::Refresh, Format::Json, &ErrorRules::default(), &[])
    };
    assert!(matches!(of("The refresh token has expired"), Err(ProviderError::InvalidCode { .. })));
    let hubspot = read(Some("hubspot"), &toml::Table::new()).expect("it is in the catalogue");
    let documented = r#"{"error": "invalid_grant", "error_description": "refresh token is invalid, expired or revoked",
        "status": "BAD_REFRESH_TOKEN", "message": "refresh token is invalid, expired or revoked"}"#;
    let outcome = reply::read(&answer(400, documented), Stage::Refresh, Format::Json, &hubspot.errors, &[]);
    assert!(matches!(outcome, Err(ProviderError::InvalidCode { .. })), "{outcome:?}");
    for words in ["The authorization code is invalid", "Invalid client secret", "The refresh token is required"] {
        let outcome = of(words);
        let is_other = matches!(outcome, Err(ProviderError::Failed { .. } | ProviderError::ClientRejected { .. }));
        assert!(is_other, "{words}");
    }
}
