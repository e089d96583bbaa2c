//! Checkpoints: for each agent that this node signs for, an envelope in `a/SELF` that lists the heads of its logs that
//! changed since the last one, countersigned by the node. Once a day at most, and only when there is something to say.
//!
//! A durable row for each agent, `0x63` and its id, says when and up to which cursor it was last done, and whether
//! anything was signed since: an agent that is silent costs nothing.

use crate::compose::Parked;
use crate::custody::Custody;
use crate::input::Timer;
use crate::local::{Compose, Ticket};
use crate::node::Node;
use crate::store::{Store, StoreError};
use bytes::Bytes;
use std::collections::BTreeMap;
use tidepool_protocol::body::{BodyOf, Checkpoint, Head, checkpoint_message};
use tidepool_protocol::identity::HomeSignature;
use tidepool_protocol::limits::HEADS_MAX;
use tidepool_protocol::signer::Domain;
use tidepool_protocol::{AuthorId, Kind, Scope, TimeMs, cbor};
use tidepool_views::{Cursor, ReadError, RowWrite, identity, index, logs};

/// The family of the rows.
const FAMILY: u8 = 0x63;

/// Logs of one agent that are looked through.
const LOGS_MAX: usize = 4_096;

/// Agents whose checkpoints are signed at one look; the rest follows at once.
const AT_ONCE: usize = 64;

/// How often it is looked who is due.
const LOOK_MS: u64 = 60_000;

/// Checkpoints of one agent at one time: beyond, what is left is listed by the next.
const PARTS_MAX: usize = 8;

/// How it stands with one agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Standing {
    /// When the last one was signed, or when the agent first signed anything here.
    last: TimeMs,
    /// What lies behind it in the log is not listed yet.
    upto: Cursor,
}

/// Agents that signed something since their last checkpoint. Bounded by the agents at home here that are active.
#[derive(Debug, Default)]
pub(crate) struct Checkpoints {
    due: BTreeMap<AuthorId, Standing>,
}

fn key(author: AuthorId) -> Bytes {
    [&[FAMILY][..], &author.0].concat().into()
}

fn row(author: AuthorId, standing: Standing, changed: bool) -> RowWrite {
    let mut value = standing.last.0.to_be_bytes().to_vec();
    value.extend_from_slice(&standing.upto.0.to_be_bytes());
    value.push(u8::from(changed));
    RowWrite { key: key(author), value: Some(value.into()) }
}

fn read(value: &[u8]) -> Option<(Standing, bool)> {
    let number = |at: usize| Some(u64::from_be_bytes(value.get(at..at + 8)?.try_into().ok()?));
    let standing = Standing { last: TimeMs(number(0)?), upto: Cursor(number(8)?) };
    Some((standing, value.get(16) == Some(&1)))
}

impl<S: Store, C: Custody> Node<S, C> {
    /// Finds out who signed something since its last checkpoint.
    pub(crate) fn reload_checkpoints(&mut self) -> Result<(), ReadError> {
        let due = &mut self.checkpoints.due;
        self.store.scan(&[FAMILY], &[FAMILY + 1], &mut |key, value| {
            let author = key.get(1..33).and_then(|id| id.try_into().ok()).map(AuthorId);
            if let (Some(author), Some((standing, true))) = (author, read(value)) {
                due.insert(author, standing);
            }
            true
        })?;
        if self.settings.checkpoint_ms > 0 {
            self.set_timer(Timer::Checkpoints, self.steady.plus_ms(LOOK_MS));
        }
        Ok(())
    }

    /// This node signed something for `author`, whose envelope lies at `cursor`.
    pub(crate) fn note_signed(&mut self, author: AuthorId, cursor: Cursor) -> Result<(), ReadError> {
        if self.settings.checkpoint_ms == 0
            || author == self.settings.node.into()
            || self.checkpoints.due.contains_key(&author)
        {
            return Ok(());
        }
        let known = self.turn.row(&self.store, &key(author))?.and_then(|value| read(&value));
        let first = Standing { last: self.now, upto: Cursor(cursor.0.saturating_sub(1)) };
        let standing = known.map_or(first, |(standing, _)| standing);
        self.turn.write(row(author, standing, true));
        self.checkpoints.due.insert(author, standing);
        Ok(())
    }

    pub(crate) fn on_checkpoints_timer(&mut self) -> Result<(), StoreError> {
        let (now, every) = (self.now, self.settings.checkpoint_ms);
        let is_due = |standing: &Standing| now.since_ms(standing.last) >= every;
        let due: Vec<AuthorId> = self
            .checkpoints
            .due
            .iter()
            .filter(|(_, standing)| is_due(standing))
            .map(|(author, _)| *author)
            .take(AT_ONCE)
            .collect();
        let more = due.len() == AT_ONCE;
        for author in due {
            self.sign_checkpoint(author)?;
        }
        self.set_timer(Timer::Checkpoints, self.steady.plus_ms(if more { 100 } else { LOOK_MS }));
        Ok(())
    }

    fn sign_checkpoint(&mut self, author: AuthorId) -> Result<(), StoreError> {
        let Some(standing) = self.checkpoints.due.remove(&author) else { return Ok(()) };
        let mut changed: Vec<(Cursor, Head)> = Vec::new();
        self.read(|rows| {
            for head in logs::heads(rows, author, None, LOGS_MAX)? {
                let entry = index::get(rows, &head.id)?;
                changed.extend(entry.filter(|entry| entry.cursor > standing.upto).map(|entry| (entry.cursor, head)));
            }
            Ok::<_, ReadError>(())
        })?;
        // The oldest first: what does not fit is listed by the next.
        changed.sort_by_key(|(cursor, _)| *cursor);
        let listed = changed.len().min(HEADS_MAX * PARTS_MAX);
        let is_rest = listed < changed.len();
        let upto = changed.get(listed.saturating_sub(1)).map_or(standing.upto, |(cursor, _)| *cursor);
        changed.truncate(listed);
        let mut items = Vec::new();
        for part in changed.chunks(HEADS_MAX) {
            let mut heads: Vec<Head> = part.iter().map(|(_, head)| head.clone()).collect();
            heads.sort();
            if let Ok(body) = (Checkpoint { heads, home: None }).encode() {
                let scope = Scope::Agent(author.as_agent());
                items.push(Compose { scope, kind: Kind::CHECKPOINT, body: body.into() });
            }
        }
        let done = Standing { last: self.now, upto };
        if is_rest {
            self.checkpoints.due.insert(author, done);
        }
        let rows = vec![row(author, done, is_rest)];
        self.counters.checkpoints += items.len() as u64;
        let parked = Parked { author, items, rows, expect: Vec::new() };
        if self.must_ask_heads(author) {
            self.park_for_heads(Ticket::NOBODY, parked)
        } else {
            self.compose(Ticket::NOBODY, parked)
        }
    }

    /// A checkpoint's body with this node's word, when it is the home and says so at `time_ms`; else as it is.
    pub(crate) fn countersigned(
        &mut self,
        author: AuthorId,
        home: Option<tidepool_protocol::NodeId>,
        body: &Bytes,
        time_ms: TimeMs,
    ) -> Result<Vec<u8>, ReadError> {
        let as_it_is = body.to_vec();
        let node = self.settings.node;
        let Ok(mut checkpoint) = cbor::decode::<Checkpoint>(body, body.len()) else { return Ok(as_it_is) };
        if home != Some(node) {
            return Ok(as_it_is);
        }
        let own = self.read(|rows| identity::current(rows, node.into()))?;
        let key = self.settings.key;
        let Some(own) = own.filter(|own| own.state.signing.iter().any(|entry| entry.key == key)) else {
            return Ok(as_it_is);
        };
        let message = checkpoint_message(self.rules.network(), author, time_ms, &checkpoint.heads);
        let Some(signature) = self.custody.sign(&key, Domain::Checkpoint, &message) else { return Ok(as_it_is) };
        checkpoint.home = Some(HomeSignature { node_auth: own.state.operation, key, signature });
        Ok(checkpoint.encode().unwrap_or(as_it_is))
    }
}
