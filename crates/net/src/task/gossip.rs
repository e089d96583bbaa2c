//! Gossip: frames in with their verdicts, frames out with their outcomes, topics joined and left.

use super::{Task, search};
use crate::conduct::BEYOND_RATE;
use crate::counters::{add, count};
use crate::gossip::ident_topic;
use crate::score;
use crate::settings::NetFaults;
use bytes::Bytes;
use libp2p::PeerId;
use libp2p::gossipsub::{Event, Message, MessageAcceptance, MessageId, PublishError};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tidepool_kernel::{GossipId, Input, PublishOutcome, Ticket, Verdict};
use tidepool_protocol::limits::BUNDLE_BYTES_MAX;
use tidepool_protocol::slot::Topic;

use crate::peer::peer_of;

/// Frames that wait for their verdict. At 32 KiB each this is 64 MiB, and more than a kernel judges in a second.
const WAITING_MAX: usize = 2_048;

/// How often the kernel is told of frames that did not reach it.
const TELL_OF_DROPS_EVERY: Duration = Duration::from_millis(500);

/// Frames that wait for their verdict, by the ids under which the kernel knows them.
#[derive(Debug, Default)]
pub(super) struct Verdicts {
    next: u64,
    /// When the kernel was last told that frames did not reach it.
    told_of_drops: Option<Instant>,
    waiting: BTreeMap<GossipId, Waiting>,
}

#[derive(Debug)]
struct Waiting {
    message: MessageId,
    source: PeerId,
    since: Instant,
}

/// Frames that a test wants dropped: so many of each hundred, evenly, without a source of chance.
#[derive(Debug)]
pub(super) struct Faults {
    wanted: NetFaults,
    seen: u64,
}

impl Faults {
    pub(super) fn new(wanted: NetFaults) -> Self {
        Self { wanted, seen: 0 }
    }

    fn drops(&mut self) -> bool {
        // 61 and 100 have no common divisor: in each hundred every rest comes once, in no order that a sender follows.
        let rest = self.seen.wrapping_mul(61) % 100;
        self.seen = self.seen.wrapping_add(1);
        rest < u64::from(self.wanted.gossip_drop_percent)
    }
}

impl Task {
    pub(super) fn on_gossip_event(&mut self, event: Event) {
        match event {
            Event::Message { propagation_source, message_id, message } => {
                self.on_frame(propagation_source, message_id, message);
            }
            Event::Subscribed { peer_id, topic, .. } => {
                if let Some(topic) = self.names.read(topic.as_str()) {
                    self.on_subscribed(peer_id, topic);
                }
            }
            Event::Unsubscribed { peer_id, topic } => {
                let topic = self.names.read(topic.as_str());
                if let (Some(topic), Some(peer)) = (topic, self.peers.get_mut(&peer_id)) {
                    peer.topics.remove(&topic);
                    self.changed = true;
                }
            }
            Event::GossipsubNotSupported { peer_id } => tracing::debug!(%peer_id, "speaks no gossip"),
            Event::SlowPeer { peer_id, failed_messages } => {
                let dropped = failed_messages.priority + failed_messages.non_priority;
                add(&self.counters.gossip_slow_peer_drops, dropped);
                tracing::debug!(%peer_id, dropped, "a slow peer was not sent everything");
            }
        }
    }

    fn on_frame(&mut self, source: PeerId, message: MessageId, content: Message) {
        count(&self.counters.gossip_in_frames);
        add(&self.counters.gossip_in_bytes, content.data.len());
        let (Some(topic), Some(from)) = (self.names.read(content.topic.as_str()), peer_of(&source)) else {
            // Neither passes the filter or the gate; if one did, nobody here could read it.
            self.report(&message, &source, Verdict::Ignore);
            return;
        };
        if self.faults.drops() {
            count(&self.counters.gossip_dropped_fault);
            self.report(&message, &source, Verdict::Ignore);
            return;
        }
        if !self.conduct.takes_frame(source, Instant::now()) {
            count(&self.counters.gossip_dropped_rate);
            self.report(&message, &source, Verdict::Ignore);
            self.blame(source, BEYOND_RATE);
            return;
        }
        if content.data.len() > BUNDLE_BYTES_MAX {
            count(&self.counters.gossip_oversize);
            self.report(&message, &source, Verdict::Reject);
            return;
        }
        if self.verdicts.waiting.len() >= WAITING_MAX {
            count(&self.counters.gossip_dropped_waiting);
            self.report(&message, &source, Verdict::Ignore);
            return;
        }
        let id = GossipId(self.verdicts.next);
        if !self.inbox.offer(Input::Gossip { id, from, topic, frame: Bytes::from(content.data) }) {
            count(&self.counters.gossip_dropped_queue);
            self.report(&message, &source, Verdict::Ignore);
            self.tell_of_drops();
            return;
        }
        self.verdicts.next += 1;
        self.verdicts.waiting.insert(id, Waiting { message, source, since: Instant::now() });
    }

    /// Tells the kernel that it missed frames, so that it compares digests with somebody; now and then, not for each.
    fn tell_of_drops(&mut self) {
        if self.verdicts.told_of_drops.is_none_or(|told| told.elapsed() >= TELL_OF_DROPS_EVERY) {
            self.verdicts.told_of_drops = Some(Instant::now());
            self.inbox.deliver(Input::GossipDropped);
        }
    }

    /// Passes the kernel's verdict on.
    pub(super) fn judge(&mut self, id: GossipId, verdict: Verdict) {
        match self.verdicts.waiting.remove(&id) {
            Some(waiting) => self.report(&waiting.message, &waiting.source, verdict),
            None => count(&self.counters.verdicts_late),
        }
    }

    fn report(&mut self, message: &MessageId, source: &PeerId, verdict: Verdict) {
        let (acceptance, counter) = match verdict {
            Verdict::Accept => (MessageAcceptance::Accept, &self.counters.verdicts_accept),
            Verdict::Ignore => (MessageAcceptance::Ignore, &self.counters.verdicts_ignore),
            Verdict::Reject => (MessageAcceptance::Reject, &self.counters.verdicts_reject),
        };
        count(counter);
        if !self.swarm.behaviour_mut().gossip.report_message_validation_result(message, source, acceptance) {
            count(&self.counters.verdicts_late);
        }
    }

    /// Strikes out frames that gossipsub has forgotten by now.
    pub(super) fn expire_verdicts(&mut self) {
        let forgotten_after = self.timing.forgotten_after;
        while let Some(oldest) = self.verdicts.waiting.first_entry() {
            if oldest.get().since.elapsed() < forgotten_after {
                return;
            }
            oldest.remove();
            count(&self.counters.verdicts_missing);
        }
    }

    pub(super) fn publish(&mut self, ticket: Ticket, topic: Topic, frame: Bytes) {
        let bytes = frame.len();
        let outcome = if bytes > BUNDLE_BYTES_MAX {
            PublishOutcome::Refused
        } else {
            let topic = ident_topic(topic, self.network);
            match self.swarm.behaviour_mut().gossip.publish(topic, frame) {
                Ok(_) => PublishOutcome::Sent,
                Err(PublishError::Duplicate) => PublishOutcome::Duplicate,
                Err(PublishError::NoPeersSubscribedToTopic) => PublishOutcome::NoPeers,
                Err(PublishError::AllQueuesFull(_)) => PublishOutcome::QueuesFull,
                Err(
                    PublishError::MessageTooLarge | PublishError::SigningError(_) | PublishError::TransformFailed(_),
                ) => PublishOutcome::Refused,
            }
        };
        let counter = match outcome {
            PublishOutcome::Sent => &self.counters.publish_sent,
            PublishOutcome::Duplicate => &self.counters.publish_duplicate,
            PublishOutcome::NoPeers => &self.counters.publish_no_peers,
            PublishOutcome::QueuesFull => &self.counters.publish_queues_full,
            PublishOutcome::Refused => &self.counters.publish_refused,
        };
        count(counter);
        if outcome == PublishOutcome::Sent {
            count(&self.counters.gossip_out_frames);
            add(&self.counters.gossip_out_bytes, bytes);
        }
        self.inbox.deliver(Input::Published { ticket, outcome });
    }

    /// Joins a topic; peers that joined it before are told of at once.
    pub(super) fn join(&mut self, topic: Topic) {
        if self.topics.contains_key(&topic) {
            return;
        }
        if let Err(error) = self.swarm.behaviour_mut().gossip.subscribe(&ident_topic(topic, self.network)) {
            tracing::error!(?topic, %error, "a topic cannot be joined");
            return;
        }
        let scored =
            self.swarm.behaviour_mut().gossip.set_topic_params(ident_topic(topic, self.network), score::topic_params());
        if let Err(error) = scored {
            tracing::error!(?topic, %error, "a topic cannot be scored");
        }
        self.topics.insert(topic, search::Announcement::new(self.timing));
        self.changed = true;
        let there = |peer: &&super::peers::Connected| peer.is_known() && peer.topics.contains(&topic);
        let peers: Vec<_> = self.peers.values().filter(there).map(|peer| peer.peer).collect();
        for peer in peers {
            self.inbox.deliver(Input::PeerSubscribed { peer, topic });
        }
    }

    /// Leaves a topic.
    pub(super) fn leave(&mut self, topic: Topic) {
        if self.topics.remove(&topic).is_some() {
            self.swarm.behaviour_mut().gossip.unsubscribe(&ident_topic(topic, self.network));
            self.stop_providing(topic);
            self.changed = true;
        }
    }

    fn on_subscribed(&mut self, id: PeerId, topic: Topic) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        peer.topics.insert(topic);
        self.changed = true;
        if peer.is_known() && self.topics.contains_key(&topic) {
            let peer = peer.peer;
            self.inbox.deliver(Input::PeerSubscribed { peer, topic });
        }
    }
}
