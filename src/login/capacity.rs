//! Row limits of the tables that unauthenticated callers can fill. A full table refuses new rows: a row that still protects a
//! login is never deleted to make room (SEC-44).
//!
//! A caller without an account can write authorization requests and used codes, so these have a share for each address, too. Pending
//! logins and one-time codes need an identity that a provider confirmed.
//!
//! Each node counts its own writes, and reads the rows of all nodes once a minute. So together `n` nodes may exceed a limit by what
//! `n - 1` of them write within a minute, and an address that reaches all of them has `n` shares. The rate limits, which all nodes
//! share, are the tighter bound of an address; the shares hold where an operator has turned them off.
//!
//! A claim that is kept for hours, such as one on a signed request, would outlive these counts. An address has a share of them that
//! is counted in the rows.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::error::{LoginError, Refusal};
use super::network_counts::NetworkCounts;
use crate::clock::UnixMillis;
use crate::model::Network;
use crate::secrets::Digest;
use crate::settings::TableLimits;
use crate::store::LiveRows;

const WARNING_INTERVAL: Duration = Duration::from_secs(60);
/// Claims of an address that are kept for hours: one of so many of MAX_USED_CODES_PER_ADDRESS. Few, because the rows are counted at
/// each such login.
const LONG_LIVED_PART: u32 = 10;

/// The row count of one table.
struct RowLimit {
    max: i64,
    rows: AtomicI64,
}

impl RowLimit {
    fn new(max: i64) -> Self {
        Self { max, rows: AtomicI64::new(0) }
    }

    /// Errors: `too_many_requests`.
    fn check(&self) -> Result<(), LoginError> {
        if self.rows.load(Ordering::Relaxed) >= self.max { Err(too_many()) } else { Ok(()) }
    }

    /// Counts a row if there is room for it.
    fn try_add(&self) -> bool {
        let incremented = |rows: i64| (rows < self.max).then(|| rows + 1);
        self.rows.fetch_update(Ordering::Relaxed, Ordering::Relaxed, incremented).is_ok()
    }

    fn add(&self) {
        self.rows.fetch_add(1, Ordering::Relaxed);
    }

    fn remove(&self) {
        let decremented = |rows: i64| (rows > 0).then(|| rows - 1);
        // The count never becomes negative.
        let _unchanged = self.rows.fetch_update(Ordering::Relaxed, Ordering::Relaxed, decremented);
    }

    /// `counted`: the rows in the database. `before`: the count when they began to be read. Rows that were added since may not be
    /// among them, so they count once more.
    fn refresh(&self, before: i64, counted: i64) {
        self.rows.fetch_add(counted - before, Ordering::Relaxed);
    }
}

/// The row count of one table, and its part for each network.
struct SharedLimit {
    all: RowLimit,
    max_by_address: i64,
    by_network: Mutex<NetworkCounts>,
    last_warning: Mutex<Option<UnixMillis>>,
    /// What is refused, and the setting of the share.
    rows: &'static str,
    share: &'static str,
}

impl SharedLimit {
    fn new(max: i64, max_by_address: u32, [rows, share]: [&'static str; 2]) -> Self {
        Self {
            all: RowLimit::new(max),
            max_by_address: max_by_address.into(),
            by_network: Mutex::default(),
            last_warning: Mutex::default(),
            rows,
            share,
        }
    }

    /// Counts a row of this address before it is written.
    ///
    /// Errors: `too_many_requests` when the table or the share of this address is full.
    fn reserve(&self, address: Option<&str>, now: UnixMillis) -> Result<Reservation<'_>, LoginError> {
        let networks: Vec<Network> = Network::of_text(address).counted().collect();
        if !self.all.try_add() {
            self.warn(now, || {
                tracing::warn!("logins are refused with too_many_requests: too many {} are stored", self.rows);
            });
            return Err(too_many());
        }
        let mut by_network = self.by_network.lock().unwrap_or_else(PoisonError::into_inner);
        if networks.iter().any(|network| by_network.count(network, now) >= self.share_of(*network)) {
            drop(by_network);
            self.all.remove();
            self.warn(now, || {
                tracing::warn!(
                    address,
                    "logins of one address are refused with too_many_requests: it has {} {}. If it is your own proxy, add it \
                     to TRUSTED_PROXIES",
                    self.share,
                    self.rows
                );
            });
            return Err(too_many());
        }
        networks.iter().for_each(|network| by_network.add(network, now));
        Ok(Reservation { limit: self, networks, created: now, is_kept: false })
    }

    fn remove(&self, networks: &[Network], created: UnixMillis) {
        self.all.remove();
        let mut by_network = self.by_network.lock().unwrap_or_else(PoisonError::into_inner);
        networks.iter().for_each(|network| by_network.remove(network, created));
    }

    fn share_of(&self, network: Network) -> i64 {
        self.max_by_address * i64::from(network.shares())
    }

    fn warn(&self, now: UnixMillis, log: impl FnOnce()) {
        let mut last = self.last_warning.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_none_or(|last| last.plus(WARNING_INTERVAL) <= now) {
            *last = Some(now);
            log();
        }
    }
}

/// A row that counts, although it may not be written yet. Dropped without [`Self::keep`], it no longer counts.
pub(super) struct Reservation<'a> {
    limit: &'a SharedLimit,
    networks: Vec<Network>,
    created: UnixMillis,
    is_kept: bool,
}

impl Reservation<'_> {
    /// The row was written.
    pub fn keep(mut self) {
        self.is_kept = true;
    }
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        if !self.is_kept {
            self.limit.remove(&self.networks, self.created);
        }
    }
}

pub(super) struct Capacity {
    authorization_requests: SharedLimit,
    used_codes: SharedLimit,
    pending_logins: RowLimit,
    one_time_codes: RowLimit,
}

impl Capacity {
    pub fn new(limits: &TableLimits) -> Self {
        let (requests, requests_by_address) =
            (limits.authorization_requests, limits.authorization_requests_per_address);
        let requests_texts = ["authorization requests", "MAX_AUTHORIZATION_REQUESTS_PER_ADDRESS"];
        let codes_texts = ["used codes", "MAX_USED_CODES_PER_ADDRESS"];
        Self {
            authorization_requests: SharedLimit::new(requests, requests_by_address, requests_texts),
            used_codes: SharedLimit::new(limits.used_codes, limits.used_codes_per_address, codes_texts),
            pending_logins: RowLimit::new(limits.pending_logins),
            one_time_codes: RowLimit::new(limits.one_time_codes),
        }
    }

    /// The present counts, for [`Self::refresh`].
    pub fn counts(&self) -> LiveRows {
        let [authorization_requests, used_codes, pending_logins, one_time_codes] =
            self.limits().map(|limit| limit.rows.load(Ordering::Relaxed));
        LiveRows { authorization_requests, used_codes, pending_logins, one_time_codes }
    }

    /// Sets the counts that were read from the database. `before`: the counts when the reading began.
    pub fn refresh(&self, before: &LiveRows, rows: &LiveRows) {
        let numbers =
            |rows: &LiveRows| [rows.authorization_requests, rows.used_codes, rows.pending_logins, rows.one_time_codes];
        for (limit, (before, rows)) in self.limits().into_iter().zip(numbers(before).into_iter().zip(numbers(rows))) {
            limit.refresh(before, rows);
        }
    }

    fn limits(&self) -> [&RowLimit; 4] {
        [&self.authorization_requests.all, &self.used_codes.all, &self.pending_logins, &self.one_time_codes]
    }

    /// Counts an authorization request of this address before it is written.
    ///
    /// Errors: `too_many_requests` when the table or the share of this address is full.
    pub fn reserve_authorization_request(
        &self,
        address: Option<&str>,
        now: UnixMillis,
    ) -> Result<Reservation<'_>, LoginError> {
        self.authorization_requests.reserve(address, now)
    }

    /// Uncounts an authorization request that this address completed: it protects nothing any more. `created`: when it was written.
    pub fn finish_authorization_request(&self, address: Option<&str>, created: UnixMillis) {
        let networks: Vec<Network> = Network::of_text(address).counted().collect();
        self.authorization_requests.remove(&networks, created);
    }

    /// Counts a used code of this address before it is written.
    ///
    /// Errors: `too_many_requests` when the table or the share of this address is full.
    pub fn reserve_used_code(&self, address: Option<&str>, now: UnixMillis) -> Result<Reservation<'_>, LoginError> {
        self.used_codes.reserve(address, now)
    }

    /// The network that a claim of this address counts for as long as it is stored, and how many claims it may have. An IPv6 /64
    /// counts for its /48.
    pub fn long_lived_share(&self, address: Option<&str>) -> (Digest, i64) {
        let network = Network::of_text(address);
        let network = network.counted().last().unwrap_or(network);
        let max = self.used_codes.share_of(network) / i64::from(LONG_LIVED_PART);
        (Digest::of_parts(&[b"owner of a claim", network.to_string().as_bytes()]), max.max(1))
    }

    /// `stored`: the claims of this address that are kept for hours. `max`: its share.
    ///
    /// Errors: `too_many_requests`.
    pub fn check_long_lived(
        &self,
        address: Option<&str>,
        stored: i64,
        max: i64,
        now: UnixMillis,
    ) -> Result<(), LoginError> {
        if stored < max {
            return Ok(());
        }
        self.used_codes.warn(now, || {
            tracing::warn!(
                address,
                "logins of one address are refused with too_many_requests: of its used codes, {stored} are kept for hours, a tenth \
                 of MAX_USED_CODES_PER_ADDRESS. If it is your own proxy, add it to TRUSTED_PROXIES"
            );
        });
        Err(too_many())
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
            used_codes_per_address: 2,
            pending_logins: 1,
            one_time_codes: 1,
            kept_rows: 1,
        })
    }

    fn refused<T>(result: Result<T, LoginError>) -> bool {
        result.is_err_and(|error| error.refusal == Refusal::TooManyRequests)
    }

    /// Whether a new authorization request of this address is refused.
    fn refuses(capacity: &Capacity, address: &str, now: UnixMillis) -> bool {
        refused(capacity.reserve_authorization_request(Some(address), now).map(Reservation::keep))
    }

    fn refuses_code(capacity: &Capacity, address: &str) -> bool {
        refused(capacity.reserve_used_code(Some(address), NOW).map(Reservation::keep))
    }

    #[test]
    fn fault_a9_a_full_table_refuses_new_rows() {
        let capacity = with_max(20, 2);
        let full = LiveRows { authorization_requests: 20, used_codes: 2, ..LiveRows::default() };
        capacity.refresh(&capacity.counts(), &full);
        assert!(refuses(&capacity, "192.0.2.1", NOW));
        assert!(!refuses_code(&capacity, "192.0.2.1") && refuses_code(&capacity, "192.0.2.2"));
        capacity.refresh(&capacity.counts(), &LiveRows::default());
        assert!(!refuses_code(&capacity, "192.0.2.1") && !refuses(&capacity, "192.0.2.1", NOW));
    }

    #[test]
    fn sec_44_rows_that_are_written_while_the_rows_are_counted_are_not_forgotten() {
        let capacity = with_max(5, 5);
        let before = capacity.counts();
        (0..2).for_each(|_| assert!(!refuses(&capacity, "192.0.2.1", NOW)));
        capacity.refresh(&before, &LiveRows { authorization_requests: 3, ..LiveRows::default() });
        assert!(refuses(&capacity, "192.0.2.1", NOW), "three of other nodes and two of this one");
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
        let later = NOW.plus(Duration::from_secs(750));
        assert!(!refuses(&capacity, "2001:db8::1", later), "nor does one that has expired");
        assert_eq!([(); 3].map(|()| refuses_code(&capacity, "192.0.2.1")), [false, false, true]);
        assert!(!refuses_code(&capacity, "192.0.2.2"));
    }

    #[test]
    fn fault_a9_one_ipv6_site_cannot_fill_the_table() {
        let capacity = with_max(20, 2);
        let added = (0..8).filter(|subnet| !refuses(&capacity, &format!("2001:db8:0:{subnet:x}::1"), NOW));
        assert_eq!(added.count(), 4, "twice the share of an address");
        assert!(!refuses(&capacity, "2001:db8:1::1", NOW), "another /48 is not limited");
    }

    #[test]
    fn sec_44_a_flood_from_many_networks_leaves_the_limit_of_each() {
        let capacity = with_max(200_000, 100);
        assert_eq!((0..120).filter(|_| !refuses(&capacity, "192.0.2.1", NOW)).count(), 100);
        let flood = |n: u32| format!("2001:db8:{:x}:{:x}::1", n >> 4, n & 15);
        assert_eq!((0..100_000).filter(|n| refuses(&capacity, &flood(*n), NOW)).count(), 0);
        assert!(refuses(&capacity, "192.0.2.1", NOW), "its rows are still counted");
        assert!(!refuses(&capacity, "192.0.2.2", NOW), "an address without rows is served");
    }

    #[test]
    fn unstored_and_finished_requests_do_not_count() {
        let capacity = with_max(2, 1);
        for _ in 0..5 {
            assert!(!refused(capacity.reserve_authorization_request(Some("192.0.2.1"), NOW)));
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
    fn sec_44_reservations_count_before_their_rows_are_written() {
        let capacity = with_max(2, 5);
        let reserve = || capacity.reserve_authorization_request(Some("192.0.2.1"), NOW);
        let reserved = [reserve().expect("room"), reserve().expect("room")];
        assert!(refused(reserve()), "two parallel requests have taken the room");
        drop(reserved);
        assert!(!refused(reserve()));
    }

    #[test]
    fn a_warning_is_logged_once_a_minute() {
        let limit = SharedLimit::new(1, 1, ["rows", "SHARE"]);
        let due = [0, 1, 59, 60, 61, 119, 120].map(|seconds| {
            let mut is_logged = false;
            limit.warn(NOW.plus(Duration::from_secs(seconds)), || is_logged = true);
            is_logged
        });
        assert_eq!(due, [true, false, false, true, false, false, true]);
    }
}
