//! `Local`: what agents at home here ask. All of a request happens, durably, or nothing.

use crate::admission::{Admitted, Refusal};
use crate::compose::{Newest, Parked};
use crate::custody::Custody;
use crate::effect::Effect;
use crate::gate::Job;
use crate::gate::verifier::Lane;
use crate::handle::verified::Checked;
use crate::intake::{Exam, Scratch};
use crate::local::{LocalError, LocalRequest, Receipt, RowExpect, Ticket};
use crate::node::{Node, Phase};
use crate::outbox;
use crate::store::{Store, StoreError};
use crate::turn::Speech;
use std::collections::BTreeMap;
use tidepool_protocol::envelope::LogId;
use tidepool_protocol::limits::{EPOCHS_PER_WEEK, GOSSIP_AGE_MS_MAX};
use tidepool_protocol::{Envelope, EnvelopeId, Epoch, TimeMs, Verified};
use tidepool_views::{Cursor, Origin, RowWrite};

/// The families of rows that a home may write.
const HOME_ROWS: std::ops::RangeInclusive<u8> = 0x90..=0xbf;

/// What a request does: envelopes in its order (written, or known before), and rows.
pub(crate) struct Plan {
    pub(crate) envelopes: Vec<Planned>,
    pub(crate) rows: Vec<RowWrite>,
}

/// One envelope of a plan.
pub(crate) enum Planned {
    /// To be written.
    New(Box<Admitted>),
    /// It lies there already.
    Known(EnvelopeId, Cursor),
}

/// Where a log of one key goes on, as the envelopes of one request move it.
type Places = BTreeMap<LogId, (u64, EnvelopeId)>;

impl<S: Store, C: Custody> Node<S, C> {
    pub(super) fn on_local(&mut self, ticket: Ticket, request: LocalRequest) -> Result<(), StoreError> {
        if self.phase == Phase::Stopping {
            return self.fail(ticket, LocalError::Stopping);
        }
        match request {
            LocalRequest::Compose { author, items, rows, expect } => {
                self.on_compose(ticket, Parked { author, items, rows, expect })
            }
            LocalRequest::Submit { ref envelopes, ref rows, ref expect } => {
                if let Err(error) = self.check_shape(envelopes.len(), rows, expect) {
                    return self.fail(ticket, error);
                }
                let allowed = self.settings.limits.local_waiting_max;
                if self.gate.local_waiting >= allowed {
                    return self.fail(ticket, LocalError::Busy { waiting: self.gate.local_waiting, allowed });
                }
                self.gate.local_waiting += 1;
                let job = self.numbers.ticket();
                self.gate.verifier.push(Lane::Local, job, envelopes.clone());
                self.gate.jobs.insert(job, Job::Submit { ticket, request });
                self.verify_next();
                Ok(())
            }
            LocalRequest::Write { rows, expect } => {
                if let Err(error) = self.check_shape(0, &rows, &expect) {
                    return self.fail(ticket, error);
                }
                match self.check_expected(&expect)? {
                    Some(error) => self.fail(ticket, error),
                    None => self.carry_out(ticket, Plan { envelopes: Vec::new(), rows }),
                }
            }
            LocalRequest::Locate { author } => self.on_locate(ticket, author),
        }
    }

    /// Refuses what no node takes, before anything is looked up.
    pub(crate) fn check_shape(
        &self,
        envelopes: usize,
        rows: &[RowWrite],
        expect: &[RowExpect],
    ) -> Result<(), LocalError> {
        let allowed = LocalRequest::ENVELOPES_MAX;
        if envelopes > allowed {
            return Err(LocalError::TooMany { seen: envelopes, allowed });
        }
        let keys = rows.iter().map(|row| &row.key).chain(expect.iter().map(|row| &row.key));
        let family = keys.map(|key| key.first().copied().unwrap_or(0)).find(|family| !HOME_ROWS.contains(family));
        family.map_or(Ok(()), |family| Err(LocalError::Row { family }))
    }

    /// Whether every row is as the caller saw it.
    pub(crate) fn check_expected(&self, expect: &[RowExpect]) -> Result<Option<LocalError>, StoreError> {
        for row in expect {
            if self.turn.row(&self.store, &row.key)? != row.value {
                return Ok(Some(LocalError::Changed { key: row.key.clone() }));
            }
        }
        Ok(None)
    }

    pub(crate) fn fail(&mut self, ticket: Ticket, error: LocalError) -> Result<(), StoreError> {
        self.counters.local_failed += 1;
        if ticket != Ticket::NOBODY {
            self.out.push(Effect::Reply { ticket, result: Err(error) });
        }
        Ok(())
    }

    /// The envelopes of a `Submit` are verified: judge all of them, then write all.
    pub(super) fn submit_verified(
        &mut self,
        ticket: Ticket,
        request: LocalRequest,
        results: Vec<Checked>,
    ) -> Result<(), StoreError> {
        let LocalRequest::Submit { rows, expect, .. } = request else { return Ok(()) };
        if let Some(error) = self.check_expected(&expect)? {
            return self.fail(ticket, error);
        }
        let mut plan = Plan { envelopes: Vec::new(), rows };
        let mut scratch = Scratch::default();
        let mut places = Places::new();
        for (index, result) in results.into_iter().enumerate() {
            let planned = match result {
                Err(invalid) => Err(LocalError::Refused { index, reason: Refusal::Invalid(invalid) }),
                Ok(envelope) => self.plan_submitted(index, &envelope, &mut scratch, &mut places)?,
            };
            match planned {
                Ok(planned) => plan.envelopes.push(planned),
                Err(error) => return self.fail(ticket, error),
            }
        }
        self.carry_out(ticket, plan)
    }

    fn plan_submitted(
        &mut self,
        index: usize,
        envelope: &Verified<Envelope>,
        scratch: &mut Scratch,
        places: &mut Places,
    ) -> Result<Result<Planned, LocalError>, StoreError> {
        let header = envelope.header();
        let refused = |reason| Ok(Err(LocalError::Refused { index, reason }));
        let admitted = match self.examine(envelope, scratch)? {
            Exam::New(admitted) => admitted,
            Exam::Known(Some(cursor)) => return Ok(Ok(Planned::Known(envelope.id(), cursor))),
            Exam::Known(None) => return refused(Refusal::Repeated),
            Exam::Refused(reason) => return refused(reason),
            Exam::Missing(author) => return refused(Refusal::UnknownIdentity { author }),
            Exam::Crowds(_) | Exam::NotHeld => return Ok(Err(self.conflict(envelope)?)),
        };
        if header.kind.is_identity_operation() || header.kind.is_ephemeral() {
            return Ok(Ok(Planned::New(admitted)));
        }
        if header.time_ms < self.horizon_of(header.kind, header.slot()) {
            // Peers ask for nothing behind the horizon: where gossip fails, it would stay here.
            return refused(Refusal::Old { age_ms: self.now.since_ms(header.time_ms) });
        }
        let log = header.log();
        let follows = match places.get(&log) {
            Some((seq, id)) => header.seq == seq + 1 && header.prev == Some(*id),
            None => self.follows(envelope)?,
        };
        if !follows {
            return Ok(Err(self.conflict(envelope)?));
        }
        places.insert(log, (header.seq, envelope.id()));
        Ok(Ok(Planned::New(admitted)))
    }

    /// Whether an envelope stands next in its log, as far as this node knows it.
    fn follows(&mut self, envelope: &Envelope) -> Result<bool, StoreError> {
        let header = envelope.header();
        let newest = self.newest(header.author, header.key, &header.scope)?;
        Ok(match newest {
            None => header.seq == 0,
            Some(newest) if newest.epoch == header.epoch => {
                newest.stands
                    && header.seq == newest.seq + 1
                    && header.prev == Some(newest.id)
                    && header.time_ms >= newest.time_ms
            }
            Some(newest) => header.epoch > newest.epoch && header.seq == 0 && header.prev == newest.follow,
        })
    }

    /// What a self-signing agent is told of its log: where the next envelope stands that it may sign.
    fn conflict(&mut self, envelope: &Envelope) -> Result<LocalError, StoreError> {
        let header = envelope.header();
        let newest = self.newest(header.author, header.key, &header.scope)?;
        let (epoch, seq, prev) = self.next_as_known(newest);
        // Whoever signed a place further on has signed those in between, of which this node has not heard: one of them signed
        // anew would be a fork.
        if header.seq > 0 && (header.epoch, header.seq) > (epoch, seq) {
            let prev = newest.and_then(|newest| newest.follow);
            return Ok(LocalError::Conflict { epoch: following(header.epoch).max(epoch).0, seq: 0, prev });
        }
        Ok(LocalError::Conflict { epoch: epoch.0, seq, prev })
    }

    /// The next place of a self-signing agent's log, by what this node knows of it.
    fn next_as_known(&self, newest: Option<Newest>) -> (Epoch, u64, Option<EnvelopeId>) {
        let week = Epoch::first_of(TimeMs(self.now.0.max(newest.map_or(0, |newest| newest.time_ms.0))));
        // What a restore brought may have been gone on from since the backup was made.
        let brought = newest.and_then(|newest| newest.cursor).is_some_and(|cursor| self.heads.restored.brought(cursor));
        let taken = self.heads.restored.taken(newest.map(|newest| newest.epoch), self.now);
        if let Some(epoch) = taken.filter(|taken| *taken == week).and_then(Epoch::next_in_week) {
            return (epoch, 0, newest.and_then(|newest| newest.follow));
        }
        match newest {
            Some(newest) if newest.epoch.week() >= week.week() && newest.stands && !brought => {
                (newest.epoch, newest.seq + 1, Some(newest.id))
            }
            // What follows a fork is void: a new log goes on from what stands.
            Some(newest) if newest.epoch.week() >= week.week() => (following(newest.epoch), 0, newest.follow),
            Some(newest) => (week, 0, newest.follow),
            None => (week, 0, None),
        }
    }

    /// Writes all of a plan into one batch, and promises the reply and the publication.
    pub(crate) fn carry_out(&mut self, ticket: Ticket, plan: Plan) -> Result<(), StoreError> {
        if plan.envelopes.len() > self.turn.room() {
            self.close_turn()?;
        }
        let mut receipt = Receipt::default();
        let mut written = Vec::new();
        let mut came = Vec::new();
        for planned in plan.envelopes {
            let admitted = match planned {
                Planned::New(admitted) => admitted,
                Planned::Known(id, cursor) => {
                    receipt.envelopes.push((id, cursor));
                    continue;
                }
            };
            let envelope = admitted.envelope().clone();
            let state = admitted.state().cloned();
            if envelope.header().kind.is_ephemeral() {
                self.take_ephemeral(&envelope);
                self.announce_later(&envelope, None)?;
                receipt.envelopes.push((envelope.id(), Cursor::START));
                continue;
            }
            self.hold_for(&envelope)?;
            // Held for certain: the plan was judged against the same rows.
            let cursor = self.write(admitted, Origin::Local)?.unwrap_or(Cursor::START);
            self.counters.admitted_local += 1;
            receipt.envelopes.push((envelope.id(), cursor));
            if let Some(state) = state {
                // Nobody else can have signed in the logs of an identity that began here since the start.
                if envelope.header().kind.is_genesis() {
                    self.heads.fresh(state.author);
                }
                came.push(state.author);
            }
            written.push((envelope, cursor));
        }
        for row in plan.rows {
            self.turn.write(row);
        }
        self.counters.local_done += 1;
        if ticket != Ticket::NOBODY {
            self.speak(Speech::Effect(Effect::Reply { ticket, result: Ok(receipt) }))?;
        }
        self.keep_in_outbox(&written)?;
        for author in came {
            self.identity_came(author)?;
        }
        Ok(())
    }

    fn keep_in_outbox(&mut self, written: &[(Verified<Envelope>, Cursor)]) -> Result<(), StoreError> {
        let items: Vec<_> = written.iter().map(|(envelope, cursor)| self.item(envelope, *cursor)).collect();
        let cursors: Vec<Cursor> = items.iter().map(|item| item.cursor).collect();
        if let Some(row) = outbox::row(&cursors) {
            self.turn.write(row);
            let gone = self.outgoing.add(cursors[0], &items, true);
            self.turn.write_all_lazily(gone);
        }
        for (envelope, cursor) in written {
            if self.now.since_ms(envelope.header().time_ms) > GOSSIP_AGE_MS_MAX {
                self.outgoing.leave_to_sync(*cursor);
            } else {
                self.announce_later(envelope, Some(*cursor))?;
            }
        }
        Ok(())
    }

    /// The node stops: what still waits for others is answered.
    pub(super) fn stop_local(&mut self) -> Result<(), StoreError> {
        let mut waiting = self.heads.give_up();
        waiting.extend(self.locating.give_up());
        let jobs = std::mem::take(&mut self.gate.jobs);
        for (job, what) in jobs {
            match what {
                Job::Submit { ticket, .. } => waiting.push(ticket),
                other @ (Job::Gossip(_) | Job::Answer { .. }) => {
                    self.gate.jobs.insert(job, other);
                }
            }
        }
        self.gate.local_waiting = 0;
        for ticket in waiting {
            self.fail(ticket, LocalError::Stopping)?;
        }
        Ok(())
    }
}

/// The log behind one: the next of its week, or the first of the next week.
fn following(epoch: Epoch) -> Epoch {
    epoch.next_in_week().unwrap_or(Epoch((epoch.week() + 1) * EPOCHS_PER_WEEK))
}
