//! Export, import and verify: a store leaves its engine whole, and nothing but a whole file makes a store.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use support::*;
use tempfile::TempDir;
use tidepool_kernel::{Batch, Store};
use tidepool_protocol::NetworkId;
use tidepool_store::{
    Counted, Export, FrameError, MemoryStore, OpenSettings, SledStore, TransferError, export, export_file, import,
    verify,
};
use tidepool_views::{Cursor, Rows};

const ALL: Export = Export { network: NETWORK, durable_rows: true };

fn fill(store: &mut impl Store) {
    for first in (1..=400).step_by(40) {
        store.append(batch(first..=first + 39)).unwrap();
    }
    let home = (0..200_u8).map(|n| put([0x91, n], vec![n; 200])).chain([put([0x60, 1], "outbox")]).collect();
    store.append(Batch::for_test(vec![], vec![], home, vec![Cursor(7)])).unwrap();
}

fn exported() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let mut store = SledStore::open(&directory.path().join("store"), &settings()).unwrap();
    fill(&mut store);
    let file = directory.path().join("dump.tidepool");
    let counted = export_file(&store, ALL, &file).unwrap();
    assert_eq!(counted, Counted { envelopes: 399, rows: 202 });
    (directory, file)
}

#[test]
fn what_was_exported_comes_back_and_is_folded_again() {
    let (directory, file) = exported();
    let path = directory.path().join("again");
    assert_eq!(import(&file, &path, &settings()).unwrap(), Counted { envelopes: 399, rows: 202 });
    let mut store = SledStore::open(&path, &settings()).unwrap();
    let expected: Vec<_> = (1..=400).filter(|cursor| *cursor != 7).collect();
    assert_eq!(cursors(&store), expected);
    assert_eq!((store.head(), store.derived_upto()), (Cursor(400), Cursor::START));
    assert_eq!(store.get(&[0x91, 150]).unwrap().unwrap(), vec![150; 200]);
    assert!(rows(&store).iter().all(|(key, _)| tidepool_store::is_durable(key[0])));
    store.derived_complete().unwrap();
    store.append(batch(401..=402)).unwrap();
    let report = verify(&store, NETWORK);
    // One row more says that it is a copy.
    assert_eq!((report.envelopes, report.rows, report.fault_count), (401, 205, 0), "{report:?}");
    assert!(tidepool_kernel::restored_mark(&store).unwrap().is_some());
}

#[test]
fn every_engine_writes_the_same_file() {
    let (_directory, file) = exported();
    let mut memory = MemoryStore::new();
    fill(&mut memory);
    let mut bytes = Vec::new();
    export(&memory, ALL, &mut bytes).unwrap();
    assert!(bytes == fs::read(&file).unwrap());
}

#[test]
fn without_durable_rows_a_file_holds_the_log_only_and_always_its_owner_alone_reads_it() {
    let (directory, file) = exported();
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let mut memory = MemoryStore::new();
    fill(&mut memory);
    let public = directory.path().join("log.tidepool");
    let what = Export { durable_rows: false, ..ALL };
    assert_eq!(export_file(&memory, what, &public).unwrap(), Counted { envelopes: 399, rows: 0 });
    let path = directory.path().join("again");
    import(&public, &path, &settings()).unwrap();
    assert!(rows(&SledStore::open(&path, &settings()).unwrap()).is_empty());
    assert!(matches!(export_file(&memory, ALL, &public), Err(TransferError::FileExists { .. })));
}

#[track_caller]
fn refused(file: &Path, settings: &OpenSettings) -> TransferError {
    let path = file.with_file_name("refused");
    let error = import(file, &path, settings).unwrap_err();
    assert!(!path.exists() && !file.with_file_name("refused.importing").exists(), "nothing is left: {error}");
    error
}

#[test]
fn a_file_of_another_network_is_refused_and_both_are_named() {
    let (_directory, file) = exported();
    let other = OpenSettings { network: NetworkId([8; 8]), ..settings() };
    let said = refused(&file, &other).to_string();
    assert!(said.contains("0707070707070707") && said.contains("0808080808080808"), "{said}");
}

#[test]
fn a_file_of_something_else_is_refused() {
    let (directory, _) = exported();
    let file = directory.path().join("letter.txt");
    for text in ["", "tidepool", "dear all, please find attached the minutes of our meeting"] {
        fs::write(&file, text).unwrap();
        assert!(matches!(refused(&file, &settings()), TransferError::Frame(FrameError::Foreign { .. })));
    }
}

#[test]
fn a_file_of_a_newer_format_is_refused() {
    let (_directory, file) = exported();
    let mut bytes = fs::read(&file).unwrap();
    bytes[17] = 9;
    fs::write(&file, bytes).unwrap();
    let error = refused(&file, &settings());
    assert!(matches!(error, TransferError::Frame(FrameError::Newer { found: 9, supported: 1 })), "{error}");
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    let (_directory, file) = exported();
    let bytes = fs::read(&file).unwrap();
    for keep in (0..bytes.len()).step_by(bytes.len() / 25).chain([bytes.len() - 1]) {
        fs::write(&file, &bytes[..keep]).unwrap();
        let error = refused(&file, &settings());
        assert!(
            matches!(error, TransferError::Frame(FrameError::Truncated { .. } | FrameError::Foreign { .. })),
            "{error}"
        );
    }
}

#[test]
fn a_file_with_a_damaged_byte_is_refused() {
    let (_directory, file) = exported();
    let bytes = fs::read(&file).unwrap();
    for at in (0..bytes.len()).step_by(bytes.len() / 40).chain([bytes.len() - 1]) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 4;
        fs::write(&file, damaged).unwrap();
        refused(&file, &settings());
    }
}

#[test]
fn an_import_makes_a_new_store_only() {
    let (directory, file) = exported();
    let error = import(&file, &directory.path().join("store"), &settings()).unwrap_err();
    assert!(matches!(error, TransferError::Occupied { .. }), "{error}");
}
