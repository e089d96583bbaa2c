//! What is secret stands nowhere in clear.

use super::rig::{Rig, TestRandom, home_rows};
use crate::config::HomeConfig;
use crate::error::HomeError;
use crate::keys::{CustodyKeys, NodeKeys};
use crate::ports::ShowAll;
use crate::register::rotation_key_of_phrase;
use crate::{check_keys, is_sealed};
use std::sync::Arc;
use tidepool_kernel::{Custody, Store};
use tidepool_protocol::signer::{Domain, verify_signature};
use tidepool_protocol::{SecretKey, Signer, TimeMs};

fn holds(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

#[tokio::test]
async fn no_row_and_no_envelope_holds_a_key_a_phrase_or_a_seed() {
    let rig = Rig::new().await;
    let registered = rig.register("Coral").await;
    let rotation: SecretKey = rotation_key_of_phrase(&registered.recovery_phrase).unwrap();
    let key_bits = registered.api_key.strip_prefix("moltbook_sk_").unwrap();
    let key_bits = tidepool_protocol::text::BASE32.decode(key_bits.as_bytes()).unwrap();
    let token = registered.claim_path.strip_prefix("/claim/").unwrap();
    let first_words = registered.recovery_phrase.split(' ').take(2).collect::<Vec<_>>().join(" ");
    // The signing seed is sealed: it is opened here the way custody does, to know what to look for.
    let signing = rig.opened_seed(&registered.signing_key);
    assert_eq!(SecretKey::from_seed(*signing).public_key(), registered.signing_key);
    let secrets: [Vec<u8>; 9] = [
        registered.api_key.as_bytes().to_vec(),
        key_bits,
        token.as_bytes().to_vec(),
        first_words.into_bytes(),
        rotation.seed().to_vec(),
        signing.to_vec(),
        rig.keys.signing().seed().to_vec(),
        rig.keys.rotation().seed().to_vec(),
        rig.keys.sealing().bytes().to_vec(),
    ];
    let rows = home_rows(&rig.store);
    assert!(rows.len() >= 8, "name, account, custody, recovery, key, claim and two of the home itself");
    let envelopes: Vec<_> = rig.store.all().iter().map(|stored| stored.envelope.bytes().to_vec()).collect();
    for (number, secret) in secrets.iter().enumerate() {
        for bytes in rows.iter().chain(&envelopes) {
            assert!(!holds(bytes, secret), "secret {number} stands in clear");
        }
    }
}

#[tokio::test]
async fn debug_forms_show_no_secret() {
    let rig = Rig::new().await;
    let registered = rig.register("Coral").await;
    let custody = CustodyKeys::new(Arc::clone(&rig.keys), rig.store.reader());
    let shown = format!("{registered:?} {:?} {custody:?} {:?}", rig.keys, rig.keys.sealing());
    let hex = |bytes: &[u8]| data_encoding::HEXLOWER.encode(bytes);
    for secret in [
        registered.api_key.to_string(),
        registered.recovery_phrase.split(' ').take(2).collect::<Vec<_>>().join(" "),
        hex(rig.keys.signing().seed().as_slice()),
        hex(rig.keys.sealing().bytes()),
    ] {
        assert!(!shown.contains(&secret));
    }
}

#[tokio::test]
async fn custody_signs_for_the_agent_and_for_the_node_and_for_nobody_else() {
    let rig = Rig::new().await;
    let registered = rig.register("Coral").await;
    let custody = CustodyKeys::new(Arc::clone(&rig.keys), rig.store.reader());
    let node = [rig.keys.signing().public_key(), rig.keys.rotation().public_key()];
    // Twice: from the row, then from the cache.
    for key in [registered.signing_key, registered.signing_key, node[0], node[1]] {
        let signature = custody.sign(&key, Domain::Home, b"message").unwrap();
        assert!(verify_signature(&key, Domain::Home, b"message", &signature));
    }
    let rotation = rotation_key_of_phrase(&registered.recovery_phrase).unwrap().public_key();
    assert_eq!(custody.sign(&rotation, Domain::Home, b"message"), None, "a rotation key belongs to the owner");
}

#[tokio::test]
async fn sealed_keys_do_not_open_under_another_nodes_key() {
    let rig = Rig::new().await;
    let registered = rig.register("Coral").await;
    let other = Arc::new(NodeKeys::generate(TimeMs(7), &TestRandom::new(99)));
    let custody = CustodyKeys::new(Arc::clone(&other), rig.store.reader());
    assert_eq!(custody.sign(&registered.signing_key, Domain::Envelope, b"message"), None);
    assert_eq!(check_keys(&*rig.store.reader(), &other), Err(HomeError::ForeignKeyFile));
    assert_eq!(check_keys(&*rig.store.reader(), &rig.keys), Ok(()));
    assert_eq!(is_sealed(&*rig.store.reader()), Ok(true));
    let started = Rig::on(rig.store.clone(), other, HomeConfig::default(), Arc::new(ShowAll), 5).await;
    assert_eq!(started.err(), Some(HomeError::ForeignKeyFile));
}
