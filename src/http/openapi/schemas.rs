//! Types whose schema is written by hand.

use poem_openapi::registry::{MetaHeader, MetaMediaType, MetaResponse, MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::{Example, ParseError, ParseFromJSON, ParseFromParameter, ParseResult, ToJSON};
use serde_json::{Map, Value};
use strum::VariantNames as _;

use crate::clock::UnixMillis;
use crate::http::protocol::QueryValue;
use crate::model::LoginKind;

/// Implements poem-openapi's `Type`: the type, its name, its schema, and what to register for it.
macro_rules! impl_type {
    ($type:ty, $name:expr, $schema:expr) => {
        impl_type!($type, $name, $schema, |_: &mut poem_openapi::registry::Registry| {});
    };
    ($type:ty, $name:expr, $schema:expr, $register:expr) => {
        impl poem_openapi::types::Type for $type {
            const IS_REQUIRED: bool = true;
            type RawValueType = Self;
            type RawElementValueType = Self;

            fn name() -> std::borrow::Cow<'static, str> {
                $name.into()
            }

            fn schema_ref() -> poem_openapi::registry::MetaSchemaRef {
                $schema
            }

            fn register(registry: &mut poem_openapi::registry::Registry) {
                ($register)(registry);
            }

            fn as_raw_value(&self) -> Option<&Self> {
                Some(self)
            }

            fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
                Box::new(std::iter::once(self))
            }
        }
    };
}

pub(super) use impl_type;

/// A response header whose value is a text.
pub fn text_header(name: &str, description: &str, required: bool) -> MetaHeader {
    MetaHeader {
        name: name.to_owned(),
        description: Some(description.to_owned()),
        required,
        deprecated: false,
        schema: MetaSchemaRef::Inline(Box::new(MetaSchema::new("string"))),
    }
}

/// A response of an operation.
pub fn meta_response(
    status: u16,
    description: &'static str,
    content: Vec<MetaMediaType>,
    headers: Vec<MetaHeader>,
) -> MetaResponse {
    MetaResponse { description, status: Some(status), status_range: None, content, headers }
}

/// An object with any members; keeps their order.
#[derive(Default)]
pub struct JsonObject(pub Map<String, Value>);

/// A time in RFC 3339, UTC.
pub struct Timestamp(String);

impl Timestamp {
    /// From a text in RFC 3339.
    pub fn from_rfc3339(text: String) -> Self {
        Self(text)
    }
}

/// How many entries a page of a list has: 1 to 100.
#[derive(Clone, Copy)]
pub struct PageLimit(u8);

impl PageLimit {
    const MAX: u8 = 100;

    /// The number of entries.
    pub fn get(self) -> usize {
        self.0.into()
    }
}

impl Default for PageLimit {
    fn default() -> Self {
        Self(Self::MAX)
    }
}

impl ParseFromParameter for PageLimit {
    fn parse_from_parameter(value: &str) -> ParseResult<Self> {
        let limit = value.parse().ok().filter(|limit| (1..=Self::MAX).contains(limit));
        limit.map(Self).ok_or_else(|| ParseError::custom("out of range"))
    }
}

impl QueryValue for PageLimit {
    fn expected() -> String {
        format!("Must be a whole number from 1 to {}.", Self::MAX)
    }
}

impl_type!(PageLimit, "integer", {
    MetaSchemaRef::Inline(Box::new(MetaSchema {
        minimum: Some(1.0),
        maximum: Some(Self::MAX.into()),
        ..MetaSchema::new_with_format("integer", "uint8")
    }))
});

impl From<UnixMillis> for Timestamp {
    fn from(at: UnixMillis) -> Self {
        Self(at.rfc3339())
    }
}

impl Example for Timestamp {
    fn example() -> Self {
        Self("2026-11-23T12:27:05.000Z".to_owned())
    }
}

impl_type!(JsonObject, "object", {
    let any = MetaSchemaRef::Inline(Box::new(MetaSchema::ANY));
    let schema = MetaSchema { additional_properties: Some(Box::new(any)), ..MetaSchema::new("object") };
    MetaSchemaRef::Inline(Box::new(schema))
});
impl_type!(Timestamp, "timestamp", {
    MetaSchemaRef::Inline(Box::new(MetaSchema::new_with_format("string", "date-time")))
});

impl ParseFromJSON for JsonObject {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        serde_json::from_value(value.unwrap_or_default()).map(Self).map_err(ParseError::custom)
    }
}

impl ToJSON for JsonObject {
    fn to_json(&self) -> Option<Value> {
        Some(Value::Object(self.0.clone()))
    }
}

impl ParseFromJSON for Timestamp {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        serde_json::from_value(value.unwrap_or_default()).map(Self).map_err(ParseError::custom)
    }
}

impl ToJSON for Timestamp {
    fn to_json(&self) -> Option<Value> {
        Some(Value::String(self.0.clone()))
    }
}

impl_type!(LoginKind, "LoginKind", MetaSchemaRef::Reference("LoginKind".to_owned()), |registry: &mut Registry| {
    registry.create_schema::<LoginKind, _>("LoginKind".to_owned(), |_| MetaSchema {
        description: Some("A login route by its name in the URL."),
        enum_items: LoginKind::VARIANTS.iter().copied().map(Value::from).collect(),
        ..MetaSchema::new("string")
    });
});

impl ParseFromJSON for LoginKind {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        value.and_then(|value| value.as_str()?.parse().ok()).ok_or_else(ParseError::expected_input)
    }
}

impl ParseFromParameter for LoginKind {
    fn parse_from_parameter(value: &str) -> ParseResult<Self> {
        value.parse().map_err(ParseError::custom)
    }
}

impl ToJSON for LoginKind {
    fn to_json(&self) -> Option<Value> {
        Some(<&str>::from(self).into())
    }
}

impl QueryValue for LoginKind {
    fn expected() -> String {
        format!("Must be one of {}.", Self::VARIANTS.join(", "))
    }
}
