//! From tokens to an identity: the profile requests, the merged profile, the person's fields, the id and what is kept.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::call::{address, failed, rendered, set};
use super::descriptor::InfoRequest;
use super::exchange::Login;
use super::expression::{Expr, Ordered, Scope};
use super::{Protocol, Provider, ProviderError, reply, user_fields};
use crate::model::{EmailAddress, Identity, as_text, as_texts, is_filled, without_secrets};
use crate::outgoing::{Body, Request, sign};

const STAGE: &str = "profile";
/// Most pages of a list that are asked for: an endless one must not hold a login.
const PAGES: usize = 20;

/// What the profile requests answered.
#[derive(Default)]
pub struct Answers {
    /// An array; null for a request that was left out or failed where it may.
    pub bodies: Value,
    /// Of the last answer.
    pub headers: Map<String, Value>,
}

impl Provider {
    pub(super) async fn profile(&self, login: &Login<'_>) -> Result<Identity, ProviderError> {
        if let (Some(_), Some(claims)) = (login.callback.id_token, &login.claims) {
            // Without an access token nobody can be asked: the claims are all there is.
            let bodies = vec![claims.clone(); self.descriptor.userinfo.len().max(1)];
            return self.mapped(login, &Answers { bodies: Value::Array(bodies), headers: Map::new() });
        }
        self.mapped(login, &self.ask_all(login).await?)
    }

    /// No call from here on.
    pub(super) fn mapped(&self, login: &Login<'_>, answers: &Answers) -> Result<Identity, ProviderError> {
        let profile = Value::Object(self.merged(login, answers)?);
        self.check_subject(login, answers)?;
        let scope = login
            .scope()
            .with("bodies", Some(&answers.bodies))
            .with("headers", Some(&answers.headers))
            .with("profile", Some(&profile));
        let details = self.details(&scope)?;
        let scope = scope.with("details", Some(&details));
        self.admit(&scope)?;
        self.identity(login, &scope, &profile, &details)
    }

    async fn ask_all(&self, login: &Login<'_>) -> Result<Answers, ProviderError> {
        let mut answers = Answers { bodies: Value::Array(Vec::new()), headers: Map::new() };
        for (index, request) in self.descriptor.userinfo.iter().enumerate() {
            let scope = login.scope().with("bodies", Some(&answers.bodies)).with("headers", Some(&answers.headers));
            let wanted = request.when.as_ref().map_or(Ok(true), |when| when.holds(&scope))?;
            let call = if wanted { self.profile_call(login, request, index, &scope)? } else { None };
            let (body, headers) = match call {
                Some(call) => match self.ask(login, request, call).await {
                    Err(_) if request.optional => Default::default(),
                    answered => answered?,
                },
                None => Default::default(),
            };
            answers.headers = headers;
            if let Value::Array(bodies) = &mut answers.bodies {
                bodies.push(body);
            }
        }
        Ok(answers)
    }

    /// One of the descriptor's requests as it will be sent; `None` where its address has no value.
    pub(super) fn profile_call(
        &self,
        login: &Login<'_>,
        request: &InfoRequest,
        index: usize,
        scope: &Scope<'_>,
    ) -> Result<Option<Request>, ProviderError> {
        let template = self.override_of("USERINFO_URL").filter(|_| index == 0).unwrap_or(&request.url);
        let url = address(template, scope, &request.hosts).map_err(|problem| failed(STAGE, problem))?;
        let Some(url) = url else { return Ok(None) };
        let mut call = Request::new(request.method, url);
        call.query = request.query_setting.as_ref().map_or_else(Vec::new, |name| self.values.pairs(name));
        call.query.extend(rendered(&request.query, scope)?);
        call.headers = rendered(&request.headers, scope)?;
        if let Some(form) = &request.form {
            call.body = Body::Form(rendered(form, scope)?);
        }
        if self.descriptor.protocol == Protocol::OAuth1 {
            self.sign_profile_call(login, &mut call);
            return Ok(Some(call));
        }
        let authorization = match &request.authorization {
            Some(template) => template.render(scope)?,
            None => login.access_token.as_ref().map(|token| format!("Bearer {token}")),
        };
        if let Some(value) = authorization.filter(|value| !value.is_empty()) {
            call.headers.push(("Authorization".to_owned(), value));
        }
        Ok(Some(call))
    }

    fn sign_profile_call(&self, login: &Login<'_>, call: &mut Request) {
        let token = login.access_token.as_deref().zip(login.token_secret.as_ref());
        let verifier = login.callback.fields.get("oauth_verifier").and_then(as_text).unwrap_or_default();
        let with_both = [("oauth_callback", login.redirect_uri.as_str()), ("oauth_verifier", verifier.as_str())];
        let extra: &[(&str, &str)] = if self.descriptor.oauth1.plain_profile_calls { &[] } else { &with_both };
        sign(call, self.signer(token), extra, &self.ambient);
    }

    /// The answer's value and its headers; all pages of a list as one.
    async fn ask(
        &self,
        login: &Login<'_>,
        request: &InfoRequest,
        mut call: Request,
    ) -> Result<(Value, Map<String, Value>), ProviderError> {
        let Some(header) = &request.next_page else { return self.ask_once(login, request, &call).await };
        let mut all = Vec::new();
        for _ in 0..PAGES {
            let (body, headers) = self.ask_once(login, request, &call).await?;
            all.extend(body.as_array().cloned().unwrap_or_default());
            match headers.get(header).and_then(Value::as_str).filter(|next| !next.is_empty()) {
                Some(next) => set(&mut call.query, "page", next.to_owned()),
                None => break,
            }
        }
        Ok((Value::Array(all), Map::new()))
    }

    async fn ask_once(
        &self,
        login: &Login<'_>,
        request: &InfoRequest,
        call: &Request,
    ) -> Result<(Value, Map<String, Value>), ProviderError> {
        let answer = self.send(STAGE, call, login.callback.deadline).await?;
        if request.not_allowed.contains(&answer.status) {
            let reason = "The provider says that you are not a member.".to_owned();
            return Err(ProviderError::NotAllowed { reason });
        }
        let read = reply::read(&answer, STAGE, request.format, &self.descriptor.errors, &login.secrets());
        let body = read.map_err(|error| match error {
            // The person said yes already: a refusal here is trouble with the provider.
            ProviderError::AccessDenied { message } | ProviderError::InvalidCode { message } => {
                ProviderError::Failed { stage: STAGE, reason: format!("status {}", answer.status), message }
            }
            error => error,
        })?;
        Ok((self.quirk.profile_reply(login, call, body)?, answer.headers()))
    }

    /// OpenID Connect Core 5.3.2: a userinfo answer of another subject must not be used.
    fn check_subject(&self, login: &Login<'_>, answers: &Answers) -> Result<(), ProviderError> {
        let Some(subject) = login.claims.as_ref().and_then(|claims| claims.get("sub")) else { return Ok(()) };
        let bodies = answers.bodies.as_array().map(Vec::as_slice).unwrap_or_default();
        let another = |body: &Value| body.get("sub").is_some_and(|other| is_filled(other) && other != subject);
        if self.descriptor.protocol == Protocol::Oidc && bodies.iter().any(another) {
            return Err(failed(STAGE, "userinfo is about another subject"));
        }
        Ok(())
    }

    fn merged(&self, login: &Login<'_>, answers: &Answers) -> Result<Map<String, Value>, ProviderError> {
        let rules = &self.descriptor.profile;
        let scope = login.scope().with("bodies", Some(&answers.bodies)).with("headers", Some(&answers.headers));
        let rebuilt =
            !rules.fields.is_empty() && rules.fields_when.as_ref().map_or(Ok(true), |when| when.holds(&scope))?;
        let asked = answers.bodies.as_array().is_some_and(|bodies| !bodies.is_empty());
        let mut profile = if rebuilt {
            evaluated(&rules.fields, &scope)?
        } else {
            let value = match &rules.from {
                Some(from) => from.eval(&scope)?.map(Cow::into_owned).unwrap_or_default(),
                None if asked => answers.bodies.as_array().and_then(|all| all.last()).cloned().unwrap_or_default(),
                None => login.token.clone(),
            };
            match value {
                Value::Object(members) => members,
                // Userinfo without an address: the id_token says who it is.
                Value::Null if login.claims.is_some() && !answered(&answers.bodies) => Map::new(),
                _ => return Err(failed(STAGE, "the profile is no object")),
            }
        };
        if let Some(name) = &rules.nest {
            profile = Map::from_iter([(name.clone(), Value::Object(profile))]);
        }
        if rules.with_token
            && let Value::Object(token) = &login.token
        {
            let over = std::mem::replace(&mut profile, token.clone());
            profile.extend(over);
        }
        if !rules.add.is_empty() {
            let value = Value::Object(profile);
            let added = evaluated(&rules.add, &scope.with("profile", Some(&value)))?;
            let Value::Object(before) = value else { return Err(failed(STAGE, "the profile is no object")) };
            profile = before;
            profile.extend(added);
        }
        Ok(profile)
    }

    /// The person's fields and further details, as mapped.
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
            let is_of_client = || expr.as_ref().is_some_and(|expr| expr.reads("callback"));
            match value.as_deref() {
                None | Some(Value::Null) => {}
                Some(Value::String(_)) => {
                    details.insert(name.to_owned(), value.map(Cow::into_owned).unwrap_or_default());
                }
                // What the client adds and nobody needs is left out where it is wrong.
                Some(_) if is_of_client() => {}
                // A number where a name belongs is a provider gone wrong (R-ERR-21).
                Some(_) => return Err(failed(STAGE, format!("{name} is no text"))),
            }
        }
        details.extend(evaluated(&rules.more, scope)?);
        Ok(details)
    }

    fn admit(&self, scope: &Scope<'_>) -> Result<(), ProviderError> {
        for rule in &self.descriptor.admission {
            rule.check(scope, |reason| ProviderError::NotAllowed { reason })?;
        }
        let own = self.descriptor.user.groups.as_ref().map_or(Ok(Vec::new()), |expr| expr.texts(scope))?;
        let allowed = self.values.texts("ALLOW_GROUPS");
        if allowed.is_empty() || own.iter().any(|group| allowed.contains(group)) {
            Ok(())
        } else {
            Err(ProviderError::NotAllowed { reason: "None of your groups is allowed in.".to_owned() })
        }
    }

    fn identity(
        &self,
        login: &Login<'_>,
        scope: &Scope<'_>,
        profile: &Value,
        details: &Map<String, Value>,
    ) -> Result<Identity, ProviderError> {
        let text = |name: &str| details.get(name).and_then(Value::as_str).map(str::to_owned);
        // Who has a place for a name and says none, says that it is empty.
        let rules = &self.descriptor.user;
        let name = |name: &str, rule: &Option<Expr>| text(name).or_else(|| rule.as_ref().map(|_| String::new()));
        let verified = rules.email_verified.as_ref().map(|expr| expr.eval(scope)).transpose()?.flatten();
        let email_text = text("email").filter(|email| !email.trim().is_empty());
        let email = email_text.as_deref().and_then(EmailAddress::parse);
        let has_email = email.is_some();
        let extra_data = self.extra_data(login, profile, details);
        let kept_if_empty = self.extra_fields.iter().filter(|field| field.if_set).map(|field| field.to.clone());
        Ok(Identity {
            provider: self.name.clone(),
            uid: self.uid(scope)?,
            legacy_uids: self.legacy_uids(scope)?,
            username: text("username"),
            has_invalid_email: email_text.is_some() && !has_email,
            email,
            fullname: name("fullname", &rules.fullname),
            first_name: name("first_name", &rules.first_name),
            last_name: name("last_name", &rules.last_name),
            picture: text("picture"),
            organizations: as_texts(details.get("organization")),
            email_verified: has_email
                && verified.is_some_and(|value| value.as_bool() == Some(true) || value.as_str() == Some("true")),
            fields: user_fields::evaluated(&self.user_fields, scope),
            tokens: self.tokens_of(login)?,
            expires_in: self.remaining(login, &extra_data),
            extra_data,
            same: self.descriptor.uid.same.clone(),
            keep_if_empty: kept_if_empty.collect(),
        })
    }

    fn uid(&self, scope: &Scope<'_>) -> Result<String, ProviderError> {
        let missing = || failed(STAGE, "there is no stable id in the profile");
        if let Some(value) = &self.descriptor.uid.value {
            let value = value.eval(scope)?;
            return value.as_deref().and_then(id_text).ok_or_else(missing);
        }
        self.lookup(scope, &self.id_key)?.ok_or_else(missing)
    }

    /// The first of the descriptor's objects that holds something under `key`.
    fn lookup(&self, scope: &Scope<'_>, key: &str) -> Result<Option<String>, ProviderError> {
        let rules = &self.descriptor.uid;
        // The id_token decides the provider's own key; another key is asked of the profile first.
        let own = key == rules.key;
        let claims_last = |expr: &&Expr| !own && expr.reads_only(|root| root == "id_token");
        let (last, first): (Vec<&Expr>, Vec<&Expr>) = rules.from.iter().partition(claims_last);
        for expr in first.into_iter().chain(last) {
            let object = expr.eval(scope)?;
            if let Some(found) = object.as_deref().and_then(|object| object.get(key)).and_then(id_text) {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    fn legacy_uids(&self, scope: &Scope<'_>) -> Result<Vec<String>, ProviderError> {
        let mut uids = Vec::new();
        for key in self.legacy_keys.iter().filter(|key| **key != self.id_key) {
            uids.extend(self.lookup(scope, key)?);
        }
        Ok(uids)
    }

    /// R-EXT-01, 02 and 05: each field from the profile, else from the details by its name, else by its alias. What
    /// authenticates under its own name does so under an alias (SEC-40).
    fn extra_data(&self, login: &Login<'_>, profile: &Value, details: &Map<String, Value>) -> Map<String, Value> {
        let empty = Map::new();
        let profile = profile.as_object().unwrap_or(&empty);
        let mut extra = Map::new();
        if self.values.flag("GET_ALL_EXTRA_DATA") == Some(true) {
            extra.extend(profile.clone());
        }
        for field in &self.extra_fields {
            let found =
                profile.get(&field.from).or_else(|| details.get(&field.from)).or_else(|| details.get(&field.to));
            if found.is_some_and(is_filled) || !field.if_set {
                let value = without_secrets(&field.from, found.unwrap_or(&Value::Null));
                extra.extend(value.map(|value| (field.to.clone(), value)));
            }
        }
        if matches!(self.descriptor.protocol, Protocol::OpenId2 | Protocol::Widget) {
            return extra;
        }
        let token = match self.descriptor.protocol {
            Protocol::OAuth1 => login.token.clone(),
            _ => login.access_token.as_deref().map(Value::from).unwrap_or_default(),
        };
        extra.insert("access_token".to_owned(), token);
        if self.descriptor.protocol != Protocol::OAuth1 && !extra.contains_key("token_type") {
            extra.insert("token_type".to_owned(), profile.get("token_type").cloned().unwrap_or_default());
        }
        extra
    }

    /// Seconds that the provider's login lives (R-SES-04).
    fn remaining(&self, login: &Login<'_>, extra: &Map<String, Value>) -> Option<i64> {
        let number = |value: &Value| match value {
            Value::Number(number) => number.as_i64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        let now = self.ambient.now().seconds();
        let named = |name: &str| extra.get(name).or_else(|| login.token.get(name)).and_then(number);
        if let Some(at) = named("expires_on") {
            return Some(at - now);
        }
        let seconds = named("expires_in").or_else(|| named("expires"))?;
        // Some say when, others how long.
        Some(if seconds > now { seconds - now } else { seconds })
    }
}

fn answered(bodies: &Value) -> bool {
    bodies.as_array().is_some_and(|bodies| bodies.iter().any(|body| !body.is_null()))
}

/// An id is a text or a number; nothing else is stable.
fn id_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()).filter(|text| !text.trim().is_empty()),
        Value::Number(number) if number.is_i64() || number.is_u64() => as_text(value),
        _ => None,
    }
}

/// What an expression of the profile says. Where it reads what the client adds to a callback, a wrong type there is no
/// more than a value that is missing: the code is spent by now, and what a login needs was judged before.
fn value_of<'a>(expr: &Expr, scope: &Scope<'a>) -> Result<Option<Cow<'a, Value>>, ProviderError> {
    match expr.eval(scope) {
        Err(_) if expr.reads("callback") => Ok(None),
        value => Ok(value?),
    }
}

pub fn evaluated(exprs: &Ordered<Expr>, scope: &Scope<'_>) -> Result<Map<String, Value>, ProviderError> {
    let mut members = Map::new();
    for (name, expr) in exprs {
        if let Some(value) = value_of(expr, scope)? {
            members.insert(name.clone(), value.into_owned());
        }
    }
    Ok(members)
}
