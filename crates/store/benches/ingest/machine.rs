//! A node without a network: the kernel over sled, its verifying threads and its flusher, as the binary joins them.

use super::THREADS;
use super::engine::Recorded;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Instant;
use tidepool_kernel::testing::Keys;
use tidepool_kernel::{
    Batch, Effect, GossipId, Input, LocalRequest, Node, NodeSettings, Outbox, Store, StoreError, StoreReader, Ticket,
    Verdict,
};
use tidepool_protocol::slot::Topic;
use tidepool_protocol::{Envelope, PublicKey, TimeMs, Verified, verify};
use tidepool_store::{OpenSettings, SledStore};
use tidepool_views::testing::{T0, network};
use tidepool_views::{Cursor, Envelopes, ReadError, Rows, Stored};

/// Frames that wait for their verdict at once, well below what fits into its lane.
const UNDER_WAY: usize = 128;

/// Where databases are made: on the disk, not in memory.
pub(crate) fn directory() -> PathBuf {
    std::env::var_os("STORE_BENCH_DIR").map_or_else(std::env::temp_dir, Into::into)
}

/// Batches as they went by, while they are wanted.
#[derive(Clone, Default)]
struct Tape(Arc<Mutex<Option<Vec<Arc<Recorded>>>>>);

/// The store, and a copy of what it is given.
struct Recording {
    store: SledStore,
    tape: Tape,
}

impl Rows for Recording {
    fn get(&self, key: &[u8]) -> Result<Option<bytes::Bytes>, ReadError> {
        self.store.get(key)
    }

    fn scan(
        &self,
        from: &[u8],
        to: &[u8],
        visit: &mut dyn FnMut(&[u8], &bytes::Bytes) -> bool,
    ) -> Result<(), ReadError> {
        self.store.scan(from, to, visit)
    }

    fn scan_back(
        &self,
        from: &[u8],
        to: &[u8],
        visit: &mut dyn FnMut(&[u8], &bytes::Bytes) -> bool,
    ) -> Result<(), ReadError> {
        self.store.scan_back(from, to, visit)
    }

    fn first(&self, from: &[u8], to: &[u8]) -> Result<Option<(bytes::Bytes, bytes::Bytes)>, ReadError> {
        self.store.first(from, to)
    }

    fn last(&self, from: &[u8], to: &[u8]) -> Result<Option<(bytes::Bytes, bytes::Bytes)>, ReadError> {
        self.store.last(from, to)
    }
}

impl Envelopes for Recording {
    fn stored(&self, cursor: Cursor) -> Result<Option<Stored>, ReadError> {
        self.store.stored(cursor)
    }

    fn stored_after(&self, after: Cursor, limit: usize) -> Result<Vec<Stored>, ReadError> {
        self.store.stored_after(after, limit)
    }
}

impl Store for Recording {
    fn head(&self) -> Cursor {
        Store::head(&self.store)
    }

    fn derived_upto(&self) -> Cursor {
        self.store.derived_upto()
    }

    fn append(&mut self, batch: Batch) -> Result<(), StoreError> {
        if let Some(tape) = self.tape.0.lock().unwrap().as_mut() {
            let rows = batch.derived().iter().chain(batch.durable()).cloned().collect();
            tape.push(Arc::new(Recorded { stored: batch.stored().to_vec(), rows }));
        }
        self.store.append(batch)
    }

    fn clear_derived(&mut self) -> Result<(), StoreError> {
        self.store.clear_derived()
    }

    fn derived_complete(&mut self) -> Result<(), StoreError> {
        self.store.derived_complete()
    }

    fn reader(&self) -> Arc<dyn StoreReader> {
        self.store.reader()
    }

    fn flusher(&self) -> Arc<dyn Fn() -> Result<Cursor, StoreError> + Send + Sync> {
        self.store.flusher()
    }
}

fn size_of_directory(path: &std::path::Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(path) else { return 0 };
    let size = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(data) if data.is_dir() => size_of_directory(&entry.path()),
        Ok(data) => data.len(),
        Err(_) => 0,
    };
    entries.flatten().map(size).sum()
}

/// The node and its threads.
pub(crate) struct Machine {
    node: Node<Recording, Keys>,
    tape: Tape,
    work: Sender<(Ticket, Vec<bytes::Bytes>)>,
    wake: Sender<()>,
    results: Receiver<Input>,
    now: TimeMs,
    frames: u64,
    bytes: usize,
    envelopes: u64,
    directory: tempfile::TempDir,
}

fn check(bytes: bytes::Bytes) -> Result<Verified<Envelope>, tidepool_kernel::Invalid> {
    Ok(verify(Envelope::decode(bytes)?)?)
}

impl Machine {
    /// A node in an empty directory that knows `identities`.
    pub(crate) fn new(identities: &[Verified<Envelope>]) -> Self {
        let directory = tempfile::tempdir_in(directory()).unwrap();
        let store = SledStore::open(&directory.path().join("store"), &OpenSettings::new(network().id())).unwrap();
        let flush = store.flusher();
        let (result, results) = channel();
        let (wake, woken) = channel::<()>();
        let flushed = result.clone();
        std::thread::spawn(move || {
            while woken.recv().is_ok() {
                let _ = flushed.send(Input::Durable { upto: flush().unwrap() });
            }
        });
        let (work, waiting) = channel::<(Ticket, Vec<bytes::Bytes>)>();
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..THREADS {
            let (waiting, result) = (Arc::clone(&waiting), result.clone());
            std::thread::spawn(move || {
                loop {
                    let next = waiting.lock().unwrap().recv();
                    let Ok((ticket, envelopes)) = next else { return };
                    let results = envelopes.into_iter().map(check).collect();
                    let _ = result.send(Input::Verified { ticket, results });
                }
            });
        }
        let settings = NodeSettings::archive(network(), identities[0].header().author.as_node(), PublicKey([1; 32]));
        let tape = Tape::default();
        let node = Node::new(Recording { store, tape: tape.clone() }, Keys::default(), settings);
        let now = T0.plus_ms(1_000);
        let mut machine = Self { node, tape, work, wake, results, now, frames: 0, bytes: 0, envelopes: 0, directory };
        machine.step(Input::Started);
        for (number, part) in identities.chunks(64).enumerate() {
            let envelopes = part.iter().map(|genesis| genesis.bytes().clone()).collect();
            let request = LocalRequest::Submit { envelopes, rows: vec![], expect: vec![] };
            machine.step(Input::Local { ticket: Ticket(number as u64), request });
            while machine.pump() {}
        }
        machine
    }

    /// Keeps the batches that come for the engine.
    pub(crate) fn record(&mut self) {
        *self.tape.0.lock().unwrap() = Some(Vec::new());
    }

    pub(crate) fn is_recording(&self) -> bool {
        self.tape.0.lock().unwrap().is_some()
    }

    /// What was kept; no more is.
    pub(crate) fn recorded(&mut self) -> Vec<Arc<Recorded>> {
        self.tape.0.lock().unwrap().take().unwrap_or_default()
    }

    /// Carries out what one input leads to; returns how many frames it judged.
    fn step(&mut self, input: Input) -> usize {
        let mut outbox = Outbox::default();
        self.node.step(input, self.now, &mut outbox);
        let mut accepted = 0;
        for effect in outbox.0 {
            match effect {
                Effect::Verify { ticket, envelopes } => self.work.send((ticket, envelopes)).unwrap(),
                Effect::Flush => self.wake.send(()).unwrap(),
                Effect::Judge { verdict, .. } => {
                    assert_eq!(
                        verdict,
                        Verdict::Accept,
                        "every frame here is new and good: {:?}",
                        self.node.counters()
                    );
                    accepted += 1;
                }
                Effect::Halt { error } => panic!("{error}"),
                _ => {}
            }
        }
        accepted
    }

    /// One result if there is one, else the end of the turn; `false` when nothing at all is under way.
    fn pump(&mut self) -> bool {
        match self.results.try_recv() {
            Ok(input) => {
                self.step(input);
                true
            }
            Err(_) => {
                self.step(Input::TurnEnded);
                match self.results.recv_timeout(std::time::Duration::from_millis(50)) {
                    Ok(input) => {
                        self.step(input);
                        true
                    }
                    Err(_) => false,
                }
            }
        }
    }

    /// Takes `frames` in; returns the seconds until the last is accepted.
    pub(crate) fn ingest(&mut self, frames: &[(Topic, bytes::Bytes)], now: TimeMs) -> f64 {
        self.now = now;
        let before = self.node.counters().admitted_gossip;
        self.bytes += frames.iter().map(|(_, frame)| frame.len()).sum::<usize>();
        let began = Instant::now();
        let (mut next, mut open) = (0, 0);
        while next < frames.len() || open > 0 {
            // As the driver: results before new frames, the end of a turn when nothing waits.
            if let Ok(input) = self.results.try_recv() {
                open -= self.step(input);
            } else if next < frames.len() && open < UNDER_WAY {
                // A bucket of frames belongs to one peer; a node has several.
                let from = PublicKey([(self.frames % 16) as u8; 32]);
                let (topic, frame) = frames[next].clone();
                let input = Input::Gossip { id: GossipId(self.frames), from, topic, frame };
                (next, open, self.frames) = (next + 1, open + 1, self.frames + 1);
                open -= self.step(input);
            } else {
                open -= self.step(Input::TurnEnded);
                if open > 0 || next < frames.len() {
                    let input = self.results.recv().unwrap();
                    open -= self.step(input);
                }
            }
        }
        let seconds = began.elapsed().as_secs_f64();
        let admitted = self.node.counters().admitted_gossip - before;
        self.envelopes += admitted;
        seconds
    }

    /// Mean bytes of a frame's envelope.
    pub(crate) fn bytes_each(&self) -> f64 {
        self.bytes as f64 / self.envelopes.max(1) as f64
    }

    /// What the run left behind.
    pub(crate) fn report(&self) {
        let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
        let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or_default();
        let disk = size_of_directory(self.directory.path()) as f64 / self.bytes as f64;
        println!("resident {} MB; disk {disk:.2} x the bytes of the envelopes", pages * 4096 / 1_000_000);
        let counters = self.node.counters();
        println!("{} batches, {} flushes", counters.batches, counters.flushes);
    }
}
