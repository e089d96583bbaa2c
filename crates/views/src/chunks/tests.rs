//! Sorted chunks against a map, and what they read.
#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crate::overlay::Pending;
use crate::port::{Cursor, Envelopes, Stored};
use proptest::prelude::*;
use std::cell::Cell;
use std::collections::BTreeMap;

/// Rows in a map, which counts what is read of them.
#[derive(Default)]
struct Map {
    rows: BTreeMap<Bytes, Bytes>,
    read: Cell<usize>,
}

impl Rows for Map {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, ReadError> {
        self.read.set(self.read.get() + 1);
        Ok(self.rows.get(key).cloned())
    }
    fn scan(&self, from: &[u8], to: &[u8], visit: &mut dyn FnMut(&[u8], &Bytes) -> bool) -> Result<(), ReadError> {
        for (key, value) in &self.rows {
            if key.as_ref() >= from && key.as_ref() < to {
                self.read.set(self.read.get() + 1);
                if !visit(key, value) {
                    break;
                }
            }
        }
        Ok(())
    }
    fn scan_back(&self, from: &[u8], to: &[u8], visit: &mut dyn FnMut(&[u8], &Bytes) -> bool) -> Result<(), ReadError> {
        for (key, value) in self.rows.iter().rev() {
            if key.as_ref() >= from && key.as_ref() < to {
                self.read.set(self.read.get() + 1);
                if !visit(key, value) {
                    break;
                }
            }
        }
        Ok(())
    }
}

impl Envelopes for Map {
    fn stored(&self, _: Cursor) -> Result<Option<Stored>, ReadError> {
        Ok(None)
    }
    fn stored_after(&self, _: Cursor, _: usize) -> Result<Vec<Stored>, ReadError> {
        Ok(Vec::new())
    }
}

impl Map {
    fn change(&mut self, act: impl FnOnce(&mut Overlay<'_>)) {
        let mut overlay = Overlay::new(self, Pending::default());
        act(&mut overlay);
        for write in overlay.into_pending().into_parts().0 {
            match write.value {
                Some(value) => self.rows.insert(write.key, value),
                None => self.rows.remove(&write.key),
            };
        }
    }
}

#[derive(Clone, Debug)]
enum Op {
    Insert(Vec<u8>, Vec<u8>),
    Remove(Vec<u8>),
    Replace(Vec<u8>, Vec<u8>, Vec<u8>),
}

fn key() -> impl Strategy<Value = Vec<u8>> {
    // Few enough that removals hit, of several lengths, with the bytes that make borders.
    prop_oneof![
        (0u16..600).prop_map(|n| n.to_be_bytes().to_vec()),
        proptest::collection::vec(prop_oneof![Just(0u8), Just(255), Just(7)], 1..4),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    let value = || proptest::collection::vec(any::<u8>(), 0..6);
    prop_oneof![
        6 => (key(), value()).prop_map(|(k, v)| Op::Insert(k, v)),
        4 => key().prop_map(Op::Remove),
        2 => (key(), key(), value()).prop_map(|(a, b, v)| Op::Replace(a, b, v)),
    ]
}

type Model = BTreeMap<Vec<u8>, Vec<u8>>;

fn act(op: &Op, chunks: &Chunks, overlay: &mut Overlay<'_>, model: &mut Model) {
    match op {
        Op::Insert(key, value) => {
            let before = chunks.insert(overlay, key, value).unwrap();
            assert_eq!(before.as_deref(), model.insert(key.clone(), value.clone()).as_deref());
        }
        Op::Remove(key) => {
            let before = chunks.remove(overlay, key).unwrap();
            assert_eq!(before.as_deref(), model.remove(key).as_deref());
        }
        Op::Replace(from, to, value) => {
            chunks.replace(overlay, from, to, value).unwrap();
            model.remove(from);
            model.insert(to.clone(), value.clone());
        }
    }
}

/// Does `ops`, so many in one batch.
fn run(ops: &[Op], batch: usize, chunks: &Chunks, map: &mut Map, model: &mut Model) {
    for ops in ops.chunks(batch) {
        map.change(|overlay| ops.iter().for_each(|op| act(op, chunks, overlay, model)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn chunks_answer_like_a_map(
        ops in proptest::collection::vec(op(), 1..900),
        batch in 1usize..200,
        probe in key(),
        limit in 1usize..150,
    ) {
        let chunks = Chunks::new(vec![0x30, 9]);
        let (mut map, mut model) = (Map::default(), BTreeMap::new());
        // Neighbours that no operation may touch or see.
        map.rows.insert(Bytes::from_static(&[0x30, 8, 255, 255]), Bytes::from_static(b"below"));
        map.rows.insert(Bytes::from_static(&[0x30, 10]), Bytes::from_static(b"above"));
        run(&ops, batch, &chunks, &mut map, &mut model);

        let owned = |entries: Vec<Entry>| entries.into_iter().map(|(k, v)| (k.to_vec(), v.to_vec())).collect::<Vec<_>>();
        let pairs = |(k, v): (&Vec<u8>, &Vec<u8>)| (k.clone(), v.clone());
        let up = owned(chunks.page(&map, None, Direction::Up, usize::MAX).unwrap());
        prop_assert_eq!(&up, &model.iter().map(pairs).collect::<Vec<_>>());
        let down = owned(chunks.page(&map, None, Direction::Down, usize::MAX).unwrap());
        prop_assert_eq!(down, model.iter().rev().map(pairs).collect::<Vec<_>>());
        let after = owned(chunks.page(&map, Some(&probe), Direction::Up, limit).unwrap());
        let bound = (Bound::Excluded(probe.clone()), Bound::Unbounded);
        prop_assert_eq!(after, model.range(bound).take(limit).map(pairs).collect::<Vec<_>>());
        let before = owned(chunks.page(&map, Some(&probe), Direction::Down, limit).unwrap());
        prop_assert_eq!(before, model.range(..probe.clone()).rev().take(limit).map(pairs).collect::<Vec<_>>());
        prop_assert_eq!(chunks.get(&map, &probe).unwrap().map(|v| v.to_vec()), model.get(&probe).cloned());
        let last = chunks.last_of(&map, &probe[..1]).unwrap().map(|(k, _)| k.to_vec());
        prop_assert_eq!(last, model.keys().rev().find(|k| k[0] == probe[0]).cloned());
        let first = chunks.first_of(&map, &probe[..1]).unwrap().map(|(k, _)| k.to_vec());
        prop_assert_eq!(first, model.keys().find(|k| k[0] == probe[0]).cloned());

        for (row, chunk) in map.rows.range(Bytes::from_static(&[0x30, 9])..Bytes::from_static(&[0x30, 10])) {
            let entries = entries_of(chunk);
            prop_assert!((1..=ENTRIES_MAX).contains(&entries.len()), "{} entries at {row:?}", entries.len());
        }
        prop_assert_eq!(map.rows[&Bytes::from_static(&[0x30, 10])].as_ref(), b"above");
    }

    #[test]
    fn removing_everything_leaves_no_row(ops in proptest::collection::vec(op(), 1..400)) {
        let chunks = Chunks::new(vec![0x30]);
        let (mut map, mut model) = (Map::default(), BTreeMap::new());
        run(&ops, 1, &chunks, &mut map, &mut model);
        let keys: Vec<_> = model.keys().cloned().collect();
        for key in keys {
            map.change(|overlay| { chunks.remove(overlay, &key).unwrap(); });
        }
        prop_assert!(map.rows.is_empty());
    }
}

#[test]
fn a_page_reads_few_rows_of_many() {
    let chunks = Chunks::new(vec![0x30]);
    let mut map = Map::default();
    for n in 0u32..10_000 {
        // A fixed scatter of the keys, so that chunks split in their middle.
        let key = n.wrapping_mul(2_654_435_761).to_be_bytes();
        map.change(|overlay| {
            chunks.insert(overlay, &key, b"").unwrap();
        });
    }
    for (limit, rows_max) in [(25, 3), (50, 4), (100, 6)] {
        for direction in [Direction::Up, Direction::Down] {
            map.read.set(0);
            let page = chunks.page(&map, Some(&[100, 0, 0, 0]), direction, limit).unwrap();
            assert_eq!(page.len(), limit);
            assert!(map.read.get() <= rows_max, "{} rows for {limit} entries", map.read.get());
        }
    }
}

#[test]
fn growing_keys_leave_full_chunks() {
    let chunks = Chunks::new(vec![0x30]);
    let mut map = Map::default();
    for n in 0u32..6_400 {
        map.change(|overlay| {
            chunks.insert(overlay, &n.to_be_bytes(), b"").unwrap();
        });
    }
    assert_eq!(map.rows.len(), 100);
}

#[test]
fn damaged_rows_are_an_error_and_not_a_panic() {
    let chunks = Chunks::new(vec![0x30]);
    let mut map = Map::default();
    map.rows.insert(Bytes::from_static(&[0x30]), Bytes::from_static(&[200, 3, 1]));
    assert!(chunks.page(&map, None, Direction::Up, 5).is_err());
    assert!(chunks.page(&map, None, Direction::Down, 5).is_err());
    assert!(chunks.get(&map, &[1]).is_err());
}
