//! The fields of a descriptor: of `catalog/*.toml`, and of an operator's `[providers.<name>]` in the settings.
//!
//! Texts are templates (`{expression}`) unless a field says that it is an expression. Both are compiled while the descriptor is
//! parsed, and an error names the field. `docs/CUSTOM_PROVIDER.md` documents these fields for operators.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::error::ProviderError;
use super::expression::{Expr, Ordered, Scope, Template};
use super::id_token::Purpose;
use super::jws::SignatureAlgorithm;
use super::protocol::Protocol;
use super::request_rules::{ClientAuth, OAuth1Rules, ProfileRequest, TokenManagementRules, TokenRules};
use super::sample::Sample;

use crate::settings::SettingRules;

/// A descriptor. A file may also contain, above all tables: `extends` (the ID of a descriptor with the defaults of this one),
/// `name` (if it is not the file's name; several entries may have the same name) and `variant_only` (true: the entry is used only
/// where `SOCIAL_AUTH_<NAME>_VARIANT` is its ID).
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Descriptor {
    /// The name to show: "GitHub".
    pub title: String,
    /// The state of a service that was closed or replaced: `gone: …`, `legacy: …`.
    pub service: Option<String>,
    /// The protocol.
    pub protocol: Protocol,
    /// The module in `quirks/` for what a descriptor cannot express.
    pub quirk: QuirkName,
    /// The provider can be linked to a signed-in user, but signs no user in.
    pub association_only: bool,
    /// Fields of the callback that replace `code`; `a|b` means one of them.
    pub callback_fields: Vec<String>,
    /// What identifies a callback that may be used once, where its fields have several forms or are valid longer than a code.
    pub single_use: Option<SingleUse>,
    /// A field of the callback that may contain these fields and `state` as JSON.
    pub callback_wrapper: Option<String>,
    /// The callback is a cross-site POST (Apple's `response_mode=form_post`).
    pub form_post: bool,
    /// The client ID. Default: the setting KEY.
    pub client_id: Option<Template>,
    /// The client secret. Default: the setting SECRET.
    pub client_secret: Option<Template>,
    /// The settings of this provider.
    pub settings: SettingRules,
    /// Parts of the provider's URL that each login supplies, such as the `shop` of Shopify (SEC-38).
    pub address: BTreeMap<String, AddressField>,
    /// The authorization request.
    pub authorization: AuthorizationRules,
    /// The scopes.
    pub scope: ScopeRules,
    /// The token request.
    pub token: TokenRules,
    /// How tokens are refreshed.
    pub refresh: TokenManagementRules,
    /// How tokens are revoked.
    pub revoke: TokenManagementRules,
    /// The errors of the provider.
    pub errors: ErrorRules,
    /// The discovery document.
    pub discovery: DiscoveryRules,
    /// How ID tokens are verified.
    pub id_token: IdTokenRules,
    /// OAuth 1.0a only.
    pub oauth1: OAuth1Rules,
    /// The profile requests, in order.
    pub userinfo: Vec<ProfileRequest>,
    /// How the answers become the profile.
    pub profile: ProfileRules,
    /// The user's fields.
    pub user: UserRules,
    /// The uid.
    pub uid: UidRules,
    /// The extra data of the social account: `name`, `name as alias`, `name if set`, `name as alias if set`.
    pub extra_data: Vec<ExtraField>,
    /// Conditions for the callback, checked before the provider is called, such as a valid and recent signature.
    pub checks: Vec<Rule>,
    /// Conditions for the profile.
    pub admission: Vec<Rule>,
    /// One login of an operator's own provider, for the simulator. Those of the catalogue are in `samples/`.
    pub sample: Option<Sample>,
}

impl Descriptor {
    /// Whether clients have an ID at the provider.
    pub fn has_client(&self) -> bool {
        !matches!(self.protocol, Protocol::OpenId2 | Protocol::Widget) && self.token.auth != ClientAuth::None
    }

    /// Whether it is the name that this provider gives to a parameter of each authorization request.
    pub fn is_own_parameter(&self, name: &str) -> bool {
        let rules = &self.authorization;
        let own = [&rules.client_id_parameter, &rules.redirect_uri_parameter, &self.scope.parameter];
        own.iter().any(|own| !own.is_empty() && own.eq_ignore_ascii_case(name))
    }

    /// Whether the client secret is the key of a signature that an expression or the quirk verifies. With an empty one, anyone
    /// could sign.
    pub fn uses_secret_as_key(&self) -> bool {
        let rules = self.checks.iter().chain(&self.admission);
        let conditions = rules.flat_map(|rule| rule.when.iter().chain([&rule.require]));
        let token = [&self.token.root, &self.token.access_token, &self.id_token.from, &self.profile.from];
        let single_use = self.single_use.iter().map(|rule| &rule.text);
        let profile = self.profile.fields.values().chain(self.profile.add.values());
        let mut expressions =
            conditions.chain(token.into_iter().flatten()).chain(single_use).chain(profile).chain(&self.uid.value);
        expressions.any(|expr| expr.reads("client_secret")) || matches!(self.quirk, QuirkName::MediaWiki)
    }

    /// The names of the settings that a login needs.
    pub fn needed_settings(&self) -> Vec<&str> {
        let rules = &self.settings;
        let key = Some("KEY").filter(|_| self.has_client() && self.client_id.is_none());
        let needs_secret = self.token.needs_secret(self.token.auth) || self.uses_secret_as_key();
        let has_secret = needs_secret && self.client_secret.is_none();
        let secret = Some("SECRET").filter(|name| has_secret && !rules.one_of.iter().any(|other| other == name));
        let usual = key.into_iter().chain(secret).filter(|name| !rules.required.iter().any(|other| other == name));
        usual.chain(rules.required.iter().map(String::as_str)).collect()
    }
}

/// A module of `quirks/`, as a descriptor names it.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum QuirkName {
    /// The descriptor expresses the whole provider.
    #[default]
    None,
    /// The client secret is a JWT signed with the operator's key.
    Apple,
    /// A client without a secret authenticates with an assertion from a file or from the settings.
    AzureAd,
    /// The profile is a JWT signed with the client secret.
    MediaWiki,
    /// The profile is XML.
    TripIt,
}

/// A member of `address` in the body of `begin`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddressField {
    /// What values are valid.
    #[serde(default)]
    pub kind: AddressKind,
    /// The required end of the value, after the label: `.myshopify.com`.
    #[serde(default)]
    pub suffix: String,
    /// Whether `begin` must supply it.
    #[serde(default)]
    pub required: bool,
}

/// What values a member of `address` may have.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum AddressKind {
    /// One DNS label, converted to lower case.
    #[default]
    Label,
    /// Any text, which must not be part of a host name.
    Text,
}

/// The authorization request.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AuthorizationRules {
    /// The authorization endpoint.
    pub url: Template,
    /// Empty: not sent.
    pub response_type: String,
    /// Empty: not sent.
    pub client_id_parameter: String,
    /// Empty: not sent.
    pub redirect_uri_parameter: String,
    /// Further parameters, after the standard ones. A parameter without a value is left out.
    pub parameters: Ordered<Template>,
    /// Names of parameters that a login may add, such as `login_hint`. Without effect on those that settings set.
    pub login_parameters: Vec<String>,
    /// The fragment of the URL.
    pub fragment: Option<String>,
    /// How the state is sent.
    pub state: StateIn,
    /// Whether a PKCE challenge (S256) is sent. USE_PKCE overrides it.
    pub pkce: bool,
    /// Whether every callback has `iss` (RFC 9207). One without it is then refused.
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
            login_parameters: Vec::new(),
            fragment: None,
            state: StateIn::default(),
            pkce: false,
            sends_iss: false,
        }
    }
}

/// How the state is sent.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum StateIn {
    /// As `state`.
    #[default]
    Parameter,
    /// As `redirect_state` in the redirect URI, for providers that do not return `state`.
    Redirect,
    /// Not at all.
    None,
}

/// The scopes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ScopeRules {
    /// Sent after those of SCOPE, unless IGNORE_DEFAULT_SCOPE is set.
    pub default: Vec<String>,
    /// Joins several scopes.
    pub separator: String,
    /// The name of the parameter.
    pub parameter: String,
}

impl Default for ScopeRules {
    fn default() -> Self {
        Self { default: Vec::new(), separator: " ".to_owned(), parameter: "scope".to_owned() }
    }
}

/// Errors with status 200 or in a form of the provider's own. The standard form (`error`, `error_description`) and an object in
/// `error` need no rule.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ErrorRules {
    /// Expression over `body`: the error code. Null, zero, empty and absent mean that there is no error.
    pub code: Option<Expr>,
    /// Expression over `body`: the error description.
    pub message: Option<Expr>,
    /// Error codes for an invalid, used or expired authorization code.
    pub invalid_code: Vec<String>,
    /// Parts of a description, in lower case, that mean the same.
    pub invalid_code_phrases: Vec<String>,
    /// Error codes that refuse this client, whatever the description is.
    pub invalid_client: Vec<String>,
    /// Error codes for denied consent.
    pub declined: Vec<String>,
    /// Codes that are not errors.
    pub none: Vec<String>,
    /// Whether a callback with `state` and no login field means denied consent.
    pub state_alone: bool,
}

/// The URL of the discovery document.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DiscoveryRules {
    /// The document is published at `/.well-known/openid-configuration` below it. OIDC_ENDPOINT overrides it.
    pub endpoint: Option<Template>,
    /// The complete URL, instead of `endpoint`. OIDC_ENDPOINT has no effect on it.
    pub url: Option<Template>,
    /// The required `issuer` of the document (SEC-21). ID_TOKEN_ISSUER overrides it.
    pub issuer: Option<Template>,
}

/// How ID tokens are verified. Protocol `oidc` always verifies them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IdTokenRules {
    /// Whether an OAuth 2.0 provider's ID token is verified.
    pub verify: bool,
    /// Expression: the token. Default `token.id_token`.
    pub from: Option<Expr>,
    /// The issuers; `{tenantid}` stands for the claim `tid`. Default: `issuer` of the discovery document. ID_TOKEN_ISSUER overrides it.
    pub issuers: Vec<String>,
    /// Which token is verified.
    pub purpose: Purpose,
    /// Expression: the audience, or a list of which one must match. Default `client_id`.
    pub audience: Option<Expr>,
    /// The allowed algorithms; the token never adds one (SEC-18). Default: those of the discovery document, or RS256. JWT_ALGORITHMS
    /// overrides it. Templates over settings.
    pub algorithms: Vec<String>,
    /// The URL of the key set. Default: `jwks_uri` of the discovery document. JWKS_URI overrides it.
    pub jwks_url: Option<Template>,
    /// A fixed key instead of a key set, in PEM or as its base64.
    pub key: Option<Template>,
    /// Whether every key is tried, whatever the `kid` of the header is.
    pub ignore_kid: bool,
    /// Whether a nonce is sent and required.
    pub nonce: bool,
    /// Whether `at_hash` is checked if present.
    pub at_hash: bool,
    /// The algorithm whose digest `at_hash` uses. Default: that of the signature.
    pub at_hash_algorithm: Option<SignatureAlgorithm>,
    /// Whether userinfo must have `sub` with protocol `oidc` (OpenID Connect Core 5.3.2). USERINFO_WITHOUT_SUB overrides it.
    pub userinfo_sub: bool,
    /// Whether `exp` and `iat` are required. A token that replaces a code must always have them.
    pub times: bool,
    /// Maximum age in seconds; 0: no limit. ID_TOKEN_MAX_AGE overrides it.
    pub max_age: u64,
    /// In seconds. JWT_LEEWAY overrides it.
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

/// How the answers become the profile. Order: `from` or `fields`, `nest`, `with_token`, `add`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProfileRules {
    /// Expression: the profile. Default: `body`, or `token` without profile requests.
    pub from: Option<Expr>,
    /// Expressions: the members of the profile, instead of `from`.
    pub fields: Ordered<Expr>,
    /// Expression: `fields` is used only if it is true.
    pub fields_when: Option<Expr>,
    /// The profile becomes a member of this name.
    pub nest: Option<String>,
    /// Whether members of the token answer are added that the profile lacks.
    pub with_token: bool,
    /// Expressions whose values are added to the profile.
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

/// Expressions for the fields of the user.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UserRules {
    /// The username.
    pub username: Option<Expr>,
    /// The e-mail address.
    pub email: Option<Expr>,
    /// Whether the address is verified (SEC-24). Without a rule it never is.
    pub email_verified: Option<Expr>,
    /// Over the settings: whether `email_verified` can be true. Absent: it can.
    pub verifies_email: Option<Expr>,
    /// The full name.
    pub fullname: Option<Expr>,
    /// The first name.
    pub first_name: Option<Expr>,
    /// The last name.
    pub last_name: Option<Expr>,
    /// A list of texts, for ALLOW_GROUPS.
    pub groups: Option<Expr>,
    /// Over the settings: whether only the operator's organization can create groups of these names. Absent: it is.
    pub own_groups: Option<Expr>,
    /// Further details, which `uid` and `extra_data` can use.
    pub more: Ordered<Expr>,
}

/// The form of the IDs of a provider, which no name of a user can have.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum UidForm {
    /// Digits only.
    Digits,
    /// A UUID.
    Uuid,
    /// 24 or 32 hexadecimal digits.
    Hex,
    /// Contains a colon.
    Colon,
    /// `00u`, followed by letters and digits.
    Okta,
}

/// The uid, and the scope within which it is unique.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UidRules {
    /// The member that is the uid. ID_KEY overrides it.
    pub key: String,
    /// Expressions: the objects in which the key is looked up, in order.
    pub from: Vec<Expr>,
    /// Expression: the uid, if it is not looked up by key.
    pub value: Option<Expr>,
    /// The issuer or tenant within which the uid is unique: a template over the settings or, for a provider with many tenants, over
    /// `id_token` and `profile`. Default: the address of the provider, if settings choose it.
    pub issuer: Option<Template>,
    /// All issuers of one host have the same users: the scope contains only the host.
    pub issuer_is_host: bool,
    /// The tenant of imported accounts whose data has none: a template over the settings. IMPORTED_TENANT overrides it.
    pub imported_tenant: Option<Template>,
    /// Earlier values of `issuer`, or other names of the tenant, under which accounts are found, too.
    pub former_issuers: Vec<Template>,
    /// The form of the IDs of the provider.
    pub stable_form: Option<UidForm>,
    /// Keys that were the uid in earlier releases of social-core. LEGACY_ID_KEYS overrides it.
    pub legacy_keys: Vec<String>,
    /// Whether the values of all these keys contain an `@`, as no ID does. Those of `email` and `upn` always do.
    pub legacy_addresses: bool,
    /// Keys whose values several users share, or can choose. As ID_KEY they are an error.
    pub shared_keys: Vec<String>,
    /// Keys whose values are never of another user. As ID_KEY all others but `key` and `sub` cause a warning.
    pub stable_keys: Vec<String>,
    /// Keys whose values can be transferred to another user. They cause a warning, even if one of them is `key`.
    pub mutable_keys: Vec<String>,
    /// Names in the extra data. An account in which one of them differs belongs to another user.
    #[serde(rename = "same")]
    pub must_match: Vec<String>,
}

impl Default for UidRules {
    fn default() -> Self {
        let paths = ["details", "profile"].map(|path| Expr::parse(path).expect("a path is an expression"));
        Self {
            key: "id".to_owned(),
            from: paths.into(),
            value: None,
            issuer: None,
            issuer_is_host: false,
            imported_tenant: None,
            former_issuers: Vec::new(),
            stable_form: None,
            legacy_keys: Vec::new(),
            legacy_addresses: false,
            shared_keys: Vec::new(),
            stable_keys: Vec::new(),
            mutable_keys: Vec::new(),
            must_match: Vec::new(),
        }
    }
}

/// A member of the extra data: `name as alias if set`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(try_from = "String")]
pub struct ExtraField {
    /// The name in the profile or the details.
    pub from: String,
    /// The name in the extra data.
    pub to: String,
    /// Whether an empty value is dropped, so that an older one stays (R-EXT-04).
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

/// What identifies a callback that may be used once.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SingleUse {
    /// Expression over the callback: the signed part, which has only one form.
    pub text: Expr,
    /// Expression: for how many seconds it must be remembered.
    pub seconds: Expr,
}

/// A condition of `checks` or `admission`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Expression: the rule applies only if it is true.
    pub when: Option<Expr>,
    /// Expression that must be true: over the callback in `checks`, over profile and details in `admission`.
    pub require: Expr,
    /// The error message for the user, a sentence.
    pub reason: String,
    /// Whether a callback that does not meet it belongs to another login (SEC-5).
    #[serde(default)]
    pub mixup: bool,
}

impl Rule {
    /// Errors: `ProviderError::Mixup`, or the error that `refused` makes of the reason.
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
