//! Bounds of the tables that callers without a credential can fill. A full table refuses new rows: a row that still
//! protects something is never deleted to make room (SEC-44).

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};

use super::attempt;
use super::error::{LoginError, Refusal};
use crate::clock::UnixMillis;
use crate::settings::TableLimits;
use crate::store::LiveRows;

/// Addresses that are counted one by one; all others together count as one.
const MAX_ADDRESSES: usize = 100_000;

/// Rows of one table: counted here as they are written, and by the sweeper in the database, where other nodes write too.
struct Bound {
    max: i64,
    rows: AtomicI64,
}

impl Bound {
    fn new(max: i64) -> Self {
        Self { max, rows: AtomicI64::new(0) }
    }

    fn check(&self) -> Result<(), LoginError> {
        if self.rows.load(Ordering::Relaxed) < self.max { Ok(()) } else { Err(too_many()) }
    }

    fn add(&self) {
        self.rows.fetch_add(1, Ordering::Relaxed);
    }
}

/// Authorization requests of the last ten minutes that are not finished, by the caller's address.
#[derive(Default)]
struct ByAddress {
    since: Option<UnixMillis>,
    open: HashMap<String, u32>,
}

pub(super) struct Capacity {
    authorization_requests: Bound,
    used_codes: Bound,
    pending_logins: Bound,
    one_time_codes: Bound,
    by_address: Mutex<ByAddress>,
    max_by_address: u32,
}

impl Capacity {
    pub fn new(limits: &TableLimits) -> Self {
        Self {
            authorization_requests: Bound::new(limits.authorization_requests),
            used_codes: Bound::new(limits.used_codes),
            pending_logins: Bound::new(limits.pending_logins),
            one_time_codes: Bound::new(limits.one_time_codes),
            by_address: Mutex::default(),
            max_by_address: limits.authorization_requests_per_address,
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

    /// Counts a new authorization request of this address. Errors: `too_many_requests`.
    pub fn add_authorization_request(&self, address: Option<&str>, now: UnixMillis) -> Result<(), LoginError> {
        self.authorization_requests.check()?;
        let mut counted = self.by_address.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if counted.since.is_none_or(|since| since.plus(attempt::LIFETIME) <= now) {
            *counted = ByAddress { since: Some(now), open: HashMap::new() };
        }
        let key = counted.key(address);
        let open = counted.open.entry(key).or_default();
        if *open >= self.max_by_address {
            return Err(too_many());
        }
        *open += 1;
        self.authorization_requests.add();
        Ok(())
    }

    /// One of this address was finished.
    pub fn finish_authorization_request(&self, address: Option<&str>) {
        let mut counted = self.by_address.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let key = counted.key(address);
        if let Some(open) = counted.open.get_mut(&key) {
            *open = open.saturating_sub(1);
        }
    }

    /// Errors: `too_many_requests`.
    pub fn check_used_codes(&self) -> Result<(), LoginError> {
        self.used_codes.check()
    }

    pub fn add_used_code(&self) {
        self.used_codes.add();
    }

    /// Errors: `too_many_requests`.
    pub fn add_pending_login(&self) -> Result<(), LoginError> {
        self.pending_logins.check()?;
        self.pending_logins.add();
        Ok(())
    }

    /// Errors: `too_many_requests`.
    pub fn add_one_time_code(&self) -> Result<(), LoginError> {
        self.one_time_codes.check()?;
        self.one_time_codes.add();
        Ok(())
    }
}

impl ByAddress {
    fn key(&self, address: Option<&str>) -> String {
        let address = address.unwrap_or_default();
        let is_counted = self.open.len() < MAX_ADDRESSES || self.open.contains_key(address);
        if is_counted { network_of(address) } else { String::new() }
    }
}

/// A caller has a whole /64 of IPv6.
fn network_of(address: &str) -> String {
    match address.parse::<std::net::Ipv6Addr>() {
        Ok(address) => address.segments()[..4].iter().map(|segment| format!("{segment:x}:")).collect(),
        Err(_) => address.to_owned(),
    }
}

fn too_many() -> LoginError {
    LoginError::new(Refusal::TooManyRequests, "There are too many logins under way. Try again in a minute.")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const NOW: UnixMillis = UnixMillis(1_000_000);

    fn capacity() -> Capacity {
        Capacity::new(&TableLimits {
            authorization_requests: 20,
            authorization_requests_per_address: 2,
            used_codes: 3,
            pending_logins: 1,
            one_time_codes: 1,
            kept_rows: 1,
        })
    }

    fn refused(result: Result<(), LoginError>) -> bool {
        result.is_err_and(|error| error.refusal == Refusal::TooManyRequests)
    }

    #[test]
    fn fault_a9_a_full_table_refuses_new_rows() {
        let capacity = capacity();
        capacity.refresh(&LiveRows { authorization_requests: 20, used_codes: 2, ..LiveRows::default() });
        assert!(refused(capacity.add_authorization_request(Some("192.0.2.1"), NOW)));
        assert!(!refused(capacity.check_used_codes()));
        capacity.add_used_code();
        assert!(refused(capacity.check_used_codes()));
        capacity.refresh(&LiveRows::default());
        assert!(!refused(capacity.check_used_codes()));
        assert!(!refused(capacity.add_authorization_request(Some("192.0.2.1"), NOW)));
    }

    #[test]
    fn fault_a9_one_address_fills_no_table() {
        let capacity = capacity();
        let add = |address, now| refused(capacity.add_authorization_request(Some(address), now));
        assert_eq!([(); 3].map(|()| add("2001:db8::1", NOW)), [false, false, true]);
        assert!(add("2001:db8::2", NOW), "the same /64");
        assert!(!add("2001:db8:0:1::1", NOW) && !add("192.0.2.1", NOW), "another address is not shut out");
        capacity.finish_authorization_request(Some("2001:db8::1"));
        assert!(!add("2001:db8::1", NOW), "a finished one counts no more");
        let add = |address, now| refused(capacity.add_authorization_request(Some(address), now));
        assert!(!add("2001:db8::1", NOW.plus(Duration::from_secs(600))), "nor does one that has expired");
    }
}
