//! Values whose schema is written by hand: what poem-openapi wants to know of a type, besides.

/// `Type` for a plain value of its own: name, schema, and what to register for it.
macro_rules! described {
    ($type:ty, $name:expr, $schema:expr) => {
        described!($type, $name, $schema, |_: &mut poem_openapi::registry::Registry| {});
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

pub(super) use described;
