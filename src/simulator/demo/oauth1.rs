//! OAuth 1.0a (RFC 5849): request token, consent, access token, and one protected resource, the account.

use std::sync::Arc;

use poem::http::{HeaderValue, StatusCode, header};
use poem::web::Data;
use poem::{Body, Request, Response, handler};
use serde_json::{Value, json};
use url::{Url, form_urlencoded};

use super::consent_page;
use super::demo_users::DemoUser;
use super::responses::{json, refusal, see_other};
use super::site::{AccessToken, DemoStore, Pending, RequestToken, Site, registered_redirect_uri};
use crate::http::Language;
use crate::secrets::{ExposeSecret, SecretString, constant_time_eq};
use crate::simulator::params::Params;
use crate::simulator::signature::{Problem, SignedRequest};

/// Temporary credentials (section 2.1).
#[handler]
pub async fn request_token(site: Data<&Arc<Site>>, request: &Request, body: Body) -> Response {
    let signed = match parse_signed(request, body).await {
        Ok(signed) => signed,
        Err(response) => return response,
    };
    let answer = (|| {
        verify(&site, request, &signed, "", &mut site.store())?;
        // OAuth 1.0 had no callback here, which allowed session fixation.
        let callback = registered_redirect_uri(signed.required("oauth_callback")?).ok_or("callback_rejected")?;
        let (token, secret) = (site.deps.token::<24>(), site.deps.token::<32>());
        let row = RequestToken { secret: SecretString::from(secret.clone()), callback, granted_by: None };
        site.store().request_tokens.insert(&token, row, site.deps.now());
        Ok(form(&[("oauth_token", &token), ("oauth_token_secret", &secret), ("oauth_callback_confirmed", "true")]))
    })();
    answer.unwrap_or_else(refused)
}

/// Shows the consent page (section 2.2), unless `login_hint` names a user.
#[handler]
pub async fn authorize(site: Data<&Arc<Site>>, request: &Request) -> Response {
    let params = Params::of_query(request);
    let token = params.get("oauth_token").filter(|_| !params.has_repeats()).unwrap_or_default();
    let callback = site.store().request_tokens.get(token, site.deps.now()).and_then(RequestToken::pending_callback);
    let language = Language::of(request);
    let refused = || refusal("This oauth_token is unknown, used or expired. Go back and start again.", language);
    let user = params.get("login_hint").and_then(|login| site.user(login));
    match (callback, user) {
        (Some(_), Some(user)) => grant(&site, token, user).map_or_else(refused, |target| see_other(&target)),
        (Some(callback), None) => {
            let pending = Pending::OAuth1 { request_token: token.to_owned(), callback };
            consent_page::show(&site, pending, "profile email", language)
        }
        (None, _) => refused(),
    }
}

/// The user consented: the redirect to the client. `None`: the request token has expired.
pub fn grant(site: &Site, token: &str, user: &'static DemoUser) -> Option<Url> {
    let verifier = site.deps.token::<24>();
    let mut store = site.store();
    let row = store.request_tokens.get_mut(token, site.deps.now())?;
    let mut callback = row.callback.clone();
    callback.query_pairs_mut().append_pair("oauth_token", token).append_pair("oauth_verifier", &verifier);
    row.granted_by = Some((user, SecretString::from(verifier)));
    Some(callback)
}

/// The user denied consent: the callback gets the parameter `denied`, as at Twitter.
pub fn deny(site: &Site, token: &str) -> Option<Url> {
    let row = site.store().request_tokens.remove(token, site.deps.now())?;
    let mut callback = row.callback;
    callback.query_pairs_mut().append_pair("denied", token);
    Some(callback)
}

/// Token credentials (section 2.3). The first request that is correctly signed uses the request token, even if it is refused.
#[handler]
pub async fn access_token(site: Data<&Arc<Site>>, request: &Request, body: Body) -> Response {
    let signed = match parse_signed(request, body).await {
        Ok(signed) => signed,
        Err(response) => return response,
    };
    let answer = (|| {
        let now = site.deps.now();
        let mut store = site.store();
        let token = signed.required("oauth_token")?;
        let secret = store.request_tokens.get(token, now).map(|row| row.secret.clone()).ok_or("token_rejected")?;
        verify(&site, request, &signed, secret.expose_secret(), &mut store)?;
        let row = store.request_tokens.remove(token, now).ok_or("token_rejected")?;
        let (user, verifier) = row.granted_by.ok_or("permission_unknown")?;
        if !constant_time_eq(verifier.expose_secret().as_bytes(), signed.required("oauth_verifier")?.as_bytes()) {
            return Err("verifier_invalid");
        }
        let (token, secret) = (site.deps.token::<24>(), site.deps.token::<32>());
        store.access_tokens.insert(&token, AccessToken { secret: SecretString::from(secret.clone()), user }, now);
        let number = user.number.to_string();
        Ok(form(&[
            ("oauth_token", &token),
            ("oauth_token_secret", &secret),
            ("user_id", &number),
            ("screen_name", &user.login),
        ]))
    })();
    answer.unwrap_or_else(refused)
}

/// The protected resource: the account of the access token.
#[handler]
pub async fn account(site: Data<&Arc<Site>>, request: &Request, body: Body) -> Response {
    let signed = match parse_signed(request, body).await {
        Ok(signed) => signed,
        Err(response) => return response,
    };
    let answer = (|| {
        let mut store = site.store();
        let row = store.access_tokens.get(signed.required("oauth_token")?, site.deps.now());
        let (secret, user) = row.map(|row| (row.secret.clone(), row.user)).ok_or("token_rejected")?;
        verify(&site, request, &signed, secret.expose_secret(), &mut store)?;
        Ok(json(StatusCode::OK, &profile(user)))
    })();
    answer.unwrap_or_else(refused)
}

fn profile(user: &DemoUser) -> Value {
    let mut profile = json!({
        "id": user.number,
        "id_str": user.number.to_string(),
        "screen_name": user.login,
        "name": user.name(),
    });
    if user.email_verified {
        profile["email"] = user.email.as_str().into();
    }
    profile
}

/// The parameters of header, query and form (section 3.4.1.3.1).
async fn parse_signed(request: &Request, body: Body) -> Result<SignedRequest, Response> {
    let query = Params::of_query(request);
    let form = Params::of_form(request, body).await?;
    let header = request.header(header::AUTHORIZATION).unwrap_or_default();
    SignedRequest::parse(header, &[query.pairs(), form.pairs()].concat()).map_err(refused)
}

/// Verifies the client, the signature and the nonce (section 3.2).
fn verify(
    site: &Site,
    request: &Request,
    signed: &SignedRequest,
    token_secret: &str,
    store: &mut DemoStore,
) -> Result<(), Problem> {
    if signed.required("oauth_consumer_key")? != site.oauth1.id {
        return Err("consumer_key_unknown");
    }
    let uri = format!("{}{}", site.base, request.uri().path());
    let secrets = (site.oauth1.secret.expose_secret(), token_secret);
    let now = site.deps.now();
    signed.verify(request.method().as_str(), &uri, secrets, now.seconds())?;
    signed.use_nonce(&mut store.nonces, now)
}

fn form(pairs: &[(&str, &str)]) -> Response {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    Response::builder().content_type("application/x-www-form-urlencoded").body(body)
}

fn refused(problem: Problem) -> Response {
    let mut response = form(&[("oauth_problem", problem)]);
    response.set_status(match problem {
        "parameter_absent"
        | "parameter_rejected"
        | "signature_method_rejected"
        | "version_rejected"
        | "callback_rejected" => StatusCode::BAD_REQUEST,
        _ => StatusCode::UNAUTHORIZED,
    });
    let challenge = HeaderValue::from_static(r#"OAuth realm="demo provider""#);
    response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    response
}
