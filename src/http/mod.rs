//! The HTTP layer: what stands between a request and a service. It has no rule of a login, no SQL and no HTTP client.
//!
//! `routes/` uses the others; `openapi/` uses `protocol/`. `protocol/` shows refusals to browsers with `pages/`. `docs/API.md` has the rules for a new endpoint.

mod document;
mod openapi;
mod pages;
mod protocol;
mod routes;
mod swagger_ui;

pub use self::document::{DocumentFormat, DocumentOptions, SpecVersion};
pub use self::pages::{HTML, MARK, Pages, Texts, error_page, project_style};
pub use self::protocol::{
    App, BEARER_CHALLENGE, BodyTimeout, CachedText, Failure, Language, REQUEST_ID, Resource, RoutePattern,
    TraceContext, UnreportedRefusal, from_framework, is_from_trusted_proxy, listed_origin, note_forwarded_address,
    wants_html,
};
pub use self::routes::routes;
pub use self::swagger_ui::swagger_ui;
