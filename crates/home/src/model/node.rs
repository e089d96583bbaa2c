//! The node itself and its raw envelopes.

use super::Provenance;
use crate::stream::StreamCursor;
use tidepool_protocol::{EnvelopeId, NetworkId, NodeId, PublicKey, Signature, TimeMs};
use tidepool_views::Cursor;

/// An envelope as it was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawEnvelope {
    /// Its id.
    pub id: EnvelopeId,
    /// The bytes that were signed, with signature and body.
    pub bytes: bytes::Bytes,
    /// Whether its body was erased, pruned, or is withheld because its author took away what it says.
    pub without_body: bool,
    /// Whether the views show it to nobody.
    pub is_void: bool,
    /// Who signed it and how it came.
    pub provenance: Provenance,
}

/// An envelope that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Submitted {
    /// Its id.
    pub id: EnvelopeId,
    /// Its place in this node's log: a stream from here brings what came after it.
    pub cursor: StreamCursor,
}

/// This node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeView {
    /// The version of the program.
    pub version: &'static str,
    /// The network's id.
    pub network: NetworkId,
    /// The network's name.
    pub network_name: String,
    /// This node's identity.
    pub node: NodeId,
    /// The operation of that identity that lists its key: what an agent's genesis names beside the node's word.
    pub node_auth: EnvelopeId,
    /// Its key.
    pub key: PublicKey,
    /// The work that an agent's genesis must show in this network, in bits.
    pub agent_work_bits: u8,
    /// What its network says.
    pub status: crate::ports::NetworkStatus,
    /// Whether it holds every shard.
    pub is_archive: bool,
    /// One for each shard that it holds, then `ctl`.
    pub shards: Vec<ShardView>,
    /// From when on it holds the texts of a shard, where it pruned older ones: the shard's number and the time.
    pub horizons: Vec<(u16, TimeMs)>,
    /// The last envelope of this node's log.
    pub head: Cursor,
    /// Up to where everything survives a crash.
    pub durable: Cursor,
    /// Agents whose home is here.
    pub local_agents: u64,
}

/// One shard's contents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardView {
    /// Its number; `None` for `ctl`.
    pub shard: Option<u16>,
    /// The gossip topic that carries it.
    pub topic: String,
    /// How many envelopes of every group but content.
    pub state_count: u64,
    /// Their fingerprint, hex.
    pub state_digest: String,
    /// How many envelopes of the content group.
    pub content_count: u64,
    /// Their fingerprint, hex.
    pub content_digest: String,
}

/// What a node signs for whoever asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeWord {
    /// Which node.
    pub node: NodeId,
    /// By which of its keys.
    pub key: PublicKey,
    /// The signature.
    pub signature: Signature,
}
