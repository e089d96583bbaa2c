//! Keys and their limits, ranks, work, and changes by their kind. Chains of signed operations: `tests/identities.rs`.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crate::ids::{AuthorId, EnvelopeId, NetworkId, PublicKey};
use crate::kind::{Group, Kind};
use crate::time::TimeMs;
use std::cmp::Reverse;

fn state(signing: Vec<KeyUse>, rotation: Vec<PublicKey>) -> IdentityState {
    IdentityState {
        author: AuthorId([1; 32]),
        is_node: false,
        operation: EnvelopeId([2; 32]),
        chain_seq: 0,
        genesis_ms: TimeMs(0),
        time_ms: TimeMs(0),
        signing,
        rotation,
        home: None,
        handle: "somebody".to_owned(),
        ended_by: None,
    }
}

fn key(number: u8) -> PublicKey {
    PublicKey([number; 32])
}

#[test]
fn a_signing_key_signs_in_its_groups_and_a_rotation_key_everywhere() {
    let posts = KeyUse { key: key(1), groups: 1 << 3, not_after: None };
    let state = state(vec![posts, KeyUse::unrestricted(key(2))], vec![key(3)]);
    for group in [Group::Identity, Group::Agent, Group::Content, Group::Community, Group::Unknown(40)] {
        assert_eq!(state.lists(&key(1), group), group == Group::Content, "{group:?}");
        assert!(state.lists(&key(2), group) && state.lists(&key(3), group));
        assert!(!state.lists(&key(4), group), "a stranger");
    }
}

#[test]
fn groups_beyond_the_mask_are_for_unrestricted_keys() {
    let nearly_all = KeyUse { key: key(1), groups: u16::MAX - 1, not_after: None };
    assert!(nearly_all.allows(Group::Unknown(15)));
    assert!(!nearly_all.allows(Group::Unknown(16)));
    assert!(KeyUse::unrestricted(key(1)).allows(Group::Unknown(16)));
}

#[test]
fn a_majority_outranks_any_priority_and_then_the_higher_priority_wins() {
    let rank = |majority, priority| Rank { majority, priority: Reverse(priority) };
    assert!(rank(true, 2) > rank(false, 0));
    assert!(rank(false, 0) > rank(false, 1));
    assert!(rank(true, 0) > rank(true, 1));
    assert_eq!(rank(true, 1), rank(true, 1));
}

#[test]
fn work_is_of_one_network_one_author_and_one_operation() {
    let network = NetworkId([1; 8]);
    let content = |kind, time| OperationContent {
        auth: EnvelopeId([3; 32]),
        time_ms: TimeMs(time),
        kind,
        chain_seq: 1,
        change: b"change",
        cosigners: &[],
    };
    let author = AuthorId([1; 32]);
    let subjects = [
        WorkSubject::genesis(network, author),
        WorkSubject::genesis(NetworkId([2; 8]), author),
        WorkSubject::genesis(network, AuthorId([2; 32])),
        WorkSubject::operation(network, author, &content(Kind::REVOKE, 1)),
        WorkSubject::operation(network, author, &content(Kind::ROTATE, 1)),
        WorkSubject::operation(network, author, &content(Kind::REVOKE, 2)),
    ];
    // Sixteen bits by one subject's nonce are, by chance, as many by another's once in 65,536.
    let nonces: Vec<_> = subjects.iter().map(|subject| subject.search(16, 0, u64::MAX).unwrap()).collect();
    for (at, subject) in subjects.iter().enumerate() {
        for (other, nonce) in nonces.iter().enumerate() {
            assert_eq!(work_bits(subject, *nonce) >= 16, at == other, "work of {other} for {at}");
        }
    }
}

#[test]
fn a_search_ends_after_its_tries_and_goes_on_from_there() {
    let subject = WorkSubject::genesis(NetworkId([1; 8]), AuthorId([1; 32]));
    let found = subject.search(10, 0, u64::MAX).unwrap();
    assert_eq!(subject.search(10, 0, found), None);
    assert_eq!(subject.search(10, found, 1), Some(found));
    assert_eq!(subject.search(32, u64::MAX, u64::MAX), None);
}

#[test]
fn changes_know_their_kind() {
    let change = Change::Revoke(Revoke { keys: vec![key(1)] });
    assert_eq!(Change::decode(Kind::REVOKE, &change.encode()), Ok(Some(change.clone())));
    assert_eq!(Change::decode(Kind::POST, &change.encode()), Ok(None));
    assert!(Change::decode(Kind::ROTATE, &change.encode()).is_err());
}
