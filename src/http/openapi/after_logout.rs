//! The response to a logout: 204 for a script, 303 for a form of a page.

use poem::http::{HeaderValue, StatusCode, header};
use poem::{IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::registry::{MetaResponses, Registry};

use super::answers::LoggedOut;
use super::schemas::{meta_response, text_header};

/// A logout, and where a form goes afterwards.
pub struct AfterLogout {
    pub logged_out: LoggedOut,
    /// `None`: the caller is a script.
    pub next: Option<HeaderValue>,
}

impl IntoResponse for AfterLogout {
    fn into_response(self) -> Response {
        let mut response = self.logged_out.into_response();
        if let Some(next) = self.next {
            response.set_status(StatusCode::SEE_OTHER);
            response.headers_mut().insert(header::LOCATION, next);
        }
        response
    }
}

impl ApiResponse for AfterLogout {
    fn meta() -> MetaResponses {
        let MetaResponses { mut responses } = LoggedOut::meta();
        let location = text_header("Location", "The `next` of the form, or the default.", true);
        responses.push(meta_response(303, "A form of a page, which accepts HTML: to `next`.", vec![], vec![location]));
        MetaResponses { responses }
    }

    fn register(_: &mut Registry) {}
}
