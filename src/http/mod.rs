//! The HTTP layer: what stands between a request and a service. It has no rule of a login, no SQL and no HTTP client.
//!
//! | folder | content |
//! |---|---|
//! | `protocol/` | what all routes share: credentials, cookies, origins, bodies, errors, the audit log of refusals |
//! | `pages/` | HTML pages for users, their style and their texts in each language |
//! | `openapi/` | the OpenAPI description: schemas, and the errors of each operation |
//! | `routes/` | the operations, one file for each subject |
//! | `document.rs`, `swagger_ui.rs` | the document of all operations, and the page that shows it |
//!
//! `routes/` uses the others; `openapi/` uses `protocol/`. `protocol/` shows refusals to browsers with `pages/`. `docs/API.md` has the rules for a new endpoint.

mod document;
mod openapi;
mod pages;
mod protocol;
mod routes;
mod swagger_ui;

pub use self::document::{DocumentFormat, DocumentOptions, SpecVersion};
pub use self::pages::{Language, MARK, Pages, Texts, error_page, project_style};
pub use self::protocol::{
    App, BodyTimeout, CachedText, Failure, REQUEST_ID, Resource, RoutePattern, TraceContext, UnreportedRefusal,
    from_framework, is_from_trusted_proxy, listed_origin, note_forwarded_address, wants_html,
};
pub use self::routes::routes;
pub use self::swagger_ui::swagger_ui;
