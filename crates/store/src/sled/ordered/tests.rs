//! Bounds, order and staleness of the cache.
#![allow(clippy::unwrap_used, clippy::cast_possible_truncation, reason = "small random numbers")]

use super::*;
use std::collections::BTreeMap;

fn key(number: u16) -> Bytes {
    [&[2, 0, 0, 0, 1, 0x20][..], &[7; 30], &number.to_be_bytes()].concat().into()
}

#[test]
fn what_is_used_stays_and_the_bytes_hold() {
    let mut cache = OrderedCache::new(100);
    for number in 0..50 {
        cache.put(key(number), number, 20);
        assert!(cache.bytes <= 100 && cache.places.len() <= 5);
        assert_eq!(cache.last_before(Bound::Included(&key(0)[..])), Some(0), "kept by being used");
    }
    cache.put(key(49), 49, 60);
    assert!(cache.bytes <= 100, "a value written over counts once");
    cache.put(key(60), 60, 101);
    assert_eq!((cache.bytes, cache.places.len()), (0, 0), "what cannot fit is not kept");
}

#[test]
fn look_ups_give_what_a_plain_map_gives() {
    let (mut cache, mut model) = (OrderedCache::new(usize::MAX), BTreeMap::new());
    let mut random = 5_u64;
    let mut next = |below: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % below
    };
    for _ in 0..5_000 {
        let at = key(next(300) as u16);
        match next(4) {
            0 => assert_eq!(cache.remove(&at), model.remove(&at)),
            1 => {
                let value = next(1_000);
                cache.put(at.clone(), value, value as usize);
                model.insert(at, value);
            }
            2 => {
                let found = model.range::<[u8], _>((Bound::Unbounded, Bound::Included(&at[..]))).next_back();
                assert_eq!(cache.last_before(Bound::Included(&at[..])), found.map(|(_, value)| *value));
            }
            _ => {
                let found = model.range::<[u8], _>((Bound::Unbounded, Bound::Excluded(&at[..]))).next_back();
                assert_eq!(cache.last_before(Bound::Excluded(&at[..])), found.map(|(_, value)| *value));
            }
        }
        assert_eq!(cache.bytes as u64, model.values().sum::<u64>());
    }
}
