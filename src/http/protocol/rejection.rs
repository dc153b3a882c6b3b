//! A refused request on its way from a handler to `Resource`, which writes the audit event
//! and sends the response.

use poem::http::{HeaderValue, StatusCode, header};
use poem::{IntoResponse as _, Response};

use super::page::{error_page, html_response};
use super::problem::{Failure, from_framework};

/// A failure and how it is shown.
#[derive(Debug, thiserror::Error)]
#[error("{}", failure.code)]
pub struct Rejection {
    /// Status, code and texts.
    pub failure: Box<Failure>,
    presentation: Presentation,
}

#[derive(Debug)]
enum Presentation {
    /// A problem document; for a browser on a route that browsers navigate to, an error page.
    Problem,
    /// This HTML, with the status of the failure.
    Html(String),
    /// 303: the target shows the error.
    SeeOther(HeaderValue),
}

impl Rejection {
    /// Shows an HTML page that explains the failure.
    pub fn with_html(failure: impl Into<Failure>, html: String) -> Self {
        Self { failure: Box::new(failure.into()), presentation: Presentation::Html(html) }
    }

    /// Redirects to a target that shows the failure.
    pub fn with_redirect(failure: impl Into<Failure>, location: HeaderValue) -> Self {
        Self { failure: Box::new(failure.into()), presentation: Presentation::SeeOther(location) }
    }

    /// From what an endpoint returned; errors of the framework get a code.
    pub fn from_error(error: poem::Error) -> Self {
        error.downcast().unwrap_or_else(|error| from_framework(&error).into())
    }

    /// `as_page`: shows an error page instead of a problem document.
    pub fn into_response(self, as_page: bool) -> Response {
        let with_retry_fields = |mut page: Response| {
            self.failure.add_retry_fields(&mut page);
            page
        };
        match self.presentation {
            Presentation::Problem if as_page => with_retry_fields(error_page(&self.failure)),
            Presentation::Problem => (*self.failure).into_response(),
            Presentation::Html(html) => with_retry_fields(html_response(self.failure.status, html)),
            Presentation::SeeOther(location) => {
                Response::builder().status(StatusCode::SEE_OTHER).header(header::LOCATION, location).finish()
            }
        }
    }
}

impl<E: Into<Failure>> From<E> for Rejection {
    fn from(error: E) -> Self {
        Self { failure: Box::new(error.into()), presentation: Presentation::Problem }
    }
}

impl From<Rejection> for poem::Error {
    fn from(rejection: Rejection) -> Self {
        let status = rejection.failure.status;
        Self::new(rejection, status)
    }
}
