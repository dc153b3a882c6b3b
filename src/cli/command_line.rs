//! The list of all commands and their common arguments; the options of a command are in its own file. Exit code: 0; 2 for an
//! error in the settings or the command line; 1 for any other failure.

use std::ffi::OsString;
use std::future::Future;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::builder::{OsStringValueParser, TypedValueParser as _};
use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use clap_complete::Shell;

use super::configuration;
use super::failure::Failure;
use super::output::print_failure_as_json;
use super::{
    audit, backup, dev, doctor, examples, healthcheck, import, init, keys, logging, openapi, providers, serve,
    services, shell_files, signals, users, webhooks,
};
use crate::clock::Deps;
use crate::outgoing;

/// Sign in with X for any front-end: a social login server in one binary.
#[derive(Parser)]
#[command(name = "rest-social-auth", version)]
struct CommandLine {
    #[command(flatten)]
    global: GlobalOptions,
    #[command(subcommand)]
    command: Command,
}

#[derive(Args)]
struct GlobalOptions {
    /// Settings file. Every setting can also come from the environment, which takes precedence
    // The parser of paths refuses an empty value.
    #[arg(long, global = true, value_name = "FILE", env = "REST_SOCIAL_AUTH_CONFIG", value_parser = OsStringValueParser::new().map(PathBuf::from))]
    config: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Command {
    /// Run the server
    Serve {
        /// Address and port, instead of LISTEN
        #[arg(long, value_name = "ADDR:PORT")]
        listen: Option<String>,
        /// Do not apply migrations
        #[arg(long)]
        no_migrate: bool,
    },
    /// Run a server for development: SQLite, simulated providers with invented users, example pages
    Dev(dev::Options),
    /// Apply the migrations of the database
    Migrate {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Print the OpenAPI document: the default one, or with --config that of a server with these settings
    Openapi(openapi::Options),
    /// Write a commented settings file with safe values and a new secret key
    Init {
        /// Path of the new file, instead of that of --config or rest-social-auth.toml; `-` is the standard output
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// List known providers, and check the configured ones
    #[command(subcommand)]
    Providers(providers::Command),
    /// Check settings, database, clock, webhook and providers, and say what to fix
    Doctor {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Ask the running server of these settings whether it works
    Healthcheck(healthcheck::Options),
    /// Copy the SQLite database while servers use it, and verify the copy
    Backup(backup::Options),
    /// List, show, deactivate and delete users
    #[command(subcommand)]
    Users(users::Command),
    /// List, rotate and retire the keys that sign JWTs, and those that encrypt stored secrets
    #[command(subcommand)]
    Keys(keys::Command),
    /// Add, list and remove the back-ends that may introspect and revoke credentials
    #[command(subcommand)]
    Services(services::Command),
    /// List audit events: logins, refusals, links, logouts; the newest first
    #[command(args_conflicts_with_subcommands = true)]
    Audit(audit::Command),
    /// List and resend the webhook events of your software
    #[command(subcommand)]
    Webhooks(webhooks::Command),
    /// Import users from another system
    #[command(subcommand)]
    Import(import::Command),
    /// Print the completions of a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Write a manual page for each command
    Man {
        /// The directory, which is created if it does not exist
        directory: PathBuf,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

impl Command {
    /// Whether the command reads or changes the database of the settings, which must be the one that the operator means.
    fn uses_stored_data(&self) -> bool {
        matches!(
            self,
            Self::Migrate { .. }
                | Self::Backup(_)
                | Self::Users(_)
                | Self::Keys(_)
                | Self::Services(_)
                | Self::Audit(_)
                | Self::Webhooks(_)
        )
    }
}

/// Runs the command of the process's arguments, and answers its exit code.
pub fn main() -> ExitCode {
    let as_json = wants_json(std::env::args_os());
    let mut line = parsed(std::env::args_os()).unwrap_or_else(|error| {
        if as_json && error.use_stderr() {
            print_failure_as_json(&Failure::Other(usage_error(&error.to_string())));
        }
        std::process::exit(print_clap(&error))
    });
    // An empty variable counts as not set.
    line.global.config.take_if(|path| path.as_os_str().is_empty());
    let config = line.global.config.as_deref();
    let sources = line.command.uses_stored_data().then(|| configuration::sources(config));
    let has_unused_file = sources.is_none() && config.is_none() && Path::new(init::FILE).exists();
    outgoing::install_crypto();
    let outcome = run(line);
    if let Err(failure) = &outcome {
        report(failure, as_json, has_unused_file);
    }
    // After the errors, which begin the output.
    if let Some(sources) = sources {
        logging::print_line(&format!("note: {sources}"));
    }
    logging::flush();
    outcome.map_or_else(|failure| failure.exit_code(), |()| ExitCode::SUCCESS)
}

/// Prints the text of `--help` or `--version`, or an error in the command line. Returns the exit code.
fn print_clap(error: &clap::Error) -> i32 {
    let printed = error.print().and_then(|()| std::io::stdout().flush());
    match printed {
        Err(problem) if !error.use_stderr() && problem.kind() != std::io::ErrorKind::BrokenPipe => {
            eprintln!("error: the standard output cannot be written: {problem}");
            1
        }
        _ => error.exit_code(),
    }
}

/// The command line with the examples of `--help`.
fn definition() -> clap::Command {
    examples::with_examples(CommandLine::command())
}

fn parsed(arguments: impl IntoIterator<Item = OsString>) -> Result<CommandLine, clap::Error> {
    CommandLine::from_arg_matches(&definition().try_get_matches_from(arguments)?)
}

fn report(failure: &Failure, as_json: bool, has_unused_file: bool) {
    if as_json {
        print_failure_as_json(failure);
    }
    match failure {
        Failure::Settings(errors) => {
            for error in errors {
                logging::print_line(&format!("error: {}", error.to_string().replace('\n', " ")));
            }
        }
        Failure::CommandLine(problem) | Failure::Other(problem) => {
            logging::print_line(&format!("error: {}", problem.trim_end().replace('\n', " ")));
        }
    }
    if has_unused_file && !matches!(failure, Failure::CommandLine(_)) {
        let file = init::FILE;
        logging::print_line(&format!("note: the file {file} was not read. To use it, add --config {file}"));
    }
}

fn run(line: CommandLine) -> Result<(), Failure> {
    let config = line.global.config;
    let deps = Deps::system();
    match line.command {
        Command::Serve { listen, no_migrate } => block_on(serve::serve(config.as_deref(), listen, !no_migrate, deps)),
        Command::Dev(options) => block_on(dev::dev(config.as_deref(), options, deps)),
        Command::Migrate { json } => block_on(serve::migrate(config.as_deref(), json)),
        Command::Openapi(options) => openapi::run(&options, config.as_deref()),
        Command::Init { output, json } => {
            let output = output.or(config).unwrap_or_else(|| PathBuf::from(init::FILE));
            init::init(&output, json, &deps)
        }
        Command::Providers(command) => block_on(providers::run(command, config.as_deref(), deps)),
        Command::Healthcheck(options) => healthcheck::run(&options, config.as_deref()),
        Command::Backup(options) => block_on(backup::run(options, config.as_deref(), deps)),
        Command::Doctor { json } => block_on(doctor::run(json, config.as_deref(), deps)),
        Command::Users(command) => block_on(users::run(command, config.as_deref(), deps)),
        Command::Keys(command) => block_on(keys::run(command, config.as_deref(), deps)),
        Command::Services(command) => block_on(services::run(command, config.as_deref(), deps)),
        Command::Audit(command) => block_on(audit::run(command, config.as_deref(), deps)),
        Command::Webhooks(command) => block_on(webhooks::run(command, config.as_deref(), deps)),
        Command::Import(command) => block_on(import::run(command, config.as_deref(), deps)),
        Command::Completions { shell } => shell_files::completions(shell, definition()),
        Command::Man { directory, json } => shell_files::man(&directory, json, definition()),
    }
}

/// Runs `work` with one worker thread for each core that this process may use.
fn block_on(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Other(format!("the runtime cannot be started: {error}")))?;
    let result = runtime.block_on(async {
        signals::ignore_file_size_signal()
            .map_err(|error| Failure::Other(format!("signal handlers cannot be installed: {error}")))?;
        work.await
    });
    // Blocking work, such as the lookup of a host name, must not delay the end of the process.
    runtime.shutdown_background();
    result
}

/// Called before the arguments are parsed, because parsing may fail.
fn wants_json(arguments: impl Iterator<Item = OsString>) -> bool {
    arguments.take_while(|argument| argument != "--").any(|argument| argument == "--json" || argument == "--jsonl")
}

/// The first paragraph of clap's text as one line, without its `error: `.
fn usage_error(text: &str) -> String {
    let paragraph = text.split("\n\n").next().unwrap_or_default();
    let line = paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
    line.strip_prefix("error: ").unwrap_or(&line).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::examples::tests as examples;

    #[test]
    fn every_command_has_examples_that_are_valid() {
        let mut paths = examples::paths(&CommandLine::command(), "");
        let mut documented = examples::documented_paths();
        paths.sort();
        documented.sort_unstable();
        assert_eq!(paths, documented);
        for line in examples::command_lines() {
            parsed(line.iter().map(OsString::from)).unwrap_or_else(|error| panic!("{line:?}: {error}"));
        }
    }

    #[test]
    fn command_line_definition_is_consistent() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn config_is_accepted_before_and_after_the_command() {
        for line in [["x", "--config", "a.toml", "serve"], ["x", "serve", "--config", "a.toml"]] {
            let line = CommandLine::try_parse_from(line).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(line.global.config, Some(PathBuf::from("a.toml")));
        }
    }

    #[test]
    fn json_after_two_dashes_is_a_positional_argument() {
        let has_json = |line: &str| wants_json(line.split(' ').map(OsString::from));
        assert!(has_json("x users list --json") && has_json("x audit --jsonl"));
        assert!(!has_json("x users list") && !has_json("x users show -- --json"));
    }
}
