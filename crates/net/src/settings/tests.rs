//! Settings are read strictly and checked against one another.

#![allow(clippy::unwrap_used)]

use super::*;

fn refused(change: impl FnOnce(&mut NetSettings)) -> &'static str {
    let mut settings = NetSettings::default();
    change(&mut settings);
    match settings.check() {
        Err(NetError::Setting { key, .. }) => key,
        other => unreachable!("expected a refusal, saw {other:?}"),
    }
}

#[test]
fn the_default_is_allowed_and_survives_its_text_form() {
    let settings = NetSettings::default();
    settings.check().unwrap();
    assert!(settings.loopback());
    let text = serde_json::to_string(&settings).unwrap();
    assert_eq!(serde_json::from_str::<NetSettings>(&text).unwrap(), settings);
}

#[test]
fn an_unknown_key_is_refused() {
    assert!(serde_json::from_str::<NetSettings>(r#"{"sedes": []}"#).is_err());
    assert!(serde_json::from_str::<NetSettings>(r#"{"gossip": {"mash": 8}}"#).is_err());
    assert!(serde_json::from_str::<NetSettings>(r#"{"listen": ["127.0.0.1:80"]}"#).is_err());
}

#[test]
fn numbers_out_of_range_are_refused_by_name() {
    assert_eq!(refused(|s| s.gossip.mesh_low = 9), "gossip.mesh_low / mesh / mesh_high");
    assert_eq!(refused(|s| s.gossip.mesh_high = 7), "gossip.mesh_low / mesh / mesh_high");
    assert_eq!(refused(|s| s.gossip.queue_frames_max = 0), "gossip.queue_frames_max");
    assert_eq!(refused(|s| s.connections_max = 1), "connections_max");
    assert_eq!(refused(|s| s.request_timeout_ms = 0), "request_timeout_ms");
    assert_eq!(refused(|s| s.redial_s_max = 0), "redial_s_max");
    assert_eq!(refused(|s| s.block = vec![PeerName(libp2p::PeerId::random())]), "allow / block");
}

#[test]
fn loopback_mode_follows_the_addresses_unless_it_is_set() {
    let mut settings = NetSettings { listen: vec!["/ip4/0.0.0.0/tcp/0".parse().unwrap()], ..NetSettings::default() };
    assert!(!settings.loopback());
    settings.loopback = Loopback::On;
    assert!(settings.loopback());
    settings.listen = vec!["/ip6/::1/tcp/0".parse().unwrap()];
    settings.loopback = Loopback::Off;
    assert!(!settings.loopback());
    settings.loopback = Loopback::Auto;
    assert!(settings.loopback());
}
