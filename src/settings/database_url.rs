//! Checks a database URL before any part of it is printed or used. The parsers of the drivers accept URLs that do not mean what
//! the operator wrote: a password with a slash becomes the name of a database, which error messages contain.

use percent_encoding::percent_decode_str;

const POSTGRES: &str = "must look like postgres://user:password@host:port/database. In the user, the password and the name of \
                        the database, percent-encode special characters, such as / as %2F and @ as %40";
const IN_MEMORY: &str =
    "is a database in memory, which is gone with the process: name a file, such as sqlite://rest-social-auth.db";

/// Errors: the scheme is unknown, a part of a password would be taken for another part of the URL, or the database is in memory.
/// They contain no part of the URL.
pub fn check_database_url(url: &str) -> Result<(), String> {
    match url.split_once(':') {
        Some(("sqlite", path)) => check_sqlite(path.strip_prefix("//").unwrap_or(path)),
        Some(("postgres" | "postgresql", rest)) => check_postgres(rest.strip_prefix("//").unwrap_or(rest)),
        _ => Err("must begin with sqlite: or postgres:".to_owned()),
    }
}

fn check_sqlite(path: &str) -> Result<(), String> {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let mut parameters = url::form_urlencoded::parse(query.as_bytes());
    let is_in_memory =
        parameters.any(|(name, value)| matches!((&*name, &*value), ("mode", "memory") | ("vfs", "memdb")));
    let file = percent_decode_str(path).decode_utf8_lossy();
    if is_in_memory || file == ":memory:" || file.starts_with("file:") && file.contains("memory") {
        Err(IN_MEMORY.to_owned())
    } else {
        Ok(())
    }
}

/// `rest`: what follows the scheme.
fn check_postgres(rest: &str) -> Result<(), String> {
    let after_host = &rest[rest.find(['/', '?', '#']).unwrap_or(rest.len())..];
    let (path, query) = after_host.split_once('?').unwrap_or((after_host, ""));
    let is_broken = |(name, value): (&str, &str)| {
        let may_have_at = ["user", "password", "dbname", "application_name"].contains(&name)
            || name.starts_with("options")
            || name.starts_with("ssl");
        name.contains(['@', '/']) || value.contains('@') && !may_have_at
    };
    let mut parameters = query.split('&').map(|parameter| parameter.split_once('=').unwrap_or((parameter, "")));
    if after_host.contains('#') || path.contains('@') || parameters.clone().any(is_broken) {
        return Err(POSTGRES.to_owned());
    }
    // The driver logs the value of a parameter that it does not know.
    let is_secret = |(name, _): (&str, &str)| {
        let name = name.to_ascii_lowercase();
        !["password", "passfile"].contains(&name.as_str())
            && ["pass", "pwd", "secret", "token"].iter().any(|word| name.contains(word))
    };
    if parameters.any(is_secret) {
        Err("has a parameter for a password that is not named `password`, and would not be read".to_owned())
    } else {
        Ok(())
    }
}

/// Whether a URL has an @ behind its host: probably its password contains a slash, which ends the host.
pub(super) fn has_broken_password(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.find(['/', '?', '#']).is_some_and(|end| rest[end..].contains('@'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_that_would_be_taken_for_another_part_is_an_error_without_any_part_of_the_url() {
        for url in [
            "postgres://u:7/Sup3rSecret@h/db",
            "postgres://u:/Sup3rSecret@h/db",
            "postgresql://u:7/Sup3rSecret@h",
            "postgres://u:p@/Sup3rSecret@h/db",
            "postgres://u:12?Sup3rSecret@h/db",
            "postgres://u:12?a=Sup3rSecret@h/db",
            "postgres://u:12#Sup3rSecret@h/db",
            "postgres://u:12#Sup3rSecret",
            "postgres:u:7/Sup3rSecret@h/db",
            "postgres://h/db?user=u&passwd=Sup3rSecret",
            "postgres://h/db?Passwort=Sup3rSecret",
            "mysql://u:Sup3rSecret@h/db",
        ] {
            let problem = check_database_url(url).expect_err(url);
            assert!(!problem.contains("Sup3r"), "{problem}");
        }
        for url in [
            "postgres://u:p%2Fw@h:5432/db",
            "postgres://u:p@w@h/db",
            "postgres://u:p@h/d%40b?sslmode=require&channel_binding=require",
            "postgres:///db?host=/var/run/postgresql&user=me@server&password=p@w",
            "postgres://u:p@%2Fvar%2Frun/db",
            "postgres://h/db?passfile=/etc/pgpass",
        ] {
            assert_eq!(check_database_url(url), Ok(()), "{url}");
        }
    }

    #[test]
    fn a_database_in_memory_is_an_error() {
        for url in [
            "sqlite::memory:",
            "sqlite://:memory:",
            "sqlite::memory:?cache=shared",
            "sqlite://%3Amemory%3A",
            "sqlite:///data/x.db?mode=memory",
            "sqlite:x.db?cache=shared&mode=memory",
            "sqlite:x.db?vfs=memdb",
            "sqlite:file::memory:",
        ] {
            assert_eq!(check_database_url(url), Err(IN_MEMORY.to_owned()), "{url}");
        }
        for url in ["sqlite://memory.db", "sqlite:rest-social-auth.db", "sqlite:///data/x.db?mode=rwc"] {
            assert_eq!(check_database_url(url), Ok(()), "{url}");
        }
    }
}
