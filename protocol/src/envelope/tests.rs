//! What is kept of an envelope, what is refused, and who is believed.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crate::ids::{AuthorId, NetworkId};
use crate::kind::Kind;
use crate::scope::Scope;
use crate::signer::{SecretKey, Signer};
use crate::time::{Epoch, TimeMs};

fn draft(body: Vec<u8>) -> Draft {
    Draft {
        network: NetworkId([1; 8]),
        author: AuthorId([2; 32]),
        auth: EnvelopeId([3; 32]),
        scope: Scope::Open("general".parse().unwrap()),
        epoch: Epoch(16),
        seq: 1,
        prev: Some(EnvelopeId([4; 32])),
        time_ms: TimeMs(5),
        kind: Kind::POST,
        body,
    }
}

fn signed(body: Vec<u8>) -> Verified<Envelope> {
    draft(body).sign(&SecretKey::from_seed([9; 32]))
}

#[test]
fn the_bytes_received_are_kept() {
    let bytes = signed(vec![0x00]).bytes().clone();
    let received = Envelope::decode(bytes.clone()).unwrap();
    assert_eq!(received.bytes().as_ptr(), bytes.as_ptr(), "kept without a copy");
    assert_eq!(received.header().key, SecretKey::from_seed([9; 32]).public_key());
    assert_eq!(received.id(), EnvelopeId(sha256(&[received.header_bytes()])));
    assert!(verify(received).is_ok());
}

#[test]
fn an_erased_envelope_holds_and_keeps_its_id() {
    let whole = signed(vec![0x82, 0x00, 0x01]);
    let erased = whole.erased();
    assert_eq!((erased.id(), erased.signature(), erased.body()), (whole.id(), whole.signature(), None));
    assert_eq!(verify(Envelope::decode(erased.bytes().clone()).unwrap()), Ok(erased.clone()));
    assert_eq!(erased.erased(), erased);
}

/// A signer that names one key and signs with another, or not at all.
struct Liar(Option<SecretKey>);

impl Signer for Liar {
    fn public_key(&self) -> crate::ids::PublicKey {
        SecretKey::from_seed([9; 32]).public_key()
    }

    fn sign(&self, domain: Domain, message: &[u8]) -> Signature {
        self.0.as_ref().map_or(Signature([0; 64]), |key| key.sign(domain, message))
    }
}

#[test]
fn a_signer_is_not_believed() {
    let named = SecretKey::from_seed([9; 32]);
    for liar in [Liar(None), Liar(Some(SecretKey::from_seed([8; 32])))] {
        assert_eq!(draft(vec![0x00]).try_sign(&liar), Err(SignError::Signature(named.public_key())));
    }
    assert_eq!(draft(vec![0x00]).try_sign(&Liar(Some(named.clone()))), Ok(draft(vec![0x00]).sign(&named)));
}

#[test]
fn a_draft_that_makes_no_envelope_is_not_signed() {
    let key = SecretKey::from_seed([9; 32]);
    let refused = |draft: Draft| matches!(draft.try_sign(&key), Err(SignError::Envelope(_)));
    assert!(refused(draft(vec![])));
    assert!(refused(draft(vec![0; BODY_BYTES_MAX + 1])));
    assert!(refused(Draft { scope: Scope::Presence(crate::slot::Slot::CTL), ..draft(vec![0x00]) }));
}

#[test]
fn a_body_of_another_envelope_is_refused() {
    let (ours, theirs) = (signed(vec![0x01]), signed(vec![0x02]));
    let mixed = [&ours.bytes()[..ours.bytes().len() - 1], theirs.body().unwrap()].concat();
    assert_eq!(verify(Envelope::decode(mixed.into()).unwrap()), Err(VerifyError::BodyHash));
}

#[test]
fn the_longest_envelope_is_read_and_a_longer_one_refused() {
    let body = |length: usize| cbor::encode(serde_bytes::Bytes::new(&vec![0; length - 3]));
    let longest = signed(body(BODY_BYTES_MAX));
    assert_eq!(longest.body().unwrap().len(), BODY_BYTES_MAX);
    assert!(longest.bytes().len() <= ENVELOPE_BYTES_MAX);
    let over = vec![0; ENVELOPE_BYTES_MAX + 1];
    let error = CborError::TooLong { seen: ENVELOPE_BYTES_MAX + 1, allowed: ENVELOPE_BYTES_MAX };
    assert_eq!(Envelope::decode(over.into()), Err(DecodeError::Cbor(error)));
}

#[test]
fn a_newer_version_is_named_even_when_its_header_is_unknown() {
    let header = cbor::encode(&(2, "something else"));
    let bytes = cbor::encode(&(serde_bytes::Bytes::new(&header), Signature([0; 64]), None::<()>));
    assert_eq!(Envelope::decode(bytes.into()), Err(DecodeError::Version { seen: 2 }));
}

#[test]
fn the_log_and_slot_of_a_header_are_those_of_its_fields() {
    let envelope = signed(vec![0x00]);
    let header = envelope.header();
    assert_eq!(
        header.log(),
        LogId { author: header.author, key: header.key, scope: header.scope.clone(), epoch: Epoch(16) }
    );
    assert_eq!(header.slot(), header.scope.slot());
}

#[test]
fn what_is_shown_of_an_envelope_leaves_its_body_out() {
    let shown = format!("{:?}", *signed(cbor::encode("a secret")));
    assert!(shown.contains("POST") && !shown.contains("secret"), "{shown}");
}
