//! The contract of the store port, run over every engine.
#![allow(clippy::unwrap_used, clippy::panic, clippy::cast_possible_truncation)]

mod support;

use bytes::Bytes;
use std::sync::atomic::{AtomicBool, Ordering};
use support::*;
use tempfile::TempDir;
use tidepool_kernel::{Batch, Store};
use tidepool_store::{MemoryStore, OpenSettings, SledStore};
use tidepool_views::{Cursor, Envelopes, Rows};

/// One engine under test.
trait Engine {
    type Store: Store;
    fn fresh() -> Self;
    fn store(&mut self) -> &mut Self::Store;
    /// Kills it; what was flushed must be there after.
    fn crash(&mut self);
    /// Stops and starts it in good order.
    fn restart(&mut self);
    /// Packs derived rows, where the engine does that.
    fn checkpoint(&mut self);
}

struct Memory(MemoryStore);

impl Engine for Memory {
    type Store = MemoryStore;
    fn fresh() -> Self {
        Self(MemoryStore::new())
    }
    fn store(&mut self) -> &mut MemoryStore {
        &mut self.0
    }
    fn crash(&mut self) {
        self.0 = self.0.crashed();
    }
    fn restart(&mut self) {
        self.0.flusher()().unwrap();
    }
    fn checkpoint(&mut self) {
        self.0.flusher()().unwrap();
    }
}

struct Sled {
    directory: TempDir,
    settings: OpenSettings,
    store: Option<SledStore>,
}

impl Sled {
    fn with(settings: OpenSettings) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = SledStore::open(&directory.path().join("store"), &settings).unwrap();
        Self { directory, settings, store: Some(store) }
    }
    fn open(&mut self) {
        self.store = Some(SledStore::open(&self.directory.path().join("store"), &self.settings).unwrap());
    }
}

impl Engine for Sled {
    type Store = SledStore;
    fn fresh() -> Self {
        Self::with(settings())
    }
    fn store(&mut self) -> &mut SledStore {
        self.store.as_mut().unwrap()
    }
    fn crash(&mut self) {
        self.store.take().unwrap().abandon();
        self.open();
    }
    fn restart(&mut self) {
        self.store.take().unwrap().close().unwrap();
        self.open();
    }
    fn checkpoint(&mut self) {
        self.store().checkpoint().unwrap();
    }
}

/// Sled that packs rows every few envelopes, so that every test crosses checkpoints.
struct BusySled(Sled);

impl Engine for BusySled {
    type Store = SledStore;
    fn fresh() -> Self {
        Self(Sled::with(busy_settings()))
    }
    fn store(&mut self) -> &mut SledStore {
        self.0.store()
    }
    fn crash(&mut self) {
        self.0.crash();
    }
    fn restart(&mut self) {
        self.0.restart();
    }
    fn checkpoint(&mut self) {
        self.0.checkpoint();
    }
}

macro_rules! suite {
    ($($name:ident),* $(,)?) => {
        mod memory { $(#[test] fn $name() { super::$name::<super::Memory>(); })* }
        mod sled { $(#[test] fn $name() { super::$name::<super::Sled>(); })* }
        mod busy_sled { $(#[test] fn $name() { super::$name::<super::BusySled>(); })* }
    };
}

suite!(
    an_empty_store_has_nothing,
    envelopes_come_back_as_they_went_in,
    envelopes_behind_a_cursor_come_in_order_and_no_more_than_asked_for,
    cursors_may_leave_gaps,
    an_envelope_at_or_before_the_head_is_refused,
    rows_are_written_over_and_taken_away,
    a_scan_visits_from_inclusive_to_exclusive_in_both_directions,
    a_scan_stops_when_told_to,
    a_scan_crosses_families_of_both_kinds,
    a_scan_merges_what_is_packed_with_what_is_new,
    a_row_of_the_wrong_kind_is_refused_and_nothing_of_its_batch_is_visible,
    an_erased_envelope_is_gone_and_its_neighbours_stay,
    an_erased_envelope_may_be_replaced_at_its_place,
    a_reader_sees_each_batch_whole,
    flushed_envelopes_and_durable_rows_survive_a_crash,
    derived_rows_after_a_crash_are_those_of_their_cursor,
    a_fold_after_a_crash_completes,
    a_clean_restart_keeps_everything,
    clearing_takes_derived_rows_only,
    a_cleared_store_folds_from_the_start_even_after_a_crash,
    a_fold_that_writes_no_row_is_complete_after_a_restart_too,
    a_visit_may_read_the_store,
    large_rows_and_envelopes_come_back,
);

fn an_empty_store_has_nothing<E: Engine>() {
    let mut engine = E::fresh();
    let store = engine.store();
    assert_eq!(store.head(), Cursor::START);
    assert_eq!(store.derived_upto(), Cursor::START);
    assert_eq!(store.get(&[0x20]).unwrap(), None);
    assert_eq!(store.get(&[]).unwrap(), None);
    assert_eq!(store.stored(Cursor(1)).unwrap(), None);
    assert_eq!(store.stored(Cursor(0)).unwrap(), None);
    assert!(store.stored_after(Cursor::START, 10).unwrap().is_empty());
    assert!(rows(store).is_empty());
    assert_eq!(store.flusher()().unwrap(), Cursor::START);
}

fn envelopes_come_back_as_they_went_in<E: Engine>() {
    let mut engine = E::fresh();
    engine.store().append(batch(1..=100)).unwrap();
    engine.store().append(batch(101..=101)).unwrap();
    for _ in 0..2 {
        for cursor in 1..=101 {
            assert_eq!(engine.store().stored(Cursor(cursor)).unwrap(), Some(stored(cursor)));
        }
        assert_eq!(engine.store().stored(Cursor(102)).unwrap(), None);
        assert_eq!(engine.store().head(), Cursor(101));
        engine.restart();
    }
}

fn envelopes_behind_a_cursor_come_in_order_and_no_more_than_asked_for<E: Engine>() {
    let mut engine = E::fresh();
    for start in 0..10 {
        engine.store().append(batch(start * 13 + 1..=start * 13 + 13)).unwrap();
    }
    let store = engine.store();
    assert_eq!(cursors(store), (1..=130).collect::<Vec<_>>());
    for (after, limit) in [(0, 0), (0, 1), (0, 130), (0, 500), (31, 33), (64, 64), (129, 5), (130, 5), (4000, 5)] {
        let expected: Vec<_> = (after + 1..=130).take(limit).collect();
        let found: Vec<_> = store.stored_after(Cursor(after), limit).unwrap().iter().map(|s| s.cursor.0).collect();
        assert_eq!(found, expected, "after {after}, limit {limit}");
    }
}

fn cursors_may_leave_gaps<E: Engine>() {
    let mut engine = E::fresh();
    for cursor in [3, 10, 500, 501] {
        engine.store().append(batch(cursor..=cursor)).unwrap();
    }
    assert_eq!(cursors(engine.store()), [3, 10, 500, 501]);
    assert_eq!(engine.store().stored(Cursor(4)).unwrap(), None);
    assert_eq!(engine.store().stored_after(Cursor(10), 1).unwrap(), [stored(500)]);
}

fn an_envelope_at_or_before_the_head_is_refused<E: Engine>() {
    let mut engine = E::fresh();
    engine.store().append(batch(5..=6)).unwrap();
    assert!(engine.store().append(batch(6..=7)).is_err());
    assert_eq!(engine.store().head(), Cursor(6));
    assert_eq!(engine.store().stored(Cursor(7)).unwrap(), None);
    let mut engine = E::fresh();
    let twice = Batch::for_test(vec![stored(2), stored(2)], vec![], vec![], vec![]);
    assert!(engine.store().append(twice).is_err());
}

fn write<E: Engine>(engine: &mut E, derived: Vec<tidepool_views::RowWrite>) {
    engine.store().append(Batch::for_test(vec![], derived, vec![], vec![])).unwrap();
}

fn rows_are_written_over_and_taken_away<E: Engine>() {
    let mut engine = E::fresh();
    write(&mut engine, vec![put([0x20, 1], "a"), put([0x20, 2], "b")]);
    engine.checkpoint();
    write(&mut engine, vec![put([0x20, 1], "c"), delete([0x20, 2]), delete([0x20, 3])]);
    assert_eq!(rows(engine.store()), [(vec![0x20, 1], b"c".to_vec())]);
    assert_eq!(engine.store().get(&[0x20, 2]).unwrap(), None);
    engine.checkpoint();
    assert_eq!(rows(engine.store()), [(vec![0x20, 1], b"c".to_vec())]);
    write(&mut engine, vec![put([0x20, 2], ""), delete([0x20, 1])]);
    assert_eq!(engine.store().get(&[0x20, 2]).unwrap(), Some(Bytes::new()));
    assert_eq!(rows(engine.store()), [(vec![0x20, 2], vec![])]);
}

fn a_scan_visits_from_inclusive_to_exclusive_in_both_directions<E: Engine>() {
    let mut engine = E::fresh();
    let keys: [&[u8]; 7] = [&[0x20], &[0x20, 0], &[0x20, 0xff], &[0x20, 0xff, 0xff], &[0x21], &[0x21, 0], &[0x22]];
    write(&mut engine, keys.iter().map(|key| put(*key, *key)).collect());
    for packed in [false, true] {
        if packed {
            engine.checkpoint();
        }
        let store = engine.store();
        let bounds: Vec<&[u8]> = keys.iter().copied().chain([&[][..], &[0x20, 0x80], &[0x2f], &[0xff; 8]]).collect();
        for &from in &bounds {
            for &to in &bounds {
                let mut expected: Vec<_> = keys
                    .iter()
                    .filter(|key| from <= **key && **key < to)
                    .map(|key| (key.to_vec(), key.to_vec()))
                    .collect();
                assert_eq!(range(store, from, to), expected, "{from:x?} to {to:x?}, packed {packed}");
                expected.reverse();
                assert_eq!(range_back(store, from, to), expected, "{to:x?} back to {from:x?}, packed {packed}");
            }
        }
    }
}

fn a_scan_stops_when_told_to<E: Engine>() {
    let mut engine = E::fresh();
    write(&mut engine, (0..50).map(|n| put([0x20, n], [n])).collect());
    for packed in [false, true] {
        if packed {
            engine.checkpoint();
        }
        let mut seen = Vec::new();
        let mut visit = |key: &[u8], _: &Bytes| {
            seen.push(key[1]);
            seen.len() < 3
        };
        engine.store().scan(&[0x20, 10], &[0xff], &mut visit).unwrap();
        assert_eq!(seen, [10, 11, 12]);
        let mut seen = Vec::new();
        let mut visit = |key: &[u8], _: &Bytes| {
            seen.push(key[1]);
            seen.len() < 3
        };
        engine.store().scan_back(&[0x10], &[0x20, 10], &mut visit).unwrap();
        assert_eq!(seen, [9, 8, 7]);
    }
}

/// The families at every edge between derived and durable rows.
const EDGES: [u8; 12] = [0x10, 0x5f, 0x60, 0x67, 0x68, 0x8f, 0x90, 0xbf, 0xc0, 0xd0, 0xfe, 0xff];

fn a_scan_crosses_families_of_both_kinds<E: Engine>() {
    let mut engine = E::fresh();
    let rows_of = |durable| {
        let families = EDGES.into_iter().filter(move |family| tidepool_store::is_durable(*family) == durable);
        families.flat_map(|family| [put([family], [family]), put([family, 0xff, 1], [family])]).collect()
    };
    engine.store().append(Batch::for_test(vec![], rows_of(false), rows_of(true), vec![])).unwrap();
    let expected: Vec<_> = EDGES
        .into_iter()
        .flat_map(|family| [(vec![family], vec![family]), (vec![family, 0xff, 1], vec![family])])
        .collect();
    for packed in [false, true] {
        if packed {
            engine.checkpoint();
        }
        assert_eq!(rows(engine.store()), expected);
        let back: Vec<_> = expected.iter().rev().cloned().collect();
        assert_eq!(range_back(engine.store(), &[], &[0xff; 64]), back);
        for pair in EDGES.windows(2) {
            let found = range(engine.store(), &[pair[0], 1], &[pair[1], 1]);
            assert_eq!(found, [(vec![pair[0], 0xff, 1], vec![pair[0]]), (vec![pair[1]], vec![pair[1]])]);
        }
    }
}

fn a_scan_merges_what_is_packed_with_what_is_new<E: Engine>() {
    let mut engine = E::fresh();
    let value = |n: u16| vec![(n % 251) as u8; 100];
    let key = |n: u16| [&[0x30][..], &n.to_be_bytes()].concat();
    write(&mut engine, (0..600).map(|n| put(key(n), value(n))).collect());
    engine.checkpoint();
    write(&mut engine, (0..600).filter(|n| n % 3 == 0).map(|n| delete(key(n))).collect());
    write(&mut engine, (0..600).filter(|n| n % 5 == 0).map(|n| put(key(n), [1])).collect());
    write(&mut engine, (600..700).map(|n| put(key(n), value(n))).collect());
    let mut expected = Vec::new();
    for n in 0..700 {
        match n {
            0..600 if n % 5 == 0 => expected.push((key(n), vec![1])),
            0..600 if n % 3 == 0 => {}
            _ => expected.push((key(n), value(n))),
        }
    }
    for _ in 0..3 {
        assert_eq!(rows(engine.store()), expected);
        let back: Vec<_> = expected.iter().rev().cloned().collect();
        assert_eq!(range_back(engine.store(), &[0x30], &[0x31]), back);
        for (key, value) in &expected {
            assert_eq!(engine.store().get(key).unwrap().as_deref(), Some(value.as_slice()));
        }
        engine.checkpoint();
    }
}

fn a_row_of_the_wrong_kind_is_refused_and_nothing_of_its_batch_is_visible<E: Engine>() {
    let good = || put([0x20, 1], "derived");
    let cases = [
        (vec![good(), put([0x90], "x")], vec![]),
        (vec![good(), put([0x60], "x")], vec![]),
        (vec![good()], vec![put([0x20], "x")]),
        (vec![good()], vec![put([0x68], "x")]),
        (vec![good(), put([0x0f], "x")], vec![]),
        (vec![good(), put([], "x")], vec![]),
    ];
    for (derived, durable) in cases {
        let mut engine = E::fresh();
        assert!(engine.store().append(Batch::for_test(vec![stored(1)], derived, durable, vec![])).is_err());
        assert!(rows(engine.store()).is_empty());
        assert_eq!(engine.store().head(), Cursor::START);
        assert!(cursors(engine.store()).is_empty());
    }
}

fn an_erased_envelope_is_gone_and_its_neighbours_stay<E: Engine>() {
    let mut engine = E::fresh();
    engine.store().append(batch(1..=70)).unwrap();
    let erased = [1, 32, 33, 40, 70, 999].map(Cursor).to_vec();
    engine.store().append(Batch::for_test(vec![stored(71)], vec![], vec![], erased)).unwrap();
    // A cursor of a block whose first one is gone already, after it was read.
    assert_eq!(engine.store().stored(Cursor(35)).unwrap(), Some(stored(35)));
    engine.store().append(Batch::for_test(vec![], vec![], vec![], vec![Cursor(35)])).unwrap();
    assert_eq!(engine.store().stored(Cursor(35)).unwrap(), None);
    // A whole block, and again what is already gone.
    engine.store().append(Batch::for_test(vec![], vec![], vec![], (1..=33).map(Cursor).collect())).unwrap();
    for _ in 0..2 {
        let expected: Vec<_> = (34..=71).filter(|cursor| ![35, 40, 70].contains(cursor)).collect();
        assert_eq!(cursors(engine.store()), expected);
        assert_eq!(engine.store().stored(Cursor(40)).unwrap(), None);
        assert_eq!(engine.store().stored(Cursor(41)).unwrap(), Some(stored(41)));
        assert_eq!(engine.store().head(), Cursor(71));
        engine.store().flusher()().unwrap();
        engine.crash();
    }
}

fn an_erased_envelope_may_be_replaced_at_its_place<E: Engine>() {
    let mut engine = E::fresh();
    engine.store().append(batch(1..=40)).unwrap();
    let mut bare = stored(7);
    bare.envelope = tidepool_protocol::verify(bare.envelope.without_body()).unwrap();
    let replace = Batch::for_test(vec![bare.clone(), stored(41)], vec![], vec![], vec![Cursor(7)]);
    engine.store().append(replace).unwrap();
    assert_eq!(engine.store().stored(Cursor(7)).unwrap(), Some(bare));
    assert_eq!(cursors(engine.store()), (1..=41).collect::<Vec<_>>());
}

fn a_reader_sees_each_batch_whole<E: Engine>() {
    let mut engine = E::fresh();
    let reader = engine.store().reader();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watching = scope.spawn(|| {
            let mut seen = 0;
            while !done.load(Ordering::Acquire) || seen < 60 {
                // Both rows of a batch say the same number, in one call.
                let found = range(&*reader, &[0x30], &[0x32]);
                let numbers: Vec<_> = found.iter().map(|(_, value)| value.clone()).collect();
                assert!(numbers.is_empty() || (numbers.len() == 2 && numbers[0] == numbers[1]), "{numbers:?}");
                // What was seen stays: the log is there for every row that speaks of it.
                let Some(number) = numbers.first() else { continue };
                let cursor = u64::from_be_bytes(number.as_slice().try_into().unwrap());
                assert!(cursor >= seen);
                seen = cursor;
                assert!(reader.head() >= Cursor(cursor));
                assert_eq!(reader.stored(Cursor(cursor)).unwrap().unwrap().cursor, Cursor(cursor));
            }
        });
        for cursor in 1..=60_u64 {
            let both = [0x30, 0x31].map(|family| put([family], cursor.to_be_bytes())).to_vec();
            engine.store().append(Batch::for_test(vec![stored(cursor)], both, vec![], vec![])).unwrap();
            if cursor % 20 == 0 {
                engine.checkpoint();
            }
        }
        done.store(true, Ordering::Release);
        watching.join().unwrap();
    });
}

fn flushed_envelopes_and_durable_rows_survive_a_crash<E: Engine>() {
    let mut engine = E::fresh();
    for start in 0..5 {
        engine.store().append(batch(start * 10 + 1..=start * 10 + 10)).unwrap();
        assert_eq!(engine.store().flusher()().unwrap(), Cursor(start * 10 + 10));
        engine.crash();
        assert_eq!(engine.store().head(), Cursor(start * 10 + 10));
        assert_eq!(engine.store().get(&[0x90]).unwrap().unwrap()[..], (start * 10 + 10).to_be_bytes());
        assert_eq!(cursors(engine.store()), (1..=start * 10 + 10).collect::<Vec<_>>());
        assert!(engine.store().reader().durable() >= Cursor(start * 10 + 10));
        refold(&mut engine);
    }
}

/// What a kernel does after a crash: folds what is missing, and says so.
fn refold<E: Engine>(engine: &mut E) {
    let store = engine.store();
    while store.derived_upto() < store.head() {
        let mut after = store.derived_upto();
        loop {
            let page = store.stored_after(after, 16).unwrap();
            let Some(last) = page.last() else { break };
            after = last.cursor;
            let derived = page.iter().map(|s| put(derived_key(s.cursor.0), s.cursor.0.to_be_bytes())).collect();
            store.append(Batch::for_test(vec![], derived, vec![], vec![])).unwrap();
        }
        store.derived_complete().unwrap();
    }
}

fn check_derived<E: Engine>(engine: &mut E, upto: u64) {
    let found: Vec<_> = range(engine.store(), &[0x20], &[0x21]).into_iter().map(|(key, _)| key).collect();
    assert_eq!(found, (1..=upto).map(derived_key).collect::<Vec<_>>());
}

fn derived_rows_after_a_crash_are_those_of_their_cursor<E: Engine>() {
    let mut engine = E::fresh();
    let mut head = 0;
    for round in 0..6 {
        for _ in 0..=round {
            engine.store().append(batch(head + 1..=head + 9)).unwrap();
            head += 9;
        }
        engine.store().flusher()().unwrap();
        if round % 2 == 0 {
            engine.checkpoint();
        }
        engine.crash();
        let upto = engine.store().derived_upto();
        assert!(upto <= Cursor(head) && engine.store().head() == Cursor(head));
        check_derived(&mut engine, upto.0);
        refold(&mut engine);
        check_derived(&mut engine, head);
    }
}

fn a_fold_after_a_crash_completes<E: Engine>() {
    let mut engine = E::fresh();
    engine.store().append(batch(1..=50)).unwrap();
    engine.store().flusher()().unwrap();
    engine.crash();
    refold(&mut engine);
    assert_eq!(engine.store().derived_upto(), Cursor(50));
    engine.restart();
    assert_eq!(engine.store().derived_upto(), Cursor(50));
    check_derived(&mut engine, 50);
}

fn a_clean_restart_keeps_everything<E: Engine>() {
    let mut engine = E::fresh();
    engine.store().append(batch(1..=90)).unwrap();
    engine.store().append(Batch::for_test(vec![], vec![], vec![put([0xa0, 1], "home")], vec![])).unwrap();
    let before = rows(engine.store());
    engine.restart();
    assert_eq!(rows(engine.store()), before);
    assert_eq!((engine.store().head(), engine.store().derived_upto()), (Cursor(90), Cursor(90)));
    engine.store().append(batch(91..=92)).unwrap();
    assert_eq!(cursors(engine.store()), (1..=92).collect::<Vec<_>>());
}

fn clearing_takes_derived_rows_only<E: Engine>() {
    let mut engine = E::fresh();
    engine.store().append(batch(1..=40)).unwrap();
    engine.store().append(Batch::for_test(vec![], vec![], vec![put([0x60, 1], "outbox")], vec![])).unwrap();
    engine.checkpoint();
    engine.store().append(batch(41..=50)).unwrap();
    engine.store().clear_derived().unwrap();
    assert_eq!(engine.store().derived_upto(), Cursor::START);
    let kept = vec![(vec![0x60, 1], b"outbox".to_vec()), (vec![0x90], 50_u64.to_be_bytes().to_vec())];
    assert_eq!(rows(engine.store()), kept);
    assert_eq!(cursors(engine.store()).len(), 50);
    refold(&mut engine);
    check_derived(&mut engine, 50);
    engine.restart();
    check_derived(&mut engine, 50);
}

fn a_cleared_store_folds_from_the_start_even_after_a_crash<E: Engine>() {
    let mut engine = E::fresh();
    engine.store().append(batch(1..=40)).unwrap();
    engine.checkpoint();
    engine.store().clear_derived().unwrap();
    engine.store().flusher()().unwrap();
    // Half a fold, so large that some of it is written early.
    let derived = (1..=20).map(|cursor| put(derived_key(cursor), vec![0; 1000])).collect();
    write(&mut engine, derived);
    engine.checkpoint();
    engine.crash();
    let upto = engine.store().derived_upto();
    check_derived(&mut engine, upto.0);
    refold(&mut engine);
    check_derived(&mut engine, 40);
    engine.restart();
    check_derived(&mut engine, 40);
}

fn a_fold_that_writes_no_row_is_complete_after_a_restart_too<E: Engine>() {
    let mut engine = E::fresh();
    engine.store().append(Batch::for_test((1..=20).map(stored).collect(), vec![], vec![], vec![])).unwrap();
    engine.checkpoint();
    engine.store().clear_derived().unwrap();
    engine.store().derived_complete().unwrap();
    engine.restart();
    assert_eq!(engine.store().derived_upto(), Cursor(20));
}

fn a_visit_may_read_the_store<E: Engine>() {
    let mut engine = E::fresh();
    engine.store().append(batch(1..=20)).unwrap();
    let reader = engine.store().reader();
    let mut read = 0;
    let mut visit = |key: &[u8], value: &Bytes| {
        assert_eq!(reader.get(key).unwrap().as_ref(), Some(value));
        read += reader.stored_after(Cursor(read as u64), 1).unwrap().len();
        true
    };
    reader.scan(&[0x20], &[0x21], &mut visit).unwrap();
    assert_eq!(read, 20);
}

fn large_rows_and_envelopes_come_back<E: Engine>() {
    let mut engine = E::fresh();
    let noise: Vec<u8> = (0..300_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let big: Vec<_> = (1..=5).map(|cursor| stored_of(cursor, 45_000)).collect();
    let derived = vec![put([0x20, 1], noise.clone()), put([0x20, 2], "small")];
    let durable = vec![put([0x90, 1], noise.clone())];
    engine.store().append(Batch::for_test(big.clone(), derived, durable, vec![])).unwrap();
    for _ in 0..2 {
        engine.restart();
        assert_eq!(engine.store().get(&[0x20, 1]).unwrap().unwrap(), noise);
        assert_eq!(engine.store().get(&[0x90, 1]).unwrap().unwrap(), noise);
        assert_eq!(range(engine.store(), &[0x20], &[0x21]).len(), 2);
        assert_eq!(engine.store().stored_after(Cursor::START, 9).unwrap(), big);
    }
}
