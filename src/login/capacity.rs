//! Bounds of the tables that callers without a credential can fill. A full table refuses new rows: a row that still
//! protects something is never deleted to make room (SEC-44).
//!
//! Room is checked before anything is spent, and counted once the row is written. Logins that pass the check at the same
//! time may exceed a bound by a few rows.

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

/// One /48 of IPv6 may have more than one address: it is what one customer can get, and what many customers can share.
const SITE_FACTOR: i64 = 2;
/// Networks that are counted. Beyond them, only the bound of the whole table holds.
const MAX_NETWORKS: usize = 100_000;
const WARN_EVERY: Duration = Duration::from_secs(60);

/// Rows of one table: counted here as they are written, and by the sweeper in the database, where other nodes write too.
struct Bound {
    max: i64,
    rows: AtomicI64,
}

impl Bound {
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
        let fewer = |rows: i64| (rows > 0).then(|| rows - 1);
        // An update that finds nothing to remove leaves the count at zero.
        let _unchanged = self.rows.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fewer);
    }
}

/// Authorization requests of the last ten minutes that are not finished, by the networks of the caller's address.
#[derive(Default)]
struct ByNetwork {
    since: Option<UnixMillis>,
    open: HashMap<Network, i64>,
    warned: Option<UnixMillis>,
}

/// What an address is counted under.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Network {
    /// An IPv4 address, or whatever else names a caller.
    Address(String),
    /// Of IPv6: one caller has all of it.
    Subnet([u16; 4]),
    /// Of IPv6: one caller may have all of it.
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
    authorization_requests: Bound,
    used_codes: Bound,
    pending_logins: Bound,
    one_time_codes: Bound,
    by_network: Mutex<ByNetwork>,
    max_by_address: i64,
    max_networks: usize,
}

impl Capacity {
    pub fn new(limits: &TableLimits) -> Self {
        Self {
            authorization_requests: Bound::new(limits.authorization_requests),
            used_codes: Bound::new(limits.used_codes),
            pending_logins: Bound::new(limits.pending_logins),
            one_time_codes: Bound::new(limits.one_time_codes),
            by_network: Mutex::default(),
            max_by_address: limits.authorization_requests_per_address.into(),
            max_networks: MAX_NETWORKS,
        }
    }

    /// What the database holds now.
    pub fn refresh(&self, rows: &LiveRows) {
        for (bound, rows) in [
            (&self.authorization_requests, rows.authorization_requests),
            (&self.used_codes, rows.used_codes),
            (&self.pending_logins, rows.pending_logins),
            (&self.one_time_codes, rows.one_time_codes),
        ] {
            bound.rows.store(rows, Ordering::Relaxed);
        }
    }

    fn share_of(&self, network: &Network) -> i64 {
        if matches!(network, Network::Site(_)) { self.max_by_address * SITE_FACTOR } else { self.max_by_address }
    }

    /// Whether an authorization request of this address has room. Errors: `too_many_requests`.
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
                tracing::warn!("logins are refused with too_many_requests: too many are open");
            } else {
                tracing::warn!(
                    address,
                    "the logins of one address are refused with too_many_requests: it has its share of the open ones. If it \
                     is your own proxy, name it in TRUSTED_PROXIES"
                );
            }
        }
        Err(too_many())
    }

    /// An authorization request of this address was stored.
    pub fn add_authorization_request(&self, address: Option<&str>, now: UnixMillis) {
        self.authorization_requests.add();
        let mut counted = self.counted(now);
        for network in Network::all_of(address.unwrap_or_default()) {
            if counted.open.len() < self.max_networks || counted.open.contains_key(&network) {
                *counted.open.entry(network).or_default() += 1;
            }
        }
    }

    /// One that was finished by this address protects nothing any more.
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
        let is_due = self.warned.is_none_or(|warned| warned.plus(WARN_EVERY) <= now);
        if is_due {
            self.warned = Some(now);
        }
        is_due
    }
}

fn too_many() -> LoginError {
    LoginError::new(Refusal::TooManyRequests, "There are too many logins under way. Try again in a minute.")
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
    fn fault_a9_one_address_fills_no_table() {
        let capacity = with_max(20, 2);
        let add = |address| refuses(&capacity, address, NOW);
        assert_eq!([(); 3].map(|()| add("2001:db8::1")), [false, false, true]);
        assert!(add("2001:db8::2"), "the same /64");
        assert!(!add("2001:db8:0:1::1") && !add("192.0.2.1"), "another address is not shut out");
        capacity.finish_authorization_request(Some("2001:db8::1"), NOW);
        assert!(!add("2001:db8::1"), "a finished one counts no more");
        let later = NOW.plus(Duration::from_secs(600));
        assert!(!refuses(&capacity, "2001:db8::1", later), "nor does one that has expired");
    }

    #[test]
    fn fault_a9_one_site_of_ipv6_fills_no_table() {
        let capacity = with_max(20, 2);
        let added = (0..8).filter(|subnet| !refuses(&capacity, &format!("2001:db8:0:{subnet:x}::1"), NOW));
        assert_eq!(added.count(), 4, "twice the share of an address");
        assert!(!refuses(&capacity, "2001:db8:1::1", NOW), "another /48 is not shut out");
    }

    #[test]
    fn fault_a9_callers_beyond_the_counted_ones_share_no_bound() {
        let capacity = Capacity { max_networks: 2, ..with_max(20, 2) };
        assert!(!refuses(&capacity, "2001:db8::1", NOW));
        let others = (0..10).filter(|n| !refuses(&capacity, &format!("192.0.2.{n}"), NOW));
        assert_eq!(others.count(), 10);
        // One that is counted already stays bounded, by its network.
        assert_eq!([(); 2].map(|()| refuses(&capacity, "2001:db8::2", NOW)), [false, true]);
        // The bound of the table holds for all.
        let left = (0..20).filter(|n| !refuses(&capacity, &format!("198.51.100.{n}"), NOW));
        assert_eq!(left.count(), 8);
    }

    #[test]
    fn what_is_not_stored_or_is_finished_takes_no_room() {
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
        assert_eq!(added.count(), 2, "what is finished twice makes no room for a third");
    }

    #[test]
    fn a_warning_is_logged_once_a_minute() {
        let mut counted = ByNetwork::default();
        let later = |seconds| NOW.plus(Duration::from_secs(seconds));
        let due = [0, 1, 59, 60, 61, 119, 120].map(|seconds| counted.is_warning_due(later(seconds)));
        assert_eq!(due, [true, false, false, true, false, false, true]);
    }
}
