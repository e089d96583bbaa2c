//! Connected peers: who they are, since when, and whether they are of our network.
//!
//! The kernel hears of a peer when identify has said that it is of our network, not before; one of another network is sent
//! away and left alone for an hour.

use super::Task;
use super::sync::EarlyRequest;
use crate::address::{self, Realm};
use crate::behaviour::{kad_protocol, network_version};
use crate::conduct::{BEYOND_RATE, CROWD, LIE, UNREADABLE};
use crate::counters::count;
use crate::handshakes::Handshakes;
use crate::peer::{peer_id, peer_of};
use crate::score;
use crate::status::{Direction, Via};
use libp2p::core::ConnectedPoint;
use libp2p::swarm::{ConnectionError, ConnectionId};
use libp2p::{PeerId, identify, ping};
use multiaddr::{Multiaddr, Protocol};
use std::collections::BTreeSet;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tidepool_kernel::{Input, Offence, Peer};
use tidepool_protocol::slot::Topic;

/// The longest text of a peer's that is kept: its program's name, a protocol's.
const TEXT_CHARS_MAX: usize = 64;

/// The most protocols of one peer that are kept, for show.
const PROTOCOLS_MAX: usize = 32;

/// How often scores are looked at.
const CONDUCT_EVERY: Duration = Duration::from_secs(1);

/// How often the table of handshakes is told which addresses are known.
const KNOWN_EVERY: Duration = Duration::from_secs(10);

/// The most peers that are kept away; beyond it a lie still costs the connection, and nothing more.
const BLOCKED_MAX: usize = 65_536;

/// A connected peer.
#[derive(Debug)]
pub(super) struct Connected {
    pub(super) peer: Peer,
    pub(super) since: Instant,
    pub(super) since_ms: u64,
    pub(super) connections: Vec<Connection>,
    pub(super) topics: BTreeSet<Topic>,
    pub(super) rtt: Option<Duration>,
    /// What identify said; `None` before it did.
    pub(super) identity: Option<Identity>,
    /// What it asked before that.
    pub(super) early: Vec<EarlyRequest>,
    /// We sent it away; it is not wanted back.
    sent_away: bool,
    /// Its gossip is broken; a new connection heals it.
    broken: bool,
}

/// One connection to a peer.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) id: ConnectionId,
    pub(super) address: Multiaddr,
    pub(super) direction: Direction,
    pub(super) opened: Instant,
    /// It goes through a relay.
    pub(super) relayed: bool,
    /// It is direct, and was made while there was one through a relay.
    punched: bool,
    /// When a ping on it was last answered.
    heard: Instant,
}

impl Connection {
    pub(super) fn is_outbound(&self) -> bool {
        self.direction == Direction::Outbound
    }

    pub(super) fn via(&self) -> Via {
        let quic = self.address.iter().any(|part| part == Protocol::QuicV1);
        match (self.relayed, self.punched, quic) {
            (true, ..) => Via::Relay,
            (false, true, true) => Via::PunchedQuic,
            (false, true, false) => Via::PunchedTcp,
            (false, false, true) => Via::Quic,
            (false, false, false) => Via::Tcp,
        }
    }
}

/// What a peer says of itself.
#[derive(Debug)]
pub(super) struct Identity {
    pub(super) agent: String,
    pub(super) protocols: Vec<String>,
}

impl Connected {
    /// Whether it is known to be of our network, and the kernel knows of it.
    pub(super) fn is_known(&self) -> bool {
        self.identity.is_some()
    }

    /// How near it was seen: the nearest of its connections.
    fn realm(&self) -> Option<Realm> {
        self.connections.iter().filter_map(|connection| address::realm(&dialled_form(&connection.address))).min()
    }
}

/// An incoming QUIC or TCP connection's address, which has the form of one to dial.
fn dialled_form(address: &Multiaddr) -> Multiaddr {
    address::without_peer(address.clone())
}

fn shortened(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(TEXT_CHARS_MAX).collect()
}

impl Task {
    pub(super) fn on_connected(&mut self, id: PeerId, connection: ConnectionId, endpoint: &ConnectedPoint) {
        count(&self.counters.connections_opened);
        self.changed = true;
        let now = Instant::now();
        let seed = self.dials.connected(connection, id);
        let Some(peer) = peer_of(&id) else {
            // The gate lets nobody through who has none.
            return;
        };
        let (address, direction) = match endpoint {
            ConnectedPoint::Dialer { address, .. } => (address.clone(), Direction::Outbound),
            ConnectedPoint::Listener { send_back_addr, .. } => (send_back_addr.clone(), Direction::Inbound),
        };
        if direction == Direction::Outbound {
            let address = address::without_peer(address.clone());
            if address::realm(&address).is_some() || address::circuit(&address).is_some() {
                self.book.learn(id, vec![address], true, now);
            }
        }
        tracing::debug!(peer = %id, %address, ?direction, seed, "connected");
        let entry = self.peers.entry(id).or_insert_with(|| Connected {
            peer,
            since: now,
            since_ms: unix_ms(),
            connections: Vec::with_capacity(2),
            topics: BTreeSet::new(),
            rtt: None,
            identity: None,
            early: Vec::new(),
            sent_away: false,
            broken: false,
        });
        let relayed = endpoint.is_relayed();
        let punched = !relayed && entry.connections.iter().any(|known| known.relayed);
        let (id_of, opened, heard) = (connection, now, now);
        entry.connections.push(Connection { id: id_of, address, direction, opened, relayed, punched, heard });
        self.found(&id);
    }

    pub(super) fn on_closed(
        &mut self,
        id: PeerId,
        connection: ConnectionId,
        remaining: u32,
        cause: Option<&ConnectionError>,
    ) {
        count(&self.counters.connections_closed);
        self.changed = true;
        if remaining > 0 {
            if let Some(peer) = self.peers.get_mut(&id) {
                peer.connections.retain(|known| known.id != connection);
            }
            return;
        }
        let Some(peer) = self.peers.remove(&id) else { return };
        let idle = matches!(cause, Some(ConnectionError::KeepAliveTimeout));
        tracing::debug!(peer = %id, idle, cause = cause.map(tracing::field::display), "disconnected");
        if peer.is_known() {
            self.book.met(&id, unix_ms());
            self.book.disconnected(&id, peer.broken || (!peer.sent_away && !idle), Instant::now());
            self.inbox.deliver(Input::PeerDisconnected { peer: peer.peer });
            self.look_around_later(Instant::now());
        } else {
            // It hung up before it said who it is (it may have no room for us): a failure like any other.
            self.book.failed(&id, Instant::now(), unix_ms());
        }
    }

    pub(super) fn on_identify_event(&mut self, event: identify::Event) {
        match event {
            identify::Event::Received { peer_id, info, .. } => self.on_identified(peer_id, info),
            identify::Event::Error { peer_id, error, .. } => tracing::debug!(%peer_id, %error, "not identified"),
            identify::Event::Sent { .. } | identify::Event::Pushed { .. } => {}
        }
    }

    fn on_identified(&mut self, id: PeerId, info: identify::Info) {
        if info.protocol_version != network_version(self.network) {
            self.send_foreigner_away(id, &info.protocol_version);
            return;
        }
        let Some(peer) = self.peers.get_mut(&id) else { return };
        let first = !peer.is_known();
        let realm = peer.realm();
        peer.identity = Some(Identity {
            agent: shortened(&info.agent_version),
            protocols: info.protocols.iter().take(PROTOCOLS_MAX).map(|name| shortened(name.as_ref())).collect(),
        });
        self.changed = true;
        if first {
            self.book.met(&id, unix_ms());
            self.dials.identified(&id);
            let (peer, topics, early) = (peer.peer, peer.topics.clone(), std::mem::take(&mut peer.early));
            self.inbox.deliver(Input::PeerConnected { peer });
            for topic in topics.into_iter().filter(|topic| self.topics.contains_key(topic)).collect::<Vec<_>>() {
                self.inbox.deliver(Input::PeerSubscribed { peer, topic });
            }
            self.hand_over_early(id, peer, early);
        }
        let addresses = address::filtered(&id, info.listen_addrs, realm);
        self.book.replace(id, addresses, Instant::now());
        if info.protocols.contains(&kad_protocol(self.network)) {
            for address in self.book.addresses(&id) {
                self.swarm.behaviour_mut().kad.add_address(&id, address);
            }
        }
    }

    fn send_foreigner_away(&mut self, id: PeerId, version: &str) {
        tracing::warn!(peer = %id, version = %shortened(version), "a peer of another network was sent away");
        count(&self.counters.peers_foreign);
        if let Some(peer) = self.peers.get_mut(&id) {
            crate::counters::add(&self.counters.requests_in_foreign, peer.early.len());
            peer.early.clear();
        }
        self.dials.shun(id, Instant::now());
        self.send_away(&id);
    }

    /// Disconnects a peer that is not wanted back, and forgets where it lives.
    fn send_away(&mut self, id: &PeerId) {
        if let Some(peer) = self.peers.get_mut(id) {
            peer.sent_away = true;
        }
        self.book.forget(id);
        self.swarm.behaviour_mut().kad.remove_peer(id);
        // An error says that it is gone already.
        let _ = self.swarm.disconnect_peer_id(*id);
    }

    /// A provable lie: disconnect and keep away.
    pub(super) fn block(&mut self, peer: &Peer) {
        let Some(id) = peer_id(peer) else { return };
        tracing::warn!(peer = %id, "blocked");
        self.send_away(&id);
        let blocked = &mut self.swarm.behaviour_mut().blocked;
        if blocked.blocked_peers().len() < BLOCKED_MAX {
            blocked.block_peer(id);
        }
    }

    /// A peer's score, rounded; 0 when it has none.
    pub(super) fn score(&self, id: &PeerId) -> i64 {
        let score = self.swarm.behaviour().gossip.peer_score(id).unwrap_or(0.0);
        #[allow(clippy::cast_possible_truncation, reason = "a float as an integer saturates, which is what is shown")]
        let rounded = score.round() as i64;
        rounded
    }

    /// Takes points from a peer for what it did.
    pub(super) fn blame(&mut self, id: PeerId, points: f64) {
        let score = self.conduct.blame(id, points, Instant::now());
        self.swarm.behaviour_mut().gossip.set_application_score(&id, score);
    }

    /// Others' handshakes go through this table.
    pub(crate) fn keep_handshakes(&mut self, handshakes: Option<Handshakes>) {
        self.handshakes = handshakes.map(|handshakes| (handshakes, None));
        self.tell_known_addresses();
    }

    /// Tells the table now and then at which addresses peers were met: they are let in when strangers fill it.
    pub(super) fn tell_known_addresses(&mut self) {
        let Some((handshakes, told)) = &mut self.handshakes else { return };
        if told.is_none_or(|told| told.elapsed() >= KNOWN_EVERY) {
            *told = Some(Instant::now());
            let connected = self.peers.values().filter(|peer| peer.is_known()).flat_map(|peer| &peer.connections);
            let connected = connected.map(|connection| connection.address.clone());
            handshakes.know(connected.chain(self.book.met_addresses()));
        }
    }

    /// Takes points for what the kernel proved.
    pub(super) fn penalise(&mut self, peer: &Peer, offence: Offence) {
        let Some(id) = peer_id(peer) else { return };
        match offence {
            Offence::Withheld | Offence::Contradiction => {
                tracing::warn!(peer = %id, offence = offence.label(), "a peer's answers contradict one another");
                self.blame(id, LIE);
            }
            Offence::Crowd => self.blame(id, CROWD),
            Offence::Stale => {
                if !self.conduct.takes_stale(id, Instant::now()) {
                    count(&self.counters.gossip_stale_beyond_rate);
                    self.blame(id, BEYOND_RATE);
                }
            }
            Offence::Unreadable => {
                if !self.conduct.takes_unreadable(id, Instant::now()) {
                    count(&self.counters.gossip_unreadable_beyond_rate);
                    self.blame(id, UNREADABLE);
                }
            }
        }
    }

    /// Renews what conduct adds to scores, and sends away whose score fell too low.
    pub(super) fn judge_conduct(&mut self) {
        let now = Instant::now();
        if now.duration_since(self.judged) < CONDUCT_EVERY {
            return;
        }
        self.judged = now;
        let peers = &self.peers;
        for (id, score) in self.conduct.scores(now, |id| peers.contains_key(id)) {
            self.swarm.behaviour_mut().gossip.set_application_score(&id, score);
        }
        let gossip = &self.swarm.behaviour().gossip;
        let low = |id: &&PeerId| gossip.peer_score(id).is_some_and(|score| score < score::GREYLIST);
        for id in self.peers.keys().filter(low).copied().collect::<Vec<_>>() {
            let score = self.score(&id);
            tracing::warn!(peer = %id, score, allowed = score::GREYLIST, "grey-listed");
            count(&self.counters.peers_greylisted);
            self.swarm.behaviour_mut().gate.greylist(id, score::GREYLIST_FOR, now);
            self.send_away(&id);
        }
    }

    /// Keeps the round trip, and when the connection was last alive.
    pub(super) fn on_ping_event(&mut self, event: &ping::Event) {
        let (Some(peer), Ok(rtt)) = (self.peers.get_mut(&event.peer), &event.result) else { return };
        peer.rtt = Some(*rtt);
        if let Some(connection) = peer.connections.iter_mut().find(|known| known.id == event.connection) {
            connection.heard = Instant::now();
        }
    }

    /// Closes connections on which no ping was answered for long: their other end lost power, a partition swallows
    /// everything, or a peer reads so slowly that pings wait behind what it has not read. TCP would take a quarter of an
    /// hour to say so. A peer that does not speak the ping protocol is one of these.
    pub(super) fn close_unheard(&mut self) {
        let unheard_after = self.timing.unheard_after;
        let unheard: Vec<_> = self
            .peers
            .iter()
            .flat_map(|(id, peer)| peer.connections.iter().map(move |connection| (*id, connection)))
            .filter(|(_, connection)| connection.heard.elapsed() > unheard_after)
            .map(|(id, connection)| (id, connection.id))
            .collect();
        for (peer, connection) in unheard {
            // It answers `false` when the connection closes already.
            if self.swarm.close_connection(connection) {
                count(&self.counters.connections_unheard);
                tracing::info!(%peer, "answers no pings, is disconnected");
            }
        }
    }

    /// Drops peers that joined no topic: their gossip is broken (a stream that libp2p gave up), and the book dials
    /// them anew.
    pub(super) fn send_silent_peers_away(&mut self) {
        let silent: Vec<_> = self
            .peers
            .iter()
            .filter(|(_, peer)| {
                !peer.broken && peer.topics.is_empty() && peer.since.elapsed() > self.timing.silent_after
            })
            .map(|(id, _)| *id)
            .collect();
        for id in silent {
            count(&self.counters.peers_silent);
            tracing::info!(peer = %id, "joined no topic, is dialled anew");
            if let Some(peer) = self.peers.get_mut(&id) {
                peer.broken = true;
            }
            let _ = self.swarm.disconnect_peer_id(id);
        }
    }

    /// A new address to listen on. Where the operator named none, it is what others are told, unless it is worth
    /// nothing to them.
    pub(super) fn on_listening(&mut self, address: Multiaddr) {
        tracing::info!(%address, "listening");
        self.changed = true;
        let worth = address::realm(&address).is_some_and(|realm| self.loopback || realm > Realm::Machine);
        if self.settings.external.is_empty() && worth {
            self.swarm.add_external_address(address);
        }
    }
}

pub(super) fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
