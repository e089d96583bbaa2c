//! Decoded blocks that readers share, bounded by bytes, the least recently used going first.

use crate::log::Block;
use lru::LruCache;
use std::collections::BTreeMap;
use std::hash::Hash;
use std::sync::Arc;
use tidepool_views::Cursor;

/// A cache bounded by bytes. `age` counts what was replaced, so that a reader does not put back what it read before.
pub(crate) struct ByteCache<K: Hash + Eq, V> {
    entries: LruCache<K, (V, usize)>,
    bytes: usize,
    bytes_max: usize,
    age: u64,
}

impl<K: Hash + Eq, V: Clone> ByteCache<K, V> {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { entries: LruCache::unbounded(), bytes: 0, bytes_max, age: 0 }
    }

    pub(crate) fn get(&mut self, key: &K) -> Option<V> {
        self.entries.get(key).map(|(value, _)| value.clone())
    }

    /// To be noted before the engine is read, for [`Self::put_if`].
    pub(crate) fn age(&self) -> u64 {
        self.age
    }

    /// Puts what a reader read, unless something was replaced since; what fell out.
    pub(crate) fn put_if(&mut self, age: u64, key: K, value: V, bytes: usize) -> Vec<K> {
        if age == self.age { self.put(key, value, bytes) } else { Vec::new() }
    }

    /// Puts what the caller knows to be new.
    pub(crate) fn put(&mut self, key: K, value: V, bytes: usize) -> Vec<K> {
        self.bytes += bytes;
        let mut fallen = Vec::new();
        if let Some((key, (_, bytes))) = self.entries.push(key, (value, bytes)) {
            self.bytes -= bytes;
            fallen.push(key);
        }
        while self.bytes > self.bytes_max {
            let Some((key, (_, bytes))) = self.entries.pop_lru() else { break };
            self.bytes -= bytes;
            fallen.push(key);
        }
        fallen
    }

    /// Puts what was written.
    pub(crate) fn replace(&mut self, key: K, value: V, bytes: usize) -> Vec<K> {
        self.age += 1;
        self.put(key, value, bytes)
    }

    /// Takes away what was written over.
    pub(crate) fn remove(&mut self, key: &K) -> Option<V> {
        self.age += 1;
        let (value, bytes) = self.entries.pop(key)?;
        self.bytes -= bytes;
        Some(value)
    }
}

/// Blocks by where they start, found by any of theirs without asking the engine.
pub(crate) struct BlockCache {
    blocks: ByteCache<u64, Arc<Block>>,
    /// Start and last cursor of what is cached.
    spans: BTreeMap<u64, u64>,
}

impl BlockCache {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { blocks: ByteCache::new(bytes_max), spans: BTreeMap::new() }
    }

    /// The cached block whose cursors lie around `cursor`.
    pub(crate) fn around(&mut self, cursor: Cursor) -> Option<Arc<Block>> {
        let (&first, &last) = self.spans.range(..=cursor.0).next_back()?;
        if last < cursor.0 { None } else { self.blocks.get(&first) }
    }

    pub(crate) fn age(&self) -> u64 {
        self.blocks.age()
    }

    pub(crate) fn put_if(&mut self, age: u64, block: &Arc<Block>) {
        if age == self.blocks.age() {
            self.put(block, |blocks, first| blocks.put_if(age, first, Arc::clone(block), block.bytes));
        }
    }

    pub(crate) fn replace(&mut self, block: &Arc<Block>) {
        self.put(block, |blocks, first| blocks.replace(first, Arc::clone(block), block.bytes));
    }

    fn put(&mut self, block: &Block, put: impl FnOnce(&mut ByteCache<u64, Arc<Block>>, u64) -> Vec<u64>) {
        let Some(last) = block.entries.last() else { return };
        let start = block.start.0;
        self.spans.insert(start, last.cursor.0);
        for fallen in put(&mut self.blocks, start) {
            if fallen != start || self.blocks.get(&fallen).is_none() {
                self.spans.remove(&fallen);
            }
        }
    }

    /// Forgets the block that starts at `start`.
    pub(crate) fn remove(&mut self, start: Cursor) {
        self.blocks.remove(&start.0);
        self.spans.remove(&start.0);
    }
}

#[cfg(test)]
mod tests;
