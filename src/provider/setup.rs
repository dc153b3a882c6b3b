//! Builds a provider from its descriptor and settings at start, and collects all errors.

use serde_json::Value;

use super::call::{check_base, render_url};
use super::catalog;
use super::configured::{Provider, TokenVerification};
use super::descriptor::{Descriptor, ExtraField};
use super::expression::{Scope, Template, is_setting};
use super::id_token;
use super::issuer::{configured_issuer, discovery_url, names_tenant};
use super::keys::Key;
use super::protocol::Protocol;
use super::request_rules::ClientAuth;
use super::uid_keys::{LEGACY_UNVERIFIED, UNVERIFIED_KEY, USERNAME_AS_ID, UidKeys};
use crate::clock::Deps;
use crate::model::{ScopeRule, is_truthy};
use crate::outgoing::{CachedDocument, Client};
use crate::secrets::{ExposeSecret as _, SecretString};
use crate::settings::{ProviderSettings, SettingError, SettingValues, TypedSettings};

const NEEDS_SETTING: &str = "needs a setting that is not set";
/// Parameters of authorization requests that select an organization, a domain or an identity provider. A browser can change them.
const ORGANIZATION_PARAMETERS: [&str; 18] = [
    "hd",
    "organization",
    "organization_id",
    "org_id",
    "connection",
    "connection_id",
    "team",
    "team_id",
    "workspace",
    "tenant",
    "tenant_id",
    "domain",
    "domain_hint",
    "district_id",
    "idp",
    "idp_identifier",
    "identity_provider",
    "kc_idp_hint",
];

impl TokenVerification {
    fn new(
        descriptor: &Descriptor,
        values: &SettingValues,
        settings: &ProviderSettings,
        errors: &mut Vec<SettingError>,
    ) -> Self {
        let scope = Scope::of(values);
        let rules = &descriptor.id_token;
        let rendered = |text: &str| -> Result<String, String> {
            let text = Template::parse(text)?.render(&scope).map_err(|error| error.to_string())?;
            text.ok_or_else(|| NEEDS_SETTING.to_owned())
        };
        let names = match values.texts("JWT_ALGORITHMS") {
            own if own.is_empty() => rules.algorithms.iter().map(|name| rendered(name)).collect(),
            own => Ok(own),
        };
        let algorithms = names.and_then(|names: Vec<String>| {
            names
                .iter()
                .map(|name| name.parse().map_err(|()| format!("`{name}` is not a supported algorithm")))
                .collect()
        });
        let issuers: Result<Vec<String>, String> =
            rules.issuers.iter().map(|issuer| rendered(&issuer.replace("{tenantid}", "{{tenantid}}"))).collect();
        let algorithms = or_report(algorithms, settings.written_name("JWT_ALGORITHMS"), errors);
        let issuers = or_report(issuers, settings.written_name("ID_TOKEN_ISSUER"), errors);
        let key = rules.key.as_ref().and_then(|key| key.render(&scope).ok().flatten());
        let fixed_key = key.map(|text| Key::from_pem(&text));
        let seconds =
            |name: &str, default: u64| values.seconds(name).unwrap_or(i64::try_from(default).unwrap_or(i64::MAX));
        Self {
            algorithms,
            issuers: values.text("ID_TOKEN_ISSUER").map_or(issuers, |own| vec![own.to_owned()]),
            fixed_key: or_report(fixed_key.transpose(), settings.written_name("PUBLIC_KEY"), errors),
            jwks_url: Template::parse(rules.jwks_url.as_ref().map_or("{discovery.jwks_uri}", Template::source))
                .unwrap_or_default(),
            max_age: Some(seconds("ID_TOKEN_MAX_AGE", rules.max_age)).filter(|&seconds| seconds > 0),
            leeway: seconds("JWT_LEEWAY", rules.leeway),
        }
    }
}

impl Provider {
    pub(super) fn new(
        settings: &ProviderSettings,
        allow_plain_http: bool,
        client: &Client,
        deps: &Deps,
        warnings: &mut Vec<String>,
    ) -> Result<Self, Vec<SettingError>> {
        let of_provider = |problem: String| vec![SettingError::new(format!("providers.{}", settings.name), problem)];
        let variant = settings.get("VARIANT").and_then(Value::as_str).filter(|variant| !variant.is_empty());
        let entry = catalog::entry_of(&settings.name, variant)
            .map_err(|problem| vec![SettingError::new(settings.written_name("VARIANT"), problem)])?;
        if entry.is_none() && settings.descriptor.is_empty() {
            return Err(of_provider(format!("is not a provider{}", catalog::nearest(&settings.name))));
        }
        let id = entry.as_ref().map(|entry| entry.id);
        let (descriptor, problems) = catalog::read_with_problems(id, &settings.descriptor);
        let mut errors: Vec<SettingError> = problems.into_iter().flat_map(of_provider).collect();
        let Some(descriptor) = descriptor else { return Err(errors) };
        let TypedSettings { values, warnings: setting_warnings, errors: setting_errors } =
            settings.typed(&descriptor.settings, &descriptor.title, allow_plain_http);
        warnings.extend(setting_warnings);
        errors.extend(setting_errors);
        let mut further = Vec::new();
        let provider = Self::assemble(settings, descriptor, values, client, deps, &mut further);
        // Without a valid setting a URL is invalid, too, which would only repeat the error.
        if errors.is_empty() {
            provider.check(warnings, &mut further);
        }
        let has_errors = !errors.is_empty();
        further.retain(|error| {
            // The setting is set, but invalid.
            let is_consequence = has_errors && error.problem == NEEDS_SETTING;
            !is_consequence && !errors.iter().any(|known| known.name == error.name)
        });
        errors.extend(further);
        if errors.is_empty() { Ok(provider) } else { Err(errors) }
    }

    fn assemble(
        settings: &ProviderSettings,
        descriptor: Descriptor,
        values: SettingValues,
        client: &Client,
        deps: &Deps,
        errors: &mut Vec<SettingError>,
    ) -> Self {
        let name = |setting: &str| settings.written_name(setting);
        let scope = Scope::of(&values);
        let text = |template: Option<&Template>, setting: &str| match template {
            Some(template) => template.render(&scope).ok().flatten(),
            None => values.text(setting).map(str::to_owned),
        };
        let client_id = text(descriptor.client_id.as_ref(), "KEY");
        // With KEY, a setting is missing that has an error of its own, such as CLIENT of Apple.
        if client_id.is_none() && descriptor.has_client() && values.text("KEY").is_none() {
            errors.push(SettingError::new(name("KEY"), "is required: the client ID"));
        }
        let client_secret = text(descriptor.client_secret.as_ref(), "SECRET").unwrap_or_default();
        let further_fields = or_report(extra_fields(&values), name("EXTRA_DATA"), errors);
        let reads_discovery = reads_discovery(&descriptor);
        let verification = TokenVerification::new(&descriptor, &values, settings, errors);
        let overrides = ["AUTHORIZATION_URL", "ACCESS_TOKEN_URL", "REVOKE_TOKEN_URL", "USERINFO_URL", "JWKS_URI"];
        let overrides = overrides.into_iter().filter_map(|name| Some((name, Template::literal(values.text(name)?))));
        let discovery_url = discovery_url(&descriptor, &values);
        Self {
            name: settings.name.clone(),
            client_id: client_id.unwrap_or_default(),
            client_secret: SecretString::from(client_secret),
            overrides: overrides.collect(),
            login_fields: login_fields(&descriptor),
            scope: scopes(&descriptor, &values),
            uid_keys: UidKeys::new(&descriptor, Some(&values)),
            issuer: configured_issuer(&descriptor, &values, discovery_url.as_ref()),
            extra_fields: descriptor.extra_data.iter().chain(&further_fields).cloned().collect(),
            user_fields: Vec::new(),
            uses_pkce: values.flag("USE_PKCE").unwrap_or(descriptor.authorization.pkce),
            verification,
            discovery_url,
            reads_discovery,
            discovery_document: CachedDocument::default(),
            key_set: CachedDocument::default(),
            settings: settings.clone(),
            client: client.for_provider(&settings.name),
            deps: deps.clone(),
            values,
            descriptor,
        }
    }

    /// Refuses this provider's own names of protocol parameters. The standard names are refused when the settings are typed.
    fn check_extra_arguments(&self, errors: &mut Vec<SettingError>) {
        let arguments = self.values.pairs("AUTH_EXTRA_ARGUMENTS");
        if let Some((name, _)) = arguments.iter().find(|(name, _)| self.descriptor.is_own_parameter(name.trim())) {
            let problem = format!("contains {name}, which this server sets itself; remove it");
            errors.push(SettingError::new(self.settings.written_name("AUTH_EXTRA_ARGUMENTS"), problem));
        }
    }

    /// Refuses URLs that settings make invalid, and those that are needed and can never be filled in.
    fn check_urls(&self, errors: &mut Vec<SettingError>) {
        let rules = &self.descriptor;
        let own = &self.settings.descriptor;
        // The users of one of the catalogue without this URL can sign in otherwise.
        let is_own_with_code = !own.is_empty()
            && !own.contains_key("extends")
            && matches!(rules.protocol, Protocol::OAuth1 | Protocol::OAuth2)
            && rules.token.auth != ClientAuth::None;
        let needed = [
            (
                "authorization.url",
                self.override_of("AUTHORIZATION_URL").unwrap_or(&rules.authorization.url),
                !rules.authorization.url.source().is_empty() || is_own_with_code,
            ),
            (
                "token.url",
                self.override_of("ACCESS_TOKEN_URL").unwrap_or(&rules.token.url),
                rules.token.auth != ClientAuth::None,
            ),
            ("oauth1.request_token_url", &rules.oauth1.request_token_url, rules.protocol == Protocol::OAuth1),
        ];
        let managed = [("refresh.url", &rules.refresh.url), ("revoke.url", &rules.revoke.url)];
        let managed = managed.into_iter().filter_map(|(field, url)| Some((field, url.as_ref()?, false)));
        let profile = rules.userinfo.iter().map(|request| ("userinfo.url", &request.url, false));
        let documents = [("discovery", self.discovery_url.as_ref()), ("jwks_url", Some(&self.verification.jwks_url))];
        let documents = documents.into_iter().filter_map(|(field, url)| Some((field, url?, false)));
        let scope = self.base_scope();
        let is_known = |root: &str| root == "client_id" || is_setting(root);
        let all = needed.into_iter().chain(managed).chain(profile).chain(documents);
        for (field, template, is_needed) in all.filter(|(_, template, _)| template.reads_only(is_known)) {
            let problem = match render_url(template, &scope, &[]) {
                Err(problem) => problem,
                Ok(None) if is_needed && template.source().is_empty() => "is required".to_owned(),
                Ok(None) if is_needed => NEEDS_SETTING.to_owned(),
                Ok(_) => continue,
            };
            let error = SettingError::new(self.name_of_url(field, template), problem);
            if !errors.iter().any(|known| known.name == error.name) {
                errors.push(error);
            }
        }
    }

    /// The setting that makes a URL invalid: the first one of it that the operator has set. Otherwise the field of the descriptor.
    fn name_of_url(&self, field: &str, template: &Template) -> String {
        let set = template.settings().find(|name| self.settings.get(name).is_some());
        match set {
            Some(setting) => self.settings.written_name(setting),
            None => format!("providers.{}.{field}", self.name),
        }
    }

    /// Checks that need no login, such as URLs that depend only on settings.
    fn check(&self, warnings: &mut Vec<String>, errors: &mut Vec<SettingError>) {
        let rules = &self.descriptor;
        self.check_urls(errors);
        if rules.token.auth == ClientAuth::None && rules.single_use.is_none() {
            let problem =
                "is required with token.auth = \"none\": such a callback may be valid longer than a code is remembered";
            errors.push(SettingError::new(format!("providers.{}.single_use", self.name), problem));
        }
        let scope = self.base_scope();
        if self.reads_discovery {
            let known = self.discovery_url.as_ref().map(|template| render_url(template, &scope, &[]));
            if !matches!(known, Some(Ok(Some(_)) | Err(_))) {
                let name = self.settings.written_name("OIDC_ENDPOINT");
                errors.push(SettingError::new(
                    name,
                    "is required: the URL below which the discovery document is published",
                ));
            }
        }
        if let Some(Err(problem)) = self.values.text("OIDC_ENDPOINT").map(check_base) {
            errors.push(SettingError::new(self.settings.written_name("OIDC_ENDPOINT"), problem));
        }
        if let Some(service) = rules.service.as_deref().filter(|service| service.starts_with("gone")) {
            warnings.push(format!("{}: the service of this provider is {service}", self.settings.written_name("KEY")));
        }
        self.check_extra_arguments(errors);
        self.check_login_parameters(warnings, errors);
        if self.verifies_id_token() && !self.reads_discovery && self.verification.issuers.is_empty() {
            let name = self.settings.written_name("ID_TOKEN_ISSUER");
            errors.push(SettingError::new(name, "is required: the issuer of the provider's ID tokens"));
        }
        if rules.discovery.url.is_some() && self.values.text("OIDC_ENDPOINT").is_some() {
            let name = self.settings.written_name("OIDC_ENDPOINT");
            warnings.push(format!("{name}: has no effect: other settings determine the URL of the discovery document"));
        }
        if self.client_secret.expose_secret().trim().is_empty() && self.uses_secret_as_key() {
            let problem = "is required: it is the key of signatures, and anyone could sign with an empty one";
            errors.push(SettingError::new(self.settings.written_name(self.secret_setting()), problem));
        } else if self.lacks_secret() {
            warnings.push(format!(
                "{}: is not set, which is correct only for a public client",
                self.settings.written_name("SECRET")
            ));
        }
        self.warn_of_unsafe_settings(warnings);
        self.check_id_key(warnings, errors);
    }

    /// Warns about settings that accept more users than an operator may expect.
    fn warn_of_unsafe_settings(&self, warnings: &mut Vec<String>) {
        if self.values.is_on(LEGACY_UNVERIFIED) {
            let name = self.settings.written_name(LEGACY_UNVERIFIED);
            warnings.push(format!(
                "{name}: until LEGACY_UIDS_UNTIL, a user with an unverified address can sign in as the imported user of that address"
            ));
        }
        if self.values.is_on("USERINFO_WITHOUT_SUB") {
            let name = self.settings.written_name("USERINFO_WITHOUT_SUB");
            warnings.push(format!("{name}: userinfo without sub is accepted, although it may belong to another user"));
        }
        let has_organizations = self.supplies_organization();
        let organizations = self.settings.written_name("ALLOWED_ORGANIZATIONS");
        let allows_all = self.settings.user_rules.allowed_organizations.is_empty();
        if !has_organizations && !allows_all {
            let problem = format!("{} supplies no organization, so no user can sign in through it", self.name);
            warnings.push(format!("{organizations}: {problem}"));
        }
        if allows_all && !self.values.texts("ALLOW_GROUPS").is_empty() {
            warnings.extend(self.warning_of_groups(&organizations));
        }
        let arguments = self.values.pairs("AUTH_EXTRA_ARGUMENTS").into_iter();
        for (name, _) in arguments.filter(|(name, _)| allows_all && ORGANIZATION_PARAMETERS.contains(&name.as_str())) {
            let written = self.settings.written_name("AUTH_EXTRA_ARGUMENTS");
            let remedy = if has_organizations {
                format!("set {organizations} to refuse them")
            } else {
                format!("{} supplies no organization by which the server could refuse them", self.name)
            };
            warnings.push(format!(
                "{written}: {name} only preselects an organization at the provider; users of others can sign in too: {remedy}"
            ));
        }
    }

    /// The warning about groups in ALLOW_GROUPS that others can create. `organizations`: the name of ALLOWED_ORGANIZATIONS.
    fn warning_of_groups(&self, organizations: &str) -> Option<String> {
        let issuers = self.issuers(None);
        let has_tenants = id_token::any_has_tenants(&issuers);
        let has_foreign_groups = has_tenants || self.has_foreign_groups();
        let names_tenant = self.descriptor.uid.issuer.as_ref().is_some_and(names_tenant);
        // The discovery document is not fetched at start. With many tenants its issuer has `{tenantid}`.
        let may_be_per_tenant = !names_tenant && issuers.is_empty() && self.verifies_id_token();
        let is_per_tenant = has_tenants || names_tenant || may_be_per_tenant;
        let rule = if is_per_tenant { ScopeRule::Tenant } else { ScopeRule::OneIssuer };
        let is_refused = self.needs_allowed_organizations(rule, &issuers);
        let is_safe = is_per_tenant && (!is_refused || self.imported_tenant().is_some());
        if !has_foreign_groups || is_safe {
            return None;
        }
        let effect = if is_refused {
            let condition = if may_be_per_tenant { " if each has its own tenant" } else { "" };
            format!(", so no login passes{condition}: set {organizations} to those whose groups count")
        } else {
            ", and sign in".to_owned()
        };
        let problem = "users of other organizations can create groups of these names";
        let written = self.settings.written_name("ALLOW_GROUPS");
        Some(format!("{written}: with these settings of {}, {problem}{effect}", self.name))
    }

    /// Whether ALLOWED_ORGANIZATIONS can refuse users of this provider.
    pub(super) fn supplies_organization(&self) -> bool {
        self.descriptor.user.more.contains_key("organization")
    }

    /// Whether other organizations than that of the operator can create groups of the names in ALLOW_GROUPS, as far as the settings
    /// say.
    pub(super) fn has_foreign_groups(&self) -> bool {
        let own_groups = self.descriptor.user.own_groups.as_ref().map(|rule| rule.eval(&Scope::of(&self.values)));
        own_groups.is_some_and(|own| !own.is_ok_and(|own| own.as_deref().is_some_and(is_truthy)))
    }

    /// Whether the provider says of an address that it has verified it, as far as descriptor and settings decide.
    fn verifies_addresses(&self) -> bool {
        let rules = &self.descriptor.user;
        let has_rule =
            rules.email_verified.as_ref().is_some_and(|rule| !matches!(rule.source().trim(), "false" | "none"));
        let settings = Scope::of(&self.values);
        has_rule && rules.verifies_email.as_ref().is_none_or(|rule| rule.holds(&settings).unwrap_or(false))
    }

    /// An address as the uid must be verified, or any user could enter the address of another one (SEC-24).
    fn check_address_key(&self, name: &str, warnings: &mut Vec<String>, errors: &mut Vec<SettingError>) {
        let unverified = self.settings.written_name(UNVERIFIED_KEY);
        let accepts_unverified = self.values.is_on(UNVERIFIED_KEY);
        if !self.uid_keys.is_address() {
            // One for all providers may be for another one.
            if accepts_unverified && self.settings.values.contains_key(UNVERIFIED_KEY) {
                let key = &self.uid_keys.key;
                warnings.push(format!("{unverified}: has no effect, because {key}, the uid, is not an e-mail address"));
            }
            return;
        }
        let risk = "a user who enters the address of another one at the provider signs in as that user";
        if accepts_unverified {
            warnings.push(format!("{unverified}: {risk}"));
            return;
        }
        if !self.verifies_addresses() {
            let problem = format!(
                "{} is an address, and {} does not say whether it has verified one: {risk}. Use another member, or set \
                 {unverified} to accept this",
                self.uid_keys.key, self.name
            );
            errors.push(SettingError::new(name, problem));
        }
    }

    /// Refuses an ID_KEY whose values are not of one user, and warns about one that is not known to be stable.
    fn check_id_key(&self, warnings: &mut Vec<String>, errors: &mut Vec<SettingError>) {
        let rules = &self.descriptor.uid;
        let key = &self.uid_keys.key;
        let uses_name = self.values.is_on(USERNAME_AS_ID) && self.values.text("ID_KEY").is_none();
        let name = self.settings.written_name(if uses_name { USERNAME_AS_ID } else { "ID_KEY" });
        let is_fixed =
            rules.value.as_ref().is_some_and(|value| value.reads_only(|root| root != "ID_KEY")) && *key != rules.key;
        if is_fixed || rules.shared_keys.contains(key) {
            let problem = format!("{key} is not unique for accounts of {}; remove this setting", self.name);
            errors.push(SettingError::new(name, problem));
            return;
        }
        self.check_address_key(&name, warnings, errors);
        // `sub` is never assigned to another user (OpenID Connect Core 2).
        let is_stable = *key == rules.key || *key == "sub" || rules.stable_keys.contains(key);
        if !is_stable || rules.mutable_keys.contains(key) {
            warnings.push(format!(
                "{name}: {key} is not known to be stable: if it can be transferred to another user, that user gets the account"
            ));
        }
    }
}

/// The value, or the default after adding the problem to `errors`.
fn or_report<T: Default>(value: Result<T, String>, name: String, errors: &mut Vec<SettingError>) -> T {
    value.unwrap_or_else(|problem| {
        errors.push(SettingError::new(name, problem));
        T::default()
    })
}

fn login_fields(descriptor: &Descriptor) -> Vec<String> {
    let names: &[&str] = match descriptor.protocol {
        Protocol::OAuth1 => &["oauth_token", "oauth_verifier"],
        _ if descriptor.callback_fields.is_empty() => &["code"],
        _ => return descriptor.callback_fields.clone(),
    };
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// The scopes of SCOPE, then the default ones.
fn scopes(descriptor: &Descriptor, values: &SettingValues) -> String {
    let mut scopes = values.texts("SCOPE");
    if !values.is_on("IGNORE_DEFAULT_SCOPE") {
        scopes.extend(descriptor.scope.default.iter().cloned());
    }
    scopes.join(&descriptor.scope.separator)
}

/// EXTRA_DATA: names, `[name, alias]` or `[name, alias, drop when empty]` (R-EXT-05).
fn extra_fields(values: &SettingValues) -> Result<Vec<ExtraField>, String> {
    let empty = Vec::new();
    let list = values.get("EXTRA_DATA").and_then(Value::as_array).unwrap_or(&empty);
    let field = |item: &Value| -> Option<ExtraField> {
        let parts = match item {
            Value::Array(parts) => parts.as_slice(),
            single => std::slice::from_ref(single),
        };
        let from = parts.first()?.as_str()?.to_owned();
        let to = match parts.get(1) {
            Some(alias) => alias.as_str()?.to_owned(),
            None => from.clone(),
        };
        Some(ExtraField { from, to, if_set: parts.get(2).is_some_and(is_truthy) })
    };
    let fields: Option<Vec<ExtraField>> = list.iter().map(field).collect();
    fields.ok_or_else(|| "must be a list of names, [name, alias] or [name, alias, true]".to_owned())
}

fn reads_discovery(descriptor: &Descriptor) -> bool {
    let rules = &descriptor.id_token;
    let verifies = descriptor.protocol == Protocol::Oidc || rules.verify;
    let by_document = rules.key.is_none() && (rules.jwks_url.is_none() || rules.issuers.is_empty());
    let templates = [&descriptor.authorization.url, &descriptor.token.url];
    verifies && by_document
        || descriptor.token.auth == ClientAuth::Discovery
        || templates
            .into_iter()
            .chain(descriptor.userinfo.iter().map(|request| &request.url))
            .any(|url| url.mentions("{discovery"))
}
