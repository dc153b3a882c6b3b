//! Which file below `src/` uses items of which other file, read from paths in the code (`crate::`, `super::`, `self::`,
//! and names that a `use` imports).
//!
//! A name that a module re-exports (`pub use`) counts as a use of the file that defines it. Unit tests do not count.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The path of a module: `["login", "begin"]` for `crate::login::begin`.
type ModulePath = Vec<String>;

/// A module that has a file of its own.
struct Module {
    file: PathBuf,
    tokens: Vec<String>,
    imports: Vec<Import>,
}

/// A name that a `use` brings into a module.
struct Import {
    /// `*` for a glob.
    name: String,
    path: Vec<String>,
    is_public: bool,
}

/// The modules of a crate and their references.
pub struct ImportGraph {
    modules: BTreeMap<ModulePath, Module>,
}

impl ImportGraph {
    /// Reads a crate. `read`: the text of a file, by its path below `src/`; `None` if there is no such file.
    pub fn new(root: &str, read: &dyn Fn(&Path) -> Option<String>) -> Self {
        let mut graph = Self { modules: BTreeMap::new() };
        graph.add(Vec::new(), PathBuf::from(root), read);
        graph
    }

    fn add(&mut self, path: ModulePath, file: PathBuf, read: &dyn Fn(&Path) -> Option<String>) {
        let Some(text) = read(&file) else { return };
        let tokens = tokens(&text);
        for Declaration { name, path_attribute } in declarations(&tokens) {
            let is_root = file.file_stem().is_some_and(|stem| stem == "mod" || stem == "lib" || stem == "main");
            let folder = file.parent().unwrap_or(Path::new(""));
            let children = if is_root { folder.to_owned() } else { file.with_extension("") };
            let candidates = match path_attribute {
                Some(attribute) => vec![normalized(&folder.join(attribute))],
                None => vec![children.join(format!("{name}.rs")), children.join(&name).join("mod.rs")],
            };
            if let Some(child) = candidates.into_iter().find(|file| read(file).is_some()) {
                self.add([path.clone(), vec![name]].concat(), child, read);
            }
        }
        let imports = imports(&tokens);
        self.modules.insert(path, Module { file, tokens, imports });
    }

    /// The files that each file uses.
    pub fn edges(&self) -> BTreeMap<PathBuf, BTreeSet<PathBuf>> {
        let mut edges: BTreeMap<PathBuf, BTreeSet<PathBuf>> = BTreeMap::new();
        for (path, module) in &self.modules {
            let used = edges.entry(module.file.clone()).or_default();
            for reference in references(module) {
                used.extend(self.resolve(path, &reference, 0));
            }
            used.remove(&module.file);
        }
        edges
    }

    /// The file that defines what `reference` names in the module `at`.
    fn resolve(&self, at: &ModulePath, reference: &[String], depth: usize) -> Option<PathBuf> {
        let (first, mut rest) = reference.split_first().filter(|_| depth < 16)?;
        let mut module = match first.as_str() {
            "crate" => Vec::new(),
            "self" => at.clone(),
            "super" => at.split_last()?.1.to_vec(),
            name if self.modules.contains_key(&[at.clone(), vec![name.to_owned()]].concat()) => {
                [at.clone(), vec![name.to_owned()]].concat()
            }
            name => {
                let import = self.modules.get(at)?.imports.iter().find(|import| import.name == *name)?;
                // `use clap::clap;` names another crate, not itself.
                let is_itself = import.path.first() == Some(first);
                let path = [import.path.clone(), rest.to_vec()].concat();
                return if is_itself { None } else { self.resolve(at, &path, depth + 1) };
            }
        };
        while let Some((name, after)) = rest.split_first() {
            let child = [module.clone(), vec![name.clone()]].concat();
            if name == "super" {
                module.pop();
            } else if self.modules.contains_key(&child) {
                module = child;
            } else {
                let Module { file, imports, .. } = self.modules.get(&module)?;
                let exported = imports.iter().find(|import| import.is_public && import.name == *name);
                let exported = exported.and_then(|import| {
                    let path = [import.path.clone(), after.to_vec()].concat();
                    self.resolve(&module, &path, depth + 1)
                });
                return exported.or_else(|| Some(file.clone()));
            }
            rest = after;
        }
        Some(self.modules.get(&module)?.file.clone())
    }
}

/// Groups of files that use each other, directly or through files of the group.
pub fn cycles(edges: &BTreeMap<PathBuf, BTreeSet<PathBuf>>) -> Vec<BTreeSet<PathBuf>> {
    let reachable: BTreeMap<&PathBuf, BTreeSet<&PathBuf>> = edges
        .keys()
        .map(|start| {
            let (mut found, mut open) = (BTreeSet::new(), vec![start]);
            while let Some(file) = open.pop() {
                open.extend(edges.get(file).into_iter().flatten().filter(|next| found.insert(*next)));
            }
            (start, found)
        })
        .collect();
    let in_cycle = |file: &PathBuf| reachable[file].contains(file);
    let group = |file: &PathBuf| -> BTreeSet<PathBuf> {
        let others =
            reachable[file].iter().filter(|other| reachable.get(**other).is_some_and(|back| back.contains(file)));
        others.map(|other| (*other).clone()).collect()
    };
    let groups: BTreeSet<BTreeSet<PathBuf>> = edges.keys().filter(|file| in_cycle(file)).map(group).collect();
    groups.into_iter().collect()
}

/// Paths in a module's code, and imported names. A `pub use` counts only if the module itself uses the name.
fn references(module: &Module) -> Vec<Vec<String>> {
    let statements = use_statements(&module.tokens);
    let is_in_use = |at: usize| statements.iter().any(|statement| statement.contains(&at));
    let mut found = Vec::new();
    let mut at = 0;
    while at < module.tokens.len() {
        let start = at;
        let mut path = vec![module.tokens[at].clone()];
        while module.tokens.get(at + 1).is_some_and(|token| token == "::")
            && module.tokens.get(at + 2).is_some_and(|token| is_name(token))
        {
            path.push(module.tokens[at + 2].clone());
            at += 2;
        }
        at += 1;
        // `$crate` is the macro's caller; `a.b` is a field; `::a` is another crate or the rest of a path.
        let before = start.checked_sub(1).map(|before| module.tokens[before].as_str());
        if is_name(&path[0]) && !is_in_use(start) && !matches!(before, Some("$" | "." | "::" | "mod")) {
            let is_import = module.imports.iter().any(|import| import.name == path[0]);
            if path.len() > 1 || is_import {
                found.push(path);
            }
        }
    }
    let private = module.imports.iter().filter(|import| !import.is_public && import.name == "*");
    found.extend(private.map(|import| import.path.clone()));
    // Traits are imported for their methods, which no path names.
    let traits = module.imports.iter().filter(|import| !import.is_public && import.name == "_");
    found.extend(traits.map(|import| import.path.clone()));
    found
}

struct Declaration {
    name: String,
    path_attribute: Option<String>,
}

/// `mod name;`, also with `#[path = "…"]`.
fn declarations(tokens: &[String]) -> Vec<Declaration> {
    let mut found = Vec::new();
    for (at, window) in tokens.windows(3).enumerate() {
        if window[0] != "mod" || window[2] != ";" {
            continue;
        }
        let before = tokens[..at].iter().rposition(|token| token == ";" || token == "}").map_or(0, |end| end + 1);
        let attributes = &tokens[before..at];
        let path = attributes.windows(3).find(|window| window[0] == "path" && window[1] == "=");
        let path_attribute = path.map(|window| window[2].trim_matches('"').to_owned());
        found.push(Declaration { name: window[1].clone(), path_attribute });
    }
    found
}

/// The ranges of tokens of `use` statements.
fn use_statements(tokens: &[String]) -> Vec<std::ops::Range<usize>> {
    let starts = tokens.iter().enumerate().filter(|(_, token)| *token == "use").map(|(at, _)| at);
    let end =
        |start: usize| tokens[start..].iter().position(|token| token == ";").map_or(tokens.len(), |end| start + end);
    starts.map(|start| start..end(start)).collect()
}

fn imports(tokens: &[String]) -> Vec<Import> {
    let mut found = Vec::new();
    for statement in use_statements(tokens) {
        let is_public = statement.start > 0 && matches!(tokens[statement.start - 1].as_str(), "pub" | ")");
        let mut names = Vec::new();
        expand(&tokens[statement.start + 1..statement.end], &mut 0, &[], &mut names);
        found.extend(names.into_iter().map(|(name, path)| Import { name, path, is_public }));
    }
    found
}

/// Expands a tree such as `a::{self, b as c, d::*}` to names with their paths.
fn expand(tokens: &[String], at: &mut usize, prefix: &[String], found: &mut Vec<(String, Vec<String>)>) {
    let mut path = prefix.to_vec();
    let mut name = None;
    while let Some(token) = tokens.get(*at) {
        *at += 1;
        match token.as_str() {
            "{" => {
                while tokens.get(*at).is_some_and(|token| token != "}") {
                    expand(tokens, at, &path, found);
                }
                *at += 1;
                if tokens.get(*at).is_some_and(|token| token == ",") {
                    *at += 1;
                }
                return;
            }
            "}" => {
                *at -= 1;
                break;
            }
            "," => break,
            "::" => {}
            "as" => {
                name = tokens.get(*at).cloned();
                *at += 1;
            }
            "*" => name = Some("*".to_owned()),
            "self" if !prefix.is_empty() => {}
            part => path.push(part.to_owned()),
        }
    }
    if let Some(name) = name.or_else(|| path.last().cloned()) {
        found.push((name, path));
    }
}

fn is_name(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

fn normalized(path: &Path) -> PathBuf {
    let mut parts = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::ParentDir => drop(parts.pop()),
            std::path::Component::CurDir => {}
            part => parts.push(part),
        }
    }
    parts
}

/// Names, `::`, texts and single characters, without comments and without items under `#[cfg(test)]`.
fn tokens(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let Some(length) = text_length(rest) {
            found.push(rest[..length].to_owned());
            length
        } else if c.is_alphanumeric() || c == '_' {
            let length = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            found.push(rest[..length].to_owned());
            length
        } else if rest.starts_with("::") {
            found.push("::".to_owned());
            2
        } else {
            if !c.is_whitespace() {
                found.push(c.to_string());
            }
            c.len_utf8()
        };
        rest = &rest[length..];
    }
    without_tests(&found)
}

/// The length of a string or character literal at the start of `code`.
fn text_length(code: &str) -> Option<usize> {
    let raw = code.strip_prefix('b').unwrap_or(code);
    if let Some(after) = raw.strip_prefix('r')
        && after.trim_start_matches('#').starts_with('"')
    {
        let hashes = after.len() - after.trim_start_matches('#').len();
        let end = format!("\"{}", "#".repeat(hashes));
        let start = code.len() - after.len() + hashes + 1;
        return Some(code[start..].find(&end).map_or(code.len(), |at| start + at + end.len()));
    }
    let prefix = code.len() - raw.len();
    let is_text = raw.starts_with('"');
    // 'a' and '\n' are characters, 'a is a lifetime.
    let is_character = raw.starts_with('\'') && (raw[1..].starts_with('\\') || raw.chars().nth(2) == Some('\''));
    if !is_text && !is_character {
        return None;
    }
    let quote = if is_text { b'"' } else { b'\'' };
    let bytes = raw.as_bytes();
    let mut at = 1;
    while at < bytes.len() && bytes[at] != quote {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    Some((prefix + at + 1).min(code.len()))
}

/// Removes `#[cfg(test)]` and the item that follows it.
fn without_tests(tokens: &[String]) -> Vec<String> {
    const ATTRIBUTE: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if !tokens[at..].iter().map(String::as_str).take(ATTRIBUTE.len()).eq(ATTRIBUTE) {
            kept.push(tokens[at].clone());
            at += 1;
            continue;
        }
        let mut depth = 0;
        while let Some(token) = tokens.get(at) {
            at += 1;
            match token.as_str() {
                "{" => depth += 1,
                "}" if depth == 1 => break,
                "}" => depth -= 1,
                ";" if depth == 0 => break,
                _ => {}
            }
        }
    }
    kept
}

#[test]
fn import_graph_self_test() {
    let files = [
        ("lib.rs", "mod a; mod b; pub mod c; #[cfg(test)] mod tests { use crate::a; }"),
        ("a.rs", "use crate::b::Thing; pub struct A(Thing); #[path = \"other/moved.rs\"] mod moved;"),
        ("b/mod.rs", "mod thing; pub use self::thing::Thing; // crate::a::A\nconst T: &str = \"crate::a::A\";"),
        ("b/thing.rs", "use crate::c; pub struct Thing; fn f<'a>(x: &'a str) -> char { c::D::new(); '\\'' }"),
        ("c.rs", "macro_rules! m { () => { $crate::b::Thing } } pub struct D; fn g() { super::a::A; }"),
        ("other/moved.rs", "use super::A; use std::fmt::{self, Debug as _}; struct B(A);"),
    ];
    let read = |path: &Path| files.iter().find(|(name, _)| Path::new(name) == path).map(|(_, text)| (*text).to_owned());
    let edges = ImportGraph::new("lib.rs", &read).edges();
    let used = |file: &str| edges[Path::new(file)].iter().map(|file| file.to_str().unwrap()).collect::<Vec<_>>();
    assert_eq!(used("a.rs"), ["b/thing.rs"]);
    assert_eq!(used("b/mod.rs"), [""; 0]);
    assert_eq!(used("b/thing.rs"), ["c.rs"]);
    assert_eq!(used("c.rs"), ["a.rs"]);
    assert_eq!(used("other/moved.rs"), ["a.rs"]);
    let found = cycles(&edges);
    assert_eq!(found, [["a.rs", "b/thing.rs", "c.rs"].map(PathBuf::from).into()]);
}
