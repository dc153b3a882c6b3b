//! Row limits of the tables that unauthenticated callers can fill. A full table refuses new rows: a row that still protects a
//! login is never deleted to make room (SEC-44).
//!
//! The limits are checked before a code is claimed; a row is counted after it was written. Concurrent logins may exceed a
//! limit by a few rows.

use std::collections::HashMap;
use std::net::Ipv6Addr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use super::authorization_request;
use super::error::{LoginError, Refusal};
use crate::clock::UnixMillis;
use crate::settings::TableLimits;
use crate::store::LiveRows;

/// Share of an IPv6 /48, in shares of one address: a /48 may belong to one customer or to many.
const SITE_FACTOR: i64 = 2;
/// Networks that are counted. Further networks have only the limit of the whole table.
const MAX_NETWORKS: usize = 100_000;
const WARNING_INTERVAL: Duration = Duration::from_secs(60);

/// The row count of one table: incremented at each write, and read from the database by the sweeper, since other nodes write
/// too.
struct RowLimit {
    max: i64,
    rows: AtomicI64,
}

impl RowLimit {
    fn new(max: i64) -> Self {
        Self { max, rows: AtomicI64::new(0) }
    }

    fn is_full(&self) -> bool {
        self.rows.load(Ordering::Relaxed) >= self.max
    }

    fn check(&self) -> Result<(), LoginError> {
        if self.is_full() { Err(too_many()) } else { Ok(()) }
    }

    fn add(&self) {
        self.rows.fetch_add(1, Ordering::Relaxed);
    }

    fn remove(&self) {
        let decremented = |rows: i64| (rows > 0).then(|| rows - 1);
        // The count never becomes negative.
        let _unchanged = self.rows.fetch_update(Ordering::Relaxed, Ordering::Relaxed, decremented);
    }
}

/// Open authorization requests of the last ten minutes, by network of the caller's address.
#[derive(Default)]
struct ByNetwork {
    since: Option<UnixMillis>,
    open: HashMap<Network, i64>,
    last_warning: Option<UnixMillis>,
}

/// The networks that an address is counted under.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Network {
    /// An IPv4 address, or any other text that names a caller.
    Address(String),
    /// An IPv6 /64: it belongs to one caller.
    Subnet([u16; 4]),
    /// An IPv6 /48: it may belong to one caller.
    Site([u16; 3]),
}

impl Network {
    fn all_of(address: &str) -> Vec<Self> {
        match address.parse::<Ipv6Addr>().map(|address| address.segments()) {
            Ok([a, b, c, d, ..]) => vec![Self::Subnet([a, b, c, d]), Self::Site([a, b, c])],
            Err(_) => vec![Self::Address(address.to_owned())],
        }
    }
}

pub(super) struct Capacity {
    authorization_requests: RowLimit,
    used_codes: RowLimit,
    pending_logins: RowLimit,
    one_time_codes: RowLimit,
    by_network: Mutex<ByNetwork>,
    max_by_address: i64,
    max_networks: usize,
}

impl Capacity {
    pub fn new(limits: &TableLimits) -> Self {
        Self {
            authorization_requests: RowLimit::new(limits.authorization_requests),
            used_codes: RowLimit::new(limits.used_codes),
            pending_logins: RowLimit::new(limits.pending_logins),
            one_time_codes: RowLimit::new(limits.one_time_codes),
            by_network: Mutex::default(),
            max_by_address: limits.authorization_requests_per_address.into(),
            max_networks: MAX_NETWORKS,
        }
    }

    /// Sets the counts that were read from the database.
    pub fn refresh(&self, rows: &LiveRows) {
        for (limit, rows) in [
            (&self.authorization_requests, rows.authorization_requests),
            (&self.used_codes, rows.used_codes),
            (&self.pending_logins, rows.pending_logins),
            (&self.one_time_codes, rows.one_time_codes),
        ] {
            limit.rows.store(rows, Ordering::Relaxed);
        }
    }

    fn share_of(&self, network: &Network) -> i64 {
        if matches!(network, Network::Site(_)) { self.max_by_address * SITE_FACTOR } else { self.max_by_address }
    }

    /// Errors: `too_many_requests` when the table or the share of this address is full.
    pub fn check_authorization_request(&self, address: Option<&str>, now: UnixMillis) -> Result<(), LoginError> {
        let address = address.unwrap_or_default();
        let mut counted = self.counted(now);
        let is_full = self.authorization_requests.is_full();
        let has_share = Network::all_of(address)
            .iter()
            .all(|network| counted.open.get(network).is_none_or(|open| *open < self.share_of(network)));
        if !is_full && has_share {
            return Ok(());
        }
        if counted.is_warning_due(now) {
            if is_full {
                tracing::warn!("logins are refused with too_many_requests: too many authorization requests are open");
            } else {
                tracing::warn!(
                    address,
                    "logins of one address are refused with too_many_requests: it has MAX_AUTHORIZATION_REQUESTS_PER_ADDRESS \
                     open ones. If it is your own proxy, add it to TRUSTED_PROXIES"
                );
            }
        }
        Err(too_many())
    }

    /// Counts a stored authorization request of this address.
    pub fn add_authorization_request(&self, address: Option<&str>, now: UnixMillis) {
        self.authorization_requests.add();
        let mut counted = self.counted(now);
        for network in Network::all_of(address.unwrap_or_default()) {
            if counted.open.len() < self.max_networks || counted.open.contains_key(&network) {
                *counted.open.entry(network).or_default() += 1;
            }
        }
    }

    /// Uncounts an authorization request that this address completed: it protects nothing any more.
    pub fn finish_authorization_request(&self, address: Option<&str>, now: UnixMillis) {
        self.authorization_requests.remove();
        let mut counted = self.counted(now);
        for network in Network::all_of(address.unwrap_or_default()) {
            if let Some(open) = counted.open.get_mut(&network) {
                *open = (*open - 1).max(0);
            }
        }
    }

    fn counted(&self, now: UnixMillis) -> std::sync::MutexGuard<'_, ByNetwork> {
        let mut counted = self.by_network.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if counted.since.is_none_or(|since| since.plus(authorization_request::LIFETIME) <= now) {
            counted.since = Some(now);
            counted.open.clear();
        }
        counted
    }

    /// Errors: `too_many_requests`.
    pub fn check_used_codes(&self) -> Result<(), LoginError> {
        self.used_codes.check()
    }

    pub fn add_used_code(&self) {
        self.used_codes.add();
    }

    /// Errors: `too_many_requests`.
    pub fn check_pending_logins(&self) -> Result<(), LoginError> {
        self.pending_logins.check()
    }

    pub fn add_pending_login(&self) {
        self.pending_logins.add();
    }

    /// Errors: `too_many_requests`.
    pub fn check_one_time_codes(&self) -> Result<(), LoginError> {
        self.one_time_codes.check()
    }

    pub fn add_one_time_code(&self) {
        self.one_time_codes.add();
    }
}

impl ByNetwork {
    fn is_warning_due(&mut self, now: UnixMillis) -> bool {
        let is_due = self.last_warning.is_none_or(|last| last.plus(WARNING_INTERVAL) <= now);
        if is_due {
            self.last_warning = Some(now);
        }
        is_due
    }
}

fn too_many() -> LoginError {
    LoginError::new(Refusal::TooManyRequests, "Too many logins are in progress. Try again in a minute.")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis(1_000_000);

    fn with_max(authorization_requests: i64, authorization_requests_per_address: u32) -> Capacity {
        Capacity::new(&TableLimits {
            authorization_requests,
            authorization_requests_per_address,
            used_codes: 3,
            pending_logins: 1,
            one_time_codes: 1,
            kept_rows: 1,
        })
    }

    fn refused(result: Result<(), LoginError>) -> bool {
        result.is_err_and(|error| error.refusal == Refusal::TooManyRequests)
    }

    /// Whether a new authorization request of this address is refused.
    fn refuses(capacity: &Capacity, address: &str, now: UnixMillis) -> bool {
        let is_refused = refused(capacity.check_authorization_request(Some(address), now));
        if !is_refused {
            capacity.add_authorization_request(Some(address), now);
        }
        is_refused
    }

    #[test]
    fn fault_a9_a_full_table_refuses_new_rows() {
        let capacity = with_max(20, 2);
        capacity.refresh(&LiveRows { authorization_requests: 20, used_codes: 2, ..LiveRows::default() });
        assert!(refuses(&capacity, "192.0.2.1", NOW));
        assert!(!refused(capacity.check_used_codes()));
        capacity.add_used_code();
        assert!(refused(capacity.check_used_codes()));
        capacity.refresh(&LiveRows::default());
        assert!(!refused(capacity.check_used_codes()));
        assert!(!refuses(&capacity, "192.0.2.1", NOW));
    }

    #[test]
    fn fault_a9_one_address_cannot_fill_the_table() {
        let capacity = with_max(20, 2);
        let add = |address| refuses(&capacity, address, NOW);
        assert_eq!([(); 3].map(|()| add("2001:db8::1")), [false, false, true]);
        assert!(add("2001:db8::2"), "the same /64");
        assert!(!add("2001:db8:0:1::1") && !add("192.0.2.1"), "another address is not limited");
        capacity.finish_authorization_request(Some("2001:db8::1"), NOW);
        assert!(!add("2001:db8::1"), "a finished one no longer counts");
        let later = NOW.plus(Duration::from_secs(600));
        assert!(!refuses(&capacity, "2001:db8::1", later), "nor does one that has expired");
    }

    #[test]
    fn fault_a9_one_ipv6_site_cannot_fill_the_table() {
        let capacity = with_max(20, 2);
        let added = (0..8).filter(|subnet| !refuses(&capacity, &format!("2001:db8:0:{subnet:x}::1"), NOW));
        assert_eq!(added.count(), 4, "twice the share of an address");
        assert!(!refuses(&capacity, "2001:db8:1::1", NOW), "another /48 is not limited");
    }

    #[test]
    fn fault_a9_uncounted_networks_have_only_the_table_limit() {
        let capacity = Capacity { max_networks: 2, ..with_max(20, 2) };
        assert!(!refuses(&capacity, "2001:db8::1", NOW));
        let others = (0..10).filter(|n| !refuses(&capacity, &format!("192.0.2.{n}"), NOW));
        assert_eq!(others.count(), 10);
        let again = (0..2).filter(|_| !refuses(&capacity, "192.0.2.1", NOW));
        assert_eq!(again.count(), 2, "it has no share");
        // A network that is counted already keeps its limit.
        assert_eq!([(); 2].map(|()| refuses(&capacity, "2001:db8::2", NOW)), [false, true]);
        // The limit of the table applies to all.
        let left = (0..20).filter(|n| !refuses(&capacity, &format!("198.51.100.{n}"), NOW));
        assert_eq!(left.count(), 6);
    }

    #[test]
    fn unstored_and_finished_requests_do_not_count() {
        let capacity = with_max(2, 1);
        for _ in 0..5 {
            assert!(!refused(capacity.check_authorization_request(Some("192.0.2.1"), NOW)));
        }
        for n in 0..5 {
            let address = format!("192.0.2.{n}");
            assert!(!refuses(&capacity, &address, NOW));
            capacity.finish_authorization_request(Some(&address), NOW);
        }
        capacity.finish_authorization_request(Some("192.0.2.1"), NOW);
        let added = (10..20).filter(|n| !refuses(&capacity, &format!("192.0.2.{n}"), NOW));
        assert_eq!(added.count(), 2, "finishing twice does not make room for a third");
    }

    #[test]
    fn a_warning_is_logged_once_a_minute() {
        let mut counted = ByNetwork::default();
        let later = |seconds| NOW.plus(Duration::from_secs(seconds));
        let due = [0, 1, 59, 60, 61, 119, 120].map(|seconds| counted.is_warning_due(later(seconds)));
        assert_eq!(due, [true, false, false, true, false, false, true]);
    }
}
