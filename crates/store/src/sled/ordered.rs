//! A cache in the order of its keys, bounded by bytes. What was not used since the hand last came by goes first
//! ("second chance"): a look-up is one search in the order and a mark.

use crate::inline::{Key, Probe};
use bytes::Bytes;
use imbl::OrdMap;
use std::ops::Bound;

struct Slot<V> {
    key: Key,
    value: V,
    bytes: usize,
    used: bool,
}

/// `age` counts what was written, so that a reader does not put back what it read before.
pub(crate) struct OrderedCache<V> {
    places: OrdMap<Key, usize>,
    slots: Vec<Option<Slot<V>>>,
    free: Vec<usize>,
    hand: usize,
    bytes: usize,
    bytes_max: usize,
    age: u64,
}

impl<V: Clone> OrderedCache<V> {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { places: OrdMap::new(), slots: Vec::new(), free: Vec::new(), hand: 0, bytes: 0, bytes_max, age: 0 }
    }

    /// To be noted before the engine is read: what was read is put only if this is the same then.
    pub(crate) const fn age(&self) -> u64 {
        self.age
    }

    /// Something was written, whether it is cached or not.
    pub(crate) const fn grow_old(&mut self) {
        self.age += 1;
    }

    /// The last value whose key lies before `bound`.
    pub(crate) fn last_before(&mut self, bound: Bound<&[u8]>) -> Option<V> {
        let place = *self.places.range::<_, Probe<'_>>((Bound::Unbounded, bound.map(Probe::from))).next_back()?.1;
        let slot = self.slots.get_mut(place)?.as_mut()?;
        slot.used = true;
        Some(slot.value.clone())
    }

    /// Puts a value over the one with the same key; others go until it fits.
    pub(crate) fn put(&mut self, key: Bytes, value: V, bytes: usize) {
        self.remove(&key);
        let key = Key::from(key);
        let place = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() - 1
        });
        self.places.insert(key.clone(), place);
        if let Some(slot) = self.slots.get_mut(place) {
            *slot = Some(Slot { key, value, bytes, used: false });
        }
        self.bytes += bytes;
        while self.bytes > self.bytes_max && !self.places.is_empty() {
            self.turn();
        }
    }

    /// Takes a value away.
    pub(crate) fn remove(&mut self, key: &[u8]) -> Option<V> {
        let place = self.places.remove(&Probe::from(key))?;
        self.clear(place)
    }

    fn clear(&mut self, place: usize) -> Option<V> {
        let slot = self.slots.get_mut(place)?.take()?;
        self.bytes -= slot.bytes;
        self.free.push(place);
        Some(slot.value)
    }

    /// The hand goes on by one: what was used is spared once, what was not goes.
    fn turn(&mut self) {
        let place = self.hand;
        self.hand = (place + 1) % self.slots.len().max(1);
        let gone = match self.slots.get_mut(place) {
            Some(Some(slot)) if slot.used => {
                slot.used = false;
                None
            }
            Some(Some(slot)) => Some(slot.key.bytes.clone()),
            Some(None) | None => None,
        };
        if let Some(key) = gone {
            self.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests;
