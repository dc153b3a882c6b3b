//! The house as drawn in `docs/ARCHITECTURE.md`: this reads `src/` and fails on an arrow that points up, on SQL outside
//! the store, and on files and functions that have grown too long.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Floors by height, and the rooms that a room may use besides those in its own floor's row.
const FLOORS: [(&str, usize); 16] = [
    ("clock", 0),
    ("model", 0),
    ("secrets", 0),
    ("settings", 0),
    ("outgoing", 1),
    ("store", 1),
    ("provider", 2),
    ("credential", 2),
    ("hook", 2),
    ("login", 3),
    ("account", 3),
    ("delivery", 3),
    ("http", 4),
    ("import", 4),
    ("server", 5),
    ("demo", 5),
];
/// Above everything.
const ENTRANCE: usize = 6;
/// Rooms that must never know each other, on whatever floors they are.
const WINGS: [&str; 4] = ["provider", "credential", "hook", "store"];
/// Only these call out.
const CALLERS: [&str; 2] = ["provider", "hook"];
const LONGEST_FILE: usize = 600;
const LONGEST_FUNCTION: usize = 80;
const FORBIDDEN_NAMES: [&str; 5] = ["utils", "util", "helpers", "common", "manager"];

struct Source {
    path: PathBuf,
    /// The top-level room: `login` for `src/login/begin.rs`.
    room: String,
    text: String,
}

impl Source {
    /// Without comments and the contents of texts, so that only code is read.
    fn code(&self) -> String {
        self.text.lines().map(without_comment).collect::<Vec<_>>().join("\n")
    }

    /// The code before its unit tests, which may use whatever they like.
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
    assert!(paths.len() > 40, "the house is there");
    let source = |path: PathBuf| {
        let relative = path.strip_prefix(&root).expect("below src").to_owned();
        let first = relative.components().next().expect("a name").as_os_str().to_string_lossy().into_owned();
        let room = first.trim_end_matches(".rs").to_owned();
        Source { text: std::fs::read_to_string(&path).expect("a text"), path: relative, room }
    };
    paths.into_iter().map(source).collect()
}

fn without_comment(line: &str) -> &str {
    line.find("//").filter(|at| !line[..*at].ends_with(':')).map_or(line, |at| &line[..at])
}

fn height(room: &str) -> usize {
    FLOORS.iter().find(|(name, _)| *name == room).map_or(ENTRANCE, |(_, height)| *height)
}

/// Rooms that a source names by `crate::room`, also inside `use crate::{a, b::c}`.
fn rooms_used(code: &str) -> BTreeSet<String> {
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

/// The names at depth one of a `use` group.
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
fn arrows_point_down_only() {
    let mut wrong = Vec::new();
    for source in sources() {
        let known = |room: &String| FLOORS.iter().any(|(name, _)| name == room) || room == "cli";
        for used in rooms_used(&source.own_code()).into_iter().filter(known) {
            let (from, to) = (source.room.as_str(), used.as_str());
            if from == to || height(from) == ENTRANCE {
                continue;
            }
            let neighbours = WINGS.contains(&from) && WINGS.contains(&to);
            let up = height(to) > height(from);
            let aside = height(to) == height(from) && !matches!(height(from), 0 | 5);
            let calls_out = to == "outgoing" && !CALLERS.contains(&from) && height(from) < 4;
            if neighbours || up || aside || calls_out {
                wrong.push(format!("{}: {from} -> {to}", source.path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "arrows that do not point down:\n{}", wrong.join("\n"));
}

#[test]
fn plain_types_import_nobody_above_the_ground() {
    for source in sources().iter().filter(|source| matches!(source.room.as_str(), "model" | "clock" | "secrets")) {
        let used = rooms_used(&source.own_code());
        let above: Vec<&String> =
            used.iter().filter(|room| !matches!(room.as_str(), "model" | "clock" | "secrets")).collect();
        assert!(above.is_empty(), "{} uses {above:?}", source.path.display());
    }
}

#[test]
fn each_floor_leaves_the_others_tools_alone() {
    let rules: [(&str, &[&str]); 5] = [
        ("poem", &["http", "server", "demo"]),
        ("poem_openapi", &["http", "server"]),
        ("sqlx", &["store"]),
        ("reqwest", &["outgoing", "provider", "hook"]),
        ("clap", &["cli", "main"]),
    ];
    let mut wrong = Vec::new();
    for source in sources() {
        let code = source.own_code();
        for (tool, rooms) in rules {
            let named = code.match_indices(&format!("{tool}::")).any(|(at, _)| {
                !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':' || c == '/')
            });
            if named && !rooms.contains(&source.room.as_str()) {
                wrong.push(format!("{} uses {tool}", source.path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn sql_stands_only_in_the_store() {
    const STATEMENTS: [&str; 5] = ["SELECT ", "INSERT INTO ", "UPDATE users", "DELETE FROM ", "CREATE TABLE "];
    for source in sources().iter().filter(|source| source.room != "store") {
        let code = source.own_code();
        // An import reads a foreign database, in a file that says so.
        if source.path.ends_with("cli/import.rs") {
            continue;
        }
        for statement in STATEMENTS {
            assert!(!code.contains(statement), "{} holds SQL: {statement}", source.path.display());
        }
    }
}

#[test]
fn no_file_is_over_six_hundred_lines_and_no_function_over_eighty() {
    let mut wrong = Vec::new();
    for source in sources() {
        let lines = source.text.lines().count();
        if lines > LONGEST_FILE && !source.path.ends_with("store/sql.rs") {
            wrong.push(format!("{}: {lines} lines", source.path.display()));
        }
        for (name, length) in functions(&source.text) {
            if length > LONGEST_FUNCTION {
                wrong.push(format!("{}: fn {name} has {length} lines", source.path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "too long:\n{}", wrong.join("\n"));
}

/// Names and lengths of functions: rustfmt closes a function with a brace as deep as its `fn`.
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
fn modules_have_names_that_say_the_thing() {
    for source in sources() {
        for name in source.path.components() {
            let name = name.as_os_str().to_string_lossy();
            let name = name.trim_end_matches(".rs");
            assert!(!FORBIDDEN_NAMES.contains(&name), "{}", source.path.display());
        }
    }
}

#[test]
fn a_file_opens_with_what_lives_there() {
    let silent: Vec<String> = sources()
        .iter()
        .filter(|source| source.path.ends_with("mod.rs") || !source.path.starts_with("model"))
        .filter(|source| !source.text.starts_with("//"))
        .map(|source| source.path.display().to_string())
        .filter(|path| !path.ends_with("error.rs"))
        .collect();
    assert!(silent.is_empty(), "no opening paragraph: {silent:?}");
}

#[test]
fn lints_are_silenced_with_a_reason_or_not_at_all() {
    for source in sources() {
        let code = source.code();
        let allowed = code.find("#[allow(").or_else(|| code.find("#![allow("));
        let line = allowed.map_or(0, |at| code[..at].lines().count());
        assert!(allowed.is_none(), "{}:{line}: write #[expect(…, reason = …)]", source.path.display());
    }
}

#[test]
fn nothing_is_left_for_later() {
    for source in sources() {
        let text = source.text.to_lowercase();
        for word in ["todo", "fixme", "for now", "unimplemented!"] {
            assert!(!text.contains(word), "{} says \"{word}\"", source.path.display());
        }
    }
}

#[test]
fn every_code_that_the_document_knows_is_in_the_table_of_codes() {
    let read = |path: &str| {
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect("it is checked in")
    };
    let document: serde_json::Value = serde_yaml::from_str(&read("openapi.yaml")).expect("YAML");
    let table = read("docs/API.md");
    let rows: Vec<Vec<&str>> =
        table.lines().map(|line| line.split(" | ").collect()).filter(|row: &Vec<&str>| row.len() >= 3).collect();
    let is_code = |word: &&str| word.contains('_') && word.bytes().all(|c| c.is_ascii_lowercase() || c == b'_');
    let operations = document["paths"].as_object().expect("paths").values().flat_map(|path| path.as_object()).flatten();
    let mut found = 0;
    for (_, operation) in operations {
        for (status, response) in operation["responses"].as_object().expect("responses") {
            let text = response["description"].as_str().unwrap_or_default();
            for code in text.split('`').skip(1).step_by(2).filter(is_code).filter(|_| status >= &"400".to_owned()) {
                let cell = format!("`{code}`");
                let is_there = rows.iter().any(|row| row[0] == format!("| {status}") && row[1].contains(&cell));
                assert!(is_there, "docs/API.md has no {status} {code}");
                found += 1;
            }
        }
    }
    assert!(found > 100, "{found}");
}

#[test]
fn these_readers_can_see_what_they_look_for() {
    let code = "use crate::{model::User, store::{self, Who}};\nuse crate::login::Origin;\nfn a() { crate::http::b() }";
    let used = rooms_used(code);
    let wanted = ["http", "login", "model", "store"].map(str::to_owned);
    assert!(used.iter().eq(wanted.iter()), "{used:?}");
    let long = format!(
        "    pub async fn long(\n        &self,\n    ) -> u8 {{\n{}        1\n    }}\n",
        "        x();\n".repeat(90)
    );
    assert_eq!(functions(&long), [("long".to_owned(), 95)]);
    assert_eq!(functions("    fn short();\n    fn one() -> u8 { 1 }\n"), []);
}
