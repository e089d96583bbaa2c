//! Backups: of one moment though the store is written to, whole or refused, and what comes back opens new logs.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use bytes::Bytes;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use support::*;
use tidepool_kernel::{Store, restored_mark};
use tidepool_protocol::{NetworkId, TimeMs};
use tidepool_store::{
    Backup, CheckpointLimits, FrameError, OpenSettings, SledReader, SledStore, TransferError, about, backup, restore,
};
use tidepool_views::{Cursor, Rows};

fn what() -> Backup {
    let files = vec![("node.key".to_owned(), Bytes::from_static(b"a secret")), ("empty".to_owned(), Bytes::new())];
    Backup { network: NETWORK, made_ms: TimeMs(77), files }
}

/// Backs up, restores beside it, and holds the copy against the moment that the backup names.
fn check_copy(reader: &SledReader, directory: &Path, number: usize) -> u64 {
    let file = directory.join(format!("{number}.backup"));
    let made = backup(reader, &what(), &file).unwrap();
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let place = directory.join(format!("copy-{number}"));
    let restored = restore(&file, &place, &settings()).unwrap();
    assert_eq!((restored.counted, restored.made_ms), (made.counted, TimeMs(77)));
    assert_eq!(restored.files, what().files);
    let copy = SledStore::open(&place, &settings()).unwrap();
    assert_eq!(copy.head(), made.head);
    assert_eq!(cursors(&copy), (1..=made.head.0).collect::<Vec<_>>(), "the log is that of the moment");
    let last = copy.get(&[0x90]).unwrap().map(|last| u64::from_be_bytes(last[..].try_into().unwrap()));
    assert_eq!(last, Some(made.head.0), "the rows are of another moment than the log");
    let mark = restored_mark(&copy).unwrap().expect("a copy says that it is one");
    assert_eq!(mark[..8], made.head.0.to_be_bytes());
    assert_eq!(copy.derived_upto(), Cursor::START, "the views are folded from the log");
    made.head.0
}

#[test]
fn a_backup_of_a_store_under_writing_is_of_one_moment() {
    let directory = tempfile::tempdir().unwrap();
    // Checkpoints all the time, so that rows move into pages while they are read.
    let checkpoint = CheckpointLimits { envelopes: 40, ..CheckpointLimits::default() };
    let busy = OpenSettings { checkpoint, ..settings() };
    let mut store = SledStore::open(&directory.path().join("store"), &busy).unwrap();
    store.append(batch(1..=8)).unwrap();
    let reader = store.sled_reader();
    let stop = AtomicBool::new(false);
    let heads = std::thread::scope(|scope| {
        let writing = scope.spawn(|| {
            let mut next = 9;
            while !stop.load(Ordering::Relaxed) && next < 20_000 {
                store.append(batch(next..=next + 7)).unwrap();
                next += 8;
            }
        });
        let heads: Vec<u64> = (0..6).map(|number| check_copy(&reader, directory.path(), number)).collect();
        stop.store(true, Ordering::Relaxed);
        writing.join().unwrap();
        heads
    });
    assert!(heads.is_sorted() && heads[0] < heads[5], "nothing was written meanwhile: {heads:?}");
}

#[test]
fn what_is_no_whole_backup_of_this_network_is_refused_and_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = SledStore::open(&directory.path().join("store"), &settings()).unwrap();
    for first in (1..=400).step_by(40) {
        store.append(batch(first..=first + 39)).unwrap();
    }
    let file = directory.path().join("whole.backup");
    backup(&store.sled_reader(), &what(), &file).unwrap();
    let error = backup(&store.sled_reader(), &what(), &file).unwrap_err();
    assert!(matches!(error, TransferError::FileExists { .. }), "{error}");
    assert_eq!(about(&file).unwrap().files, what().files);

    let place = directory.path().join("copy");
    let refused = |file: &Path, settings: &OpenSettings| {
        let error = restore(file, &place, settings).unwrap_err();
        assert!(!place.exists() && !directory.path().join("copy.importing").exists(), "{error}");
        error
    };
    let other = OpenSettings { network: NetworkId([8; 8]), ..settings() };
    assert!(matches!(refused(&file, &other), TransferError::OtherNetwork { .. }));
    let bytes = fs::read(&file).unwrap();
    let broken = directory.path().join("broken.backup");
    for keep in (30..bytes.len()).step_by(bytes.len() / 20) {
        fs::write(&broken, &bytes[..keep]).unwrap();
        let error = refused(&broken, &settings());
        assert!(matches!(error, TransferError::Frame(FrameError::Truncated { .. })), "{error}");
    }
    for at in (0..bytes.len()).step_by(bytes.len() / 30) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 4;
        fs::write(&broken, damaged).unwrap();
        refused(&broken, &settings());
    }
}
