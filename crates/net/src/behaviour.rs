//! The protocols that a node speaks, put together: one struct, one constructor, each part with its bounds.

use crate::codec::{SYNC_PROTOCOL, SyncCodec};
use crate::counters::Counters;
use crate::error::NetError;
use crate::gate::Gate;
use crate::gossip::{self, Gossip};
use crate::handshakes::HANDSHAKES_MAX;
use crate::ip_limits::IpLimits;
use crate::settings::NetSettings;
use crate::task::Timing;
use libp2p::allow_block_list::{self, BlockedPeers};
use libp2p::identity::Keypair;
use libp2p::kad::store::{MemoryStore, MemoryStoreConfig};
use libp2p::request_response::{self, ProtocolSupport};
use libp2p::swarm::NetworkBehaviour;
use libp2p::swarm::behaviour::toggle::Toggle;
use libp2p::{
    StreamProtocol, autonat, connection_limits, dcutr, identify, kad, mdns, memory_connection_limits, ping, relay,
};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;
use tidepool_protocol::limits::SLOTS;
use tidepool_protocol::{NetworkId, text};

/// Connections to one peer: two, so that simultaneous dials do not kill each other, and the circuit that they replace.
const CONNECTIONS_PER_PEER: u32 = 3;

/// What the swarm allows beyond [`HANDSHAKES_MAX`] where a table around the transport pushes out the oldest: those that it
/// has given up, and the swarm has not noticed yet.
const DISPLACED_MAX: u32 = 128;

/// Sync streams on one connection at once, both directions: each may hold a frame of 1 MiB.
const SYNC_STREAMS_MAX: usize = 32;

/// Of the most connections, how many others may open, in percent: the rest is for those that this node opens, so that
/// nobody who fills all places cuts it off.
const INCOMING_PERCENT: u32 = 75;

/// What one circuit through this node may carry, and for how long: hours of gossip, and no film.
const CIRCUIT_BYTES_MAX: u64 = 256 << 20;
const CIRCUIT_TIME_MAX: Duration = Duration::from_secs(60 * 60);

/// Circuits through this node at once, in all and of one peer.
const CIRCUITS_MAX: usize = 64;
const CIRCUITS_PER_PEER_MAX: usize = 8;

/// A query of Kademlia that takes longer found nothing.
const QUERY_TIMEOUT: Duration = Duration::from_secs(20);

/// Peers that store one provider record, and providers that one peer stores for a shard.
const REPLICATION: NonZeroUsize = NonZeroUsize::new(20).expect("20 is not 0");

/// How long others keep our provider records.
const PROVIDER_TTL: Duration = Duration::from_secs(2 * 60 * 60);

/// How often peers tell one another again what they said at the start. Changes of addresses and protocols are pushed when
/// they happen; this is for a push that was lost.
const IDENTIFY_AGAIN: Duration = Duration::from_secs(30 * 60);

/// All protocols of a node.
#[derive(NetworkBehaviour)]
pub(crate) struct NodeBehaviour {
    // Whoever is refused is refused before the rest hears of the connection.
    pub(crate) gate: Gate,
    pub(crate) blocked: allow_block_list::Behaviour<BlockedPeers>,
    pub(crate) limits: connection_limits::Behaviour,
    pub(crate) memory: Toggle<memory_connection_limits::Behaviour>,
    pub(crate) identify: identify::Behaviour,
    pub(crate) ping: ping::Behaviour,
    pub(crate) kad: kad::Behaviour<MemoryStore>,
    pub(crate) gossip: Gossip,
    pub(crate) sync: request_response::Behaviour<SyncCodec>,
    pub(crate) mdns: Toggle<mdns::tokio::Behaviour>,
    pub(crate) tester: Toggle<autonat::v2::client::Behaviour>,
    pub(crate) tested: Toggle<autonat::v2::server::Behaviour>,
    pub(crate) relay_client: relay::client::Behaviour,
    pub(crate) relay_server: Toggle<relay::Behaviour>,
    pub(crate) puncher: Toggle<dcutr::Behaviour>,
}

/// What identify says of the network: peers that say otherwise are of another.
pub(crate) fn network_version(network: NetworkId) -> String {
    format!("/tidepool/{}/1", text::network(network))
}

/// Kademlia's protocol name: its own for each network, so that routing tables never mix.
pub(crate) fn kad_protocol(network: NetworkId) -> StreamProtocol {
    StreamProtocol::try_from_owned(format!("/tidepool/{}/kad/1", text::network(network)))
        .expect("the name starts with a slash")
}

impl NodeBehaviour {
    /// Everything but the relay's client, which comes with its transport.
    pub(crate) fn parts(
        settings: &NetSettings,
        network: NetworkId,
        key: &Keypair,
        counters: Arc<Counters>,
        timing: Timing,
    ) -> Result<impl FnOnce(relay::client::Behaviour) -> Self + use<>, NetError> {
        let local = key.public().to_peer_id();
        let loopback = settings.loopback();
        let mut blocked = allow_block_list::Behaviour::<BlockedPeers>::default();
        for name in &settings.block {
            blocked.block_peer(name.0);
        }
        let handshakes = u32::try_from(HANDSHAKES_MAX).unwrap_or(u32::MAX);
        let displaced = if settings.limits_addresses() { DISPLACED_MAX } else { 0 };
        let limits = connection_limits::ConnectionLimits::default()
            .with_max_established(Some(settings.connections_max))
            .with_max_established_incoming(Some((settings.connections_max * INCOMING_PERCENT / 100).max(1)))
            .with_max_established_per_peer(Some(CONNECTIONS_PER_PEER))
            .with_max_pending_incoming(Some(handshakes + displaced))
            .with_max_pending_outgoing(Some(handshakes));
        let memory = (settings.memory_mib_max > 0)
            .then(|| memory_connection_limits::Behaviour::with_max_bytes(settings.memory_mib_max << 20));
        let identify = identify::Config::new(network_version(network), key.public())
            .with_agent_version(concat!("tidepool/", env!("CARGO_PKG_VERSION")).to_owned())
            .with_push_listen_addr_updates(true)
            .with_interval(IDENTIFY_AGAIN)
            // Addresses are kept in the book, filtered and capped.
            .with_cache_size(0);
        let sync = request_response::Config::default()
            .with_request_timeout(Duration::from_millis(settings.request_timeout_ms))
            .with_max_concurrent_streams(SYNC_STREAMS_MAX);
        let mdns = if settings.mdns && !loopback {
            // A machine without multicast is no reason not to start.
            mdns::tokio::Behaviour::new(mdns::Config::default(), local)
                .inspect_err(|error| tracing::warn!(%error, "no mDNS"))
                .ok()
        } else {
            None
        };
        let ip_limits = settings.limits_addresses().then(|| IpLimits::new(settings.connections_per_ip_max));
        let gate = Gate::new(settings.allow.iter().map(|name| name.0).collect(), ip_limits);
        let kad = kad(network, key, !settings.listen.is_empty());
        let gossip = gossip::behaviour(&settings.gossip, network, loopback)?;
        let traverses = settings.traverses_nat();
        let relays = settings.relay;
        Ok(move |relay_client| Self {
            gate,
            blocked,
            limits: connection_limits::Behaviour::new(limits),
            memory: memory.into(),
            identify: identify::Behaviour::new(identify),
            ping: ping::Behaviour::new(ping::Config::new().with_interval(timing.ping).with_timeout(timing.ping)),
            kad,
            gossip,
            sync: request_response::Behaviour::with_codec(
                SyncCodec { counters },
                [(SYNC_PROTOCOL, ProtocolSupport::Full)],
                sync,
            ),
            mdns: mdns.into(),
            tester: traverses.then(autonat::v2::client::Behaviour::default).into(),
            tested: traverses.then(autonat::v2::server::Behaviour::default).into(),
            relay_client,
            relay_server: relays.then(|| relay::Behaviour::new(local, relay_config())).into(),
            puncher: traverses.then(|| dcutr::Behaviour::new(local)).into(),
        })
    }
}

fn relay_config() -> relay::Config {
    relay::Config {
        max_circuits: CIRCUITS_MAX,
        max_circuits_per_peer: CIRCUITS_PER_PEER_MAX,
        max_circuit_duration: CIRCUIT_TIME_MAX,
        max_circuit_bytes: CIRCUIT_BYTES_MAX,
        ..relay::Config::default()
    }
}

/// Kademlia with provider records of topics and nothing else. A node that listens is a server from the start: peers
/// keep only addresses that they could dial, so one that nobody reaches enters no table.
fn kad(network: NetworkId, key: &Keypair, listens: bool) -> kad::Behaviour<MemoryStore> {
    let local = key.public().to_peer_id();
    let store = MemoryStoreConfig {
        max_records: 0,
        max_value_bytes: 0,
        max_providers_per_key: REPLICATION.get(),
        max_provided_keys: 2 * usize::from(SLOTS),
    };
    let mut config = kad::Config::new(kad_protocol(network));
    config
        .set_query_timeout(QUERY_TIMEOUT)
        .set_replication_factor(REPLICATION)
        .set_record_filtering(kad::StoreInserts::FilterBoth)
        .set_kbucket_inserts(kad::BucketInserts::Manual)
        .set_caching(kad::Caching::Disabled)
        .set_publication_interval(None)
        .set_replication_interval(None)
        .set_provider_record_ttl(Some(PROVIDER_TTL))
        // The task renews records and refreshes the table, at its own pace: here it would happen a second time.
        .set_provider_publication_interval(None)
        .set_periodic_bootstrap_interval(None);
    let mut kad = kad::Behaviour::with_config(local, MemoryStore::with_config(local, store), config);
    kad.set_mode(Some(if listens { kad::Mode::Server } else { kad::Mode::Client }));
    kad
}
