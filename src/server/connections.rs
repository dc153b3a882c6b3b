//! The limits on open connections (SEC-43, SEC-44): MAX_CONNECTIONS and MAX_CONNECTIONS_PER_ADDRESS.
//!
//! At a limit, a connection that waits for its client is closed for the new one, of the address with the most connections: first
//! one that waits for its next request, then one whose client does not go on with a handshake, a request or a response. If this
//! server works on requests of all of them, the new connection is *over capacity*: it is answered once, with 429, so that a client
//! learns why; `/healthz` is served as always.

use std::collections::VecDeque;
use std::io;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ipnet::IpNet;
use rustix::io::Errno;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::activity::Activity;
use super::connection_groups::{Connection, ConnectionGroups};
use crate::model::Network;
use crate::settings::{ConnectionRules, Settings};

/// Connections that are answered above the limits. A further one closes the oldest.
const MAX_OVER_CAPACITY: usize = 64;
/// File descriptors that connections leave to the database, to calls to providers and to files: one of so many.
const DESCRIPTOR_SHARE: usize = 4;
/// With TRUSTED_PROXIES: the part of MAX_CONNECTIONS that only these may use, one of so many.
const PROXY_SHARE: usize = 10;
/// How long the listener waits after a connection could not be accepted.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(2);
/// The same while no file descriptor becomes free.
const PAUSE_WITHOUT_DESCRIPTORS: Duration = Duration::from_millis(100);
const WARNING_INTERVAL: Duration = Duration::from_secs(60);

/// Marks a request of a connection over capacity, in its extensions.
#[derive(Clone, Copy)]
pub struct OverCapacity;

/// The open connections of one listener.
pub struct Connections {
    rules: ConnectionRules,
    trusted_proxies: Vec<IpNet>,
    /// MAX_CONNECTIONS, or less where the process may not open as many files.
    max: usize,
    /// The same of callers that are no trusted proxy.
    max_of_clients: usize,
    last_id: AtomicU64,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    groups: ConnectionGroups,
    over_capacity: VecDeque<Arc<Connection>>,
    last_warning: Option<Instant>,
}

/// The name of the setting that leaves no room for a new connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Full(&'static str);

/// A connection that counts until this is dropped.
pub struct Admitted {
    pub connection: Arc<Connection>,
    pub is_over_capacity: bool,
    connections: Arc<Connections>,
}

impl Connections {
    /// The limits of a server with these settings.
    pub fn new(settings: &Settings) -> Arc<Self> {
        Self::with_limits(settings.connections, settings.trusted_proxies.clone(), open_file_limit())
    }

    /// The default limits.
    pub fn with_defaults() -> Arc<Self> {
        Self::with_limits(ConnectionRules::default(), Vec::new(), open_file_limit())
    }

    fn with_limits(rules: ConnectionRules, trusted_proxies: Vec<IpNet>, open_files: Option<usize>) -> Arc<Self> {
        let possible = open_files.map_or(usize::MAX, |files| (files - files / DESCRIPTOR_SHARE).max(1));
        let max = rules.max.min(possible);
        if max < rules.max {
            tracing::warn!(
                max,
                "MAX_CONNECTIONS is {}, but this process may open {} files only: raise its limit (ulimit -n, LimitNOFILE)",
                rules.max,
                open_files.unwrap_or_default()
            );
        }
        let reserved = if trusted_proxies.is_empty() { 0 } else { max / PROXY_SHARE };
        let (last_id, open) = (AtomicU64::default(), Mutex::default());
        Arc::new(Self { rules, trusted_proxies, max, max_of_clients: max - reserved, last_id, open })
    }

    /// Counts a new connection, and closes one that waits for its client if there are too many. `closed_with_all`: cancelled when
    /// all connections must close.
    pub fn admit(self: &Arc<Self>, peer: IpAddr, closed_with_all: &CancellationToken) -> Admitted {
        let peer = peer.to_canonical();
        let connection = self.connection(peer, closed_with_all);
        let mut open = self.open();
        let room = self.make_room(&mut open.groups, &connection);
        let displaced = match &room {
            Ok(displaced) => {
                open.groups.add(&connection);
                displaced.clone()
            }
            Err(_) => open.add_over_capacity(connection.clone()),
        };
        let is_warning_due = room.is_err() && open.is_warning_due();
        drop(open);
        if let Some(displaced) = displaced {
            displaced.closed.cancel();
        }
        if let Err(Full(setting)) = room
            && is_warning_due
        {
            tracing::warn!(
                %peer,
                "a connection is answered 429: {setting} are open, and the server works on requests of all of them. If the \
                 address is your own proxy, add it to TRUSTED_PROXIES"
            );
        }
        Admitted { connection, is_over_capacity: room.is_err(), connections: self.clone() }
    }

    /// How long the listener pauses after `accept` failed. For lack of file descriptors, a connection that waits for its client is
    /// closed.
    pub fn pause_after(&self, error: &io::Error) -> Duration {
        let lacks_descriptors =
            [Errno::MFILE, Errno::NFILE].iter().any(|lack| Errno::from_io_error(error) == Some(*lack));
        let mut open = self.open();
        let displaced = lacks_descriptors.then(|| take_waiting(&mut open.groups)).flatten();
        let is_warning_due = open.is_warning_due();
        drop(open);
        if let Some(displaced) = &displaced {
            displaced.closed.cancel();
        }
        if is_warning_due {
            tracing::warn!(%error, has_closed_one = displaced.is_some(), "a connection could not be accepted");
        }
        if lacks_descriptors && displaced.is_none() { PAUSE_WITHOUT_DESCRIPTORS } else { PAUSE_AFTER_FAILURE }
    }

    fn connection(self: &Arc<Self>, peer: IpAddr, closed_with_all: &CancellationToken) -> Arc<Connection> {
        let id = self.last_id.fetch_add(1, Ordering::Relaxed);
        let list = Arc::downgrade(self);
        let note_waiting = move || {
            if let Some(list) = list.upgrade() {
                list.open().groups.note_waiting(id);
            }
        };
        Arc::new(Connection {
            id,
            network: Network::of(Some(peer)),
            is_trusted_proxy: self.trusted_proxies.iter().any(|trusted| trusted.contains(&peer)),
            activity: Arc::new(Activity::new(&self.rules, note_waiting)),
            closed: closed_with_all.child_token(),
        })
    }

    /// Removes a connection if a limit requires it. It is to be closed.
    fn make_room(&self, groups: &mut ConnectionGroups, new: &Connection) -> Result<Option<Arc<Connection>>, Full> {
        if !new.is_trusted_proxy {
            for owner in new.owners() {
                let shares = usize::try_from(owner.network.shares()).unwrap_or(usize::MAX);
                if groups.count(owner) >= self.rules.max_per_address.saturating_mul(shares) {
                    let displaced = groups.take_waiting_of(owner);
                    return displaced.map(Some).ok_or(Full("MAX_CONNECTIONS_PER_ADDRESS"));
                }
            }
        }
        let displaced = if !new.is_trusted_proxy && groups.of_clients() >= self.max_of_clients {
            groups.take_waiting_of_most_loaded(false)
        } else if groups.total() >= self.max {
            take_waiting(groups)
        } else {
            return Ok(None);
        };
        displaced.map(Some).ok_or(Full("MAX_CONNECTIONS"))
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Those of trusted proxies are the last ones, because each serves many clients.
fn take_waiting(groups: &mut ConnectionGroups) -> Option<Arc<Connection>> {
    groups.take_waiting_of_most_loaded(false).or_else(|| groups.take_waiting_of_most_loaded(true))
}

impl Open {
    /// Returns the oldest one if there are too many. It is to be closed.
    fn add_over_capacity(&mut self, connection: Arc<Connection>) -> Option<Arc<Connection>> {
        self.over_capacity.push_back(connection);
        if self.over_capacity.len() > MAX_OVER_CAPACITY { self.over_capacity.pop_front() } else { None }
    }

    fn remove(&mut self, connection: &Arc<Connection>) {
        self.over_capacity.retain(|other| !Arc::ptr_eq(other, connection));
        self.groups.remove(connection);
    }

    fn is_warning_due(&mut self) -> bool {
        let now = Instant::now();
        let is_due = self.last_warning.is_none_or(|last| last + WARNING_INTERVAL <= now);
        if is_due {
            self.last_warning = Some(now);
        }
        is_due
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.connections.open().remove(&self.connection);
    }
}

/// How many files this process may open. `None`: without a limit.
fn open_file_limit() -> Option<usize> {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current?;
    usize::try_from(limit).ok()
}

/// Raises the soft limit of open files to the hard one. The soft one is 1024 on many systems, for programs that use `select`.
pub fn raise_open_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum
        && let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })
    {
        tracing::debug!(%error, "the limit of open files could not be raised");
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::task::{Context, Waker};

    use futures_util::{Stream as _, stream};

    use super::super::activity::{OpenRequest, Protocol};
    use super::*;

    fn connections(max: usize, max_per_address: usize, trusted: &[&str]) -> Arc<Connections> {
        let rules = ConnectionRules { max, max_per_address, ..ConnectionRules::default() };
        Connections::with_limits(rules, trusted.iter().map(|text| text.parse().expect("a network")).collect(), None)
    }

    fn admit(connections: &Arc<Connections>, peer: &str) -> Admitted {
        connections.admit(peer.parse().expect("an address"), &CancellationToken::new())
    }

    /// A connection that waits for its next request.
    fn admit_served(connections: &Arc<Connections>, peer: &str) -> Admitted {
        let admitted = admit(connections, peer);
        admitted.connection.activity.begin(Protocol::Http1);
        drop(begin_request(&admitted));
        admitted
    }

    fn begin_request(admitted: &Admitted) -> OpenRequest {
        admitted.connection.activity.begin_request()
    }

    fn is_closed(admitted: &Admitted) -> bool {
        admitted.connection.closed.is_cancelled()
    }

    fn closed(all: &[Admitted]) -> Vec<usize> {
        (0..all.len()).filter(|n| is_closed(&all[*n])).collect()
    }

    #[test]
    fn sec_43_one_address_loses_the_connection_that_waits_for_longest() {
        let all = connections(100, 3, &["10.0.0.0/8"]);
        let mut own: Vec<Admitted> = (0..3).map(|_| admit_served(&all, "2001:db8::1")).collect();
        let busy = begin_request(&own[0]);
        own.push(admit(&all, "2001:db8::2"));
        assert_eq!(closed(&own), [1], "the first one has an open request");
        assert!(!admit(&all, "2001:db8:0:1::1").is_over_capacity, "another /64");
        // The server works on a request of each.
        let requests = [&own[2], &own[3]].map(begin_request);
        assert!(admit(&all, "2001:db8::1").is_over_capacity);
        drop((busy, requests));
        assert!(!admit(&all, "2001:db8::1").is_over_capacity);
        let of_proxy: Vec<Admitted> = (0..20).map(|_| admit(&all, "::ffff:10.0.0.1")).collect();
        assert!(of_proxy.iter().all(|one| !one.is_over_capacity && !is_closed(one)), "a trusted proxy has no share");
    }

    #[test]
    fn sec_43_a_network_of_the_size_48_has_a_share_too() {
        let all = connections(100, 3, &[]);
        let own: Vec<Admitted> = (0..8).map(|n| admit(&all, &format!("2001:db8:0:{n}::1"))).collect();
        assert_eq!(closed(&own), [0, 1], "two shares");
        assert!(!admit(&all, "2001:db8:1::1").is_over_capacity && closed(&own).len() == 2, "another /48");
    }

    #[test]
    fn sec_44_connections_that_wait_for_a_request_are_closed_before_those_that_wait_for_the_rest_of_one() {
        let all = connections(4, 4, &[]);
        let handshake = admit(&all, "192.0.2.1");
        let idle = admit_served(&all, "192.0.2.1");
        let slow = admit_served(&all, "192.0.2.1");
        let request = begin_request(&slow);
        let mut body = request.body(stream::pending::<()>());
        assert!(Pin::new(&mut body).poll_next(&mut Context::from_waker(Waker::noop())).is_pending());
        let busy = admit_served(&all, "192.0.2.1");
        let _request = begin_request(&busy);
        let is_each_closed = || [&handshake, &idle, &slow, &busy].map(is_closed);
        let mut new = Vec::new();
        for expected in [[false, true, false, false], [true, true, false, false], [true, true, true, false]] {
            // Its request begins at once, so that it is not closed itself.
            let admitted = admit(&all, "192.0.2.2");
            new.push((begin_request(&admitted), admitted));
            assert_eq!(is_each_closed(), expected);
        }
        assert!(admit(&all, "192.0.2.3").is_over_capacity, "the server works on all requests");
    }

    #[test]
    fn sec_44_a_connection_that_was_found_slow_and_went_on_is_closed_before_a_slow_one() {
        let all = connections(3, 3, &[]);
        let slow = admit_served(&all, "192.0.2.1");
        let request = begin_request(&slow);
        let mut body = request.body(stream::pending::<()>());
        assert!(Pin::new(&mut body).poll_next(&mut Context::from_waker(Waker::noop())).is_pending());
        let handshake = admit(&all, "192.0.2.2");
        let idle = admit_served(&all, "192.0.2.3");
        // Both are examined: they wait for their clients, so the third one is closed.
        let busy = admit(&all, "192.0.2.4");
        let _request = begin_request(&busy);
        assert!(is_closed(&idle) && !is_closed(&slow) && !is_closed(&handshake));
        handshake.connection.activity.begin(Protocol::Http1);
        drop(begin_request(&handshake));
        let _new = admit(&all, "192.0.2.5");
        assert!(is_closed(&handshake) && !is_closed(&slow), "the one that waits for its next request");
    }

    #[test]
    fn sec_44_a_full_server_closes_connections_of_the_most_loaded_address() {
        let all = connections(10, 8, &["10.0.0.1/32"]);
        let many: Vec<Admitted> = (0..6).map(|_| admit(&all, "192.0.2.1")).collect();
        let few: Vec<Admitted> = (0..3).map(|_| admit(&all, "192.0.2.2")).collect();
        // One of ten is reserved for the proxy.
        let healthy = admit(&all, "192.0.2.3");
        assert!(!healthy.is_over_capacity && closed(&many) == [0]);
        let of_proxy = admit(&all, "10.0.0.1");
        assert!(!of_proxy.is_over_capacity && closed(&many) == [0]);
        let admitted = many.iter().chain(&few).chain([&healthy]);
        let requests: Vec<_> = admitted.map(begin_request).collect();
        let late = admit(&all, "192.0.2.4");
        assert!(late.is_over_capacity && !is_closed(&of_proxy), "clients do not displace the proxy");
        assert!(!admit(&all, "10.0.0.1").is_over_capacity, "the proxy displaces its own");
        assert!(is_closed(&of_proxy));
        drop(requests);
        assert!(!admit(&all, "192.0.2.4").is_over_capacity);
    }

    #[test]
    fn sec_44_of_equally_loaded_addresses_the_connection_that_waits_for_longest_is_closed() {
        let all = connections(50, 8, &[]);
        let mut own: Vec<Admitted> = (0..50).map(|n| admit_served(&all, &format!("192.0.2.{n}"))).collect();
        // They wait from now on: in the opposite order.
        for admitted in own.iter().rev() {
            drop(begin_request(admitted));
        }
        own.extend((50..60).map(|n| admit(&all, &format!("192.0.2.{n}"))));
        assert_eq!(closed(&own), (40..50).collect::<Vec<_>>());
    }

    #[test]
    fn sec_44_a_connection_that_was_found_at_work_is_closed_when_it_waits_again() {
        let all = connections(3, 8, &[]);
        let own: Vec<Admitted> = (0..3).map(|n| admit_served(&all, &format!("192.0.2.{n}"))).collect();
        let mut requests: Vec<OpenRequest> = own.iter().map(begin_request).collect();
        assert!(admit(&all, "192.0.2.9").is_over_capacity);
        drop(requests.remove(1));
        assert!(!admit(&all, "192.0.2.9").is_over_capacity);
        assert_eq!(closed(&own), [1]);
        assert!(!admit(&all, "192.0.2.9").is_over_capacity, "the one before was dropped");
    }

    #[test]
    fn sec_44_counts_return_to_zero() {
        let all = connections(4, 4, &[]);
        let admitted: Vec<Admitted> = (0..9).map(|n| admit(&all, &format!("192.0.2.{n}"))).collect();
        assert_eq!((all.open().groups.total(), closed(&admitted).len()), (4, 5));
        drop(admitted);
        let open = all.open();
        assert_eq!((open.groups.total(), open.groups.of_clients(), open.groups.is_empty()), (0, 0, true));
    }

    #[test]
    fn sec_44_connections_over_capacity_are_bounded() {
        let all = connections(1, 1, &[]);
        let first = admit(&all, "192.0.2.1");
        let _request = begin_request(&first);
        let over: Vec<Admitted> = (0..MAX_OVER_CAPACITY + 2).map(|_| admit(&all, "192.0.2.2")).collect();
        assert!(over.iter().all(|one| one.is_over_capacity));
        assert_eq!(closed(&over), [0, 1], "the oldest ones");
    }

    #[test]
    fn sec_44_file_descriptors_bound_the_connections() {
        let of = |files| Connections::with_limits(ConnectionRules::default(), Vec::new(), files).max;
        assert_eq!((of(Some(1024)), of(None)), (768, ConnectionRules::default().max));
    }

    #[test]
    fn sec_44_only_a_lack_of_file_descriptors_closes_a_connection() {
        let all = connections(9, 9, &[]);
        let admitted = admit(&all, "192.0.2.1");
        for error in [Errno::PERM, Errno::HOSTUNREACH, Errno::NOBUFS] {
            assert_eq!(all.pause_after(&error.into()), PAUSE_AFTER_FAILURE);
        }
        assert!(!is_closed(&admitted));
        assert_eq!(all.pause_after(&Errno::MFILE.into()), PAUSE_AFTER_FAILURE);
        assert!(is_closed(&admitted));
        assert_eq!(all.pause_after(&Errno::NFILE.into()), PAUSE_WITHOUT_DESCRIPTORS, "there is nothing to close");
    }
}
