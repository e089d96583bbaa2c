//! What a chain of operations makes of an identity, step by step.
#![allow(clippy::unwrap_used, clippy::panic)]

mod cast;

use cast::{ADA, Cast, HARBOUR, LAGOON, NOON, key, network, operate, params};
use tidepool_protocol::Signer;
use tidepool_protocol::identity::{Change, IdentityError, Resolve, Revoke, begin, check_home, extend, home_word, rank};

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

#[test]
fn a_genesis_makes_the_state_that_its_core_says() {
    let cast = Cast::new();
    let ada = &cast.ada.state;
    assert_eq!((ada.handle.as_str(), ada.chain_seq, ada.is_node), ("Ada_Lovelace", 0, false));
    assert_eq!(ada.operation, cast.ada.genesis.id());
    assert_eq!(ada.home, Some(cast.harbour.state.author.as_node()));
    assert_eq!(ada.rotation, ADA[2..].iter().map(|number| key(*number).public_key()).collect::<Vec<_>>());
    assert!(cast.harbour.state.is_node && cast.harbour.state.home.is_none());
}

#[test]
fn a_home_s_word_holds_at_the_state_that_it_names_alone() {
    let cast = Cast::new();
    let agent = cast.ada_id();
    let (home, word) = home_word(&cast.ada.genesis).unwrap().unwrap();
    let check = |node| check_home(network(), agent, home, &word, node);
    assert_eq!(check(&cast.harbour.state), Ok(()));
    assert_eq!(check(&cast.lagoon.state), Err(IdentityError::Home));
    let rotated = cast.operations().into_iter().find(|one| one.name == "node rotate").unwrap();
    assert_eq!(check(&rotated.after), Err(IdentityError::Home), "that operation lists another key");
    assert_eq!(check(&cast.ada.state), Err(IdentityError::Home), "an agent is no home");
    assert_eq!(home_word(&cast.harbour.genesis), Ok(None));
}

#[test]
fn a_chain_has_sixteen_operations_and_one_more_for_every_day() {
    let cast = Cast::new();
    let mut state = cast.ada.state.clone();
    // A revocation that closes nothing is a change like any other.
    let nothing = Change::Revoke(Revoke { keys: vec![] });
    for _ in 0..16 {
        state = extend(&state, &operate(&state, &nothing, ADA[2], &[], NOON), &params()).unwrap();
    }
    let next = |time| extend(&state, &operate(&state, &nothing, ADA[2], &[], time), &params());
    assert!(matches!(next(NOON.plus_ms(DAY_MS - 1)), Err(IdentityError::ChainSeq { seen: 17, allowed: 16, .. })));
    assert_eq!(next(NOON.plus_ms(DAY_MS)).unwrap().chain_seq, 17);
}

#[test]
fn revoking_closes_and_rotating_replaces() {
    let cast = Cast::new();
    let operations = cast.operations();
    let after = |name: &str| &operations.iter().find(|one| one.name == name).unwrap().after;
    let public = |number: u8| key(number).public_key();
    assert_eq!(after("revoke").signing.len(), 1);
    assert_eq!(after("revoke").rotation, cast.ada.state.rotation);
    assert_eq!(after("rotate").rotation, [public(13), public(17)]);
    assert_eq!(after("rotate").priority(&public(17)), Some(1));
    assert_eq!(after("node rotate").signing[0].key, public(5));
    let moved = after("move home, second in its chain, co-signed");
    assert_eq!((moved.chain_seq, moved.home), (2, Some(cast.lagoon.state.author.as_node())));
}

#[test]
fn a_rotation_key_keeps_its_priority_when_another_is_closed() {
    let cast = Cast::new();
    let first = Change::Revoke(Revoke { keys: vec![key(ADA[2]).public_key()] });
    let after = extend(&cast.ada.state, &operate(&cast.ada.state, &first, ADA[3], &[], NOON), &params()).unwrap();
    assert_eq!(after.priority(&key(ADA[3]).public_key()), Some(0));
    assert_eq!(after.priority(&key(ADA[2]).public_key()), None);
}

#[test]
fn ranks_are_by_majority_and_then_by_priority() {
    let cast = Cast::new();
    let nothing = Change::Revoke(Revoke { keys: vec![] });
    let ada = &cast.ada.state;
    let of = |signer, cosigners: &[u8]| rank(ada, &operate(ada, &nothing, signer, cosigners, NOON)).unwrap();
    assert!(of(ADA[2], &[]) > of(ADA[3], &[]));
    assert!(of(ADA[4], &[ADA[3]]) > of(ADA[2], &[]), "two of three are a majority");
    assert!(of(ADA[2], &[ADA[3], ADA[4]]) == of(ADA[2], &[ADA[4]]), "a larger majority is no better");
    assert!(of(ADA[2], &[ADA[4]]) > of(ADA[3], &[ADA[4]]));
    let harbour = &cast.harbour.state;
    let alone = rank(harbour, &operate(harbour, &nothing, HARBOUR[1], &[], NOON)).unwrap();
    assert!(alone.majority, "one of one is a majority");
}

#[test]
fn nothing_extends_a_resolve_and_it_lists_no_key() {
    let cast = Cast::new();
    let ada = &cast.ada.state;
    let resolve = Change::Resolve(Resolve { stands: cast.bob.genesis.id() });
    let after = extend(ada, &operate(ada, &resolve, ADA[2], &[], NOON), &params()).unwrap();
    assert_eq!(after.ended_by, Some(tidepool_protocol::Kind::RESOLVE));
    assert!(!after.lists(&key(ADA[0]).public_key(), tidepool_protocol::kind::Group::Content));
    let next = operate(&after, &Change::Revoke(Revoke { keys: vec![] }), ADA[2], &[], NOON);
    assert_eq!(extend(&after, &next, &params()), Err(IdentityError::Ended(tidepool_protocol::Kind::RESOLVE)));
}

#[test]
fn an_operation_without_its_body_makes_no_state() {
    let cast = Cast::new();
    assert_eq!(begin(&cast.ada.genesis.erased(), &params()), Err(IdentityError::NoBody));
    let operation = &cast.operations()[0];
    assert_eq!(extend(&operation.before, &operation.envelope.erased(), &params()), Err(IdentityError::NoBody));
}

#[test]
fn a_key_of_another_node_is_not_a_home() {
    let cast = Cast::new();
    let foreign = tidepool_protocol::identity::HomeSignature::by(
        &key(LAGOON[0]),
        cast.harbour.state.operation,
        network(),
        cast.ada_id(),
    );
    let home = cast.harbour.state.author.as_node();
    let harbour = &cast.harbour.state;
    assert_eq!(check_home(network(), cast.ada_id(), home, &foreign, harbour), Err(IdentityError::Home));
}
