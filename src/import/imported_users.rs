//! The users that are in the target, as ranges of ids: a table of users has few gaps.

use crate::model::UserId;

/// A set of users.
#[derive(Debug, Default)]
pub struct ImportedUsers(Vec<Range>);

/// All ids from `first` to `last`.
#[derive(Clone, Copy, Debug)]
struct Range {
    first: i64,
    last: i64,
}

impl ImportedUsers {
    /// The empty set.
    pub const fn none() -> Self {
        Self(Vec::new())
    }

    /// Adds a user. Cheap for a user with a higher id than all others.
    pub fn push(&mut self, user: UserId) {
        let new = Range { first: user.0, last: user.0 };
        match self.0.last_mut() {
            Some(range) if range.last.checked_add(1) == Some(user.0) => range.last = user.0,
            Some(range) if user.0 <= range.last => {
                if !self.contains(user) {
                    let at = self.0.partition_point(|range| range.first < user.0);
                    self.0.insert(at, new);
                }
            }
            _ => self.0.push(new),
        }
    }

    /// Whether the user is in the set.
    pub fn contains(&self, user: UserId) -> bool {
        let following = self.0.partition_point(|range| range.first <= user.0);
        following.checked_sub(1).and_then(|index| self.0.get(index)).is_some_and(|range| user.0 <= range.last)
    }
}

impl FromIterator<i64> for ImportedUsers {
    fn from_iter<T: IntoIterator<Item = i64>>(ids: T) -> Self {
        let mut users = Self::default();
        ids.into_iter().for_each(|id| users.push(UserId(id)));
        users
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn set_contains_exactly_its_ids() {
        let ids = [i64::MIN, -5, 0, 1, 2, 7, 9, 10, i64::MAX - 1, i64::MAX];
        let users: ImportedUsers = ids.into_iter().collect();
        assert_eq!(users.0.len(), 6);
        for id in ids {
            assert!(users.contains(UserId(id)), "{id}");
        }
        for id in [i64::MIN + 1, -6, -4, -1, 3, 6, 8, 11, i64::MAX - 2] {
            assert!(!users.contains(UserId(id)), "{id}");
        }
        let unordered: ImportedUsers = [5, 3, 4, 4].into_iter().collect();
        assert!([3, 4, 5].into_iter().all(|id| unordered.contains(UserId(id))) && !unordered.contains(UserId(6)));
        assert!(!ImportedUsers::default().contains(UserId(0)));
    }
}
