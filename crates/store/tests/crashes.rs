//! Processes that die: killed at a named point, and at any moment under load. Nothing acknowledged may be missing, and
//! nothing half-written visible.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use support::*;
use tidepool_kernel::Store;
use tidepool_store::{Hook, OpenSettings, Point, SledStore};
use tidepool_views::Cursor;

const DIRECTORY: &str = "STORE_CHILD_DIRECTORY";
const DIE_AT: &str = "STORE_CHILD_DIES_AT";
const DIE_ON: &str = "STORE_CHILD_DIES_ON";

/// The last envelope that a child writes; it is killed long before.
const LAST: u64 = 100_000;

fn heavy_settings() -> OpenSettings {
    let mut settings = settings();
    // 64 heavy rows are more pages than one engine batch takes.
    settings.checkpoint.envelopes = 64;
    settings.checkpoint.unfinished_bytes = 400_000;
    settings.lock_wait = Duration::from_secs(10);
    settings
}

/// Not a test by itself: what the tests below run as a process of its own, which writes until it dies.
#[test]
fn child_writes_until_it_dies() {
    let Some(directory) = std::env::var_os(DIRECTORY) else { return };
    let mut settings = heavy_settings();
    if let (Ok(point), Ok(on)) = (std::env::var(DIE_AT), std::env::var(DIE_ON)) {
        let (on, hits) = (on.parse::<u64>().unwrap(), AtomicU64::new(0));
        settings.hook = Some(Hook(Arc::new(move |at| {
            if format!("{at:?}") == point && hits.fetch_add(1, Ordering::SeqCst) + 1 == on {
                std::process::abort();
            }
            Ok(())
        })));
    }
    let mut store = SledStore::open(Path::new(&directory), &settings).unwrap();
    refold_heavy(&mut store);
    let flush = store.flusher();
    let mut out = std::io::stdout();
    while store.head() < Cursor(LAST) {
        let first = store.head().0 + 1;
        append_heavy(&mut store, first..=first + first % 9).unwrap();
        let durable = flush().unwrap();
        writeln!(out, "acknowledged {}", durable.0).unwrap();
        out.flush().unwrap();
    }
}

fn spawn(directory: &Path, dies: Option<(Point, u64)>) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "child_writes_until_it_dies", "--nocapture"]).env(DIRECTORY, directory);
    if let Some((point, on)) = dies {
        command.env(DIE_AT, format!("{point:?}")).env(DIE_ON, on.to_string());
    }
    command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

/// Reads what the child acknowledges, kills it after `kill_after` lines, and gives the last cursor that was read to the end.
fn acknowledged(mut child: Child, kill_after: Option<usize>) -> u64 {
    let mut last = 0;
    let mut lines = 0;
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while reader.read_line(&mut line).unwrap() > 0 {
        if let Some(cursor) = line.trim_end().strip_prefix("acknowledged ").filter(|_| line.ends_with('\n')) {
            last = cursor.parse().unwrap();
            lines += 1;
            if kill_after == Some(lines) {
                child.kill().unwrap();
            }
        }
        line.clear();
    }
    let status = child.wait().unwrap();
    assert!(!status.success(), "the child died of what was asked for");
    assert!(last < LAST);
    last
}

fn check_after_crash(directory: &Path, acknowledged: u64) {
    let mut store = SledStore::open(directory, &heavy_settings()).unwrap();
    check_heavy(&store, acknowledged);
    refold_heavy(&mut store);
    check_heavy(&store, acknowledged);
    assert_eq!(store.derived_upto(), store.head());
    // As a crash of the checking process would leave it: the next round starts from there.
    store.abandon();
}

fn dies_at(point: Point, on: &[u64]) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    for &on in on {
        let acknowledged = acknowledged(spawn(&path, Some((point, on))), None);
        check_after_crash(&path, acknowledged);
    }
}

#[test]
fn killed_before_a_batch_reaches_the_engine() {
    dies_at(Point::BeforeBatch, &[1, 2, 30, 7]);
}

#[test]
fn killed_between_batch_and_flush() {
    dies_at(Point::AfterBatch, &[1, 40, 2, 3]);
    dies_at(Point::BeforeFlush, &[20, 1, 9]);
}

#[test]
fn killed_between_flush_and_acknowledgement() {
    dies_at(Point::BeforeSync, &[20, 1, 9]);
    dies_at(Point::AfterSync, &[20, 1, 9]);
}

#[test]
fn killed_when_a_checkpoint_is_safe_but_no_page_is_written() {
    dies_at(Point::RedoWritten, &[1, 1, 2]);
}

#[test]
fn killed_with_some_pages_of_a_checkpoint_written() {
    dies_at(Point::PagesPartly, &[1, 2, 1, 3]);
}

#[test]
fn killed_with_all_pages_written() {
    dies_at(Point::PagesWritten, &[1, 1, 3]);
}

#[test]
fn killed_at_any_moment_under_load() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    for round in 0..20 {
        let lines = 1 + (round * 37) % 53;
        let acknowledged = acknowledged(spawn(&path, None), Some(lines));
        check_after_crash(&path, acknowledged);
    }
}

#[test]
fn a_checkpoint_file_that_is_damaged_costs_a_fold_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    let acknowledged = acknowledged(spawn(&path, Some((Point::PagesPartly, 1))), None);
    let redo = path.join("checkpoint");
    let mut bytes = std::fs::read(&redo).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&redo, bytes).unwrap();
    let store = SledStore::open(&path, &heavy_settings()).unwrap();
    assert_eq!(store.derived_upto(), Cursor::START, "half-written pages are not believed");
    store.abandon();
    check_after_crash(&path, acknowledged);
}
