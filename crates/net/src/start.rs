//! The network's start: settings are checked, ports are bound, and only then does the task run, so that whoever started
//! it learns at once what does not work.

use crate::behaviour::{NodeBehaviour, NodeBehaviourEvent};
use crate::book::KnownPeer;
use crate::counters::Counters;
use crate::error::NetError;
use crate::handle::{Command, EFFECTS_MAX, EFFECTS_RESERVE, NetHandle};
use crate::handshakes::Handshakes;
use crate::inbox::{Inbox, InputLanes};
use crate::settings::NetSettings;
use crate::swarm;
use crate::task::{Task, Timing};
use futures::StreamExt as _;
use libp2p::Swarm;
use libp2p::swarm::SwarmEvent;
use multiaddr::{Multiaddr, Protocol};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tidepool_protocol::{NetworkId, SecretKey};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

/// A listener that has no address after this has none to give (an interface that is down).
const LISTEN_TIMEOUT: Duration = Duration::from_secs(5);

/// What the network starts from.
#[derive(Debug)]
pub struct NetStart {
    /// The operator's part.
    pub settings: NetSettings,
    /// Which network; peers of another are sent away.
    pub network: NetworkId,
    /// The node's key, from which its PeerId is made.
    pub key: SecretKey,
    /// The kernel's queues.
    pub inputs: InputLanes,
    /// What [`NetHandle::known_peers`] gave at the end of the last run.
    pub known_peers: Vec<KnownPeer>,
}

/// The network.
#[derive(Debug)]
pub struct Net;

impl Net {
    /// Binds the addresses and starts the task that polls the swarm. When this returns, the node listens, and
    /// [`NetHandle::status`] says where.
    ///
    /// # Errors
    /// When a setting is out of range, or an address cannot be listened on.
    pub async fn start(start: NetStart) -> Result<(NetHandle, JoinHandle<()>), NetError> {
        let timing = Timing::of(start.settings.loopback());
        Self::start_with(start, timing).await
    }

    pub(crate) async fn start_with(start: NetStart, timing: Timing) -> Result<(NetHandle, JoinHandle<()>), NetError> {
        let NetStart { settings, network, key, inputs, known_peers } = start;
        settings.check()?;
        let counters = Arc::new(Counters::default());
        let handshakes = settings.limits_addresses().then(|| Handshakes::new(Arc::clone(&counters)));
        let keypair = swarm::keypair(&key)?;
        let mut swarm = swarm::build(&settings, network, keypair, Arc::clone(&counters), timing, handshakes.clone())?;
        let early = listen(&mut swarm, &settings.listen_addresses()).await?;
        let (sender, commands) = mpsc::channel::<Command>(EFFECTS_MAX + EFFECTS_RESERVE);
        let inbox = Inbox::new(inputs, Arc::clone(&counters));
        let mut task = Task::new(swarm, settings, network, timing, commands, inbox, Arc::clone(&counters));
        task.remember(known_peers);
        task.keep_handshakes(handshakes);
        for event in early {
            task.on_swarm_event(event);
        }
        let (status, watched) = watch::channel(task.snapshot());
        let running = tokio::spawn(task.run(status));
        Ok((NetHandle::new(sender, watched, counters), running))
    }
}

/// libp2p opens its TCP ports for sharing, so that it can dial from them: two nodes would share one, and each would get
/// half of the other's peers, without a word. A socket that does not share learns whether anybody has the port.
fn refuse_shared(address: &Multiaddr) -> Result<(), NetError> {
    let mut parts = address.iter();
    let ip = match parts.next() {
        Some(Protocol::Ip4(ip)) => IpAddr::V4(ip),
        Some(Protocol::Ip6(ip)) => IpAddr::V6(ip),
        Some(_) | None => return Ok(()),
    };
    match parts.next() {
        Some(Protocol::Tcp(port)) if port != 0 => {
            std::net::TcpListener::bind((ip, port)).map(drop).map_err(|error| NetError::listen(address, &error))
        }
        Some(_) | None => Ok(()),
    }
}

/// Listens on every address and waits until each has told where. What else the swarm said meanwhile comes back: a peer
/// that knows this node from before may be quicker than the last listener.
async fn listen(
    swarm: &mut Swarm<NodeBehaviour>,
    addresses: &[Multiaddr],
) -> Result<Vec<SwarmEvent<NodeBehaviourEvent>>, NetError> {
    let mut waiting = HashMap::new();
    for address in addresses {
        refuse_shared(address)?;
        let id = swarm.listen_on(address.clone()).map_err(|error| NetError::listen(address, &error))?;
        waiting.insert(id, address.clone());
    }
    let deadline = tokio::time::Instant::now() + LISTEN_TIMEOUT;
    let mut early = Vec::new();
    while let Some(address) = waiting.values().next().cloned() {
        let event = tokio::time::timeout_at(deadline, swarm.select_next_some()).await;
        let late = |_| {
            let late =
                std::io::Error::new(std::io::ErrorKind::TimedOut, format!("no address after {LISTEN_TIMEOUT:?}"));
            NetError::listen(&address, &late)
        };
        let event = event.map_err(late)?;
        match &event {
            SwarmEvent::NewListenAddr { listener_id, .. } => {
                waiting.remove(listener_id);
            }
            SwarmEvent::ListenerClosed { listener_id, reason: Err(error), .. } => {
                if let Some(address) = waiting.remove(listener_id) {
                    return Err(NetError::listen(&address, error));
                }
            }
            _ => {}
        }
        early.push(event);
    }
    Ok(early)
}
