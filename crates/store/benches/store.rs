//! What a batch costs, beside what the engine takes for the same bytes in the same run.
//!
//! `cargo bench -p tidepool-store`; `STORE_BENCH_ENVELOPES=1000000` for a long run. Envelopes of some 640 bytes; for each
//! the rows that views and digests write: an id, a log position, a post, an author's counters, a chunk of a feed and one
//! of an author's posts (rewritten as they grow), three nodes of a digest tree. Durable by group commit: a flusher thread
//! runs beside the writer, and the clock stops when the last batch is on disk.
#![allow(clippy::unwrap_used, clippy::panic, clippy::cast_possible_truncation, clippy::cast_precision_loss)]

#[path = "../tests/support/mod.rs"]
mod support;

use bytes::{BufMut, Bytes, BytesMut};
use std::path::Path;
use std::time::Instant;
use support::{NETWORK, envelope};
use tidepool_kernel::{Batch, Store};
use tidepool_protocol::ids::sha256;
use tidepool_protocol::{Envelope, TimeMs, Verified};
use tidepool_store::{OpenSettings, SledStore};
use tidepool_views::{Cursor, Envelopes, Origin, RowWrite, Rows, Stored};

/// Different envelopes; a longer run uses them again under other cursors.
const POOL: u64 = 10_000;
const AUTHORS: u64 = 2_000;
const COMMUNITIES: u64 = 50;
const CHUNK: u64 = 64;

fn main() {
    let envelopes = std::env::var("STORE_BENCH_ENVELOPES").ok().and_then(|n| n.parse().ok()).unwrap_or(10_000_u64);
    let pool: Vec<_> = (0..POOL.min(envelopes)).map(|seq| envelope(seq, 330)).collect();
    let raw: usize = pool.iter().map(|envelope| envelope.bytes().len()).sum();
    let each = raw as f64 / pool.len() as f64;
    println!("{envelopes} envelopes of {each:.0} bytes, 9 rows each, durable by group commit");
    println!(
        "{:>6} {:>12} {:>12} {:>12} {:>7} {:>7}",
        "batch", "store /s", "raw rows /s", "blocks /s", "/ raw", "/blocks"
    );
    // Batches of one are for the latency of a quiet node: a long run of them says nothing more.
    for size in [1_u64, 32, 128] {
        let count = if size == 1 { envelopes.min(20_000) } else { envelopes };
        let keep = size == 128;
        let ours = run_store(&pool, count, size, keep.then_some(each));
        let rows =
            if count > 200_000 { run_engine(&pool, 200_000, size, true) } else { run_engine(&pool, count, size, true) };
        let blocks = run_engine(&pool, count.min(200_000), size, false);
        println!("{size:>6} {ours:>12.0} {rows:>12.0} {blocks:>12.0} {:>7.2} {:>7.2}", ours / rows, ours / blocks);
    }
}

fn chunk_row(family: u8, owner: u64, at: u64) -> RowWrite {
    let (chunk, filled) = (at / CHUNK, at % CHUNK + 1);
    let mut key = BytesMut::new();
    key.put_u8(family);
    key.put_u64(owner);
    key.put_u64(chunk);
    let mut value = BytesMut::new();
    for entry in 0..filled {
        value.put_u64(chunk * CHUNK + entry);
        value.put_slice(&sha256(&[&(owner, chunk, entry).0.to_be_bytes(), &entry.to_be_bytes()])[..16]);
    }
    RowWrite { key: key.freeze(), value: Some(value.freeze()) }
}

fn row(family: u8, key: &[u8], value: &[u8]) -> RowWrite {
    let key = [&[family], key].concat();
    RowWrite { key: key.into(), value: Some(Bytes::copy_from_slice(value)) }
}

/// What views and digests write for one envelope.
fn rows_of(cursor: u64, into: &mut Vec<RowWrite>) {
    let id = sha256(&[&cursor.to_be_bytes()]);
    let author = cursor.wrapping_mul(0x9e37_79b9) % AUTHORS;
    let community = cursor.wrapping_mul(0x85eb_ca6b) % COMMUNITIES;
    let mut post = [0_u8; 120];
    post[..32].copy_from_slice(&id);
    post[40..48].copy_from_slice(&cursor.to_be_bytes());
    into.push(row(0x10, &id[..16], &cursor.to_be_bytes()));
    into.push(row(0x11, &[&sha256(&[&author.to_be_bytes()])[..16], &cursor.to_be_bytes()].concat(), &id));
    into.push(row(0x30, &id[..16], &post));
    into.push(row(0x20, &author.to_be_bytes(), &post[..100]));
    into.push(chunk_row(0x40, community, cursor / COMMUNITIES));
    into.push(chunk_row(0x41, AUTHORS + author, cursor / AUTHORS));
    for level in 0..3_u8 {
        let node = u16::from_be_bytes([id[0], id[1]]) >> (level * 3);
        into.push(row(0x69, &[&[level][..], &node.to_be_bytes()].concat(), &post[..48]));
    }
}

fn batch_of(pool: &[Verified<Envelope>], cursors: std::ops::RangeInclusive<u64>) -> (Vec<Stored>, Vec<RowWrite>) {
    let mut rows = Vec::new();
    let mut stored = Vec::new();
    for cursor in cursors {
        let envelope = pool[(cursor % pool.len() as u64) as usize].clone();
        stored.push(Stored { cursor: Cursor(cursor), received_ms: TimeMs(cursor), origin: Origin::Local, envelope });
        rows_of(cursor, &mut rows);
    }
    // The kernel's overlay leaves one write for each key.
    let rows: std::collections::BTreeMap<_, _> = rows.into_iter().map(|row| (row.key, row.value)).collect();
    (stored, rows.into_iter().map(|(key, value)| RowWrite { key, value }).collect())
}

/// Envelopes a second until the last is durable.
fn run_store(pool: &[Verified<Envelope>], count: u64, size: u64, report: Option<f64>) -> f64 {
    let directory = tempfile::tempdir_in(bench_directory()).unwrap();
    let path = directory.path().join("store");
    let settings = OpenSettings::new(NETWORK);
    let mut store = SledStore::open(&path, &settings).unwrap();
    let flush = store.flusher();
    let mut append_us = Vec::new();
    let seconds = std::thread::scope(|scope| {
        let (asks, asked) = std::sync::mpsc::channel::<()>();
        let flush = &flush;
        scope.spawn(move || {
            while asked.recv().is_ok() {
                while asked.try_recv().is_ok() {}
                flush().unwrap();
            }
        });
        let began = Instant::now();
        let mut at = 1;
        while at <= count {
            let end = (at + size - 1).min(count);
            let (stored, rows) = batch_of(pool, at..=end);
            let appending = Instant::now();
            store.append(Batch::for_test(stored, rows, vec![], vec![])).unwrap();
            append_us.push(appending.elapsed().as_micros() as u64);
            asks.send(()).unwrap();
            at = end + 1;
        }
        assert_eq!(flush().unwrap(), Cursor(count));
        began.elapsed().as_secs_f64()
    });
    if let Some(each) = report {
        append_us.sort_unstable();
        let at = |percent: usize| append_us[(append_us.len() - 1) * percent / 100];
        println!("  append of {size}: p50 {} us, p99 {} us, most {} us", at(50), at(99), at(100));
        println!("  resident {} MB after the run", resident_mb());
        read_pages(&store, count);
        // Flushers and readers keep the directory too.
        drop(flush);
        let killed = Instant::now();
        store.abandon();
        let store = SledStore::open(&path, &settings).unwrap();
        let (open, behind) = (killed.elapsed(), store.head().0 - store.derived_upto().0);
        println!("  reopen after a crash {:.2} s, {behind} envelopes to fold", open.as_secs_f64());
        drop(store);
        let began = Instant::now();
        let store = SledStore::open(&path, &settings).unwrap();
        println!("  reopen after that {:.2} s", began.elapsed().as_secs_f64());
        drop(store);
        println!("  disk {:.2} x raw envelope bytes", directory_bytes(&path) as f64 / (each * count as f64));
    }
    count as f64 / seconds
}

/// The same blocks, and the same rows if asked for, put into the engine as they are, with the same group commit.
fn run_engine(pool: &[Verified<Envelope>], count: u64, size: u64, with_rows: bool) -> f64 {
    let directory = tempfile::tempdir_in(bench_directory()).unwrap();
    let config = sled::Config::new().path(directory.path()).segment_size(1 << 20).cache_capacity(64 << 20);
    let tree = config.flush_every_ms(None).open().unwrap();
    let file = std::fs::File::open(directory.path().join("db")).unwrap();
    let seconds = std::thread::scope(|scope| {
        let (asks, asked) = std::sync::mpsc::channel::<()>();
        let (tree, file) = (&tree, &file);
        scope.spawn(move || {
            while asked.recv().is_ok() {
                while asked.try_recv().is_ok() {}
                tree.flush().unwrap();
                file.sync_data().unwrap();
            }
        });
        let began = Instant::now();
        let mut packer = zstd::bulk::Compressor::new(1).unwrap();
        let mut at = 1;
        while at <= count {
            let end = (at + size - 1).min(count);
            let (stored, rows) = batch_of(pool, at..=end);
            let mut batch = sled::Batch::default();
            for block in stored.chunks(32) {
                let raw: Vec<u8> = block.iter().flat_map(|stored| stored.envelope.bytes().iter().copied()).collect();
                let key = [&[1][..], &block[0].cursor.0.to_be_bytes()].concat();
                batch.insert(key, packer.compress(&raw).unwrap());
            }
            if with_rows {
                for row in rows {
                    batch.insert(row.key.as_ref(), row.value.unwrap_or_default().as_ref());
                }
            }
            tree.apply_batch(batch).unwrap();
            asks.send(()).unwrap();
            at = end + 1;
        }
        tree.flush().unwrap();
        file.sync_data().unwrap();
        began.elapsed().as_secs_f64()
    });
    count as f64 / seconds
}

/// Pages of 50 rows and their 50 envelopes, spread over the log.
fn read_pages(store: &SledStore, count: u64) {
    let reader = store.sled_reader();
    for (name, window) in [("of the newest 5,000", 5_000.min(count)), ("of the whole log", count)] {
        let mut times = Vec::new();
        for page in 0..2_000_u64 {
            let began = Instant::now();
            let snapshot = reader.snapshot();
            let start = count - (page.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20) % window.saturating_sub(60).max(1);
            let mut rows = 0;
            for back in 0..50 {
                let cursor = start.saturating_sub(back).max(1);
                let id = sha256(&[&cursor.to_be_bytes()]);
                rows += usize::from(snapshot.get(&[&[0x30], &id[..16]].concat()).unwrap().is_some());
                assert!(snapshot.stored(Cursor(cursor)).unwrap().is_some());
            }
            assert_eq!(rows, 50);
            times.push(began.elapsed());
        }
        times.sort_unstable();
        let ms = |at: usize| times[at].as_secs_f64() * 1000.0;
        println!("  page of 50 rows by id and 50 envelopes {name}: p50 {:.3} ms, p99 {:.3} ms", ms(1_000), ms(1_980));
    }
}

fn bench_directory() -> std::path::PathBuf {
    std::env::var_os("STORE_BENCH_DIR").map_or_else(std::env::temp_dir, Into::into)
}

fn resident_mb() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or_default() * 4096 / 1_000_000
}

fn directory_bytes(path: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(path) else { return 0 };
    let size = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(data) if data.is_dir() => directory_bytes(&entry.path()),
        Ok(data) => data.len(),
        Err(_) => 0,
    };
    entries.flatten().map(size).sum()
}
