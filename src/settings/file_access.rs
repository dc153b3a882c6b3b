//! Access rights of files that contain secrets: the database, keys, the settings file.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use percent_encoding::percent_decode_str;

/// Whether system users outside of its group can read or change a file.
pub(super) fn is_open_to_all(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|found| found.permissions().mode() & 0o006 != 0)
}

/// The file of an SQLite database, by its URL.
pub fn sqlite_file(url: &str) -> Option<PathBuf> {
    let path = url.strip_prefix("sqlite:")?;
    let path = path.strip_prefix("//").unwrap_or(path);
    let path = path.split('?').next().unwrap_or_default();
    // sqlx decodes the path: `%3F` is a question mark in the file's name.
    percent_decode_str(path).decode_utf8().ok().map(|path| PathBuf::from(path.as_ref()))
}

/// The files of an SQLite database: itself, its write-ahead log, the index of the log, and the journal of another mode.
pub fn sqlite_files(database: &Path) -> [PathBuf; 4] {
    ["", "-wal", "-shm", "-journal"].map(|end| {
        let mut path = database.as_os_str().to_owned();
        path.push(end);
        path.into()
    })
}

/// Files of an SQLite database, logs included, that other users than their owner can open. They contain personal data and
/// digests of credentials.
pub fn exposed_database_files(url: &str) -> Vec<PathBuf> {
    let Some(file) = sqlite_file(url) else { return Vec::new() };
    let is_exposed =
        |path: &PathBuf| std::fs::metadata(path).is_ok_and(|found| found.permissions().mode() & 0o077 != 0);
    sqlite_files(&file).into_iter().filter(is_exposed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fault_a28_database_files_that_others_can_open_are_found() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |end: &str| folder.path().join(format!("users.db{end}"));
        for end in ["", "-wal", "-shm"] {
            std::fs::write(path(end), "x").expect("a file");
            std::fs::set_permissions(path(end), std::fs::Permissions::from_mode(0o600)).expect("rights");
        }
        let url = format!("sqlite://{}?mode=rwc", path("").display());
        assert_eq!(exposed_database_files(&url), Vec::<PathBuf>::new());
        for (mode, ends) in [(0o644, &["", "-wal"][..]), (0o640, &["-shm"]), (0o602, &["-wal", "-shm"])] {
            for end in ["", "-wal", "-shm"] {
                let mode = if ends.contains(&end) { mode } else { 0o600 };
                std::fs::set_permissions(path(end), std::fs::Permissions::from_mode(mode)).expect("rights");
            }
            assert_eq!(exposed_database_files(&url), ends.iter().map(|end| path(end)).collect::<Vec<_>>());
        }
        assert!(exposed_database_files("postgres://u:p@h/d").is_empty());
    }

    #[test]
    fn fault_a28_a_database_whose_url_has_percent_encoded_characters_is_found() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("users of 100%.db");
        std::fs::write(&path, "x").expect("a file");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("rights");
        let url = format!("sqlite://{}/users%20of%20100%25.db?mode=rwc", folder.path().display());
        assert_eq!(exposed_database_files(&url), [path]);
    }
}
