//! (being built) poem-openapi definitions only.
mod body;
mod problem;

/// The OpenAPI document of the stock model, as `rest-social-auth openapi` prints it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DocumentFormat {
    Yaml,
    Json,
}

/// Needs no database and no configuration.
pub fn document(format: DocumentFormat) -> String {
    let _ = format;
    todo!()
}
