//! The commands. Each reads what it needs, says what is wrong by name, and ends with 0, with 2 for a mistake in the
//! settings or the command line, or with 1 for anything else.
//!
//! | file | commands |
//! |---|---|
//! | `serve.rs` | `serve`, `migrate` |
//! | `dev.rs`, `place.rs` | `dev`, and where it keeps its data between two runs |
//! | `import.rs` | `import django` |
//! | `init.rs`, `providers.rs` | `init`; `providers list`, `providers show` |
//! | `check.rs`, `doctor.rs` | `providers check`; `doctor` |
//! | `users.rs`, `keys.rs`, `audit.rs`, `webhooks.rs` | the commands of these names |
//! | `database.rs`, `failure.rs`, `table.rs`, `terminal.rs`, `logging.rs`, `signals.rs` | what they share |

mod audit;
mod database;
mod dev;
mod dev_directory;
mod doctor;
mod failure;
mod import;
mod init;
mod keys;
mod logging;
mod provider_check;
mod provider_probe;
mod providers;
mod serve;
mod signals;
mod table;
mod terminal;
mod users;
mod webhooks;

use std::future::Future;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};
use serde::Serialize;
use tokio::net::TcpListener;

use crate::clock::Deps;
use crate::hook::Webhook;
use crate::http::{self, DocumentFormat};
use crate::outgoing::{self, Client};
use crate::provider::{self, Providers};
use crate::server::listen;
use crate::settings::{Mode, OutgoingRules, SettingError, Settings, Sources, read_with_errors};
use crate::store::StoreError;

/// Sign in with X for any front-end: a social login server in one binary.
#[derive(Parser)]
#[command(name = "rest-social-auth", version)]
struct CommandLine {
    #[command(flatten)]
    everywhere: Everywhere,
    #[command(subcommand)]
    command: Command,
}

#[derive(Args)]
struct Everywhere {
    /// The settings file; every setting can also come from the environment, which wins
    #[arg(long, global = true, value_name = "FILE", env = "REST_SOCIAL_AUTH_CONFIG")]
    config: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Command {
    /// Run the server
    Serve {
        /// Where to listen, instead of LISTEN
        #[arg(long, value_name = "ADDR:PORT")]
        listen: Option<String>,
        /// Leave the database's schema as it is
        #[arg(long)]
        no_migrate: bool,
    },
    /// Try it out on this machine: SQLite, a demo provider with made-up people, example pages
    Dev {
        /// Serve https with a certificate made for this machine
        #[arg(long)]
        tls: bool,
    },
    /// Bring the database's schema up to this release
    Migrate,
    /// Print the OpenAPI document: the stock one, or with --config as a server with these settings serves it
    Openapi {
        #[arg(long, value_enum, default_value_t = Format::Yaml)]
        format: Format,
    },
    /// Write a commented settings file with safe defaults and a fresh secret key
    Init {
        /// Where to, if not the file of --config or rest-social-auth.toml; `-` is the standard output
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// What is known of the providers, and whether the configured ones answer
    #[command(subcommand)]
    Providers(providers::Command),
    /// Look at the whole configuration, the database and the providers, and say what to fix
    Doctor {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Who is here, and what they signed in with
    #[command(subcommand)]
    Users(users::Command),
    /// The keys that seal what is kept of providers
    #[command(subcommand)]
    Keys(keys::Command),
    /// What happened: logins, refusals, links, logouts; the newest first
    #[command(args_conflicts_with_subcommands = true)]
    Audit(audit::Command),
    /// What your own software was told, or could not be
    #[command(subcommand)]
    Webhooks(webhooks::Command),
    /// Move in from elsewhere
    #[command(subcommand)]
    Import(import::Command),
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Yaml,
    Json,
}

/// Why a command ended early.
enum Failure {
    /// Told one a line, each by its name.
    Settings(Vec<SettingError>),
    Other(String),
}

impl From<Vec<SettingError>> for Failure {
    fn from(errors: Vec<SettingError>) -> Self {
        Self::Settings(errors)
    }
}

impl From<SettingError> for Failure {
    fn from(error: SettingError) -> Self {
        Self::Settings(vec![error])
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Other(error.to_string())
    }
}

pub fn main() -> ExitCode {
    let json = failure::wants_json(std::env::args_os());
    let mut line = CommandLine::try_parse().unwrap_or_else(|error| {
        if json && error.use_stderr() {
            failure::print_json(&Failure::Other(failure::usage_error(&error.to_string())));
        }
        error.exit()
    });
    // An empty variable names no file.
    line.everywhere.config.take_if(|path| path.as_os_str().is_empty());
    let overlooked = line.everywhere.config.is_none() && Path::new(init::FILE).exists();
    outgoing::install_crypto();
    let Err(failure) = run(line) else { return ExitCode::SUCCESS };
    if json {
        failure::print_json(&failure);
    }
    match failure {
        Failure::Settings(errors) => {
            for error in errors {
                eprintln!("error: {}", error.to_string().replace('\n', " "));
            }
            if overlooked {
                eprintln!("note: there is a {0} here, which is read only when it is named: --config {0}", init::FILE);
            }
            ExitCode::from(2)
        }
        Failure::Other(problem) => {
            eprintln!("error: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn run(line: CommandLine) -> Result<(), Failure> {
    let config = line.everywhere.config;
    let deps = Deps::system();
    match line.command {
        Command::Serve { listen, no_migrate } => block_on(serve::serve(config.as_deref(), listen, !no_migrate, deps)),
        Command::Dev { tls } => block_on(dev::dev(config.as_deref(), tls, deps)),
        Command::Migrate => block_on(serve::migrate(config.as_deref())),
        Command::Openapi { format } => openapi(config.as_deref(), format),
        Command::Init { output } => {
            let output = output.or(config).unwrap_or_else(|| PathBuf::from(init::FILE));
            init::init(&output, &deps)
        }
        Command::Providers(command) => block_on(providers::run(command, config.as_deref(), deps)),
        Command::Doctor { json } => block_on(doctor::run(json, config.as_deref(), deps)),
        Command::Users(command) => block_on(users::run(command, config.as_deref(), deps)),
        Command::Keys(command) => block_on(keys::run(command, config.as_deref(), deps)),
        Command::Audit(command) => block_on(audit::run(command, config.as_deref(), deps)),
        Command::Webhooks(command) => block_on(webhooks::run(command, config.as_deref(), deps)),
        Command::Import(command) => block_on(import::run(command, config.as_deref(), deps)),
    }
}

fn openapi(config: Option<&Path>, format: Format) -> Result<(), Failure> {
    let format = match format {
        Format::Yaml => DocumentFormat::Yaml,
        Format::Json => DocumentFormat::Json,
    };
    if config.is_none() {
        return print(&http::document(format));
    }
    let shown = ["REST_SOCIAL_USER_FIELDS", "SIMPLE_JWT_ACCESS_TOKEN_LIFETIME", "SOCIAL_AUTH_REQUESTS_TIMEOUT"];
    print(&http::document_with(&database::settings_of(config, &shown)?, format))
}

/// One worker for each core that this process may use.
fn block_on(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Other(format!("the runtime cannot be started: {error}")))?;
    let done = runtime.block_on(work);
    // Blocking work, such as a host name that does not resolve, must not keep the process.
    runtime.shutdown_background();
    done
}

/// Writes to the standard output, with a line's end; a reader that has seen enough is no failure.
fn print(text: &str) -> Result<(), Failure> {
    failure::note_output();
    let mut out = std::io::stdout().lock();
    let end = if text.ends_with('\n') { "" } else { "\n" };
    match out.write_all(text.as_bytes()).and_then(|()| out.write_all(end.as_bytes())).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::Other(format!("the standard output cannot be written: {error}")))
        }
        _ => Ok(()),
    }
}

/// Variables whose text is no Unicode are left out: none of the settings can be such.
fn environment() -> Vec<(String, String)> {
    std::env::vars_os().filter_map(|(name, text)| Some((name.into_string().ok()?, text.into_string().ok()?))).collect()
}

/// For a command that needs less than a server does: it decides which mistakes are its own.
fn settings_with_mistakes(config: Option<&Path>) -> (Settings, Vec<SettingError>) {
    let catalog = provider::catalog_names();
    read_with_errors(&Sources {
        mode: Mode::Serve,
        defaults: toml::Table::new(),
        file: config,
        environment: environment(),
        catalog: &catalog,
        steps: &[],
        fields: &[],
    })
}

fn pretty(value: &impl Serialize) -> Result<String, Failure> {
    serde_json::to_string_pretty(value).map_err(|error| Failure::Other(error.to_string()))
}

/// Reads the settings; where there are mistakes, those in providers and certificates are told with them.
fn settings(
    mode: Mode,
    defaults: toml::Table,
    config: Option<&Path>,
    environment: Vec<(String, String)>,
    deps: &Deps,
) -> Result<Settings, Failure> {
    let catalog = provider::catalog_names();
    let (settings, mut errors) = read_with_errors(&Sources {
        mode,
        defaults,
        file: config,
        environment,
        catalog: &catalog,
        steps: &[],
        fields: &[],
    });
    if errors.is_empty() {
        return Ok(settings);
    }
    let further = mistakes_elsewhere(&settings, deps);
    let is_new = |error: &SettingError| !errors.iter().any(|told| told.name == error.name);
    let further: Vec<SettingError> = further.into_iter().filter(is_new).collect();
    errors.extend(further);
    Err(Failure::Settings(errors))
}

/// What certificates, webhooks and providers have to say of the settings.
fn mistakes_elsewhere(settings: &Settings, deps: &Deps) -> Vec<SettingError> {
    let mut errors = Vec::new();
    if let Some(client) = client(settings, &mut errors) {
        errors.extend(Providers::from_settings(settings, &client, deps).err().unwrap_or_default());
        errors.extend(Webhook::new(settings, deps).err());
    }
    errors
}

/// Where certificates are what is wrong, one without them.
fn client(settings: &Settings, errors: &mut Vec<SettingError>) -> Option<Client> {
    let client = Client::new(&settings.outgoing).or_else(|error| {
        errors.push(error);
        Client::new(&OutgoingRules { extra_roots: None, ..settings.outgoing.clone() })
    });
    client.ok()
}

fn bind(listen: SocketAddr, reuse_port: bool) -> Result<TcpListener, SettingError> {
    listen::bind(listen, reuse_port).map_err(|error| {
        let problem = match error.kind() {
            std::io::ErrorKind::AddrInUse => {
                format!(
                    "another program listens on {listen}; stop it or choose another, such as LISTEN={}",
                    next(listen)
                )
            }
            _ => format!("cannot listen on {listen}: {error}"),
        };
        SettingError::new("LISTEN", problem)
    })
}

fn next(listen: SocketAddr) -> SocketAddr {
    SocketAddr::new(listen.ip(), listen.port().checked_add(10).unwrap_or(8000))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn the_settings_file_may_stand_before_or_after_the_command() {
        for line in [["x", "--config", "a.toml", "serve"], ["x", "serve", "--config", "a.toml"]] {
            let line = CommandLine::try_parse_from(line).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(line.everywhere.config, Some(PathBuf::from("a.toml")));
        }
    }
}
