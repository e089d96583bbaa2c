//! The home itself: what its use cases share. The use cases stand in `usecases/`, one file for each subject.

use crate::bursts::Bursts;
use crate::challenge::Challenges;
use crate::config::HomeConfig;
use crate::error::HomeError;
use crate::keys::{CustodyKeys, NodeKeys, SealPurpose, node_genesis};
use crate::limits::{READS_MAX, RECENT_COMMENTS_MAX, REGISTRATION_THREADS, STREAMS_MAX};
use crate::model::{Direction, VoteOutcome};
use crate::ports::{Clock, KernelPort, LocalPolicy, NetworkPort, Random};
use crate::quota::{Allowance, Caller, Quotas, Use};
use crate::rows;
use crate::session::Sessions;
use crate::stream::Tail;
use crate::takedown::{Combined, Takedowns};
use crate::usecases::Searches;
use lru::LruCache;
use std::num::NonZeroUsize;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tidepool_kernel::{Coverage, LocalError, LocalRequest, RowExpect, StoreReader, held};
use tidepool_protocol::ids::Hash;
use tidepool_protocol::{AgentId, AuthorId, EnvelopeId, NetworkGenesis, NetworkId, NodeId, TimeMs};
use tidepool_views::{ReadError, identity};
use tokio::sync::Semaphore;

/// What a home is made of.
#[derive(Clone)]
pub struct Parts {
    /// The kernel.
    pub kernel: Arc<dyn KernelPort>,
    /// The network.
    pub network: Arc<dyn NetworkPort>,
    /// The store, to read.
    pub reader: Arc<dyn StoreReader>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn Random>,
    /// The node's keys.
    pub keys: Arc<NodeKeys>,
    /// What signs for agents, as the kernel has it.
    pub custody: CustodyKeys,
    /// The network's genesis document.
    pub genesis: Arc<NetworkGenesis>,
    /// What this node's operator hides by a rule of its own, beside what it takes down one by one.
    pub policy: Arc<dyn LocalPolicy>,
    /// The program's version.
    pub version: &'static str,
}

/// What a home node does for its agents. Cheap to clone; all clones are one home.
#[derive(Clone)]
pub struct Home {
    pub(crate) inner: Arc<Inner>,
}

/// Votes under way, by voter and target; `None` takes one away.
pub(crate) type Votes = Bursts<(AgentId, EnvelopeId), Option<Direction>, Result<VoteOutcome, HomeError>>;

pub(crate) struct Inner {
    pub(crate) parts: Parts,
    pub(crate) config: HomeConfig,
    pub(crate) facts: Facts,
    pub(crate) quotas: Quotas,
    pub(crate) sessions: Sessions,
    pub(crate) registrations: Registrations,
    pub(crate) votes: Arc<Votes>,
    pub(crate) order: Stripes,
    /// Comments of the last minutes by what they say, so that a repeated request writes nothing twice.
    pub(crate) recent_comments: Mutex<LruCache<Hash, (EnvelopeId, TimeMs)>>,
    pub(crate) streams: Arc<Semaphore>,
    pub(crate) tail: Arc<Tail>,
    pub(crate) takedowns: Arc<Takedowns>,
    pub(crate) searches: Searches,
    pub(crate) challenges: Challenges,
    reads: Arc<Semaphore>,
}

/// What does not change while the home is open.
pub(crate) struct Facts {
    pub(crate) network: NetworkId,
    pub(crate) node: NodeId,
    /// The operation of the node's identity that lists its key.
    pub(crate) node_auth: EnvelopeId,
    /// Which log the stream's cursors belong to.
    pub(crate) log: u64,
    /// Whether this node holds every shard.
    pub(crate) is_archive: bool,
}

/// Registrations under way.
pub(crate) struct Registrations {
    pub(crate) threads: Semaphore,
    pub(crate) waiting: std::sync::atomic::AtomicUsize,
    /// Agents at home here.
    pub(crate) agents: AtomicU64,
}

/// Locks by which one agent's acts on one target come one after another. Two pairs may share one.
pub(crate) struct Stripes(Vec<tokio::sync::Mutex<()>>);

impl Stripes {
    fn new() -> Self {
        Self((0..crate::limits::VOTE_LOCKS).map(|_| tokio::sync::Mutex::new(())).collect())
    }

    /// The lock of what `actor` does to `target`.
    pub(crate) async fn lock(&self, actor: AgentId, target: &[u8; 32]) -> tokio::sync::MutexGuard<'_, ()> {
        let hash = tidepool_protocol::ids::sha256(&[&actor.0, target]);
        let number = usize::from(u16::from_be_bytes([hash[0], hash[1]])) % self.0.len();
        self.0[number].lock().await
    }
}

/// A lock whose holder never leaves it half done, so a panic elsewhere does not spoil it.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn lru<K: std::hash::Hash + Eq, V>(most: usize) -> Mutex<LruCache<K, V>> {
    Mutex::new(LruCache::new(NonZeroUsize::new(most).expect("a bound above zero")))
}

impl Home {
    /// Opens the home: publishes the node's identity if the store has not got it, and checks that the key file belongs
    /// to the store's sealed keys. Call it on a tokio runtime, once the kernel answers.
    ///
    /// # Errors
    /// When the key file is of another store, or the kernel or the store fails.
    pub async fn start(mut parts: Parts, config: HomeConfig) -> Result<Self, HomeError> {
        let facts = open(&parts).await?;
        let agents = count_accounts(&parts).await?;
        write_looks(&parts).await?;
        // What is durable may be spoken of, though a kernel that has just started has not said so yet.
        let upto = (*parts.kernel.notified().borrow()).max(parts.reader.durable());
        let tail = Arc::new(Tail::new(upto));
        let takedowns = Arc::new(load_takedowns(&parts).await?);
        parts.policy = Arc::new(Combined { takedowns: Arc::clone(&takedowns), rule: parts.policy });
        let inner = Arc::new(Inner {
            quotas: Quotas::new(config.quota),
            sessions: Sessions::new(),
            registrations: Registrations {
                threads: Semaphore::new(REGISTRATION_THREADS),
                waiting: std::sync::atomic::AtomicUsize::new(0),
                agents: AtomicU64::new(agents),
            },
            votes: Arc::default(),
            order: Stripes::new(),
            recent_comments: lru(RECENT_COMMENTS_MAX),
            streams: Arc::new(Semaphore::new(STREAMS_MAX)),
            tail,
            takedowns,
            searches: Searches::new(),
            challenges: Challenges::new(),
            reads: Arc::new(Semaphore::new(READS_MAX)),
            parts,
            config,
            facts,
        });
        crate::stream::pump(&inner);
        crate::inbox::follow(&inner);
        Ok(Self { inner })
    }

    /// This node's identity.
    #[must_use]
    pub fn node_id(&self) -> NodeId {
        self.inner.facts.node
    }

    /// What its operator set.
    #[must_use]
    pub fn config(&self) -> &HomeConfig {
        &self.inner.config
    }

    /// Counts one use of a caller. Interfaces call it for each request with [`Use::Read`] or [`Use::Write`], and for each
    /// page of a search with [`Use::Search`], too; posts,
    /// comments, communities and registrations are counted by their use cases.
    ///
    /// # Errors
    /// When the caller's limit is reached.
    pub fn charge(&self, caller: Caller, what: Use) -> Result<Allowance, HomeError> {
        Ok(self.inner.quotas.charge(caller, &[what], self.now())?)
    }

    pub(crate) fn now(&self) -> TimeMs {
        self.inner.parts.clock.now()
    }

    /// Reads the store on a blocking thread: an engine may stall for a batch, and a runtime's thread must not.
    /// At most [`READS_MAX`] at one time.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Inner) -> Result<T, HomeError> + Send + 'static,
    ) -> Result<T, HomeError> {
        let permit = Arc::clone(&self.inner.reads).acquire_owned().await.map_err(|_| HomeError::Stopping)?;
        let inner = Arc::clone(&self.inner);
        let task = tokio::task::spawn_blocking(move || {
            let result = job(&inner);
            drop(permit);
            result
        });
        match task.await {
            Ok(result) => result,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_) => Err(HomeError::Stopping),
        }
    }

    /// Asks the kernel and waits until it is on disk.
    pub(crate) async fn request(&self, request: LocalRequest) -> Result<tidepool_kernel::Receipt, LocalError> {
        self.inner.parts.kernel.request(request).await
    }
}

impl Inner {
    pub(crate) fn reader(&self) -> &dyn StoreReader {
        &*self.parts.reader
    }

    /// A row of the home.
    pub(crate) fn row<T>(&self, key: &[u8]) -> Result<Option<T>, HomeError>
    where
        T: serde::Serialize + serde::de::DeserializeOwned,
    {
        self.reader().get(key)?.map(|bytes| rows::decode(&bytes)).transpose()
    }
}

/// What the check of the key file seals.
const CHECK: &[u8] = b"tidepool node key";

async fn open(parts: &Parts) -> Result<Facts, HomeError> {
    let network = parts.genesis.id();
    let node = parts.keys.node_id();
    check_seal(parts, node).await?;
    let (node_auth, log) = (node_identity(parts, node).await?, log_id(parts).await?);
    // The kernel wrote it before anybody heard that it had started.
    let is_archive = held(&*parts.reader)? == Coverage::Archive;
    Ok(Facts { network, node, node_auth, log, is_archive })
}

/// Whether the store of `reader` belongs to a node's keys. A new one belongs to nobody yet, nor does one that was imported.
///
/// # Errors
/// When the store fails.
pub fn is_sealed(reader: &dyn StoreReader) -> Result<bool, HomeError> {
    Ok(reader.get(&rows::seal_check_key())?.is_some())
}

/// Whether `keys` are those that the store of `reader` belongs to, as far as it says: what a node asks before anybody can
/// reach it.
///
/// # Errors
/// [`HomeError::ForeignKeyFile`] when it belongs to others; when the store fails.
pub fn check_keys(reader: &dyn StoreReader, keys: &NodeKeys) -> Result<(), HomeError> {
    let node = keys.node_id();
    if let Some(sealed) = reader.get(&rows::seal_check_key())? {
        open_check(keys, node, &sealed)?;
    }
    Ok(())
}

fn open_check(keys: &NodeKeys, node: NodeId, sealed: &[u8]) -> Result<(), HomeError> {
    let opened = keys.sealing().open(SealPurpose::Check, &node.0, sealed);
    if opened.is_some_and(|text| *text == CHECK) { Ok(()) } else { Err(HomeError::ForeignKeyFile) }
}

/// Makes sure that the node's identity is published, and says which operation of it lists the node's key.
async fn node_identity(parts: &Parts, node: NodeId) -> Result<EnvelopeId, HomeError> {
    if let Some(known) = identity::current(&*parts.reader, AuthorId::from(node))? {
        let own = parts.keys.public_key();
        let listed = known.state.signing.iter().any(|entry| entry.key == own);
        return if listed { Ok(known.state.operation) } else { Err(HomeError::ForeignKeyFile) };
    }
    let (keys, genesis) = (Arc::clone(&parts.keys), Arc::clone(&parts.genesis));
    let made = tokio::task::spawn_blocking(move || node_genesis(&keys, &genesis)).await;
    let made = made.map_err(|_| HomeError::Stopping)?;
    let id = made.id();
    let envelopes = vec![made.bytes().clone()];
    parts.kernel.request(LocalRequest::Submit { envelopes, rows: Vec::new(), expect: Vec::new() }).await?;
    Ok(id)
}

/// Checks that the key file is the one under which this store's secrets were sealed; in a new store, seals the check.
async fn check_seal(parts: &Parts, node: NodeId) -> Result<(), HomeError> {
    let key = rows::seal_check_key();
    if let Some(sealed) = parts.reader.get(&key)? {
        return open_check(&parts.keys, node, &sealed);
    }
    let sealed = parts.keys.sealing().seal(&*parts.random, SealPurpose::Check, &node.0, CHECK);
    let row = tidepool_views::RowWrite { key: key.clone(), value: Some(sealed.into()) };
    let expect = vec![RowExpect { key, value: None }];
    parts.kernel.request(LocalRequest::Write { rows: vec![row], expect }).await?;
    Ok(())
}

/// Which log this is: drawn once for a store, and anew when it was restored, because the original may have given out
/// cursors that lie ahead of the copy.
async fn log_id(parts: &Parts) -> Result<u64, HomeError> {
    let (key, mark_key) = (rows::log_id_key(), rows::log_mark_key());
    let mark = tidepool_kernel::restored_mark(&*parts.reader)?;
    let known = parts.reader.get(&key)?;
    if let Some(value) = &known
        && parts.reader.get(&mark_key)? == mark
    {
        return rows::decode(value);
    }
    let mut drawn = [0; 8];
    parts.random.fill(&mut drawn);
    let log = u64::from_be_bytes(drawn);
    let expect = vec![RowExpect { key: key.clone(), value: known }];
    let mark = tidepool_views::RowWrite { key: mark_key, value: mark };
    parts.kernel.request(LocalRequest::Write { rows: vec![rows::put(key, &log), mark], expect }).await?;
    Ok(log)
}

async fn load_takedowns(parts: &Parts) -> Result<Takedowns, HomeError> {
    let reader = Arc::clone(&parts.reader);
    let loading = tokio::task::spawn_blocking(move || Takedowns::load(&*reader));
    loading.await.map_err(|_| HomeError::Stopping)?
}

async fn count_accounts(parts: &Parts) -> Result<u64, HomeError> {
    let reader = Arc::clone(&parts.reader);
    let counting = tokio::task::spawn_blocking(move || {
        let mut count = 0;
        let (from, to) = rows::ACCOUNTS;
        reader.scan(&from, &to, &mut |_, _| {
            count += 1;
            true
        })?;
        Ok::<u64, ReadError>(count)
    });
    Ok(counting.await.map_err(|_| HomeError::Stopping)??)
}

/// Accounts whose look is written by one request.
const LOOKS_AT_ONCE: usize = 1_000;

/// Gives the accounts of a store of before names were compared by their look what newer ones have. Of two that look alike
/// already, both keep their names.
async fn write_looks(parts: &Parts) -> Result<(), HomeError> {
    let written = rows::looks_written_key();
    if parts.reader.get(&written)?.is_some() {
        return Ok(());
    }
    let mut from = rows::ACCOUNTS.0.to_vec();
    loop {
        let (reader, start) = (Arc::clone(&parts.reader), from.clone());
        let reading = tokio::task::spawn_blocking(move || {
            let mut found = Vec::new();
            reader.scan(&start, &rows::ACCOUNTS.1, &mut |key, value| {
                found.push((key.to_vec(), value.clone()));
                found.len() < LOOKS_AT_ONCE
            })?;
            Ok::<_, ReadError>(found)
        });
        let found = reading.await.map_err(|_| HomeError::Stopping)??;
        let mut looks = Vec::with_capacity(found.len() + 1);
        for (key, value) in &found {
            let account: rows::AccountRow = rows::decode(value)?;
            let agent = key.last_chunk::<32>().map(|id| AgentId(*id));
            looks.extend(agent.map(|agent| rows::put(rows::look_key(&account.handle), &agent)));
        }
        let is_end = found.len() < LOOKS_AT_ONCE;
        if is_end {
            looks.push(rows::put(written.clone(), &true));
        }
        parts.kernel.request(LocalRequest::Write { rows: looks, expect: Vec::new() }).await?;
        match found.last() {
            Some((last, _)) if !is_end => from = [last.as_slice(), &[0]].concat(),
            _ => return Ok(()),
        }
    }
}
