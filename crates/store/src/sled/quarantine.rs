//! Damaged directories: put aside when a node's start finds one, and carried over by the start after that.
//!
//! The two are apart because an engine that died of damaged bytes is not to be trusted in the same process again. A mark
//! in the directory says that it was not carried over yet. It goes before the attempt: whatever happens to an attempt,
//! the start after it does not repeat it, so that no service manager turns in circles.

use super::engine::Engine;
use super::error::OpenError;
use super::layout::{BLOCKS, DERIVED, DURABLE, RECORDS, Record};
use super::reader::decode_block;
use super::salvage::{self, page_rows};
use super::settings::OpenSettings;
use std::fs;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use tidepool_views::ReadError;

/// In a directory that was put aside and not carried over yet: why it was.
const MARK: &str = "to-be-salvaged";

/// What a start does with a damaged directory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnDamage {
    /// Moves it aside; the start after that makes a new store of what can be read in it.
    #[default]
    PutAside,
    /// Leaves it where it is: for commands that only look.
    Leave,
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    path.with_file_name(format!("{name}.{ending}"))
}

/// Deals with a directory that cannot be read as `settings` say.
pub(crate) fn damaged(path: &Path, settings: &OpenSettings, reason: &str) -> OpenError {
    if settings.on_damage == OnDamage::Leave {
        return OpenError::Unreadable { path: path.to_owned(), reason: reason.to_owned() };
    }
    let free = (1_u32..).map(|n| beside(path, &format!("quarantined-{n}"))).find(|to| !to.exists());
    let quarantined = free.unwrap_or_else(|| beside(path, "quarantined"));
    tracing::error!(path = %path.display(), quarantined = %quarantined.display(), reason, "store is damaged");
    let moved = fs::write(path.join(MARK), reason).and_then(|()| fs::rename(path, &quarantined));
    match moved {
        Ok(()) => OpenError::Damaged { quarantined, reason: reason.to_owned() },
        Err(error) => OpenError::io(path)(error),
    }
}

/// The directories that were put aside for `path`, oldest first.
fn put_aside(path: &Path) -> Vec<PathBuf> {
    (1_u32..).map(|n| beside(path, &format!("quarantined-{n}"))).take_while(|to| to.exists()).collect()
}

/// Makes a store at `path` of what can be read in the directory that was put aside last, if that waits for it.
pub(crate) fn carry_over(path: &Path, settings: &OpenSettings) -> Result<(), OpenError> {
    let Some(from) = put_aside(path).pop().filter(|from| from.join(MARK).exists()) else { return Ok(()) };
    fs::rename(from.join(MARK), from.join("salvaged")).map_err(OpenError::io(&from))?;
    match salvage::salvage(&from, path, settings) {
        Ok(salvaged) => tracing::warn!(
            from = %from.display(), envelopes = salvaged.envelopes, rows = salvaged.rows, head = salvaged.head.0,
            faults = salvaged.fault_count, first_fault = salvaged.faults.first().map_or("", String::as_str),
            "made a new store of what could be read in the damaged one; peers bring back what is missing"
        ),
        // The start goes on with an empty store; what was put aside stays for `tidepool salvage`.
        Err(error) => tracing::error!(
            from = %from.display(), %error,
            "nothing could be carried over from the damaged store: this node begins empty, agents at home here are gone \
             unless an export or backup is restored"
        ),
    }
    Ok(())
}

/// Says that something is put aside: it may hold what only this node had, and takes room.
pub(crate) fn remind(path: &Path) {
    for quarantined in put_aside(path) {
        tracing::warn!(
            quarantined = %quarantined.display(),
            "a damaged store was put aside before; `tidepool salvage` reads what is in it; take it away when it is not needed"
        );
    }
}

/// Reads everything that a fold does not give again, and the keys of everything else: the first thing that does not hold.
pub(crate) fn check(engine: &Engine) -> Result<(), ReadError> {
    let whole = |from: u8| {
        engine.range(Bound::Included(&[from][..]), Bound::Excluded(&[from + 1][..])).map(move |row| (from, row))
    };
    for (space, row) in [BLOCKS, DERIVED, DURABLE, RECORDS].into_iter().flat_map(whole) {
        let (key, value) = row?;
        let broken = |error| ReadError { reason: format!("the value at {key:02x?}: {error}") };
        match space {
            BLOCKS => {
                decode_block(&key, &value)?;
            }
            // Folded again anyway.
            DERIVED => {}
            DURABLE => {
                page_rows(&value).map_err(broken)?;
            }
            _ => {
                Record::open(&value).map_err(broken)?;
            }
        }
    }
    Ok(())
}
