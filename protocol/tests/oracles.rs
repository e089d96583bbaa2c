//! The oracles of the fuzz targets under proptest: arbitrary bytes, arbitrary values, and good bytes that were damaged.
#![allow(clippy::unwrap_used, clippy::panic)]

mod cast;
#[path = "../../tests/fuzz/src/oracles.rs"]
#[allow(unreachable_pub)]
mod oracles;

use bytes::Bytes;
use cast::Cast;
use ciborium::Value;
use ciborium::value::Integer;
use proptest::prelude::*;
use std::sync::LazyLock;
use tidepool_protocol::{DecodeError, Envelope, Verified, verify};

static SAMPLES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| Cast::new().samples());

fn hold(bytes: &[u8]) {
    for (_, oracle) in oracles::ALL {
        oracle(bytes);
    }
    // Two oracles let the first byte choose a kind: each kind in turn.
    let mut chosen = [&[0], bytes].concat();
    for choice in 0..u8::try_from(tidepool_protocol::Kind::KNOWN.len()).unwrap() {
        chosen[0] = choice;
        oracles::body(&chosen);
    }
}

/// Any CBOR value, those without a place in canonical form among them.
fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<u64>().prop_map(|number| Value::Integer(number.into())),
        any::<i64>().prop_map(|number| Value::Integer(number.into())),
        (0u64..300).prop_map(|number| Value::Integer(Integer::from(number))),
        Just(Value::Integer(Integer::try_from(-(1i128 << 64)).unwrap())),
        any::<Vec<u8>>().prop_map(Value::Bytes),
        ".{0,40}".prop_map(Value::Text),
        any::<bool>().prop_map(Value::Bool),
        Just(Value::Null),
        any::<f64>().prop_map(Value::Float),
        any::<u64>().prop_map(|tag| Value::Tag(tag, Box::new(Value::Null))),
        prop::collection::vec(any::<u8>(), 0..20).prop_map(|bytes| Value::Tag(2, Box::new(Value::Bytes(bytes)))),
        Just(Value::Map(vec![(Value::Null, Value::Bool(true))])),
    ];
    leaf.prop_recursive(20, 60, 5, |inner| prop::collection::vec(inner, 0..5).prop_map(Value::Array))
}

/// One change to some bytes.
#[derive(Clone, Debug)]
enum Damage {
    Set(prop::sample::Index, u8),
    Cut(prop::sample::Index),
    Insert(prop::sample::Index, Vec<u8>),
    Remove(prop::sample::Index),
}

fn any_damage() -> impl Strategy<Value = Damage> {
    let head = prop_oneof![
        prop::collection::vec(any::<u8>(), 1..10),
        // A head that claims four gigabytes, or eight exabytes, of bytes, text or entries.
        prop::sample::select(vec![0x5au8, 0x7a, 0x9a]).prop_map(|head| vec![head, 0xff, 0xff, 0xff, 0xff]),
        prop::sample::select(vec![0x5bu8, 0x7b, 0x9b]).prop_map(|head| [vec![head], vec![0x7f; 8]].concat()),
    ];
    prop_oneof![
        (any::<prop::sample::Index>(), any::<u8>()).prop_map(|(at, byte)| Damage::Set(at, byte)),
        any::<prop::sample::Index>().prop_map(Damage::Cut),
        (any::<prop::sample::Index>(), head).prop_map(|(at, bytes)| Damage::Insert(at, bytes)),
        any::<prop::sample::Index>().prop_map(Damage::Remove),
    ]
}

fn damaged(mut bytes: Vec<u8>, damages: &[Damage]) -> Vec<u8> {
    for damage in damages {
        if bytes.is_empty() {
            break;
        }
        let length = bytes.len();
        match damage {
            Damage::Set(at, byte) => bytes[at.index(length)] = *byte,
            Damage::Cut(at) => bytes.truncate(at.index(length)),
            Damage::Insert(at, inserted) => {
                let at = at.index(length);
                bytes.splice(at..at, inserted.iter().copied());
            }
            Damage::Remove(at) => {
                bytes.remove(at.index(length));
            }
        }
    }
    bytes
}

#[test]
fn the_oracles_hold_for_good_bytes() {
    SAMPLES.iter().for_each(|sample| hold(sample));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn the_oracles_hold_for_arbitrary_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        hold(&bytes);
    }

    #[test]
    fn the_oracles_hold_for_damaged_bytes(
        sample in any::<prop::sample::Index>(),
        damages in prop::collection::vec(any_damage(), 1..4),
    ) {
        hold(&damaged(sample.get(&SAMPLES).clone(), &damages));
    }

    #[test]
    fn the_oracles_hold_for_arbitrary_text(text in "(did:tide:|did:key:z|b|[caims]/)?[a-zA-Z0-9./\\-_=]{0,70}") {
        oracles::text(text.as_bytes());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, ..ProptestConfig::default() })]

    #[test]
    fn the_canonical_check_agrees_with_encoding_again(value in any_value(), damages in prop::collection::vec(any_damage(), 0..2)) {
        let mut bytes = Vec::new();
        ciborium::into_writer(&value, &mut bytes).unwrap();
        oracles::cbor(&bytes);
        oracles::cbor(&damaged(bytes, &damages));
    }
}

#[test]
fn the_canonical_check_agrees_with_encoding_again_for_all_short_bytes() {
    for first in 0..=255 {
        oracles::cbor(&[first]);
        for second in 0..=255 {
            oracles::cbor(&[first, second]);
            oracles::cbor(&[0x82, first, second]);
        }
    }
}

/// Every byte with any one bit changed or all of them, every cut, and a byte behind the end are refused. The property
/// below draws from all 255 changes of a byte: each costs a strict verification.
fn is_refused_when_changed(envelope: &Verified<Envelope>) {
    let good = envelope.bytes();
    let refused = |bytes: Vec<u8>| match Envelope::decode(Bytes::from(bytes)) {
        Ok(changed) => verify(changed).is_err(),
        Err(DecodeError::Cbor(_) | DecodeError::Version { .. } | DecodeError::BodyLength { .. }) => true,
    };
    for at in 0..good.len() {
        assert!(refused(good[..at].to_vec()), "cut at byte {at}");
        for change in (0..8).map(|bit| 1 << bit).chain([0xff]) {
            let mut bytes = good.to_vec();
            bytes[at] ^= change;
            assert!(refused(bytes), "byte {at} changed by {change:#04x}");
        }
    }
    assert!(refused([good, &[0][..]].concat()), "a byte behind the end");
    assert!(!refused(good.to_vec()), "the good bytes themselves");
}

#[test]
fn every_changed_byte_of_a_post_is_refused() {
    let cast = Cast::new();
    let envelopes = cast.envelopes();
    let (_, post) = envelopes.iter().find(|(name, _)| *name == "post").unwrap();
    is_refused_when_changed(post);
}

#[test]
fn every_changed_byte_of_a_genesis_is_refused() {
    is_refused_when_changed(&Cast::new().harbour.genesis);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn any_changed_byte_of_any_envelope_is_refused(
        sample in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        change in 1u8..=255,
    ) {
        let good: Vec<_> = SAMPLES.iter().filter(|sample| Envelope::decode((*sample).clone().into()).is_ok()).collect();
        let mut bytes = (*sample.get(&good)).clone();
        let at = at.index(bytes.len());
        bytes[at] ^= change;
        prop_assert!(Envelope::decode(bytes.into()).map_or(true, |changed| verify(changed).is_err()));
    }
}
