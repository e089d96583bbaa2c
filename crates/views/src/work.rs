//! What a fold still has to do, gathered while it goes on.

use crate::logs::place::LogAt;
use crate::port::Cursor;
use crate::void::Range;
use std::collections::BTreeSet;

/// The rest of one fold.
#[derive(Debug, Default)]
pub(crate) struct Work {
    /// Whether the log is folded again: what it still holds is held for a reason that may only come later in it.
    pub(crate) again: bool,
    /// Whether nobody spoke of the envelope before it came.
    pub(crate) unheard_of: bool,
    /// Whether nothing is held at the position before the one that came.
    pub(crate) gap: bool,
    /// Whether it came second to its position.
    pub(crate) forks: bool,
    /// Stretches of logs in which a verdict may have changed.
    pub(crate) dirty: Vec<Range>,
    /// Envelopes that are no longer held.
    pub(crate) evicted: Vec<Cursor>,
    /// `keep`s that may have an effect now.
    pub(crate) keeps: Vec<Cursor>,
    /// Author and scope whose `keep`s must be weighed anew, because one of them lost its effect.
    pub(crate) rebuild: BTreeSet<Vec<u8>>,
    /// Logs that may have been broken just now: countersigned heads must be looked for.
    pub(crate) broken: BTreeSet<LogAt>,
    /// Positions that may hold more than they should, once all `keep`s are weighed.
    pub(crate) crowded: BTreeSet<(LogAt, u64)>,
    /// Authors whose checkpoints must be weighed anew.
    pub(crate) recheck: BTreeSet<[u8; 16]>,
}
