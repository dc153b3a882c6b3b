//! Plain types that every floor speaks: who a user is, what a provider said, what is stored.
//!
//! They hold no rule and import nobody but the clock and the secrets beside them.

mod account_uid;
mod audit;
mod authorization_request;
mod credential;
mod domain;
mod email_address;
mod event;
mod finding;
mod id;
mod identity;
mod json;
pub mod lenient;
mod provider_tokens;
mod safe_text;
mod seconds;
mod user;
mod user_field;

pub use account_uid::{AccountUid, UidError};
pub use audit::{AuditEvent, AuditFilter, AuditKind, AuditRecord, RefusalContext};
pub use authorization_request::{
    AuthorizationRequest, CodeClaim, LinkRequest, OneTimeCode, ServerRedirect, StoredPendingLogin, Taken, UsedCode,
};
pub use credential::{
    ClientInfo, CredentialEntry, CredentialHandle, CredentialPage, CredentialPosition, Kind, KnoxRow, NewCredential,
    RefreshRow, RefreshUse, SessionRow, TokenRow,
};
pub use domain::Domain;
pub use email_address::EmailAddress;
pub use event::{DueEvent, EventFactory, EventRecord, EventState, EventType, NewEvent, UserEvent};
pub use finding::Finding;
pub use id::{AccountId, UserId};
pub use identity::{Identity, UidScope, drop_nulls};
pub use json::{as_text, as_texts, authenticates, is_filled, parse_json, without_provider_tokens, without_secrets};
pub use provider_tokens::{ProviderTokens, token_binding};
pub use safe_text::{is_bidi_or_control, resembled_name, sanitize_external_text};
pub use seconds::Seconds;
pub use user::{SocialAccount, User};
pub use user_field::{FieldType, UserField, UserFields};
