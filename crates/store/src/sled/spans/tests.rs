//! Spans against a plain map, over a real engine: whatever is cached, cut and taken away, walks give what the map gives.
#![allow(clippy::unwrap_used, clippy::cast_possible_truncation, reason = "small random numbers")]

use super::*;
use crate::layers::{Memtable, walk};
use crate::sled::pages::{next_page, put};
use std::collections::BTreeMap;

const SPACE: Space = Space::Derived(3);

struct Model {
    engine: Engine,
    spans: Spans,
    rows: BTreeMap<Bytes, Bytes>,
    random: u64,
    _directory: tempfile::TempDir,
}

impl Model {
    fn new(cache_bytes: usize) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let Ok(engine) = Engine::open(&directory.path().join("db"), 1 << 20) else {
            unreachable!("an empty directory opens")
        };
        Self { engine, spans: Spans::new(cache_bytes), rows: BTreeMap::new(), random: 5, _directory: directory }
    }

    fn random(&mut self, below: u64) -> u64 {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 33) % below
    }

    fn key(&mut self) -> Bytes {
        // Three families with a gap, many keys in the first.
        let family = [0x20, 0x20, 0x21, 0x24][self.random(4) as usize];
        let row = self.random(if family == 0x20 { 2_000 } else { 30 }) as u16;
        [&[family][..], &row.to_be_bytes()].concat().into()
    }

    /// What a checkpoint does: some rows set, runs of rows taken away.
    fn checkpoint(&mut self) {
        let mut changes = Memtable::default();
        for _ in 0..self.random(300) {
            let (key, length) = (self.key(), self.random(90) as usize);
            changes.set(key, Some(vec![length as u8; length].into()));
        }
        if self.random(3) == 0 {
            let (from, to) = (self.key(), self.key());
            let gone: Vec<_> =
                self.rows.range(from.clone().min(to.clone())..from.max(to)).map(|(k, _)| k.clone()).collect();
            gone.into_iter().for_each(|key| changes.set(key, None));
        }
        for (key, value) in changes.iter() {
            match value {
                Some(value) => self.rows.insert(key.clone(), value.clone()),
                None => self.rows.remove(key),
            };
        }
        let mut changes = changes.iter().peekable();
        while changes.peek().is_some() {
            // Several pages go into one batch.
            let mut writes = Vec::new();
            while changes.peek().is_some() && writes.len() < 7 {
                writes.extend(next_page(&self.engine, &self.spans, SPACE, &mut changes).unwrap());
            }
            let mut batch = ::sled::Batch::default();
            let written = put(&mut batch, writes).unwrap();
            self.engine.apply(batch).unwrap();
            self.spans.written(written);
        }
    }

    fn walked(&self, from: &[u8], to: &[u8], direction: Direction, limit: usize) -> Vec<(Bytes, Bytes)> {
        let mut ground = PageWalk::new((&self.engine, &self.spans), SPACE, (from, to), direction);
        let mut found = Vec::new();
        walk([None, None], &mut ground, (from, to), direction, &mut |key, value| {
            found.push((Bytes::copy_from_slice(key), value.clone()));
            found.len() < limit
        })
        .unwrap();
        found
    }

    fn compare(&mut self) {
        for _ in 0..40 {
            let key = self.key();
            assert_eq!(self.spans.get(&self.engine, SPACE, &key).unwrap(), self.rows.get(&key).cloned());
            let (one, other) = (self.key(), self.key());
            let (from, to) = (one.clone().min(other.clone()), one.max(other));
            let limit = 1 + self.random(200) as usize;
            let pair = |(key, value): (&Bytes, &Bytes)| (key.clone(), value.clone());
            let up: Vec<_> = self.rows.range(from.clone()..to.clone()).take(limit).map(pair).collect();
            assert_eq!(self.walked(&from, &to, Direction::Up, limit), up);
            let down: Vec<_> = self.rows.range(from.clone()..to.clone()).rev().take(limit).map(pair).collect();
            assert_eq!(self.walked(&from, &to, Direction::Down, limit), down);
        }
        let whole: Vec<_> = self.rows.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
        assert_eq!(self.walked(&[0x10], &[0x60], Direction::Up, usize::MAX), whole);
    }
}

#[test]
fn walks_give_what_a_map_gives_whatever_is_cached() {
    // Everything cached, some of it, nothing.
    for cache_bytes in [1 << 20, 20_000, 0] {
        let mut model = Model::new(cache_bytes);
        for _ in 0..30 {
            // Several in a row: what a read would have put right stays as the checkpoints left it.
            for _ in 0..=model.random(3) {
                model.checkpoint();
            }
            model.compare();
        }
    }
}

#[test]
fn what_was_read_once_needs_no_engine() {
    let mut model = Model::new(1 << 20);
    model.checkpoint();
    for key in [&[0x20, 0, 1][..], &[0x22, 9, 9], &[0x24, 0, 0]] {
        assert!(model.spans.get(&model.engine, SPACE, key).is_ok());
        assert!(model.spans.around(&SPACE.key(key)).is_some(), "a span without any page is known too");
    }
}

#[test]
fn a_page_that_was_cut_stays_cached_in_its_pieces() {
    let mut model = Model::new(1 << 20);
    model.checkpoint();
    model.compare();
    let (mut changes, big) = (Memtable::default(), Bytes::from(vec![1; 200]));
    for row in 0..200_u16 {
        changes.set([&[0x20][..], &row.to_be_bytes()].concat().into(), Some(big.clone()));
        model.rows.insert([&[0x20][..], &row.to_be_bytes()].concat().into(), big.clone());
    }
    let mut changes = changes.iter().peekable();
    let writes = next_page(&model.engine, &model.spans, SPACE, &mut changes).unwrap();
    assert!(writes.len() > 1);
    let mut batch = ::sled::Batch::default();
    let written = put(&mut batch, writes).unwrap();
    model.engine.apply(batch).unwrap();
    let keys: Vec<_> = written.iter().map(|(key, _)| key.clone()).collect();
    model.spans.written(written);
    assert!(keys.iter().all(|key| model.spans.around(key).is_some_and(|span| span.start == key)));
    model.compare();
}
