//! What a caller decides about a store: its network, its memory, its reserve of disk, and what tests hook into.

use super::quarantine::OnDamage;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tidepool_kernel::StoreError;
use tidepool_protocol::NetworkId;

/// How to open a [`super::SledStore`].
#[derive(Clone, Debug)]
pub struct OpenSettings {
    /// The network whose envelopes it holds; a directory of another one is refused.
    pub network: NetworkId,
    /// The engine's own cache in bytes. It counts log bytes: resident memory is two to four times that.
    pub cache_capacity: u64,
    /// Bytes of decoded blocks that readers share.
    pub block_cache_bytes: usize,
    /// Bytes of decoded pages of rows that readers share.
    pub page_cache_bytes: usize,
    /// When rows in memory are packed into pages.
    pub checkpoint: CheckpointLimits,
    /// Writing stops when fewer bytes than this are free: a full disk has corrupted engines.
    pub reserve_bytes: u64,
    /// How long to wait for another handle on the directory to let go, before it is said to be in use.
    pub lock_wait: Duration,
    /// Go on although acknowledged batches are missing: the log goes on behind the lost cursors, and what is lost must
    /// come back from peers or an export.
    pub accept_lost_tail: bool,
    /// What is done with a directory that cannot be read.
    pub on_damage: OnDamage,
    /// Called when the store failed or something could not be read back: whoever serves from it should stop.
    pub alarm: Option<Alarm>,
    /// The free bytes of the disk under a path.
    pub free_space: FreeSpace,
    /// Called at each [`Point`]; for tests.
    pub hook: Option<Hook>,
}

impl OpenSettings {
    /// The defaults for a node of `network`.
    #[must_use]
    pub fn new(network: NetworkId) -> Self {
        Self {
            network,
            cache_capacity: 64 * 1024 * 1024,
            block_cache_bytes: 32 * 1024 * 1024,
            page_cache_bytes: 64 * 1024 * 1024,
            checkpoint: CheckpointLimits::default(),
            reserve_bytes: 256 * 1024 * 1024,
            lock_wait: Duration::from_secs(2),
            accept_lost_tail: false,
            on_damage: OnDamage::default(),
            alarm: None,
            free_space: FreeSpace::default(),
            hook: None,
        }
    }
}

/// When rows in memory are packed into pages, whichever comes first. They bound what is folded again after a crash.
#[derive(Clone, Copy, Debug)]
pub struct CheckpointLimits {
    /// Envelopes since the last checkpoint.
    pub envelopes: u64,
    /// Bytes of rows in memory. Twice this much makes `append` wait for the checkpoint that is under way.
    pub bytes: usize,
    /// Batches since the last checkpoint: each leaves a record that a start replays.
    pub batches: u64,
    /// Age of the oldest row in memory.
    pub age: Duration,
    /// Bytes of rows in memory during a fold after a crash or a clear, whose progress the store does not know. Beyond
    /// this they are written early, and a crash before `derived_complete` starts that fold from the beginning.
    pub unfinished_bytes: usize,
}

impl Default for CheckpointLimits {
    fn default() -> Self {
        Self {
            envelopes: 32 * 1024,
            bytes: 48 * 1024 * 1024,
            batches: 16 * 1024,
            age: Duration::from_secs(60),
            unfinished_bytes: 256 * 1024 * 1024,
        }
    }
}

/// The free bytes of the disk under a path.
#[derive(Clone)]
pub struct FreeSpace(pub Arc<Probe>);

/// What [`FreeSpace`] asks.
pub type Probe = dyn Fn(&Path) -> std::io::Result<u64> + Send + Sync;

impl Default for FreeSpace {
    fn default() -> Self {
        Self(Arc::new(|path| fs4::available_space(path)))
    }
}

impl fmt::Debug for FreeSpace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FreeSpace")
    }
}

/// Who is told that the store failed: nothing more is written, or something could not be read back.
#[derive(Clone)]
pub struct Alarm(pub Arc<dyn Fn(StoreError) + Send + Sync>);

impl fmt::Debug for Alarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Alarm")
    }
}

/// Where a test may make things fail, or kill the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Point {
    /// Before a batch goes to the engine.
    BeforeBatch,
    /// The engine has the batch; nobody has seen it, and it is not flushed.
    AfterBatch,
    /// Before the engine's buffers are written.
    BeforeFlush,
    /// Written, not synchronised.
    BeforeSync,
    /// Synchronised, not acknowledged.
    AfterSync,
    /// The rows of a checkpoint are safe in their own file; no page was touched.
    RedoWritten,
    /// Some pages of a checkpoint are written, some are not.
    PagesPartly,
    /// All pages and the marker are written; the checkpoint's own file is still there.
    PagesWritten,
}

/// A test's hand in the store: what it returns as an error fails at that point.
#[derive(Clone)]
pub struct Hook(pub Arc<dyn Fn(Point) -> Result<(), String> + Send + Sync>);

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hook")
    }
}
