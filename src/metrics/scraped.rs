//! Values that are not counted, but read when Prometheus asks.

/// Values that are read at the moment of a scrape. `None`: not known at present.
#[derive(Clone, Copy, Debug, Default)]
pub struct Scraped {
    /// Connections to the database.
    pub pool: Option<PoolConnections>,
    /// Webhook events that wait for their delivery.
    pub webhook_queue: Option<i64>,
}

/// Connections to the database, of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolConnections {
    /// Connections that are open and not used.
    pub idle: usize,
    /// Connections that a call uses.
    pub used: usize,
}
