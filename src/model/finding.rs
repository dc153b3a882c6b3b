use serde::Serialize;

/// One thing that an operator's check looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub what: String,
    /// False where something must be fixed.
    pub ok: bool,
    /// What to fix; where it is `ok`, what else is worth a look.
    pub advice: Option<String>,
}

impl Finding {
    pub fn ok(what: impl Into<String>) -> Self {
        Self { what: what.into(), ok: true, advice: None }
    }

    pub fn warning(what: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { what: what.into(), ok: true, advice: Some(advice.into()) }
    }

    pub fn error(what: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { what: what.into(), ok: false, advice: Some(advice.into()) }
    }
}
