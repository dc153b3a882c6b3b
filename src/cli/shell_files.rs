//! `completions` and `man`: files for shells and for `man`, made of the definition of the command line.

use std::fs;
use std::path::{Path, PathBuf};

use clap_complete::Shell;
use serde_json::json;

use super::failure::Failure;
use super::output::{print, print_either};

const NAME: &str = "rest-social-auth";

/// Prints the completions of a shell.
pub(super) fn completions(shell: Shell, mut command: clap::Command) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, NAME, &mut script);
    print(&String::from_utf8_lossy(&script))
}

/// Writes a manual page for each command into `directory`, which is created.
pub(super) fn man(directory: &Path, as_json: bool, command: clap::Command) -> Result<(), Failure> {
    let written = fs::create_dir_all(directory).and_then(|()| clap_mangen::generate_to(command, directory));
    written.map_err(|error| Failure::cannot_write(directory, &error))?;
    let mut pages: Vec<PathBuf> = fs::read_dir(directory)
        .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect())
        .map_err(|error| Failure::cannot_read(directory, &error))?;
    pages.retain(|page| page.file_name().is_some_and(|name| name.to_string_lossy().starts_with(NAME)));
    pages.sort();
    let text = format!("Wrote {} pages. Show one: man -l {}/{NAME}.1", pages.len(), directory.display());
    let pages: Vec<String> = pages.iter().map(|page| page.display().to_string()).collect();
    print_either(as_json, &json!({"pages": pages}), &text)
}
