//! Tests of the sync messages: they come back as they were, and nothing else is read.
#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crate::ids::{AgentId, PublicKey};
use crate::scope::Scope;
use crate::time::Epoch;
use proptest::prelude::*;

fn point(number: u8) -> Point {
    Point { time_ms: TimeMs(u64::from(number) * 1_000_000_000), id: EnvelopeId([number; 32]) }
}

fn slot(number: u16) -> Slot {
    Slot::new(number).unwrap()
}

fn horizon() -> Horizon {
    Horizon { first: slot(256), last: slot(511), from: TimeMs(1_000_000) }
}

fn requests() -> Vec<SyncRequest> {
    let range = Range { from: point(1), to: Some(point(9)) };
    let scope = Scope::Agent(AgentId([7; 32]));
    let log = LogId { author: AuthorId([1; 32]), key: PublicKey([2; 32]), scope, epoch: Epoch(47_000) };
    vec![
        SyncRequest::Digest(vec![]),
        SyncRequest::Digest(vec![SlotRun { first: slot(0), last: slot(1_024), class: Class::State, from: TimeMs(0) }]),
        SyncRequest::Split { slot: slot(3), class: Class::Content, range, parts: 16 },
        SyncRequest::Split { slot: slot(3), class: Class::Content, range: Range::ALL, parts: 1 },
        SyncRequest::Ids { slot: slot(1_024), class: Class::State, range, limit: 4_096 },
        SyncRequest::Fetch(vec![EnvelopeId([1; 32]), EnvelopeId([2; 32])]),
        SyncRequest::Range { slot: slot(5), class: Class::Content, range, bytes: 1_000_000 },
        SyncRequest::Log { log, from: 0, to: u64::MAX },
        SyncRequest::Identity(vec![AuthorId([3; 32])]),
        SyncRequest::Heads(AuthorId([3; 32])),
        SyncRequest::Blob(BlobHash([4; 32])),
        SyncRequest::Snapshot { of: vec![horizon()], after: 77, bytes: 1_000_000 },
        SyncRequest::Reconcile { slot: slot(3), class: Class::State, range, message: Bytes::from_static(b"asked") },
    ]
}

fn answers() -> Vec<SyncAnswer> {
    let fingerprint = Fingerprint([5; 16]);
    let head = Head {
        scope: Scope::Agent(AgentId([7; 32])),
        key: PublicKey([2; 32]),
        epoch: Epoch(9),
        seq: 3,
        id: EnvelopeId([1; 32]),
    };
    vec![
        SyncAnswer::Digests { digests: vec![Digest { count: 3, fingerprint }], covers: vec![horizon()] },
        SyncAnswer::Parts(vec![
            Part { to: Some(point(2)), count: 1, fingerprint },
            Part { to: None, count: 0, fingerprint },
        ]),
        SyncAnswer::Ids { points: vec![point(1), point(2)], next: Some(point(3)) },
        SyncAnswer::Ids { points: vec![], next: None },
        SyncAnswer::Envelopes {
            envelopes: vec![Bytes::from_static(b"one"), Bytes::new()],
            next: Some(point(4)),
            gone: vec![],
        },
        SyncAnswer::Envelopes { envelopes: vec![], next: None, gone: vec![EnvelopeId([6; 32])] },
        SyncAnswer::Heads { heads: vec![head], more: true },
        SyncAnswer::Blob(Some(Bytes::from_static(b"picture"))),
        SyncAnswer::Blob(None),
        SyncAnswer::Busy,
        SyncAnswer::Snapshot {
            envelopes: vec![Bytes::from_static(b"one")],
            next: Some(9),
            digest: Digest { count: 3, fingerprint },
        },
        SyncAnswer::Snapshot { envelopes: vec![], next: None, digest: Digest { count: 0, fingerprint } },
        SyncAnswer::Reconciled(Bytes::from_static(b"answered")),
    ]
}

#[test]
fn every_request_comes_back_as_it_was() {
    for request in requests() {
        assert_eq!(SyncRequest::decode(&request.encode()), Ok(request));
    }
}

#[test]
fn every_answer_comes_back_as_it_was() {
    for answer in answers() {
        assert_eq!(SyncAnswer::decode(&answer.encode()), Ok(answer));
    }
}

#[test]
fn the_arrays_are_those_of_the_documentation() {
    let digest = SyncRequest::Digest(vec![SlotRun {
        first: slot(0),
        last: slot(1_024),
        class: Class::Content,
        from: TimeMs(7),
    }]);
    assert_eq!(&digest.encode()[..], &[0x82, 0x00, 0x81, 0x84, 0x00, 0x19, 0x04, 0x00, 0x01, 0x07]);
    assert_eq!(&SyncAnswer::Busy.encode()[..], &[0x81, 0x06]);
    let empty = SyncAnswer::Envelopes { envelopes: vec![Bytes::from_static(b"x")], next: None, gone: vec![] };
    assert_eq!(&empty.encode()[..], &[0x84, 0x03, 0x81, 0x41, b'x', 0xf6, 0x80]);
}

#[test]
fn a_frame_that_is_cut_or_longer_is_refused() {
    for frame in requests().iter().map(SyncRequest::encode) {
        for length in 0..frame.len() {
            assert!(SyncRequest::decode(&frame[..length]).is_err());
        }
        assert!(SyncRequest::decode(&[&frame[..], &[0]].concat()).is_err());
    }
    for frame in answers().iter().map(SyncAnswer::encode) {
        for length in 0..frame.len() {
            assert!(SyncAnswer::decode(&frame.slice(..length)).is_err());
        }
        assert!(SyncAnswer::decode(&[&frame[..], &[0]].concat().into()).is_err());
    }
}

#[test]
fn lists_beyond_their_limit_and_unknown_tags_are_refused() {
    let many = SyncRequest::Identity(vec![AuthorId([0; 32]); IDENTITIES_MAX + 1]);
    assert!(SyncRequest::decode(&many.encode()).is_err());
    assert_eq!(SyncRequest::decode(&[0x81, 0x0b]), Err(SyncError::Tag(11)));
    assert_eq!(SyncAnswer::decode(&Bytes::from_static(&[0x81, 0x09])), Err(SyncError::Tag(9)));
}

proptest! {
    #[test]
    fn decoders_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
        let _ = SyncRequest::decode(&bytes);
        let _ = SyncAnswer::decode(&bytes.into());
    }

    #[test]
    fn what_is_read_is_canonical(which in 0usize..13, at in any::<prop::sample::Index>(), with in any::<u8>()) {
        let requests = requests();
        let mut frame = requests[which].encode().to_vec();
        let at = at.index(frame.len());
        frame[at] = with;
        if let Ok(request) = SyncRequest::decode(&frame) {
            prop_assert_eq!(&request.encode()[..], &frame[..]);
        }
    }
}
