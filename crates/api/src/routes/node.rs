//! `GET /node`: who this node is, whom it knows, and what it holds, in figures that nodes can compare; `POST /node/word`:
//! its word that it takes an agent in, which the genesis of an agent with its own keys carries; `POST /node/checkpoint`: its
//! word on the heads of such an agent's logs.

use crate::App;
use crate::answer::ok;
use crate::error::{ApiError, seen};
use crate::extract::Json;
use crate::layers::{Address, Caller};
use crate::shapes::{Iso, Text};
use axum::extract::State;
use axum::response::Response;
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tidepool_home::{HomeError, NodeView, PeerStatus, ShardView};
use tidepool_protocol::body::Head;
use tidepool_protocol::ids::sha256;
use tidepool_protocol::{AgentId, EnvelopeId, Kind, NodeId, PublicKey, Scope, TimeMs, cbor};

#[derive(Debug, Serialize)]
struct NodeAnswer<'a> {
    success: bool,
    peer_id: &'a str,
    node_id: Text<NodeId>,
    /// The operation of the node's identity that lists `node_key`.
    node_auth: Text<EnvelopeId>,
    node_key: Text<PublicKey>,
    version: &'a str,
    network: NetworkJson<'a>,
    listen: &'a [String],
    topics: &'a [String],
    peers: Vec<PeerJson<'a>>,
    peer_count: usize,
    /// Whether others can reach this node: `public`, `private`, or `unknown` while nobody has tried.
    reachability: &'a str,
    /// Whether only nodes with the network's shared key get in.
    private: bool,
    greylisted: usize,
    local_agents: u64,
    /// `archive`: it holds every shard; `shards`: those that `shards` lists.
    coverage: &'static str,
    shards: Vec<ShardJson<'a>>,
    /// Over all shards that this node holds: equal on two nodes that hold the same shards and the same envelopes.
    digest: String,
    envelopes: u64,
    /// Shards of which older texts were pruned, and from when on they are held.
    horizons: Vec<HorizonJson>,
    log: LogJson,
}

#[derive(Debug, Serialize)]
struct HorizonJson {
    shard: u16,
    from: Iso,
}

#[derive(Debug, Serialize)]
struct NetworkJson<'a> {
    id: String,
    name: &'a str,
    /// Bits of work that the genesis of an agent shows.
    agent_work_bits: u8,
}

#[derive(Debug, Serialize)]
struct PeerJson<'a> {
    peer_id: &'a str,
    addresses: &'a [String],
    agent_version: Option<&'a str>,
    rtt_ms: Option<u64>,
    via: &'a str,
    direction: &'a str,
    since: Iso,
    score: i64,
}

#[derive(Debug, Serialize)]
struct ShardJson<'a> {
    /// The shard's number, or `ctl`.
    shard: String,
    topic: &'a str,
    state_count: u64,
    state_digest: &'a str,
    content_count: u64,
    content_digest: &'a str,
}

#[derive(Debug, Serialize)]
struct LogJson {
    head: u64,
    durable: u64,
}

/// `GET /node`
pub(crate) async fn node(State(app): State<Arc<App>>, _key: Option<Caller>) -> Result<Response, ApiError> {
    let view = app.home.node().await?;
    Ok(ok(&NodeAnswer {
        success: true,
        peer_id: &view.status.peer_id,
        node_id: Text(view.node),
        node_auth: Text(view.node_auth),
        node_key: Text(view.key),
        version: view.version,
        network: NetworkJson {
            id: HEXLOWER.encode(&view.network.0),
            name: &view.network_name,
            agent_work_bits: view.agent_work_bits,
        },
        listen: &view.status.listen,
        topics: &view.status.topics,
        peers: view.status.peers.iter().map(peer).collect(),
        peer_count: view.status.peers.len(),
        reachability: view.status.reachability,
        private: view.status.private,
        greylisted: view.status.greylisted,
        local_agents: view.local_agents,
        coverage: if view.is_archive { "archive" } else { "shards" },
        shards: view.shards.iter().map(shard).collect(),
        digest: digest(&view),
        envelopes: view.shards.iter().map(|shard| shard.state_count + shard.content_count).sum(),
        horizons: view.horizons.iter().map(|(shard, from)| HorizonJson { shard: *shard, from: Iso(*from) }).collect(),
        log: LogJson { head: view.head.0, durable: view.durable.0 },
    }))
}

/// Which agent asks for the node's word, on itself or on its heads.
#[derive(Debug, Deserialize)]
pub(crate) struct AgentBody {
    agent: Option<String>,
}

#[derive(Debug, Serialize)]
struct WordAnswer {
    success: bool,
    agent: Text<AgentId>,
    node_id: Text<NodeId>,
    node_auth: Text<EnvelopeId>,
    node_key: Text<PublicKey>,
    /// Over `home_message`, in hex.
    signature: String,
    /// The three before in canonical CBOR, in hex: the genesis holds it as it is.
    home: String,
}

/// `POST /node/word`. No key is needed: the address pays for it as for a registration. An agent's id is the hash of its
/// keys, home and handle, so the word serves nobody else.
pub(crate) async fn word(
    State(app): State<Arc<App>>,
    _key: Option<Caller>,
    Address(address): Address,
    Json(body): Json<AgentBody>,
) -> Result<Response, ApiError> {
    let agent = agent_of(body, "the did:tide:… of the agent whose genesis it is for: the hash of its core")?;
    let word = app.home.take_in(Some(address), agent).await?;
    Ok(ok(&WordAnswer {
        success: true,
        agent: Text(agent),
        node_id: Text(app.home.node_id()),
        node_auth: Text(word.node_auth),
        node_key: Text(word.key),
        signature: HEXLOWER.encode(&word.signature.0),
        home: HEXLOWER.encode(&cbor::encode(&word)),
    }))
}

fn agent_of(body: AgentBody, allowed: &'static str) -> Result<AgentId, ApiError> {
    let text = body.agent.filter(|text| !text.is_empty()).ok_or(ApiError::Missing { field: "agent" })?;
    Ok(text.parse().map_err(|_| HomeError::Invalid { field: "agent", seen: seen(&text), allowed })?)
}

#[derive(Debug, Serialize)]
struct CheckpointAnswer {
    success: bool,
    agent: Text<AgentId>,
    scope: String,
    kind: u16,
    /// What the envelope's time must be.
    time_ms: u64,
    heads: Vec<HeadJson>,
    /// The envelope's body in hex.
    body: String,
}

#[derive(Debug, Serialize)]
struct HeadJson {
    scope: String,
    key: Text<PublicKey>,
    epoch: u64,
    seq: u64,
    id: Text<EnvelopeId>,
}

/// `POST /node/checkpoint`. No key is needed: what is listed anybody may read, and nobody but the agent can sign it.
pub(crate) async fn checkpoint(
    State(app): State<Arc<App>>,
    _key: Option<Caller>,
    Json(body): Json<AgentBody>,
) -> Result<Response, ApiError> {
    let agent = agent_of(body, "the did:tide:… of an agent whose home is this node")?;
    let signed = app.home.countersign(agent).await?;
    let head = |head: Head| HeadJson {
        scope: head.scope.to_string(),
        key: Text(head.key),
        epoch: head.epoch.0,
        seq: head.seq,
        id: Text(head.id),
    };
    Ok(ok(&CheckpointAnswer {
        success: true,
        agent: Text(agent),
        scope: Scope::Agent(agent).to_string(),
        kind: Kind::CHECKPOINT.0,
        time_ms: signed.time_ms.0,
        heads: signed.heads.into_iter().map(head).collect(),
        body: HEXLOWER.encode(&signed.body),
    }))
}

fn peer(peer: &PeerStatus) -> PeerJson<'_> {
    PeerJson {
        peer_id: &peer.peer_id,
        addresses: &peer.addresses,
        agent_version: peer.agent_version.as_deref(),
        rtt_ms: peer.rtt_ms,
        via: peer.via,
        direction: peer.direction,
        since: Iso(TimeMs(peer.since_ms)),
        score: peer.score,
    }
}

fn name_of(shard: &ShardView) -> String {
    shard.shard.map_or_else(|| "ctl".to_owned(), |number| number.to_string())
}

fn shard(shard: &ShardView) -> ShardJson<'_> {
    ShardJson {
        shard: name_of(shard),
        topic: &shard.topic,
        state_count: shard.state_count,
        state_digest: &shard.state_digest,
        content_count: shard.content_count,
        content_digest: &shard.content_digest,
    }
}

/// The first sixteen bytes of SHA-256 over one line for each shard: its name and both of its digests.
fn digest(view: &NodeView) -> String {
    let lines: Vec<String> = view
        .shards
        .iter()
        .map(|shard| format!("{} {} {}\n", name_of(shard), shard.state_digest, shard.content_digest))
        .collect();
    HEXLOWER.encode(&sha256(&[lines.concat().as_bytes()])[..16])
}
