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
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tidepool_kernel::testing::MemoryStore;
use tidepool_kernel::{
    Coverage, Effect, Input, Invalid, LocalError, LocalRequest, Node, NodeSettings, Outbox, PublishOutcome, Receipt,
    Store, Ticket, Timer,
};
use tidepool_protocol::ids::sha256;
use tidepool_protocol::{Envelope, NetworkGenesis, PublicKey, TimeMs, verify};
use tidepool_views::{Cursor, Rows};
use tokio::sync::watch;

/// When every test begins.
pub(crate) const BEGIN: TimeMs = TimeMs(1_795_600_000_000);

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

/// The real kernel on one mutex: a request is taken, verified, written, flushed and answered before the next.
pub(crate) struct KernelHandle {
    state: Mutex<State>,
    store: MemoryStore,
    clock: Arc<TestClock>,
    notified: watch::Sender<Cursor>,
    /// How many requests were done.
    pub(crate) done: AtomicUsize,
}

struct State {
    node: Node<MemoryStore, CustodyKeys>,
    timers: BTreeMap<Timer, TimeMs>,
    replies: BTreeMap<Ticket, Result<Receipt, LocalError>>,
    tickets: u64,
}

impl KernelHandle {
    fn new(store: MemoryStore, custody: CustodyKeys, settings: NodeSettings, clock: Arc<TestClock>) -> Self {
        let node = Node::new(store.clone(), custody, settings);
        let state = State { node, timers: BTreeMap::new(), replies: BTreeMap::new(), tickets: 0 };
        let notified = watch::Sender::new(Cursor::START);
        let kernel = Self { state: Mutex::new(state), store, clock, notified, done: AtomicUsize::new(0) };
        kernel.run(&mut kernel.state.lock().unwrap(), Input::Started, kernel.clock.now());
        kernel
    }

    pub(crate) fn take(&self, request: LocalRequest) -> Result<Receipt, LocalError> {
        let mut state = self.state.lock().unwrap();
        state.tickets += 1;
        let ticket = Ticket(state.tickets);
        self.run(&mut state, Input::Local { ticket, request }, self.clock.now());
        // What waits for peers' answers is answered when its time is over: there are no peers.
        while !state.replies.contains_key(&ticket) {
            let (timer, at) = state.timers.iter().min_by_key(|(_, at)| **at).map(|(t, at)| (*t, *at)).unwrap();
            state.timers.remove(&timer);
            self.run(&mut state, Input::Timer(timer), at);
        }
        self.done.fetch_add(1, Ordering::SeqCst);
        state.replies.remove(&ticket).unwrap()
    }

    fn run(&self, state: &mut State, input: Input, now: TimeMs) {
        let mut inputs = VecDeque::from([input, Input::TurnEnded]);
        while let Some(input) = inputs.pop_front() {
            let mut outbox = Outbox::default();
            state.node.step(input, now, &mut outbox);
            for effect in outbox.0 {
                match effect {
                    Effect::Verify { ticket, envelopes } => {
                        let check = |bytes| Ok(verify(Envelope::decode(bytes)?)?);
                        let results = envelopes.into_iter().map(check).collect::<Vec<Result<_, Invalid>>>();
                        inputs.extend([Input::Verified { ticket, results }, Input::TurnEnded]);
                    }
                    Effect::Flush => inputs.push_back(Input::Durable { upto: self.store.flush() }),
                    Effect::Reply { ticket, result } => {
                        state.replies.insert(ticket, result);
                    }
                    Effect::Notify { upto } => {
                        self.notified.send_replace(upto);
                    }
                    Effect::SetTimer { timer, at } => {
                        state.timers.insert(timer, TimeMs(at.0));
                    }
                    Effect::Publish { ticket, .. } => {
                        inputs.push_back(Input::Published { ticket, outcome: PublishOutcome::NoPeers });
                    }
                    Effect::Halt { error } => panic!("{error}"),
                    Effect::Judge { .. }
                    | Effect::Request { .. }
                    | Effect::Respond { .. }
                    | Effect::Join(_)
                    | Effect::Leave(_)
                    | Effect::Connect(_)
                    | Effect::Block(_)
                    | Effect::Penalise { .. } => {}
                }
            }
        }
    }
}

/// Requests are done on threads of their own, so that they really race.
struct Shared(Arc<KernelHandle>);

impl KernelPort for Shared {
    fn request(&self, request: LocalRequest) -> BoxFuture<'static, Result<Receipt, LocalError>> {
        let kernel = Arc::clone(&self.0);
        async move { tokio::task::spawn_blocking(move || kernel.take(request)).await.unwrap() }.boxed()
    }

    fn notified(&self) -> watch::Receiver<Cursor> {
        self.0.notified.subscribe()
    }
}

/// Every row of the home's families, key and value behind one another.
pub(crate) fn home_rows(store: &MemoryStore) -> Vec<Vec<u8>> {
    let mut rows = Vec::new();
    let mut visit = |key: &[u8], value: &Bytes| {
        rows.push([key, value.as_ref()].concat());
        true
    };
    store.scan(&[0x90], &[0xc0], &mut visit).unwrap();
    rows
}

pub(crate) struct Rig {
    pub(crate) home: Home,
    pub(crate) store: MemoryStore,
    pub(crate) kernel: Arc<KernelHandle>,
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
        Self::on(MemoryStore::default(), keys, config, policy, 2).await.unwrap()
    }

    /// The same store and keys under a home that was started again.
    pub(crate) async fn restarted(&self, config: HomeConfig) -> Self {
        Self::on(self.store.clone(), Arc::clone(&self.keys), config, Arc::new(ShowAll), 3).await.unwrap()
    }

    pub(crate) async fn on(
        store: MemoryStore,
        keys: Arc<NodeKeys>,
        config: HomeConfig,
        policy: Arc<dyn LocalPolicy>,
        seed: u64,
    ) -> Result<Self, HomeError> {
        Self::covering(Coverage::Archive, store, keys, config, policy, seed).await
    }

    /// A home of a node that was told to hold no shard: it holds those that its agents need.
    pub(crate) async fn of_few_shards() -> Self {
        let keys = Arc::new(NodeKeys::generate(BEGIN, &TestRandom::new(4)));
        let (none, config) = (Coverage::Shards(BTreeSet::new()), HomeConfig::default());
        Self::covering(none, MemoryStore::default(), keys, config, Arc::new(ShowAll), 5).await.unwrap()
    }

    async fn covering(
        coverage: Coverage,
        store: MemoryStore,
        keys: Arc<NodeKeys>,
        config: HomeConfig,
        policy: Arc<dyn LocalPolicy>,
        seed: u64,
    ) -> Result<Self, HomeError> {
        let genesis = Arc::new(NetworkGenesis::development());
        let clock = Arc::new(TestClock(AtomicU64::new(BEGIN.0 + 1000)));
        let reader = store.reader();
        let custody = CustodyKeys::new(Arc::clone(&keys), Arc::clone(&reader));
        let settings = NodeSettings::archive((*genesis).clone(), keys.node_id(), keys.public_key());
        let settings = NodeSettings { coverage, ..settings };
        let kernel = Arc::new(KernelHandle::new(store.clone(), custody.clone(), settings, Arc::clone(&clock)));
        let parts = Parts {
            kernel: Arc::new(Shared(Arc::clone(&kernel))),
            network: Arc::new(NoNetwork),
            reader,
            clock: Arc::clone(&clock) as _,
            random: Arc::new(TestRandom::new(seed)),
            keys: Arc::clone(&keys),
            custody,
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

    /// Hears everything that another node holds.
    pub(crate) fn hear(&self, other: &Self) {
        let envelopes: Vec<_> = other.store.all().iter().map(|stored| stored.envelope.bytes().clone()).collect();
        for some in envelopes.chunks(100) {
            let request = LocalRequest::Submit { envelopes: some.to_vec(), rows: Vec::new(), expect: Vec::new() };
            self.kernel.take(request).unwrap();
        }
    }

    /// Another node of the same network.
    pub(crate) async fn other(number: u64) -> Self {
        let keys = Arc::new(NodeKeys::generate(BEGIN, &TestRandom::new(100 + number)));
        let store = MemoryStore::default();
        Self::on(store, keys, HomeConfig::default(), Arc::new(ShowAll), 200 + number).await.unwrap()
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
