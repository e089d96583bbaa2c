//! The ancestors of heads that a `keep` or a countersigned checkpoint names, marked as far down as links are complete.

use super::chain::{evaluate, link};
use super::edit::{Log, logs_from};
use super::place::LogAt;
use super::row::{At, Bits, Named};
use crate::overlay::Overlay;
use crate::port::{Cursor, ReadError};
use crate::void::Range;
use std::collections::BTreeSet;
use tidepool_protocol::body::Head;

/// What marking a path came upon.
#[derive(Debug, Default)]
pub(crate) struct Marked {
    /// `keep`s that are on a kept path since now: they may have an effect.
    pub(crate) keeps: Vec<Cursor>,
    /// The stretches that were marked, newest log first.
    stretches: Vec<Range>,
}

/// Writes down that `head`, in the log `at`, is named, and marks it and its ancestors.
pub(crate) fn name(
    overlay: &mut Overlay<'_>,
    at: LogAt,
    head: &Head,
    kept: bool,
    dirty: &mut Vec<Range>,
) -> Result<Marked, ReadError> {
    let named = Named { kept, seq: head.seq, id: head.id.short() };
    let mut log = Log::load_or_new(overlay, at, head.key, &head.scope)?;
    match log.row.named.binary_search(&named) {
        Ok(_) => return Ok(Marked::default()),
        Err(place) => log.row.named.insert(place, named),
    }
    log.commit(overlay);
    mark(overlay, at, named, dirty)
}

/// Marks an envelope that is a named head or the predecessor of a marked one, and its ancestors.
pub(crate) fn mark(
    overlay: &mut Overlay<'_>,
    at: LogAt,
    named: Named,
    dirty: &mut Vec<Range>,
) -> Result<Marked, ReadError> {
    let bit = if named.kept { Bits::KEPT } else { Bits::COUNTERSIGNED };
    let mut marked = Marked::default();
    let mut wanted = Some((at, named.seq, named.id));
    while let Some((at, top, id)) = wanted.take() {
        let Some(mut log) = Log::load(overlay, at)? else { break };
        let (mut seq, mut id, mut lowest) = (top, id, None);
        while let Some(mut entry) = log.entry(overlay, seq, &id)? {
            if entry.bits.has(bit) {
                break;
            }
            entry.bits = entry.bits.with(bit);
            log.put(overlay, entry)?;
            lowest = Some(seq);
            if named.kept && entry.bits.has(Bits::IS_KEEP) {
                marked.keeps.push(entry.cursor);
            }
            let Some(prev) = entry.prev else { break };
            if seq == 0 {
                wanted = link(overlay, &at, &prev)?.map(|(place, found)| (place, found.seq, found.id));
                break;
            }
            (seq, id) = (seq - 1, prev);
        }
        if let Some(lowest) = lowest {
            log.commit(overlay);
            marked.stretches.push(Range::within(at, lowest, top));
        }
    }
    // Lower epochs first: what a log goes on from is judged before it.
    for stretch in marked.stretches.iter().rev() {
        let clean = Log::load(overlay, stretch.at)?.map_or(u64::MAX, |log| log.row.clean_below());
        if stretch.last >= clean {
            evaluate(overlay, stretch.at, stretch.first.max(clean), stretch.last, dirty)?;
        }
        dirty.push(*stretch);
    }
    Ok(marked)
}

/// Takes every mark of one sort away from the logs whose keys start with `prefix`; says which logs had any.
pub(crate) fn unmark(overlay: &mut Overlay<'_>, prefix: &[u8], kept: bool) -> Result<Vec<LogAt>, ReadError> {
    let bit = if kept { Bits::KEPT } else { Bits::COUNTERSIGNED };
    let logs = logs_from(overlay, prefix, prefix, usize::MAX)?;
    // Marks stand only in lines in which a head is named.
    let is_named = |log: &&Log| log.row.named.iter().any(|named| named.kept == kept);
    let lines: BTreeSet<Vec<u8>> = logs.iter().filter(is_named).map(|log| log.at.line().to_vec()).collect();
    let mut touched = Vec::new();
    for mut log in logs.into_iter().filter(|log| lines.contains(log.at.line())) {
        log.row.named.retain(|named| named.kept != kept);
        let mut next = log.next(overlay, 0)?;
        while let Some(seq) = next {
            for entry in log.entries(overlay, seq)? {
                if entry.bits.has(bit) {
                    log.put(overlay, At { bits: entry.bits.without(bit), ..entry })?;
                }
            }
            next = match seq.checked_add(1) {
                Some(above) => log.next(overlay, above)?,
                None => None,
            };
        }
        touched.push(log.at);
        log.commit(overlay);
    }
    Ok(touched)
}
