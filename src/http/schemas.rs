//! Values whose schema is written by hand: what poem-openapi wants to know of a type, besides.

use poem_openapi::registry::{MetaSchema, MetaSchemaRef};
use poem_openapi::types::{Example, ParseError, ParseFromJSON, ParseResult, ToJSON};
use serde_json::{Map, Value};

use crate::clock::UnixMillis;

/// `Type` for a plain value of its own: name, schema, and what to register for it.
macro_rules! schemas {
    ($type:ty, $name:expr, $schema:expr) => {
        schemas!($type, $name, $schema, |_: &mut poem_openapi::registry::Registry| {});
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

pub(super) use schemas;

/// An object of any members, in their order.
#[derive(Default)]
pub struct JsonObject(pub Map<String, Value>);

/// RFC 3339 in UTC.
pub struct Timestamp(String);

impl Timestamp {
    /// Of what is one already.
    pub fn written(text: String) -> Self {
        Self(text)
    }
}

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

schemas!(JsonObject, "object", {
    let any = MetaSchemaRef::Inline(Box::new(MetaSchema::ANY));
    let schema = MetaSchema { additional_properties: Some(Box::new(any)), ..MetaSchema::new("object") };
    MetaSchemaRef::Inline(Box::new(schema))
});
schemas!(Timestamp, "timestamp", {
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
