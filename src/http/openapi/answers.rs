//! Schemas of the responses that several routes share; those of one route are in its own file. JSON bodies have the names and the
//! key order of django-rest-social-auth (R-OUT).

use std::marker::PhantomData;

use poem::http::{HeaderValue, StatusCode, header};
use poem::{IntoResponse, Response};
use poem_openapi::registry::{MetaHeader, MetaMediaType, MetaResponse, MetaResponses, MetaSchemaRef, Registry};
use poem_openapi::types::{Example, ToJSON, Type};
use poem_openapi::{ApiResponse, Object};
use serde_json::Value;

use super::schemas::{JsonObject, meta_response, text_header};
use crate::credential::Issued;
use crate::login::{AppContext, SignedIn};
use crate::model::{self, LoginKind};

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// 200 with a JSON body.
pub fn json(body: &impl ToJSON) -> Response {
    let mut response = Response::default();
    response.headers_mut().insert(header::CONTENT_TYPE, JSON);
    response.set_body(body.to_json_string());
    response
}

/// The first step of OAuth 1.0a on a login route, as django-rest-social-auth answers it. The server keeps the token's secret.
pub fn request_token(oauth_token: String) -> Response {
    let members = [("oauth_token", Value::String(oauth_token)), ("oauth_callback_confirmed", "true".into())];
    json(&JsonObject(members.map(|(name, value)| (name.to_owned(), value)).into_iter().collect()))
}

/// 200 with a JSON body, in the document.
pub struct Answer<T>(pub T);

impl<T: ToJSON> IntoResponse for Answer<T> {
    fn into_response(self) -> Response {
        json(&self.0)
    }
}

impl<T: ToJSON> ApiResponse for Answer<T> {
    fn meta() -> MetaResponses {
        MetaResponses { responses: vec![success("Done.", T::schema_ref(), vec![])] }
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

/// 200 with the user. `None`: 204, for a call that says that it may have no credential.
pub struct UserIfAny(pub Option<User>);

impl IntoResponse for UserIfAny {
    fn into_response(self) -> Response {
        self.0.map_or_else(|| StatusCode::NO_CONTENT.into_response(), |user| json(&user))
    }
}

impl ApiResponse for UserIfAny {
    fn meta() -> MetaResponses {
        Answer::<User>::meta()
    }

    fn register(registry: &mut Registry) {
        Answer::<User>::register(registry);
    }
}

/// 200 with one page of a list; the header `Link` has the next page (RFC 8288).
pub struct ListPage<T> {
    pub entries: Vec<T>,
    /// The query of the next page; `None` on the last page.
    pub next: Option<String>,
}

impl<T: ToJSON> IntoResponse for ListPage<T> {
    fn into_response(self) -> Response {
        let mut response = json(&self.entries);
        if let Some(query) = self.next {
            let link = HeaderValue::try_from(format!("<?{query}>; rel=\"next\"")).expect("a query is ASCII");
            response.headers_mut().insert(header::LINK, link);
        }
        response
    }
}

impl<T: ToJSON> ApiResponse for ListPage<T> {
    fn meta() -> MetaResponses {
        let link = text_header(
            "Link",
            "`<?…>; rel=\"next\"`: the query of the next page, relative to this URL (RFC 8288). Absent on the last page.",
            false,
        );
        MetaResponses { responses: vec![success("One page.", <Vec<T>>::schema_ref(), vec![link])] }
    }

    fn register(registry: &mut Registry) {
        <Vec<T>>::register(registry);
    }
}

/// 200 with a JSON body and `Set-Cookie`.
pub struct WithCookie<T> {
    pub body: T,
    pub cookie: HeaderValue,
}

impl<T: ToJSON> IntoResponse for WithCookie<T> {
    fn into_response(self) -> Response {
        let mut response = json(&self.body);
        response.headers_mut().insert(header::SET_COOKIE, self.cookie);
        response
    }
}

impl<T: ToJSON> ApiResponse for WithCookie<T> {
    fn meta() -> MetaResponses {
        let cookie = "The authorization request cookie: it binds the login to this browser. It is not a session.";
        let cookie = text_header("Set-Cookie", cookie, true);
        MetaResponses { responses: vec![success("Begun.", T::schema_ref(), vec![cookie])] }
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

/// 204 without a body.
pub struct Done;

impl IntoResponse for Done {
    fn into_response(self) -> Response {
        StatusCode::NO_CONTENT.into_response()
    }
}

impl ApiResponse for Done {
    fn meta() -> MetaResponses {
        MetaResponses { responses: vec![no_content(vec![])] }
    }

    fn register(_: &mut Registry) {}
}

/// 204 without a body. A browser whose session was revoked deletes its cookie.
pub struct LoggedOut {
    pub cookie: Option<HeaderValue>,
}

impl IntoResponse for LoggedOut {
    fn into_response(self) -> Response {
        let mut response = Done.into_response();
        if let Some(cookie) = self.cookie {
            response.headers_mut().insert(header::SET_COOKIE, cookie);
        }
        response
    }
}

impl ApiResponse for LoggedOut {
    fn meta() -> MetaResponses {
        let cookie = "The session cookie with `Max-Age=0`, if a session was revoked.";
        MetaResponses { responses: vec![no_content(vec![text_header("Set-Cookie", cookie, false)])] }
    }

    fn register(_: &mut Registry) {}
}

/// The answer to a login: `T`. Two answers are not in the document: the first step of OAuth 1.0a, which only the front-ends of
/// django-rest-social-auth use, and the problem document of a pending login, which is among the errors.
pub struct Login<T> {
    /// The response.
    pub response: Response,
    pub body: PhantomData<T>,
}

impl<T> IntoResponse for Login<T>
where
    T: Send,
{
    fn into_response(self) -> Response {
        self.response
    }
}

impl<T: Type> ApiResponse for Login<T> {
    fn meta() -> MetaResponses {
        MetaResponses { responses: vec![success("Signed in.", T::schema_ref(), vec![])] }
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

pub fn success(description: &'static str, schema: MetaSchemaRef, headers: Vec<MetaHeader>) -> MetaResponse {
    meta_response(200, description, vec![MetaMediaType { content_type: "application/json", schema }], headers)
}

fn no_content(headers: Vec<MetaHeader>) -> MetaResponse {
    meta_response(204, "Done; no body.", vec![], headers)
}

/// The `Set-Cookie` of a session login.
pub fn session_cookie() -> MetaHeader {
    text_header("Set-Cookie", "The session cookie.", true)
}

/// The signed-in user. Declared fields that have a value follow the built-in fields.
#[derive(Object)]
#[oai(example)]
pub struct User {
    pub id: i64,
    /// Unique. Derived from the provider's username at sign-up; later logins do not change it.
    pub username: String,
    pub first_name: String,
    pub last_name: String,
    /// May be empty. Not unique: do not identify a user by it.
    pub email: String,
    /// Declared fields that have a value.
    #[oai(flatten)]
    pub fields: JsonObject,
}

/// Declares the answers to logins: their own members, then those that all of them have.
macro_rules! login_answers {
    ($($(#[$attribute:meta])* pub struct $name:ident { $($members:tt)* })+) => {
        $(
            $(#[$attribute])*
            pub struct $name {
                $($members)*
                /// Whether this login created the user; only with REST_SOCIAL_IS_NEW.
                #[oai(skip_serializing_if_is_none)]
                pub is_new: Option<bool>,
                /// The `data` with which the login began.
                #[oai(skip_serializing_if_is_none)]
                pub data: Option<JsonObject>,
                /// The `app_state` with which the login began.
                #[oai(skip_serializing_if_is_none)]
                pub app_state: Option<String>,
            }
        )+
    };
}

login_answers! {
    /// The answer to a session login.
    #[derive(Object)]
    pub struct SessionUser {
        #[oai(flatten)]
        pub user: User,
    }

    /// A token without its user.
    #[derive(Object)]
    #[oai(example)]
    pub struct IssuedToken {
        /// For the `Authorization` header: `Token …` for token and knox, `Bearer …` for a JWT.
        pub token: String,
    }

    /// A token and its user.
    #[derive(Object)]
    #[oai(example)]
    pub struct UserWithToken {
        pub id: i64,
        /// For the `Authorization` header: `Token …` for token and knox, `Bearer …` for a JWT.
        pub token: String,
        pub username: String,
        pub first_name: String,
        pub last_name: String,
        pub email: String,
        #[oai(flatten)]
        pub fields: JsonObject,
    }

    /// An access and a refresh token.
    #[derive(Object)]
    #[oai(example)]
    pub struct TokenPair {
        /// The access token, five minutes long: `Authorization: Bearer …`.
        pub token: String,
        /// The refresh token, one day long: post it to `/api/token/refresh/` for a new access token.
        pub refresh: String,
    }

    /// An access and a refresh token, and their user.
    #[derive(Object)]
    #[oai(example)]
    pub struct UserWithTokenPair {
        pub id: i64,
        /// The access token, five minutes long: `Authorization: Bearer …`. It carries the user's data as claims.
        pub token: String,
        /// The refresh token, one day long: post it to `/api/token/refresh/` for a new access token.
        pub refresh: String,
        pub username: String,
        pub first_name: String,
        pub last_name: String,
        pub email: String,
        #[oai(flatten)]
        pub fields: JsonObject,
    }
}

const ACCESS: &str = "eyJhbGciOiJIUzI1NiJ9.eyJqdGkiOiJhIn0.YQ";
const REFRESH: &str = "eyJhbGciOiJIUzI1NiJ9.eyJqdGkiOiJyIn0.cg";
const OPAQUE: &str = "0303f6f5b6e302dee22dc2f5d6aea16b0fead4b0";

impl Example for User {
    fn example() -> Self {
        Self {
            id: 1,
            username: "ada".to_owned(),
            first_name: "Ada".to_owned(),
            last_name: "Lovelace".to_owned(),
            email: "ada@example.com".to_owned(),
            fields: JsonObject::default(),
        }
    }
}

impl Example for IssuedToken {
    fn example() -> Self {
        Self { token: OPAQUE.to_owned(), is_new: None, data: None, app_state: None }
    }
}

impl Example for UserWithToken {
    fn example() -> Self {
        let User { id, username, first_name, last_name, email, fields } = User::example();
        let token = OPAQUE.to_owned();
        Self { id, token, username, first_name, last_name, email, fields, is_new: None, data: None, app_state: None }
    }
}

impl Example for TokenPair {
    fn example() -> Self {
        Self { token: ACCESS.to_owned(), refresh: REFRESH.to_owned(), is_new: None, data: None, app_state: None }
    }
}

impl Example for UserWithTokenPair {
    fn example() -> Self {
        let User { id, username, first_name, last_name, email, fields } = User::example();
        let (token, refresh) = (ACCESS.to_owned(), REFRESH.to_owned());
        let (is_new, data, app_state) = (None, None, None);
        Self { id, token, refresh, username, first_name, last_name, email, fields, is_new, data, app_state }
    }
}

/// The user must have the declared fields only.
impl From<model::User> for User {
    fn from(user: model::User) -> Self {
        let model::User { id, username, first_name, last_name, email, fields, .. } = user;
        Self { id: id.0, username, first_name, last_name, email, fields: JsonObject(fields) }
    }
}

/// The body of the answer to a login by this kind of route.
pub fn login_answer(signed_in: SignedIn, kind: LoginKind) -> Option<Value> {
    let SignedIn { user, issued, is_new, app: AppContext { data, app_state } } = signed_in;
    let data = data.map(JsonObject);
    let user = User::from(user);
    match (issued, kind.has_user()) {
        (Issued::Session(_), _) => SessionUser { user, is_new, data, app_state }.to_json(),
        (Issued::Token(token), false) => IssuedToken { token, is_new, data, app_state }.to_json(),
        (Issued::Token(token), true) => {
            let User { id, username, first_name, last_name, email, fields } = user;
            UserWithToken { id, token, username, first_name, last_name, email, fields, is_new, data, app_state }
                .to_json()
        }
        (Issued::Pair { access: token, refresh }, false) => {
            TokenPair { token, refresh, is_new, data, app_state }.to_json()
        }
        (Issued::Pair { access: token, refresh }, true) => {
            let User { id, username, first_name, last_name, email, fields } = user;
            UserWithTokenPair {
                id,
                token,
                refresh,
                username,
                first_name,
                last_name,
                email,
                fields,
                is_new,
                data,
                app_state,
            }
            .to_json()
        }
    }
}
