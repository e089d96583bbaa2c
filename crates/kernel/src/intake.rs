//! From verified to written: look an envelope's identities up, admit it, fold it, count it.
//!
//! Examining and writing are two passes, so that a bundle or a local request is judged whole before any of it is written.

use crate::admission::{self, Admitted, Needs, Refusal};
use crate::bundler::Announce;
use crate::custody::Custody;
use crate::digest::{self, Tree};
use crate::effect::Effect;
use crate::input::Timer;
use crate::node::Node;
use crate::outbox::Item;
use crate::planted::Defect;
use crate::retention::{self, Counted};
use crate::store::{Store, StoreError};
use crate::turn::Speech;
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use tidepool_protocol::identity::IdentityState;
use tidepool_protocol::sync::{Class, Point};
use tidepool_protocol::{AuthorId, Envelope, EnvelopeId, Kind, Verified};
use tidepool_views::{Cursor, Folded, Origin, ReadError, Stored, identity, index, logs, prune};

/// What became of an envelope that was looked at.
#[derive(Debug)]
pub(crate) enum Exam {
    /// It may be written.
    New(Box<Admitted>),
    /// It may be written, and another at its position leaves. It is not forwarded: a key that signs without end at one
    /// position would be carried through every mesh; anti-entropy brings the two lowest to everybody.
    Crowds(Box<Admitted>),
    /// It is there, or comes earlier in the same list.
    Known(Option<Cursor>),
    /// It is admissible in itself, but not held: two lower ids stand at its position.
    NotHeld,
    /// It is not admissible.
    Refused(Refusal),
    /// Whose identity must be known first.
    Missing(AuthorId),
}

/// What a list of envelopes that are examined together already brought.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    states: BTreeMap<EnvelopeId, IdentityState>,
    ids: BTreeSet<EnvelopeId>,
}

/// The parts of a chain that go into a bundle.
pub(crate) type Chain = Vec<(EnvelopeId, Bytes)>;

impl<S: Store, C: Custody> Node<S, C> {
    /// Looks at one envelope; `scratch` holds what came before it in the same list.
    pub(crate) fn examine(&mut self, envelope: &Verified<Envelope>, scratch: &mut Scratch) -> Result<Exam, ReadError> {
        let exam = self.examine_alone(envelope, scratch)?;
        let (header, id) = (envelope.header(), envelope.id());
        let admitted = match exam {
            Exam::New(admitted) if admitted.state().is_none() && !header.kind.is_ephemeral() => admitted,
            other => return Ok(other),
        };
        Ok(match self.read(|rows| logs::holds(rows, header, &id))? {
            logs::Hold::Held => Exam::New(admitted),
            logs::Hold::Evicts(_) if self.planted.is(Defect::FirstTwoHeld) => Exam::NotHeld,
            logs::Hold::Evicts(_) => Exam::Crowds(admitted),
            logs::Hold::Refused => Exam::NotHeld,
        })
    }

    /// [`Node::examine`] without a look at its position: for what is written at once, when the fold says whether it is held.
    pub(crate) fn examine_alone(
        &mut self,
        envelope: &Verified<Envelope>,
        scratch: &mut Scratch,
    ) -> Result<Exam, ReadError> {
        let id = envelope.id();
        let known = self.read(|rows| index::get(rows, &id))?;
        if let Some(entry) = known.filter(|_| !self.planted.is(Defect::WrittenTwice)) {
            return Ok(Exam::Known(Some(entry.cursor)));
        }
        if !scratch.ids.insert(id) {
            return Ok(Exam::Known(None));
        }
        let needs = match admission::needs(envelope) {
            Ok(needs) => needs,
            Err(refusal) => return Ok(Exam::Refused(refusal)),
        };
        let Needs { auth, home } = needs;
        let state = match auth {
            None => None,
            Some((author, operation)) => match self.state_at(author, operation, scratch)? {
                Some(state) => Some(state),
                None => return Ok(Exam::Missing(author)),
            },
        };
        let home = match home {
            None => None,
            Some((node, operation)) => match self.state_at(node.into(), operation, scratch)? {
                Some(state) => Some(state),
                None => return Ok(Exam::Missing(node.into())),
            },
        };
        let header = envelope.header();
        let admitted = match &state {
            Some(state) if !header.kind.is_identity_operation() => {
                admission::admit(envelope, state, &self.rules, self.now)
            }
            Some(_) | None => {
                admission::admit_operation(envelope, state.as_ref(), home.as_ref(), &self.rules, self.now)
            }
        };
        let admitted = match admitted {
            Ok(admitted) => admitted,
            Err(refusal) => return Ok(Exam::Refused(refusal)),
        };
        if let Some(state) = admitted.state() {
            scratch.states.insert(id, state.clone());
        }
        Ok(Exam::New(Box::new(admitted)))
    }

    /// The state that `operation` of `author` made.
    fn state_at(
        &mut self,
        author: AuthorId,
        operation: EnvelopeId,
        scratch: &Scratch,
    ) -> Result<Option<IdentityState>, ReadError> {
        if let Some(state) = scratch.states.get(&operation).or_else(|| self.gate.states.get(&operation)) {
            return Ok(Some(state.clone()));
        }
        let state = self.read(|rows| identity::state_at(rows, author, &operation))?;
        if let Some(state) = &state {
            self.gate.states.insert(operation, state.clone());
        }
        Ok(state)
    }

    /// Writes an admitted envelope into the open batch. `None` for one that is there already, or is not held after all.
    pub(crate) fn write(&mut self, admitted: Box<Admitted>, origin: Origin) -> Result<Option<Cursor>, StoreError> {
        let (id, header) = (admitted.envelope().id(), admitted.envelope().header().clone());
        // An identity that was written meanwhile lets in what waited for it, and that may be this one too.
        let held = self.read(|rows| index::get(rows, &id))?.is_some();
        if held && !self.planted.is(Defect::WrittenTwice) {
            self.counters.duplicates += 1;
            return Ok(None);
        }
        let is_operation = admitted.state().is_some();
        if !is_operation && self.read(|rows| logs::holds(rows, &header, &id))? == logs::Hold::Refused {
            self.counters.not_held += 1;
            return Ok(None);
        }
        self.write_new(admitted, origin)
    }

    /// Writes an envelope that was examined just now, with nothing written in between but others of the same list. `None`
    /// when one of those stands at its position, and this one is not held beside it.
    pub(crate) fn write_new(&mut self, admitted: Box<Admitted>, origin: Origin) -> Result<Option<Cursor>, StoreError> {
        if self.turn.room() == 0 {
            self.close_turn()?;
        }
        let state = admitted.state().cloned();
        let envelope = self.as_retained(admitted.into_envelope(), origin);
        let id = envelope.id();
        let cursor = self.turn.next_cursor();
        let stored = Stored { cursor, received_ms: self.now, origin, envelope };
        let folded = self.fold(&stored, state.as_ref(), true)?;
        let Some(entry) = self.read(|rows| index::get(rows, &id))? else {
            self.counters.not_held += 1;
            return Ok(None);
        };
        self.counters.void += u64::from(entry.void().is_some());
        self.gate.seen.insert(id);
        if origin != Origin::Local {
            self.note_gaps(&stored.envelope, folded.gap)?;
        }
        if folded.forks {
            self.note_fork(&stored.envelope)?;
        }
        if let Some(state) = state {
            self.gate.states.insert(id, state);
        }
        Ok(Some(cursor))
    }

    /// An agent at home here forked a log: its keys are in other hands, or two processes have them.
    fn note_fork(&mut self, envelope: &Envelope) -> Result<(), ReadError> {
        let author = envelope.header().author;
        let home = self.read(|rows| identity::current(rows, author))?.and_then(|identity| identity.state.home);
        if home == Some(self.settings.node) {
            self.counters.home_forks += 1;
            self.counters.home_fork_last = Some((author, envelope.id()));
        }
        Ok(())
    }

    /// The envelope as this node keeps it: without its body, when another signed it and it lies behind the horizon.
    fn as_retained(&self, envelope: Verified<Envelope>, origin: Origin) -> Verified<Envelope> {
        let header = envelope.header();
        let goes = origin != Origin::Local
            && prune::is_prunable(header.kind)
            && retention::is_below(&self.cover, header.slot(), header.time_ms);
        if goes { envelope.erased() } else { envelope }
    }

    /// Folds an envelope into the views and the digests; pushes it into the open batch when it is new to the log. `state` is
    /// what admission made of an identity operation.
    pub(crate) fn fold(
        &mut self,
        stored: &Stored,
        state: Option<&IdentityState>,
        push: bool,
    ) -> Result<Folded, ReadError> {
        let tree = Tree::of(&stored.envelope);
        let point = digest::point_of(&stored.envelope);
        let genesis = self.rules.genesis();
        let keeps_evicted = self.planted.is(Defect::EvictedCounted);
        let bare = (stored.envelope.header().kind == Kind::KEEP && self.planted.is(Defect::KeepUnread))
            .then(|| Stored { envelope: stored.envelope.erased(), ..stored.clone() });
        let stored = bare.as_ref().unwrap_or(stored);
        let sums = &mut self.sums;
        let folded = self.turn.overlay(&self.store, |rows| {
            if push {
                rows.push(stored.clone());
            }
            // What the log still holds when it is folded again is held for a reason that may lie further on.
            let folded = match state {
                _ if !push => tidepool_views::fold_again(rows, stored, genesis)?,
                Some(state) => tidepool_views::fold_admitted(rows, stored, state, genesis)?,
                None => tidepool_views::fold(rows, stored, genesis)?,
            };
            if digest::insert(rows, tree, &point)? {
                if let Some(of) = sums.get_mut(usize::from(tree.slot.number())) {
                    of.class_mut(tree.class).add(&point.id);
                }
                retention::count(rows, genesis.params.shards, tree.slot, Counted::of(stored), true)?;
            }
            for evicted in folded.evicted.iter().filter(|_| !keeps_evicted) {
                let point = Point { time_ms: evicted.time_ms, id: evicted.id };
                retention::count(rows, genesis.params.shards, evicted.slot, Counted::of_evicted(evicted), false)?;
                for class in [Class::State, Class::Content] {
                    let tree = Tree { slot: evicted.slot, class };
                    if digest::remove(rows, tree, &point)?
                        && let Some(of) = sums.get_mut(usize::from(tree.slot.number()))
                    {
                        of.class_mut(class).remove(&point.id);
                    }
                }
            }
            Ok::<_, ReadError>(folded)
        })?;
        for evicted in &folded.evicted {
            self.turn.erase(evicted.cursor);
            self.counters.evicted += 1;
        }
        if folded.jobs {
            self.set_timer(Timer::Jobs, self.steady);
        }
        Ok(folded)
    }

    /// Appends the open batch, and asks for a flush if none is under way.
    pub(crate) fn close_turn(&mut self) -> Result<(), StoreError> {
        self.counters.batches += u64::from(self.turn.has_open());
        if self.turn.close(&mut self.store)? {
            self.counters.flushes += 1;
            self.out.push(Effect::Flush);
        }
        Ok(())
    }

    /// How an envelope that lies at `cursor` is announced; `tracked` when the outbox waits for a peer to have it.
    pub(crate) fn announcement(&self, envelope: &Envelope, tracked: Option<Cursor>) -> Announce {
        let header = envelope.header();
        let opens = header.seq == 0 && (!header.kind.is_identity_operation() || header.kind.is_genesis());
        Announce {
            topic: self.topic_of(header.slot()),
            id: envelope.id(),
            bytes: envelope.bytes().clone(),
            tracked,
            chain_of: opens.then_some(header.author),
        }
    }

    /// The outbox's item for an envelope at `cursor`.
    pub(crate) fn item(&self, envelope: &Envelope, cursor: Cursor) -> Item {
        Item {
            cursor,
            topic: self.topic_of(envelope.header().slot()),
            tree: Tree::of(envelope),
            point: digest::point_of(envelope),
        }
    }

    /// Puts an envelope into the open bundle of its topic.
    pub(crate) fn announce(&mut self, announce: &Announce) -> Result<(), ReadError> {
        let mut chain = match announce.chain_of {
            Some(author) => self.chain_with_home(author)?,
            None => Chain::new(),
        };
        chain.retain(|(id, _)| *id != announce.id);
        let numbers = &mut self.numbers;
        let closed = self.bundler.add(announce, &chain, &mut || numbers.ticket());
        self.publish(closed);
        if let Some(at) = self.bundler.due(self.steady) {
            self.set_timer(Timer::Bundle, at);
        }
        Ok(())
    }

    /// Hands closed bundles to gossip.
    pub(crate) fn publish(&mut self, closed: Vec<crate::bundler::Closed>) {
        for bundle in closed {
            self.counters.bundles += 1;
            self.counters.bundle_bytes += u64::try_from(bundle.frame.len()).unwrap_or(0);
            self.out.push(Effect::Publish { ticket: bundle.ticket, topic: bundle.topic, frame: bundle.frame });
        }
    }

    /// Announces once everything that was written so far is durable.
    pub(crate) fn announce_later(&mut self, envelope: &Envelope, tracked: Option<Cursor>) -> Result<(), StoreError> {
        let announce = self.announcement(envelope, tracked);
        self.speak(Speech::Announce(announce))
    }

    /// The operations of `author`, those of its home first.
    pub(crate) fn chain_with_home(&mut self, author: AuthorId) -> Result<Chain, ReadError> {
        self.read(|rows| {
            let home = identity::current(rows, author)?.and_then(|identity| identity.state.home);
            let mut chain = Chain::new();
            let authors = home.map(AuthorId::from).into_iter().chain([author]);
            for author in authors {
                for id in identity::chain(rows, author)? {
                    if let Some((_, stored)) = index::envelope(rows, &id)? {
                        chain.push((id, stored.envelope.bytes().clone()));
                    }
                }
            }
            Ok(chain)
        })
    }
}
