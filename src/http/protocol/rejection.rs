//! A refused request on its way from a handler to `Resource`, which writes the audit event
//! and sends the response.

use poem::http::{HeaderValue, StatusCode, header};
use poem::{IntoResponse as _, Response};

use super::language::Language;
use super::problem::{Failure, from_framework};
use crate::http::pages::{Page, Pages, error_page};

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
    /// This page, with the status of the failure.
    Page(Page),
    /// 303: the target shows the error.
    SeeOther(HeaderValue),
}

impl Rejection {
    /// Shows a page that explains the failure.
    pub fn with_page(failure: impl Into<Failure>, page: Page) -> Self {
        Self { failure: Box::new(failure.into()), presentation: Presentation::Page(page) }
    }

    /// Redirects to a target that shows the failure.
    pub fn with_redirect(failure: impl Into<Failure>, location: HeaderValue) -> Self {
        Self { failure: Box::new(failure.into()), presentation: Presentation::SeeOther(location) }
    }

    /// From what an endpoint returned; errors of the framework get a code.
    pub fn from_error(error: poem::Error) -> Self {
        error.downcast().unwrap_or_else(|error| from_framework(&error).into())
    }

    /// `as_page`: the language of an error page, in place of a problem document.
    pub fn into_response(self, pages: &Pages, as_page: Option<Language>) -> Response {
        match (self.presentation, as_page) {
            (Presentation::Problem, Some(language)) => error_page(pages, language, &self.failure),
            (Presentation::Problem, None) => (*self.failure).into_response(),
            (Presentation::Page(page), _) => {
                let mut response = pages.response(self.failure.status, page);
                self.failure.add_retry_fields(&mut response);
                response
            }
            (Presentation::SeeOther(location), _) => {
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
