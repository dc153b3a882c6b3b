//! The list of open connections and its limits (SEC-43, SEC-44): MAX_CONNECTIONS and MAX_CONNECTIONS_PER_ADDRESS.
//!
//! At a limit, an idle connection is closed for the new one: the one that is idle for longest of the address with the most
//! connections. Without an idle one, the new connection is *over capacity*: it is answered once, with 429, so that a client
//! learns why; `/healthz` is served as always.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ipnet::IpNet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::activity::Activity;
use crate::settings::{ConnectionRules, Settings};

/// Connections that are answered above the limits. A further one closes the oldest.
const MAX_OVER_CAPACITY: usize = 64;
/// File descriptors that connections leave to the database, to calls to providers and to files: one of so many.
const DESCRIPTOR_SHARE: usize = 4;
/// With TRUSTED_PROXIES: the part of MAX_CONNECTIONS that only these may use, one of so many.
const PROXY_SHARE: usize = 10;
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
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    total: usize,
    /// Those of callers that are no trusted proxy.
    of_clients: usize,
    by_network: HashMap<IpAddr, Vec<Arc<Connection>>>,
    over_capacity: VecDeque<Arc<Connection>>,
    last_warning: Option<Instant>,
}

/// An open connection.
pub struct Connection {
    network: IpAddr,
    is_trusted_proxy: bool,
    /// What it is doing.
    pub activity: Arc<Activity>,
    /// Cancelled when the connection must close.
    pub closed: CancellationToken,
}

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
        Arc::new(Self { rules, trusted_proxies, max, max_of_clients: max - reserved, open: Mutex::default() })
    }

    /// Counts a new connection, and closes an idle one if there are too many. `closed_with_all`: cancelled when all connections
    /// must close.
    pub fn admit(self: &Arc<Self>, peer: IpAddr, closed_with_all: &CancellationToken) -> Admitted {
        let peer = peer.to_canonical();
        let network = network_of(peer);
        let is_trusted_proxy = self.trusted_proxies.iter().any(|trusted| trusted.contains(&peer));
        let activity = Arc::new(Activity::new(&self.rules));
        let closed = closed_with_all.child_token();
        let connection = Arc::new(Connection { network, is_trusted_proxy, activity, closed });
        let mut open = self.open();
        let refusal = self.make_room(&mut open, &connection);
        match refusal {
            None => open.add(connection.clone()),
            Some(setting) => {
                open.add_over_capacity(connection.clone());
                if open.is_warning_due() {
                    tracing::warn!(
                        %peer,
                        "a connection is answered 429: {setting} are open and none of them is idle. If the address is your \
                         own proxy, add it to TRUSTED_PROXIES"
                    );
                }
            }
        }
        drop(open);
        Admitted { connection, is_over_capacity: refusal.is_some(), connections: self.clone() }
    }

    /// Closes the connection that is idle for longest of the address with the most connections. False: none is idle.
    pub fn close_an_idle_one(&self) -> bool {
        let mut open = self.open();
        open.close_idle_of_most_loaded(false) || open.close_idle_of_most_loaded(true)
    }

    /// The name of the setting that leaves no room for a new connection.
    fn make_room(&self, open: &mut Open, new: &Connection) -> Option<&'static str> {
        let of_network = open.by_network.get(&new.network).map_or(0, Vec::len);
        if !new.is_trusted_proxy && of_network >= self.rules.max_per_address && !open.close_idle_of(new.network) {
            return Some("MAX_CONNECTIONS_PER_ADDRESS");
        }
        let is_full = open.total >= self.max;
        let is_full_for_clients = !new.is_trusted_proxy && open.of_clients >= self.max_of_clients;
        let has_room = !(is_full || is_full_for_clients)
            || open.close_idle_of_most_loaded(false)
            || (!is_full_for_clients && open.close_idle_of_most_loaded(true));
        (!has_room).then_some("MAX_CONNECTIONS")
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    fn add(&mut self, connection: Arc<Connection>) {
        self.total += 1;
        self.of_clients += usize::from(!connection.is_trusted_proxy);
        self.by_network.entry(connection.network).or_default().push(connection);
    }

    fn add_over_capacity(&mut self, connection: Arc<Connection>) {
        if self.over_capacity.len() >= MAX_OVER_CAPACITY
            && let Some(oldest) = self.over_capacity.pop_front()
        {
            oldest.closed.cancel();
        }
        self.over_capacity.push_back(connection);
    }

    /// A connection that was removed before is not found.
    fn remove(&mut self, connection: &Arc<Connection>) {
        self.over_capacity.retain(|other| !Arc::ptr_eq(other, connection));
        let Some(of_network) = self.by_network.get_mut(&connection.network) else { return };
        let Some(index) = of_network.iter().position(|other| Arc::ptr_eq(other, connection)) else { return };
        of_network.swap_remove(index);
        if of_network.is_empty() {
            self.by_network.remove(&connection.network);
        }
        self.total -= 1;
        self.of_clients -= usize::from(!connection.is_trusted_proxy);
    }

    fn close_idle_of(&mut self, network: IpAddr) -> bool {
        let found = self.by_network.get(&network).and_then(|all| longest_idle(all)).cloned();
        self.close(found)
    }

    fn close_idle_of_most_loaded(&mut self, is_trusted_proxy: bool) -> bool {
        let mut most = 0;
        let mut found = None;
        for of_network in self.by_network.values() {
            let is_kind = of_network.first().is_some_and(|first| first.is_trusted_proxy == is_trusted_proxy);
            if is_kind
                && of_network.len() > most
                && let Some(idle) = longest_idle(of_network)
            {
                (most, found) = (of_network.len(), Some(idle.clone()));
            }
        }
        self.close(found)
    }

    /// Closes a connection. It no longer counts, although its task ends a moment later.
    fn close(&mut self, connection: Option<Arc<Connection>>) -> bool {
        let Some(connection) = connection else { return false };
        connection.closed.cancel();
        self.remove(&connection);
        true
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

fn longest_idle(connections: &[Arc<Connection>]) -> Option<&Arc<Connection>> {
    let idle = connections.iter().filter_map(|connection| Some((connection.activity.idle_since()?, connection)));
    idle.min_by_key(|(since, _)| *since).map(|(_, connection)| connection)
}

/// What counts as one address: an IPv4 address, or an IPv6 /64, which belongs to one caller.
fn network_of(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) >> 64 << 64).into()),
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
    use super::*;

    fn connections(max: usize, max_per_address: usize, trusted: &[&str]) -> Arc<Connections> {
        let rules = ConnectionRules { max, max_per_address, ..ConnectionRules::default() };
        Connections::with_limits(rules, trusted.iter().map(|text| text.parse().expect("a network")).collect(), None)
    }

    fn admit(connections: &Arc<Connections>, peer: &str) -> Admitted {
        connections.admit(peer.parse().expect("an address"), &CancellationToken::new())
    }

    fn is_closed(admitted: &Admitted) -> bool {
        admitted.connection.closed.is_cancelled()
    }

    #[test]
    fn sec_43_one_address_loses_its_longest_idle_connection() {
        let all = connections(100, 3, &["10.0.0.0/8"]);
        let mut own: Vec<Admitted> = (0..3).map(|_| admit(&all, "2001:db8::1")).collect();
        let busy = own[0].connection.activity.begin_request();
        own.push(admit(&all, "2001:db8::2"));
        let closed: Vec<bool> = own.iter().map(is_closed).collect();
        assert_eq!(closed, [false, true, false, false], "the first one has an open request");
        assert!(!admit(&all, "2001:db8:0:1::1").is_over_capacity, "another /64");
        // All of them have an open request.
        let requests = [&own[2], &own[3]].map(|admitted| admitted.connection.activity.begin_request());
        assert!(admit(&all, "2001:db8::1").is_over_capacity);
        drop((busy, requests));
        assert!(!admit(&all, "2001:db8::1").is_over_capacity);
        let of_proxy: Vec<Admitted> = (0..20).map(|_| admit(&all, "::ffff:10.0.0.1")).collect();
        assert!(of_proxy.iter().all(|one| !one.is_over_capacity && !is_closed(one)), "a trusted proxy has no share");
    }

    #[test]
    fn sec_44_a_full_server_closes_idle_connections_of_the_most_loaded_address() {
        let all = connections(10, 8, &["10.0.0.1"]);
        let many: Vec<Admitted> = (0..6).map(|_| admit(&all, "192.0.2.1")).collect();
        let few: Vec<Admitted> = (0..3).map(|_| admit(&all, "192.0.2.2")).collect();
        // One of ten is reserved for the proxy.
        let healthy = admit(&all, "192.0.2.3");
        assert!(!healthy.is_over_capacity && many.iter().filter(|one| is_closed(one)).count() == 1);
        let of_proxy = admit(&all, "10.0.0.1");
        assert!(!of_proxy.is_over_capacity && many.iter().filter(|one| is_closed(one)).count() == 1);
        let admitted = many.iter().chain(&few).chain([&healthy]);
        let requests: Vec<_> = admitted.map(|one| one.connection.activity.begin_request()).collect();
        let late = admit(&all, "192.0.2.4");
        assert!(late.is_over_capacity && !is_closed(&of_proxy), "clients do not displace the proxy");
        assert!(!admit(&all, "10.0.0.1").is_over_capacity, "the proxy displaces its own idle one");
        assert!(is_closed(&of_proxy));
        drop(requests);
        assert!(!admit(&all, "192.0.2.4").is_over_capacity);
    }

    #[test]
    fn sec_44_counts_return_to_zero() {
        let all = connections(4, 4, &[]);
        let admitted: Vec<Admitted> = (0..9).map(|n| admit(&all, &format!("192.0.2.{n}"))).collect();
        assert_eq!((all.open().total, admitted.iter().filter(|one| is_closed(one)).count()), (4, 5));
        drop(admitted);
        let open = all.open();
        assert_eq!((open.total, open.of_clients, open.by_network.len()), (0, 0, 0));
    }

    #[test]
    fn sec_44_connections_over_capacity_are_bounded() {
        let all = connections(1, 1, &[]);
        let first = admit(&all, "192.0.2.1");
        let _request = first.connection.activity.begin_request();
        let over: Vec<Admitted> = (0..MAX_OVER_CAPACITY + 2).map(|_| admit(&all, "192.0.2.2")).collect();
        assert!(over.iter().all(|one| one.is_over_capacity));
        let closed: Vec<usize> = (0..over.len()).filter(|n| is_closed(&over[*n])).collect();
        assert_eq!(closed, [0, 1], "the oldest ones");
    }

    #[test]
    fn sec_44_file_descriptors_bound_the_connections() {
        let of = |files| Connections::with_limits(ConnectionRules::default(), Vec::new(), files).max;
        assert_eq!((of(Some(1024)), of(None)), (768, ConnectionRules::default().max));
    }
}
