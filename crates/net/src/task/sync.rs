//! Requests: ours with their answers, peers' with our answers. Each is bounded in number, by peer and in all.

use super::Task;
use crate::codec::{Answer, Question, is_to_blame};
use crate::conduct::{BEYOND_RATE, BROKEN_FRAME};
use crate::counters::count;
use crate::peer::peer_id;
use bytes::Bytes;
use libp2p::PeerId;
use libp2p::request_response::{Event, InboundRequestId, Message, OutboundFailure, OutboundRequestId, ResponseChannel};
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::time::Instant;
use tidepool_kernel::{Channel, Input, Peer, RequestFailure, RequestId};
use tidepool_protocol::limits::SYNC_FRAME_BYTES_MAX;

/// Requests of ours under way, in all and to one peer: half of the streams that one connection carries.
const OUT_MAX: usize = 512;
const OUT_PER_PEER_MAX: usize = 16;

/// Requests of peers that wait for the kernel's answer, in all and of one peer; the rest is answered busy.
const IN_MAX: usize = 256;
const IN_PER_PEER_MAX: usize = 16;

/// Requests under way.
#[derive(Debug, Default)]
pub(super) struct Calls {
    out: HashMap<OutboundRequestId, (RequestId, PeerId)>,
    next: u64,
    inbound: BTreeMap<Channel, Inbound>,
    channels: HashMap<InboundRequestId, Channel>,
}

#[derive(Debug)]
struct Inbound {
    id: InboundRequestId,
    peer: PeerId,
    answer: ResponseChannel<Answer>,
}

/// A request that came before identify said of which network its sender is.
#[derive(Debug)]
pub(super) struct EarlyRequest {
    id: InboundRequestId,
    frame: Bytes,
    answer: ResponseChannel<Answer>,
}

impl Task {
    pub(super) fn on_sync_event(&mut self, event: Event<Question, Answer>) {
        match event {
            Event::Message { peer, message: Message::Request { request_id, request, channel }, .. } => {
                match request {
                    Question::Frame(frame) => {
                        self.on_request(peer, EarlyRequest { id: request_id, frame, answer: channel });
                    }
                    // The channel is dropped with it: the stream closes without an answer.
                    Question::Garbage => self.blame(peer, BROKEN_FRAME),
                }
            }
            Event::Message { message: Message::Response { request_id, response }, .. } => {
                let result = match response {
                    Answer::Frame(frame) => Ok(frame),
                    Answer::Busy => Err(RequestFailure::Busy),
                };
                self.on_answer(request_id, result);
            }
            Event::OutboundFailure { peer, request_id, error, .. } => {
                tracing::debug!(%peer, %error, "a request failed");
                if matches!(&error, OutboundFailure::Io(error) if is_to_blame(error)) {
                    self.blame(peer, BROKEN_FRAME);
                }
                self.on_answer(request_id, Err(failure(&error)));
            }
            Event::InboundFailure { peer, request_id, error, .. } => {
                tracing::debug!(%peer, %error, "a peer's request failed");
                count(&self.counters.requests_in_failed);
                if let Some(channel) = self.calls.channels.remove(&request_id) {
                    self.calls.inbound.remove(&channel);
                }
            }
            Event::ResponseSent { .. } => {}
        }
    }

    fn on_request(&mut self, id: PeerId, request: EarlyRequest) {
        match self.peers.get_mut(&id) {
            Some(peer) if peer.is_known() => {
                let from = peer.peer;
                self.hand_over(id, from, request);
            }
            Some(peer) if peer.early.len() < IN_PER_PEER_MAX => peer.early.push(request),
            Some(_) => self.answer_busy(request),
            None => {
                // The connection closed while the request was on its way here.
                count(&self.counters.requests_in_failed);
            }
        }
    }

    /// Identify has said that the peer is of our network: what it asked meanwhile goes to the kernel.
    pub(super) fn hand_over_early(&mut self, id: PeerId, from: Peer, early: Vec<EarlyRequest>) {
        for request in early {
            self.hand_over(id, from, request);
        }
    }

    fn hand_over(&mut self, id: PeerId, from: Peer, request: EarlyRequest) {
        if !self.conduct.takes_request(id, Instant::now()) {
            count(&self.counters.requests_in_beyond_rate);
            self.blame(id, BEYOND_RATE);
            self.answer_busy(request);
            return;
        }
        let of_peer = self.calls.inbound.values().filter(|inbound| inbound.peer == id).count();
        if self.calls.inbound.len() >= IN_MAX || of_peer >= IN_PER_PEER_MAX {
            self.answer_busy(request);
            return;
        }
        let channel = Channel(self.calls.next);
        if !self.inbox.offer(Input::Request { from, channel, frame: request.frame.clone() }) {
            self.answer_busy(request);
            return;
        }
        count(&self.counters.requests_in);
        self.calls.next += 1;
        self.calls.channels.insert(request.id, channel);
        self.calls.inbound.insert(channel, Inbound { id: request.id, peer: id, answer: request.answer });
    }

    fn answer_busy(&mut self, request: EarlyRequest) {
        count(&self.counters.requests_in_busy);
        // An error says that the peer waits no more.
        let _ = self.swarm.behaviour_mut().sync.send_response(request.answer, Answer::Busy);
    }

    /// Sends the kernel's answer.
    pub(super) fn respond(&mut self, channel: Channel, frame: Bytes) {
        let Some(inbound) = self.calls.inbound.remove(&channel) else {
            // The peer waits no more; that was counted when it gave up.
            return;
        };
        self.calls.channels.remove(&inbound.id);
        let answer = if frame.len() > SYNC_FRAME_BYTES_MAX {
            tracing::error!(bytes = frame.len(), allowed = SYNC_FRAME_BYTES_MAX, "an answer over the limit");
            Answer::Busy
        } else {
            Answer::Frame(frame)
        };
        if self.swarm.behaviour_mut().sync.send_response(inbound.answer, answer).is_err() {
            count(&self.counters.requests_in_failed);
        }
    }

    /// Sends a request of the kernel's, over a connection that stands or one that is made for it.
    pub(super) fn request(&mut self, request: RequestId, peer: Peer, frame: Bytes) {
        let Some(id) = peer_id(&peer).filter(|id| id != self.swarm.local_peer_id()) else {
            self.finish(request, Err(RequestFailure::Unreachable));
            return;
        };
        let to_peer = self.calls.out.values().filter(|(_, to)| *to == id).count();
        if self.calls.out.len() >= OUT_MAX || to_peer >= OUT_PER_PEER_MAX {
            self.finish(request, Err(RequestFailure::Busy));
            return;
        }
        if frame.len() > SYNC_FRAME_BYTES_MAX {
            tracing::error!(bytes = frame.len(), allowed = SYNC_FRAME_BYTES_MAX, "a request over the limit");
            self.finish(request, Err(RequestFailure::Busy));
            return;
        }
        let addresses = self.book.addresses(&id);
        let call = self.swarm.behaviour_mut().sync.send_request_with_addresses(&id, Question::Frame(frame), addresses);
        self.calls.out.insert(call, (request, id));
    }

    fn on_answer(&mut self, call: OutboundRequestId, result: Result<Bytes, RequestFailure>) {
        if let Some((request, _)) = self.calls.out.remove(&call) {
            self.finish(request, result);
        }
    }

    fn finish(&mut self, request: RequestId, result: Result<Bytes, RequestFailure>) {
        let counter = match &result {
            Ok(_) => &self.counters.requests_out_answered,
            Err(RequestFailure::Unreachable) => &self.counters.requests_out_unreachable,
            Err(RequestFailure::Timeout) => &self.counters.requests_out_timeout,
            Err(RequestFailure::Protocol) => &self.counters.requests_out_protocol,
            Err(RequestFailure::Closed) => &self.counters.requests_out_closed,
            Err(RequestFailure::Busy) => &self.counters.requests_out_busy,
        };
        count(counter);
        self.inbox.deliver(Input::Response { request, result });
    }
}

/// What a failure means. Only a frame that breaks the rules, or a peer that does not speak them, is a breach; a stream
/// that closes before its answer is how a peer says that it has no room.
fn failure(error: &OutboundFailure) -> RequestFailure {
    match error {
        OutboundFailure::DialFailure => RequestFailure::Unreachable,
        OutboundFailure::Timeout => RequestFailure::Timeout,
        OutboundFailure::ConnectionClosed => RequestFailure::Closed,
        OutboundFailure::UnsupportedProtocols => RequestFailure::Protocol,
        OutboundFailure::Io(error) => match error.kind() {
            io::ErrorKind::InvalidData => RequestFailure::Protocol,
            // What libp2p says when a connection has no room for one more stream.
            io::ErrorKind::Other => RequestFailure::Busy,
            _ => RequestFailure::Closed,
        },
    }
}
