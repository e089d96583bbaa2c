//! Slots, shards and topics.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crate::cbor;
use std::collections::BTreeSet;

#[test]
fn a_slot_is_the_top_ten_bits_of_the_hash() {
    // SHA-256 of nothing starts with e3b0.
    assert_eq!(Slot::of(b"").number(), 0xe3b0 >> 6);
    assert!((0..2_000u32).all(|n| Slot::of(&n.to_be_bytes()).number() < SLOTS));
}

#[test]
fn numbers_beyond_ctl_are_no_slots() {
    assert_eq!(Slot::new(1024), Some(Slot::CTL));
    assert_eq!(Slot::new(1025), None);
    assert_eq!(cbor::decode::<Slot>(&cbor::encode(&1024u16), 9), Ok(Slot::CTL));
    assert_eq!(cbor::decode::<Slot>(&cbor::encode(&1025u16), 9), Err(cbor::CborError::Shape));
    assert_eq!(Slot::all().count(), 1025);
    assert_eq!(Slot::all().last(), Some(Slot::CTL));
}

#[test]
fn shards_share_the_slots_without_rest() {
    for shards in (0..=10).map(|bits| 1u16 << bits) {
        let mut seen = BTreeSet::new();
        for shard in (0..shards).map(Shard) {
            for slot in shard.slots(shards) {
                assert_eq!(Shard::of(slot, shards), Some(shard));
                assert!(seen.insert(slot), "{slot:?} lies in two shards of {shards}");
            }
        }
        assert_eq!(seen.len(), usize::from(SLOTS));
    }
    assert_eq!(Shard::of(Slot::CTL, 4), None);
}

#[test]
fn a_shard_that_is_not_there_has_no_slots() {
    assert_eq!(Shard(4).slots(4).count(), 0);
    assert_eq!(Shard(u16::MAX).slots(1).count(), 0);
}

#[test]
fn topics_name_network_generation_and_shard() {
    let network = NetworkId([0xab; 8]);
    assert_eq!(Topic::Ctl.name(network), "/tidepool/abababababababab/ctl");
    let topic = Topic::Shard { generation: 2, shard: Shard(3) };
    assert_eq!(topic.name(network), "/tidepool/abababababababab/g2/s/3");
}
