//! Operation: start, migrations, shutdown, commands, and the commands and samples in the documents.

mod codes;
mod commands;
mod documents;
mod migration;
mod moving;
mod shutdown;
