//! The result of one check of `doctor` or `providers check`.

use serde::Serialize;

/// The result of one check of `doctor` or `providers check`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was checked.
    pub what: String,
    /// False when something must be fixed.
    pub ok: bool,
    /// What to fix, or what to check when it is `ok`.
    pub advice: Option<String>,
}

impl Finding {
    /// Nothing to do.
    pub fn ok(what: impl Into<String>) -> Self {
        Self { what: what.into(), ok: true, advice: None }
    }

    /// It works; the operator should check that it is intended.
    pub fn warning(what: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { what: what.into(), ok: true, advice: Some(advice.into()) }
    }

    /// It must be fixed.
    pub fn error(what: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { what: what.into(), ok: false, advice: Some(advice.into()) }
    }
}
