//! Checks before the body of a request is read: first the credential (401), then the origin (403) (R-IN-12, R-AUT-01,
//! SEC-34).

use poem::Request;
use poem::http::header;

use super::app::App;
use super::audit::AuditMiddleware;
use super::base_url::base_url;
use super::client::client_info;
use super::cookies::{authorization_request_cookie_values, session_cookie_values};
use super::origin::{OriginPolicy, check_origin, is_from_page_of_this_site, is_navigation, origin_of};
use super::problem::Failure;
use crate::account::{AuthScheme, Authorization, Caller, PresentedCredentials, Proof};
use crate::login::RequestContext;
use crate::model::LinkRequest;

/// A request whose credential and origin are accepted.
pub struct Admitted {
    /// `None`: the request has no credential of the accepted kinds.
    pub caller: Option<Caller>,
    /// The request as the login service needs it.
    pub context: RequestContext,
    /// The values of all session cookies of the request, valid or not.
    pub session_cookies: Vec<String>,
}

/// Authenticates a request by one family of credentials, then checks its origin.
///
/// Errors: 401 for an invalid credential, 403 `csrf_failed`, 503 `database_unavailable`.
pub async fn admit(
    app: &App,
    request: &Request,
    family: AuthScheme,
    policy: OriginPolicy,
) -> Result<Admitted, Failure> {
    let own = base_url(&app.settings, request);
    let presented = presented_credentials(request, &own);
    let origin = origin_of(request.headers());
    let caller = app.account.authenticate(&presented, family).await?;
    if let Some(caller) = &caller {
        AuditMiddleware::set_caller(request, caller.user.id);
    }
    let session = match &caller {
        Some(Caller { proof: Proof::Session(digest), .. }) => Some(digest.clone()),
        _ => None,
    };
    let check = |has_cookie| check_origin(&app.settings, request, &own, &origin, has_cookie);
    match policy {
        OriginPolicy::SessionRoute => check(!presented.session_cookies.is_empty())?,
        OriginPolicy::UnsafeCall if session.is_some() => check(true)?,
        OriginPolicy::SetsCookie => check(session.is_some())?,
        OriginPolicy::Navigation if !is_navigation(request) => {
            return Err(Failure::csrf(
                "This address starts a login only when a browser navigates to it. Link to it instead of embedding it.",
            ));
        }
        OriginPolicy::UnsafeCall | OriginPolicy::Navigation | OriginPolicy::Unchecked => {}
    }
    let may_link = policy != OriginPolicy::Navigation || is_from_page_of_this_site(request);
    let link_to = caller.as_ref().filter(|_| may_link);
    let link_to = link_to.map(|Caller { user, .. }| LinkRequest {
        user: user.id,
        generation: user.link_generation,
        needs_fresh_login: false,
    });
    let cookies = authorization_request_cookie_values(request.headers(), &own);
    let context = RequestContext {
        cookie: app.login.authorization_request_cookie(cookies.iter().map(String::as_str)),
        base_url: own,
        origin,
        caller: link_to,
        caller_signed_in: None,
        session,
        client: client_info(request),
    };
    Ok(Admitted { caller, context, session_cookies: presented.session_cookies })
}

/// The `Authorization` header and the session cookies of a request.
pub fn presented_credentials(request: &Request, own: &url::Url) -> PresentedCredentials {
    let mut values = request.headers().get_all(header::AUTHORIZATION).iter();
    let authorization = match (values.next(), values.next()) {
        (None, _) => Authorization::Absent,
        (Some(one), None) => match one.to_str() {
            Ok(text) if text.trim().is_empty() => Authorization::Absent,
            Ok(text) => Authorization::One(text.to_owned()),
            Err(_) => Authorization::Unreadable,
        },
        _ => Authorization::Unreadable,
    };
    PresentedCredentials { authorization, session_cookies: session_cookie_values(request.headers(), own) }
}
