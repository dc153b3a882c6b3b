//! Input validation: e-mail addresses, domains and settings.

mod addresses;
mod settings;
