//! Addresses are judged by where they can be reached from.

#![allow(clippy::unwrap_used)]

use super::*;

fn check(text: &str, expected: Option<Realm>) {
    assert_eq!(realm(&text.parse().unwrap()), expected, "{text}");
}

#[test]
fn dialable_addresses_have_a_realm() {
    check("/ip4/127.0.0.1/tcp/4001", Some(Realm::Machine));
    check("/ip6/::1/udp/4001/quic-v1", Some(Realm::Machine));
    check("/ip4/192.168.1.9/tcp/4001", Some(Realm::Local));
    check("/ip4/10.0.0.1/udp/4001/quic-v1", Some(Realm::Local));
    check("/ip4/100.64.0.1/tcp/4001", Some(Realm::Local));
    check("/ip6/fd00::1/tcp/4001", Some(Realm::Local));
    check("/ip6/::ffff:10.0.0.1/tcp/4001", Some(Realm::Local));
    check("/ip4/9.9.9.9/tcp/4001", Some(Realm::World));
    check("/ip6/2600::1/tcp/4001", Some(Realm::World));
    check("/dns4/pool.example/tcp/4001", Some(Realm::World));
}

#[test]
fn what_cannot_be_dialled_has_none() {
    check("/ip4/0.0.0.0/tcp/4001", None);
    check("/ip4/127.0.0.1/tcp/0", None);
    check("/ip4/224.0.0.1/udp/4001/quic-v1", None);
    check("/ip4/127.0.0.1/udp/4001", None);
    check("/ip4/127.0.0.1/tcp/80/ws", None);
    check("/memory/7", None);
    let id = PeerId::random();
    check(&format!("/ip4/9.9.9.9/tcp/4001/p2p/{id}"), Some(Realm::World));
    check(&format!("/ip4/9.9.9.9/tcp/4001/p2p/{id}/p2p-circuit"), None);
}

#[test]
fn a_peer_far_away_cannot_hand_out_addresses_of_our_network() {
    let id = PeerId::random();
    let claimed: Vec<Multiaddr> =
        ["/ip4/127.0.0.1/tcp/1", "/ip4/10.0.0.1/tcp/1", "/ip4/9.9.9.9/tcp/1"].map(|text| text.parse().unwrap()).into();
    let kept = |seen_at| filtered(&id, claimed.clone(), seen_at).len();
    assert_eq!(kept(None), 1);
    assert_eq!(kept(Some(Realm::World)), 1);
    assert_eq!(kept(Some(Realm::Local)), 2);
    assert_eq!(kept(Some(Realm::Machine)), 3);
}

#[test]
fn a_flood_is_capped_and_other_peers_addresses_are_dropped() {
    let id = PeerId::random();
    let flood: Vec<Multiaddr> = (1..1_000).map(|port| format!("/ip4/9.9.9.9/tcp/{port}").parse().unwrap()).collect();
    assert_eq!(filtered(&id, flood, None).len(), ADDRESSES_PER_PEER_MAX);
    let same: Vec<Multiaddr> = vec![
        "/ip4/9.9.9.9/tcp/1".parse().unwrap(),
        format!("/ip4/9.9.9.9/tcp/1/p2p/{id}").parse().unwrap(),
        format!("/ip4/9.9.9.9/tcp/2/p2p/{}", PeerId::random()).parse().unwrap(),
    ];
    assert_eq!(filtered(&id, same, None), ["/ip4/9.9.9.9/tcp/1".parse::<Multiaddr>().unwrap()]);
}
