//! Values parsed where they enter: addresses, domains, origins, URLs and settings.

mod addresses;
mod settings;
