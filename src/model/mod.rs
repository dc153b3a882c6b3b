//! Plain types that every floor speaks: who a user is, what a provider said, what is stored.
//!
//! They hold no rule and import nobody but the clock and the secrets beside them.

mod account_uid;
mod attempt;
mod audit;
mod credential;
mod domain;
mod email_address;
mod event;
mod finding;
mod identity;
mod json;
pub mod lenient;
mod provider_tokens;
mod seconds;
mod user;
mod user_field;
mod words;

pub use account_uid::{AccountUid, UidError};
pub use attempt::{Attempt, CodeClaim, Halt, Landing, Linker, Swap, Taken, UsedCode};
pub use audit::{About, AuditEvent, AuditFilter, AuditKind, AuditRecord};
pub use credential::{
    ClientInfo, CredentialEntry, CredentialHandle, CredentialPage, CredentialPosition, Kind, KnoxRow, NewCredential,
    RefreshRow, RefreshUse, SessionRow, TokenRow,
};
pub use domain::Domain;
pub use email_address::EmailAddress;
pub use event::{Announce, DueEvent, EventRecord, EventState, EventType, Happened, NewEvent};
pub use finding::Finding;
pub use identity::{Identity, UidScope, drop_nulls};
pub use json::{as_text, as_texts, authenticates, is_filled, parse_json, without_provider_tokens, without_secrets};
pub use provider_tokens::{ProviderTokens, token_binding};
pub use seconds::Seconds;
pub use user::{SocialAccount, User, UserId};
pub use user_field::{FieldType, UserField, UserFields};
pub use words::{harmless, resembled_name, steers};
