//! The most recent of many, in bounded memory: the oldest is forgotten first.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// A set of at most `max` entries.
#[derive(Debug)]
pub(crate) struct RecentSet<T> {
    max: usize,
    entries: BTreeSet<T>,
    order: VecDeque<T>,
}

impl<T: Ord + Copy> RecentSet<T> {
    pub(crate) const fn new(max: usize) -> Self {
        Self { max, entries: BTreeSet::new(), order: VecDeque::new() }
    }

    pub(crate) fn contains(&self, entry: &T) -> bool {
        self.entries.contains(entry)
    }

    /// Adds `entry`; `false` when it was there.
    pub(crate) fn insert(&mut self, entry: T) -> bool {
        if !self.entries.insert(entry) {
            return false;
        }
        self.order.push_back(entry);
        while self.order.len() > self.max {
            if let Some(oldest) = self.order.pop_front() {
                self.entries.remove(&oldest);
            }
        }
        true
    }
}

/// A map of at most `max` entries.
#[derive(Debug)]
pub(crate) struct RecentMap<K, V> {
    max: usize,
    entries: BTreeMap<K, V>,
    order: VecDeque<K>,
}

impl<K: Ord + Copy, V> RecentMap<K, V> {
    pub(crate) const fn new(max: usize) -> Self {
        Self { max, entries: BTreeMap::new(), order: VecDeque::new() }
    }

    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        self.entries.get(key)
    }

    pub(crate) fn insert(&mut self, key: K, value: V) {
        if self.entries.insert(key, value).is_some() {
            return;
        }
        self.order.push_back(key);
        while self.order.len() > self.max {
            if let Some(oldest) = self.order.pop_front() {
                self.entries.remove(&oldest);
            }
        }
    }
}
