//! Digests of ranges in a slot of 100,000 envelopes, or of `BENCH_POINTS`, beside the rows that must be read for one.
//!
//! `cargo bench -p tidepool-kernel --features testing --bench digest`
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a benchmark reads its size from the environment")]

mod common;

use bytes::Bytes;
use common::{beside, show};
use std::hint::black_box;
use std::sync::OnceLock;
use tidepool_kernel::digest::{self, Tree};
use tidepool_kernel::store::{Batch, Store};
use tidepool_kernel::testing::MemoryStore;
use tidepool_protocol::ids::sha256;
use tidepool_protocol::sync::{Class, Point, Range};
use tidepool_protocol::{EnvelopeId, Slot, TimeMs};
use tidepool_views::overlay::Pending;
use tidepool_views::{Overlay, Rows};

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

/// The row reads that a range needs at least: the way down to each of its ends.
fn paths(store: &MemoryStore) -> u64 {
    // Leaves and branches have 32 to 64 entries.
    let mut levels = 1;
    let mut nodes = count() / 32;
    while nodes > 1 {
        levels += 1;
        nodes /= 32;
    }
    assert!(store.derived_rows().len() > 1, "the tree is there");
    2 * levels
}

fn main() {
    let store = store();
    let keys: Vec<Bytes> = store.derived_rows().into_keys().collect();
    let mut at = 0;
    let mut one_row = move || {
        at = (at + 7_919) % keys.len();
        assert!(black_box(store.get(&keys[at]).unwrap()).is_some());
    };
    let paths = paths(store);
    println!("a slot of {} envelopes", count());
    let mut limit = || (0..paths).for_each(|_| one_row());
    let of = format!("{paths} rows read from the same store");
    let mut some = ranges();
    let sum = || assert!(digest::sum(store, TREE(), &some.next().unwrap()).unwrap().count <= count());
    show("count and fingerprint of a range", beside(sum, &mut limit), &of);
    let mut some = ranges();
    let split = || assert!(digest::split(store, TREE(), &some.next().unwrap(), 16).unwrap().len() <= 16);
    show("a range cut into 16 parts of equal count", beside(split, &mut limit), &of);
    for (name, in_order) in
        [("128 envelopes added, in the order of time", true), ("128 envelopes added, in no order", false)]
    {
        show(name, beside(|| insert_a_batch(store, in_order), &mut limit), &of);
    }
    let all = || assert!(black_box(digest::all(store).unwrap().together().fingerprint()).0 != [0; 16]);
    show("digest of everything, as peers compare it", beside(all, &mut limit), &of);
}

/// One batch of 128.
fn insert_a_batch(store: &MemoryStore, in_order: bool) {
    let mut rows = Overlay::new(store, Pending::default());
    for number in 0..128 {
        let number = if in_order { count() + number } else { number * 7_919 % count() };
        let point = Point { id: EnvelopeId(sha256(&[b"new", &number.to_be_bytes()])), ..point(number) };
        digest::insert(&mut rows, TREE(), &point).unwrap();
    }
    black_box(rows.into_pending());
}
