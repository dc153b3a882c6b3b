//! Running the server: shutdown, background work, commands, and the documents' commands and samples.

mod codes;
mod commands;
mod documents;
mod migration;
mod moving;
mod shutdown;
