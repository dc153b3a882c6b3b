//! The table of files in `docs/ARCHITECTURE.md` has each file of `src/` with the first sentence of its documentation.
//! `make files` writes it.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

const DOCUMENT: &str = "docs/ARCHITECTURE.md";
const START: &str = "<!-- The table of files starts here: `make files` writes it. -->\n";
const END: &str = "<!-- The table of files ends here. -->\n";

pub fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder of the repository") {
        let path = entry.expect("a folder entry").path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// The first sentence of the `//!` comment that a file starts with.
fn first_sentence(text: &str) -> Option<String> {
    let paragraph: Vec<&str> =
        text.lines().map_while(|line| line.strip_prefix("//! ")).take_while(|line| !line.trim().is_empty()).collect();
    let paragraph = paragraph.join(" ");
    let end = paragraph.find(". ").map_or(paragraph.len(), |end| end + 1);
    (end > 0).then(|| paragraph[..end].replace('|', "\\|"))
}

fn table(root: &Path) -> String {
    let mut files = rust_files(&root.join("src"));
    files.sort_by_key(|file| (file.parent().map(Path::to_owned), file.clone()));
    let mut table = String::new();
    let mut folder = None;
    for file in &files {
        if folder != file.parent() {
            folder = file.parent();
            let name = folder.and_then(|folder| folder.strip_prefix(root).ok()).expect("a folder of the repository");
            write!(table, "\n### `{}/`\n\n| file | contents |\n|---|---|\n", name.display()).expect("a text");
        }
        let text = fs::read_to_string(file).expect("a source file");
        let sentence = first_sentence(&text)
            .unwrap_or_else(|| panic!("{} must start with a `//!` comment that says what it holds", file.display()));
        let name = file.file_name().expect("a file name").to_string_lossy();
        writeln!(table, "| `{name}` | {sentence} |").expect("a text");
    }
    table.push('\n');
    table
}

/// Rows of the login's table: a file below `src/` and a function in it.
#[test]
fn functions_of_the_login_steps_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let document = fs::read_to_string(root.join(DOCUMENT)).expect("the document");
    let (_, steps) = document.split_once("| step | file | function |\n").expect("the table of steps");
    let mut count = 0;
    for row in steps.lines().skip(1).take_while(|line| line.starts_with('|')) {
        let cells: Vec<&str> = row.split('|').map(|cell| cell.trim().trim_matches('`')).collect();
        let (file, function) = (root.join("src").join(cells[2]), cells[3]);
        let text = fs::read_to_string(&file).unwrap_or_else(|_| panic!("{} does not exist", file.display()));
        let is_defined =
            [format!("fn {function}("), format!("fn {function}<")].iter().any(|found| text.contains(found));
        assert!(is_defined, "{} has no function {function}", file.display());
        count += 1;
    }
    assert!(count > 5, "the table has {count} rows");
}

#[test]
fn the_table_of_files_is_up_to_date() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = root.join(DOCUMENT);
    let written = fs::read_to_string(&path).expect("the document");
    let (before, rest) = written.split_once(START).expect("the start of the table");
    let (_, after) = rest.split_once(END).expect("the end of the table");
    let expected = format!("{before}{START}{}{END}{after}", table(root));
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, expected).expect("the document can be written");
        return;
    }
    assert_eq!(written, expected, "{DOCUMENT} is not up to date: run make files");
}
