//! Digests of ranges in a slot of 100,000 envelopes, or of `BENCH_POINTS`.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a benchmark reads its size from the environment")]

use bytes::Bytes;
use divan::{Bencher, black_box, counter::ItemsCount};
use std::sync::OnceLock;
use tidepool_kernel::digest::{self, Tree};
use tidepool_kernel::store::{Batch, Store};
use tidepool_kernel::testing::MemoryStore;
use tidepool_protocol::ids::sha256;
use tidepool_protocol::sync::{Class, Point, Range};
use tidepool_protocol::{EnvelopeId, Slot, TimeMs};
use tidepool_views::Overlay;
use tidepool_views::overlay::Pending;

fn main() {
    divan::main();
}

fn count() -> u64 {
    std::env::var("BENCH_POINTS").ok().and_then(|text| text.parse().ok()).unwrap_or(100_000)
}

const TREE: fn() -> Tree = || Tree { slot: Slot::of(b"general"), class: Class::Content };

fn point(number: u64) -> Point {
    Point { time_ms: TimeMs(number * 10), id: EnvelopeId(sha256(&[&number.to_be_bytes()])) }
}

fn store() -> &'static MemoryStore {
    static STORE: OnceLock<MemoryStore> = OnceLock::new();
    STORE.get_or_init(|| {
        let mut store = MemoryStore::default();
        let mut pending = Pending::default();
        for number in 0..count() {
            let mut rows = Overlay::new(&store, pending);
            digest::insert(&mut rows, TREE(), &point(number)).unwrap();
            pending = rows.into_pending();
            if number % 4_096 == 4_095 || number + 1 == count() {
                let (rows, _) = std::mem::take(&mut pending).into_parts();
                store.append(Batch::for_test(vec![], rows, vec![], vec![])).unwrap();
            }
        }
        store
    })
}

fn ranges() -> impl Iterator<Item = Range> {
    let count = count();
    let at = move |number: u64| point(number % count);
    (0..).map(move |number: u64| {
        let (a, b) = (at(number * 7_919), at(number * 104_729 + 1));
        Range { from: a.min(b), to: Some(a.max(b)) }
    })
}

#[divan::bench]
fn sum_of_a_range(bencher: Bencher<'_, '_>) {
    let store = store();
    let mut ranges = ranges();
    bencher
        .counter(ItemsCount::new(1u64))
        .with_inputs(|| ranges.next().unwrap())
        .bench_local_values(|range| digest::sum(store, TREE(), black_box(&range)).unwrap());
}

#[divan::bench]
fn split_of_a_range_in_sixteen(bencher: Bencher<'_, '_>) {
    let store = store();
    let mut ranges = ranges();
    bencher
        .counter(ItemsCount::new(1u64))
        .with_inputs(|| ranges.next().unwrap())
        .bench_local_values(|range| digest::split(store, TREE(), black_box(&range), 16).unwrap());
}

/// One batch of 128, in the order of time and in none.
#[divan::bench(args = [true, false])]
fn insert_a_batch(bencher: Bencher<'_, '_>, in_order: bool) {
    let store = store();
    bencher.counter(ItemsCount::new(128u64)).bench_local(|| {
        let mut rows = Overlay::new(store, Pending::default());
        for number in 0..128 {
            let number = if in_order { count() + number } else { number * 7_919 % count() };
            let point = Point { id: EnvelopeId(sha256(&[b"new", &number.to_be_bytes()])), ..point(number) };
            digest::insert(&mut rows, TREE(), &point).unwrap();
        }
        rows.into_pending()
    });
}

/// The root's digest of everything, as peers compare it: one row for each slot that has any.
#[divan::bench]
fn digest_of_all(bencher: Bencher<'_, '_>) {
    let store = store();
    bencher.bench_local(|| digest::all(store).unwrap().together().fingerprint());
}

/// The limit: one look-up of a row in the same store.
#[divan::bench]
fn limit_one_row(bencher: Bencher<'_, '_>) {
    use tidepool_views::Rows;
    let store = store();
    let key: Bytes = store.derived_rows().into_keys().last().unwrap();
    bencher.counter(ItemsCount::new(1u64)).bench_local(|| store.get(black_box(&key)).unwrap());
}
