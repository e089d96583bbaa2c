//! An overlay reads like one map into which its writes had been put, in both directions and wherever a walk ends.
#![allow(clippy::unwrap_used)]

use super::{Overlay, Pending};
use crate::port::Rows;
use crate::testing::Memory;
use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// Keys of a small alphabet, so that writes meet rows of the base.
fn key() -> impl Strategy<Value = Vec<u8>> {
    vec(0u8..4, 1..4)
}

fn taken(rows: &dyn Rows, from: &[u8], to: &[u8], most: usize, back: bool) -> Vec<(Vec<u8>, u8)> {
    let mut found = Vec::new();
    let mut visit = |key: &[u8], value: &Bytes| {
        found.push((key.to_vec(), value[0]));
        found.len() < most
    };
    if back { rows.scan_back(from, to, &mut visit) } else { rows.scan(from, to, &mut visit) }.unwrap();
    found
}

proptest! {
    #[test]
    fn reads_like_one_map(
        below in vec((key(), any::<u8>()), 0..20),
        above in vec((key(), proptest::option::of(any::<u8>())), 0..20),
        from in key(),
        to in key(),
        most in 1usize..12,
    ) {
        let mut model = BTreeMap::new();
        let mut base = Memory::new();
        for (key, value) in below {
            base.put(key.clone(), vec![value]);
            model.insert(key, value);
        }
        let mut overlay = Overlay::new(&base, Pending::default());
        for (key, value) in above {
            match value {
                Some(value) => {
                    overlay.put(key.clone(), vec![value]);
                    model.insert(key, value);
                }
                None => {
                    overlay.delete(key.clone());
                    model.remove(&key);
                }
            }
        }
        let mut wanted: Vec<_> = model.iter().filter(|(key, _)| from <= **key && **key < to).map(|(k, v)| (k.clone(), *v)).collect();
        for (key, value) in &model {
            prop_assert_eq!(overlay.get(key).unwrap().map(|found| found[0]), Some(*value));
        }
        let ends = (wanted.first().cloned(), wanted.last().cloned());
        let found = (overlay.first(&from, &to).unwrap(), overlay.last(&from, &to).unwrap());
        let pair = |row: (Bytes, Bytes)| (row.0.to_vec(), row.1[0]);
        prop_assert_eq!((found.0.map(pair), found.1.map(pair)), ends);
        prop_assert_eq!(taken(&overlay, &from, &to, most, false), wanted.iter().take(most).cloned().collect::<Vec<_>>());
        wanted.reverse();
        prop_assert_eq!(taken(&overlay, &from, &to, most, true), wanted.into_iter().take(most).collect::<Vec<_>>());
    }
}
