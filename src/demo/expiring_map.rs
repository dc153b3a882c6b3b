//! Bounded memory for what the provider hands out: looked up by digest, kept for a while, never more than a fixed number.

use std::collections::HashMap;
use std::time::Duration;

use crate::clock::UnixMillis;
use crate::secrets::Digest;

/// Rows of one kind and one lifetime, keyed by something that authenticates; only its digest is kept.
pub struct ExpiringMap<T> {
    rows: HashMap<[u8; 32], Row<T>>,
    lifetime: Duration,
    most: usize,
    made: u64,
}

struct Row<T> {
    value: T,
    expires: UnixMillis,
    /// Counts upwards: the smallest is the oldest.
    made: u64,
}

impl<T> ExpiringMap<T> {
    pub fn new(lifetime: Duration, most: usize) -> Self {
        Self { rows: HashMap::new(), lifetime, most, made: 0 }
    }

    pub fn lifetime(&self) -> Duration {
        self.lifetime
    }

    /// When the shelf is full, what is over goes first, then the oldest.
    pub fn put(&mut self, key: &str, value: T, now: UnixMillis) {
        if self.rows.len() >= self.most {
            self.rows.retain(|_, row| row.expires > now);
        }
        if self.rows.len() >= self.most {
            let oldest = self.rows.iter().min_by_key(|(_, row)| row.made).map(|(key, _)| *key);
            oldest.and_then(|key| self.rows.remove(&key));
        }
        self.made += 1;
        self.rows.insert(request_key(key), Row { value, expires: now.plus(self.lifetime), made: self.made });
    }

    pub fn get(&self, key: &str, now: UnixMillis) -> Option<&T> {
        self.rows.get(&request_key(key)).filter(|row| row.expires > now).map(|row| &row.value)
    }

    pub fn get_mut(&mut self, key: &str, now: UnixMillis) -> Option<&mut T> {
        self.rows.get_mut(&request_key(key)).filter(|row| row.expires > now).map(|row| &mut row.value)
    }

    pub fn take(&mut self, key: &str, now: UnixMillis) -> Option<T> {
        self.rows.remove(&request_key(key)).filter(|row| row.expires > now).map(|row| row.value)
    }

    pub fn retain(&mut self, mut keep: impl FnMut(&T) -> bool) {
        self.rows.retain(|_, row| keep(&row.value));
    }
}

fn request_key(key: &str) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(Digest::of(key.as_bytes()).as_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_shelf_drops_what_is_over_and_then_the_oldest() {
        let mut expiring_map = ExpiringMap::new(Duration::from_secs(1), 2);
        expiring_map.put("a", 1, UnixMillis(0));
        expiring_map.put("b", 2, UnixMillis(500));
        expiring_map.put("c", 3, UnixMillis(600));
        assert_eq!((expiring_map.get("a", UnixMillis(600)), expiring_map.get("b", UnixMillis(600))), (None, Some(&2)));
        expiring_map.put("d", 4, UnixMillis(1550));
        assert_eq!(
            (expiring_map.get("b", UnixMillis(1550)), expiring_map.get("c", UnixMillis(1550))),
            (None, Some(&3))
        );
        assert_eq!(expiring_map.get("c", UnixMillis(1600)), None, "a row ends with its lifetime");
    }
}
