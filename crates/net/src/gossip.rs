//! How gossipsub is set: one table of numbers with their reasons, our message id, and the topics that pass its filter.
//! Scores stand in `score.rs`.

use crate::error::NetError;
use crate::score;
use crate::settings::GossipSettings;
use libp2p::gossipsub::{
    Behaviour, Config, ConfigBuilder, IdentTopic, IdentityTransform, MaxCountSubscriptionFilter, Message,
    MessageAuthenticity, MessageId, TopicHash, TopicSubscriptionFilter, ValidationMode,
};
use std::time::Duration;
use tidepool_protocol::ids::sha256;
use tidepool_protocol::limits::{BUNDLE_BYTES_MAX, SLOTS};
use tidepool_protocol::slot::Topic;
use tidepool_protocol::{NetworkId, Shard};

/// Gossip as this crate runs it.
pub(crate) type Gossip = Behaviour<IdentityTransform, MaxCountSubscriptionFilter<NetworkTopics>>;

/// Between two rounds of mesh upkeep: the specification's.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(1);

/// Heartbeats for which a message can still be judged and forwarded: a verdict may have to wait for a chain from a peer.
pub(crate) const HISTORY_LENGTH: u32 = 12;

/// Heartbeats for which a message's id is offered to peers outside the mesh.
const HISTORY_GOSSIP: usize = 3;

/// How long an id is remembered: longer than a frame can wander, shorter than an outbox waits before it bundles anew.
const DUPLICATE_CACHE: Duration = Duration::from_secs(7 * 60);

/// The largest message on the wire: four bundles, so that the decoder's buffer, which counts against it, has room.
const TRANSMIT_BYTES_MAX: usize = 256 * 1024;

/// Ids in one IHAVE: with 20 bytes each, 600 stay under the 16 KiB of control data that a receiver takes.
const CONTROL_IDS_MAX: usize = 600;

/// Above this size a peer that has the message already is spared it.
const IDONTWANT_BYTES: usize = 4 * 1024;

/// A frame of ours that could not be sent for this long is dropped; anti-entropy carries it.
const PUBLISH_WAIT: Duration = Duration::from_secs(10);

/// The same for a forwarded one.
const FORWARD_WAIT: Duration = Duration::from_secs(5);

/// Topics that one peer may join: every shard of two generations, and `ctl`.
const TOPICS_PER_PEER_MAX: usize = 2 * SLOTS as usize + 1;

const _: () = assert!(BUNDLE_BYTES_MAX + 8 * 1024 <= TRANSMIT_BYTES_MAX);

/// The first 20 bytes of SHA-256 over topic and data: the same frame on two topics is two messages.
pub(crate) fn message_id(message: &Message) -> MessageId {
    let hash = sha256(&[message.topic.as_str().as_bytes(), &message.data]);
    MessageId::new(&hash[..20])
}

/// Lets through the topics of one network, of any generation, in their only spelling.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NetworkTopics(pub(crate) NetworkId);

impl NetworkTopics {
    /// The topic with this name; `None` when it is none of this network.
    pub(crate) fn read(self, name: &str) -> Option<Topic> {
        let topic = match name.rsplit_once("/s/") {
            None => Topic::Ctl,
            Some((head, shard)) => {
                let generation = head.rsplit_once("/g")?.1.parse().ok()?;
                let shard: u16 = shard.parse().ok().filter(|shard| *shard < SLOTS)?;
                Topic::Shard { generation, shard: Shard(shard) }
            }
        };
        (topic.name(self.0) == name).then_some(topic)
    }
}

impl TopicSubscriptionFilter for NetworkTopics {
    fn can_subscribe(&mut self, topic: &TopicHash) -> bool {
        self.read(topic.as_str()).is_some()
    }
}

/// The topic as gossipsub takes it.
pub(crate) fn ident_topic(topic: Topic, network: NetworkId) -> IdentTopic {
    IdentTopic::new(topic.name(network))
}

fn config(settings: &GossipSettings) -> Result<Config, NetError> {
    ConfigBuilder::default()
        .validation_mode(ValidationMode::Anonymous)
        .validate_messages()
        .message_id_fn(message_id)
        .heartbeat_interval(HEARTBEAT)
        .heartbeat_initial_delay(HEARTBEAT)
        .history_length(HISTORY_LENGTH as usize)
        .history_gossip(HISTORY_GOSSIP)
        .duplicate_cache_time(DUPLICATE_CACHE)
        .max_transmit_size(TRANSMIT_BYTES_MAX)
        .mesh_n_low(settings.mesh_low)
        .mesh_n(settings.mesh)
        .mesh_n_high(settings.mesh_high)
        .gossip_lazy(settings.mesh)
        .flood_publish(false)
        .connection_handler_queue_len(settings.queue_frames_max)
        .publish_queue_duration(PUBLISH_WAIT)
        .forward_queue_duration(FORWARD_WAIT)
        .idontwant_message_size_threshold(IDONTWANT_BYTES)
        .max_control_messages_sent(CONTROL_IDS_MAX)
        .build()
        .map_err(|error| NetError::Transport(error.to_string()))
}

/// Gossip of `network`, anonymous: authorship is in the envelopes.
pub(crate) fn behaviour(settings: &GossipSettings, network: NetworkId, loopback: bool) -> Result<Gossip, NetError> {
    let filter = MaxCountSubscriptionFilter {
        filter: NetworkTopics(network),
        max_subscribed_topics: TOPICS_PER_PEER_MAX,
        max_subscriptions_per_request: TOPICS_PER_PEER_MAX,
    };
    let mut gossip = Behaviour::new_with_subscription_filter(MessageAuthenticity::Anonymous, config(settings)?, filter)
        .map_err(|reason| NetError::Transport(reason.to_owned()))?;
    gossip.with_peer_score(score::params(loopback), score::thresholds()).map_err(NetError::Transport)?;
    Ok(gossip)
}

#[cfg(test)]
mod tests;
