//! Published advisories of comparable systems since 2025, re-enacted against this server: one test each, named after its number.
