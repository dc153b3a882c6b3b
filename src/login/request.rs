//! What the HTTP layer passes to the login service.

use serde_json::{Map, Value};
use url::Url;

use super::app_context::AppContext;
use super::redirect_uri::Origin;
use super::request_fields::Fields;
use super::request_secrets::{AuthorizationRequestCookie, Binding, FlowToken};
use crate::clock::UnixMillis;
use crate::model::{ClientInfo, LinkRequest, LoginKind};
use crate::secrets::Digest;

/// What a login needs to know about the HTTP request.
#[derive(Clone, Debug)]
pub struct RequestContext {
    /// The server's own base URL, as the caller sees it.
    pub base_url: Url,
    /// The `Origin` header.
    pub origin: Origin,
    /// The cookie that binds authorization requests to this browser.
    pub cookie: Option<AuthorizationRequestCookie>,
    /// The signed-in user, by the route's own kind of credential.
    pub caller: Option<LinkRequest>,
    /// When the caller signed in; only with the answers to a pending login.
    pub caller_signed_in: Option<UnixMillis>,
    /// The session that a session login replaces (SEC-32).
    pub session: Option<Digest>,
    /// Address, User-Agent and request id, for the credential and the audit log.
    pub client: ClientInfo,
}

impl RequestContext {
    pub(super) fn binding(&self, flow_token: Option<&str>) -> Binding {
        Binding::new(self.cookie.as_ref(), flow_token)
    }
}

/// A posted login, or the first step of OAuth 1.0a.
#[derive(Clone, Debug)]
pub struct LoginRequest {
    /// What to issue, and how to answer.
    pub kind: LoginKind,
    /// From the URL, which takes precedence over the body (R-IN-02).
    pub provider: Option<String>,
    /// The fields of the body.
    pub fields: Fields,
    /// The HTTP request.
    pub request_context: RequestContext,
}

/// How an authorization request is started; every field is optional.
#[derive(Clone, Debug, Default)]
pub struct BeginRequest {
    /// Must match ALLOWED_REDIRECT_URIS; by default what the settings give.
    pub redirect_uri: Option<String>,
    /// Replaces the provider's configured scopes: configured ones, and those of OPTIONAL_SCOPE.
    pub scope: Option<Vec<String>>,
    /// The front-end's own PKCE challenge.
    pub code_challenge: Option<String>,
    /// Only `S256`.
    pub code_challenge_method: Option<String>,
    /// Where the front-end continues after the login; the answer repeats it.
    pub next: Option<String>,
    /// The application's own values.
    pub app: AppContext,
    /// All other fields: parameters of the authorization request, and what the provider's own address needs.
    pub parameters: Map<String, Value>,
}

/// How the server-side redirect flow is started.
#[derive(Clone, Debug)]
pub struct AuthorizeRequest {
    /// Must match an entry of ALLOWED_REDIRECT_URIS exactly; by default what the REST_SOCIAL settings give for PUBLIC_URL.
    pub next: Option<String>,
    /// What to issue, and how to answer.
    pub kind: LoginKind,
    /// The app's own challenge; exchanging the one-time code then requires its verifier.
    pub code_challenge: Option<String>,
    /// Only `S256`.
    pub code_challenge_method: Option<String>,
    /// A subset of the provider's configured scopes.
    pub scope: Option<Vec<String>>,
    /// The application's own values.
    pub app: AppContext,
    /// Parameters of the authorization request, and what the provider's own address needs.
    pub parameters: Map<String, Value>,
}

/// A stored authorization request, and where to send the user.
#[derive(Clone, Debug)]
pub struct StartedRequest {
    /// The provider's name.
    pub provider: String,
    /// Where to send the user.
    pub authorization_url: String,
    /// The `state` that the callback must carry.
    pub state: String,
    /// Binds the request to a client that keeps no cookies.
    pub flow_token: FlowToken,
    /// The redirect URI that was sent to the provider.
    pub redirect_uri: String,
    /// [`BeginRequest::next`], checked.
    pub next: Option<String>,
    /// Seconds.
    pub expires_in: u64,
    /// For a provider's SDK in an app, whose ID token can be posted instead of a code.
    pub nonce: Option<String>,
    /// Binds the request to the browser.
    pub cookie: AuthorizationRequestCookie,
    /// Whether the callback is a cross-site POST, which only a `SameSite=None` cookie accompanies.
    pub cross_site: bool,
}

/// Who shows the form that asks the user for additional input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormHost {
    /// A front-end or an app.
    Client,
    /// This server, on a page of its own.
    Server,
}
