//! What all routes share: who calls and from where, cookies, bodies, errors. No route and no schema of one.

mod additional_input;
mod admission;
mod app;
mod audit;
mod authentication;
mod base_url;
mod body;
mod cached_text;
mod client;
mod cookies;
mod entity_tag;
mod language;
mod negotiation;
mod origin;
mod problem;
mod provider_parameters;
mod query;
mod rejection;
mod request_id;
mod resource;
mod service_authentication;
mod trace_context;
mod weighted_list;

pub use self::additional_input::ADDITIONAL_INPUT_DETAIL;
pub use self::app::App;
pub use self::audit::AuditScope;
pub use self::authentication::{
    AcceptedCredential, ByAny, ByJwt, ByKnox, BySession, ByToken, OptionalAuth, RequiredAuth,
};
pub use self::base_url::base_url;
pub use self::body::{BodyTimeout, FORM, RawBody, RequestSchema, form_fields};
pub use self::cached_text::CachedText;
pub use self::client::{client_info, is_from_trusted_proxy, note_forwarded_address};
pub use self::cookies::{
    authorization_request_cookie_of, delete_session_cookie, refresh_authorization_request_cookie, session_cookie_of,
};
pub use self::entity_tag::EntityTag;
pub use self::language::Language;
pub use self::negotiation::wants_html;
pub use self::origin::{OriginPolicy, is_cross_site, listed_origin, origin_of};
pub use self::problem::{BEARER_CHALLENGE, Failure, Problem, UnreportedRefusal, from_framework};
pub use self::provider_parameters::{provider_parameters, scopes};
pub use self::query::{Query, QueryValue};
pub use self::rejection::Rejection;
pub use self::request_id::{REQUEST_ID, current_request_id};
pub use self::resource::{AddressLimit, Resource, RoutePattern, RouteRules};
pub use self::service_authentication::ServiceAuth;
pub use self::trace_context::TraceContext;
