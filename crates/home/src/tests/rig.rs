//! A home with everything around it in memory: store, kernel, clock, randomness.

use crate::config::HomeConfig;
use crate::error::HomeError;
use crate::home::{Home, Parts};
use crate::keys::{CustodyKeys, NodeKeys};
use crate::ports::{Clock, KernelPort, LocalPolicy, NetworkPort, NetworkStatus, Random, ShowAll};
use crate::register::{Register, Registered};
use crate::session::AgentSession;
use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use tidepool_kernel::{Compose, Custody, LocalError, LocalRequest, Receipt, RowExpect, StoreReader};
use tidepool_protocol::ids::sha256;
use tidepool_protocol::signer::Domain;
use tidepool_protocol::{
    AuthorId, Draft, Envelope, EnvelopeId, Epoch, NetworkGenesis, PublicKey, Signature, Signer, TimeMs, Verified,
    verify,
};
use tidepool_views::overlay::Pending;
use tidepool_views::{
    Cursor, Envelopes, Origin, Overlay, ReadError, RowWrite, Rows, Stored, fold, identity, index, logs,
};
use tokio::sync::watch;

/// When every test begins.
pub(crate) const BEGIN: TimeMs = TimeMs(1_795_600_000_000);

#[derive(Default)]
pub(crate) struct MemoryRows {
    rows: RwLock<BTreeMap<Bytes, Bytes>>,
    log: RwLock<Vec<Stored>>,
}

impl MemoryRows {
    /// Every row of the home's families, key and value behind one another.
    pub(crate) fn home_rows(&self) -> Vec<Vec<u8>> {
        let rows = self.rows.read().unwrap();
        rows.range(Bytes::from_static(&[0x90])..Bytes::from_static(&[0xc0]))
            .map(|(key, value)| [key.as_ref(), value.as_ref()].concat())
            .collect()
    }

    pub(crate) fn log(&self) -> Vec<Stored> {
        self.log.read().unwrap().clone()
    }

    fn between(&self, from: &[u8], to: &[u8]) -> Vec<(Bytes, Bytes)> {
        let rows = self.rows.read().unwrap();
        let bounds = Bytes::copy_from_slice(from)..Bytes::copy_from_slice(to);
        if from < to { rows.range(bounds).map(|(k, v)| (k.clone(), v.clone())).collect() } else { Vec::new() }
    }
}

impl Rows for MemoryRows {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, ReadError> {
        Ok(self.rows.read().unwrap().get(key).cloned())
    }

    fn scan(&self, from: &[u8], to: &[u8], visit: &mut dyn FnMut(&[u8], &Bytes) -> bool) -> Result<(), ReadError> {
        self.between(from, to).iter().all(|(key, value)| visit(key, value));
        Ok(())
    }

    fn scan_back(&self, from: &[u8], to: &[u8], visit: &mut dyn FnMut(&[u8], &Bytes) -> bool) -> Result<(), ReadError> {
        self.between(from, to).iter().rev().all(|(key, value)| visit(key, value));
        Ok(())
    }
}

impl Envelopes for MemoryRows {
    fn stored(&self, cursor: Cursor) -> Result<Option<Stored>, ReadError> {
        Ok(self.log.read().unwrap().iter().find(|stored| stored.cursor == cursor).cloned())
    }

    fn stored_after(&self, after: Cursor, limit: usize) -> Result<Vec<Stored>, ReadError> {
        let log = self.log.read().unwrap();
        let first = log.partition_point(|stored| stored.cursor <= after);
        Ok(log[first..].iter().take(limit).cloned().collect())
    }
}

impl StoreReader for MemoryRows {
    fn head(&self) -> Cursor {
        self.log.read().unwrap().last().map_or(Cursor::START, |stored| stored.cursor)
    }

    fn durable(&self) -> Cursor {
        self.head()
    }
}

/// A clock that stands until it is moved.
pub(crate) struct TestClock(AtomicU64);

impl TestClock {
    pub(crate) fn forward_ms(&self, ms: u64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> TimeMs {
        TimeMs(self.0.load(Ordering::SeqCst))
    }
}

/// Bytes that differ from call to call and are the same in every run.
pub(crate) struct TestRandom(AtomicU64);

impl TestRandom {
    pub(crate) fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed << 32))
    }
}

impl Random for TestRandom {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(32) {
            let number = self.0.fetch_add(1, Ordering::SeqCst);
            chunk.copy_from_slice(&sha256(&[b"test", &number.to_be_bytes()])[..chunk.len()]);
        }
    }
}

struct NoNetwork;

impl NetworkPort for NoNetwork {
    fn status(&self) -> NetworkStatus {
        NetworkStatus { peer_id: "nobody".to_owned(), ..NetworkStatus::default() }
    }
}

/// Signs, checks, folds and answers as the kernel does for local requests, one request at a time.
pub(crate) struct FoldingKernel {
    store: Arc<MemoryRows>,
    custody: CustodyKeys,
    genesis: Arc<NetworkGenesis>,
    clock: Arc<TestClock>,
    notified: watch::Sender<Cursor>,
    turn: Mutex<()>,
    /// How many requests were done.
    pub(crate) done: AtomicUsize,
}

struct InCustody<'a> {
    custody: &'a CustodyKeys,
    key: PublicKey,
}

impl Signer for InCustody<'_> {
    fn public_key(&self) -> PublicKey {
        self.key
    }

    fn sign(&self, domain: Domain, message: &[u8]) -> Signature {
        self.custody.sign(&self.key, domain, message).unwrap()
    }
}

impl FoldingKernel {
    fn take(&self, request: LocalRequest) -> Result<Receipt, LocalError> {
        let _turn = self.turn.lock().unwrap();
        let mut overlay = Overlay::new(&*self.store, Pending::default());
        let mut cursor = self.store.head();
        let mut receipt = Receipt::default();
        let rows = match request {
            LocalRequest::Compose { author, items, rows, expect } => {
                self.check(&expect)?;
                for item in items {
                    let envelope = self.sign(&overlay, author, item)?;
                    self.push(&mut overlay, &mut cursor, envelope, &mut receipt)?;
                }
                rows
            }
            LocalRequest::Submit { envelopes, rows, expect } => {
                self.check(&expect)?;
                for bytes in envelopes {
                    let envelope = verify(Envelope::decode(bytes).unwrap()).unwrap();
                    if !envelope.header().kind.is_identity_operation() {
                        next_place(&overlay, &envelope)?;
                    }
                    self.push(&mut overlay, &mut cursor, envelope, &mut receipt)?;
                }
                rows
            }
            LocalRequest::Write { rows, expect } => {
                self.check(&expect)?;
                rows
            }
            LocalRequest::Locate { .. } => return Err(LocalError::NotFound),
        };
        let (derived, stored) = overlay.into_pending().into_parts();
        self.write(derived.into_iter().chain(rows));
        self.store.log.write().unwrap().extend(stored);
        self.done.fetch_add(1, Ordering::SeqCst);
        self.notified.send_replace(cursor);
        Ok(receipt)
    }

    fn check(&self, expect: &[RowExpect]) -> Result<(), LocalError> {
        match expect.iter().find(|row| self.store.get(&row.key).unwrap() != row.value) {
            Some(row) => Err(LocalError::Changed { key: row.key.clone() }),
            None => Ok(()),
        }
    }

    fn write(&self, writes: impl Iterator<Item = RowWrite>) {
        let mut rows = self.store.rows.write().unwrap();
        for RowWrite { key, value } in writes {
            match value {
                Some(value) => rows.insert(key, value),
                None => rows.remove(&key),
            };
        }
    }

    fn sign(&self, overlay: &Overlay<'_>, author: AuthorId, item: Compose) -> Result<Verified<Envelope>, LocalError> {
        let known = identity::current(overlay, author)?.ok_or(LocalError::NoKey)?;
        let key = known.state.signing.first().map(|entry| entry.key).ok_or(LocalError::NoKey)?;
        if self.custody.sign(&key, Domain::Envelope, b"").is_none() {
            return Err(LocalError::NoKey);
        }
        let now = self.clock.now();
        let epoch = Epoch::first_of(now);
        let head = logs::head(overlay, author, key, &item.scope)?.map(|(head, _)| head);
        let seq = head.as_ref().filter(|head| head.epoch == epoch).map_or(0, |head| head.seq + 1);
        let draft = Draft {
            network: self.genesis.id(),
            author,
            auth: known.state.operation,
            scope: item.scope,
            epoch,
            seq,
            prev: head.map(|head| head.id),
            time_ms: now,
            kind: item.kind,
            body: item.body.to_vec(),
        };
        Ok(draft.sign(&InCustody { custody: &self.custody, key }))
    }

    fn push(
        &self,
        overlay: &mut Overlay<'_>,
        cursor: &mut Cursor,
        envelope: Verified<Envelope>,
        receipt: &mut Receipt,
    ) -> Result<(), LocalError> {
        let id = envelope.id();
        if let Some(known) = index::get(overlay, &id)? {
            receipt.envelopes.push((id, known.cursor));
            return Ok(());
        }
        *cursor = cursor.next();
        let stored = Stored { cursor: *cursor, received_ms: self.clock.now(), origin: Origin::Local, envelope };
        overlay.push(stored.clone());
        fold(overlay, &stored, &self.genesis)?;
        receipt.envelopes.push((id, *cursor));
        Ok(())
    }
}

/// Refuses an envelope that is not the next of its log.
fn next_place(overlay: &Overlay<'_>, envelope: &Verified<Envelope>) -> Result<(), LocalError> {
    let header = envelope.header();
    if index::get(overlay, &envelope.id())?.is_some() {
        return Ok(());
    }
    let head = logs::head(overlay, header.author, header.key, &header.scope)?.map(|(head, _)| head);
    let seq = head.as_ref().filter(|head| head.epoch == header.epoch).map_or(0, |head| head.seq + 1);
    let prev: Option<EnvelopeId> = head.map(|head| head.id);
    if header.seq == seq && header.prev == prev {
        return Ok(());
    }
    Err(LocalError::Conflict { epoch: header.epoch.0, seq, prev })
}

/// The kernel as the home holds it: requests are done on a thread of their own, so that requests really race.
pub(crate) struct KernelHandle(pub(crate) Arc<FoldingKernel>);

impl KernelPort for KernelHandle {
    fn request(&self, request: LocalRequest) -> BoxFuture<'static, Result<Receipt, LocalError>> {
        let kernel = Arc::clone(&self.0);
        async move { tokio::task::spawn_blocking(move || kernel.take(request)).await.unwrap() }.boxed()
    }

    fn notified(&self) -> watch::Receiver<Cursor> {
        self.0.notified.subscribe()
    }
}

pub(crate) struct Rig {
    pub(crate) home: Home,
    pub(crate) store: Arc<MemoryRows>,
    pub(crate) kernel: Arc<FoldingKernel>,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) keys: Arc<NodeKeys>,
    pub(crate) genesis: Arc<NetworkGenesis>,
}

impl Rig {
    pub(crate) async fn new() -> Self {
        Self::with(HomeConfig::default(), Arc::new(ShowAll)).await
    }

    pub(crate) async fn with(config: HomeConfig, policy: Arc<dyn LocalPolicy>) -> Self {
        let keys = Arc::new(NodeKeys::generate(BEGIN, &TestRandom::new(1)));
        Self::on(Arc::default(), keys, config, policy, 2).await.unwrap()
    }

    /// The same store and keys under a home that was started again.
    pub(crate) async fn restarted(&self, config: HomeConfig) -> Self {
        let (store, keys) = (Arc::clone(&self.store), Arc::clone(&self.keys));
        Self::on(store, keys, config, Arc::new(ShowAll), 3).await.unwrap()
    }

    pub(crate) async fn on(
        store: Arc<MemoryRows>,
        keys: Arc<NodeKeys>,
        config: HomeConfig,
        policy: Arc<dyn LocalPolicy>,
        seed: u64,
    ) -> Result<Self, HomeError> {
        let genesis = Arc::new(NetworkGenesis::development());
        let clock = Arc::new(TestClock(AtomicU64::new(BEGIN.0 + 1000)));
        let reader: Arc<dyn StoreReader> = Arc::clone(&store) as _;
        let kernel = Arc::new(FoldingKernel {
            custody: CustodyKeys::new(Arc::clone(&keys), Arc::clone(&reader)),
            genesis: Arc::clone(&genesis),
            clock: Arc::clone(&clock),
            notified: watch::Sender::new(store.head()),
            turn: Mutex::default(),
            done: AtomicUsize::new(0),
            store: Arc::clone(&store),
        });
        let parts = Parts {
            kernel: Arc::new(KernelHandle(Arc::clone(&kernel))),
            network: Arc::new(NoNetwork),
            reader,
            clock: Arc::clone(&clock) as _,
            random: Arc::new(TestRandom::new(seed)),
            keys: Arc::clone(&keys),
            genesis: Arc::clone(&genesis),
            policy,
            version: "test",
        };
        let home = Home::start(parts, config).await?;
        Ok(Self { home, store, kernel, clock, keys, genesis })
    }

    pub(crate) async fn register(&self, name: &str) -> Registered {
        let request = Register { name: name.to_owned(), description: format!("{name} describes itself") };
        self.home.register(None, request).await.unwrap()
    }

    /// The seed of a key in custody, as custody opens it.
    pub(crate) fn opened_seed(&self, key: &PublicKey) -> zeroize::Zeroizing<[u8; 32]> {
        let row = self.store.get(&crate::rows::custody_key(key)).unwrap().unwrap();
        let row: crate::rows::CustodyRow = crate::rows::decode(&row).unwrap();
        self.keys.sealing().open_seed(crate::keys::SealPurpose::Signing, &key.0, &row.sealed).unwrap()
    }

    /// Registers and shows its key.
    pub(crate) async fn agent(&self, name: &str) -> AgentSession {
        let registered = self.register(name).await;
        self.home.authenticate(&registered.api_key).await.unwrap()
    }
}
