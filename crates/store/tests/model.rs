//! Any sequence of appends, flushes, checkpoints, clears, restarts and crashes, held against a model that is two maps.
#![allow(clippy::unwrap_used, clippy::panic, clippy::cast_possible_truncation)]

mod support;

use proptest::prelude::*;
use std::collections::BTreeMap;
use support::*;
use tempfile::TempDir;
use tidepool_kernel::{Batch, Store};
use tidepool_store::{MemoryStore, OpenSettings, SledStore};
use tidepool_views::{Cursor, RowWrite};

/// A small key space, so that rows are written over; a few long values, so that pages are cut.
#[derive(Clone, Debug)]
struct Change {
    family: u8,
    key: u8,
    value: Option<(u8, u16)>,
}

#[derive(Clone, Debug)]
enum Step {
    Append { envelopes: u8, derived: Vec<Change>, durable: Vec<Change>, erase: Vec<u8> },
    Flush,
    Checkpoint,
    Clear,
    Restart,
    Crash,
}

fn change(families: &'static [u8]) -> impl Strategy<Value = Change> {
    let value = prop_oneof![1 => Just(None), 4 => (any::<u8>(), prop_oneof![0..40_u16, 1000..3000_u16]).prop_map(Some)];
    (proptest::sample::select(families), 0..40_u8, value).prop_map(|(family, key, value)| Change { family, key, value })
}

fn step() -> impl Strategy<Value = Step> {
    let derived = proptest::collection::vec(change(&[0x10, 0x5f, 0x68, 0x8f, 0xc0, 0xff]), 0..30);
    let durable = proptest::collection::vec(change(&[0x60, 0x67, 0x90, 0xbf]), 0..6);
    let erase = proptest::collection::vec(any::<u8>(), 0..3);
    prop_oneof![
        8 => (1..50_u8, derived, durable, erase)
            .prop_map(|(envelopes, derived, durable, erase)| Step::Append { envelopes, derived, durable, erase }),
        2 => Just(Step::Flush),
        2 => Just(Step::Checkpoint),
        1 => Just(Step::Clear),
        1 => Just(Step::Restart),
        2 => Just(Step::Crash),
    ]
}

type Map = BTreeMap<Vec<u8>, Vec<u8>>;

/// What must be there.
#[derive(Default)]
struct Model {
    log: Vec<u64>,
    head: u64,
    derived: Map,
    durable: Map,
    /// Derived rows as they were at each head.
    history: BTreeMap<u64, Map>,
}

fn write(change: &Change) -> RowWrite {
    let key = vec![change.family, change.key];
    match change.value {
        Some((byte, len)) => put(key, vec![byte; usize::from(len)]),
        None => delete(key),
    }
}

fn apply(map: &mut Map, rows: &[RowWrite]) {
    for row in rows {
        match &row.value {
            Some(value) => map.insert(row.key.to_vec(), value.to_vec()),
            None => map.remove(&row.key[..]),
        };
    }
}

impl Model {
    fn append(&mut self, envelopes: u8, derived: &[Change], durable: &[Change], erase: &[u8]) -> Batch {
        let cursors: Vec<u64> = (1..=u64::from(envelopes)).map(|n| self.head + n).collect();
        let (derived, durable): (Vec<_>, Vec<_>) =
            (derived.iter().map(write).collect(), durable.iter().map(write).collect());
        let erased: Vec<_> = erase
            .iter()
            .filter_map(|pick| self.log.get(usize::from(*pick) % self.log.len().max(1)).copied())
            .map(Cursor)
            .collect();
        self.log.retain(|cursor| !erased.contains(&Cursor(*cursor)));
        self.log.extend(&cursors);
        self.head += u64::from(envelopes);
        apply(&mut self.derived, &derived);
        apply(&mut self.durable, &durable);
        self.history.insert(self.head, self.derived.clone());
        Batch::for_test(cursors.into_iter().map(stored).collect(), derived, durable, erased)
    }

    fn check(&self, store: &impl Store) {
        assert_eq!(store.head(), Cursor(self.head));
        assert_eq!(store.derived_upto(), Cursor(self.head));
        let mut all = self.derived.clone();
        all.extend(self.durable.clone());
        let all: Vec<_> = all.into_iter().collect();
        assert!(rows(store) == all);
        let back: Vec<_> = all.iter().rev().cloned().collect();
        assert!(range_back(store, &[], &[0xff; 8]) == back);
        for (at, (key, value)) in all.iter().enumerate() {
            assert_eq!(store.get(key).unwrap().as_deref(), Some(&value[..]));
            let pair =
                |row: Option<(bytes::Bytes, bytes::Bytes)>| row.map(|(key, value)| (key.to_vec(), value.to_vec()));
            let (low, high) = (&all[at / 2].0, [&key[..], &[0]].concat());
            assert_eq!(pair(store.last(low, &high).unwrap()), Some((key.to_vec(), value.to_vec())));
            assert_eq!(
                pair(store.last(low, key).unwrap()),
                at.checked_sub(1).filter(|at| &all[*at].0 >= low).map(|at| (all[at].0.to_vec(), all[at].1.to_vec()))
            );
            assert_eq!(pair(store.first(key, &[0xff; 8]).unwrap()), Some((key.to_vec(), value.to_vec())));
            assert_eq!(
                pair(store.first(&high, &[0xff; 8]).unwrap()),
                all.get(at + 1).map(|(key, value)| (key.to_vec(), value.to_vec()))
            );
            assert_eq!(store.first(key, key).unwrap(), None);
        }
        assert_eq!(cursors(store), self.log);
        if let Some(&cursor) = self.log.get(self.log.len() / 2) {
            assert_eq!(store.stored(Cursor(cursor)).unwrap(), Some(stored(cursor)));
        }
    }

    /// After a crash or a clear: derived rows are those of their cursor, and folding brings them up.
    fn catch_up(&self, store: &mut impl Store) {
        let upto = store.derived_upto();
        let empty = Map::new();
        let then = self.history.get(&upto.0).unwrap_or(&empty);
        let families: Vec<_> = rows(store).into_iter().filter(|(key, _)| !tidepool_store::is_durable(key[0])).collect();
        assert!(families == then.clone().into_iter().collect::<Vec<_>>(), "rows are those of {upto:?}");
        let mut missing: Vec<_> =
            then.keys().filter(|key| !self.derived.contains_key(*key)).map(|k| delete(&k[..])).collect();
        missing.extend(self.derived.iter().map(|(key, value)| put(&key[..], &value[..])));
        store.append(Batch::for_test(vec![], missing, vec![], vec![])).unwrap();
        store.derived_complete().unwrap();
    }
}

fn run<S: Store>(
    steps: &[Step],
    mut store: S,
    checkpoint: impl Fn(&S),
    restart: impl Fn(S) -> S,
    crash: impl Fn(S) -> S,
) {
    let mut model = Model::default();
    for step in steps {
        match step {
            Step::Append { envelopes, derived, durable, erase } => {
                store.append(model.append(*envelopes, derived, durable, erase)).unwrap();
            }
            Step::Flush => assert_eq!(store.flusher()().unwrap(), Cursor(model.head)),
            Step::Checkpoint => checkpoint(&store),
            Step::Clear => {
                store.clear_derived().unwrap();
                model.catch_up(&mut store);
            }
            Step::Restart => store = restart(store),
            Step::Crash => {
                store.flusher()().unwrap();
                store = crash(store);
                model.catch_up(&mut store);
            }
        }
        model.check(&store);
    }
}

fn sled(steps: &[Step], settings: &OpenSettings) {
    let directory = TempDir::new().unwrap();
    let open = || SledStore::open(&directory.path().join("store"), settings).unwrap();
    run(
        steps,
        open(),
        |store| store.checkpoint().unwrap(),
        |store| {
            store.close().unwrap();
            open()
        },
        |store| {
            store.abandon();
            open()
        },
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, max_shrink_iters: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn memory_is_the_model(steps in proptest::collection::vec(step(), 1..25)) {
        run(&steps, MemoryStore::new(), |_| (), |store| store, |store| store.crashed());
    }

    #[test]
    fn sled_is_the_model(steps in proptest::collection::vec(step(), 1..25)) {
        sled(&steps, &settings());
    }

    #[test]
    fn sled_with_checkpoints_all_the_time_is_the_model(steps in proptest::collection::vec(step(), 1..25)) {
        sled(&steps, &busy_settings());
    }
}
