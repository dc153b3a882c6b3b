//! The small language of descriptors: expressions over what a login has brought so far, and texts with expressions in
//! braces. Called while descriptors are read (to compile) and at each login (to evaluate); it never calls out.
//!
//! Expressions are those of minijinja with a few functions of our own (`functions.rs`). Most of them are plain paths
//! such as `profile.login`; those are walked directly, since a login's whole CPU budget is less than half a millisecond.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::LazyLock;

use minijinja::{Environment, UndefinedBehavior};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde_json::{Map, Value};

use super::functions;
use crate::secrets::{ExposeSecret, SecretString};

/// Settings of one provider, names in upper case, defaults of the descriptor included.
pub type SettingValues = BTreeMap<String, Value>;

/// What a login has brought so far, by the names that expressions use.
#[derive(Clone, Copy, Default)]
pub struct Scope<'a> {
    pub settings: Option<&'a SettingValues>,
    pub client_id: Option<&'a str>,
    pub client_secret: Option<&'a SecretString>,
    pub redirect_uri: Option<&'a str>,
    pub state: Option<&'a str>,
    pub nonce: Option<&'a str>,
    pub code: Option<&'a str>,
    pub code_verifier: Option<&'a str>,
    pub access_token: Option<&'a str>,
    /// The scopes asked for, joined.
    pub scope: Option<&'a str>,
    /// What the callback carried.
    pub callback: Option<&'a Map<String, Value>>,
    /// What the login began with, such as shopify's `shop`.
    pub address: Option<&'a Map<String, Value>>,
    pub discovery: Option<&'a Map<String, Value>>,
    /// The token answer.
    pub token: Option<&'a Value>,
    /// The claims of the verified id_token.
    pub id_token: Option<&'a Value>,
    /// Answers of the profile requests so far, an array; `body` is the last one.
    pub bodies: Option<&'a Value>,
    /// Headers of the last answer, names in lower case.
    pub headers: Option<&'a Map<String, Value>>,
    /// The merged profile.
    pub profile: Option<&'a Value>,
    /// The user's fields as mapped from the profile.
    pub details: Option<&'a Map<String, Value>>,
}

/// Names that an expression may begin with. Names in upper case are settings.
const ROOTS: &str = " client_id client_secret redirect_uri state nonce code code_verifier access_token scope callback \
     address discovery token id_token bodies body headers profile details ";

fn is_root(name: &str) -> bool {
    is_setting(name) || ROOTS.split_whitespace().any(|root| root == name)
}

/// Names in upper case are settings.
pub fn is_setting(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_uppercase())
        && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
}

impl<'a> Scope<'a> {
    fn root(&self, name: &str) -> Option<Cow<'a, Value>> {
        let text = |text: Option<&str>| text.map(|text| Cow::Owned(Value::from(text)));
        let map = |map: Option<&Map<String, Value>>| map.map(|map| Cow::Owned(Value::Object(map.clone())));
        match name {
            "client_id" => text(self.client_id),
            "client_secret" => text(self.client_secret.map(ExposeSecret::expose_secret)),
            "redirect_uri" => text(self.redirect_uri),
            "state" => text(self.state),
            "nonce" => text(self.nonce),
            "code" => text(self.code),
            "code_verifier" => text(self.code_verifier),
            "access_token" => text(self.access_token),
            "scope" => text(self.scope),
            "callback" => map(self.callback),
            "address" => map(self.address),
            "discovery" => map(self.discovery),
            "headers" => map(self.headers),
            "details" => map(self.details),
            "token" => self.token.map(Cow::Borrowed),
            "id_token" => self.id_token.map(Cow::Borrowed),
            "bodies" => self.bodies.map(Cow::Borrowed),
            "body" => self.bodies.and_then(Value::as_array).and_then(|all| all.last()).map(Cow::Borrowed),
            "profile" => self.profile.map(Cow::Borrowed),
            name => self.settings.and_then(|settings| settings.get(name)).map(Cow::Borrowed),
        }
    }

    /// A member of one of the maps, without copying the map.
    fn member(&self, root: &str, key: &str) -> Option<Option<&'a Value>> {
        let map = match root {
            "callback" => self.callback,
            "address" => self.address,
            "discovery" => self.discovery,
            "headers" => self.headers,
            "details" => self.details,
            _ => return None,
        };
        Some(map.and_then(|map| map.get(key)))
    }
}

enum Step {
    Key(String),
    Index(usize),
    /// The key is what the setting of that name says.
    Setting(String),
}

struct Path {
    root: String,
    steps: Vec<Step>,
}

impl Path {
    fn walk<'a>(&self, scope: &Scope<'a>) -> Option<Cow<'a, Value>> {
        let key = |step: &'_ Step| -> Option<Cow<'_, str>> {
            match step {
                Step::Key(key) => Some(Cow::Owned(key.clone())),
                Step::Setting(name) => {
                    Some(Cow::Owned(scope.settings?.get(name)?.as_str().filter(|key| !key.is_empty())?.to_owned()))
                }
                Step::Index(_) => None,
            }
        };
        let mut steps = self.steps.iter();
        let first = match self.steps.first() {
            Some(Step::Key(name)) => scope.member(&self.root, name),
            _ => None,
        };
        let mut at: Cow<'a, Value> = match first {
            Some(member) => {
                steps.next();
                Cow::Borrowed(member?)
            }
            None => scope.root(&self.root)?,
        };
        for step in steps {
            at = match (step, at) {
                (Step::Index(index), Cow::Borrowed(value)) => Cow::Borrowed(value.get(index)?),
                (Step::Index(index), Cow::Owned(value)) => Cow::Owned(value.get(index)?.clone()),
                (Step::Key(name), Cow::Borrowed(value)) => Cow::Borrowed(value.get(name)?),
                (step, Cow::Borrowed(value)) => Cow::Borrowed(value.get(key(step)?.as_ref())?),
                (step, Cow::Owned(value)) => Cow::Owned(value.get(key(step)?.as_ref())?.clone()),
            };
        }
        Some(at)
    }
}

enum Operand {
    Path(Path),
    Text(Value),
}

impl Operand {
    fn value<'a>(&self, scope: &Scope<'a>) -> Option<Cow<'a, Value>> {
        match self {
            Self::Path(path) => path.walk(scope),
            Self::Text(text) => Some(Cow::Owned(text.clone())),
        }
    }
}

enum Program {
    /// The first operand with something in it, else the last one.
    Either(Vec<Operand>),
    /// The path, and the operand only where there is no such member: null stays null.
    Default(Path, Operand),
    Compiled {
        roots: BTreeSet<String>,
        expression: minijinja::Expression<'static, 'static>,
    },
}

/// An expression, compiled once.
pub struct Expr {
    source: String,
    program: Program,
}

/// Why an expression has no value: a member of a wrong type, mostly. Holds no value, which may be secret.
#[derive(Debug, thiserror::Error)]
#[error("`{expression}`: {problem}")]
pub struct ExprError {
    expression: String,
    problem: String,
}

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Chainable);
    functions::add_to(&mut environment);
    environment
});

impl Expr {
    pub fn parse(source: &str) -> Result<Self, String> {
        if let Some(program) = parse_simple(source) {
            return Ok(Self { source: source.to_owned(), program });
        }
        let expression = ENVIRONMENT.compile_expression_owned(source.to_owned()).map_err(|error| {
            let column = error.range().map_or(1, |range| range.start + 1);
            let detail = error.detail().unwrap_or("not an expression").to_owned();
            format!("`{source}`, column {column}: {detail}")
        })?;
        let mut roots = BTreeSet::new();
        for name in expression.undeclared_variables(false) {
            if is_root(&name) {
                roots.insert(name);
            } else if !functions::NAMES.contains(&name.as_str()) {
                let column = source.find(&name).map_or(1, |at| at + 1);
                return Err(format!("`{source}`, column {column}: nothing is called {name}"));
            }
        }
        Ok(Self { source: source.to_owned(), program: Program::Compiled { roots, expression } })
    }

    /// `None`: there is no such member.
    pub fn eval<'a>(&self, scope: &Scope<'a>) -> Result<Option<Cow<'a, Value>>, ExprError> {
        match &self.program {
            Program::Either(operands) => {
                let mut last = None;
                for operand in operands {
                    last = operand.value(scope);
                    if last.as_deref().is_some_and(is_filled) {
                        break;
                    }
                }
                Ok(last)
            }
            Program::Default(path, other) => Ok(path.walk(scope).or_else(|| other.value(scope))),
            Program::Compiled { roots, expression } => {
                let context: BTreeMap<&str, Cow<'a, Value>> =
                    roots.iter().filter_map(|root| Some((root.as_str(), scope.root(root)?))).collect();
                let failed = |problem: String| ExprError { expression: self.source.clone(), problem };
                let value = expression.eval(&context).map_err(|error| failed(error.kind().to_string()))?;
                if value.is_undefined() {
                    return Ok(None);
                }
                let value = serde_json::to_value(&value).map_err(|_| failed("has no JSON value".to_owned()))?;
                Ok(Some(Cow::Owned(value)))
            }
        }
    }

    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether every name that the expression begins with passes.
    pub fn reads_only(&self, passes: impl Fn(&str) -> bool) -> bool {
        let of = |operand: &Operand| match operand {
            Operand::Path(path) => passes(&path.root),
            Operand::Text(_) => true,
        };
        match &self.program {
            Program::Either(operands) => operands.iter().all(of),
            Program::Default(path, other) => passes(&path.root) && of(other),
            Program::Compiled { roots, .. } => roots.iter().all(|root| passes(root)),
        }
    }

    /// Whether the value is anything but null, false, zero or empty.
    pub fn holds(&self, scope: &Scope<'_>) -> Result<bool, ExprError> {
        Ok(self.eval(scope)?.as_deref().is_some_and(is_filled))
    }
}

impl fmt::Debug for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Expr({})", self.source)
    }
}

impl<'de> Deserialize<'de> for Expr {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// What counts as something: not null, false, zero or empty.
pub fn is_filled(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(flag) => *flag,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => !members.is_empty(),
    }
}

/// A value as it stands in a URL or a form; `None` for null.
pub fn as_text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        value => Some(value.to_string()),
    }
}

/// Paths joined by `or`, or one with `| default(..)`; `None` for all that only the full language can say.
fn parse_simple(source: &str) -> Option<Program> {
    let operand = |part: &str| parse_text(part).map(Operand::Text).or_else(|| parse_path(part).map(Operand::Path));
    if let Some((path, rest)) = source.split_once('|') {
        let inner = rest.trim().strip_prefix("default(")?.strip_suffix(')')?;
        return Some(Program::Default(parse_path(path.trim())?, operand(inner.trim())?));
    }
    let operands = source.split(" or ").map(|part| operand(part.trim())).collect::<Option<Vec<_>>>()?;
    Some(Program::Either(operands))
}

fn parse_text(source: &str) -> Option<Value> {
    let inner = source.strip_prefix('\'')?.strip_suffix('\'')?;
    (!inner.contains(['\'', '\\'])).then(|| Value::from(inner))
}

fn parse_path(source: &str) -> Option<Path> {
    let word = |text: &str| {
        let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(text.len());
        let begins_well = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        (end > 0 && begins_well).then_some(end)
    };
    let end = word(source)?;
    let (root, mut rest) = source.split_at(end);
    if !is_root(root) {
        return None;
    }
    let mut steps = Vec::new();
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('.') {
            let end = word(after)?;
            steps.push(Step::Key(after[..end].to_owned()));
            rest = &after[end..];
        } else {
            let (inner, after) = rest.strip_prefix('[')?.split_once(']')?;
            steps.push(match parse_text(inner) {
                Some(Value::String(key)) => Step::Key(key),
                _ if is_setting(inner) => Step::Setting(inner.to_owned()),
                _ => Step::Index(inner.parse().ok()?),
            });
            rest = after;
        }
    }
    Some(Path { root: root.to_owned(), steps })
}

enum Piece {
    Text(String),
    Expr(Expr),
}

/// A text with expressions in braces; `{{` and `}}` stand for a brace.
pub struct Template {
    source: String,
    pieces: Vec<Piece>,
}

impl Template {
    pub fn parse(source: &str) -> Result<Self, String> {
        let (mut pieces, mut text, mut rest) = (Vec::new(), String::new(), source);
        while let Some(at) = rest.find(['{', '}']) {
            let (before, from) = rest.split_at(at);
            text.push_str(before);
            if from.starts_with("{{") || from.starts_with("}}") {
                text.push_str(&from[..1]);
                rest = &from[2..];
            } else if let Some((inner, after)) = from.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
                if !text.is_empty() {
                    pieces.push(Piece::Text(std::mem::take(&mut text)));
                }
                pieces.push(Piece::Expr(Expr::parse(inner)?));
                rest = after;
            } else {
                return Err(format!(
                    "`{source}`, column {}: a brace without its other half",
                    source.len() - from.len() + 1
                ));
            }
        }
        text.push_str(rest);
        if !text.is_empty() || pieces.is_empty() {
            pieces.push(Piece::Text(text));
        }
        Ok(Self { source: source.to_owned(), pieces })
    }

    /// The text as it is, braces included.
    pub fn literal(text: &str) -> Self {
        Self { source: text.to_owned(), pieces: vec![Piece::Text(text.to_owned())] }
    }

    /// `None` where an expression has no value: such a parameter is left out.
    pub fn render(&self, scope: &Scope<'_>) -> Result<Option<String>, ExprError> {
        self.render_with(scope, |_, _, value| Some(value))
    }

    /// As `render`, with a say in each expression's text: it is given all that stands before it.
    pub fn render_with(
        &self,
        scope: &Scope<'_>,
        mut fit: impl FnMut(&Expr, &str, String) -> Option<String>,
    ) -> Result<Option<String>, ExprError> {
        let mut out = String::new();
        for piece in &self.pieces {
            match piece {
                // The settings' base URLs may end in a slash or not: joining neither doubles nor loses it.
                Piece::Text(text) if text.starts_with('/') && out.ends_with('/') => out.push_str(&text[1..]),
                Piece::Text(text) => out.push_str(text),
                Piece::Expr(expr) => {
                    let value = expr.eval(scope)?;
                    let Some(text) = value.as_deref().and_then(as_text).and_then(|text| fit(expr, &out, text)) else {
                        return Ok(None);
                    };
                    out.push_str(&text);
                }
            }
        }
        Ok(Some(out))
    }

    /// Whether the text as written holds `part`.
    pub fn mentions(&self, part: &str) -> bool {
        self.source.contains(part)
    }

    pub fn source(&self) -> &str {
        &self.source
    }
}

impl Default for Template {
    fn default() -> Self {
        Self { source: String::new(), pieces: vec![Piece::Text(String::new())] }
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Template({})", self.source)
    }
}

impl<'de> Deserialize<'de> for Template {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// Name and value in the order of the descriptor, which is the order on the wire (R-O2-03).
#[derive(Debug)]
pub struct Ordered<T>(pub Vec<(String, T)>);

impl<T> Default for Ordered<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Ordered<T> {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Ordered<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs<T>(std::marker::PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Pairs<T> {
            type Value = Ordered<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Ordered(pairs))
            }
        }
        deserializer.deserialize_map(Pairs(std::marker::PhantomData))
    }
}
