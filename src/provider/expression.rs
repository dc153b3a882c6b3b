//! The small language of descriptors: expressions over what a login has brought so far, and texts with expressions in
//! braces. Called while descriptors are read (to compile) and at each login (to evaluate); it never calls out.
//!
//! Expressions are those of minijinja with a few functions of our own (`functions.rs`). Most of them are plain paths
//! such as `profile.login`; those are walked directly, since a login's whole CPU budget is less than half a millisecond.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::LazyLock;

use indexmap::IndexMap;
use minijinja::{Environment, UndefinedBehavior};
use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::functions;
use crate::model::{as_text, as_texts, is_truthy};
use crate::settings::SettingValues;

/// What a login has brought so far, by the names that expressions use. It may hold secrets, so it prints nothing.
#[derive(Clone, Default)]
pub struct Scope<'a> {
    settings: Option<&'a SettingValues>,
    parts: Vec<(&'static str, Part<'a>)>,
}

#[derive(Clone, Copy, Serialize)]
#[serde(untagged)]
pub enum Part<'a> {
    Text(&'a str),
    Number(i64),
    Members(&'a Map<String, Value>),
    Value(&'a Value),
}

/// Names that an expression may begin with. Names in upper case are settings.
///
/// `scope`: the scopes asked for, joined. `callback`: what it carried. `address`: what the login began with, such as
/// shopify's `shop`. `token`: the token answer; `id_token`: its verified claims. `bodies`: the answers of the profile
/// requests so far; `body` is the last one, `headers` its headers, names in lower case. `profile`: the merged profile;
/// `details`: the person's fields as mapped from it. `now`: Unix seconds.
/// `uid`: whose tokens they are, in calls after the login.
const ROOTS: &str = "client_id client_secret redirect_uri state nonce code code_verifier access_token scope callback \
     address discovery token id_token bodies body headers profile details now uid";

fn is_root(name: &str) -> bool {
    is_setting(name) || ROOTS.split_whitespace().any(|root| root == name)
}

/// Names in upper case are settings.
pub fn is_setting(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_uppercase())
        && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
}

impl<'a> Scope<'a> {
    pub fn of(settings: &'a SettingValues) -> Self {
        Self { settings: Some(settings), parts: Vec::with_capacity(16) }
    }

    /// A part that is `None` is not there. A later one takes the place of an earlier one.
    pub fn with(mut self, name: &'static str, part: Option<impl Into<Part<'a>>>) -> Self {
        self.parts.extend(part.map(|part| (name, part.into())));
        self
    }

    /// The same settings and none of the parts.
    pub fn emptied(&self) -> Self {
        Self { settings: self.settings, parts: Vec::new() }
    }

    /// A part by its name.
    pub fn get(&self, name: &str) -> Option<Part<'a>> {
        match self.parts.iter().rev().find(|(other, _)| *other == name) {
            Some((_, part)) => Some(*part),
            None if name == "body" => match self.get("bodies")? {
                Part::Value(bodies) => bodies.as_array()?.last().map(Part::Value),
                _ => None,
            },
            None => self.settings?.get(name).map(Part::Value),
        }
    }
}

impl<'a> From<&'a str> for Part<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a Map<String, Value>> for Part<'a> {
    fn from(members: &'a Map<String, Value>) -> Self {
        Self::Members(members)
    }
}

impl<'a> From<&'a Value> for Part<'a> {
    fn from(value: &'a Value) -> Self {
        Self::Value(value)
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
        let key = |step: &Step, members: &'a Map<String, Value>| match step {
            Step::Key(name) => members.get(name),
            Step::Setting(name) => members.get(scope.settings?.get(name)?.as_str()?),
            Step::Index(_) => None,
        };
        let mut steps = self.steps.iter();
        let mut at = match (scope.get(&self.root)?, steps.as_slice()) {
            (Part::Value(value), _) => value,
            (Part::Members(members), [first, ..]) => {
                steps.next();
                key(first, members)?
            }
            (Part::Members(members), []) => return Some(Cow::Owned(Value::Object(members.clone()))),
            (Part::Text(text), []) => return Some(Cow::Owned(Value::from(text))),
            (Part::Number(number), []) => return Some(Cow::Owned(Value::from(number))),
            (Part::Text(_) | Part::Number(_), _) => return None,
        };
        for step in steps {
            at = match step {
                Step::Index(index) => at.get(index)?,
                step => key(step, at.as_object()?)?,
            };
        }
        Some(Cow::Borrowed(at))
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
            } else if !ENVIRONMENT.globals().any(|(function, _)| function == name) {
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
                    if last.as_deref().is_some_and(is_truthy) {
                        break;
                    }
                }
                Ok(last)
            }
            Program::Default(path, other) => Ok(path.walk(scope).or_else(|| other.value(scope))),
            Program::Compiled { roots, expression } => {
                let context: BTreeMap<&str, Part<'a>> =
                    roots.iter().filter_map(|root| Some((root.as_str(), scope.get(root)?))).collect();
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

    /// Whether it begins with this name anywhere.
    pub fn reads(&self, name: &str) -> bool {
        !self.reads_only(|root| root != name)
    }

    /// Whether the value is anything but null, false, zero or empty.
    pub fn holds(&self, scope: &Scope<'_>) -> Result<bool, ExprError> {
        Ok(self.eval(scope)?.as_deref().is_some_and(is_truthy))
    }

    /// As it stands in a form; `None` for null.
    pub fn text(&self, scope: &Scope<'_>) -> Result<Option<String>, ExprError> {
        Ok(self.eval(scope)?.as_deref().and_then(as_text))
    }

    /// A list of texts; a single one counts as a list.
    pub fn texts(&self, scope: &Scope<'_>) -> Result<Vec<String>, ExprError> {
        Ok(as_texts(self.eval(scope)?.as_deref()))
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
#[derive(Default)]
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
        if !text.is_empty() {
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
        self.render_with(scope, |_, _, value| value)
    }

    /// As `render`, with a say in each expression's text: it is given all that stands before it.
    pub fn render_with(
        &self,
        scope: &Scope<'_>,
        mut fit: impl FnMut(&Expr, &str, String) -> String,
    ) -> Result<Option<String>, ExprError> {
        let mut out = String::new();
        for piece in &self.pieces {
            match piece {
                // The settings' base URLs may end in a slash or not: joining neither doubles nor loses it.
                Piece::Text(text) if text.starts_with('/') && out.ends_with('/') => out.push_str(&text[1..]),
                Piece::Text(text) => out.push_str(text),
                Piece::Expr(expr) => {
                    let value = expr.eval(scope)?;
                    let Some(text) = value.as_deref().and_then(as_text) else { return Ok(None) };
                    out.push_str(&fit(expr, &out, text));
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
pub type Ordered<T> = IndexMap<String, T>;
