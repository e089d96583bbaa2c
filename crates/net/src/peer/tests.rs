//! Both forms of a peer give one another.

#![allow(clippy::unwrap_used)]

use super::*;
use libp2p::identity::Keypair;

#[test]
fn an_ed25519_peer_id_gives_its_key_and_the_key_gives_it_back() {
    for _ in 0..32 {
        let keypair = Keypair::generate_ed25519();
        let id = keypair.public().to_peer_id();
        let peer = peer_of(&id).unwrap();
        assert_eq!(peer.0, keypair.public().try_into_ed25519().unwrap().to_bytes());
        assert_eq!(peer_id(&peer), Some(id));
    }
}

#[test]
fn a_peer_id_that_is_a_hash_of_another_key_has_no_peer() {
    // What an RSA key gives: a SHA-256 multihash.
    let mut bytes = vec![0x12, 0x20];
    bytes.extend([7; 32]);
    assert_eq!(peer_of(&PeerId::from_bytes(&bytes).unwrap()), None);
    assert_eq!(peer_of(&PeerId::random()), None);
}

#[test]
fn bytes_that_are_no_point_have_no_peer_id() {
    let mut none = 0;
    for first in 0..=255 {
        let mut bytes = [0; 32];
        bytes[0] = first;
        none += usize::from(peer_id(&Peer::from(bytes)).is_none());
    }
    assert!(none > 64, "about half of all strings are no point, saw {none} of 256");
}

#[test]
fn a_name_reads_what_it_writes_and_refuses_the_rest() {
    let name = PeerName(Keypair::generate_ed25519().public().to_peer_id());
    let json = serde_json::to_string(&name).unwrap();
    assert_eq!(serde_json::from_str::<PeerName>(&json).unwrap(), name);
    assert!(serde_json::from_str::<PeerName>("\"not a peer\"").is_err());
}
