//! The redirect responses of the redirect flow on the server.

use poem::http::{HeaderValue, StatusCode, header};
use poem::{IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::registry::{MetaResponse, MetaResponses, Registry};
use url::Url;

use super::schemas::{meta_response, text_header};
use crate::http::protocol::{Failure, Rejection, refresh_authorization_request_cookie, session_cookie_of};
use crate::login::{AuthorizationRequestCookie, RedirectOutcome};

/// 303, so that a browser does not repeat the body of a POST at the target (RFC 9700, section 4.12).
pub struct SeeOther {
    location: HeaderValue,
    cookie: Option<HeaderValue>,
}

impl SeeOther {
    /// A redirect to `location`. Errors: 502 `provider_error` if the URL is no valid header.
    pub fn new(location: &str, cookie: Option<HeaderValue>) -> Result<Self, Rejection> {
        let invalid = |_| {
            let detail = "The provider's URL cannot be sent as a header.";
            Failure::new(StatusCode::BAD_GATEWAY, "provider_error", detail)
        };
        Ok(Self { location: HeaderValue::try_from(location).map_err(invalid)?, cookie })
    }

    /// The end of a login: with the cookie of its session, or with the authorization request cookie, which
    /// a pending login needs as long as it is pending. An error is a [`Rejection`] that redirects.
    pub fn to_outcome(
        own: &Url,
        request_cookie: Option<&AuthorizationRequestCookie>,
        outcome: RedirectOutcome,
    ) -> Result<Self, Rejection> {
        match outcome {
            RedirectOutcome::Session { location, cookie } => {
                Self::new(&location, Some(session_cookie_of(own, &cookie)))
            }
            RedirectOutcome::Code { location } => {
                Self::new(&location, request_cookie.map(|cookie| refresh_authorization_request_cookie(own, cookie)))
            }
            RedirectOutcome::Refused { location, error } => {
                Err(Rejection::with_redirect(error, Self::new(&location, None)?.location))
            }
        }
    }

    /// The response in the document.
    pub fn response() -> MetaResponse {
        let location =
            "The provider's URL, or `next`: with `code`, with `halted` and `code`, with `error` or with `is_new`.";
        let headers = vec![
            text_header("Location", location, true),
            text_header("Set-Cookie", "The authorization request cookie or the session cookie.", false),
        ];
        meta_response(303, "Redirect to `Location`.", vec![], headers)
    }
}

impl IntoResponse for SeeOther {
    fn into_response(self) -> Response {
        let mut response = StatusCode::SEE_OTHER.into_response();
        response.headers_mut().insert(header::LOCATION, self.location);
        if let Some(cookie) = self.cookie {
            response.headers_mut().insert(header::SET_COOKIE, cookie);
        }
        response
    }
}

impl ApiResponse for SeeOther {
    fn meta() -> MetaResponses {
        MetaResponses { responses: vec![Self::response()] }
    }

    fn register(_: &mut Registry) {}
}
