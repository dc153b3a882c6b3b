//! The answer to a login with a member `kind`, for routes that serve several kinds: those of pending logins and one-time codes.

use poem::Response;
use poem_openapi::registry::{MetaDiscriminatorObject, MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::Type;
use serde_json::{Map, Value};

use super::answers::{IssuedToken, SessionUser, TokenPair, UserWithToken, UserWithTokenPair, json, login_answer};
use super::schemas::{JsonObject, impl_type};
use crate::login::SignedIn;
use crate::model::LoginKind;

/// One schema for each kind. Each has one value of `kind`, so that exactly one matches an answer, also for a reader that
/// tries one after the other. The schema with the most members comes first.
const VARIANTS: [(LoginKind, &str); 9] = [
    (LoginKind::JwtPairUser, "JwtPairUserLogin"),
    (LoginKind::TokenUser, "TokenUserLogin"),
    (LoginKind::JwtSlidingUser, "JwtSlidingUserLogin"),
    (LoginKind::KnoxUser, "KnoxUserLogin"),
    (LoginKind::Session, "SessionLogin"),
    (LoginKind::JwtPair, "JwtPairLogin"),
    (LoginKind::Token, "TokenLogin"),
    (LoginKind::JwtSliding, "JwtSlidingLogin"),
    (LoginKind::Knox, "KnoxLogin"),
];

const NAME: &str = "LoginResult";
const KIND: &str = "kind";

/// The names of the schemas that contain a user.
pub fn schemas_with_user() -> impl Iterator<Item = &'static str> {
    VARIANTS.into_iter().filter(|(kind, _)| kind.has_user()).map(|(_, name)| name)
}

/// The answer to a login: `kind`, then the members of the login route of this kind.
pub struct LoginResult;

impl LoginResult {
    /// The response to a completed login.
    pub fn response(kind: LoginKind, answer: SignedIn) -> Response {
        json(&JsonObject(with_kind(kind, login_answer(answer, kind))))
    }
}

fn with_kind(kind: LoginKind, body: Option<Value>) -> Map<String, Value> {
    let kind = (KIND.to_owned(), Value::from(<&str>::from(kind)));
    let Some(Value::Object(members)) = body else { return Map::from_iter([kind]) };
    std::iter::once(kind).chain(members).collect()
}

impl_type!(LoginResult, NAME, MetaSchemaRef::Reference(NAME.to_owned()), |registry: &mut Registry| {
    registry.create_schema::<LoginResult, _>(NAME.to_owned(), |registry| {
        for (kind, name) in VARIANTS {
            registry.create_schema::<LoginResult, _>(name.to_owned(), |registry| variant(kind, registry));
        }
        let reference = |name: &str| format!("#/components/schemas/{name}");
        let mapping = VARIANTS.map(|(kind, name)| (<&str>::from(kind).to_owned(), reference(name)));
        MetaSchema {
            description: Some("The answer of a login route, and its `kind`."),
            one_of: VARIANTS.map(|(_, name)| MetaSchemaRef::Reference(name.to_owned())).into(),
            discriminator: Some(MetaDiscriminatorObject { property_name: KIND, mapping: mapping.into() }),
            ..MetaSchema::ANY
        }
    });
});

/// The schema of a login route's answer, with `kind` as first property.
fn variant(kind: LoginKind, registry: &mut Registry) -> MetaSchema {
    use LoginKind as K;
    match kind {
        K::Session => extended::<SessionUser>(kind, registry),
        K::JwtPairUser => extended::<UserWithTokenPair>(kind, registry),
        K::JwtPair => extended::<TokenPair>(kind, registry),
        K::TokenUser | K::JwtSlidingUser | K::KnoxUser => extended::<UserWithToken>(kind, registry),
        K::Token | K::JwtSliding | K::Knox => extended::<IssuedToken>(kind, registry),
    }
}

fn extended<T: Type>(kind: LoginKind, registry: &mut Registry) -> MetaSchema {
    let answer = registry.create_fake_schema::<T>();
    let kind_schema = MetaSchema { enum_items: vec![<&str>::from(kind).into()], ..MetaSchema::new("string") };
    // The answer of the login route describes them.
    let undescribed = |(name, property)| match property {
        MetaSchemaRef::Inline(schema) => {
            (name, MetaSchemaRef::Inline(Box::new(MetaSchema { description: None, ..*schema })))
        }
        reference @ MetaSchemaRef::Reference(_) => (name, reference),
    };
    let properties = answer.properties.into_iter().map(undescribed);
    let properties = std::iter::once((KIND, MetaSchemaRef::Inline(Box::new(kind_schema)))).chain(properties);
    let required = std::iter::once(KIND).chain(answer.required).collect();
    MetaSchema { rust_typename: None, required, properties: properties.collect(), example: None, ..answer }
}
