//! Two kernels stepped by one thread, without a network: what each part takes, and the batches that a sync writes.

use super::now;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tidepool_kernel::{
    Batch, Channel, Custody, Effect, Input, Node, NodeSettings, Outbox, Store, StoreError, StoreReader, Timer,
};
use tidepool_protocol::signer::Domain;
use tidepool_protocol::{Envelope, NetworkGenesis, NodeId, PublicKey, Signature, TimeMs, Verified, verify};
use tidepool_store::{MemoryStore, OpenSettings, SledStore};
use tidepool_views::{Cursor, Envelopes, ReadError, Rows, Stored};

/// What the parts took.
#[derive(Default)]
pub(crate) struct Parts {
    /// Steps of the kernel that serves.
    pub(crate) serving: Duration,
    /// Decoding and verifying.
    pub(crate) verifying: Duration,
    /// Steps of the kernel that syncs, its appends among them.
    pub(crate) taking: Duration,
    /// Its appends into a map in memory.
    pub(crate) appending: Duration,
}

struct NoKeys;

impl Custody for NoKeys {
    fn sign(&self, _: &PublicKey, _: Domain, _: &[u8]) -> Option<Signature> {
        None
    }
}

/// A store in memory that keeps every batch.
#[derive(Default)]
struct Recorder {
    rows: BTreeMap<Bytes, Bytes>,
    log: BTreeMap<Cursor, Stored>,
    batches: Vec<Batch>,
    appending: Duration,
}

impl Rows for Recorder {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, ReadError> {
        Ok(self.rows.get(key).cloned())
    }

    fn scan(&self, from: &[u8], to: &[u8], visit: &mut dyn FnMut(&[u8], &Bytes) -> bool) -> Result<(), ReadError> {
        let bounds = (std::ops::Bound::Included(from), std::ops::Bound::Excluded(to));
        let _ = (from < to).then(|| self.rows.range::<[u8], _>(bounds).all(|(key, value)| visit(key, value)));
        Ok(())
    }

    fn scan_back(&self, from: &[u8], to: &[u8], visit: &mut dyn FnMut(&[u8], &Bytes) -> bool) -> Result<(), ReadError> {
        let bounds = (std::ops::Bound::Included(from), std::ops::Bound::Excluded(to));
        let _ = (from < to).then(|| self.rows.range::<[u8], _>(bounds).rev().all(|(key, value)| visit(key, value)));
        Ok(())
    }
}

impl Envelopes for Recorder {
    fn stored(&self, cursor: Cursor) -> Result<Option<Stored>, ReadError> {
        Ok(self.log.get(&cursor).cloned())
    }

    fn stored_after(&self, after: Cursor, limit: usize) -> Result<Vec<Stored>, ReadError> {
        Ok(self.log.range(after.next()..).take(limit).map(|(_, stored)| stored.clone()).collect())
    }
}

impl Store for Recorder {
    fn head(&self) -> Cursor {
        self.log.last_key_value().map_or(Cursor::START, |(cursor, _)| *cursor)
    }

    fn derived_upto(&self) -> Cursor {
        self.head()
    }

    fn append(&mut self, batch: Batch) -> Result<(), StoreError> {
        let began = Instant::now();
        for row in batch.derived().iter().chain(batch.durable()) {
            match &row.value {
                Some(value) => self.rows.insert(row.key.clone(), value.clone()),
                None => self.rows.remove(&row.key),
            };
        }
        self.log.extend(batch.stored().iter().map(|stored| (stored.cursor, stored.clone())));
        for cursor in batch.erased() {
            self.log.remove(cursor);
        }
        self.batches.push(batch);
        self.appending += began.elapsed();
        Ok(())
    }

    fn clear_derived(&mut self) -> Result<(), StoreError> {
        unreachable!("nothing is folded again here")
    }

    fn derived_complete(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    fn reader(&self) -> Arc<dyn StoreReader> {
        MemoryStore::default().reader()
    }

    fn flusher(&self) -> Arc<dyn Fn() -> Result<Cursor, StoreError> + Send + Sync> {
        unreachable!("flushes are answered by hand")
    }
}

fn node<S: Store>(store: S, number: u8) -> Node<S, NoKeys> {
    let key = PublicKey([number; 32]);
    let mut settings = NodeSettings::archive(NetworkGenesis::development(), NodeId([number; 32]), key);
    settings.limits.serve_bytes_per_s = u32::MAX;
    Node::new(store, NoKeys, settings)
}

/// Lets an empty kernel sync with one over the store of `server`; the batches that it wrote, and what the parts took.
pub(crate) fn run(server: &Path, envelopes: &[Verified<Envelope>]) -> (Vec<Batch>, Parts) {
    let store = SledStore::open(&server.join("store"), &OpenSettings::new(NetworkGenesis::development().id())).unwrap();
    let flush = store.flusher();
    let wanted = store.head();
    let mut serving = node(store, 1);
    let mut taking = node(Recorder::default(), 2);
    let mut parts = Parts::default();
    let mut out = Outbox::default();
    serving.step(Input::Started, now(), &mut out);
    taking.step(Input::Started, now(), &mut Outbox::default());
    let mut inputs = std::collections::VecDeque::from([Input::PeerConnected { peer: PublicKey([1; 32]) }]);
    let mut requests = 0;
    let mut clock = now();
    loop {
        let input = inputs.pop_front().unwrap_or(Input::Timer(Timer::AntiEntropy));
        // Virtual time passes, so that no budget of the server's is the limit.
        clock = TimeMs(clock.0 + 2);
        let began = Instant::now();
        let mut effects = Outbox::default();
        taking.step(input, clock, &mut effects);
        if inputs.is_empty() {
            taking.step(Input::TurnEnded, clock, &mut effects);
        }
        parts.taking += began.elapsed();
        for effect in effects.0 {
            match effect {
                Effect::Verify { ticket, envelopes } => {
                    let began = Instant::now();
                    let check = |bytes| Ok(verify(Envelope::decode(bytes)?)?);
                    let results = envelopes.into_iter().map(check).collect();
                    parts.verifying += began.elapsed();
                    inputs.push_back(Input::Verified { ticket, results });
                }
                Effect::Request { request, frame, .. } => {
                    requests += 1;
                    let began = Instant::now();
                    let channel = Channel(request.0);
                    let mut answers = Outbox::default();
                    serving.step(Input::Request { from: PublicKey([2; 32]), channel, frame }, clock, &mut answers);
                    serving.step(Input::TurnEnded, clock, &mut answers);
                    parts.serving += began.elapsed();
                    for answer in answers.0 {
                        match answer {
                            Effect::Respond { frame, .. } => {
                                inputs.push_back(Input::Response { request, result: Ok(frame) });
                            }
                            Effect::Flush => {
                                let upto = flush().unwrap();
                                serving.step(Input::Durable { upto }, clock, &mut Outbox::default());
                            }
                            _ => {}
                        }
                    }
                }
                Effect::Flush => inputs.push_back(Input::Durable { upto: taking.store().head() }),
                Effect::Halt { error } => panic!("{error}"),
                _ => {}
            }
        }
        let counters = taking.counters();
        if inputs.is_empty() && counters.sync_done > 0 {
            break;
        }
    }
    let counters = taking.counters();
    println!(
        "  {requests} requests, {} admitted, {} known before, {} waited for an identity, refused {:?}",
        counters.admitted_sync, counters.duplicates, counters.pending_added, counters.refused
    );
    assert!(counters.admitted_sync >= u64::try_from(envelopes.len()).unwrap(), "{counters:?}");
    assert!(taking.store().log.len() as u64 >= wanted.0.min(envelopes.len() as u64));
    let store = taking.into_store();
    parts.appending = store.appending;
    (store.batches, parts)
}
