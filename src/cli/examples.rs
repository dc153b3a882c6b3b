//! The examples at the end of each `--help`. A test parses all of them.

use clap::Command;

const NAME: &str = "rest-social-auth";

const EXIT_CODES: &str = "Exit codes:
  0  success
  1  the command failed, or a check found an error
  2  an error in the command line, or in the settings that the command needs";

/// Commands as they are written after `rest-social-auth`, by the command that they show.
const EXAMPLES: &[(&str, &[&str])] = &[
    ("", &["dev", "init", "serve --config rest-social-auth.toml", "doctor --config rest-social-auth.toml"]),
    ("serve", &["serve --config rest-social-auth.toml", "serve --listen 0.0.0.0:8000 --no-migrate"]),
    ("dev", &["dev", "dev --listen 127.0.0.1:9000 --tls"]),
    ("migrate", &["migrate --config rest-social-auth.toml", "migrate --json"]),
    ("openapi", &["openapi", "openapi --format json --openapi-version 3.1 --server https://login.example.com"]),
    ("init", &["init", "init --output /etc/rest-social-auth.toml"]),
    ("providers", &["providers list", "providers check github"]),
    ("providers list", &["providers list", "providers list --json"]),
    ("providers show", &["providers show github"]),
    ("providers guide", &["providers guide google"]),
    ("providers check", &["providers check", "providers check github --json"]),
    ("doctor", &["doctor --config rest-social-auth.toml", "doctor --json"]),
    ("healthcheck", &["healthcheck", "healthcheck --live --listen 127.0.0.1:8000 --timeout 2"]),
    ("backup", &["backup /var/backups/users.db", "backup --yes --json"]),
    ("users", &["users list --search alice", "users show alice"]),
    ("users list", &["users list --search alice", "users list --contains example.com --limit 10 --json"]),
    ("users show", &["users show alice", "users show id:7 --json"]),
    ("users deactivate", &["users deactivate alice"]),
    ("users activate", &["users activate alice"]),
    ("users delete", &["users delete alice", "users delete id:7 --yes"]),
    ("keys", &["keys list", "keys rotate"]),
    ("keys list", &["keys list --json"]),
    ("keys rotate", &["keys rotate", "keys rotate --only encryption"]),
    ("keys retire", &["keys retire 2026-11", "keys retire 2026-11 --yes --json"]),
    ("services", &["services add shop", "services list"]),
    ("services add", &["services add shop"]),
    ("services list", &["services list --json"]),
    ("services remove", &["services remove shop", "services remove shop --yes"]),
    ("audit", &["audit --outcome refused --since 1h", "audit --user alice --limit 20 --jsonl"]),
    ("audit prune", &["audit prune --before 90d --yes"]),
    ("webhooks", &["webhooks list --state dead", "webhooks resend --dead"]),
    ("webhooks list", &["webhooks list --state dead --limit 10"]),
    ("webhooks show", &["webhooks show evt_1 --json"]),
    ("webhooks resend", &["webhooks resend evt_1", "webhooks resend --dead"]),
    ("webhooks prune", &["webhooks prune --before 7d --yes"]),
    ("import", &["import django --from sqlite:///srv/app/db.sqlite3 --dry-run"]),
    (
        "import django",
        &[
            "import django --from sqlite:///srv/app/db.sqlite3 --dry-run",
            "import django --from postgres://user@db.example.com/app --json",
        ],
    ),
    ("completions", &["completions bash > /usr/share/bash-completion/completions/rest-social-auth"]),
    ("man", &["man /usr/local/share/man/man1"]),
];

/// Adds its examples to each command, and the exit codes to the first.
pub(super) fn with_examples(command: Command) -> Command {
    added(command, "")
}

fn added(command: Command, path: &str) -> Command {
    let names: Vec<String> = command.get_subcommands().map(|one| one.get_name().to_owned()).collect();
    let command = names.into_iter().fold(command, |command, name| {
        let path = format!("{path} {name}").trim_start().to_owned();
        command.mut_subcommand(name, |one| added(one, &path))
    });
    let Some((_, examples)) = EXAMPLES.iter().find(|(of, _)| *of == path) else { return command };
    let lines: String = examples.iter().map(|example| format!("\n  {NAME} {example}")).collect();
    let end = if path.is_empty() { format!("\n\n{EXIT_CODES}") } else { String::new() };
    command.after_help(format!("Examples:{lines}{end}"))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// All examples without a redirection of the shell, each as the arguments of the process.
    pub fn command_lines() -> impl Iterator<Item = Vec<String>> {
        let examples = EXAMPLES.iter().flat_map(|(_, examples)| examples.iter());
        examples.map(|example| {
            let line = example.split(" > ").next().unwrap_or_default();
            std::iter::once(NAME).chain(line.split(' ')).map(str::to_owned).collect()
        })
    }

    /// The paths of a command and of all its subcommands.
    pub fn paths(command: &Command, path: &str) -> Vec<String> {
        let below = command.get_subcommands().filter(|one| one.get_name() != "help");
        let below = below.flat_map(|one| paths(one, format!("{path} {}", one.get_name()).trim_start()));
        std::iter::once(path.to_owned()).chain(below).collect()
    }

    pub fn documented_paths() -> Vec<&'static str> {
        EXAMPLES.iter().map(|(path, _)| *path).collect()
    }
}
