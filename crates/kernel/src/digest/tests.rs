//! The tree against a sorted list of points.
#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use bytes::Bytes;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use tidepool_protocol::ids::sha256;
use tidepool_protocol::sync::Range;
use tidepool_protocol::{EnvelopeId, TimeMs};
use tidepool_views::overlay::Pending;
use tidepool_views::{Cursor, Envelopes, Overlay, Stored};

#[derive(Default)]
struct Rowset(BTreeMap<Bytes, Bytes>);

impl Rows for Rowset {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, ReadError> {
        Ok(self.0.get(key).cloned())
    }
    fn scan(&self, from: &[u8], to: &[u8], visit: &mut dyn FnMut(&[u8], &Bytes) -> bool) -> Result<(), ReadError> {
        for (key, value) in &self.0 {
            if &key[..] >= from && &key[..] < to && !visit(key, value) {
                break;
            }
        }
        Ok(())
    }
    fn scan_back(&self, _: &[u8], _: &[u8], _: &mut dyn FnMut(&[u8], &Bytes) -> bool) -> Result<(), ReadError> {
        panic!("digests never read backwards")
    }
}

impl Envelopes for Rowset {
    fn stored(&self, _: Cursor) -> Result<Option<Stored>, ReadError> {
        panic!("digests read no envelopes")
    }
    fn stored_after(&self, _: Cursor, _: usize) -> Result<Vec<Stored>, ReadError> {
        panic!("digests read no envelopes")
    }
}

fn tree() -> Tree {
    Tree { slot: Slot::new(7).unwrap(), class: Class::Content }
}

fn point(time: u64) -> Point {
    Point { time_ms: TimeMs(time / 3), id: EnvelopeId(sha256(&[&time.to_be_bytes()])) }
}

fn sum_of<'a>(points: impl Iterator<Item = &'a Point>) -> SetSum {
    let mut sum = SetSum::default();
    points.for_each(|point| sum.add(&point.id));
    sum
}

fn check_range(rows: &Overlay<'_>, model: &BTreeSet<Point>, range: Range, parts: u8) {
    let expected: Vec<Point> = model.iter().filter(|point| range.contains(point)).copied().collect();
    assert_eq!(sum(rows, tree(), &range).unwrap(), sum_of(expected.iter()));
    let mut seen = Vec::new();
    scan(rows, tree(), &range, &mut |point| {
        seen.push(point);
        true
    })
    .unwrap();
    assert_eq!(seen, expected);
    let cut = split(rows, tree(), &range, parts).unwrap();
    assert!(!cut.is_empty() && cut.len() <= usize::from(parts));
    assert_eq!(cut.last().unwrap().to, range.to);
    let mut from = range.from;
    for part in cut {
        let within = Range { from, to: part.to };
        let of: Vec<&Point> = expected.iter().filter(|point| within.contains(point)).collect();
        assert_eq!(part.count, of.len() as u64);
        assert_eq!(part.fingerprint, sum_of(of.into_iter()).fingerprint());
        assert!(part.count <= expected.len() as u64 / u64::from(parts) + 1);
        from = part.to.unwrap_or(from);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn the_tree_is_a_sorted_list(
        changes in proptest::collection::vec((0u64..900, any::<bool>()), 0..700),
        ascending in 0u64..600,
        ranges in proptest::collection::vec((0u64..1_000, proptest::option::of(0u64..1_000), 1u8..=16), 6),
    ) {
        let base = Rowset::default();
        let mut rows = Overlay::new(&base, Pending::default());
        let mut model = BTreeSet::new();
        for time in 0..ascending {
            prop_assert_eq!(insert(&mut rows, tree(), &point(time)).unwrap(), model.insert(point(time)));
        }
        for (time, add) in changes {
            let point = point(time);
            if add {
                prop_assert_eq!(insert(&mut rows, tree(), &point).unwrap(), model.insert(point));
            } else {
                prop_assert_eq!(remove(&mut rows, tree(), &point).unwrap(), model.remove(&point));
            }
        }
        prop_assert_eq!(slot(&rows, tree().slot).unwrap().content, sum_of(model.iter()));
        prop_assert_eq!(all(&rows).unwrap().together(), sum_of(model.iter()));
        for (from, to, parts) in ranges {
            let to = to.map(|to| point(to).max(point(from)));
            check_range(&rows, &model, Range { from: point(from), to }, parts);
        }
        check_range(&rows, &model, Range::ALL, 16);
        for point in model.clone() {
            prop_assert!(remove(&mut rows, tree(), &point).unwrap());
        }
        let mut left = 0;
        rows.scan(&[META], &[NODES + 1], &mut |_, _| { left += 1; true }).unwrap();
        prop_assert_eq!(left, 0, "an empty tree leaves no rows");
    }
}

#[test]
fn slots_lie_in_their_shards_and_ctl_in_none() {
    let base = Rowset::default();
    let mut rows = Overlay::new(&base, Pending::default());
    let slots = [0, 255, 256, 1_023, 1_024].map(|number| Slot::new(number).unwrap());
    for (number, slot) in slots.into_iter().enumerate() {
        insert(&mut rows, Tree { slot, class: Class::State }, &point(number as u64)).unwrap();
    }
    let counts: Vec<u64> = (0..4).map(|number| shard(&rows, Shard(number), 4).unwrap().state.count).collect();
    assert_eq!(counts, [2, 1, 0, 1]);
    assert_eq!(slot(&rows, Slot::CTL).unwrap().state.count, 1);
    assert_eq!(all(&rows).unwrap().state.count, 5);
}

#[test]
fn points_in_order_of_time_fill_their_rows() {
    let base = Rowset::default();
    let mut rows = Overlay::new(&base, Pending::default());
    for time in 0..6_400 {
        insert(&mut rows, tree(), &Point { time_ms: TimeMs(time), ..point(time) }).unwrap();
    }
    let mut nodes = 0;
    rows.scan(&[NODES], &[NODES + 1], &mut |_, _| {
        nodes += 1;
        true
    })
    .unwrap();
    assert!(nodes <= 100 + 4, "6,400 points stand in {nodes} rows");
}
