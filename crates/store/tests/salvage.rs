//! Damage that a running node comes upon: the next start puts the store aside, and the one after that carries over what
//! can be read. Nothing turns in circles, and accounts outlive a bad block.
#![allow(clippy::unwrap_used, clippy::panic, clippy::cast_possible_truncation, reason = "small numbers of a test")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use support::*;
use tempfile::TempDir;
use tidepool_kernel::{Batch, Store};
use tidepool_store::{Alarm, OnDamage, OpenError, OpenSettings, SledStore, salvage, verify};
use tidepool_views::{Cursor, Envelopes, Rows};

const ENVELOPES: u64 = 400;

/// The accounts of agents at home here.
const ACCOUNTS: u64 = 300;

fn account_key(number: u64) -> Vec<u8> {
    [&[0x91][..], &number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes()].concat()
}

/// A closed store with a log and accounts, half of which a checkpoint packed.
fn home() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    let mut store = SledStore::open(&path, &settings()).unwrap();
    for number in 0..ACCOUNTS {
        let rows = vec![put(account_key(number), vec![number as u8; 120])];
        let first = number * ENVELOPES / ACCOUNTS + 1;
        let last = (number + 1) * ENVELOPES / ACCOUNTS;
        let envelopes: Vec<_> = (first..=last).map(stored).collect();
        store.append(Batch::for_test(envelopes, vec![], rows, vec![])).unwrap();
        if number == ACCOUNTS / 2 {
            store.derived_complete().unwrap();
            store.checkpoint().unwrap();
        }
    }
    store.close().unwrap();
    // The engine's snapshot is behind everything: a start scans nothing of the damage.
    for _ in 0..2 {
        SledStore::open(&path, &settings()).unwrap().close().unwrap();
    }
    (directory, path)
}

/// Turns a bit in the middle of the sealed block that holds the envelope at `cursor`.
fn break_envelope(path: &Path, cursor: u64) {
    let file = path.join("sled/db");
    let mut bytes = fs::read(&file).unwrap();
    // A block is found by unpacking what begins like a frame of zstd.
    let needle = stored(cursor).envelope.bytes().clone();
    let mut broken = 0;
    for at in 0..bytes.len() - 4 {
        if bytes[at..at + 4] != [0x28, 0xb5, 0x2f, 0xfd] {
            continue;
        }
        let Ok(size) = zstd::zstd_safe::find_frame_compressed_size(&bytes[at..]) else { continue };
        let Ok(raw) = zstd::bulk::decompress(&bytes[at..at + size], 1 << 20) else { continue };
        if raw.windows(needle.len()).any(|window| window == &needle[..]) {
            bytes[at + size / 2] ^= 0x40;
            broken += 1;
        }
    }
    assert!(broken > 0, "the block of envelope {cursor} is not found in the engine's file");
    fs::write(&file, bytes).unwrap();
}

/// Reads the whole log as a fold does; whether that worked.
fn reads(store: &SledStore) -> bool {
    let mut after = Cursor::START;
    while after < store.head() {
        match store.stored_after(after, 64) {
            Ok(page) => after = page.last().map_or(store.head(), |last| last.cursor),
            Err(_) => return false,
        }
    }
    true
}

fn accounts(store: &SledStore) -> u64 {
    (0..ACCOUNTS)
        .filter(|number| store.get(&account_key(*number)).unwrap() == Some(vec![*number as u8; 120].into()))
        .count() as u64
}

#[test]
fn a_block_that_cannot_be_read_costs_what_stands_behind_it_and_no_account() {
    let (directory, path) = home();
    break_envelope(&path, 200);
    let alarms = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&alarms);
    let alarm = Some(Alarm(Arc::new(move |_| {
        count.fetch_add(1, Ordering::Relaxed);
    })));
    match SledStore::open(&path, &OpenSettings { alarm, ..settings() }) {
        Ok(store) => {
            assert!(!reads(&store), "a damaged block was read");
            assert!(alarms.load(Ordering::Relaxed) > 0, "nobody was told");
            drop(store);
            let error = SledStore::open(&path, &settings()).err().expect("the damage was forgotten");
            assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
        }
        // The engine met it while opening.
        Err(error) => assert!(matches!(error, OpenError::Damaged { .. }), "{error}"),
    }
    assert!(!path.exists());
    assert!(directory.path().join("store.quarantined-1").exists());

    let aside = directory.path().join("store.quarantined-1");
    assert!(fs::read_to_string(aside.join("to-be-salvaged")).unwrap().len() > 5, "it does not say why");

    let mut store = SledStore::open(&path, &settings()).unwrap();
    let kept = cursors(&store);
    assert!((100..200).contains(&kept.len()), "{} envelopes", kept.len());
    assert_eq!(kept, (1..=kept.len() as u64).collect::<Vec<_>>());
    assert_eq!(accounts(&store), ACCOUNTS);
    assert_eq!(store.head(), Cursor(ENVELOPES), "a cursor would be given out twice");
    assert!(tidepool_kernel::restored_mark(&store).unwrap().is_some(), "logs would fork");
    store.append(batch(ENVELOPES + 1..=ENVELOPES + 2)).unwrap();
    store.close().unwrap();
    // And that was all: the next start is an ordinary one.
    let store = SledStore::open(&path, &settings()).unwrap();
    assert_eq!(verify(&store, NETWORK).fault_count, 0);
    assert_eq!(cursors(&store).len(), kept.len() + 2);
}

#[test]
fn whatever_byte_is_damaged_no_start_fails_three_times_and_readable_accounts_are_kept() {
    let (directory, path) = home();
    let original = fs::read(path.join("sled/db")).unwrap();
    let used = original.iter().rposition(|byte| *byte != 0).unwrap();
    let (mut aside, mut kept) = (0, 0);
    let tries = 24;
    for number in 0..tries {
        let at = used * number / tries + 17;
        let place = directory.path().join(format!("try-{number}"));
        let damaged = place.join("store");
        fs::create_dir_all(&place).unwrap();
        copy(&path, &damaged);
        let mut bytes = original.clone();
        bytes[at] ^= 0x10;
        fs::write(damaged.join("sled/db"), bytes).unwrap();
        let mut starts = 0;
        let store = loop {
            starts += 1;
            assert!(starts < 4, "byte {at} of {used}: it fails again and again");
            let accepting = OpenSettings { accept_lost_tail: true, ..settings() };
            match SledStore::open(&damaged, &accepting) {
                Ok(store) if reads(&store) && rows_hold(&store) => break store,
                Ok(store) => drop(store),
                Err(error) => assert!(matches!(error, OpenError::Damaged { .. }), "byte {at}: {error}"),
            }
        };
        if place.join("store.quarantined-1").exists() {
            aside += 1;
            kept += u64::from(accounts(&store) >= ACCOUNTS / 2);
        } else {
            assert_eq!(accounts(&store), ACCOUNTS, "byte {at} of {used}");
        }
        store.close().unwrap();
        fs::remove_dir_all(place).unwrap();
    }
    println!("{aside} of {tries} put aside, {kept} of them with most accounts");
    assert!(aside > 0, "no byte was damaged that matters");
    assert!(kept * 2 >= aside, "{kept} of {aside} kept most accounts");
}

fn rows_hold(store: &SledStore) -> bool {
    store.scan(&[], &[0xff; 64], &mut |_, _| true).is_ok()
}

#[test]
fn who_only_looks_leaves_a_damaged_store_where_it_is() {
    let (_directory, path) = home();
    fs::write(path.join("sled/db"), vec![0xa5; 4096]).unwrap();
    let looking = OpenSettings { on_damage: OnDamage::Leave, ..settings() };
    let error = SledStore::open(&path, &looking).err().expect("it opened");
    assert!(matches!(error, OpenError::Unreadable { .. } | OpenError::TailLost { .. }), "{error}");
    assert!(path.join("sled").exists());
}

#[test]
fn a_salvage_takes_nothing_that_is_no_store() {
    let directory = tempfile::tempdir().unwrap();
    let to = directory.path().join("new");
    let error = salvage(directory.path(), &to, &settings()).unwrap_err();
    assert!(error.to_string().contains("no store"), "{error}");
    assert!(!to.exists());
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
