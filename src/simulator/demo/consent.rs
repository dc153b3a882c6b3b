//! The answer to the consent page.

use std::sync::Arc;

use poem::web::Data;
use poem::{Body, Request, Response, handler};

use super::responses::{refusal, see_other};
use super::site::{Pending, Site};
use super::{oauth1, oauth2};
use crate::http::Language;
use crate::simulator::params::Params;

/// Accepts one answer for each consent page.
#[handler]
pub async fn decide(site: Data<&Arc<Site>>, request: &Request, body: Body) -> Response {
    let params = match Params::of_form(request, body).await {
        Ok(params) => params,
        Err(response) => return response,
    };
    let (now, language) = (site.deps.now(), Language::of(request));
    let user = params.get("user").and_then(|login| site.user(login));
    let denied = params.get("deny").is_some();
    if !denied && user.is_none() {
        return refusal("No user was chosen. Go back and choose a user, or deny.", language);
    }
    let pending = params.get("consent_id").and_then(|consent_id| site.store().pending.remove(consent_id, now));
    let target = match (pending, user.filter(|_| !denied)) {
        (Some(Pending::OAuth2(request)), Some(user)) => Some(oauth2::grant(&site, request, user)),
        (Some(Pending::OAuth2(request)), None) => Some(oauth2::deny(&site, &request)),
        (Some(Pending::OAuth1 { request_token, .. }), Some(user)) => oauth1::grant(&site, &request_token, user),
        (Some(Pending::OAuth1 { request_token, .. }), None) => oauth1::deny(&site, &request_token),
        (None, _) => None,
    };
    match target {
        Some(target) => see_other(&target),
        None => refusal("This page was answered before, or it has expired. Go back and start again.", language),
    }
}
