//! `Verified`: signatures hold or do not; judge, admit, write, and promise what may be said once it is durable.

use crate::admission::{Admitted, Refusal};
use crate::custody::Custody;
use crate::effect::{Effect, Offence, Verdict};
use crate::gate::proof::position;
use crate::gate::{Frame, Job};
use crate::input::{Invalid, Timer};
use crate::intake::{Exam, Scratch};
use crate::local::Ticket;
use crate::node::Node;
use crate::peer::Peer;
use crate::pending::Came;
use crate::store::{Store, StoreError};
use crate::turn::Speech;
use std::collections::BTreeMap;
use tidepool_protocol::limits::GOSSIP_AGE_MS_MAX;
use tidepool_protocol::{AuthorId, Envelope, Verified};
use tidepool_views::{Cursor, Origin};

/// Envelopes of one position that are held (ADR 0066).
const HELD_AT_POSITION: usize = 2;

/// The shortest time between two looks at what waits for identities.
const PENDING_TICK_MS: u64 = 100;

/// One envelope's result.
pub(crate) type Checked = Result<Verified<Envelope>, Invalid>;

impl<S: Store, C: Custody> Node<S, C> {
    pub(super) fn on_verified(&mut self, ticket: Ticket, results: Vec<Checked>) -> Result<(), StoreError> {
        self.gate.verifier.done(results.len());
        match self.gate.jobs.remove(&ticket) {
            Some(Job::Gossip(frame)) => self.judge_frame(frame, results)?,
            Some(Job::Answer { from, request, purpose }) => self.take_answer(from, request, purpose, results)?,
            Some(Job::Submit { ticket, request }) => {
                self.gate.local_waiting -= 1;
                self.submit_verified(ticket, request, results)?;
            }
            None => {}
        }
        self.verify_next();
        Ok(())
    }

    /// Judges a bundle whole, then writes what is good of it.
    fn judge_frame(&mut self, frame: Frame, results: Vec<Checked>) -> Result<(), StoreError> {
        let mut verdict = Verdict::Accept;
        let mut good = Vec::new();
        for (place, result) in results.into_iter().enumerate() {
            match result {
                Ok(envelope) => good.push((place < frame.identities, envelope)),
                Err(invalid) => {
                    let refusal = Refusal::Invalid(invalid);
                    if refusal.verdict() == Verdict::Reject {
                        self.gate.failed.insert(frame.hashes[place]);
                    }
                    verdict = verdict.max(refusal.verdict());
                    self.counters.refuse(refusal.label());
                }
            }
        }
        let mut fresh: Vec<(Box<Admitted>, bool)> = Vec::new();
        let (mut missing, mut crowding) = (Vec::new(), Vec::new());
        // What is more than its position holds, by this frame or by what is here.
        let mut surplus = Vec::new();
        let mut new_at: BTreeMap<_, usize> = BTreeMap::new();
        let mut new_envelopes = 0;
        let mut scratch = Scratch::default();
        for (is_identity, envelope) in good {
            if let Some(refusal) = self.gossip_rule(&frame, is_identity, &envelope) {
                if matches!(refusal, Refusal::Old { .. }) {
                    // It was verified, and no gossip will want it again.
                    self.gate.seen.insert(envelope.id());
                }
                verdict = verdict.max(refusal.verdict());
                self.counters.refuse(refusal.label());
                continue;
            }
            match self.examine(&envelope, &mut scratch)? {
                Exam::New(admitted) => {
                    let header = envelope.header();
                    if admitted.state().is_none() && !header.kind.is_ephemeral() {
                        let here = new_at.entry((header.log(), header.seq)).or_default();
                        *here += 1;
                        if *here > HELD_AT_POSITION {
                            surplus.push(position(header));
                            crowding.push(admitted);
                            continue;
                        }
                    }
                    new_envelopes += usize::from(!is_identity);
                    fresh.push((admitted, is_identity));
                }
                Exam::Crowds(admitted) => {
                    surplus.push(position(envelope.header()));
                    crowding.push(admitted);
                }
                Exam::Known(_) => self.counters.duplicates += 1,
                Exam::NotHeld => {
                    surplus.push(position(envelope.header()));
                    self.counters.not_held += 1;
                    // It was verified; when it is wanted after all, anti-entropy brings it.
                    self.gate.seen.insert(envelope.id());
                }
                Exam::Refused(refusal) => {
                    verdict = verdict.max(refusal.verdict());
                    self.counters.refuse(refusal.label());
                }
                Exam::Missing(author) => {
                    verdict = verdict.max(Verdict::Ignore);
                    missing.push((author, envelope));
                }
            }
        }
        if verdict == Verdict::Reject {
            self.judge(frame.id, Verdict::Reject);
            return Ok(());
        }
        // A crowd goes no further; what else came with it is bundled again.
        if new_envelopes * 2 < frame.envelopes || !surplus.is_empty() {
            verdict = Verdict::Ignore;
        }
        let mut proved = false;
        for position in surplus {
            proved |= self.gate.proofs.surplus(frame.from, position);
        }
        if proved {
            self.counters.frames_crowding += 1;
            self.out.push(Effect::Penalise { peer: frame.from, offence: Offence::Crowd });
        }
        for (author, envelope) in missing {
            self.wait_for(author, envelope, frame.from, Came::Gossip);
        }
        let again = verdict == Verdict::Ignore;
        // An identity lets in what waited for it: then what was examined must be looked at again.
        let brings_identities = fresh.iter().any(|(admitted, _)| admitted.state().is_some());
        for (admitted, is_identity) in fresh {
            if brings_identities || admitted.envelope().header().kind.is_ephemeral() {
                self.take_gossip(admitted, frame.from, again && !is_identity)?;
            } else {
                let envelope = admitted.envelope().clone();
                let written = self.write_new(admitted, Origin::Peer(frame.from))?;
                self.has_taken_gossip(&envelope, written, again && !is_identity)?;
            }
        }
        for admitted in crowding {
            self.take_gossip(admitted, frame.from, false)?;
        }
        match verdict {
            Verdict::Accept => {
                self.gate.proofs.accepted(frame.from, self.now);
                self.count_verdict(verdict);
                self.speak(Speech::Effect(Effect::Judge { id: frame.id, verdict }))?;
            }
            Verdict::Ignore | Verdict::Reject => self.judge(frame.id, verdict),
        }
        self.ask_for_pending()
    }

    /// What gossip asks of an envelope beyond admission: its topic, its age, its body.
    fn gossip_rule(&self, frame: &Frame, is_identity: bool, envelope: &Envelope) -> Option<Refusal> {
        let header = envelope.header();
        if is_identity {
            // A chain goes with the envelopes of its author wherever they go, whatever its age.
            let kind = header.kind;
            let fits = kind.is_identity_operation();
            return (!fits).then(|| Refusal::Scope { kind, scope: header.scope.clone() });
        }
        if self.topic_of(header.slot()) != frame.topic {
            return Some(Refusal::Topic { slot: header.slot() });
        }
        let age_ms = self.now.since_ms(header.time_ms);
        (age_ms > GOSSIP_AGE_MS_MAX).then_some(Refusal::Old { age_ms })
    }

    /// Writes an envelope that came by gossip, and bundles it again when its own bundle was not forwarded.
    pub(crate) fn take_gossip(&mut self, admitted: Box<Admitted>, from: Peer, again: bool) -> Result<(), StoreError> {
        let envelope = admitted.envelope().clone();
        if envelope.header().kind.is_ephemeral() {
            if self.take_ephemeral(&envelope) && again {
                self.announce_later(&envelope, None)?;
            }
            return Ok(());
        }
        let author = admitted.state().map(|state| state.author);
        let written = self.write(admitted, Origin::Peer(from))?;
        self.has_taken_gossip(&envelope, written, again)?;
        match author {
            Some(author) if written.is_some() => self.identity_came(author),
            Some(_) | None => Ok(()),
        }
    }

    fn has_taken_gossip(
        &mut self,
        envelope: &Envelope,
        written: Option<Cursor>,
        again: bool,
    ) -> Result<(), StoreError> {
        if written.is_none() {
            return Ok(());
        }
        self.counters.admitted_gossip += 1;
        if again { self.announce_later(envelope, None) } else { Ok(()) }
    }

    /// Lets an envelope wait for an identity.
    pub(crate) fn wait_for(&mut self, author: AuthorId, envelope: Verified<Envelope>, from: Peer, came: Came) {
        if self.pending.add(author, envelope, from, came, self.steady) {
            self.counters.pending_added += 1;
        } else {
            self.counters.pending_dropped += 1;
            self.syncing.gossip_dropped();
        }
    }

    /// What waited for `author` is looked at again.
    pub(crate) fn identity_came(&mut self, author: AuthorId) -> Result<(), StoreError> {
        self.locate_came(author)?;
        for waiting in self.pending.take(&author) {
            match self.examine(&waiting.envelope, &mut Scratch::default())? {
                Exam::New(admitted) => match waiting.came {
                    Came::Gossip => {
                        let age_ms = self.now.since_ms(waiting.envelope.header().time_ms);
                        self.take_gossip(admitted, waiting.from, age_ms <= GOSSIP_AGE_MS_MAX)?;
                    }
                    Came::Sync => self.take_synced(admitted, waiting.from)?,
                },
                Exam::Crowds(admitted) => match waiting.came {
                    Came::Gossip => self.take_gossip(admitted, waiting.from, false)?,
                    Came::Sync => self.take_synced(admitted, waiting.from)?,
                },
                Exam::Known(_) => self.counters.duplicates += 1,
                Exam::NotHeld => self.counters.not_held += 1,
                Exam::Refused(refusal) => self.counters.refuse(refusal.label()),
                Exam::Missing(other) => self.wait_for(other, waiting.envelope, waiting.from, waiting.came),
            }
        }
        Ok(())
    }

    /// When the next attempt, expiry or end of a search is due. One timer serves all.
    pub(crate) fn set_pending_timer(&mut self) {
        let due = self.pending.due().into_iter().chain(self.locating.due()).min();
        if let Some(at) = due {
            self.set_timer(Timer::Pending, at.max(self.steady.plus_ms(PENDING_TICK_MS)));
        }
    }

    /// Asks peers for identities that are waited for, and comes back when the next is due.
    pub(crate) fn ask_for_pending(&mut self) -> Result<(), StoreError> {
        if self.pending.due().is_none_or(|due| due > self.steady) {
            return Ok(());
        }
        let others: Vec<Peer> = self.connected.iter().copied().collect();
        let asks = self.pending.ask(self.steady, &self.connected, &others);
        self.ask_identities(asks);
        self.set_pending_timer();
        Ok(())
    }
}
