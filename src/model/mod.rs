//! Plain data types that every layer uses: users, credentials, identities, events. They contain no business rules and
//! depend only on `clock` and `secrets`.

mod account_uid;
mod audit;
mod authorization_request;
mod color;
mod credential;
mod domain;
mod email_address;
mod event;
pub(crate) mod field_message;
mod finding;
mod id;
mod identity;
mod json;
pub(crate) mod lenient;
mod login_kind;
mod network;
mod provider_tokens;
mod safe_text;
mod seconds;
mod service;
mod signing_key;
mod token_family;
mod user;
mod user_field;
mod username;

pub use account_uid::{AccountUid, UidError};
pub use audit::{AuditEvent, AuditFilter, AuditKind, AuditRecord};
pub(crate) use audit::{AuditState, RefusalContext};
pub(crate) use authorization_request::UNFINISHED_LOGIN_LIFETIME;
pub use authorization_request::{
    AuthorizationRequest, CodeClaim, CompletedAnswer, LinkRequest, OneTimeCode, ServerRedirect, StartedBy,
    StoredPendingLogin, UsedCode,
};
pub(crate) use color::Color;
pub use credential::{
    ClientInfo, CredentialEntry, CredentialHandle, CredentialKind, CredentialPosition, CredentialQuery, KnoxRow,
    NewCredential, RefreshRow, SessionRow, TokenRow, TokenUse,
};
pub(crate) use domain::Domain;
pub use email_address::EmailAddress;
pub(crate) use email_address::MAX_EMAIL_LEN;
pub use event::{DueEvent, EventFactory, EventRecord, EventState, EventType, NewEvent, UserEvent};
pub(crate) use finding::Finding;
pub use id::{AccountId, UserId};
pub(crate) use identity::strip_nul_characters;
pub use identity::{Identity, ScopeRule, UidScope};
pub(crate) use json::{
    as_text, as_texts, check_unique_members, is_secret_name, is_truthy, parse_json, parse_json_without_big_integers,
    without_provider_tokens, without_secrets,
};
pub use login_kind::LoginKind;
pub(crate) use network::Network;
pub use provider_tokens::ProviderTokens;
pub(crate) use provider_tokens::token_binding;
pub(crate) use safe_text::{clean_name, deny_list_key, is_bidi_or_control, sanitize_external_text};
pub(crate) use seconds::{Seconds, remaining_seconds};
pub use service::{Service, ServiceName, ServiceNameError};
pub use signing_key::{SigningKey, SigningKeyChange, SigningKeyState};
pub use token_family::{FamilyState, NewestToken, PresentedToken, RefreshRefusal};
pub(crate) use user::LegacyUids;
pub use user::{SocialAccount, User};
pub(crate) use user_field::UserFields;
pub use user_field::{UserField, UserFieldType};
pub(crate) use username::{MAX_NAME_LEN, UsernameCharacters, truncated};
