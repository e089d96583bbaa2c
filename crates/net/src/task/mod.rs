//! The one task that owns the swarm: it polls, routes, and keeps the books that routing needs.
//!
//! ```text
//! commands ──► effects: gossip.rs (judge, publish, join), sync.rs (request, respond), search.rs (connect), peers.rs (block)
//! swarm    ──► events:  gossip.rs, sync.rs, search.rs (Kademlia, mDNS), peers.rs (connections, identify, ping),
//!                       reach.rs (AutoNAT, relays, DCUtR)
//! tick     ──► dial.rs (seeds, redials), search.rs (look-ups due), peers.rs (silent peers, scores), reach.rs (relays),
//!              snapshot.rs (status)
//! ```
//!
//! Nothing here waits, decodes a body, or checks a signature of an envelope: whatever the swarm's task does for one peer,
//! all others wait for.

mod dial;
mod gossip;
mod peers;
mod reach;
mod search;
mod snapshot;
mod sync;

use crate::behaviour::{NodeBehaviour, NodeBehaviourEvent};
use crate::book::Book;
use crate::conduct::Conduct;
use crate::counters::{Counters, count};
use crate::gossip::{HEARTBEAT, HISTORY_LENGTH, NetworkTopics};
use crate::handle::Command;
use crate::handshakes::Handshakes;
use crate::inbox::Inbox;
use crate::settings::NetSettings;
use crate::status::NetStatus;
use futures::StreamExt as _;
use libp2p::swarm::SwarmEvent;
use libp2p::swarm::dial_opts::DialOpts;
use libp2p::{PeerId, Swarm};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tidepool_kernel::Effect;
use tidepool_protocol::NetworkId;
use tidepool_protocol::slot::Topic;
use tokio::sync::{mpsc, watch};
use tokio::time::MissedTickBehavior;

/// Commands taken in a row before the swarm is polled again.
const COMMANDS_PER_TURN: usize = 64;

/// How often inputs that wait for room in the kernel's queue are tried again.
const RETRY: Duration = Duration::from_millis(2);

/// How long things take; short on loopback, where a mesh lives for minutes and nothing is far away.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timing {
    /// Between two looks at what is due.
    pub(crate) tick: Duration,
    /// The longest wait between two tries to reach a peer.
    pub(crate) redial_max: Duration,
    /// A peer that joined no topic for this long is sent away: its gossip is broken, and a new connection heals it.
    pub(crate) silent_after: Duration,
    /// Between two pings on one connection, and between a ping and giving up its answer.
    pub(crate) ping: Duration,
    /// A connection on which no ping was answered for this long is closed.
    pub(crate) unheard_after: Duration,
    /// After this gossipsub has forgotten a frame, and its verdict is lost.
    pub(crate) forgotten_after: Duration,
    /// The first wait between two look-ups of one kind; it doubles while they bring nothing.
    pub(crate) lookup_first: Duration,
    /// The longest one between two walks: the table is refreshed as often whether peers are wanted or not.
    pub(crate) walk_max: Duration,
    /// The longest one between two look-ups of a shard's carriers: half as long as a record that changed stays unrenewed.
    pub(crate) carriers_max: Duration,
}

impl Timing {
    pub(crate) fn of(loopback: bool) -> Self {
        let silent_after = Duration::from_secs(30);
        let unheard_after = Duration::from_secs(30);
        // An idle pair's pings, and those of Yamux that come along, are half of what it says.
        let ping = Duration::from_secs(15);
        let walk_max = Duration::from_secs(10 * 60);
        let carriers_max = Duration::from_secs(20 * 60);
        let forgotten_after = HEARTBEAT.saturating_mul(HISTORY_LENGTH);
        if loopback {
            Self {
                tick: Duration::from_millis(200),
                redial_max: Duration::from_secs(5),
                silent_after,
                ping,
                unheard_after,
                forgotten_after,
                lookup_first: Duration::from_secs(1),
                walk_max,
                carriers_max,
            }
        } else {
            Self {
                tick: Duration::from_millis(500),
                redial_max: Duration::from_secs(60),
                silent_after,
                ping,
                unheard_after,
                forgotten_after,
                lookup_first: Duration::from_secs(10),
                walk_max,
                carriers_max,
            }
        }
    }
}

/// The task's whole state.
pub(crate) struct Task {
    swarm: Swarm<NodeBehaviour>,
    settings: NetSettings,
    loopback: bool,
    network: NetworkId,
    names: NetworkTopics,
    timing: Timing,
    commands: mpsc::Receiver<Command>,
    inbox: Inbox,
    counters: Arc<Counters>,
    topics: BTreeMap<Topic, search::Announcement>,
    peers: BTreeMap<PeerId, peers::Connected>,
    book: Book,
    dials: dial::Dials,
    verdicts: gossip::Verdicts,
    calls: sync::Calls,
    search: search::Search,
    conduct: Conduct,
    /// When scores were last looked at.
    judged: Instant,
    reach: reach::Reach,
    /// Where others' handshakes are limited by address, and when it was last told which addresses are known.
    handshakes: Option<(Handshakes, Option<Instant>)>,
    faults: gossip::Faults,
    stopping: bool,
    /// Something that the status shows has changed.
    changed: bool,
    /// When the status was last made.
    shown: Instant,
}

impl Task {
    pub(crate) fn new(
        swarm: Swarm<NodeBehaviour>,
        settings: NetSettings,
        network: NetworkId,
        mut timing: Timing,
        commands: mpsc::Receiver<Command>,
        inbox: Inbox,
        counters: Arc<Counters>,
    ) -> Self {
        timing.redial_max = timing.redial_max.min(Duration::from_secs(settings.redial_s_max));
        let mut task = Self {
            dials: dial::Dials::new(&settings.seeds, *swarm.local_peer_id()),
            book: Book::new(timing.redial_max),
            search: search::Search::new(timing),
            loopback: settings.loopback(),
            names: NetworkTopics(network),
            topics: BTreeMap::new(),
            peers: BTreeMap::new(),
            verdicts: gossip::Verdicts::default(),
            calls: sync::Calls::default(),
            conduct: Conduct::default(),
            judged: Instant::now(),
            reach: reach::Reach::default(),
            handshakes: None,
            faults: gossip::Faults::new(settings.faults),
            stopping: false,
            changed: true,
            shown: Instant::now(),
            swarm,
            settings,
            network,
            timing,
            commands,
            inbox,
            counters,
        };
        for address in task.settings.external.clone() {
            task.swarm.add_external_address(address);
        }
        task
    }

    /// Polls and routes until it is told to stop, every handle is dropped, or the kernel is gone.
    pub(crate) async fn run(mut self, status: watch::Sender<NetStatus>) {
        let mut tick = tokio::time::interval(self.timing.tick);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut retry = tokio::time::interval(RETRY);
        retry.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !self.stopping && !self.inbox.is_gone() {
            tokio::select! {
                command = self.commands.recv() => self.on_commands(command),
                event = self.swarm.select_next_some() => self.on_swarm_event(event),
                _ = tick.tick() => {
                    self.on_tick();
                    self.publish_status(&status);
                }
                _ = retry.tick(), if self.inbox.is_waiting() => {
                    self.inbox.drain();
                }
            }
        }
        self.close().await;
    }

    fn on_commands(&mut self, first: Option<Command>) {
        let Some(first) = first else {
            self.stopping = true;
            return;
        };
        self.on_command(first);
        for _ in 1..COMMANDS_PER_TURN {
            match self.commands.try_recv() {
                Ok(command) => self.on_command(command),
                Err(_) => break,
            }
        }
    }

    fn on_command(&mut self, command: Command) {
        match command {
            Command::Effect(effect) => self.on_effect(effect),
            Command::KnownPeers(reply) => {
                // An error says that nobody waits any more.
                let _ = reply.send(self.book.all());
            }
            Command::Stop => self.stopping = true,
        }
    }

    fn on_effect(&mut self, effect: Effect) {
        match effect {
            Effect::Judge { id, verdict } => self.judge(id, verdict),
            Effect::Publish { ticket, topic, frame } => self.publish(ticket, topic, frame),
            Effect::Request { request, peer, frame } => self.request(request, peer, frame),
            Effect::Respond { channel, frame } => self.respond(channel, frame),
            Effect::Join(topic) => self.join(topic),
            Effect::Leave(topic) => self.leave(topic),
            Effect::Connect(peer) => self.connect(&peer),
            Effect::Block(peer) => self.block(&peer),
            Effect::Penalise { peer, offence } => self.penalise(&peer, offence),
            Effect::Verify { .. }
            | Effect::SetTimer { .. }
            | Effect::Flush
            | Effect::Reply { .. }
            | Effect::Notify { .. }
            | Effect::Halt { .. } => tracing::error!("an effect that is none of the network's reached it"),
        }
    }

    pub(crate) fn on_swarm_event(&mut self, event: SwarmEvent<NodeBehaviourEvent>) {
        match event {
            SwarmEvent::Behaviour(event) => self.on_protocol_event(event),
            SwarmEvent::ConnectionEstablished { peer_id, connection_id, endpoint, .. } => {
                self.on_connected(peer_id, connection_id, &endpoint);
            }
            SwarmEvent::ConnectionClosed { peer_id, connection_id, num_established, cause, .. } => {
                self.on_closed(peer_id, connection_id, num_established, cause.as_ref());
            }
            SwarmEvent::OutgoingConnectionError { connection_id, peer_id, error } => {
                self.on_dial_failed(connection_id, peer_id, &error);
            }
            SwarmEvent::IncomingConnectionError { error, .. } => {
                count(&self.counters.connections_refused);
                tracing::debug!(%error, "an incoming connection was refused");
            }
            SwarmEvent::NewListenAddr { address, .. } => self.on_listening(address),
            SwarmEvent::ExpiredListenAddr { address, .. } => {
                self.swarm.remove_external_address(&address);
                self.changed = true;
            }
            SwarmEvent::ListenerClosed { listener_id, addresses, reason } => {
                if !self.on_listener_closed(listener_id) {
                    tracing::warn!(?addresses, ?reason, "a listener closed");
                }
                self.changed = true;
            }
            SwarmEvent::ListenerError { error, .. } => tracing::warn!(%error, "a listener failed"),
            // The enum may grow; what is new to us concerns nothing that we keep.
            _ => {}
        }
    }

    fn on_protocol_event(&mut self, event: NodeBehaviourEvent) {
        match event {
            NodeBehaviourEvent::Gossip(event) => self.on_gossip_event(event),
            NodeBehaviourEvent::Sync(event) => self.on_sync_event(event),
            NodeBehaviourEvent::Kad(event) => self.on_kad_event(event),
            NodeBehaviourEvent::Identify(event) => self.on_identify_event(event),
            NodeBehaviourEvent::Ping(event) => self.on_ping_event(&event),
            NodeBehaviourEvent::Mdns(event) => self.on_mdns_event(event),
            NodeBehaviourEvent::Tester(event) => self.on_tested(&event),
            NodeBehaviourEvent::Tested(event) => {
                tracing::debug!(client = %event.client, address = %event.tested_addr, "tested a peer's address");
            }
            NodeBehaviourEvent::RelayClient(event) => self.on_relay_client_event(&event),
            NodeBehaviourEvent::RelayServer(event) => self.on_relay_server_event(&event),
            NodeBehaviourEvent::Puncher(event) => self.on_punched(&event),
            NodeBehaviourEvent::Gate(never)
            | NodeBehaviourEvent::Blocked(never)
            | NodeBehaviourEvent::Limits(never)
            | NodeBehaviourEvent::Memory(never) => match never {},
        }
    }

    fn on_tick(&mut self) {
        self.expire_verdicts();
        self.tell_known_addresses();
        self.send_silent_peers_away();
        self.close_unheard();
        self.judge_conduct();
        self.look_for_relays();
        self.close_needless_circuits();
        self.dial_seeds();
        self.dial_known();
        self.look_up();
    }

    /// Closes the connections, so that peers learn at once that this node is gone.
    async fn close(mut self) {
        let peers: Vec<_> = self.swarm.connected_peers().copied().collect();
        for peer in peers {
            // An error says that the connection is gone already.
            let _ = self.swarm.disconnect_peer_id(peer);
        }
        let closed = async {
            while self.swarm.network_info().connection_counters().num_established() > 0 {
                self.swarm.select_next_some().await;
            }
        };
        // A peer that does not say goodbye is not waited for.
        let _ = tokio::time::timeout(Duration::from_millis(500), closed).await;
    }

    fn dial(&mut self, opts: DialOpts) -> Result<(), libp2p::swarm::DialError> {
        self.swarm.dial(opts).inspect_err(|error| tracing::debug!(%error, "not dialled"))
    }
}

#[cfg(test)]
mod tests;
