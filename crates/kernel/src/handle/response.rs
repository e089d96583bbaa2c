//! `Response`: a peer answers a request of ours, or does not.

use crate::admission::{Admitted, Refusal};
use crate::custody::Custody;
use crate::gate::Job;
use crate::gate::verifier::Lane;
use crate::handle::verified::Checked;
use crate::input::RequestFailure;
use crate::intake::{Exam, Scratch};
use crate::node::Node;
use crate::peer::{Peer, RequestId};
use crate::pending::Came;
use crate::planted::Defect;
use crate::requests::{Asked, Purpose};
use crate::store::{Store, StoreError};
use bytes::Bytes;
use std::collections::BTreeMap;
use tidepool_protocol::AuthorId;
use tidepool_protocol::sync::{IDENTITIES_MAX, SyncAnswer, SyncRequest};
use tidepool_views::Origin;

const fn label(failure: RequestFailure) -> &'static str {
    match failure {
        RequestFailure::Unreachable => "unreachable",
        RequestFailure::Timeout => "timeout",
        RequestFailure::Protocol => "protocol",
        RequestFailure::Closed => "closed",
        RequestFailure::Busy => "busy",
    }
}

impl<S: Store, C: Custody> Node<S, C> {
    pub(super) fn on_response(
        &mut self,
        request: RequestId,
        result: Result<Bytes, RequestFailure>,
    ) -> Result<(), StoreError> {
        let Some(Asked { peer, purpose }) = self.requests.0.remove(&request) else { return Ok(()) };
        let answer = result.and_then(|frame| {
            self.counters.sync_bytes_in += u64::try_from(frame.len()).unwrap_or(0);
            SyncAnswer::decode(&frame).map_err(|_| RequestFailure::Protocol)
        });
        let answer = match answer {
            Ok(SyncAnswer::Busy) => Err(RequestFailure::Busy),
            other => other,
        };
        if let Err(failure) = &answer {
            *self.counters.request_failures.entry(label(*failure)).or_default() += 1;
        }
        match purpose {
            Purpose::Session => self.session_answered(peer, request, answer),
            Purpose::Heads(author) => match answer {
                Ok(SyncAnswer::Heads { heads, .. }) => self.heads_came(request, peer, author, heads),
                Ok(_) | Err(_) => self.heads_answered(request, author),
            },
            Purpose::Log(author) => {
                if self.verify_answer(peer, request, answer, Purpose::Log(author)) {
                    return Ok(());
                }
                self.heads_answered(request, author)
            }
            Purpose::Gap => {
                self.verify_answer(peer, request, answer, Purpose::Gap);
                Ok(())
            }
            Purpose::Identity(authors) => {
                if answer.is_err() {
                    for author in &authors {
                        self.pending.hurry(author, self.steady);
                    }
                }
                self.verify_answer(peer, request, answer, Purpose::Identity(authors));
                self.ask_for_pending()
            }
            Purpose::Locate(author) => {
                if self.verify_answer(peer, request, answer, Purpose::Locate(author)) {
                    return Ok(());
                }
                self.locate_answered(request, author)
            }
        }
    }

    /// Sends an answer's envelopes to be verified; `false` when it has none.
    pub(crate) fn verify_answer(
        &mut self,
        from: Peer,
        request: RequestId,
        answer: Result<SyncAnswer, RequestFailure>,
        purpose: Purpose,
    ) -> bool {
        let Ok(SyncAnswer::Envelopes { envelopes, .. }) = answer else { return false };
        if envelopes.is_empty() {
            return false;
        }
        let ticket = self.numbers.ticket();
        // Copies, or one envelope that waits or is stored would hold its whole frame in memory.
        let envelopes = envelopes.iter().map(|bytes| Bytes::copy_from_slice(bytes)).collect();
        self.gate.verifier.push(Lane::Answer, ticket, envelopes);
        self.gate.jobs.insert(ticket, Job::Answer { from, request, purpose });
        self.verify_next();
        true
    }

    /// Takes the verified envelopes of an answer.
    pub(crate) fn take_answer(
        &mut self,
        from: Peer,
        request: RequestId,
        purpose: Purpose,
        results: Vec<Checked>,
    ) -> Result<(), StoreError> {
        let is_session = matches!(purpose, Purpose::Session);
        let before = (self.counters.admitted_sync, self.counters.not_held);
        for result in results {
            let envelope = match result {
                Ok(envelope) => envelope,
                Err(invalid) => {
                    self.counters.refuse(Refusal::Invalid(invalid).label());
                    continue;
                }
            };
            if envelope.header().kind.is_ephemeral() {
                self.counters.refuse(Refusal::EphemeralInSync.label());
                continue;
            }
            // What this node does not cover, or has pruned, it does not take back.
            let fills = matches!(purpose, Purpose::Gap);
            if (is_session || fills) && !self.cover.includes(&envelope) {
                self.counters.refuse("not_covered");
                if fills {
                    self.gaps.forget(&envelope.header().log());
                }
                continue;
            }
            // Each is written at once, so the fold alone looks at its position; the planted defect lies in the look before it.
            let exam = if self.planted.is(Defect::FirstTwoHeld) {
                self.examine(&envelope, &mut Scratch::default())?
            } else {
                self.examine_alone(&envelope, &mut Scratch::default())?
            };
            match exam {
                Exam::New(admitted) | Exam::Crowds(admitted) => self.take_synced(admitted, from)?,
                Exam::Known(_) => self.counters.duplicates += 1,
                Exam::NotHeld => self.counters.not_held += 1,
                Exam::Refused(refusal) => self.counters.refuse(refusal.label()),
                Exam::Missing(author) => self.wait_for(author, envelope, from, Came::Sync),
            }
        }
        match purpose {
            Purpose::Identity(authors) => {
                let missing = authors.iter().filter(|author| self.pending.misses(author)).count();
                self.counters.chains_missing += u64::try_from(missing).unwrap_or(0);
            }
            Purpose::Locate(author) => self.locate_answered(request, author)?,
            Purpose::Log(author) => self.heads_answered(request, author)?,
            Purpose::Session => {
                let written = self.counters.admitted_sync - before.0;
                self.session_verified(from, request, (written, self.counters.not_held - before.1))?;
            }
            Purpose::Heads(_) | Purpose::Gap => {}
        }
        self.ask_for_pending()
    }

    /// Writes an envelope that came by sync and was examined just now.
    pub(crate) fn take_synced(&mut self, admitted: Box<Admitted>, from: Peer) -> Result<(), StoreError> {
        let author = admitted.state().map(|state| state.author);
        if self.write_new(admitted, Origin::Peer(from))?.is_none() {
            return Ok(());
        }
        self.counters.admitted_sync += 1;
        author.map_or(Ok(()), |author| self.identity_came(author))
    }

    /// Asks each peer for its share of the identities that are missed, a bounded number in one request.
    pub(crate) fn ask_identities(&mut self, asks: Vec<(Peer, AuthorId)>) {
        let mut of_peer: BTreeMap<Peer, Vec<AuthorId>> = BTreeMap::new();
        for (peer, author) in asks {
            of_peer.entry(peer).or_default().push(author);
        }
        for (peer, authors) in of_peer {
            for authors in authors.chunks(IDENTITIES_MAX) {
                let request = SyncRequest::Identity(authors.to_vec());
                self.ask(peer, &request, Purpose::Identity(authors.to_vec()));
            }
        }
    }
}
