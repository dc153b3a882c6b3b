//! The commands of the binary.
//!
//! | file | content |
//! |---|---|
//! | `command_line.rs` | the arguments of all commands, and the exit code |
//! | `serve.rs` | `serve`, `migrate` |
//! | `dev.rs`, `dev_directory.rs`, `dev_seed.rs` | `dev`, the directory that keeps its data, and its first users |
//! | `import.rs`, `init.rs`, `openapi.rs` | `import django`, `init`, `openapi` |
//! | `providers.rs`, `provider_check.rs`, `provider_probe.rs`, `provider_guide.rs`, `provider_simulation.rs` | `providers list`, `show`, `check` and `guide` |
//! | `doctor.rs`, `healthcheck.rs`, `backup.rs` | the commands of these names |
//! | `shell_files.rs` | `completions`, `man` |
//! | `users.rs`, `keys.rs`, `services.rs`, `audit.rs`, `webhooks.rs` | the commands of these names |
//! | `configuration.rs`, `database.rs` | settings and database of a command |
//! | `examples.rs`, `confirmation.rs` | the examples of `--help`, the question before what cannot be undone |
//! | `trace_export.rs`, `trace_spans.rs` | traces for an OpenTelemetry collector |
//! | `failure.rs`, `output.rs`, `progress.rs`, `terminal.rs`, `time_span.rs`, `logging.rs`, `log_writer.rs`, `signals.rs` | parts that several commands use |

mod audit;
mod backup;
mod command_line;
mod configuration;
mod confirmation;
mod database;
mod dev;
mod dev_directory;
mod dev_seed;
mod doctor;
mod examples;
mod failure;
mod healthcheck;
mod import;
mod init;
mod keys;
mod log_writer;
mod logging;
mod openapi;
mod output;
mod progress;
mod provider_check;
mod provider_guide;
mod provider_probe;
mod provider_simulation;
mod providers;
mod serve;
mod services;
mod shell_files;
mod signals;
mod terminal;
mod time_span;
mod trace_export;
mod trace_spans;
mod users;
mod webhooks;

pub use self::command_line::main;
