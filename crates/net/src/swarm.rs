//! The swarm: transports, names by DNS, circuits through relays, and the protocols on top.

use crate::behaviour::NodeBehaviour;
use crate::counters::Counters;
use crate::error::NetError;
use crate::handshakes::Handshakes;
use crate::settings::NetSettings;
use crate::task::Timing;
use crate::transport::{muxer, transport};
use libp2p::identity::{Keypair, ed25519};
use libp2p::{Swarm, SwarmBuilder, noise};
use std::sync::Arc;
use std::time::Duration;
use tidepool_protocol::{NetworkId, SecretKey};

/// A connection that no protocol uses is kept this long: libp2p's ten seconds would drop every peer outside the mesh,
/// and gossip with it.
const IDLE_TIMEOUT: Duration = Duration::from_secs(10 * 60);

/// Events of one connection that wait for the swarm's task before that connection is held back.
const CONNECTION_EVENTS_MAX: usize = 32;

/// The libp2p form of a node's key.
pub(crate) fn keypair(key: &SecretKey) -> Result<Keypair, NetError> {
    let secret = ed25519::SecretKey::try_from_bytes(*key.seed()).map_err(|_| NetError::Key)?;
    Ok(Keypair::from(ed25519::Keypair::from(secret)))
}

/// A swarm with all transports and protocols; it listens nowhere yet.
pub(crate) fn build(
    settings: &NetSettings,
    network: NetworkId,
    keypair: Keypair,
    counters: Arc<Counters>,
    timing: Timing,
    handshakes: Option<Handshakes>,
) -> Result<Swarm<NodeBehaviour>, NetError> {
    let failed = |error: &dyn std::fmt::Display| NetError::Transport(error.to_string());
    let transport = transport(&keypair, settings.network_key)?;
    let transport = match handshakes {
        Some(handshakes) => handshakes.around(transport),
        None => transport,
    };
    let behaviour = NodeBehaviour::parts(settings, network, &keypair, counters, timing)?;
    let swarm = SwarmBuilder::with_existing_identity(keypair)
        .with_tokio()
        .with_other_transport(move |_| transport)
        .map_err(|error| failed(&error))?
        .with_dns()
        .map_err(|error| failed(&error))?
        .with_relay_client(noise::Config::new, muxer)
        .map_err(|error| failed(&error))?
        .with_behaviour(move |_, relay_client| behaviour(relay_client))
        .map_err(|error| failed(&error))?
        .with_swarm_config(|config| {
            config
                .with_idle_connection_timeout(IDLE_TIMEOUT)
                .with_per_connection_event_buffer_size(CONNECTION_EVENTS_MAX)
        })
        .build();
    Ok(swarm)
}
