//! Reads what can be read in a damaged directory, and makes a new store of it.
//!
//! Of the log that is what stands before the first thing that cannot be read: an envelope is admitted on the strength of
//! those before it, and a log with a hole would be judged wrongly for ever. Peers bring the rest. Durable rows are taken
//! one page and one record at a time, each by its check sum, so that one bad leaf costs the accounts in it and no others;
//! where the engine does not find its way through its files, from their bytes ([`carve`]).
//! The new log goes on behind the last cursor that the old one gave out, and opens new logs, as after a lost tail.

use super::carve;
use super::engine::{Engine, EngineOpenError};
use super::layout::{BLOCKS, DURABLE, META, Meta, RECORDS, Record, Space, number_of, record_key};
use super::marker::{Acknowledged, Marker};
use super::reader::decode_block;
use super::settings::OpenSettings;
use super::store::SledStore;
use super::tail::Tail;
use crate::codec::{self, CodecError, take_bytes};
use crate::family::{Parts, is_durable};
use crate::transfer::{TransferError, io, make};
use std::fs;
use std::ops::Bound;
use std::path::Path;
use std::time::Instant;
use tidepool_kernel::Batch;
use tidepool_views::{Cursor, ReadError, RowWrite, Stored};

/// Faults that are told in words; the others are counted.
const FAULTS_MAX: usize = 20;

/// Rows that are written at once.
const ROWS_AT_ONCE: usize = 512;

/// What came over from a damaged directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Salvaged {
    /// Envelopes.
    pub envelopes: u64,
    /// Durable rows: accounts, key hashes, sealed keys.
    pub rows: u64,
    /// The last cursor that the damaged store gave out, as far as it can be told: the new log goes on behind it.
    pub head: Cursor,
    /// How many places could not be read.
    pub fault_count: u64,
    /// The first of them, in words.
    pub faults: Vec<String>,
}

impl Salvaged {
    fn fault(&mut self, fault: String) {
        self.fault_count += 1;
        if self.faults.len() < FAULTS_MAX {
            self.faults.push(fault);
        }
    }
}

/// Makes a new store at `to` of what can be read in `from`, which stays as it is but for the engine's own recovery.
///
/// # Errors
/// When `from` is no store of this network, or `to` is taken or cannot be written.
pub fn salvage(from: &Path, to: &Path, settings: &OpenSettings) -> Result<Salvaged, TransferError> {
    super::open::check_existing(from, settings.network)?;
    let mut salvaged = Salvaged::default();
    let (_, acknowledged) = Marker::open(&from.join("acknowledged")).map_err(io(from))?;
    let Opened { engine, carved } = open_engine(from, settings, acknowledged, &mut salvaged)?;
    make(to, |beside| {
        let store = SledStore::open(beside, settings)?;
        store.lacks_derived();
        salvaged.head = acknowledged.cursor;
        if let Some(engine) = &engine {
            log(engine, &store, &mut salvaged)?;
        }
        match (&engine, &carved) {
            (Some(engine), None) => {
                let meta = meta(engine, &mut salvaged);
                salvaged.head = salvaged.head.max(meta.head);
                pages(engine, &store, &mut salvaged)?;
                records(engine, &store, (meta.batch, acknowledged.batch), &mut salvaged)?;
            }
            (_, Some(rows)) => write(&store, rows, &mut salvaged)?,
            (None, None) => {}
        }
        let own = store.last_batch();
        store.close()?;
        // The old head was acknowledged and the new store lacks it: that is a lost tail, which is accepted here.
        let lost = Acknowledged { batch: own + 1, cursor: salvaged.head };
        let marker = beside.join("acknowledged");
        Marker::open(&marker).and_then(|(mut marker, _)| marker.reset(lost)).map_err(io(&marker))?;
        SledStore::open(beside, &OpenSettings { accept_lost_tail: true, ..settings.clone() })?.close()?;
        Ok(())
    })?;
    Ok(salvaged)
}

/// The engine as far as it opened, and what was found in its files if it did not open as they are.
#[derive(Default)]
struct Opened {
    engine: Option<Engine>,
    carved: Option<Vec<RowWrite>>,
}

/// Opens the engine. If it does not open, durable rows are carved out of its files first, because then it is opened without
/// its snapshot: it finds a part of the log in that way, and throws away what it does not find.
fn open_engine(
    from: &Path,
    settings: &OpenSettings,
    acknowledged: Acknowledged,
    salvaged: &mut Salvaged,
) -> Result<Opened, TransferError> {
    let path = from.join("sled");
    let began = Instant::now();
    let mut opened = Opened::default();
    let tail = Tail::read(&path).map_err(io(&path))?;
    loop {
        match Engine::open(&path, settings.cache_capacity) {
            Ok(engine) if opened.carved.is_some() || last_batch(&engine) >= acknowledged.batch => {
                return Ok(Opened { engine: Some(engine), ..opened });
            }
            Ok(engine) => {
                drop(engine);
                salvaged.fault("the engine's log ends before what was acknowledged".to_owned());
                opened.carved = Some(carve_whole(&path, tail.as_ref())?);
            }
            Err(EngineOpenError::InUse) if began.elapsed() < settings.lock_wait => {
                std::thread::sleep(super::open::LOCK_RETRY);
            }
            Err(EngineOpenError::InUse) => {
                return Err(super::error::OpenError::InUse { path: from.to_owned() }.into());
            }
            Err(EngineOpenError::Io(error)) => return Err(io(&path)(error)),
            Err(EngineOpenError::Damaged(reason)) if opened.carved.is_none() => {
                salvaged.fault(format!("the engine's index: {reason}"));
                opened.carved = Some(carve_whole(&path, tail.as_ref())?);
                set_snapshots_aside(&path).map_err(io(&path))?;
            }
            Err(EngineOpenError::Damaged(reason)) => {
                salvaged.fault(format!("the engine's files: {reason}"));
                return Ok(opened);
            }
        }
    }
}

/// Durable rows out of the files as they were before the engine wrote over their end.
fn carve_whole(path: &Path, tail: Option<&Tail>) -> Result<Vec<RowWrite>, TransferError> {
    if let Some(tail) = tail {
        tail.put_back(path).map_err(io(path))?;
    }
    carve::durable_rows(path).map_err(io(path))
}

/// The last batch that the engine knows of; 0 when it cannot tell.
fn last_batch(engine: &Engine) -> u64 {
    let meta = engine.get(&META).ok().flatten().and_then(|sealed| Meta::open(&sealed).ok()).unwrap_or_default();
    let last = engine.at_or_before(&[RECORDS], &record_key(u64::MAX)).ok().flatten();
    last.and_then(|(key, _)| number_of(&key)).unwrap_or_default().max(meta.batch)
}

/// What the engine noted of its files at its last start; without it, it reads them anew.
fn set_snapshots_aside(path: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with("snap.") {
            fs::rename(entry.path(), path.join(format!("aside-{name}")))?;
        }
    }
    Ok(())
}

fn meta(engine: &Engine, salvaged: &mut Salvaged) -> Meta {
    let found = engine.get(&META).map_err(|error| error.reason);
    let read = found.and_then(|sealed| match sealed {
        Some(sealed) => Meta::open(&sealed).map_err(|error| error.to_string()),
        None => Ok(Meta::default()),
    });
    read.unwrap_or_else(|error| {
        salvaged.fault(format!("the store's own row: {error}"));
        Meta::default()
    })
}

fn log(engine: &Engine, store: &SledStore, salvaged: &mut Salvaged) -> Result<(), TransferError> {
    let (from, to) = ([BLOCKS], [BLOCKS + 1]);
    let mut last = Cursor::START;
    for row in engine.range(Bound::Included(&from), Bound::Excluded(&to)) {
        let read = row.and_then(|(key, value)| {
            let block = decode_block(&key, &value)?;
            block.entries.iter().map(|entry| entry.stored()).collect::<Result<Vec<Stored>, ReadError>>()
        });
        match read {
            Ok(stored) => {
                for part in stored.chunks(Batch::ENVELOPES_MAX) {
                    store.append_parts(Parts { stored: part, ..Parts::default() })?;
                }
                salvaged.envelopes += stored.len() as u64;
                last = stored.last().map_or(last, |stored| stored.cursor);
            }
            Err(error) => {
                salvaged.fault(format!("the log behind cursor {}: {}", last.0, error.reason));
                break;
            }
        }
    }
    salvaged.head = salvaged.head.max(last);
    Ok(())
}

/// The rows of a page of durable rows.
pub(crate) fn page_rows(sealed: &[u8]) -> Result<Vec<RowWrite>, CodecError> {
    let mut raw = codec::open(sealed)?;
    let mut rows = Vec::new();
    while !raw.is_empty() {
        let (key, value) = (take_bytes(&mut raw)?, take_bytes(&mut raw)?);
        rows.push(RowWrite { key, value: Some(value) });
    }
    Ok(rows)
}

fn write(store: &SledStore, rows: &[RowWrite], salvaged: &mut Salvaged) -> Result<(), TransferError> {
    let durable = |row: &&RowWrite| row.key.first().is_some_and(|family| is_durable(*family));
    let rows: Vec<RowWrite> = rows.iter().filter(durable).cloned().collect();
    for part in rows.chunks(ROWS_AT_ONCE) {
        store.append_parts(Parts { durable: part, ..Parts::default() })?;
    }
    salvaged.rows += rows.len() as u64;
    Ok(())
}

/// All pages of durable rows. Where the engine gives up, reading goes on at the next of 256 places in each family: keys
/// are spread over them, because behind the family most begin with a hash or an id.
fn pages(engine: &Engine, store: &SledStore, salvaged: &mut Salvaged) -> Result<(), TransferError> {
    let end = [DURABLE + 1];
    let mut from = Space::Durable.key(&[]);
    loop {
        let mut failed = false;
        for row in engine.range(Bound::Included(&from), Bound::Excluded(&end)) {
            match row {
                Ok((key, value)) => {
                    match page_rows(&value) {
                        Ok(rows) => write(store, &rows, salvaged)?,
                        Err(error) => salvaged.fault(format!("the page of durable rows at {key:02x?}: {error}")),
                    }
                    from = key.to_vec();
                    from.push(0);
                }
                Err(error) => {
                    salvaged.fault(format!("durable rows from {from:02x?} on: {}", error.reason));
                    failed = true;
                    break;
                }
            }
        }
        match next_place(&from) {
            Some(next) if failed => from = next,
            Some(_) | None => return Ok(()),
        }
    }
}

/// The first engine key of three bytes behind `from` in the space of durable rows.
fn next_place(from: &[u8]) -> Option<Vec<u8>> {
    let (family, byte) = (from.get(1).copied().unwrap_or_default(), from.get(2).copied());
    let (family, byte) = match byte {
        None => (family, 0),
        Some(u8::MAX) => (family.checked_add(1)?, 0),
        Some(byte) => (family, byte + 1),
    };
    let family =
        if byte == 0 && !is_durable(family) { (family..=u8::MAX).find(|family| is_durable(*family))? } else { family };
    Some(vec![DURABLE, family, byte])
}

/// Rows that no checkpoint had packed yet, in their order; they go over those of the pages.
fn records(
    engine: &Engine,
    store: &SledStore,
    (packed, acknowledged): (u64, u64),
    salvaged: &mut Salvaged,
) -> Result<(), TransferError> {
    let end = [RECORDS + 1];
    let mut next = packed.saturating_add(1);
    let mut step = 1;
    loop {
        let mut failed = false;
        for row in engine.range(Bound::Included(&record_key(next)), Bound::Excluded(&end)) {
            let read = row.map(|(key, value)| {
                let record = Record::open(&value).map_err(|error| error.to_string());
                (number_of(&key).unwrap_or(next), record)
            });
            match read {
                Ok((number, record)) => {
                    (next, step) = (number.saturating_add(1), 1);
                    match record {
                        Ok(record) => {
                            salvaged.head = salvaged.head.max(record.head);
                            write(store, &record.rows, salvaged)?;
                        }
                        Err(error) => salvaged.fault(format!("the record of batch {number}: {error}")),
                    }
                }
                Err(error) => {
                    salvaged.fault(format!("the records from batch {next} on: {}", error.reason));
                    failed = true;
                    break;
                }
            }
        }
        if !failed || next > acknowledged {
            return Ok(());
        }
        // A leaf holds some records: steps that double find its end soon.
        next = next.saturating_add(step);
        step *= 2;
    }
}
