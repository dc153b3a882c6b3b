//! The job of this server: a code goes in, a signed-in user comes out.
//!
//! `api/` calls [`LoginService`]; it joins the provider, the credentials and the store. No HTTP type of poem, no SQL.
//!
//! | file | what |
//! |---|---|
//! | `begin.rs` | starts a login: state, PKCE, nonce, request token; answers where to send the person |
//! | `complete.rs` | takes a posted one as far as the provider's answer: claim, provider calls |
//! | `finish.rs` | the decision and its one commit |
//! | `link.rs` | may this login link an account, and to whom |
//! | `halt.rs` | a login that waits for what the person must answer |
//! | `landing.rs` | the whole redirect flow on the server, for pages without script and for native apps |
//! | `capacity.rs` | bounds of the tables that anybody can fill |
//! | `repeat.rs` | the same code once more: wait for the first answer, or refuse |
//! | `attempt.rs`, `redirect.rs`, `fields.rs` | what a login is bound to, where it may return to, what its body may hold |
//! | `pipeline/` | identity and caller in, decision out; no write |
//! | `accounts.rs` | stored accounts that the settings no longer fit |
//! | `trail.rs` | what became of a login, in the log and in the audit trail |
//! | `extensions.rs` | what a Rust program adds: steps and claims |

mod accounts;
mod audit;
mod authorization_request;
mod begin;
mod capacity;
mod code_exchange;
mod code_replay;
mod decide_and_commit;
mod error;
mod extensions;
mod fields;
mod link;
mod pending_login;
mod pipeline;
mod redirect_uri;
mod server_redirect;

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio_util::task::TaskTracker;
use url::Url;

pub use self::accounts::account_warnings;
pub use self::authorization_request::{AuthorizationRequestCookie, LIFETIME as AUTHORIZATION_REQUEST_LIFETIME};
use self::capacity::Capacity;
pub use self::error::{LoginError, Refusal};
pub use self::extensions::Extensions;
pub use self::fields::Fields;
pub use self::pending_login::{PendingLogin, Resumed, Shown};
use self::pipeline::Pipeline;
pub use self::pipeline::{Draft, Field, FieldType, Step, Stop};
pub use self::redirect_uri::{Origin, registered_redirect_uris};
pub use self::server_redirect::{AuthorizeRequest, ExchangedCode, RedirectOutcome};
use crate::clock::Deps;
use crate::credential::Credentials;
use crate::model::{ClientInfo, Kind, LinkRequest, User};
use crate::provider::{Provider, Providers};
use crate::secrets::{Digest, ServerKey};
use crate::settings::Settings;
use crate::store::{Repository, StoreError};

/// Cheap to clone.
#[derive(Clone)]
pub struct LoginService {
    settings: Arc<Settings>,
    providers: Providers,
    credentials: Arc<Credentials>,
    store: Arc<dyn Repository>,
    key: ServerKey,
    deps: Deps,
    /// The pipeline of each provider, by its name.
    pipelines: Arc<HashMap<String, Pipeline>>,
    claims: Option<extensions::Claims>,
    capacity: Arc<Capacity>,
    /// Logins under way, whether or not anybody still waits for their answer.
    jobs: TaskTracker,
}

/// Who calls, as far as a login needs to know.
#[derive(Clone, Debug)]
pub struct RequestContext {
    /// The server's own base URL, as the caller sees it.
    pub own: Url,
    pub origin: Origin,
    pub cookie: Option<AuthorizationRequestCookie>,
    /// The signed-in user, by the route's own kind of credential; the login is linked to it.
    pub caller: Option<LinkRequest>,
    /// The caller's own login is too old to link an account (SEC-25); a login with one that is theirs does no harm.
    pub needs_fresh_login: bool,
    /// The session that a session login replaces (SEC-32).
    pub session: Option<Digest>,
    pub client: ClientInfo,
}

/// A login to be finished, or the first step of OAuth 1.0a.
#[derive(Clone, Debug)]
pub struct LoginRequest {
    pub kind: Kind,
    /// Whether the tokens carry the user's data as claims, and the answer as members.
    pub with_user: bool,
    /// From the URL, which wins over the body (R-IN-02).
    pub provider: Option<String>,
    pub fields: Fields,
    pub request_context: RequestContext,
}

#[derive(Clone, Debug)]
pub enum Outcome {
    SignedIn(Box<SignedIn>),
    /// A step asks the person for more.
    PendingLogin(PendingLogin),
    /// First step of OAuth 1.0a on a login route.
    RequestToken {
        oauth_token: String,
        cookie: AuthorizationRequestCookie,
    },
}

/// How a login ends that had a code.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum LoginResult {
    SignedIn(Box<SignedIn>),
    PendingLogin(PendingLogin),
}

impl From<LoginResult> for Outcome {
    fn from(login_result: LoginResult) -> Self {
        match login_result {
            LoginResult::SignedIn(answer) => Self::SignedIn(answer),
            LoginResult::PendingLogin(pending_login) => Self::PendingLogin(pending_login),
        }
    }
}

/// The answer to a login, whole enough to be given again to the same browser.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SignedIn {
    pub user: User,
    /// Access, sliding, permanent or knox token.
    pub token: Option<String>,
    pub refresh: Option<String>,
    pub session: Option<SessionCookie>,
    /// Whether it was a sign-up; only with REST_SOCIAL_IS_NEW.
    #[serde(default)]
    pub is_new: Option<bool>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SessionCookie {
    pub value: String,
    /// Seconds.
    pub max_age: i64,
}

/// What a login is begun with; all optional.
#[derive(Clone, Debug, Default)]
pub struct BeginRequest {
    pub redirect_uri: Option<String>,
    /// Instead of the provider's configured scopes.
    pub scope: Option<Vec<String>>,
    pub code_challenge: Option<String>,
    pub code_challenge_method: Option<String>,
    /// Where the front-end wants to go afterwards; given back to it.
    pub next: Option<String>,
    /// All other fields: what the provider's own address needs.
    pub address: Map<String, Value>,
}

#[derive(Clone, Debug)]
pub struct Begun {
    pub provider: String,
    pub authorization_url: String,
    pub state: String,
    pub flow_token: String,
    pub redirect_uri: String,
    pub next: Option<String>,
    /// Seconds.
    pub expires_in: u64,
    /// For a provider's own software in an app, whose id_token can be posted instead of a code.
    pub nonce: Option<String>,
    pub cookie: AuthorizationRequestCookie,
    /// Whether the callback is a cross-site POST, which only a `SameSite=None` cookie survives.
    pub cross_site: bool,
}

impl LoginService {
    pub fn new(
        settings: Arc<Settings>,
        providers: Providers,
        credentials: Arc<Credentials>,
        store: Arc<dyn Repository>,
        deps: Deps,
        extensions: Extensions,
    ) -> Self {
        let key = ServerKey::new(&settings.secret_key);
        let Extensions { steps, claims } = extensions;
        let pipelines = Arc::new(pipeline::pipelines(&settings.providers, &steps));
        Self {
            capacity: Arc::new(Capacity::new(&settings.limits)),
            settings,
            providers,
            credentials,
            store,
            key,
            deps,
            pipelines,
            claims,
            jobs: TaskTracker::new(),
        }
    }

    /// Waits until every login under way has ended; for a shutdown.
    pub async fn drain_in_flight(&self) {
        self.jobs.close();
        self.jobs.wait().await;
    }

    /// The first of these cookies that this server made.
    pub fn authorization_request_cookie<'a>(
        &self,
        mut cookies: impl Iterator<Item = &'a str>,
    ) -> Option<AuthorizationRequestCookie> {
        cookies.find_map(|cookie| AuthorizationRequestCookie::read(&self.key, cookie))
    }

    /// Counts the rows that bound what may be begun. Errors: the database's.
    pub async fn count_live_rows(&self) -> Result<(), StoreError> {
        self.capacity.refresh(&self.store.live_rows(self.deps.now()).await?);
        Ok(())
    }

    /// Configured ones, in the settings' order.
    pub fn providers(&self) -> &Providers {
        &self.providers
    }

    /// Those that people may enter through.
    pub fn sign_in_providers(&self) -> impl Iterator<Item = &Arc<Provider>> {
        self.providers.iter().filter(|provider| provider.settings().user_rules.allows_sign_in)
    }

    /// The redirect URI that a login without one of its own would use; `None` where this origin may have none.
    pub fn default_redirect_uri(&self, own: &Url, origin: &Origin) -> Option<String> {
        redirect_uri::choose(&self.settings, own, None, origin).ok()
    }

    /// Errors: `unknown_provider`, `provider_not_allowed`.
    fn provider(&self, name: &str) -> Result<&Arc<Provider>, LoginError> {
        let provider = self.providers.get(name).ok_or_else(unknown_provider)?;
        if provider.settings().user_rules.allows_sign_in {
            return Ok(provider);
        }
        Err(LoginError::new(Refusal::ProviderNotAllowed, "Nobody signs in through this provider here."))
    }
}

fn unknown_provider() -> LoginError {
    LoginError::new(Refusal::UnknownProvider, "No provider of this name is configured.")
}
