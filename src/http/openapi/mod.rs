//! The OpenAPI description: what the types of requests and responses look like in the document.

mod after_logout;
pub mod answers;
pub mod error_cases;
mod errors;
pub mod inputs;
pub mod login_result;
mod normalize;
pub mod own_fields;
pub mod public_document;
mod schemas;
mod see_other;
mod shared_components;
mod tags;
pub mod time_limits;
pub mod version_3_1;
pub mod webhooks;
mod yaml;

pub use self::after_logout::AfterLogout;
pub use self::error_cases::ErrorCase;
pub(crate) use self::errors::error_list;
pub use self::errors::{OperationErrors, Refused};
pub use self::normalize::{NormalizedSpec, normalize_document};
pub use self::schemas::{JsonObject, PageLimit, Timestamp, meta_response, text_header};
pub use self::see_other::SeeOther;
pub use self::tags::Tag;
pub use self::yaml::yaml;
