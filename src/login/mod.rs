//! Turns an authorization code, or another callback of a provider, into a signed-in user.
//!
//! A program of its own adds a [`Step`] to the pipeline; it reads and changes the [`Draft`] of a login, or ends it with a [`Stop`].
//!
//! `http/` calls `LoginService`, which joins the provider, the credentials and the store. No HTTP type of poem, no SQL.
//!
//! | file | content |
//! |---|---|
//! | `service.rs` | `LoginService`: its parts and how it is built |
//! | `request.rs`, `outcome.rs` | what the HTTP layer passes in and gets back |
//! | `request_fields.rs` | the fields of a login's body and their validation |
//! | `begin.rs` | starts an authorization request: state, PKCE, nonce, request token |
//! | `app_context.rs` | what an application attaches to a login: `data` and `app_state` |
//! | `authorization_request.rs` | how state, verifier, nonce and cookie are derived and recognised |
//! | `request_lookup.rs` | which authorization request a login finishes, and whether the caller may finish it |
//! | `code_exchange.rs` | claims the code and calls the provider |
//! | `code_replay.rs`, `answer_cipher.rs` | the same code again: the first answer for the same browser, else a refusal |
//! | `decide_and_commit.rs` | runs the pipeline and commits its decision |
//! | `pipeline/` | identity and caller in, decision out; writes nothing |
//! | `pending_login.rs` | logins that wait for additional input of the user |
//! | `server_redirect.rs` | the server-side redirect flow, for pages without script and for native apps |
//! | `link.rs` | whether a login may link an account, and to which user |
//! | `next_uri.rs` | where the user may return to after a login |
//! | `redirect_uri.rs` | which redirect URI a login uses, and whether the settings allow it |
//! | `capacity.rs` | row limits of the tables that unauthenticated callers can fill |
//! | `network_counts.rs` | counts rows by network in fixed memory |
//! | `rate_limits.rs` | rate limits of logins, checked before a code is claimed |
//! | `account_warnings.rs` | stored accounts that the settings no longer match |
//! | `audit.rs`, `error.rs` | outcomes in the log and the audit log; refusals and their codes |
//! | `extensions.rs` | steps and claims that a Rust program adds |

mod account_warnings;
mod answer_cipher;
mod app_context;
mod audit;
mod authorization_request;
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
mod server_redirect;
mod service;

pub(crate) use self::account_warnings::account_warnings;
pub(crate) use self::app_context::AppContext;
pub(crate) use self::authorization_request::{AuthorizationRequestCookie, LIFETIME as AUTHORIZATION_REQUEST_LIFETIME};
pub(crate) use self::error::{LoginError, Refusal};
pub(crate) use self::extensions::Extensions;
pub(crate) use self::outcome::{
    ExchangedCode, LoginOutcome, PendingLogin, RedirectOutcome, Resumed, SessionCookie, SignedIn,
};
pub use self::pipeline::{Draft, InputField, InputType, Step, Stop};
pub(crate) use self::redirect_uri::{Origin, registered_redirect_uris};
pub(crate) use self::request::{
    AuthorizeRequest, BeginRequest, FormHost, LoginRequest, RequestContext, StartedRequest,
};
pub(crate) use self::request_fields::Fields;
pub(crate) use self::service::LoginService;
