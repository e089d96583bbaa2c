//! One log under change: its rows are read as they are needed and written back once.

use super::place::LogAt;
use super::row::{At, CHUNK_POSITIONS, Chunk, LogRow, decode_chunk, encode_chunk};
use crate::codec;
use crate::overlay::Overlay;
use crate::port::{ReadError, Rows};
use crate::rows;
use std::collections::{BTreeMap, BTreeSet};
use tidepool_protocol::{PublicKey, Scope};

/// A log's summary and the chunks that were looked at.
#[derive(Debug)]
pub(crate) struct Log {
    pub(crate) at: LogAt,
    pub(crate) row: LogRow,
    chunks: BTreeMap<u64, Chunk>,
    dirty: BTreeSet<u64>,
}

impl Log {
    pub(crate) fn load(rows: &dyn Rows, at: LogAt) -> Result<Option<Self>, ReadError> {
        let Some(value) = rows.get(&at.row_key())? else { return Ok(None) };
        Ok(Some(Self::open(at, LogRow::decode(&value)?)))
    }

    pub(crate) fn load_or_new(rows: &dyn Rows, at: LogAt, key: PublicKey, scope: &Scope) -> Result<Self, ReadError> {
        match Self::load(rows, at)? {
            Some(log) => Ok(log),
            None => Ok(Self::open(at, LogRow::new(key, scope.clone()))),
        }
    }

    pub(crate) fn open(at: LogAt, mut row: LogRow) -> Self {
        let newest = std::mem::take(&mut row.newest);
        let chunks = BTreeMap::from([(row.tail, newest)]);
        Self { at, row, chunks, dirty: BTreeSet::new() }
    }

    fn chunk(&mut self, rows: &dyn Rows, number: u64) -> Result<&mut Chunk, ReadError> {
        if !self.chunks.contains_key(&number) {
            let chunk = if number > self.row.tail {
                Vec::new()
            } else {
                let value = rows.get(&self.at.chunk_key(number))?;
                value.map(|value| decode_chunk(number, &value)).transpose()?.unwrap_or_default()
            };
            self.chunks.insert(number, chunk);
        }
        Ok(self.chunks.entry(number).or_default())
    }

    /// The envelopes at `seq`, by id.
    pub(crate) fn entries(&mut self, rows: &dyn Rows, seq: u64) -> Result<Vec<At>, ReadError> {
        let chunk = self.chunk(rows, seq / CHUNK_POSITIONS)?;
        let start = chunk.partition_point(|at| at.seq < seq);
        Ok(chunk[start..].iter().take_while(|at| at.seq == seq).copied().collect())
    }

    pub(crate) fn entry(&mut self, rows: &dyn Rows, seq: u64, id: &[u8; 16]) -> Result<Option<At>, ReadError> {
        Ok(self.entries(rows, seq)?.into_iter().find(|at| at.id == *id))
    }

    /// Puts `at` in its place, over an entry of the same id.
    pub(crate) fn put(&mut self, rows: &dyn Rows, at: At) -> Result<(), ReadError> {
        let number = at.seq / CHUNK_POSITIONS;
        let chunk = self.chunk(rows, number)?;
        match chunk.binary_search_by_key(&(at.seq, at.id), |at| (at.seq, at.id)) {
            Ok(place) => chunk[place] = at,
            Err(place) => chunk.insert(place, at),
        }
        self.dirty.insert(number);
        Ok(())
    }

    pub(crate) fn remove(&mut self, rows: &dyn Rows, seq: u64, id: &[u8; 16]) -> Result<(), ReadError> {
        let number = seq / CHUNK_POSITIONS;
        self.chunk(rows, number)?.retain(|at| at.seq != seq || at.id != *id);
        self.dirty.insert(number);
        Ok(())
    }

    /// The lowest position from `seq` on at which anything is held.
    pub(crate) fn next(&mut self, rows: &dyn Rows, seq: u64) -> Result<Option<u64>, ReadError> {
        let mut number = seq / CHUNK_POSITIONS;
        loop {
            let found = self.chunk(rows, number)?.iter().map(|at| at.seq).find(|held| *held >= seq);
            if found.is_some() {
                return Ok(found);
            }
            let Some(next) = self.next_chunk(rows, number)? else { return Ok(None) };
            number = next;
        }
    }

    fn next_chunk(&self, rows: &dyn Rows, behind: u64) -> Result<Option<u64>, ReadError> {
        let ours = self.chunks.range(behind.saturating_add(1)..).find(|(_, chunk)| !chunk.is_empty()).map(|(n, _)| *n);
        let mut theirs = None;
        let (from, to) = (self.at.chunk_key(behind.saturating_add(1)), self.at.chunk_key(u64::MAX));
        rows.scan(&from, &to, &mut |key, _| {
            theirs = key.last_chunk::<8>().map(|number| u64::from_be_bytes(*number));
            // A chunk that is under change here is as we have it, not as the row says.
            theirs.is_some_and(|number| self.chunks.contains_key(&number))
        })?;
        let theirs = theirs.filter(|number| !self.chunks.contains_key(number));
        Ok([ours, theirs].into_iter().flatten().min())
    }

    /// The greatest position at which anything is held.
    pub(crate) fn top(&self) -> Option<At> {
        let newest = self.chunks.iter().rev().find_map(|(_, chunk)| chunk.last())?;
        let chunk = self.chunks.get(&(newest.seq / CHUNK_POSITIONS))?;
        chunk.iter().find(|at| at.seq == newest.seq).copied()
    }

    /// Writes what changed.
    pub(crate) fn commit(mut self, overlay: &mut Overlay<'_>) {
        let tail = self.chunks.iter().rev().find(|(_, chunk)| !chunk.is_empty()).map_or(0, |(number, _)| *number);
        if tail != self.row.tail {
            self.dirty.insert(self.row.tail);
        }
        if tail < self.row.tail {
            overlay.delete(self.at.chunk_key(tail));
        }
        self.row.tail = tail;
        for number in &self.dirty {
            if *number == tail {
                continue;
            }
            let chunk = self.chunks.get(number).map(Vec::as_slice).unwrap_or_default();
            if chunk.is_empty() {
                overlay.delete(self.at.chunk_key(*number));
            } else {
                let mut value = Vec::with_capacity(chunk.len() * 50);
                encode_chunk(*number, chunk, &mut value);
                overlay.put(self.at.chunk_key(*number), value);
            }
        }
        self.row.newest = self.chunks.remove(&tail).unwrap_or_default();
        overlay.put(self.at.row_key(), self.row.encode());
    }
}

/// The logs whose keys start with `prefix`, from `from` on, at most `limit`, with their summaries.
pub(crate) fn logs_from(rows: &dyn Rows, from: &[u8], prefix: &[u8], limit: usize) -> Result<Vec<Log>, ReadError> {
    let start = codec::key(rows::LOG, &[from]);
    let end = codec::prefix_end(&codec::key(rows::LOG, &[prefix]));
    // Mostly there is none, or one is asked for.
    let Some((key, value)) = rows.first(&start, &end)? else { return Ok(Vec::new()) };
    let mut found = vec![(LogAt::from_slice(&key[1..]), value)];
    if limit > 1 {
        rows.scan(&[&key[..], &[0]].concat(), &end, &mut |key, value| {
            found.push((LogAt::from_slice(&key[1..]), value.clone()));
            found.len() < limit
        })?;
    }
    let mut logs = Vec::with_capacity(found.len());
    for (at, value) in found {
        let at = at.ok_or_else(|| codec::damaged(rows::LOG, "its key"))?;
        logs.push(Log::open(at, LogRow::decode(&value)?));
    }
    Ok(logs)
}
