//! The open connections by the network of their client, in the order in which they are closed for new ones.
//!
//! What a connection waits for changes several times for each request. To keep an exact order, each change would have to lock the
//! list of all connections. So a connection is listed with the earliest place that it can have, and its state is looked up when it
//! is first in the order: then it is closed, or moves to its real place. A connection whose request this server works on has no
//! place, until it reports that it waits again.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::activity::{Activity, Wait};
use crate::model::Network;

/// A place in the order, and the id of the connection.
type Place = (Wait, u64);

/// An open connection.
pub struct Connection {
    /// Unique in its list.
    pub id: u64,
    /// The network of the other end.
    pub network: Network,
    /// Whether the other end is one of TRUSTED_PROXIES.
    pub is_trusted_proxy: bool,
    /// What it is doing.
    pub activity: Arc<Activity>,
    /// Cancelled when the connection must close.
    pub closed: CancellationToken,
}

impl Connection {
    /// The groups that it counts in, the smallest one first.
    pub fn owners(&self) -> impl Iterator<Item = Owner> + use<> {
        let is_trusted_proxy = self.is_trusted_proxy;
        self.network.counted().map(move |network| Owner { network, is_trusted_proxy })
    }
}

/// Whose connections are counted together.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Owner {
    pub network: Network,
    pub is_trusted_proxy: bool,
}

/// The open connections. Each one is in the groups of [`Connection::owners`].
#[derive(Default)]
pub struct ConnectionGroups {
    listed: HashMap<u64, Listed>,
    groups: HashMap<Owner, Group>,
    /// Addresses in IPv4 and /48 networks in IPv6 that have a waiting connection, those with the most connections first.
    clients: BTreeMap<Rank, Owner>,
    /// The same of TRUSTED_PROXIES.
    proxies: BTreeMap<Rank, Owner>,
    of_clients: usize,
}

/// The number of connections, and the first of those that wait.
type Rank = (Reverse<usize>, Place);

struct Listed {
    connection: Arc<Connection>,
    place: Option<Place>,
}

#[derive(Default)]
struct Group {
    count: usize,
    places: BTreeMap<Place, Arc<Connection>>,
}

impl Group {
    fn first(&self) -> Option<&Arc<Connection>> {
        self.places.first_key_value().map(|(_, connection)| connection)
    }

    fn rank(&self) -> Option<Rank> {
        self.places.first_key_value().map(|(place, _)| (Reverse(self.count), *place))
    }
}

impl ConnectionGroups {
    /// How many there are.
    pub fn total(&self) -> usize {
        self.listed.len()
    }

    /// Whether nothing is left of former connections.
    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.listed.is_empty() && self.groups.is_empty() && self.clients.is_empty() && self.proxies.is_empty()
    }

    /// Those of clients that are no trusted proxy.
    pub fn of_clients(&self) -> usize {
        self.of_clients
    }

    /// Those of one group.
    pub fn count(&self, owner: Owner) -> usize {
        self.groups.get(&owner).map_or(0, |group| group.count)
    }

    /// Adds a new connection.
    pub fn add(&mut self, connection: &Arc<Connection>) {
        let place = earliest_place(connection);
        self.listed.insert(connection.id, Listed { connection: connection.clone(), place: Some(place) });
        self.of_clients += usize::from(!connection.is_trusted_proxy);
        self.change_groups(connection, |group| {
            group.count += 1;
            group.places.insert(place, connection.clone());
        });
    }

    /// Removes a connection. One that was removed before is not found.
    pub fn remove(&mut self, connection: &Connection) {
        let Some(Listed { place, .. }) = self.listed.remove(&connection.id) else { return };
        self.of_clients -= usize::from(!connection.is_trusted_proxy);
        self.change_groups(connection, |group| {
            group.count -= 1;
            if let Some(place) = place {
                group.places.remove(&place);
            }
        });
    }

    /// The connection of this id waits again.
    pub fn note_waiting(&mut self, id: u64) {
        let Some(Listed { connection, place }) = self.listed.get(&id) else { return };
        if !matches!(place, Some((Wait::NextRequest(_), _))) {
            let connection = connection.clone();
            self.set_place(&connection, Some(earliest_place(&connection)));
        }
    }

    /// Removes the first connection of a group that waits.
    pub fn take_waiting_of(&mut self, owner: Owner) -> Option<Arc<Connection>> {
        self.take_waiting(|all| all.groups.get(&owner)?.first().cloned())
    }

    /// Removes the first connection that waits, of the group with the most connections that has one. Of several such groups, the
    /// connection decides that comes first.
    pub fn take_waiting_of_most_loaded(&mut self, is_trusted_proxy: bool) -> Option<Arc<Connection>> {
        self.take_waiting(|all| {
            let ranking = if is_trusted_proxy { &all.proxies } else { &all.clients };
            let (_, owner) = ranking.first_key_value()?;
            all.groups.get(owner)?.first().cloned()
        })
    }

    fn take_waiting(&mut self, first: impl Fn(&Self) -> Option<Arc<Connection>>) -> Option<Arc<Connection>> {
        loop {
            let connection = first(self)?;
            let real_place = match connection.activity.wait() {
                None => {
                    connection.activity.watch();
                    // It may have begun to wait before it was watched.
                    connection.activity.wait()
                }
                waiting => waiting,
            };
            let real_place = real_place.map(|wait| (wait, connection.id));
            let listed = self.listed.get(&connection.id).and_then(|listed| listed.place);
            if real_place.is_some() && real_place == listed {
                self.remove(&connection);
                return Some(connection);
            }
            // When it waits for its next request, it comes before this place.
            if matches!(real_place, Some((Wait::Client(_), _))) {
                connection.activity.watch();
            }
            self.set_place(&connection, real_place);
        }
    }

    fn set_place(&mut self, connection: &Arc<Connection>, place: Option<Place>) {
        let Some(listed) = self.listed.get_mut(&connection.id) else { return };
        let former = std::mem::replace(&mut listed.place, place);
        self.change_groups(connection, |group| {
            if let Some(former) = former {
                group.places.remove(&former);
            }
            if let Some(place) = place {
                group.places.insert(place, connection.clone());
            }
        });
    }

    /// Changes the groups of a connection. Only the largest one is ranked.
    fn change_groups(&mut self, connection: &Connection, change: impl Fn(&mut Group)) {
        let largest = connection.owners().last();
        for owner in connection.owners() {
            let group = self.groups.entry(owner).or_default();
            let former = group.rank();
            change(group);
            let rank = group.rank();
            if group.count == 0 {
                self.groups.remove(&owner);
            }
            if Some(owner) == largest && former != rank {
                let ranking = if owner.is_trusted_proxy { &mut self.proxies } else { &mut self.clients };
                former.map(|former| ranking.remove(&former));
                rank.map(|rank| ranking.insert(rank, owner));
            }
        }
    }
}

/// Its real place is this one or a later one, because a connection that waits for its next request comes first.
fn earliest_place(connection: &Connection) -> Place {
    (Wait::NextRequest(Instant::now()), connection.id)
}
