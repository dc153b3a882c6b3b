//! A parameter of the query string, as an argument of a handler.

use poem::{Request, RequestBody, Result};
use poem_openapi::registry::{MetaParamIn, MetaSchemaRef, Registry};
use poem_openapi::types::ParseFromParameter;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use super::problem::Failure;
use super::rejection::Rejection;

/// A type that a query parameter may have.
pub trait QueryValue: ParseFromParameter {
    /// The error message for any other value.
    fn expected() -> String;
}

impl QueryValue for String {
    fn expected() -> String {
        "This parameter is required.".to_owned()
    }
}

impl QueryValue for u32 {
    fn expected() -> String {
        "Must be a number of seconds.".to_owned()
    }
}

impl<T: QueryValue> QueryValue for Option<T> {
    fn expected() -> String {
        T::expected()
    }
}

/// A parameter of the query string. Unlike poem-openapi's own `Query`, it works without poem-openapi's router, and its
/// error says which values are valid.
pub struct Query<T>(pub T);

impl<'a, T: QueryValue> ApiExtractor<'a> for Query<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::Parameter];
    const PARAM_IS_REQUIRED: bool = T::IS_REQUIRED;

    type ParamType = T;
    type ParamRawType = T::RawValueType;

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn param_in() -> Option<MetaParamIn> {
        Some(MetaParamIn::Query)
    }

    fn param_schema_ref() -> Option<MetaSchemaRef> {
        Some(T::schema_ref())
    }

    fn param_raw_type(&self) -> Option<&Self::ParamRawType> {
        self.0.as_raw_value()
    }

    async fn from_request(request: &'a Request, _: &mut RequestBody, options: ExtractParamOptions<T>) -> Result<Self> {
        let query = request.uri().query().unwrap_or_default();
        let pairs = url::form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name == options.name);
        let value = T::parse_from_parameters(pairs.map(|(_, value)| value));
        value.map(Self).map_err(|_| {
            let failure = Failure::fields([(options.name.to_owned(), T::expected())]);
            Rejection::from(Failure { detail: "The query has invalid parameters.".to_owned(), ..failure }).into()
        })
    }
}
