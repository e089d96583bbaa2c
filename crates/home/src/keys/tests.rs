//! The key file, sealing, and the node's genesis.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::{NodeKeyError, NodeKeys, SealPurpose, node_genesis};
use crate::tests::TestRandom;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use tidepool_protocol::{NetworkGenesis, TimeMs, identity};

const NOW: TimeMs = TimeMs(1_795_600_000_000);

fn load(path: &Path) -> Result<NodeKeys, NodeKeyError> {
    NodeKeys::load_or_create(path, NOW, &TestRandom::new(7))
}

#[test]
fn a_key_file_is_made_once_with_mode_0600_and_read_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("node.key");
    let made = load(&path).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
    let read = NodeKeys::load_or_create(&path, TimeMs(5), &TestRandom::new(8)).unwrap();
    assert_eq!(read.node_id(), made.node_id());
    assert_eq!(read.signing().seed(), made.signing().seed());
    assert_eq!(read.rotation().seed(), made.rotation().seed());
    assert_eq!(read.sealing().bytes(), made.sealing().bytes());
    assert_eq!(read.created_ms(), NOW);
    let left: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["node.key"], "no draft is left");
}

#[test]
fn a_key_file_that_others_may_read_is_refused_with_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("node.key");
    load(&path).unwrap();
    for mode in [0o640, 0o604, 0o644, 0o660] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let refused = load(&path).unwrap_err();
        assert!(matches!(refused, NodeKeyError::Mode { mode: seen, .. } if seen == mode), "{refused}");
        assert!(refused.to_string().contains("chmod 600"));
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
    load(&path).unwrap();
}

#[test]
fn a_key_file_that_is_not_whole_is_refused_and_not_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("node.key");
    load(&path).unwrap();
    let whole = fs::read_to_string(&path).unwrap();
    let signing = whole.lines().find(|line| line.starts_with("signing ")).unwrap();
    let cases = [
        (String::new(), "'version …' is missing"),
        (whole.replace("version 1", "version 2"), "version \"2\""),
        (whole.replace(signing, ""), "'signing …' is missing"),
        (whole.replace(signing, &signing[..signing.len() - 2]), "64 hex digits"),
        (whole.replace(signing, &format!("{signing}00")), "64 hex digits"),
        (whole.replace(signing, &format!("{}zz", &signing[..signing.len() - 2])), "64 hex digits"),
        ("x".repeat(20_000), "at most"),
    ];
    for (text, says) in cases {
        fs::write(&path, &text).unwrap();
        let refused = load(&path).unwrap_err();
        assert!(matches!(refused, NodeKeyError::Form { .. }), "{refused}");
        assert!(refused.to_string().contains(says), "{refused} does not say {says}");
        assert!(!refused.to_string().contains(&signing["signing ".len()..]), "the error repeats a secret");
        assert_eq!(fs::read_to_string(&path).unwrap(), text, "a key file is never written over");
    }
}

#[test]
fn a_directory_that_is_not_there_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let refused = load(&dir.path().join("no").join("node.key")).unwrap_err();
    assert!(refused.to_string().contains("node.key"), "{refused}");
}

#[test]
fn two_that_make_a_key_file_at_one_time_get_the_same_keys() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("node.key");
    let ids: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8_u64)
            .map(|seed| {
                let path = &path;
                scope.spawn(move || NodeKeys::load_or_create(path, NOW, &TestRandom::new(seed)).unwrap().node_id())
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(ids.iter().all(|id| *id == ids[0]));
}

#[test]
fn a_sealed_secret_opens_for_its_purpose_and_subject_only() {
    let (random, other) = (TestRandom::new(1), TestRandom::new(2));
    let keys = NodeKeys::generate(NOW, &random);
    let sealed = keys.sealing().seal(&random, SealPurpose::Signing, b"subject", b"secret");
    let open = |purpose, subject: &[u8], sealed: &[u8]| keys.sealing().open(purpose, subject, sealed);
    assert_eq!(open(SealPurpose::Signing, b"subject", &sealed).unwrap().as_slice(), b"secret");
    assert!(open(SealPurpose::Recovery, b"subject", &sealed).is_none());
    assert!(open(SealPurpose::Signing, b"another", &sealed).is_none());
    for at in 0..sealed.len() {
        let mut damaged = sealed.clone();
        damaged[at] ^= 1;
        assert!(open(SealPurpose::Signing, b"subject", &damaged).is_none(), "byte {at}");
    }
    assert!(open(SealPurpose::Signing, b"subject", &sealed[..10]).is_none());
    let foreign = NodeKeys::generate(NOW, &other);
    assert!(foreign.sealing().open(SealPurpose::Signing, b"subject", &sealed).is_none());
    let again = keys.sealing().seal(&random, SealPurpose::Signing, b"subject", b"secret");
    assert_ne!(sealed, again, "each has a nonce of its own");
}

#[test]
fn a_node_genesis_is_admissible_and_names_the_libp2p_key_first() {
    let network = NetworkGenesis::development();
    let keys = NodeKeys::generate(NOW, &TestRandom::new(3));
    let genesis = node_genesis(&keys, &network);
    let state = identity::begin(&genesis, &network.params).unwrap();
    assert!(state.is_node);
    assert_eq!(state.author, keys.node_id().into());
    assert_eq!(state.signing[0].key, keys.public_key());
}
