//! What holds for every set of envelopes and every order of their arrival.

use super::answers::check;
use super::world::{World, lines, script};
use crate::chunks::entries_of;
use crate::content::item;
use crate::content::keys;
use crate::rows;
use bytes::Bytes;
use proptest::prelude::*;
use std::collections::BTreeMap;
use tidepool_protocol::{Envelope, Verified};

/// Everything in the rows, however the chunks were cut; of the index only what is no place in this node's log.
pub(super) fn contents(world: &World) -> BTreeMap<(Bytes, Bytes), Bytes> {
    let mut found = BTreeMap::new();
    for (key, value) in world.memory.rows() {
        if keys::CHUNKED.contains(&key[0]) {
            let collection = key.slice(..prefix_len(key));
            found.extend(entries_of(value).into_iter().map(|(key, value)| ((collection.clone(), key), value)));
        } else if key[0] == rows::INDEX {
            let without_cursor = [&value[..16], &value[24..]].concat();
            found.insert((key.clone(), Bytes::new()), without_cursor.into());
        } else {
            found.insert((key.clone(), Bytes::new()), value.clone());
        }
    }
    found
}

/// How much of a chunk's key names its collection.
fn prefix_len(key: &[u8]) -> usize {
    match key[0] {
        keys::VOTES => 1 + 32,
        keys::MARKS => 1 + 48,
        keys::KIDS => 1 + 16,
        keys::ROOTS => 1 + 17,
        keys::FEED | keys::COMMENTS => {
            let owner = if key[1] == 0 { 2 } else { 18 };
            let bucketed = key[0] == keys::FEED && key[owner] == crate::content::lists::TOP_OF_BUCKET;
            owner + if key[0] == keys::FEED { 1 } else { 0 } + if bucketed { 4 } else { 0 }
        }
        keys::RECENT_AGENTS => 1,
        keys::COMMUNITY_FIELDS => 1 + 16,
        keys::COMMUNITIES => 2,
        _ => 1 + 32,
    }
}

fn shuffled(envelopes: &[Verified<Envelope>], keys: &[u32]) -> Vec<Verified<Envelope>> {
    let mut keyed: Vec<_> = envelopes.iter().zip(keys.iter().cycle()).map(|(envelope, key)| (*key, envelope)).collect();
    keyed.sort_by_key(|(key, _)| *key);
    keyed.into_iter().map(|(_, envelope)| envelope.clone()).collect()
}

fn order() -> impl Strategy<Value = Vec<u32>> {
    proptest::collection::vec(any::<u32>(), 120)
}

/// Each case asks some thousand questions, so a sixth of the usual number does; `PROPTEST_CASES` asks for more.
fn config() -> ProptestConfig {
    let usual = ProptestConfig::default();
    ProptestConfig { cases: usual.cases.div_ceil(6), failure_persistence: None, ..usual }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn every_order_of_arrival_gives_the_answers_of_the_model(
        lines in lines(110), first in order(), second in order(), limit in 2usize..12,
    ) {
        let envelopes = script(&lines);
        // An empty log has not even the open communities, which the first envelope brings.
        prop_assume!(!envelopes.is_empty());
        let world = World::of(&shuffled(&envelopes, &first));
        check(&world, &envelopes, limit);
        prop_assert_eq!(contents(&world), contents(&World::of(&shuffled(&envelopes, &second))));
    }

    #[test]
    fn what_is_retracted_leaves_everything_as_if_it_had_never_come(
        lines in lines(110), arrival in order(), departure in order(), gone in proptest::collection::vec(any::<bool>(), 120),
    ) {
        let envelopes = script(&lines);
        prop_assume!(!envelopes.is_empty());
        let mut world = World::of(&shuffled(&envelopes, &arrival));
        let (mut leave, mut stay) = (Vec::new(), Vec::new());
        for (envelope, gone) in envelopes.iter().zip(&gone) {
            if *gone { leave.push(envelope.clone()) } else { stay.push(envelope.clone()) }
        }
        for envelope in shuffled(&leave, &departure) {
            world.retract(&envelope);
        }
        // The genesis communities are written by the first envelope, whichever it is.
        let mut expected = World::of(&stay);
        if stay.is_empty() {
            expected.apply(&envelopes[0]);
            expected.retract(&envelopes[0]);
        }
        prop_assert_eq!(contents(&world), contents(&expected));
        check(&world, &stay, 5);
        for envelope in &leave {
            world.apply(envelope);
        }
        prop_assert_eq!(contents(&world), contents(&World::of(&envelopes)));
    }

    #[test]
    fn item_rows_hold_what_was_written(lines in lines(60)) {
        let world = World::of(&script(&lines));
        for (key, _) in world.memory.rows().filter(|(key, _)| key[0] == keys::ITEM) {
            let id: keys::Short = key[1..].try_into().unwrap();
            prop_assert!(item::get(&world.memory, &id).unwrap().is_some());
        }
    }
}
