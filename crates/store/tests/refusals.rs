//! Directories that are no usable store, disks that are full, and an engine that fails: each says what was seen and what
//! to do, and nothing is taken after it.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use support::*;
use tempfile::TempDir;
use tidepool_kernel::{Store, StoreError, restored_mark};
use tidepool_protocol::NetworkId;
use tidepool_store::{FreeSpace, Hook, OpenError, OpenSettings, Point, SledStore, verify};
use tidepool_views::{Cursor, Rows};

/// A closed store of heavy rows, with all that a checkpoint leaves.
fn closed_store(envelopes: u64) -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    let mut store = SledStore::open(&path, &settings()).unwrap();
    for first in (1..=envelopes).step_by(20) {
        append_heavy(&mut store, first..=(first + 19).min(envelopes)).unwrap();
        store.flusher()().unwrap();
    }
    store.close().unwrap();
    (directory, path)
}

/// A store that was killed: a checkpoint at half of its envelopes, then one acknowledged batch for each.
fn killed_store(envelopes: u64) -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    let mut store = SledStore::open(&path, &settings()).unwrap();
    append_heavy(&mut store, 1..=envelopes / 2).unwrap();
    store.checkpoint().unwrap();
    for cursor in envelopes / 2 + 1..=envelopes {
        append_heavy(&mut store, cursor..=cursor).unwrap();
        store.flusher()().unwrap();
    }
    store.abandon();
    (directory, path)
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.metadata().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[track_caller]
fn refusal(path: &Path, settings: &OpenSettings, words: &[&str]) -> OpenError {
    let Err(error) = SledStore::open(path, settings) else { panic!("it opened") };
    let said = error.to_string();
    for word in words {
        assert!(said.contains(word), "{said:?} does not say {word:?}");
    }
    error
}

#[test]
fn a_directory_of_another_network_is_refused_and_both_are_named() {
    let (_directory, path) = closed_store(5);
    let other = OpenSettings { network: NetworkId([8; 8]), ..settings() };
    let error = refusal(&path, &other, &["0707070707070707", "0808080808080808", "--data-dir"]);
    assert!(matches!(error, OpenError::OtherNetwork { .. }));
    SledStore::open(&path, &settings()).unwrap();
}

#[test]
fn a_directory_of_a_newer_version_is_refused_and_both_are_named() {
    let (_directory, path) = closed_store(5);
    let format = fs::read_to_string(path.join("FORMAT")).unwrap();
    fs::write(path.join("FORMAT"), format.replacen(" 3 ", " 9 ", 1)).unwrap();
    let error = refusal(&path, &settings(), &["format 9", "up to 3"]);
    assert!(matches!(error, OpenError::NewerVersion { found: 9, supported: 3, .. }));
}

#[test]
fn a_directory_of_something_else_is_refused_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("thesis.txt"), "years of work").unwrap();
    assert!(matches!(refusal(directory.path(), &settings(), &["not empty"]), OpenError::Foreign { .. }));
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    for mark in ["", "\u{fffd}", "tidepool-store", "tidepool-store x", "tidepool-store 1", "something 1 00"] {
        fs::write(directory.path().join("FORMAT"), mark).unwrap();
        assert!(matches!(refusal(directory.path(), &settings(), &[]), OpenError::Foreign { .. }), "{mark:?}");
    }
    fs::write(directory.path().join("FORMAT"), [0xff, 0xfe]).unwrap();
    assert!(matches!(refusal(directory.path(), &settings(), &[]), OpenError::Foreign { .. }));
}

#[test]
fn a_directory_in_use_is_refused_until_it_is_let_go() {
    let (_directory, path) = closed_store(5);
    let first = SledStore::open(&path, &settings()).unwrap();
    let impatient = OpenSettings { lock_wait: Duration::ZERO, ..settings() };
    assert!(matches!(refusal(&path, &impatient, &["in use", "--data-dir"]), OpenError::InUse { .. }));
    drop(first);
    SledStore::open(&path, &settings()).unwrap();
}

#[test]
fn a_disk_near_its_end_stops_writing_before_it_is_full() {
    let free = Arc::new(AtomicU64::new(1_000));
    let probe = Arc::clone(&free);
    let mut settings = OpenSettings { reserve_bytes: 500, ..settings() };
    settings.free_space = FreeSpace(Arc::new(move |_| Ok(probe.load(Ordering::SeqCst))));
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    let mut store = SledStore::open(&path, &settings).unwrap();
    append_heavy(&mut store, 1..=5).unwrap();
    free.store(499, Ordering::SeqCst);
    let full = StoreError::DiskFull { free: 499, reserve: 500 };
    assert_eq!(append_heavy(&mut store, 6..=7), Err(full.clone()));
    assert_eq!(store.head(), Cursor(5));
    // What came before can still be made durable; nothing more is taken, even when there is room again.
    assert_eq!(store.flusher()(), Ok(Cursor(5)));
    free.store(1_000, Ordering::SeqCst);
    assert_eq!(append_heavy(&mut store, 6..=7), Err(full));
    drop(store);
    let mut store = SledStore::open(&path, &settings).unwrap();
    check_heavy(&store, 5);
    refold_heavy(&mut store);
    append_heavy(&mut store, 6..=7).unwrap();
}

/// A hook that fails at `point` once `armed`.
fn failing(point: Point) -> (OpenSettings, Arc<AtomicBool>) {
    let armed = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&armed);
    let hook = Hook(Arc::new(move |at| {
        if at == point && seen.load(Ordering::SeqCst) { Err("the disk is on fire".to_owned()) } else { Ok(()) }
    }));
    (OpenSettings { hook: Some(hook), ..settings() }, armed)
}

#[test]
fn a_failed_append_is_final_and_shows_nothing() {
    let (settings, armed) = failing(Point::BeforeBatch);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    let mut store = SledStore::open(&path, &settings).unwrap();
    append_heavy(&mut store, 1..=5).unwrap();
    armed.store(true, Ordering::SeqCst);
    assert!(matches!(append_heavy(&mut store, 6..=7), Err(StoreError::Write { .. })));
    armed.store(false, Ordering::SeqCst);
    assert!(matches!(append_heavy(&mut store, 6..=7), Err(StoreError::Write { .. })));
    assert_eq!((store.head(), cursors(&store).len()), (Cursor(5), 5));
    assert_eq!(store.get(&derived_key(6)).unwrap(), None);
    assert!(store.clear_derived().is_err() && store.derived_complete().is_err());
    drop(store);
    check_heavy(&SledStore::open(&path, &settings).unwrap(), 0);
}

#[test]
fn a_failed_flush_is_final_for_everybody_who_waits() {
    for point in [Point::BeforeFlush, Point::BeforeSync] {
        let (settings, armed) = failing(point);
        let directory = tempfile::tempdir().unwrap();
        let mut store = SledStore::open(&directory.path().join("store"), &settings).unwrap();
        append_heavy(&mut store, 1..=5).unwrap();
        armed.store(true, Ordering::SeqCst);
        let flush = store.flusher();
        std::thread::scope(|scope| {
            let waiting: Vec<_> = (0..4).map(|_| scope.spawn(|| flush())).collect();
            for thread in waiting {
                assert!(matches!(thread.join().unwrap(), Err(StoreError::Write { .. })));
            }
        });
        armed.store(false, Ordering::SeqCst);
        assert!(matches!(flush(), Err(StoreError::Write { .. })));
        assert!(matches!(append_heavy(&mut store, 6..=7), Err(StoreError::Write { .. })));
        assert_eq!(store.reader().durable(), Cursor::START);
    }
}

/// What a damaged or shortened copy may do: open whole, say that its tail is lost, be put aside, or fail where it is read.
/// Never: open, read to the end, and give something else than what was written.
#[derive(Debug, Default)]
struct Outcomes {
    whole: usize,
    tail_lost: usize,
    quarantined: usize,
    unreadable: usize,
}

impl Outcomes {
    fn count(&mut self, path: &Path, envelopes: u64, what: &str) {
        match SledStore::open(path, &settings()) {
            Ok(mut store) => {
                let report = verify(&store, NETWORK);
                if report.fault_count > 0 {
                    self.unreadable += 1;
                } else {
                    self.whole += 1;
                    assert_eq!(store.head(), Cursor(envelopes), "{what}");
                    check_heavy(&store, envelopes);
                    refold_heavy(&mut store);
                    check_heavy(&store, envelopes);
                }
                store.abandon();
            }
            Err(OpenError::TailLost { acknowledged, found, .. }) => {
                assert_eq!(acknowledged.cursor, Cursor(envelopes), "{what}");
                assert!(found.batch < acknowledged.batch, "{what}");
                self.tail_lost += 1;
            }
            Err(OpenError::Damaged { quarantined, .. }) => {
                assert!(!path.exists() && quarantined.join("sled").exists(), "{what}");
                self.quarantined += 1;
                // The next start begins anew.
                SledStore::open(path, &settings()).unwrap().abandon();
            }
            Err(other) => panic!("{what}: {other}"),
        }
    }
}

fn damage(directory: &Path, path: &Path, outcomes: &mut Outcomes) {
    let original = fs::read(path.join("sled/db")).unwrap();
    let used = original.iter().rposition(|byte| *byte != 0).unwrap();
    for at in (0..30).chain((30..=used).step_by(used / 60)) {
        let damaged = directory.join(format!("damaged-{at}"));
        copy(path, &damaged);
        let mut bytes = original.clone();
        bytes[at] ^= 0x10;
        fs::write(damaged.join("sled/db"), bytes).unwrap();
        outcomes.count(&damaged, 120, &format!("byte {at} of {used}"));
        fs::remove_dir_all(damaged).unwrap();
    }
}

#[test]
fn a_damaged_byte_is_noticed_wherever_it_is() {
    let (directory, path) = killed_store(120);
    let mut outcomes = Outcomes::default();
    damage(directory.path(), &path, &mut outcomes);
    println!("in what the engine scans at its start: {outcomes:?}");
    assert!(outcomes.tail_lost + outcomes.quarantined > 60, "{outcomes:?}");
}

#[test]
fn a_damaged_byte_in_what_was_opened_since_is_noticed_when_it_is_read() {
    let (directory, path) = killed_store(120);
    // Each opening writes the engine's snapshot, behind which it scans nothing any more.
    for _ in 0..2 {
        let mut store = SledStore::open(&path, &settings()).unwrap();
        refold_heavy(&mut store);
        store.close().unwrap();
    }
    let mut outcomes = Outcomes::default();
    damage(directory.path(), &path, &mut outcomes);
    println!("in what it no longer scans: {outcomes:?}");
    assert!(outcomes.unreadable + outcomes.quarantined + outcomes.tail_lost > 0, "{outcomes:?}");
}

#[test]
fn a_tail_cut_off_is_noticed() {
    let (directory, path) = killed_store(120);
    let original = fs::read(path.join("sled/db")).unwrap();
    let used = original.iter().rposition(|byte| *byte != 0).unwrap();
    let mut outcomes = Outcomes::default();
    for keep in (0..used).step_by(used / 40) {
        let cut = directory.path().join(format!("cut-{keep}"));
        copy(&path, &cut);
        fs::write(cut.join("sled/db"), &original[..keep]).unwrap();
        outcomes.count(&cut, 120, &format!("{keep} of {used} bytes"));
    }
    println!("{outcomes:?}");
    assert!(outcomes.tail_lost + outcomes.quarantined > 38, "{outcomes:?}");
}

#[test]
fn a_lost_tail_can_be_accepted_and_no_cursor_is_used_twice() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    let mut store = SledStore::open(&path, &settings()).unwrap();
    append_heavy(&mut store, 1..=20).unwrap();
    store.close().unwrap();
    let old = directory.path().join("old");
    copy(&path, &old);
    let mut store = SledStore::open(&path, &settings()).unwrap();
    append_heavy(&mut store, 21..=40).unwrap();
    store.close().unwrap();
    // An old copy of the engine's files under the newer marker.
    fs::remove_dir_all(path.join("sled")).unwrap();
    copy(&old.join("sled"), &path.join("sled"));
    let error = refusal(&path, &settings(), &["cursor 20", "cursor 40", "--accept-lost-tail", "export"]);
    assert!(matches!(error, OpenError::TailLost { .. }));
    let accepting = OpenSettings { accept_lost_tail: true, ..settings() };
    let mut store = SledStore::open(&path, &accepting).unwrap();
    assert_eq!(cursors(&store), (1..=20).collect::<Vec<_>>());
    assert_eq!((store.head(), store.derived_upto()), (Cursor(40), Cursor::START));
    refold_heavy(&mut store);
    append_heavy(&mut store, 41..=42).unwrap();
    store.flusher()().unwrap();
    store.abandon();
    // It is said once: the next start is an ordinary one.
    let store = SledStore::open(&path, &settings()).unwrap();
    assert_eq!(store.head(), Cursor(42));
    assert_eq!(cursors(&store), (1..=20).chain(41..=42).collect::<Vec<_>>());
    // Peers may hold what was lost: no log goes on from what is left, at this start and at every later one.
    let mark = restored_mark(&store).unwrap().expect("a lost tail opens new logs");
    assert_eq!(mark[..8], 40_u64.to_be_bytes());
}

#[test]
fn a_store_whose_files_vanished_is_a_lost_tail_too() {
    let (_directory, path) = closed_store(20);
    fs::remove_dir_all(path.join("sled")).unwrap();
    let error = refusal(&path, &settings(), &["cursor 0", "cursor 20"]);
    assert!(matches!(error, OpenError::TailLost { .. }));
}

#[test]
fn after_something_could_not_be_read_back_derived_rows_are_computed_anew_once() {
    let (_directory, path) = closed_store(40);
    fs::write(path.join("suspect"), "the page at [2]: a value is damaged").unwrap();
    let mut store = SledStore::open(&path, &settings()).unwrap();
    assert_eq!((store.head(), store.derived_upto()), (Cursor(40), Cursor::START));
    check_heavy(&store, 40);
    refold_heavy(&mut store);
    store.close().unwrap();
    let store = SledStore::open(&path, &settings()).unwrap();
    assert_eq!(store.derived_upto(), Cursor(40));
    check_heavy(&store, 40);
}

#[test]
fn a_directory_of_an_older_layout_is_taken_over_and_its_derived_rows_are_computed_again() {
    let (_directory, path) = closed_store(40);
    let format = fs::read_to_string(path.join("FORMAT")).unwrap();
    fs::write(path.join("FORMAT"), format.replacen(" 3 ", " 2 ", 1)).unwrap();
    let mut store = SledStore::open(&path, &settings()).unwrap();
    assert_eq!((store.head(), store.derived_upto()), (Cursor(40), Cursor::START));
    assert_eq!(fs::read_to_string(path.join("FORMAT")).unwrap(), format);
    refold_heavy(&mut store);
    store.close().unwrap();
    let store = SledStore::open(&path, &settings()).unwrap();
    assert_eq!((store.head(), store.derived_upto()), (Cursor(40), Cursor(40)), "once");
}
