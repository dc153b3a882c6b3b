//! The id of the request that is being answered.

tokio::task_local! {
    /// Set by the outermost middleware for each request.
    pub static REQUEST_ID: String;
}

/// The id of the current request; `None` outside of one.
pub fn current_request_id() -> Option<String> {
    REQUEST_ID.try_with(Clone::clone).ok()
}
