//! Opening a directory: whose it is, whether the engine can read it, and what of it is true.

use super::engine::{Engine, EngineOpenError, suspect_path};
use super::error::OpenError;
use super::layout::{META, Meta, Record, number_of, record_key};
use super::marker::{Acknowledged, Marker};
use super::quarantine::{self, OnDamage};
use super::redo;
use super::settings::OpenSettings;
use super::shared::{Shared, View, Writer};
use super::tail::Tail;
use crate::frames::FrameError;
use crate::layers::Memtable;
use std::fs;
use std::io::Write;
use std::ops::Bound;
use std::path::Path;
use std::time::{Duration, Instant};
use tidepool_protocol::NetworkId;
use tidepool_views::{Cursor, ReadError};

/// The newest layout that this program reads, and the one that it writes. 2: derived rows about one envelope stand under
/// its spot. 3: settings name a grant, and moderation is folded. Derived rows of older versions are computed again.
pub(crate) const FORMAT_VERSION: u32 = 3;

const FORMAT_FILE: &str = "FORMAT";
/// The engine's own directory.
const ENGINE_DIR: &str = "sled";

const FORMAT_MARK: &str = "tidepool-store";

/// How often a directory in use is tried again.
pub(super) const LOCK_RETRY: Duration = Duration::from_millis(20);

pub(crate) fn open(path: &Path, settings: &OpenSettings) -> Result<Shared, OpenError> {
    if settings.on_damage == OnDamage::PutAside {
        if !path.join(FORMAT_FILE).exists() {
            quarantine::carry_over(path, settings)?;
        }
        quarantine::remind(path);
    }
    let is_older = check_format(path, settings.network)? < FORMAT_VERSION;
    let tail = Tail::read(&path.join(ENGINE_DIR)).map_err(OpenError::io(path))?;
    let engine = open_engine(path, settings, tail.as_ref())?;
    let (marker, acknowledged) = Marker::open(&path.join("acknowledged")).map_err(OpenError::io(path))?;
    let recovered = match suspect_path(path).exists() && settings.on_damage == OnDamage::PutAside {
        // Derived rows heal by a fold. Whether anything else is damaged must be known before the node says that it serves.
        true => quarantine::check(&engine).and_then(|()| recover(path, settings, &engine, (acknowledged, is_older))),
        false => recover(path, settings, &engine, (acknowledged, is_older)),
    };
    match recovered {
        Ok(Recovered::Whole(state)) => {
            settle_suspicion(path, &engine, state.meta).map_err(OpenError::io(path))?;
            if is_older {
                upgrade(path, &engine, state.meta, settings.network).map_err(OpenError::io(path))?;
            }
            Ok(Shared::new(engine, path.to_owned(), settings.clone(), (marker, state.meta, state.writer)))
        }
        Ok(Recovered::TailLost(state)) if tail.as_ref().is_some_and(|tail| tail.goes_beyond(state.writer.now.head)) => {
            drop(engine);
            put_back(path, tail.as_ref());
            let reason = format!("what stands behind cursor {} of the log cannot be read", state.writer.now.head.0);
            Err(quarantine::damaged(path, settings, &reason))
        }
        Ok(Recovered::TailLost(state)) if settings.accept_lost_tail => {
            let state = accept_lost_tail(path, &engine, state, acknowledged)?;
            let mut marker = marker;
            let found = Acknowledged { batch: state.writer.batch, cursor: state.writer.now.head };
            marker.reset(found).map_err(OpenError::io(path))?;
            Ok(Shared::new(engine, path.to_owned(), settings.clone(), (marker, state.meta, state.writer)))
        }
        Ok(Recovered::TailLost(state)) => {
            let found = Acknowledged { batch: state.writer.batch, cursor: state.writer.now.head };
            drop(engine);
            put_back(path, tail.as_ref());
            Err(OpenError::TailLost { path: path.to_owned(), acknowledged, found })
        }
        Err(error) => {
            drop(engine);
            put_back(path, tail.as_ref());
            Err(quarantine::damaged(path, settings, &error.reason))
        }
    }
}

/// Reads the mark of a directory that must be a store already.
pub(super) fn check_existing(path: &Path, network: NetworkId) -> Result<(), OpenError> {
    if path.join(FORMAT_FILE).exists() {
        check_format(path, network).map(drop)
    } else {
        Err(OpenError::Foreign { path: path.to_owned() })
    }
}

fn hex(network: NetworkId) -> String {
    network.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads the mark of the directory, or makes it in an empty one. Its version.
fn check_format(path: &Path, network: NetworkId) -> Result<u32, OpenError> {
    let file = path.join(FORMAT_FILE);
    let network = hex(network);
    match fs::read_to_string(&file) {
        Ok(text) => {
            let foreign = || OpenError::Foreign { path: path.to_owned() };
            let mut words = text.split_whitespace();
            let (mark, version, found) = (words.next(), words.next(), words.next());
            if mark != Some(FORMAT_MARK) {
                return Err(foreign());
            }
            let version: u32 = version.and_then(|version| version.parse().ok()).ok_or_else(foreign)?;
            if version > FORMAT_VERSION {
                let path = path.to_owned();
                return Err(OpenError::NewerVersion { path, found: version, supported: FORMAT_VERSION });
            }
            let found = found.ok_or_else(foreign)?.to_owned();
            if found == network {
                Ok(version)
            } else {
                Err(OpenError::OtherNetwork { path: path.to_owned(), found, expected: network })
            }
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            fs::create_dir_all(path).map_err(OpenError::io(path))?;
            let mut entries = fs::read_dir(path).map_err(OpenError::io(path))?;
            if entries.next().is_some() {
                return Err(OpenError::Foreign { path: path.to_owned() });
            }
            let text = format!("{FORMAT_MARK} {FORMAT_VERSION} {network}\n");
            let written = fs::File::create(&file)
                .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
                .and_then(|()| fs::File::open(path)?.sync_all());
            written.map(|()| FORMAT_VERSION).map_err(OpenError::io(file))
        }
        Err(error) if error.kind() == std::io::ErrorKind::InvalidData => {
            Err(OpenError::Foreign { path: path.to_owned() })
        }
        Err(error) => Err(OpenError::io(file)(error)),
    }
}

fn open_engine(path: &Path, settings: &OpenSettings, tail: Option<&Tail>) -> Result<Engine, OpenError> {
    let began = Instant::now();
    loop {
        match Engine::open(&path.join(ENGINE_DIR), settings.cache_capacity) {
            Ok(engine) => return Ok(engine),
            // A handle that was just dropped lets go a moment later, in the engine's own threads.
            Err(EngineOpenError::InUse) if began.elapsed() < settings.lock_wait => std::thread::sleep(LOCK_RETRY),
            Err(EngineOpenError::InUse) => return Err(OpenError::InUse { path: path.to_owned() }),
            Err(EngineOpenError::Io(error)) => return Err(OpenError::io(path)(error)),
            Err(EngineOpenError::Damaged(reason)) => {
                put_back(path, tail);
                return Err(quarantine::damaged(path, settings, &reason));
            }
        }
    }
}

/// What an opening that came to nothing wrote over; whoever mends needs it.
fn put_back(path: &Path, tail: Option<&Tail>) {
    if let Some(tail) = tail
        && let Err(error) = tail.put_back(&path.join(ENGINE_DIR))
    {
        tracing::error!(path = %path.display(), %error, "the engine's newest segments could not be put back as they were");
    }
}

struct State {
    meta: Meta,
    writer: Writer,
}

enum Recovered {
    Whole(State),
    TailLost(State),
}

fn damaged(what: &str, error: impl std::fmt::Display) -> ReadError {
    ReadError { reason: format!("{what}: {error}") }
}

/// Finds the last batch, replays durable rows that are in no page yet, and decides what derived rows are worth.
fn recover(
    path: &Path,
    settings: &OpenSettings,
    engine: &Engine,
    (acknowledged, is_older): (Acknowledged, bool),
) -> Result<Recovered, ReadError> {
    let meta = engine.get(&META)?;
    let mut meta = match meta {
        Some(sealed) => Meta::open(&sealed).map_err(|error| damaged("the store's own row", error))?,
        None => Meta::default(),
    };
    let mut active = Memtable::default();
    let (mut batch, mut head) = (meta.batch, meta.head);
    let records = engine
        .range(Bound::Included(&record_key(meta.batch.saturating_add(1))), Bound::Included(&record_key(u64::MAX)));
    for row in records {
        let (key, sealed) = row?;
        let number = number_of(&key).unwrap_or_default();
        if number != batch + 1 {
            return Err(damaged("the records of batches", format!("{number} follows {batch}")));
        }
        let record = Record::open(&sealed).map_err(|error| damaged("a batch's record", error))?;
        (batch, head) = (number, head.max(record.head));
        for row in &record.rows {
            active.apply(row);
        }
    }
    let lost = batch < acknowledged.batch;
    if is_older {
        tracing::warn!("the store is of an older layout; derived rows are computed again");
    }
    let derived_upto = derived_state(path, &mut meta, &mut active, (batch, head), lost || is_older)?;
    let writer = Writer {
        active_since: (!active.is_empty()).then(Instant::now),
        now: View { active, frozen: None, generation: meta.generation, head },
        batch,
        incomplete: Some(derived_upto).filter(|upto| *upto < head),
        checkpoint_head: meta.derived_upto,
        checkpoint_batch: meta.batch,
    };
    tracing::info!(
        path = %path.display(), network = ?settings.network, batch, head = head.0, derived_upto = derived_upto.0,
        "store is open"
    );
    let state = State { meta, writer };
    Ok(if lost { Recovered::TailLost(state) } else { Recovered::Whole(state) })
}

/// Up to where derived rows are true. A new generation, which forgets them all, whenever that is not certain.
fn derived_state(
    path: &Path,
    meta: &mut Meta,
    active: &mut Memtable,
    (batch, head): (u64, Cursor),
    untrue: bool,
) -> Result<Cursor, ReadError> {
    let redo = match redo::read(path) {
        Ok(redo) => redo,
        Err(FrameError::Io(error)) => return Err(damaged("the checkpoint file", error)),
        Err(error) => {
            tracing::warn!(%error, "the checkpoint file is not usable; derived rows are computed again");
            None
        }
    };
    let redo = redo.filter(|(target, _)| {
        target.generation == meta.generation
            && target.batch > meta.batch.max(meta.unfinished)
            && target.batch <= batch
            && target.derived_upto <= head
    });
    let suspect = suspect_path(path).exists();
    if suspect {
        tracing::warn!("something could not be read back; derived rows are computed again");
    }
    let certain = !untrue && !suspect && meta.derived_upto <= head;
    match redo {
        Some((target, rows)) if certain => {
            for row in &rows {
                active.apply(row);
            }
            Ok(target.derived_upto)
        }
        None if certain && meta.applying == 0 && meta.unfinished == 0 => Ok(meta.derived_upto),
        Some(_) | None => {
            meta.generation = meta.generation.saturating_add(1);
            meta.derived_upto = Cursor::START;
            meta.applying = 0;
            meta.unfinished = 0;
            Ok(Cursor::START)
        }
    }
}

/// Makes the new generation durable that an older layout led to, then says that the directory is of this one.
fn upgrade(path: &Path, engine: &Engine, meta: Meta, network: NetworkId) -> std::io::Result<()> {
    put_meta(engine, meta)?;
    let (file, fresh) = (path.join(FORMAT_FILE), path.join("FORMAT.new"));
    let mut written = fs::File::create(&fresh)?;
    written.write_all(format!("{FORMAT_MARK} {FORMAT_VERSION} {}\n", hex(network)).as_bytes())?;
    written.sync_all()?;
    fs::rename(fresh, file)?;
    fs::File::open(path)?.sync_all()
}

fn put_meta(engine: &Engine, meta: Meta) -> std::io::Result<()> {
    let mut batch = ::sled::Batch::default();
    batch.insert(&META, meta.seal().map_err(std::io::Error::other)?);
    engine.apply(batch).map_err(std::io::Error::other)?;
    engine.write_out().map_err(std::io::Error::other)?;
    engine.sync()
}

/// Makes the new generation durable that a suspicion led to, and forgets the suspicion.
fn settle_suspicion(path: &Path, engine: &Engine, meta: Meta) -> std::io::Result<()> {
    let suspect = suspect_path(path);
    if !suspect.exists() {
        return Ok(());
    }
    put_meta(engine, meta)?;
    fs::remove_file(suspect)
}

/// Goes on behind the lost cursors, so that none is used twice, and computes derived rows anew.
fn accept_lost_tail(
    path: &Path,
    engine: &Engine,
    mut state: State,
    acknowledged: Acknowledged,
) -> Result<State, OpenError> {
    tracing::warn!(path = %path.display(), acknowledged = acknowledged.cursor.0, "going on without the lost tail");
    let io = |error: String| OpenError::io(path)(std::io::Error::other(error));
    state.writer.now.head = state.writer.now.head.max(acknowledged.cursor);
    state.writer.batch = state.writer.batch.max(acknowledged.batch);
    state.writer.incomplete = Some(Cursor::START).filter(|_| state.writer.now.head > Cursor::START);
    // The rows of records that are there are still in memory only; their records must go on counting.
    let mut batch = ::sled::Batch::default();
    // Peers may hold what was lost, so no log goes on from what is left.
    let restored = tidepool_kernel::restored_row(state.writer.now.head, crate::transfer::now());
    let sealed = Record::seal(state.writer.now.head, std::slice::from_ref(&restored));
    let sealed = sealed.map_err(|error| io(error.to_string()))?;
    state.writer.now.active.apply(&restored);
    for number in state.meta.batch + 1..=state.writer.batch {
        let key = record_key(number);
        let present = engine.get(&key).map_err(|error| io(error.reason))?;
        if present.is_none() {
            batch.insert(&key, sealed.clone());
        }
    }
    batch.insert(&META, state.meta.seal().map_err(|error| io(error.to_string()))?);
    engine.apply(batch).map_err(|error| io(error.reason))?;
    engine.write_out().map_err(|error| io(error.reason))?;
    engine.sync().map_err(OpenError::io(path))?;
    Ok(state)
}
