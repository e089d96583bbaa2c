//! An author that signs envelope upon envelope at one position of its log.

use crate::stranger::{Author, now};
use bytes::Bytes;
use std::collections::BTreeMap;
use tidepool_protocol::sync::Point;
use tidepool_protocol::{EnvelopeId, SecretKey};

/// Envelopes of one position that are kept to be served again and again.
const KEPT: usize = 1_000;

/// The author, and what it signed.
pub struct Forks {
    author: Author,
    /// What it signed at its first position, by id.
    kept: BTreeMap<EnvelopeId, (Point, Bytes)>,
}

impl Forks {
    pub fn of_home(name: &str, home: &SecretKey) -> Self {
        Self { author: Author::new(name, home), kept: BTreeMap::new() }
    }

    /// The same with a thousand at its first position.
    pub fn of_home_with_many(name: &str, home: &SecretKey) -> Self {
        let mut forks = Self::of_home(name, home);
        for number in 0..KEPT {
            let envelope = forks.author.fork(&format!("one of many {number}"), now());
            let point = Point { time_ms: envelope.header().time_ms, id: envelope.id() };
            forks.kept.insert(envelope.id(), (point, envelope.bytes().clone()));
        }
        forks
    }

    /// Another envelope at the same position.
    pub fn one_more(&mut self, number: u64) -> Bytes {
        self.author.fork(&format!("one of many {number}"), now()).bytes().clone()
    }

    /// Goes on at the next position.
    pub fn go_on(&mut self) {
        self.author.post("the last of many", now());
    }

    /// Its identity, and its home's.
    pub fn chain(&self) -> Vec<Bytes> {
        self.author.chain.iter().map(|operation| operation.bytes().clone()).collect()
    }

    /// All that is kept.
    pub fn page(&self) -> Vec<Bytes> {
        self.kept.values().map(|(_, bytes)| bytes.clone()).collect()
    }

    /// Their times and ids, in order.
    pub fn points(&self) -> Vec<Point> {
        let mut points: Vec<_> = self.kept.values().map(|(point, _)| *point).collect();
        points.sort_unstable();
        points
    }

    /// What is kept of these.
    pub fn of(&self, ids: &[EnvelopeId]) -> Vec<Bytes> {
        ids.iter().filter_map(|id| self.kept.get(id)).map(|(_, bytes)| bytes.clone()).collect()
    }
}
