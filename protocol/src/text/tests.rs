//! Text forms against the examples of their specifications, and what is wrong with those that are none.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;

#[test]
fn a_key_is_shown_as_the_did_key_specification_shows_it() {
    // The first example of the did:key method's specification.
    let text = "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK";
    let key: PublicKey = text.parse().unwrap();
    assert_eq!(HEXLOWER.encode(&key.0), "2e6fcce36701dc791488e0d0b1745cc1e33a4c1c9fcc41c63bd343dbbe0970e6");
    assert_eq!(key.to_string(), text);
}

#[test]
fn an_envelope_is_shown_as_a_cid_that_ipld_knows() {
    // dag-cbor and sha2-256 in base32 start with these seven characters whatever the hash.
    let id = EnvelopeId([0xa5; 32]);
    assert!(id.to_string().starts_with("bafyrei"));
    assert_eq!(id.to_string().parse(), Ok(id));
}

#[test]
fn what_is_wrong_is_named() {
    let prefix = |expected, seen: &str| TextError::Prefix { expected, seen: seen.to_owned() };
    assert_eq!("did:web:x".parse::<AgentId>(), Err(prefix("did:tide:", "did:web:x")));
    assert_eq!("did:tide:x".parse::<PublicKey>(), Err(prefix("did:key:z", "did:tide:x")));
    let malformed = |what, seen: &str| TextError::Malformed { what, seen: seen.to_owned() };
    assert_eq!("did:tide:abc".parse::<NodeId>(), Err(malformed("did:tide", "did:tide:abc")));
    assert_eq!("babc".parse::<EnvelopeId>(), Err(malformed("CIDv1 (dag-cbor, sha2-256)", "babc")));
    let long = format!("did:key:z{}", "1".repeat(100_000));
    let Err(TextError::Malformed { seen, .. }) = long.parse::<PublicKey>() else { panic!("that is no key") };
    assert_eq!(seen.len(), 80);
}

#[test]
fn one_letter_of_another_case_is_another_text() {
    let good = AgentId([0x5c; 32]).to_string();
    for at in "did:tide:".len()..good.len() {
        let mut text = good.clone();
        text.replace_range(at..=at, &good[at..=at].to_uppercase());
        assert_eq!(text.parse::<AgentId>().is_ok(), text == good, "{text}");
    }
    assert!(good.to_uppercase().parse::<AgentId>().is_err());
}

#[test]
fn a_network_is_sixteen_hex_digits() {
    assert_eq!(NetworkId([0x0a; 8]).to_string(), "0a0a0a0a0a0a0a0a");
}
