//! Logs of which this node knows that it lacks something: a position below one that it holds, or a head that a
//! checkpoint names. What is lacking is asked of peers by `Log`, one peer after another, until it is here.
//!
//! Anti-entropy brings everything in the end; this is sooner, and says what is missing in the meantime. Beyond
//! [`LOGS_MAX`] logs, and after [`TRIES_MAX`] peers, the rest is left to anti-entropy.

use crate::clock::Steady;
use crate::custody::Custody;
use crate::input::Timer;
use crate::node::Node;
use crate::planted::Defect;
use crate::requests::Purpose;
use crate::store::{Store, StoreError};
use std::collections::BTreeMap;
use tidepool_protocol::body::Checkpoint;
use tidepool_protocol::envelope::LogId;
use tidepool_protocol::sync::SyncRequest;
use tidepool_protocol::{Body, Envelope, Kind};
use tidepool_views::{ReadError, index, logs};

/// Logs that are remembered as incomplete.
const LOGS_MAX: usize = 4_096;

/// Peers that are asked for one log before it is left to anti-entropy.
const TRIES_MAX: u32 = 8;

/// How long a gap may last before anybody is asked: what overtook its predecessor in gossip is followed by it.
const PATIENCE_MS: u64 = 1_000;

/// The longest pause between two requests for one log.
const PAUSE_MS_MAX: u64 = 60_000;

/// Logs looked at at one time.
const LOOK_AT_ONCE: usize = 256;

/// Requests sent at one look.
const ASK_AT_ONCE: usize = 16;

/// Positions asked for in one request: what one answer holds.
const POSITIONS_MAX: u64 = 4_096;

/// What is lacking of one log.
#[derive(Clone, Copy, Debug)]
struct Want {
    /// The greatest position that is known to exist.
    upto: u64,
    tries: u32,
    next: Steady,
}

/// The logs that are incomplete.
#[derive(Debug, Default)]
pub(crate) struct Gaps {
    wanted: BTreeMap<LogId, Want>,
}

impl Gaps {
    pub(crate) fn len(&self) -> usize {
        self.wanted.len()
    }

    fn want(&mut self, log: LogId, upto: u64, now: Steady) -> bool {
        if let Some(want) = self.wanted.get_mut(&log) {
            want.upto = want.upto.max(upto);
            return false;
        }
        let is_first = self.wanted.is_empty();
        if self.wanted.len() < LOGS_MAX {
            self.wanted.insert(log, Want { upto, tries: 0, next: now.plus_ms(PATIENCE_MS) });
        }
        is_first
    }
}

impl Gaps {
    /// What lacks there lies behind the horizon: it is not wanted.
    pub(crate) fn forget(&mut self, log: &LogId) {
        self.wanted.remove(log);
    }
}

impl<S: Store, C: Custody> Node<S, C> {
    /// An envelope was written: notes what it shows to be lacking. `gap` when nothing is held at the place before it.
    pub(crate) fn note_gaps(&mut self, envelope: &Envelope, gap: bool) -> Result<(), ReadError> {
        let header = envelope.header();
        if gap && let Some(upto) = header.seq.checked_sub(1) {
            self.want(header.log(), upto);
        }
        if header.kind != Kind::CHECKPOINT {
            return Ok(());
        }
        let body = envelope.body().map(|body| Body::decode(header.kind, body));
        let Some(Ok(Some(Body::Checkpoint(Checkpoint { heads, .. })))) = body else { return Ok(()) };
        for head in heads {
            if self.read(|rows| index::get(rows, &head.id))?.is_none() {
                let log = LogId { author: header.author, key: head.key, scope: head.scope, epoch: head.epoch };
                self.want(log, head.seq);
            }
        }
        Ok(())
    }

    fn want(&mut self, log: LogId, upto: u64) {
        let held = self.settings.coverage.holds(log.scope.slot(), self.rules.genesis().params.shards);
        if held && self.gaps.want(log, upto, self.steady) {
            self.set_timer(Timer::Gaps, self.steady.plus_ms(PATIENCE_MS));
        }
    }

    /// The first stretch of `log` up to `upto` of which nothing is held.
    fn first_gap(&mut self, log: &LogId, upto: u64) -> Result<Option<(u64, u64)>, ReadError> {
        self.read(|rows| {
            if let Some(gap) = logs::gaps(rows, log, 1)?.first() {
                return Ok(Some(*gap));
            }
            let top = logs::top(rows, log)?;
            let from = top.map_or(0, |top| top.saturating_add(1));
            Ok((from <= upto).then_some((from, upto)))
        })
    }

    /// Asks for what is still lacking, and forgets what is not. While a session runs, it brings what it brings.
    pub(crate) fn on_gaps_timer(&mut self) -> Result<(), StoreError> {
        let now = self.steady;
        if self.syncing.under_way() {
            self.set_timer(Timer::Gaps, now.plus_ms(PATIENCE_MS));
            return Ok(());
        }
        let due = self.gaps.wanted.iter().filter(|(_, want)| want.next <= now).map(|(log, _)| log.clone());
        let due: Vec<LogId> = due.take(LOOK_AT_ONCE).collect();
        let mut asked = 0;
        for log in due {
            let Some(want) = self.gaps.wanted.get(&log).copied() else { continue };
            let gap = self.first_gap(&log, want.upto)?;
            let asks_again = gap.is_none() && self.planted.is(Defect::FilledGapAsked);
            let Some((from, to)) = gap.or(asks_again.then_some((want.upto, want.upto))) else {
                self.gaps.wanted.remove(&log);
                self.counters.gaps_filled += 1;
                continue;
            };
            if want.tries >= TRIES_MAX {
                self.gaps.wanted.remove(&log);
                self.counters.gaps_left += 1;
                continue;
            }
            if asked == ASK_AT_ONCE {
                continue;
            }
            let Some(peer) = self.carriers(&[log.scope.slot()], 1).pop() else { continue };
            asked += 1;
            self.counters.gaps_asked += 1;
            let pause_ms = (PATIENCE_MS << want.tries.min(16)).min(PAUSE_MS_MAX);
            let next = now.plus_ms(pause_ms);
            self.gaps.wanted.insert(log.clone(), Want { tries: want.tries + 1, next, ..want });
            let to = to.min(from.saturating_add(POSITIONS_MAX - 1));
            self.ask(peer, &SyncRequest::Log { log, from, to }, Purpose::Gap);
        }
        if !self.gaps.wanted.is_empty() {
            let next = self.gaps.wanted.values().map(|want| want.next).min().unwrap_or(now);
            self.set_timer(Timer::Gaps, next.max(now.plus_ms(PATIENCE_MS)));
        }
        Ok(())
    }
}
