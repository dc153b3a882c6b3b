//! Everything about existing users and credentials: authenticate, refresh, verify, log out, user data, social accounts.
//!
//! `http/` calls [`AccountService`], which joins the credentials and the store. An authenticated request costs one read, with a
//! token of knox 4 two.

mod account_service;
mod authenticate;
mod authenticate_service;
mod credentials;
mod error;
mod export_and_delete;
mod introspect;
mod provider_token;
mod refresh_and_logout;
mod signing_keys;
mod social_accounts;
mod update_user;

pub use self::account_service::AccountService;
pub use self::authenticate::{AuthScheme, Authorization, Caller, PresentedCredentials, Proof};
pub use self::authenticate_service::ServiceCredential;
pub use self::credentials::ListedCredential;
pub use self::error::{AuthError, Challenge};
pub use self::export_and_delete::Export;
pub use self::introspect::{ActiveCredential, TokenUsage};
pub use self::provider_token::{ProviderTokenError, revoke_provider_tokens, rotate_keys};
pub use self::signing_keys::{RequestedRotation, SigningKeyEntry, SigningKeyError, SigningKeyService};
pub use self::update_user::ChangeError;
pub use crate::store::Unlinked;
