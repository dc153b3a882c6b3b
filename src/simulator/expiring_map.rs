//! A map with a maximum number of entries, each of which expires after a fixed time.

use std::collections::HashMap;
use std::time::Duration;

use crate::clock::UnixMillis;
use crate::secrets::Digest;

/// Entries of one lifetime. The keys are credentials, of which only the digest is stored.
pub struct ExpiringMap<T> {
    rows: HashMap<[u8; 32], Row<T>>,
    lifetime: Duration,
    max_len: usize,
    inserted: u64,
}

struct Row<T> {
    value: T,
    expires: UnixMillis,
    /// The smallest number is the oldest row.
    number: u64,
}

impl<T> ExpiringMap<T> {
    pub fn new(lifetime: Duration, max_len: usize) -> Self {
        Self { rows: HashMap::new(), lifetime, max_len, inserted: 0 }
    }

    /// How long an entry is valid.
    pub fn lifetime(&self) -> Duration {
        self.lifetime
    }

    /// A full map first drops its expired rows, then the oldest one.
    pub fn insert(&mut self, key: &str, value: T, now: UnixMillis) {
        if self.rows.len() >= self.max_len {
            self.rows.retain(|_, row| row.expires > now);
        }
        if self.rows.len() >= self.max_len {
            let oldest = self.rows.iter().min_by_key(|(_, row)| row.number).map(|(key, _)| *key);
            oldest.and_then(|key| self.rows.remove(&key));
        }
        self.inserted += 1;
        self.rows.insert(digest_of(key), Row { value, expires: now.plus(self.lifetime), number: self.inserted });
    }

    pub fn get(&self, key: &str, now: UnixMillis) -> Option<&T> {
        self.rows.get(&digest_of(key)).filter(|row| row.expires > now).map(|row| &row.value)
    }

    pub fn get_mut(&mut self, key: &str, now: UnixMillis) -> Option<&mut T> {
        self.rows.get_mut(&digest_of(key)).filter(|row| row.expires > now).map(|row| &mut row.value)
    }

    pub fn remove(&mut self, key: &str, now: UnixMillis) -> Option<T> {
        self.rows.remove(&digest_of(key)).filter(|row| row.expires > now).map(|row| row.value)
    }

    /// The values, the latest first.
    pub fn latest(&self, now: UnixMillis) -> Vec<&T> {
        let mut rows: Vec<&Row<T>> = self.rows.values().filter(|row| row.expires > now).collect();
        rows.sort_by_key(|row| std::cmp::Reverse(row.number));
        rows.into_iter().map(|row| &row.value).collect()
    }

    pub fn retain(&mut self, mut keep: impl FnMut(&T) -> bool) {
        self.rows.retain(|_, row| keep(&row.value));
    }
}

fn digest_of(key: &str) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(Digest::of(key.as_bytes()).as_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_map_drops_expired_rows_and_then_the_oldest() {
        let mut map = ExpiringMap::new(Duration::from_secs(1), 2);
        map.insert("a", 1, UnixMillis(0));
        map.insert("b", 2, UnixMillis(500));
        map.insert("c", 3, UnixMillis(600));
        assert_eq!((map.get("a", UnixMillis(600)), map.get("b", UnixMillis(600))), (None, Some(&2)));
        map.insert("d", 4, UnixMillis(1550));
        assert_eq!((map.get("b", UnixMillis(1550)), map.get("c", UnixMillis(1550))), (None, Some(&3)));
        assert_eq!(map.get("c", UnixMillis(1600)), None, "a row expires");
    }
}
