//! The language of descriptors: expressions over the data of a login, and templates, which are texts with expressions in braces.
//! Both are compiled when a descriptor is parsed and evaluated at each login.
//!
//! Expressions are those of minijinja with additional functions (`functions.rs`). Paths such as `profile.login` are evaluated
//! without minijinja, which would convert the whole profile each time. Measured for the 28 paths of a login by GitHub, with a profile
//! of 39 members: 0.004 ms instead of 0.32 ms. With 700 members: 0.008 ms instead of 5.1 ms. For other expressions, only the
//! members that they name are converted.

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

/// The data of a login, by the names that expressions use. It may contain secrets, so it has no `Debug`.
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

impl<'a> Part<'a> {
    /// A part of which the expression reads some members only.
    fn narrowed(self, read: &'a ReadMembers) -> NarrowedPart<'a> {
        let members = match self {
            Self::Members(members) => Some(members),
            Self::Value(value) => value.as_object(),
            Self::Text(_) | Self::Number(_) => None,
        };
        match (members, read) {
            (Some(members), ReadMembers::Some(names)) => NarrowedPart::Members(
                names.iter().filter_map(|name| Some((name.as_str(), members.get(name)?))).collect(),
            ),
            _ => NarrowedPart::Whole(self),
        }
    }
}

#[derive(Serialize)]
#[serde(untagged)]
enum NarrowedPart<'a> {
    Whole(Part<'a>),
    Members(BTreeMap<&'a str, &'a Value>),
}

/// Which members of a part an expression reads.
enum ReadMembers {
    All,
    Some(BTreeSet<String>),
}

/// The names that an expression may begin with; `docs/CUSTOM_PROVIDER.md` explains them. Names in upper case are settings.
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

    /// Adds a part, unless it is `None`. It replaces an earlier part of the same name.
    pub fn with(mut self, name: &'static str, part: Option<impl Into<Part<'a>>>) -> Self {
        self.parts.extend(part.map(|part| (name, part.into())));
        self
    }

    /// A scope with the same settings and no parts.
    pub fn without_parts(&self) -> Self {
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
    /// The key is the value of this setting.
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
    fn root(&self) -> Option<&str> {
        match self {
            Self::Path(path) => Some(&path.root),
            Self::Text(_) => None,
        }
    }

    fn value<'a>(&self, scope: &Scope<'a>) -> Option<Cow<'a, Value>> {
        match self {
            Self::Path(path) => path.walk(scope),
            Self::Text(text) => Some(Cow::Owned(text.clone())),
        }
    }
}

enum Program {
    /// The first operand that is not empty, otherwise the last one.
    Either(Vec<Operand>),
    /// The path, or the operand if there is no such member; null stays null.
    Default(Path, Operand),
    Compiled {
        roots: BTreeMap<String, ReadMembers>,
        expression: minijinja::Expression<'static, 'static>,
    },
}

/// An expression, compiled once.
pub struct Expr {
    source: String,
    program: Program,
}

/// An expression failed, usually because of a member of the wrong type. The error contains no value, which may be secret.
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
        let mut roots = BTreeMap::new();
        for path in expression.undeclared_variables(true) {
            let mut names = path.split('.');
            let (name, member) = (names.next().unwrap_or_default(), names.next());
            if is_root(name) {
                let read = roots.entry(name.to_owned()).or_insert_with(|| ReadMembers::Some(BTreeSet::new()));
                match (member, read) {
                    (Some(member), ReadMembers::Some(members)) => {
                        members.insert(member.to_owned());
                    }
                    (None, read) => *read = ReadMembers::All,
                    (Some(_), ReadMembers::All) => {}
                }
            } else if !ENVIRONMENT.globals().any(|(function, _)| function == name) {
                let column = source.find(name).map_or(1, |at| at + 1);
                return Err(format!("`{source}`, column {column}: there is no name `{name}`"));
            }
        }
        Ok(Self { source: source.to_owned(), program: Program::Compiled { roots, expression } })
    }

    /// The value. `None`: there is no such member.
    ///
    /// Errors: a value has the wrong type.
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
                let context: BTreeMap<&str, NarrowedPart<'_>> = roots
                    .iter()
                    .filter_map(|(root, read)| Some((root.as_str(), scope.get(root)?.narrowed(read))))
                    .collect();
                let error = |problem: String| ExprError { expression: self.source.clone(), problem };
                let value = expression.eval(&context).map_err(|failure| error(failure.kind().to_string()))?;
                if value.is_undefined() {
                    return Ok(None);
                }
                let value = serde_json::to_value(&value).map_err(|_| error("has no JSON value".to_owned()))?;
                Ok(Some(Cow::Owned(value)))
            }
        }
    }

    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether `passes` is true for every root of the expression.
    pub fn reads_only(&self, passes: impl Fn(&str) -> bool) -> bool {
        let operand_passes = |operand: &Operand| match operand {
            Operand::Path(path) => passes(&path.root),
            Operand::Text(_) => true,
        };
        match &self.program {
            Program::Either(operands) => operands.iter().all(operand_passes),
            Program::Default(path, other) => passes(&path.root) && operand_passes(other),
            Program::Compiled { roots, .. } => roots.keys().all(|root| passes(root)),
        }
    }

    /// The settings that it reads.
    fn settings(&self) -> Vec<&str> {
        let roots: Vec<&str> = match &self.program {
            Program::Either(operands) => operands.iter().filter_map(Operand::root).collect(),
            Program::Default(path, other) => std::iter::once(path.root.as_str()).chain(other.root()).collect(),
            Program::Compiled { roots, .. } => roots.keys().map(String::as_str).collect(),
        };
        roots.into_iter().filter(|root| is_setting(root)).collect()
    }

    /// Whether one of its roots has this name.
    pub fn reads(&self, name: &str) -> bool {
        !self.reads_only(|root| root != name)
    }

    /// Whether the answers of the provider have a value, null not counted, for a member that it reads; or for one of `names`, where
    /// it reads an answer as a whole.
    pub fn finds_member(&self, scope: &Scope<'_>, names: &[&str]) -> bool {
        const ANSWERS: [&str; 5] = ["profile", "id_token", "token", "body", "bodies"];
        let has_value = |path: &Path| {
            ANSWERS.contains(&path.root.as_str()) && path.walk(scope).is_some_and(|value| !value.is_null())
        };
        let operand_has_value = |operand: &Operand| matches!(operand, Operand::Path(path) if has_value(path));
        match &self.program {
            Program::Either(operands) => operands.iter().any(operand_has_value),
            Program::Default(path, other) => has_value(path) || operand_has_value(other),
            Program::Compiled { roots, .. } => roots.iter().any(|(root, read)| {
                let Some(Part::Value(answer)) = scope.get(root).filter(|_| ANSWERS.contains(&root.as_str())) else {
                    return false;
                };
                let all = answer.as_array().map_or(std::slice::from_ref(answer), Vec::as_slice);
                let has = |name: &str| all.iter().any(|one| one.get(name).is_some_and(|value| !value.is_null()));
                match read {
                    ReadMembers::Some(members) => members.iter().any(|name| has(name)),
                    ReadMembers::All => names.iter().any(|name| has(name)),
                }
            }),
        }
    }

    /// Whether the value is neither null nor false, zero or empty.
    pub fn holds(&self, scope: &Scope<'_>) -> Result<bool, ExprError> {
        Ok(self.eval(scope)?.as_deref().is_some_and(is_truthy))
    }

    /// The value as text. `None` for null and for lists and objects.
    pub fn text(&self, scope: &Scope<'_>) -> Result<Option<String>, ExprError> {
        Ok(self.eval(scope)?.as_deref().and_then(as_text))
    }

    /// The value as a list of texts; a single text is a list of one.
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

/// Parses paths and texts joined by `or`, or a path with `| default(…)`. `None`: minijinja must evaluate the expression.
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

/// A text with expressions in braces. `{{` and `}}` are escaped braces.
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
                return Err(format!("`{source}`, column {}: unbalanced brace", source.len() - from.len() + 1));
            }
        }
        text.push_str(rest);
        if !text.is_empty() {
            pieces.push(Piece::Text(text));
        }
        Ok(Self { source: source.to_owned(), pieces })
    }

    /// A text without expressions; braces have no meaning.
    pub fn literal(text: &str) -> Self {
        Self { source: text.to_owned(), pieces: vec![Piece::Text(text.to_owned())] }
    }

    /// Renders the text. `None`: an expression has no value, so that the parameter is left out.
    pub fn render(&self, scope: &Scope<'_>) -> Result<Option<String>, ExprError> {
        self.render_with(scope, |_, _, value| value)
    }

    /// As [`Self::render`]. `transform` changes the value of each expression; its second argument is the text before it.
    pub fn render_with(
        &self,
        scope: &Scope<'_>,
        mut transform: impl FnMut(&Expr, &str, String) -> String,
    ) -> Result<Option<String>, ExprError> {
        let mut out = String::new();
        for piece in &self.pieces {
            match piece {
                // A base URL in a setting may end with a slash, which must not be doubled.
                Piece::Text(text) if text.starts_with('/') && out.ends_with('/') => out.push_str(&text[1..]),
                Piece::Text(text) => out.push_str(text),
                Piece::Expr(expr) => {
                    let value = expr.eval(scope)?;
                    let Some(text) = value.as_deref().and_then(as_text) else { return Ok(None) };
                    out.push_str(&transform(expr, &out, text));
                }
            }
        }
        Ok(Some(out))
    }

    fn exprs(&self) -> impl Iterator<Item = &Expr> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Expr(expr) => Some(expr),
            Piece::Text(_) => None,
        })
    }

    /// The settings that its expressions read.
    pub fn settings(&self) -> impl Iterator<Item = &str> {
        self.exprs().flat_map(Expr::settings)
    }

    /// Whether `passes` is true for every root of its expressions.
    pub fn reads_only(&self, passes: impl Fn(&str) -> bool) -> bool {
        self.exprs().all(|expr| expr.reads_only(&passes))
    }

    /// The expression at the beginning.
    pub fn first_expr(&self) -> Option<&Expr> {
        match self.pieces.first() {
            Some(Piece::Expr(expr)) => Some(expr),
            _ => None,
        }
    }

    /// Whether the source contains `part`.
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

/// Names and values in the order of the descriptor, in which they are sent (R-O2-03).
pub type Ordered<T> = IndexMap<String, T>;
