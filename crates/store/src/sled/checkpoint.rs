//! The thread that packs rows from memory into pages, so that memory stays bounded and a start has little to fold.
//!
//! Order, and why a crash at any step leaves either the old state or the new one:
//! 1. The log is made durable up to the checkpoint: derived rows must never know more than the log.
//! 2. Few pages: one engine batch with pages and [`Meta`] together. Done.
//! 3. Many pages: the derived rows go to a file ([`redo`]) that is synchronised and renamed into place. From here on a
//!    start reads the new state: pages, whichever were written, under the file's rows.
//! 4. Pages in batches of [`BATCH_PAGES_MAX`]; the last carries `Meta`. Durable rows need no such file: their records
//!    stay until `Meta` says that the pages have them, and are replayed in order.
//! 5. The engine is made durable, then the file goes, then the records.
//!
//! Unfinished derived rows (during a fold after a crash) have no known cursor. When they outgrow memory they are written
//! under a mark in `Meta`, and a start that finds the mark takes a new generation and folds from the beginning.

use super::layout::{Meta, Space, record_key, stale_pages};
use super::pages::{self, PageWrite, Written};
use super::redo::{self, Target};
use super::settings::Point;
use super::shared::{Shared, unwritten};
use crate::family::is_durable;
use crate::layers::Memtable;
use crate::sync::lock;
use bytes::Bytes;
use std::iter::Peekable;
use std::ops::Bound;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};
use tidepool_kernel::StoreError;
use tidepool_views::Cursor;

/// A batch of the engine stalls readers while it is applied: this many pages are about two milliseconds.
const BATCH_PAGES_MAX: usize = 48;

/// Records and stale pages that one batch takes away.
const BATCH_REMOVALS_MAX: usize = 128;

/// How often the thread looks at the age of rows in memory.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// One checkpoint's work.
struct Job {
    rows: Memtable,
    batch: u64,
    head: Cursor,
    /// Whether `rows` bring derived rows up to `head`.
    complete: bool,
}

/// The thread's life.
pub(crate) fn run(shared: &Arc<Shared>) {
    let _farewell = Farewell(shared);
    loop {
        let stopping = wait(shared);
        if stopping && lock(&shared.control).abandoned {
            break;
        }
        let result = {
            let _alone = lock(&shared.checkpointing);
            match take_job(shared) {
                Some(job) => perform(shared, &job).and_then(|()| sweep(shared)),
                None => Ok(()),
            }
        };
        if let Err(error) = result {
            tracing::error!(%error, "checkpoint failed");
            shared.fail(error);
        }
        let mut control = lock(&shared.control);
        control.running = false;
        shared.control_changed.notify_all();
        if stopping {
            break;
        }
    }
}

/// However the thread ends, whoever waits for it hears of it.
struct Farewell<'a>(&'a Shared);

impl Drop for Farewell<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.fail(unwritten("the checkpoint thread died"));
        }
        let mut control = lock(&self.0.control);
        control.running = false;
        control.stop = true;
        self.0.control_changed.notify_all();
    }
}

/// Waits until a checkpoint is due; whether the store is closing.
fn wait(shared: &Shared) -> bool {
    let mut control = lock(&shared.control);
    loop {
        if control.stop || control.wanted {
            control.wanted = false;
            control.running = true;
            return control.stop;
        }
        let every = LOOK_EVERY.min(shared.settings.checkpoint.age);
        let (guard, waited) =
            shared.control_changed.wait_timeout(control, every).unwrap_or_else(PoisonError::into_inner);
        control = guard;
        if waited.timed_out() {
            drop(control);
            let due = is_due_by_age(shared);
            control = lock(&shared.control);
            control.wanted |= due;
        }
    }
}

fn is_due_by_age(shared: &Shared) -> bool {
    let writer = lock(&shared.writer);
    let old = writer.active_since.is_some_and(|since| since.elapsed() >= shared.settings.checkpoint.age);
    old && writer.incomplete.is_none()
}

/// Takes the rows in memory over; `None` when there is nothing to do.
fn take_job(shared: &Shared) -> Option<Job> {
    if shared.failure.get().is_some() {
        return None;
    }
    let mut writer = lock(&shared.writer);
    let complete = writer.incomplete.is_none();
    let meta = *lock(&shared.meta);
    // Rows that were cleared and folded anew may be none: then there is only to say that they are complete.
    let unsaid = meta.unfinished != 0 || meta.derived_upto < writer.now.head;
    let spills = writer.now.active.bytes() >= shared.settings.checkpoint.unfinished_bytes;
    let due = if complete { writer.batch > writer.checkpoint_batch || unsaid } else { spills };
    if !due && (!complete || writer.now.active.is_empty()) {
        return None;
    }
    writer.checkpoint_batch = writer.batch;
    writer.checkpoint_head = writer.now.head;
    writer.active_since = None;
    let rows = std::mem::take(&mut writer.now.active);
    writer.now.frozen = Some(rows.clone());
    shared.outdate();
    Some(Job { rows, batch: writer.batch, head: writer.now.head, complete })
}

fn perform(shared: &Shared, job: &Job) -> Result<(), StoreError> {
    let began = Instant::now();
    shared.flush()?;
    let before = *lock(&shared.meta);
    let after = Meta {
        batch: job.batch,
        head: job.head,
        derived_upto: if job.complete { job.head } else { before.derived_upto },
        generation: before.generation,
        applying: 0,
        unfinished: if job.complete { 0 } else { job.batch },
    };
    let mut writes = Writes::new(shared, &job.rows, before.generation);
    let first = writes.gather()?;
    let pages = if writes.is_done() {
        let pages = first.len();
        let mut batch = ::sled::Batch::default();
        let written = pages::put(&mut batch, first).map_err(unwritten)?;
        put_meta(&mut batch, after)?;
        commit(shared, batch, written)?;
        pages
    } else {
        if job.complete {
            let target = Target { batch: job.batch, derived_upto: job.head, generation: before.generation };
            redo::write(&shared.path, target, &job.rows).map_err(unwritten)?;
            shared.hook(Point::RedoWritten)?;
        }
        apply_in_parts(shared, first, writes, before, after)?
    };
    *lock(&shared.meta) = after;
    shared.engine.write_out().map_err(unwritten)?;
    shared.engine.sync().map_err(unwritten)?;
    shared.hook(Point::PagesWritten)?;
    redo::remove(&shared.path).map_err(unwritten)?;
    {
        // Shown at once, or readers who do not come would hold on to the rows.
        let mut writer = lock(&shared.writer);
        writer.now.frozen = None;
        shared.show(&writer);
    }
    remove_records(shared, before.batch, after.batch)?;
    let ms = began.elapsed().as_millis();
    tracing::debug!(batch = job.batch, head = job.head.0, rows = job.rows.len(), pages, %ms, "checkpoint");
    Ok(())
}

/// Step 4.
fn apply_in_parts(
    shared: &Shared,
    first: Vec<PageWrite>,
    mut writes: Writes<'_>,
    before: Meta,
    after: Meta,
) -> Result<usize, StoreError> {
    // The mark is durable before the first page changes: a start that finds it without the file knows that pages lie.
    let mark = Meta { applying: after.batch, unfinished: before.unfinished.max(after.unfinished), ..before };
    let mut batch = ::sled::Batch::default();
    put_meta(&mut batch, mark)?;
    commit(shared, batch, Vec::new())?;
    shared.engine.write_out().map_err(unwritten)?;
    shared.engine.sync().map_err(unwritten)?;
    if after.unfinished != 0 {
        // Rows that are written early would contradict an older checkpoint's file.
        redo::remove(&shared.path).map_err(unwritten)?;
    }
    let mut part = first;
    let mut pages = 0;
    loop {
        pages += part.len();
        let last = writes.is_done();
        let mut batch = ::sled::Batch::default();
        let written = pages::put(&mut batch, part).map_err(unwritten)?;
        if last {
            put_meta(&mut batch, after)?;
        }
        commit(shared, batch, written)?;
        if last {
            return Ok(pages);
        }
        shared.hook(Point::PagesPartly)?;
        part = writes.gather()?;
    }
}

fn put_meta(batch: &mut ::sled::Batch, meta: Meta) -> Result<(), StoreError> {
    batch.insert(&super::layout::META, meta.seal().map_err(unwritten)?);
    Ok(())
}

fn commit(shared: &Shared, batch: ::sled::Batch, writes: Vec<Written>) -> Result<(), StoreError> {
    shared.engine.apply(batch).map_err(unwritten)?;
    shared.pages.written(writes);
    Ok(())
}

type RowIter<'a> = Box<dyn Iterator<Item = (&'a Bytes, &'a Option<Bytes>)> + 'a>;

/// The pages of a checkpoint, a batch's worth at a time.
struct Writes<'a> {
    shared: &'a Shared,
    generation: u32,
    rows: Peekable<RowIter<'a>>,
}

impl<'a> Writes<'a> {
    fn new(shared: &'a Shared, rows: &'a Memtable, generation: u32) -> Self {
        let rows: RowIter<'a> = Box::new(rows.iter());
        Self { shared, generation, rows: rows.peekable() }
    }

    fn is_done(&mut self) -> bool {
        self.rows.peek().is_none()
    }

    fn gather(&mut self) -> Result<Vec<PageWrite>, StoreError> {
        let mut part = Vec::new();
        while part.len() < BATCH_PAGES_MAX {
            let Some((key, _)) = self.rows.peek() else { break };
            let durable = key.first().is_some_and(|family| is_durable(*family));
            let space = if durable { Space::Durable } else { Space::Derived(self.generation) };
            part.extend(pages::next_page(&self.shared.engine, &self.shared.pages, space, &mut self.rows)?);
        }
        Ok(part)
    }
}

/// Takes away the records whose rows the pages hold.
fn remove_records(shared: &Shared, after: u64, upto: u64) -> Result<(), StoreError> {
    remove(shared, &record_key(after.saturating_add(1)), &record_key(upto.saturating_add(1)))
}

/// Takes away pages of generations that no longer count.
pub(crate) fn sweep(shared: &Shared) -> Result<(), StoreError> {
    let (from, to) = stale_pages(lock(&shared.meta).generation);
    remove(shared, &from, &to)
}

fn remove(shared: &Shared, from: &[u8], to: &[u8]) -> Result<(), StoreError> {
    loop {
        let rows = shared.engine.range(Bound::Included(from), Bound::Excluded(to)).take(BATCH_REMOVALS_MAX);
        let mut batch = ::sled::Batch::default();
        let mut removed = 0;
        for row in rows {
            batch.remove(row?.0);
            removed += 1;
        }
        if removed > 0 {
            shared.engine.apply(batch).map_err(unwritten)?;
        }
        if removed < BATCH_REMOVALS_MAX {
            return Ok(());
        }
    }
}

impl Shared {
    /// Asks for a checkpoint.
    pub(crate) fn want_checkpoint(&self) {
        lock(&self.control).wanted = true;
        self.control_changed.notify_all();
    }

    /// Waits until no checkpoint is asked for or under way.
    pub(crate) fn wait_for_checkpoint(&self) {
        let mut control = lock(&self.control);
        while (control.wanted || control.running) && !control.stop {
            control = self.control_changed.wait(control).unwrap_or_else(PoisonError::into_inner);
        }
    }
}
