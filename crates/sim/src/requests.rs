//! Requests and their answers: delayed, lost, doubled, cut off, or never answered.

use crate::queue::Event;
use crate::trace::failure_word;
use crate::world::World;
use bytes::Bytes;
use tidepool_kernel::{Channel, Input, Peer, RequestFailure, RequestId};

/// An answer is waited for this long, in milliseconds.
const ANSWER_MS: u64 = 10_000;

impl World<'_> {
    /// A node asks a peer.
    pub(crate) fn requested(&mut self, at: usize, request: RequestId, peer: Peer, frame: Bytes) {
        let to = self.of_key.get(&peer).copied().filter(|to| self.places[at].near.contains(to));
        self.places[at].asked.insert(request, to.unwrap_or(at));
        let Some(to) = to else {
            self.later(at, 1, Event::Answer { request, result: Err(RequestFailure::Unreachable) });
            return;
        };
        self.coverage.count("requests");
        self.look_at_request(at, to, &frame);
        self.later(at, ANSWER_MS, Event::Answer { request, result: Err(RequestFailure::Timeout) });
        if !self.is_lost(at, to) {
            let channel = Channel(self.number());
            let ms = self.delay(to);
            self.later(to, ms, Event::Ask { from: at, request, channel, frame });
        }
    }

    pub(crate) fn ask_comes(&mut self, at: usize, from: usize, request: RequestId, channel: Channel, frame: Bytes) {
        if !self.is_honest(at) {
            if let Some(answer) = self.hostile_answers(at, &frame) {
                self.send_answer(at, from, request, answer);
            }
            return;
        }
        self.places[at].channels.insert(channel, (from, request));
        let peer = self.places[from].key;
        self.step(at, Input::Request { from: peer, channel, frame });
    }

    /// A node answers.
    pub(crate) fn respond(&mut self, at: usize, channel: Channel, frame: Bytes) {
        if let Some((asker, request)) = self.places[at].channels.remove(&channel) {
            self.send_answer(at, asker, request, frame);
        }
    }

    fn send_answer(&mut self, at: usize, asker: usize, request: RequestId, frame: Bytes) {
        if self.is_lost(at, asker) {
            return;
        }
        self.coverage.add("bytes of answers", u64::try_from(frame.len()).unwrap_or(u64::MAX));
        let on_the_way = u64::try_from(frame.len()).unwrap_or(u64::MAX) / self.scenario.links.bytes_per_ms;
        let ms = on_the_way + self.delay(asker);
        if !self.is_honest(asker) {
            return;
        }
        if self.is_doubled() {
            // The second copy goes past the adapter's own book, straight to the node.
            let ms = ms + self.delay(asker);
            self.later(asker, ms, Event::Input(Input::Response { request, result: Ok(frame.clone()) }));
        }
        self.later(asker, ms, Event::Answer { request, result: Ok(frame) });
    }

    pub(crate) fn answer_comes(&mut self, at: usize, request: RequestId, result: Result<Bytes, RequestFailure>) {
        if self.places[at].asked.remove(&request).is_none() {
            return;
        }
        if let Err(failure) = &result {
            self.coverage.count(failure_word(*failure));
        }
        self.step(at, Input::Response { request, result });
    }
}
