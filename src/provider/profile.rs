//! From tokens to an identity: profile requests, the merged profile, the fields of the user, the uid and the extra data.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::call::{render_pairs, render_url, set_pair};
use super::configured::Provider;
use super::context::ExchangeContext;
use super::error::{ProviderError, Stage};
use super::expression::{Expr, Ordered, Part, Scope};
use super::protocol::Protocol;
use super::request_rules::ProfileRequest;
use super::uid_keys::{LEGACY_UNVERIFIED, is_address_key};
use super::{quirks, reply, user_fields};
use crate::model::{
    AccountUid, EmailAddress, Identity, as_text, as_texts, is_truthy, remaining_seconds, without_secrets,
};
use crate::outgoing::{Body, Request, sign};

const STAGE: Stage = Stage::Profile;
/// Limits the time of a login.
const MAX_PAGES: usize = 20;

/// The answers to the profile requests.
#[derive(Default)]
pub struct Answers {
    /// An array, with null for a request that was left out or may fail.
    pub bodies: Value,
    /// The headers of the answers; that of a later one replaces the one before.
    pub headers: Map<String, Value>,
    /// Whether an optional request failed.
    pub is_incomplete: bool,
}

/// The answer to one profile request; null and no headers if the request is left out or may fail.
#[derive(Default)]
struct ProfileAnswer {
    body: Value,
    headers: Map<String, Value>,
}

impl Provider {
    pub(super) async fn profile(&self, context: &mut ExchangeContext<'_>) -> Result<Identity, ProviderError> {
        if let (Some(_), Some(claims)) = (context.callback.id_token, &context.claims) {
            // Without an access token there are no profile requests.
            let bodies = vec![claims.clone(); self.descriptor.userinfo.len().max(1)];
            return self.map_identity(context, &Answers { bodies: Value::Array(bodies), ..Answers::default() });
        }
        let answers = self.fetch_all(context).await?;
        self.map_identity(context, &answers)
    }

    /// Maps the answers. Sends no requests.
    pub(super) fn map_identity(
        &self,
        context: &ExchangeContext<'_>,
        answers: &Answers,
    ) -> Result<Identity, ProviderError> {
        let lacks_sub = self.check_subject(context, answers)?;
        let profile = Value::Object(self.merge_profile(context, answers)?);
        let scope = scope_of(context, answers).with("profile", Some(&profile));
        let details = self.details(&scope)?;
        let scope = scope.with("details", Some(&details));
        self.check_admission(&scope)?;
        let mut identity = self.identity(context, &scope, &profile, &details)?;
        // Userinfo without `sub` may be about another user, so it cannot verify an address.
        identity.email_verified &= !lacks_sub;
        identity.reports_email &= !lacks_sub && !answers.is_incomplete;
        self.check_address_uid(&identity)?;
        self.check_groups(context, &scope, &identity)?;
        identity.legacy_uids = self.legacy_uids(&scope, identity.email.as_ref().filter(|_| identity.email_verified))?;
        Ok(identity)
    }

    async fn fetch_all(&self, context: &mut ExchangeContext<'_>) -> Result<Answers, ProviderError> {
        let mut answers = Answers { bodies: Value::Array(Vec::new()), ..Answers::default() };
        for (index, request) in self.descriptor.userinfo.iter().enumerate() {
            let answered = match self.fetch(context, request, index, &answers).await {
                Err(ProviderError::EndpointNotFound { .. }) if self.endpoints_changed(context).await => {
                    self.fetch(context, request, index, &answers).await
                }
                answered => answered,
            };
            let ProfileAnswer { body, headers } = match answered {
                Err(_) if request.optional => {
                    answers.is_incomplete = true;
                    ProfileAnswer::default()
                }
                answered => answered?,
            };
            // A header of an earlier answer stays readable.
            answers.headers.extend(headers);
            if let Value::Array(bodies) = &mut answers.bodies {
                bodies.push(body);
            }
        }
        Ok(answers)
    }

    async fn fetch(
        &self,
        context: &ExchangeContext<'_>,
        request: &ProfileRequest,
        index: usize,
        answers: &Answers,
    ) -> Result<ProfileAnswer, ProviderError> {
        let scope = scope_of(context, answers);
        let wanted = request.when.as_ref().map_or(Ok(true), |when| when.holds(&scope))?;
        let call = if wanted { self.profile_request(context, request, index, &scope)? } else { None };
        match call {
            Some(call) => self.fetch_pages(context, request, call).await,
            // A check that cannot be made refuses the login.
            None if wanted && !request.not_allowed.is_empty() => {
                Err(ProviderError::failed(STAGE, "the profile lacks what the check of the membership needs"))
            }
            None => Ok(ProfileAnswer::default()),
        }
    }

    /// Builds a profile request. `None`: its URL has no value. Errors: the URL or an expression is invalid.
    pub(super) fn profile_request(
        &self,
        context: &ExchangeContext<'_>,
        request: &ProfileRequest,
        index: usize,
        scope: &Scope<'_>,
    ) -> Result<Option<Request>, ProviderError> {
        let template = self.override_of("USERINFO_URL").filter(|_| index == 0).unwrap_or(&request.url);
        let url =
            render_url(template, scope, &request.hosts).map_err(|problem| ProviderError::failed(STAGE, problem))?;
        let Some(url) = url else { return Ok(None) };
        let mut call = Request::new(request.method, url);
        call.query = request.query_setting.as_ref().map_or_else(Vec::new, |name| self.values.pairs(name));
        call.query.extend(render_pairs(&request.query, scope)?);
        call.headers = render_pairs(&request.headers, scope)?;
        if let Some(form) = &request.form {
            call.body = Body::Form(render_pairs(form, scope)?);
        }
        if self.descriptor.protocol == Protocol::OAuth1 {
            self.sign_profile_request(context, &mut call);
            return Ok(Some(call));
        }
        let authorization = match &request.authorization {
            Some(template) => template.render(scope)?,
            None => context.access_token.as_ref().map(|token| format!("Bearer {token}")),
        };
        if let Some(value) = authorization.filter(|value| !value.is_empty()) {
            call.headers.push(("Authorization".to_owned(), value));
        }
        Ok(Some(call))
    }

    fn sign_profile_request(&self, context: &ExchangeContext<'_>, call: &mut Request) {
        let token = context.access_token.as_deref().zip(context.token_secret.as_ref());
        let verifier = context.callback.fields.get("oauth_verifier").and_then(as_text).unwrap_or_default();
        let with_both = [("oauth_callback", context.redirect_uri.as_str()), ("oauth_verifier", verifier.as_str())];
        let extra: &[(&str, &str)] = if self.descriptor.oauth1.plain_profile_calls { &[] } else { &with_both };
        sign(call, self.signer(token), extra, &self.deps);
    }

    /// The answer; the pages of a list are joined.
    async fn fetch_pages(
        &self,
        context: &ExchangeContext<'_>,
        request: &ProfileRequest,
        mut call: Request,
    ) -> Result<ProfileAnswer, ProviderError> {
        let Some(header) = &request.next_page else { return self.send_profile_request(context, request, &call).await };
        let mut all = Vec::new();
        for _ in 0..MAX_PAGES {
            let ProfileAnswer { body, headers } = self.send_profile_request(context, request, &call).await?;
            all.extend(body.as_array().cloned().unwrap_or_default());
            match headers.get(header).and_then(Value::as_str).filter(|next| !next.is_empty()) {
                Some(next) => set_pair(&mut call.query, "page", next.to_owned()),
                None => break,
            }
        }
        Ok(ProfileAnswer { body: Value::Array(all), headers: Map::new() })
    }

    async fn send_profile_request(
        &self,
        context: &ExchangeContext<'_>,
        request: &ProfileRequest,
        call: &Request,
    ) -> Result<ProfileAnswer, ProviderError> {
        let mut answer = self.send(STAGE, call, context.callback.deadline).await?;
        if answer.is_success() && answer.is_jwt() {
            let claims = self.verified_userinfo(context, &answer.text()).await?;
            answer.body = claims.to_string().into_bytes();
        }
        if request.not_allowed.contains(&answer.status) {
            // GitHub sends 403 for a used-up rate limit, too.
            if answer.status == 403 && answer.headers().get("x-ratelimit-remaining").is_some_and(|left| left == "0") {
                let reason = "status 403, and no request is left".to_owned();
                return Err(ProviderError::TemporarilyUnavailable { stage: STAGE, reason, retry_after: None });
            }
            let reason = "The provider reports that you are not a member.".to_owned();
            return Err(ProviderError::NotAllowed { reason });
        }
        let read = reply::read(&answer, STAGE, request.format, &self.descriptor.errors, &context.secrets());
        let body = read.map_err(|error| match error {
            // The user has consented already, so a refusal here is a failure of the provider.
            ProviderError::AccessDenied { message } | ProviderError::InvalidCode { message } => {
                ProviderError::Failed { stage: STAGE, reason: format!("status {}", answer.status), message }
            }
            error => error,
        })?;
        Ok(ProfileAnswer { body: quirks::read_profile(context, call, body)?, headers: answer.headers() })
    }

    /// Whether userinfo without `sub` is accepted.
    fn accepts_missing_sub(&self) -> bool {
        self.values.flag("USERINFO_WITHOUT_SUB").unwrap_or(!self.descriptor.id_token.userinfo_sub)
    }

    /// OpenID Connect Core 5.3.2: the `sub` of userinfo must be that of the ID token. The result is whether an accepted answer lacks
    /// `sub`.
    fn check_subject(&self, context: &ExchangeContext<'_>, answers: &Answers) -> Result<bool, ProviderError> {
        let subject = context.claims.as_ref().and_then(|claims| claims.get("sub"));
        let has_requests = context.callback.id_token.is_none();
        let Some(subject) = subject.filter(|_| has_requests) else { return Ok(false) };
        let subject =
            id_text(subject).ok_or_else(|| ProviderError::failed(STAGE, "the ID token has no usable subject"))?;
        let accepts_missing_sub = self.accepts_missing_sub();
        let is_standard = self.descriptor.protocol == Protocol::Oidc;
        let bodies = answers.bodies.as_array().map(Vec::as_slice).unwrap_or_default();
        let mut lacks_sub = false;
        for body in bodies.iter().filter(|body| !body.is_null()) {
            match body.get("sub").filter(|subject| is_truthy(subject)) {
                // Some providers send a number here and a text in the ID token.
                Some(other) if id_text(other).is_some_and(|other| other == subject) => {}
                Some(_) => return Err(ProviderError::failed(STAGE, "the sub of userinfo is not that of the ID token")),
                // This profile is not OpenID Connect userinfo.
                None if !is_standard => {}
                None if accepts_missing_sub || self.has_only_names(body) => lacks_sub = true,
                None => return Err(ProviderError::failed(STAGE, "userinfo has no sub; see USERINFO_WITHOUT_SUB")),
            }
        }
        Ok(lacks_sub)
    }

    /// Whether userinfo contains only names to show, which do not identify the user.
    fn has_only_names(&self, body: &Value) -> bool {
        const NAMES: [&str; 7] =
            ["preferred_username", "name", "given_name", "family_name", "nickname", "picture", "locale"];
        let Some(members) = body.as_object().filter(|members| !members.is_empty()) else { return false };
        // Without an address `email_verified` has no meaning.
        let is_name = |name: &str| NAMES.contains(&name) || name == "email_verified";
        members.keys().all(|name| is_name(name) && *name != self.id_key() && !self.uid_keys.legacy.contains(name))
    }

    fn merge_profile(
        &self,
        context: &ExchangeContext<'_>,
        answers: &Answers,
    ) -> Result<Map<String, Value>, ProviderError> {
        let rules = &self.descriptor.profile;
        let scope = scope_of(context, answers);
        let uses_fields =
            !rules.fields.is_empty() && rules.fields_when.as_ref().map_or(Ok(true), |when| when.holds(&scope))?;
        let has_answers = answers.bodies.as_array().is_some_and(|bodies| !bodies.is_empty());
        let mut profile = if uses_fields {
            evaluated(&rules.fields, &scope)?
        } else {
            let value = match &rules.from {
                Some(from) => from.eval(&scope)?.map(Cow::into_owned).unwrap_or_default(),
                None if has_answers => {
                    answers.bodies.as_array().and_then(|all| all.last()).cloned().unwrap_or_default()
                }
                None => context.token.clone(),
            };
            match value {
                Value::Object(members) => members,
                // Without a userinfo endpoint the ID token identifies the user.
                Value::Null if context.claims.is_some() && !has_answer(&answers.bodies) => Map::new(),
                _ => return Err(ProviderError::failed(STAGE, "the profile is not an object")),
            }
        };
        if let Some(name) = &rules.nest {
            profile = Map::from_iter([(name.clone(), Value::Object(profile))]);
        }
        if rules.with_token
            && let Value::Object(token) = &context.token
        {
            let members = std::mem::replace(&mut profile, token.clone());
            profile.extend(members);
        }
        if !rules.add.is_empty() {
            let value = Value::Object(profile);
            let added = evaluated(&rules.add, &scope.with("profile", Some(&value)))?;
            let Value::Object(before) = value else {
                return Err(ProviderError::failed(STAGE, "the profile is not an object"));
            };
            profile = before;
            profile.extend(added);
        }
        Ok(profile)
    }

    /// The fields of the user and further details.
    fn details(&self, scope: &Scope<'_>) -> Result<Map<String, Value>, ProviderError> {
        let rules = &self.descriptor.user;
        let mut details = Map::new();
        let standard = [
            ("username", &rules.username),
            ("email", &rules.email),
            ("fullname", &rules.fullname),
            ("first_name", &rules.first_name),
            ("last_name", &rules.last_name),
        ];
        for (name, expr) in standard {
            let value = expr.as_ref().map(|expr| value_of(expr, scope)).transpose()?.flatten();
            let is_from_callback = || expr.as_ref().is_some_and(|expr| expr.reads("callback"));
            match value.as_deref() {
                None | Some(Value::Null) => {}
                Some(Value::String(_)) => {
                    details.insert(name.to_owned(), value.map(Cow::into_owned).unwrap_or_default());
                }
                // An invalid value that the caller added to the callback is ignored.
                Some(_) if is_from_callback() => {}
                // Any other type is an error of the provider (R-ERR-21).
                Some(_) => return Err(ProviderError::failed(STAGE, format!("{name} is not a text"))),
            }
        }
        // For EXTRA_DATA. Without `acr` it is null, so that the one of an earlier login does not stay.
        if let Some(Part::Value(claims)) = scope.get("id_token") {
            details.insert("acr".to_owned(), claims.get("acr").cloned().unwrap_or_default());
        }
        details.extend(evaluated(&rules.more, scope)?);
        Ok(details)
    }

    /// Whether the answers have an address, or say whether it is verified.
    fn reports_email(&self, scope: &Scope<'_>) -> bool {
        let rules = [&self.descriptor.user.email, &self.descriptor.user.email_verified];
        rules.into_iter().flatten().any(|rule| rule.finds_member(scope, &["email", "email_verified"]))
    }

    fn identity(
        &self,
        context: &ExchangeContext<'_>,
        scope: &Scope<'_>,
        profile: &Value,
        details: &Map<String, Value>,
    ) -> Result<Identity, ProviderError> {
        let text = |name: &str| details.get(name).and_then(Value::as_str).map(str::to_owned);
        let (rules, protocol) = (&self.descriptor.user, self.descriptor.protocol);
        let verified = rules.email_verified.as_ref().map(|expr| expr.eval(scope)).transpose()?.flatten();
        let is_verified = verified.as_deref().is_some_and(|value| value == &Value::Bool(true) || value == "true");
        let email_text = text("email").filter(|email| !email.trim().is_empty());
        let email = email_text.as_deref().and_then(EmailAddress::parse);
        let has_email = email.is_some();
        let (extra_data, absent_extra_data) = self.extra_data(context, scope, profile, details)?;
        let dropped_if_empty = self.extra_fields.iter().filter(|field| field.if_set).map(|field| field.to.clone());
        let as_sent = self.uid_as_sent(scope)?;
        let uid_address = self.address_in(&as_sent);
        let uid = self.uid(scope)?;
        let tokens = self.tokens_of(context, &uid)?;
        Ok(Identity {
            provider: self.name.clone(),
            uid,
            uid_scope: self.uid_scope(scope, &self.issuers(context.discovery.as_deref()))?,
            uid_kept_as: self.uid_keys.kept_as.clone(),
            uid_address,
            legacy_uids: Vec::new(),
            username: text("username"),
            has_invalid_email: email_text.is_some() && !has_email,
            email,
            fullname: mentioned(rules.fullname.as_ref(), scope, protocol)?,
            first_name: mentioned(rules.first_name.as_ref(), scope, protocol)?,
            last_name: mentioned(rules.last_name.as_ref(), scope, protocol)?,
            picture: mentioned(rules.more.get("picture"), scope, protocol)?,
            organizations: as_texts(details.get("organization")),
            email_verified: has_email && is_verified,
            reports_email: self.reports_email(scope),
            fields: user_fields::evaluated(&self.user_fields, scope),
            tokens,
            expires_in: self.remaining(context, &extra_data),
            extra_data,
            absent_extra_data,
            must_match: self.descriptor.uid.must_match.clone(),
            drop_when_empty: dropped_if_empty.collect(),
        })
    }

    /// The uid; an address in its normal form, because its user owns it in every spelling.
    ///
    /// Errors: the profile has no stable ID.
    pub(super) fn uid(&self, scope: &Scope<'_>) -> Result<AccountUid, ProviderError> {
        let as_sent = self.uid_as_sent(scope)?;
        let normal = self.address_in(&as_sent).and_then(|address| AccountUid::parse(&address.key()).ok());
        Ok(normal.unwrap_or(as_sent))
    }

    fn address_in(&self, uid: &AccountUid) -> Option<EmailAddress> {
        EmailAddress::parse(uid.as_str()).filter(|_| self.uid_keys.is_address())
    }

    fn uid_as_sent(&self, scope: &Scope<'_>) -> Result<AccountUid, ProviderError> {
        let value = match &self.descriptor.uid.value {
            Some(value) => value.eval(scope)?,
            None => self.lookup(scope, &self.uid_keys.key)?,
        };
        let uid = value.as_deref().and_then(AccountUid::of_json);
        uid.ok_or_else(|| ProviderError::failed(STAGE, "the profile has no stable ID"))
    }

    /// The first valid ID under `key` in the objects of `uid.from`.
    fn lookup<'a>(&self, scope: &Scope<'a>, key: &str) -> Result<Option<Cow<'a, Value>>, ProviderError> {
        let rules = &self.descriptor.uid;
        // The ID token takes precedence for the default key, the profile for any other key.
        let is_default_key = key == rules.key;
        let claims_last = |expr: &&Expr| !is_default_key && expr.reads_only(|root| root == "id_token");
        let (last, first): (Vec<&Expr>, Vec<&Expr>) = rules.from.iter().partition(claims_last);
        for expr in first.into_iter().chain(last) {
            let found = match expr.eval(scope)? {
                Some(Cow::Borrowed(object)) => object.get(key).map(Cow::Borrowed),
                Some(Cow::Owned(object)) => object.get(key).cloned().map(Cow::Owned),
                None => None,
            };
            let found = found.filter(|value| AccountUid::of_json(value).is_some());
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// Under which former keys an imported account of this user may be stored. An address that is not verified may be of another user.
    fn legacy_uids(
        &self,
        scope: &Scope<'_>,
        verified_email: Option<&EmailAddress>,
    ) -> Result<Vec<AccountUid>, ProviderError> {
        let accepts_unverified = self.values.is_on(LEGACY_UNVERIFIED);
        let mut uids = Vec::new();
        for key in &self.uid_keys.legacy {
            let uid = self.lookup(scope, key)?.as_deref().and_then(AccountUid::of_json);
            let address = uid.as_deref().and_then(EmailAddress::parse).filter(|_| is_address_key(key));
            let is_verified = || address.is_some() && address.as_ref() == verified_email;
            let found = uid.filter(|uid| {
                let is_proven = accepts_unverified || !is_address_key(key) || is_verified();
                is_proven && self.uid_keys.may_be_legacy(uid.as_str())
            });
            let Some(uid) = found else { continue };
            // The imported account may have the address in lower case.
            let normal = address.and_then(|address| AccountUid::parse(&address.key()).ok());
            let normal = normal.filter(|normal| *normal != uid);
            uids.push(uid);
            uids.extend(normal);
        }
        Ok(uids)
    }

    /// The extra data and the names that the answer lacks. Each field is read from the profile, otherwise from the details by its name
    /// or alias (R-EXT-01, R-EXT-02, R-EXT-05). Credentials are left out under every name (SEC-40).
    fn extra_data(
        &self,
        context: &ExchangeContext<'_>,
        scope: &Scope<'_>,
        profile: &Value,
        details: &Map<String, Value>,
    ) -> Result<(Map<String, Value>, Vec<String>), ProviderError> {
        let empty = Map::new();
        let profile = profile.as_object().unwrap_or(&empty);
        let (mut extra, mut absent) = (Map::new(), Vec::new());
        let has_profile = matches!(scope.get("bodies"), Some(Part::Value(bodies)) if has_answer(bodies));
        let uses_claims = context.claims.is_some() && !has_profile && self.descriptor.profile.from.is_none();
        if self.values.is_on("GET_ALL_EXTRA_DATA") {
            extra.extend(profile.clone());
        }
        for field in &self.extra_fields {
            let found =
                profile.get(&field.from).or_else(|| details.get(&field.from)).or_else(|| details.get(&field.to));
            // Without userinfo only the ID token contains the ID, which is looked up like the uid.
            let is_id = uses_claims && [&self.uid_keys.key, &self.descriptor.uid.key].contains(&&field.from);
            let id = if is_id && !found.is_some_and(is_truthy) { self.lookup(scope, &field.from)? } else { None };
            let found = id.as_deref().or(found);
            if found.is_some_and(is_truthy) || !field.if_set {
                let value = without_secrets(&field.from, found.unwrap_or(&Value::Null));
                extra.extend(value.map(|value| (field.to.clone(), value)));
                let is_absent = found.is_none() && !(is_of_token(&field.from) && context.access_token.is_some());
                absent.extend(is_absent.then(|| field.to.clone()));
            }
        }
        if matches!(self.descriptor.protocol, Protocol::OpenId2 | Protocol::Widget) {
            return Ok((extra, absent));
        }
        let token = match self.descriptor.protocol {
            Protocol::OAuth1 => context.token.clone(),
            _ => context.access_token.as_deref().map(Value::from).unwrap_or_default(),
        };
        extra.insert("access_token".to_owned(), token);
        if self.descriptor.protocol != Protocol::OAuth1 && !extra.contains_key("token_type") {
            let token_type = profile.get("token_type").cloned();
            absent.extend((token_type.is_none() && context.access_token.is_none()).then(|| "token_type".to_owned()));
            extra.insert("token_type".to_owned(), token_type.unwrap_or_default());
        }
        Ok((extra, absent))
    }

    /// Remaining lifetime of the provider's session in seconds (R-SES-04).
    fn remaining(&self, context: &ExchangeContext<'_>, extra: &Map<String, Value>) -> Option<i64> {
        remaining_seconds(&[Some(extra), context.token.as_object()], self.deps.now().seconds())
    }
}

/// The value of a field of the user. `None`: the answer has no such member. An empty text: the member is empty, or it is null and
/// null is a value. For a rule without members an empty text means `None`.
///
/// In OpenID Connect (Core, 5.3.2) and in a callback, null says that a member is not returned. GitHub's API, for one, writes it for
/// a name that the user has removed.
///
/// Errors: a value has the wrong type.
pub fn mentioned(rule: Option<&Expr>, scope: &Scope<'_>, protocol: Protocol) -> Result<Option<String>, ProviderError> {
    let Some(rule) = rule else { return Ok(None) };
    let text = match value_of(rule, scope)?.as_deref() {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) if protocol != Protocol::Oidc && !rule.reads("callback") => String::new(),
        _ => return Ok(None),
    };
    Ok(Some(text).filter(|text| !text.is_empty() || !rule.reads_only(|_| false)))
}

/// Members that describe a token. Values of an earlier token must not be kept for a new one.
fn is_of_token(name: &str) -> bool {
    matches!(name, "expires" | "expires_in" | "expires_on" | "token_type")
}

/// What expressions can read before the profile is mapped.
fn scope_of<'a>(context: &'a ExchangeContext<'_>, answers: &'a Answers) -> Scope<'a> {
    context.scope().with("bodies", Some(&answers.bodies)).with("headers", Some(&answers.headers))
}

fn has_answer(bodies: &Value) -> bool {
    bodies.as_array().is_some_and(|bodies| bodies.iter().any(|body| !body.is_null()))
}

/// The ID of an account as a text.
pub fn id_text(value: &Value) -> Option<String> {
    AccountUid::of_json(value).map(String::from)
}

/// The value of an expression over the profile. A wrong type in the callback counts as absent: the code is already used, and the
/// required fields were checked before.
fn value_of<'a>(expr: &Expr, scope: &Scope<'a>) -> Result<Option<Cow<'a, Value>>, ProviderError> {
    match expr.eval(scope) {
        Err(_) if expr.reads("callback") => Ok(None),
        value => Ok(value?),
    }
}

/// The values of several expressions; absent ones are left out. Errors: a value has the wrong type.
pub fn evaluated(exprs: &Ordered<Expr>, scope: &Scope<'_>) -> Result<Map<String, Value>, ProviderError> {
    let mut members = Map::new();
    for (name, expr) in exprs {
        if let Some(value) = value_of(expr, scope)? {
            members.insert(name.clone(), value.into_owned());
        }
    }
    Ok(members)
}
