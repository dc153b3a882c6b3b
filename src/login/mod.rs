//! Turns an authorization code, or another callback of a provider, into a signed-in user.
//!
//! A program of its own adds a [`Step`] to the pipeline; it reads and changes the [`Draft`] of a login, or ends it with a [`Stop`].
//!
//! `http/` calls `LoginService`, which joins the provider, the credentials and the store. No HTTP type of poem, no SQL.

mod account_warnings;
mod answer_cipher;
mod app_context;
mod audit;
mod begin;
mod capacity;
mod code_exchange;
mod code_replay;
mod decide_and_commit;
mod error;
mod extensions;
mod link;
mod network_counts;
mod next_uri;
mod outcome;
mod pending_login;
mod pipeline;
mod rate_limits;
mod redirect_uri;
mod request;
mod request_fields;
mod request_lookup;
mod request_secrets;
mod server_redirect;
mod service;

pub(crate) use self::account_warnings::account_warnings;
pub(crate) use self::app_context::AppContext;
pub(crate) use self::error::{LoginError, Refusal};
pub(crate) use self::extensions::Extensions;
pub(crate) use self::outcome::{ExchangedCode, LoginOutcome, PendingLogin, RedirectOutcome, Resumed, SignedIn};
pub use self::pipeline::{Draft, InputField, InputType, Step, Stop};
pub(crate) use self::redirect_uri::{Origin, registered_redirect_uris};
pub(crate) use self::request::{
    AuthorizeRequest, BeginRequest, FormHost, LoginRequest, RequestContext, StartedRequest,
};
pub(crate) use self::request_fields::Fields;
pub(crate) use self::request_secrets::AuthorizationRequestCookie;
pub(crate) use self::service::LoginService;
