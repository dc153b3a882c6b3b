//! Running the server: shutdown, background work, commands.

mod shutdown;
