//! A provider as data: the fields of `catalog/*.toml`, and of an operator's own `[providers.<name>]` in the settings.
//!
//! Texts are templates (`{expression}`) unless a field says that it is an expression; both are compiled while the
//! descriptor is read, and a mistake names the field. `docs/PROVIDERS.md` is the table of these fields for people.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::error::ProviderError;
use super::expression::{Expr, Ordered, Scope, Template};
use super::id_token::Purpose;
use super::jws::SignatureAlgorithm;
use super::protocol::Protocol;

use crate::settings::SettingRules;

/// Beside these fields a file may say, above all tables: `extends` (the id of another descriptor, whose fields hold
/// where this one says nothing), `name` (where it is not the file's name: several entries may share one) and
/// `variant_only` (true for an entry that `SOCIAL_AUTH_<NAME>_VARIANT` must ask for).
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Descriptor {
    /// For people: "GitHub".
    pub title: String,
    /// For people: what became of the service, where it is not simply there: `gone: …`, `legacy: …`.
    pub service: Option<String>,
    pub protocol: Protocol,
    /// The function in `quirks/` that does what data cannot say.
    pub quirk: QuirkName,
    /// It only links to a signed-in user.
    pub association_only: bool,
    /// Fields of the callback that are required instead of `code`; `a|b` means one of them.
    pub callback_fields: Vec<String>,
    /// What of them is good for one login, where they have several forms or last longer than a code.
    pub single_use: Option<SingleUse>,
    /// A field of the callback that may hold these and `state` as JSON.
    pub callback_wrapper: Option<String>,
    /// The parameters of the callback come by a cross-site POST (Apple's `response_mode=form_post`).
    pub form_post: bool,
    /// The client's id and secret, where they are not the settings KEY and SECRET.
    pub client_id: Option<Template>,
    pub client_secret: Option<Template>,
    pub settings: SettingRules,
    /// What a login begins with, such as shopify's `shop` (SEC-38).
    pub address: BTreeMap<String, AddressField>,
    pub authorization: AuthorizationRules,
    pub scope: ScopeRules,
    pub token: TokenRules,
    pub refresh: TokenManagementRules,
    pub revoke: TokenManagementRules,
    pub errors: ErrorRules,
    pub discovery: DiscoveryRules,
    pub id_token: IdTokenRules,
    pub oauth1: OAuth1Rules,
    /// The requests for the profile, in order.
    pub userinfo: Vec<InfoRequest>,
    pub profile: ProfileRules,
    pub user: UserRules,
    pub uid: UidRules,
    /// What is kept with the association: `name`, `name as alias`, `name if set`, `name as alias if set`.
    pub extra_data: Vec<ExtraField>,
    /// Conditions that the callback must meet before anybody is asked: that the provider signed it, and lately.
    pub checks: Vec<Rule>,
    /// Conditions that the profile must meet.
    pub admission: Vec<Rule>,
}

impl Descriptor {
    /// Whether the provider knows its clients by an id.
    pub fn has_client(&self) -> bool {
        !matches!(self.protocol, Protocol::OpenId2 | Protocol::Widget) && self.token.auth != ClientAuth::None
    }
}

/// A module of `quirks/`, as a descriptor names it.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum QuirkName {
    #[default]
    None,
    Apple,
    AzureAd,
    MediaWiki,
    TripIt,
}

/// A member of `address` in the body of begin.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddressField {
    /// `label`: one DNS label, lower-cased; `text`: anything, for a parameter and never for a host.
    #[serde(default)]
    pub kind: AddressKind,
    /// What must follow the label: `.myshopify.com`.
    #[serde(default)]
    pub suffix: String,
    #[serde(default)]
    pub required: bool,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum AddressKind {
    #[default]
    Label,
    Text,
}

/// Where the person is sent.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AuthorizationRules {
    pub url: Template,
    /// Empty: none is sent.
    pub response_type: String,
    /// Empty: none is sent.
    pub client_id_parameter: String,
    pub redirect_uri_parameter: String,
    /// Further parameters, after all others. One without a value is left out.
    pub parameters: Ordered<Template>,
    /// What follows `#`.
    pub fragment: Option<String>,
    /// Where the state travels.
    pub state: StateIn,
    /// A begun login sends a PKCE challenge (S256). USE_PKCE overrides it.
    pub pkce: bool,
    /// The provider always answers with `iss` (RFC 9207): a callback without it is refused.
    pub sends_iss: bool,
}

impl Default for AuthorizationRules {
    fn default() -> Self {
        Self {
            url: Template::default(),
            response_type: "code".to_owned(),
            client_id_parameter: "client_id".to_owned(),
            redirect_uri_parameter: "redirect_uri".to_owned(),
            parameters: Ordered::default(),
            fragment: None,
            state: StateIn::default(),
            pkce: false,
            sends_iss: false,
        }
    }
}

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum StateIn {
    #[default]
    Parameter,
    /// As `redirect_state` inside the redirect URI, for providers that drop an unknown `state`.
    Redirect,
    None,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ScopeRules {
    pub default: Vec<String>,
    pub separator: String,
    pub parameter: String,
}

impl Default for ScopeRules {
    fn default() -> Self {
        Self { default: Vec::new(), separator: " ".to_owned(), parameter: "scope".to_owned() }
    }
}

/// The code exchange: `grant_type`, `code` and `redirect_uri` in a form, what `auth` adds to it, then the `code_verifier`
/// of a login that has one.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TokenRules {
    pub url: Template,
    pub method: Method,
    pub auth: ClientAuth,
    pub headers: Ordered<Template>,
    pub query: Ordered<Template>,
    /// Instead of the usual three.
    pub form: Option<Ordered<Template>>,
    /// Instead of a form and all that `auth` would add to it: a JSON object of texts.
    pub json: Option<Ordered<Template>>,
    pub format: Format,
    /// Expression over `body`: where the members of the answer lie, when not at its top.
    pub root: Option<Expr>,
    /// Expression over `token`: the access token. Default `token.access_token`.
    pub access_token: Option<Expr>,
    /// The answer needs no access token (the id_token is enough) and, in OAuth 1.0a, no secret of it.
    pub access_token_optional: bool,
    /// Hosts that a URL made from an answer may have, `*.` for any label (SEC-38).
    pub hosts: Vec<String>,
    /// The provider takes id and secret in HTTP Basic as they are, without the form-encoding of RFC 6749, 2.3.1.
    pub plain_basic: bool,
}

impl TokenRules {
    /// Whether a client that proves itself by `auth` does so by its secret.
    pub fn takes_secret(&self, auth: ClientAuth) -> bool {
        let lists = [Some(&self.headers), Some(&self.query), self.form.as_ref(), self.json.as_ref()];
        match auth {
            ClientAuth::Public | ClientAuth::None => false,
            ClientAuth::Templates => {
                lists.into_iter().flatten().any(|list| list.iter().any(|(_, text)| text.mentions("client_secret")))
            }
            _ => true,
        }
    }
}

/// A call after the login: how an access token is renewed, or given back (RFC 7009). Without `form` the body of a
/// renewal is `refresh_token`, `grant_type` and what `auth` adds; that of a revocation, where `query` is empty too, is
/// `token` (the access token) and what `auth` adds.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TokenManagementRules {
    /// Renewal: default `token.url`. Revocation: without it there is none; REVOKE_TOKEN_URL overrides it.
    pub url: Option<Template>,
    pub method: Method,
    /// Not that of the code exchange: most providers take the secret in the body.
    pub auth: ClientAuth,
    /// Renewal: default `token.headers`.
    pub headers: Option<Ordered<Template>>,
    pub query: Ordered<Template>,
    /// Instead of the usual body.
    pub form: Option<Ordered<Template>>,
    /// Expressions over the login, kept with its tokens: the templates read them as members of `callback`.
    pub needs: Ordered<Expr>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
pub enum Method {
    GET,
    #[default]
    POST,
    DELETE,
}

impl From<Method> for reqwest::Method {
    fn from(method: Method) -> Self {
        match method {
            Method::GET => Self::GET,
            Method::POST => Self::POST,
            Method::DELETE => Self::DELETE,
        }
    }
}

/// How the client proves itself in the code exchange.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuth {
    /// `client_id` and `client_secret` in the body.
    #[default]
    Body,
    Basic,
    BasicAndBody,
    /// `client_id` in the body, no secret: a public client.
    Public,
    /// Basic where the discovery document lists it or lists nothing, else in the body.
    Discovery,
    /// Nothing is added: the templates say all.
    Templates,
    /// No code exchange: the callback brings the token.
    None,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    #[default]
    Json,
    /// `application/x-www-form-urlencoded`; no name may come twice (SEC-16).
    Form,
    JsonOrForm,
    /// The quirk reads it: the body is a text.
    Text,
}

/// Errors that come in an answer of status 200, or in shapes of the provider's own. The usual ones (`error`,
/// `error_description`, an object under `error`) need nothing here.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ErrorRules {
    /// Expression over `body`: the error's code; null, zero, empty or absent mean that there is none.
    pub code: Option<Expr>,
    /// Expression over `body`: the provider's words.
    pub message: Option<Expr>,
    /// Codes of a bad, used or expired code.
    pub invalid_code: Vec<String>,
    /// Parts of the provider's words for one, in lower case, where the code does not say so.
    pub invalid_code_phrases: Vec<String>,
    /// Codes that refuse this client, whatever the words say.
    pub invalid_client: Vec<String>,
    /// Codes of the person's no.
    pub declined: Vec<String>,
    /// Codes that say that nothing is wrong.
    pub none: Vec<String>,
    /// A callback with `state` and no login field is the user's refusal: the provider sends no error.
    pub state_alone: bool,
}

/// Where the discovery document lies.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DiscoveryRules {
    /// The document is at `/.well-known/openid-configuration` below it. OIDC_ENDPOINT replaces it.
    pub endpoint: Option<Template>,
    /// Instead of `endpoint`: the whole address. OIDC_ENDPOINT has no effect on it.
    pub url: Option<Template>,
    /// What `issuer` in the document must be (SEC-21). ID_TOKEN_ISSUER overrides it.
    pub issuer: Option<Template>,
}

/// How an id_token is checked. Always so with protocol `oidc`; `verify = true` asks for it in OAuth 2.0.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IdTokenRules {
    pub verify: bool,
    /// Expression: the token. Default `token.id_token`.
    pub from: Option<Expr>,
    /// Issuers; `{tenantid}` stands for the claim `tid`. Default: the document's `issuer`. ID_TOKEN_ISSUER overrides it.
    pub issuers: Vec<String>,
    /// `id_token`, `access_token` (the provider's access token is what is verified) or `either`.
    pub purpose: Purpose,
    /// Expression: one audience or a list of which one must fit. Default `client_id`.
    pub audience: Option<Expr>,
    /// Never taken from the token (SEC-18). Default: what the discovery document lists, or RS256. JWT_ALGORITHMS overrides
    /// it; `{ALGORITHM}` is a setting.
    pub algorithms: Vec<String>,
    /// Where the keys lie. Default: the document's `jwks_uri`. JWKS_URI overrides it.
    pub jwks_url: Option<Template>,
    /// A fixed key in PEM, or base64 of one without its lines, instead of a key set.
    pub key: Option<Template>,
    /// The `kid` of the header is not looked at: every key is tried.
    pub ignore_kid: bool,
    /// A begun login sends a nonce and asks it back.
    pub nonce: bool,
    /// `at_hash` is checked where it is present.
    pub at_hash: bool,
    /// Whose digest `at_hash` uses, where it is not that of the signature's algorithm.
    pub at_hash_algorithm: Option<SignatureAlgorithm>,
    /// With protocol `oidc`: a userinfo answer must have `sub` (OpenID Connect Core 5.3.2). USERINFO_WITHOUT_SUB overrides it.
    pub userinfo_sub: bool,
    /// `exp` and `iat` must be there; of a token that stands for a code they always must.
    pub times: bool,
    /// Seconds since `iat`; 0: any. ID_TOKEN_MAX_AGE overrides it.
    pub max_age: u64,
    /// Seconds. JWT_LEEWAY overrides it.
    pub leeway: u64,
}

impl Default for IdTokenRules {
    fn default() -> Self {
        Self {
            verify: false,
            from: None,
            issuers: Vec::new(),
            purpose: Purpose::IdToken,
            audience: None,
            algorithms: Vec::new(),
            jwks_url: None,
            key: None,
            ignore_kid: false,
            nonce: true,
            at_hash: true,
            at_hash_algorithm: None,
            userinfo_sub: true,
            times: true,
            max_age: 600,
            leeway: 1,
        }
    }
}

/// OAuth 1.0a (RFC 5849). All calls are signed with HMAC-SHA1 in the `Authorization` header; the access token's call
/// is `token`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OAuth1Rules {
    pub request_token_url: Template,
    /// What is sent as `oauth_callback` instead of the redirect URI.
    pub callback: Option<Template>,
    pub request_token_method: Method,
    /// Query parameters of the first call.
    pub query: Ordered<Template>,
    /// Profile calls are signed without `oauth_callback` and `oauth_verifier`.
    pub plain_profile_calls: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InfoRequest {
    /// Left out where it is one expression without a value.
    pub url: Template,
    #[serde(default = "get")]
    pub method: Method,
    /// The `Authorization` header. Default `Bearer {access_token}`; empty: none, for a token in the query.
    pub authorization: Option<Template>,
    #[serde(default)]
    pub headers: Ordered<Template>,
    #[serde(default)]
    pub query: Ordered<Template>,
    /// A setting that holds an object of further query parameters, such as PROFILE_EXTRA_PARAMS.
    pub query_setting: Option<String>,
    pub form: Option<Ordered<Template>>,
    /// Expression: sent only where it holds.
    pub when: Option<Expr>,
    /// Any failure of the call counts as no answer: null in `bodies`.
    #[serde(default)]
    pub optional: bool,
    /// Statuses that mean that the person is not admitted.
    #[serde(default)]
    pub not_allowed: Vec<u16>,
    /// A header of the answer that tells the next `page` of a list: all pages are asked for and joined.
    pub next_page: Option<String>,
    #[serde(default)]
    pub format: Format,
    /// Hosts that a URL made from an answer may have, `*.` for any label (SEC-38).
    #[serde(default)]
    pub hosts: Vec<String>,
}

fn get() -> Method {
    Method::GET
}

/// How the answers become the profile. Order: `from` (or `fields`), `nest`, the token's members beneath, `add`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProfileRules {
    /// Expression: the object. Default: `body`, or `token` where there is no profile request.
    pub from: Option<Expr>,
    /// Expressions: an object made of these instead.
    pub fields: Ordered<Expr>,
    /// Expression: `fields` only where it holds.
    pub fields_when: Option<Expr>,
    /// The object is put under this name.
    pub nest: Option<String>,
    /// The token answer's members are laid beneath the profile.
    pub with_token: bool,
    /// Expressions added to the merged profile.
    pub add: Ordered<Expr>,
}

impl Default for ProfileRules {
    fn default() -> Self {
        Self {
            from: None,
            fields: Ordered::default(),
            fields_when: None,
            nest: None,
            with_token: true,
            add: Ordered::default(),
        }
    }
}

/// Expressions for the person's fields. A missing one is not supplied.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UserRules {
    pub username: Option<Expr>,
    pub email: Option<Expr>,
    /// The provider's own rule (SEC-24). Missing: never verified.
    pub email_verified: Option<Expr>,
    pub fullname: Option<Expr>,
    pub first_name: Option<Expr>,
    pub last_name: Option<Expr>,
    /// A list of texts, for ALLOW_GROUPS.
    pub groups: Option<Expr>,
    /// Further details, which `uid` and `extra_data` may name.
    pub more: Ordered<Expr>,
}

/// The form of the ids that a provider assigns, where no name of its users can have it.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum UidForm {
    Digits,
    Uuid,
    /// 24 or 32 hex digits.
    Hex,
    /// A colon stands in it.
    Colon,
    /// `00u` and more letters and digits.
    Okta,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UidRules {
    /// ID_KEY overrides it.
    pub key: String,
    /// Expressions: objects in which the key is looked up; the first that holds something wins.
    pub from: Vec<Expr>,
    /// Expression: the id itself, where it is not looked up by key.
    pub value: Option<Expr>,
    /// The issuer or tenant within which the id is unique: a template over the settings, or over `id_token` and `profile`
    /// where the provider has many tenants. Default: the address that the settings choose.
    pub issuer: Option<Template>,
    /// What `issuer` was in earlier releases, or names of the same tenant at other addresses: accounts stored so are found too.
    pub former_issuers: Vec<Template>,
    /// The form of the ids that the provider assigns: `digits`, `uuid`, `hex`, `colon` or `okta`.
    pub stable_form: Option<UidForm>,
    /// Keys by which earlier releases of the original stored the same person. LEGACY_ID_KEYS overrides it.
    pub legacy_keys: Vec<String>,
    /// Keys that several users share: as ID_KEY they are an error.
    pub shared_keys: Vec<String>,
    /// Keys that may change hands: as ID_KEY they are warned of.
    pub mutable_keys: Vec<String>,
    /// Names in what is kept: a row in which one of them differs belongs to somebody else.
    pub same: Vec<String>,
}

impl Default for UidRules {
    fn default() -> Self {
        let paths = ["details", "profile"].map(|path| Expr::parse(path).expect("a path is an expression"));
        Self {
            key: "id".to_owned(),
            from: paths.into(),
            value: None,
            issuer: None,
            former_issuers: Vec::new(),
            stable_form: None,
            legacy_keys: Vec::new(),
            shared_keys: Vec::new(),
            mutable_keys: Vec::new(),
            same: Vec::new(),
        }
    }
}

/// `name as alias if set`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(try_from = "String")]
pub struct ExtraField {
    pub from: String,
    pub to: String,
    /// An empty value is dropped, so that an older one survives (R-EXT-04).
    pub if_set: bool,
}

impl TryFrom<String> for ExtraField {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let (names, if_set) = text.strip_suffix(" if set").map_or((text.as_str(), false), |names| (names, true));
        let (from, to) = names.split_once(" as ").unwrap_or((names, names));
        if from.is_empty() || to.is_empty() || [from, to].iter().any(|name| name.contains(' ')) {
            return Err(format!("`{text}`: expected `name`, `name as alias`, `name if set` or `name as alias if set`"));
        }
        Ok(Self { from: from.to_owned(), to: to.to_owned(), if_set })
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SingleUse {
    /// Expression of the callback: that which is signed, which has one form only.
    pub text: Expr,
    /// Expression: how long the checks let it live.
    pub seconds: Expr,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Expression: the rule counts only where it holds.
    pub when: Option<Expr>,
    /// Expression: of the callback for `checks`, of the profile and the details for `admission`.
    pub require: Expr,
    /// A sentence, told to the person.
    pub reason: String,
    /// What does not meet it belongs to another login (SEC-5).
    #[serde(default)]
    pub mixup: bool,
}

impl Rule {
    pub fn check(&self, scope: &Scope<'_>, refused: fn(String) -> ProviderError) -> Result<(), ProviderError> {
        if !self.when.as_ref().map_or(Ok(true), |when| when.holds(scope))? || self.require.holds(scope)? {
            Ok(())
        } else if self.mixup {
            Err(ProviderError::Mixup)
        } else {
            Err(refused(self.reason.clone()))
        }
    }
}
