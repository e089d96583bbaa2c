//! Signatures that a lax verifier would take, and domains.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use data_encoding::HEXLOWER;
use ed25519_dalek::Verifier as _;

fn bytes<const N: usize>(hex: &str) -> [u8; N] {
    HEXLOWER.decode(hex.as_bytes()).unwrap().try_into().unwrap()
}

/// Every encoding of every point of small order: the canonical ones, and those above the field's prime or with a sign
/// that zero does not have. From libsodium's blacklist and "Taming the many EdDSAs" (Chalkias, Garillot, Nikolaenko).
const SMALL_ORDER: [&str; 14] = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
];

/// The order of the group, little-endian.
const ORDER: &str = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";

#[test]
fn a_key_of_small_order_signs_nothing() {
    for key in SMALL_ORDER {
        for point in SMALL_ORDER {
            // R of small order and S zero: for a lax verifier that fits some messages, or all of them.
            let mut signature = [0; 64];
            signature[..32].copy_from_slice(&bytes::<32>(point));
            for message in 0u8..16 {
                let accepted =
                    verify_signature(&PublicKey(bytes(key)), Domain::Envelope, &[message], &Signature(signature));
                assert!(!accepted, "key {key}, R {point}, message {message}");
            }
        }
    }
}

#[test]
fn what_a_lax_verifier_takes_from_the_neutral_key_is_refused_here() {
    let key = VerifyingKey::from_bytes(&bytes(SMALL_ORDER[0])).unwrap();
    let mut signature = [0; 64];
    signature[0] = 1;
    let message = Domain::Envelope.message(b"any message");
    assert!(
        key.verify(&message, &ed25519_dalek::Signature::from_bytes(&signature)).is_ok(),
        "the lax verifier takes it"
    );
    assert!(!verify_signature(&PublicKey(key.to_bytes()), Domain::Envelope, b"any message", &Signature(signature)));
}

#[test]
fn an_s_beyond_the_group_order_is_refused() {
    let secret = SecretKey::from_seed([1; 32]);
    let mut signature = secret.sign(Domain::Envelope, b"message");
    assert!(verify_signature(&secret.public_key(), Domain::Envelope, b"message", &signature));
    let mut carry = 0u16;
    for (byte, order) in signature.0[32..].iter_mut().zip(bytes::<32>(ORDER)) {
        let sum = u16::from(*byte) + u16::from(order) + carry;
        carry = sum >> 8;
        *byte = sum.to_le_bytes()[0];
    }
    assert!(!verify_signature(&secret.public_key(), Domain::Envelope, b"message", &signature));
}

#[test]
fn a_point_in_a_second_encoding_is_refused() {
    for (encoding, canonical) in [
        ("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", true),
        ("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", false),
        ("ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", false),
        ("ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", false),
        ("edfffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe7f", true),
    ] {
        assert_eq!(is_canonical_point(&bytes(encoding)), canonical, "{encoding}");
    }
}

#[test]
fn a_signature_serves_one_domain_one_message_and_one_key() {
    let (secret, other) = (SecretKey::from_seed([1; 32]), SecretKey::from_seed([2; 32]));
    let domains = [Domain::Envelope, Domain::Possess, Domain::Home, Domain::Checkpoint, Domain::Work, Domain::Cosign];
    for domain in domains {
        let signature = secret.sign(domain, b"message");
        for elsewhere in domains {
            let accepted = verify_signature(&secret.public_key(), elsewhere, b"message", &signature);
            assert_eq!(accepted, domain == elsewhere, "{domain:?} as {elsewhere:?}");
        }
        assert!(!verify_signature(&secret.public_key(), domain, b"messagf", &signature));
        assert!(!verify_signature(&other.public_key(), domain, b"message", &signature));
    }
}

#[test]
fn no_domain_is_the_beginning_of_another() {
    // The zero byte behind the name keeps a message of one domain from being one of another.
    assert_eq!(Domain::Home.message(b"x"), b"tidepool/home/1\0x");
}

#[test]
fn a_secret_is_never_shown() {
    let secret = SecretKey::from_seed([0x42; 32]);
    assert_eq!(*secret.seed(), [0x42; 32]);
    assert_eq!(format!("{secret:?}"), format!("SecretKey(of {})", secret.public_key()));
}
