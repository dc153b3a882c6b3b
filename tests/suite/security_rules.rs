//! `docs/SECURITY.md`: every rule and every re-enacted advisory has a row, and the tests and settings that it names exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::file_table::rust_files;

/// The last rule that is built.
const LAST_RULE: usize = 47;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn document() -> String {
    fs::read_to_string(root().join("docs/SECURITY.md")).expect("the document")
}

/// The names of all functions below a folder.
fn functions(folder: &str) -> BTreeSet<String> {
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let mut names = BTreeSet::new();
    for file in rust_files(&root().join(folder)) {
        let text = fs::read_to_string(file).expect("a source file");
        names.extend(
            text.split("fn ")
                .skip(1)
                .filter_map(|rest| rest.split(|letter| !is_name(letter)).next())
                .map(str::to_owned),
        );
    }
    names
}

/// The cells of each row whose first cell has this start.
fn rows<'a>(text: &'a str, start: &'a str) -> impl Iterator<Item = Vec<&'a str>> {
    text.lines()
        .filter(move |line| line.starts_with("| ") && line[2..].starts_with(start))
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
}

/// The texts in backticks.
fn names(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

#[test]
fn every_rule_has_a_row_with_a_test_and_its_settings() {
    let text = document();
    let tests: BTreeSet<String> = functions("tests/suite").union(&functions("src")).cloned().collect();
    let settings = fs::read_to_string(root().join("src/settings/table.toml")).expect("the settings");
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let settings: BTreeSet<&str> = settings.split(|letter| !is_name(letter)).collect();
    let mut rules = Vec::new();
    for row in rows(&text, "SEC-") {
        let [rule, _, test, setting] = row[..] else { panic!("a row with four cells: {row:?}") };
        rules.push(rule.to_owned());
        assert!(names(test).count() > 0, "{rule} names no test");
        for name in names(test) {
            assert!(tests.contains(name), "{rule}: no test is called {name}");
        }
        for name in names(setting) {
            assert!(settings.contains(name), "{rule}: no setting is called {name}");
        }
    }
    let expected: Vec<String> = (1..=LAST_RULE).map(|number| format!("SEC-{number}")).collect();
    assert_eq!(rules, expected);
}

#[test]
fn every_advisory_has_a_row() {
    let text = document();
    let (_, advisories) = text.split_once("## Advisories").expect("the advisories");
    let listed: BTreeSet<String> = names(advisories).map(str::to_owned).collect();
    let is_advisory = |name: &String| ["cve_", "ghsa_", "social_core_"].iter().any(|start| name.starts_with(start));
    let tested = functions("tests/suite/advisories").into_iter().filter(is_advisory);
    let missing: Vec<String> = tested.filter(|name| !listed.contains(name)).collect();
    assert!(missing.is_empty(), "docs/SECURITY.md has no row for {missing:?}");
    let known = functions("tests/suite/advisories");
    let unknown: Vec<&String> = listed.iter().filter(|name| is_advisory(name) && !known.contains(*name)).collect();
    assert!(unknown.is_empty(), "no test is called {unknown:?}");
}
