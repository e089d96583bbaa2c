//! Topics are read strictly; message ids tell topics and data apart.

#![allow(clippy::unwrap_used)]

use super::*;

const NETWORK: NetworkId = NetworkId([1, 2, 3, 4, 5, 6, 7, 8]);

#[test]
fn every_topic_of_the_network_is_read_back() {
    let topics = NetworkTopics(NETWORK);
    for topic in [
        Topic::Ctl,
        Topic::Shard { generation: 0, shard: Shard(0) },
        Topic::Shard { generation: u32::MAX, shard: Shard(SLOTS - 1) },
    ] {
        assert_eq!(topics.read(&topic.name(NETWORK)), Some(topic));
    }
}

#[test]
fn topics_of_other_networks_and_other_spellings_are_refused() {
    let mut topics = NetworkTopics(NETWORK);
    let name = Topic::Shard { generation: 0, shard: Shard(3) }.name(NETWORK);
    for foreign in [
        Topic::Ctl.name(NetworkId([0; 8])),
        name.replace("/s/3", "/s/03"),
        name.replace("/s/3", "/s/+3"),
        name.replace("/s/3", "/s/1024"),
        name.replace("/g0", "/g00"),
        format!("{name}/"),
        format!("/{name}"),
        "x".repeat(100_000),
        String::new(),
    ] {
        assert!(!topics.can_subscribe(&TopicHash::from_raw(foreign.clone())), "{foreign}");
    }
    assert!(topics.can_subscribe(&TopicHash::from_raw(name)));
}

#[test]
fn a_message_id_is_twenty_bytes_over_topic_and_data() {
    let message = |topic: &str, data: &[u8]| Message {
        source: None,
        data: data.to_vec(),
        sequence_number: None,
        topic: TopicHash::from_raw(topic),
    };
    let id = message_id(&message("t", b"data"));
    assert_eq!(id.0, sha256(&[b"tdata"])[..20]);
    assert_ne!(id, message_id(&message("u", b"data")));
    assert_ne!(id, message_id(&message("t", b"date")));
}

#[test]
fn the_default_sizes_make_a_configuration() {
    let config = config(&GossipSettings::default()).unwrap();
    assert!(config.validate_messages() && !config.flood_publish());
    assert_eq!((config.mesh_n_low(), config.mesh_n(), config.mesh_n_high()), (4, 8, 12));
    assert_eq!((config.history_length(), config.history_gossip()), (12, 3));
    assert_eq!(config.max_transmit_size(), 256 * 1024);
    assert_eq!(config.connection_handler_queue_len(), 512);
    assert_eq!(config.idontwant_message_size_threshold(), 4 * 1024);
    assert!(config.max_control_messages_sent() <= 600);
}
