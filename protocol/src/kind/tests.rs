//! The bits of a kind, and the slot in which it lies.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crate::ids::AuthorId;
use std::collections::BTreeSet;

#[test]
fn known_numbers_are_different_and_say_what_they_are() {
    let numbers: BTreeSet<_> = Kind::KNOWN.iter().map(|(kind, _)| kind.0).collect();
    assert_eq!(numbers.len(), Kind::KNOWN.len());
    for (kind, name) in Kind::KNOWN {
        assert_eq!(kind.name(), Some(*name));
        assert_eq!(kind.is_ephemeral(), kind.group() == Group::Ephemeral, "{name}");
        assert_eq!(kind.is_critical(), kind.group() == Group::Identity, "{name}");
        assert!(!matches!(kind.group(), Group::Unknown(_)), "{name}");
    }
}

#[test]
fn identity_operations_but_the_genesis_lie_in_ctl() {
    let scope = Scope::Identity(AuthorId([1; 32]));
    for (kind, name) in Kind::KNOWN {
        let ctl = kind.is_identity_operation() && !kind.is_genesis();
        assert_eq!(kind.slot(&scope), if ctl { Slot::CTL } else { scope.slot() }, "{name}");
    }
    assert!(!Kind::KEEP.is_identity_operation());
    assert_eq!(Kind(0x417f).slot(&scope), Slot::CTL, "an unknown operation travels like a known one");
}

#[test]
fn an_ephemeral_kind_extends_no_chain() {
    let kind = Kind(0xc101);
    assert_eq!(kind.group(), Group::Identity);
    assert!(kind.is_ephemeral() && kind.is_critical() && !kind.is_identity_operation());
}

#[test]
fn unknown_kinds_tell_their_group() {
    assert_eq!(Kind(0x037f).group(), Group::Content);
    assert_eq!(Kind(0x3f00).group(), Group::Unknown(63));
    assert_eq!(Kind(0x037f).name(), None);
    assert_eq!(format!("{:?} {:?}", Kind(0x037f), Kind::POST), "Kind(0x037f) Kind(POST)");
}
