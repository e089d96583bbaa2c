//! What holds for every set of envelopes and every order of their arrival.

use super::answers::check;
use super::world::{World, lines, script};
use crate::content::item;
use crate::content::keys;
use bytes::Bytes;
use proptest::prelude::*;
use std::collections::BTreeMap;
use tidepool_protocol::{Envelope, Verified};

/// What the rows of a world say.
pub(super) fn contents(world: &World) -> BTreeMap<(Bytes, Bytes), Bytes> {
    crate::testing::contents(world.memory.rows())
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
        let items = world.memory.rows().filter(|(key, _)| key[0] == keys::ITEM).count();
        let said = world.memory.envelopes().map(|stored| stored.envelope.id().short());
        let found = said.filter(|id| item::find(&world.memory, id).unwrap().is_some());
        prop_assert_eq!(found.count(), items);
    }
}
