//! The rules of `docs/ARCHITECTURE.md`: layers, import cycles, where libraries may be used, the length of files and
//! functions.

mod import_graph;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use self::import_graph::{ImportGraph, cycles};
use crate::support::openapi::documented_codes;

/// The top-level modules, with the number of their layer. A module may use lower layers.
const LAYERS: [(&str, usize); 18] = [
    ("clock", 0),
    ("metrics", 0),
    ("model", 0),
    ("secrets", 0),
    ("settings", 0),
    ("outgoing", 1),
    ("store", 1),
    ("provider", 2),
    ("credential", 2),
    ("hook", 2),
    ("rate_limit", 2),
    ("login", 3),
    ("account", 3),
    ("delivery", 3),
    ("http", 4),
    ("import", 4),
    ("server", 5),
    ("simulator", 5),
];
/// The layer of every other module, such as `cli`.
const TOP_LAYER: usize = 6;
/// Layers whose modules may use each other.
const CONNECTED_LAYERS: [usize; 2] = [0, 5];
/// Modules that must not use each other, whatever their layers.
const SIBLINGS: [&str; 4] = ["provider", "credential", "hook", "store"];
/// The only modules below layer 4 that use `outgoing`.
const USERS_OF_OUTGOING: [&str; 2] = ["provider", "hook"];
const MAX_FILE_LINES: usize = 600;
const MAX_FUNCTION_LINES: usize = 80;
const FORBIDDEN_NAMES: [&str; 5] = ["utils", "util", "helpers", "common", "manager"];

struct Source {
    path: PathBuf,
    /// The top-level module: `login` for `src/login/begin.rs`.
    module: String,
    text: String,
}

impl Source {
    /// The text without comments.
    fn code(&self) -> String {
        self.text.lines().map(without_comment).collect::<Vec<_>>().join("\n")
    }

    /// The code before its unit tests, to which the rules do not apply.
    fn own_code(&self) -> String {
        let code = self.code();
        code.split("#[cfg(test)]\nmod ").next().unwrap_or_default().to_owned()
    }
}

fn sources() -> Vec<Source> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).expect("a folder of the repository") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    walk(&root, &mut paths);
    paths.sort();
    assert!(paths.len() > 40, "too few files: {paths:?}");
    let source = |path: PathBuf| {
        let relative = path.strip_prefix(&root).expect("below src").to_owned();
        let first = relative.components().next().expect("a name").as_os_str().to_string_lossy().into_owned();
        let module = first.trim_end_matches(".rs").to_owned();
        Source { text: std::fs::read_to_string(&path).expect("a text"), path: relative, module }
    };
    paths.into_iter().map(source).collect()
}

fn without_comment(line: &str) -> &str {
    line.find("//").filter(|at| !line[..*at].ends_with(':')).map_or(line, |at| &line[..at])
}

fn layer(module: &str) -> usize {
    LAYERS.iter().find(|(name, _)| *name == module).map_or(TOP_LAYER, |(_, layer)| *layer)
}

/// Top-level modules that code names by `crate::module`, also in `use crate::{a, b::c}`.
fn modules_used(code: &str) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    for (at, found) in code.match_indices("crate::") {
        let is_whole_word = !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
        if !is_whole_word {
            continue;
        }
        let rest = &code[at + found.len()..];
        if let Some(group) = rest.strip_prefix('{') {
            used.extend(first_names(group));
        } else {
            used.insert(rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
        }
    }
    used
}

/// The first names of the paths in a `use` group.
fn first_names(group: &str) -> Vec<String> {
    let (mut depth, mut names, mut name) = (1, Vec::new(), String::new());
    for c in group.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 || (depth == 1 && c == ',') {
            names.push(name.split("::").next().unwrap_or_default().trim().to_owned());
            name.clear();
        } else {
            name.push(c);
        }
        if depth == 0 {
            break;
        }
    }
    names
}

#[test]
fn dependencies_point_to_lower_layers() {
    let mut wrong = Vec::new();
    for source in sources() {
        let is_module = |name: &String| LAYERS.iter().any(|(known, _)| known == name) || name == "cli";
        for used in modules_used(&source.own_code()).into_iter().filter(is_module) {
            let (from, to) = (source.module.as_str(), used.as_str());
            if from == to || layer(from) == TOP_LAYER {
                continue;
            }
            let is_sibling = SIBLINGS.contains(&from) && SIBLINGS.contains(&to);
            let is_above = layer(to) > layer(from);
            let is_beside = layer(to) == layer(from) && !CONNECTED_LAYERS.contains(&layer(from));
            let bypasses = to == "outgoing" && !USERS_OF_OUTGOING.contains(&from) && layer(from) < 4;
            if is_sibling || is_above || is_beside || bypasses {
                wrong.push(format!("{}: {from} -> {to}", source.path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "dependencies that are not allowed:\n{}", wrong.join("\n"));
}

#[test]
fn files_have_no_import_cycles() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let graph = ImportGraph::new("lib.rs", &|file| std::fs::read_to_string(root.join(file)).ok());
    let edges = graph.edges();
    assert!(edges.len() > 150, "too few files: {}", edges.len());
    let lines = cycles(&edges).into_iter().map(|cycle| {
        let uses = |file: &PathBuf| {
            let used: Vec<_> = edges[file].intersection(&cycle).map(|file| file.display().to_string()).collect();
            format!("  {} uses {}", file.display(), used.join(", "))
        };
        cycle.iter().map(uses).collect::<Vec<_>>().join("\n")
    });
    let lines: Vec<String> = lines.collect();
    assert!(lines.is_empty(), "files that use each other:\n{}", lines.join("\n\n"));
}

#[test]
fn plain_types_use_only_plain_types() {
    for source in sources().iter().filter(|source| matches!(source.module.as_str(), "model" | "clock" | "secrets")) {
        let used = modules_used(&source.own_code());
        let above: Vec<&String> = used
            .iter()
            .filter(|module| !matches!(module.as_str(), "model" | "clock" | "secrets" | "metrics"))
            .collect();
        assert!(above.is_empty(), "{} uses {above:?}", source.path.display());
    }
}

#[test]
fn libraries_are_used_only_in_their_modules() {
    let rules: [(&str, &[&str]); 5] = [
        ("poem", &["http", "server", "simulator"]),
        ("poem_openapi", &["http", "server"]),
        ("sqlx", &["store"]),
        ("reqwest", &["outgoing", "provider", "hook"]),
        ("clap", &["cli", "main"]),
    ];
    let mut wrong = Vec::new();
    for source in sources() {
        let code = source.own_code();
        for (library, modules) in rules {
            let named = code.match_indices(&format!("{library}::")).any(|(at, _)| {
                !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':' || c == '/')
            });
            if named && !modules.contains(&source.module.as_str()) {
                wrong.push(format!("{} uses {library}", source.path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn sql_is_only_in_the_store() {
    const STATEMENTS: [&str; 5] = ["SELECT ", "INSERT INTO ", "UPDATE users", "DELETE FROM ", "CREATE TABLE "];
    for source in sources().iter().filter(|source| source.module != "store") {
        let code = source.own_code();
        // The import reads the database of a Django project.
        if source.path.ends_with("cli/import.rs") {
            continue;
        }
        for statement in STATEMENTS {
            assert!(!code.contains(statement), "{} has SQL: {statement}", source.path.display());
        }
    }
}

#[test]
fn files_have_at_most_600_lines_and_functions_at_most_80() {
    let mut wrong = Vec::new();
    for source in sources() {
        let lines = source.text.lines().count();
        if lines > MAX_FILE_LINES {
            wrong.push(format!("{}: {lines} lines", source.path.display()));
        }
        for (name, length) in functions(&source.text) {
            if length > MAX_FUNCTION_LINES {
                wrong.push(format!("{}: fn {name} has {length} lines", source.path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "too long:\n{}", wrong.join("\n"));
}

/// Names and lengths of functions. rustfmt indents the closing brace of a function like its `fn`.
fn functions(text: &str) -> Vec<(String, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let code = line.trim_start();
        let Some(name) = code.split("fn ").nth(1).filter(|_| is_function(code)) else { continue };
        let indent = &line[..line.len() - code.len()];
        // A declaration without a body ends in a semicolon.
        let signature = lines[start..].iter().map(|line| line.trim_end()).find(|line| line.ends_with(['{', ';']));
        if !signature.is_some_and(|line| line.ends_with('{')) {
            continue;
        }
        let end = lines[start..].iter().position(|line| line.strip_prefix(indent).is_some_and(|rest| rest == "}"));
        if let Some(length) = end {
            found.push((name.split(['(', '<']).next().unwrap_or_default().to_owned(), length + 1));
        }
    }
    found
}

fn is_function(code: &str) -> bool {
    const BEFORE: [&str; 8] =
        ["pub", "pub(crate)", "pub(super)", "pub(in", "crate::store)", "async", "const", "unsafe"];
    code.split("fn ").next().is_some_and(|before| before.split_whitespace().all(|word| BEFORE.contains(&word)))
        && !code.trim_end().ends_with(['}', ';'])
}

#[test]
fn modules_have_specific_names() {
    for source in sources() {
        for name in source.path.components() {
            let name = name.as_os_str().to_string_lossy();
            let name = name.trim_end_matches(".rs");
            assert!(!FORBIDDEN_NAMES.contains(&name), "{}", source.path.display());
        }
    }
}

#[test]
fn a_file_begins_with_a_description() {
    let undescribed: Vec<String> = sources()
        .iter()
        .filter(|source| source.path.ends_with("mod.rs") || !source.path.starts_with("model"))
        .filter(|source| !source.text.starts_with("//"))
        .map(|source| source.path.display().to_string())
        .filter(|path| !path.ends_with("error.rs"))
        .collect();
    assert!(undescribed.is_empty(), "no description: {undescribed:?}");
}

#[test]
fn every_allowed_lint_has_a_reason() {
    for source in sources() {
        let code = source.code();
        let allowed = code.find("#[allow(").or_else(|| code.find("#![allow("));
        let line = allowed.map_or(0, |at| code[..at].lines().count());
        assert!(allowed.is_none(), "{}:{line}: write #[expect(…, reason = …)]", source.path.display());
    }
}

#[test]
fn there_are_no_open_tasks_in_the_code() {
    for source in sources() {
        // A provider, whose name contains one of them.
        let text = source.text.to_lowercase().replace("mastodon", "");
        for word in ["todo", "fixme", "for now", "unimplemented!"] {
            assert!(!text.contains(word), "{} says \"{word}\"", source.path.display());
        }
    }
}

#[test]
fn every_error_code_of_the_openapi_document_is_in_the_table_of_api_md() {
    let read = |path: &str| {
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect("a checked-in file")
    };
    let document: serde_json::Value = serde_yaml::from_str(&read("openapi.yaml")).expect("YAML");
    let table = read("docs/API.md");
    let rows: Vec<Vec<&str>> =
        table.lines().map(|line| line.split(" | ").collect()).filter(|row: &Vec<&str>| row.len() >= 3).collect();
    let mut found = 0;
    let operations = document["paths"].as_object().expect("paths").values().flat_map(|path| path.as_object()).flatten();
    for (_, operation) in operations {
        for (status, response) in operation["responses"].as_object().expect("responses") {
            let Some(reference) = response["$ref"].as_str() else { continue };
            let response = document.pointer(reference.trim_start_matches('#')).expect("a shared response");
            for code in documented_codes(response) {
                let cell = format!("`{code}`");
                let is_there = rows.iter().any(|row| row[0] == format!("| {status}") && row[1].contains(&cell));
                assert!(is_there, "docs/API.md has no {status} {code}");
                found += 1;
            }
        }
    }
    assert!(found > 500, "{found}");
}

#[test]
fn every_error_example_of_the_openapi_document_is_a_text_of_the_code() {
    let is_code = |source: &Source| !source.path.ends_with("http/openapi/error_cases.rs");
    let code: String = sources().into_iter().filter(is_code).map(|source| source.text).collect();
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.yaml");
    let document: serde_json::Value =
        serde_yaml::from_str(&std::fs::read_to_string(document).expect("a text")).expect("YAML");
    let responses = document["components"]["responses"].as_object().expect("responses").values();
    let details: BTreeSet<&str> = responses
        .filter_map(|response| response["content"]["application/problem+json"]["example"]["detail"].as_str())
        .collect();
    assert!(!details.is_empty());
    for detail in details {
        assert!(code.contains(detail), "no response has the detail {detail:?}");
    }
}

#[test]
fn rust_source_parser_self_test() {
    let code = "use crate::{model::User, store::{self, Who}};\nuse crate::login::Origin;\nfn a() { crate::http::b() }";
    let used = modules_used(code);
    let wanted = ["http", "login", "model", "store"].map(str::to_owned);
    assert!(used.iter().eq(wanted.iter()), "{used:?}");
    let long = format!(
        "    pub async fn long(\n        &self,\n    ) -> u8 {{\n{}        1\n    }}\n",
        "        x();\n".repeat(90)
    );
    assert_eq!(functions(&long), [("long".to_owned(), 95)]);
    assert_eq!(functions("    fn short();\n    fn one() -> u8 { 1 }\n"), []);
}
