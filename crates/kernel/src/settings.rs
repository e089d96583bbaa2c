//! What a node is told when it is made: its network, who it is, what it covers, and its bounds.

use crate::retention::Retention;
use std::collections::BTreeSet;
use tidepool_protocol::limits::SLOTS;
use tidepool_protocol::slot::Topic;
use tidepool_protocol::{NetworkGenesis, NodeId, PublicKey, Shard, Slot};

/// Everything that a node is told.
#[derive(Clone, Debug)]
pub struct NodeSettings {
    /// The network's genesis document.
    pub genesis: NetworkGenesis,
    /// The node's own identity.
    pub node: NodeId,
    /// The node's own key: its libp2p key, under which peers know it.
    pub key: PublicKey,
    /// Which slots it holds.
    pub coverage: Coverage,
    /// How often digests are compared with a peer or two, in milliseconds.
    pub anti_entropy_ms: u64,
    /// How often an agent's checkpoint is signed at most, in milliseconds; 0 for never.
    pub checkpoint_ms: u64,
    /// What it keeps of content.
    pub retention: Retention,
    /// Where the choice of peers and the jitter of back-offs come from: equal seeds give equal choices.
    pub seed: u64,
    /// Its bounds.
    pub limits: Limits,
}

impl NodeSettings {
    /// The settings of an archive of the network of `genesis`, with the usual bounds.
    #[must_use]
    pub fn archive(genesis: NetworkGenesis, node: NodeId, key: PublicKey) -> Self {
        Self {
            genesis,
            node,
            key,
            coverage: Coverage::Archive,
            anti_entropy_ms: 30_000,
            checkpoint_ms: 24 * 60 * 60 * 1_000,
            retention: Retention::ARCHIVE,
            seed: 0,
            limits: Limits::default(),
        }
    }
}

/// Which slots a node joins, stores and reconciles. `ctl` always is one of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Coverage {
    /// All: an archive, or a node of a development network.
    Archive,
    /// Those of these shards: duty shards and those that an operator names, when the node is made. Those that its agents
    /// read or write come to them while it runs.
    Shards(BTreeSet<Shard>),
}

impl Coverage {
    /// Whether `slot` is one of them, where there are so many `shards`.
    #[must_use]
    pub fn holds(&self, slot: Slot, shards: u16) -> bool {
        match self {
            Self::Archive => true,
            Self::Shards(held) => Shard::of(slot, shards).is_none_or(|shard| held.contains(&shard)),
        }
    }

    /// The topics to join.
    #[must_use]
    pub fn topics(&self, genesis: &NetworkGenesis) -> Vec<Topic> {
        let params = &genesis.params;
        let topic = |shard| Topic::Shard { generation: params.generation, shard };
        let shards: Vec<Topic> = match self {
            Self::Archive => (0..params.shards).map(|number| topic(Shard(number))).collect(),
            Self::Shards(shards) => {
                shards.iter().filter(|shard| shard.0 < params.shards).map(|shard| topic(*shard)).collect()
            }
        };
        shards.into_iter().chain([Topic::Ctl]).collect()
    }

    /// The runs of slots that it covers, first and last of each; `ctl` comes first, because identities do.
    #[must_use]
    pub fn runs(&self, genesis: &NetworkGenesis) -> Vec<(Slot, Slot)> {
        let run = |first: u16, last: u16| Slot::new(first).zip(Slot::new(last));
        match self {
            Self::Archive => run(0, SLOTS).into_iter().collect(),
            Self::Shards(shards) => {
                let width = SLOTS / genesis.params.shards;
                let of = |shard: &Shard| run(shard.0 * width, shard.0 * width + width - 1);
                run(SLOTS, SLOTS).into_iter().chain(shards.iter().filter_map(of)).collect()
            }
        }
    }
}

/// The node's bounds, each with its reason. When one is reached, what comes is dropped as the bound's owner says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Envelopes under verification at once: a few chunks of 64 for each thread, so that local work never waits long.
    pub verifying_max: usize,
    /// Envelopes of gossip that wait for verification; beyond, new frames are ignored and anti-entropy brings them.
    pub gossip_waiting_max: usize,
    /// Frames of gossip in a burst from one peer.
    pub gossip_frames_burst: u32,
    /// Frames of gossip a second from one peer, in the long run: three times what a mesh of one peer carries.
    pub gossip_frames_per_s: u32,
    /// Peers that are remembered with their buckets; the one least in debt is forgotten first.
    pub peers_max: usize,
    /// Ids that are remembered so that a duplicate costs no read: a minute of full ingest.
    pub seen_max: usize,
    /// Hashes of bytes that failed, so that a repeated forgery costs no verification.
    pub failed_max: usize,
    /// Identity states that are kept decoded.
    pub states_max: usize,
    /// Envelopes that wait for an identity.
    pub pending_max: usize,
    /// Their bytes.
    pub pending_bytes_max: usize,
    /// The share of one peer of both, as one part in so many.
    pub pending_peer_share: usize,
    /// How long an envelope waits for an identity, in milliseconds: four attempts fit.
    pub pending_ms_max: u64,
    /// Local requests that wait for verification or for peers' answers about log heads.
    pub local_waiting_max: usize,
    /// How long a first signature waits for peers' answers about its log, in milliseconds.
    pub heads_wait_ms: u64,
    /// Published envelopes that wait until a peer has them; beyond, the oldest are left to anti-entropy.
    pub outbox_max: usize,
    /// Authors whose heads were asked for since the start; beyond, the oldest are asked for again.
    pub asked_max: usize,
    /// Sync sessions at once, each with another peer.
    pub sessions_max: usize,
    /// A session without progress ends after this, in milliseconds.
    pub session_idle_ms: u64,
    /// A peer's log is read from its start where at least so many envelopes are lacked: fewer are found by digests sooner.
    pub snapshot_min: u64,
    /// Bytes of one page of a peer's log: what one frame holds.
    pub snapshot_page_bytes: u32,
    /// Requests in a burst that one peer is served.
    pub serve_requests_burst: u32,
    /// Requests a second that one peer is served in the long run.
    pub serve_requests_per_s: u32,
    /// Bytes a second that one peer is served in the long run; the burst is eight times that.
    pub serve_bytes_per_s: u32,
    /// Requests a second that all peers together are served in the long run, so that gossip has its share of the kernel;
    /// the burst is twice that.
    pub serve_all_requests_per_s: u32,
    /// Bytes a second that all peers together are served in the long run; the burst is four times that.
    pub serve_all_bytes_per_s: u32,
    /// Locate requests at once.
    pub locate_max: usize,
    /// How long a locate request waits for answers, in milliseconds.
    pub locate_ms_max: u64,
    /// Presence entries in memory.
    pub presence_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            verifying_max: 1_024,
            gossip_waiting_max: 8_192,
            gossip_frames_burst: 2_000,
            gossip_frames_per_s: 1_000,
            peers_max: 1_024,
            seen_max: 262_144,
            failed_max: 8_192,
            states_max: 65_536,
            pending_max: 16_384,
            pending_bytes_max: 32 * 1024 * 1024,
            pending_peer_share: 4,
            pending_ms_max: 60_000,
            local_waiting_max: 4_096,
            heads_wait_ms: 2_000,
            outbox_max: 65_536,
            asked_max: 1_048_576,
            sessions_max: 4,
            session_idle_ms: 30_000,
            snapshot_min: 2_048,
            snapshot_page_bytes: 1024 * 1024,
            serve_requests_burst: 400,
            serve_requests_per_s: 200,
            serve_bytes_per_s: 32 * 1024 * 1024,
            serve_all_requests_per_s: 1_000,
            serve_all_bytes_per_s: 64 * 1024 * 1024,
            locate_max: 256,
            locate_ms_max: 5_000,
            presence_max: 262_144,
        }
    }
}
