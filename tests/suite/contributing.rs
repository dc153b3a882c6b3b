//! `CONTRIBUTING.md`, `SECURITY.md` and `docs/adr/` name files of this repository: each must exist.

use std::path::{Path, PathBuf};

/// A span in backticks that begins with one of these, or is one of the files, is a path.
const FOLDERS: [&str; 10] =
    ["src/", "tests/", "docs/", "deploy/", "migrations/", "client-sdk/", "examples/", ".github/", ".ci/", ".config/"];
const FILES: [&str; 8] = [
    "Cargo.toml",
    "Cargo.lock",
    "README.md",
    "CHANGELOG.md",
    "clippy.toml",
    "deny.toml",
    "openapi.yaml",
    "rust-toolchain.toml",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn documents() -> Vec<PathBuf> {
    let records =
        std::fs::read_dir(root().join("docs/adr")).expect("docs/adr").map(|entry| entry.expect("a file").path());
    ["CONTRIBUTING.md", "SECURITY.md"].into_iter().map(|name| root().join(name)).chain(records).collect()
}

/// The paths that a text names, in backticks from the root of the repository and in links from `folder`.
fn paths(text: &str, folder: &Path) -> Vec<PathBuf> {
    let spans = text.split('`').skip(1).step_by(2).flat_map(str::split_whitespace);
    let is_path = |word: &&str| {
        let is_named = FILES.contains(word) || FOLDERS.iter().any(|folder| word.starts_with(folder));
        is_named && !word.contains(['<', '*']) && !word.contains("NNNN")
    };
    let links = text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next());
    let is_local = |link: &&str| !link.is_empty() && !link.contains("://");
    let named = spans.filter(is_path).map(|path| root().join(path));
    named.chain(links.filter(is_local).map(|link| folder.join(link))).collect()
}

#[test]
fn paths_in_contributor_documents_exist() {
    let (mut found, mut missing) = (0, Vec::new());
    for document in documents() {
        let text = std::fs::read_to_string(&document).expect("a text");
        for path in paths(&text, document.parent().unwrap_or(root())) {
            found += 1;
            if !path.exists() {
                missing.push(format!("{}: {}", document.display(), path.display()));
            }
        }
    }
    assert!(missing.is_empty(), "these paths do not exist:\n{}", missing.join("\n"));
    assert!(found > 50, "{found} paths were found");
}

#[test]
fn architecture_decision_records_are_short_and_listed() {
    const MAX_RECORD_LINES: usize = 60;
    let list = std::fs::read_to_string(root().join("docs/adr/README.md")).expect("the list of records");
    for document in documents().into_iter().filter(|document| document.starts_with(root().join("docs/adr"))) {
        let text = std::fs::read_to_string(&document).expect("a text");
        let name = document.file_name().expect("a name").to_string_lossy();
        assert!(text.lines().count() <= MAX_RECORD_LINES, "{name} has more than {MAX_RECORD_LINES} lines");
        if name == "README.md" {
            continue;
        }
        assert!(list.contains(&format!("({name})")), "docs/adr/README.md does not list {name}");
        for heading in ["Status: ", "## Context", "## Decision", "## Consequences"] {
            assert!(text.contains(&format!("\n{heading}")), "{name} has no \"{heading}\"");
        }
    }
}

#[test]
fn path_parser_self_test() {
    let text =
        "Run `tests/postgres.sh cargo`, see [a](b/c.md#d), [e](https://f.example), `src/<name>.rs`, `make lint`.";
    let expected = [root().join("tests/postgres.sh"), Path::new("/x/b/c.md").to_owned()];
    assert_eq!(paths(text, Path::new("/x")), expected);
}
