//! Sample envelopes, rows and stores for every test of this crate.
#![allow(clippy::unwrap_used, clippy::panic, dead_code, unreachable_pub, clippy::cast_possible_truncation)]

use bytes::Bytes;
use std::path::Path;
use std::time::Duration;
use tidepool_kernel::{Batch, Store, StoreError};
use tidepool_protocol::ids::AuthorId;
use tidepool_protocol::{
    Draft, Envelope, EnvelopeId, Epoch, Kind, NetworkId, PublicKey, Scope, SecretKey, TimeMs, Verified, cbor,
};
use tidepool_store::{CheckpointLimits, OpenSettings, SledStore};
use tidepool_views::{Cursor, Envelopes, Origin, ReadPort, RowWrite, Rows, Stored};

/// The network of all samples.
pub const NETWORK: NetworkId = NetworkId([7; 8]);

/// One signed envelope with `body_bytes` of text; the same for the same arguments.
pub fn envelope(seq: u64, body_bytes: usize) -> Verified<Envelope> {
    let words = ["tide ", "pool ", "agent ", "reads ", "writes ", "the ", "of ", "a "];
    let mut text = String::new();
    let mut at = seq.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    while text.len() < body_bytes {
        text.push_str(words[(at >> 61) as usize]);
        at = at.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(seq | 1);
    }
    text.truncate(body_bytes);
    Draft {
        network: NETWORK,
        author: AuthorId([3; 32]),
        auth: EnvelopeId([4; 32]),
        scope: "c/general".parse::<Scope>().unwrap(),
        epoch: Epoch::first_of(TimeMs(1_790_000_000_000)),
        seq,
        prev: Some(EnvelopeId([(seq % 251) as u8; 32])),
        time_ms: TimeMs(1_790_000_000_000 + seq),
        kind: Kind::POST,
        body: cbor::encode(&text),
    }
    .sign(&SecretKey::from_seed([9; 32]))
}

/// The envelope at `cursor` as the log keeps it.
pub fn stored(cursor: u64) -> Stored {
    stored_of(cursor, 40 + (cursor * 37 % 300) as usize)
}

/// The same with a body of a given length.
pub fn stored_of(cursor: u64, body_bytes: usize) -> Stored {
    let origin = if cursor.is_multiple_of(3) { Origin::Local } else { Origin::Peer(PublicKey([cursor as u8; 32])) };
    let envelope = envelope(cursor, body_bytes);
    Stored { cursor: Cursor(cursor), received_ms: TimeMs(1_000 + cursor), origin, envelope }
}

pub fn put(key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) -> RowWrite {
    RowWrite { key: Bytes::from(key.into()), value: Some(Bytes::from(value.into())) }
}

pub fn delete(key: impl Into<Vec<u8>>) -> RowWrite {
    RowWrite { key: Bytes::from(key.into()), value: None }
}

/// A batch of the envelopes at these cursors, each with a derived row `20 cursor`, and a durable row `90` that says the last.
pub fn batch(cursors: std::ops::RangeInclusive<u64>) -> Batch {
    let last = *cursors.end();
    let derived = cursors.clone().map(|cursor| put(derived_key(cursor), cursor.to_be_bytes())).collect();
    let durable = vec![put([0x90], last.to_be_bytes())];
    Batch::for_test(cursors.map(stored).collect(), derived, durable, Vec::new())
}

pub fn derived_key(cursor: u64) -> Vec<u8> {
    let mut key = vec![0x20];
    key.extend_from_slice(&cursor.to_be_bytes());
    key
}

/// All rows, ascending.
pub fn rows(store: &(impl ReadPort + ?Sized)) -> Vec<(Vec<u8>, Vec<u8>)> {
    range(store, &[], &[0xff; 64])
}

pub fn range(store: &(impl ReadPort + ?Sized), from: &[u8], to: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut rows = Vec::new();
    store
        .scan(from, to, &mut |key, value| {
            rows.push((key.to_vec(), value.to_vec()));
            true
        })
        .unwrap();
    rows
}

pub fn range_back(store: &(impl ReadPort + ?Sized), from: &[u8], to: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut rows = Vec::new();
    store
        .scan_back(from, to, &mut |key, value| {
            rows.push((key.to_vec(), value.to_vec()));
            true
        })
        .unwrap();
    rows
}

/// All cursors of the log, in order, read in pages of a few.
pub fn cursors(store: &(impl ReadPort + ?Sized)) -> Vec<u64> {
    let mut found = Vec::new();
    let mut after = Cursor::START;
    loop {
        let page = store.stored_after(after, 7).unwrap();
        let Some(last) = page.last() else { return found };
        after = last.cursor;
        found.extend(page.iter().map(|stored| stored.cursor.0));
    }
}

/// Settings with checkpoints that come only when asked for.
pub fn settings() -> OpenSettings {
    let checkpoint = CheckpointLimits {
        envelopes: u64::MAX,
        bytes: usize::MAX / 4,
        batches: u64::MAX,
        age: Duration::from_secs(3600),
        unfinished_bytes: usize::MAX,
    };
    OpenSettings { checkpoint, cache_capacity: 8 * 1024 * 1024, reserve_bytes: 0, ..OpenSettings::new(NETWORK) }
}

/// Settings with a checkpoint every few envelopes.
pub fn busy_settings() -> OpenSettings {
    let mut settings = settings();
    settings.checkpoint.envelopes = 8;
    settings.checkpoint.unfinished_bytes = 4096;
    settings
}

pub fn is_empty(path: &Path) -> bool {
    std::fs::read_dir(path).map_or(true, |mut entries| entries.next().is_none())
}

/// A row that shows a fold that ran twice: the sum of all cursors.
pub const SUM: [u8; 1] = [0x21];

/// The bytes of the derived row of `cursor`: large, so that a checkpoint needs many pages.
pub fn heavy_value(cursor: u64) -> Vec<u8> {
    (0..2_500_u64).map(|at| (cursor.wrapping_mul(0x9e37_79b9).wrapping_add(at * at) >> 3) as u8).collect()
}

/// What folding `cursors` on top of `store` writes.
pub fn heavy_rows(store: &(impl ReadPort + ?Sized), cursors: impl Iterator<Item = u64>) -> Vec<RowWrite> {
    let mut sum = store.get(&SUM).unwrap().map_or(0, |sum| u64::from_be_bytes(sum[..].try_into().unwrap()));
    let mut rows = Vec::new();
    for cursor in cursors {
        sum += cursor;
        rows.push(put(derived_key(cursor), heavy_value(cursor)));
    }
    rows.push(put(SUM, sum.to_be_bytes()));
    rows
}

/// Appends the envelopes at `cursors` with heavy rows and a durable row that says the last.
pub fn append_heavy(store: &mut SledStore, cursors: std::ops::RangeInclusive<u64>) -> Result<(), StoreError> {
    let derived = heavy_rows(store, cursors.clone());
    let durable = vec![put([0x90], cursors.end().to_be_bytes())];
    store.append(Batch::for_test(cursors.map(stored).collect(), derived, durable, Vec::new()))
}

/// What a kernel does after a crash.
pub fn refold_heavy(store: &mut SledStore) {
    let mut after = store.derived_upto();
    if after == store.head() {
        return;
    }
    loop {
        let page = store.stored_after(after, 64).unwrap();
        let Some(last) = page.last() else { break };
        after = last.cursor;
        let derived = heavy_rows(store, page.iter().map(|stored| stored.cursor.0));
        store.append(Batch::for_test(vec![], derived, vec![], vec![])).unwrap();
    }
    store.derived_complete().unwrap();
}

/// Holds a store against what was written: the log up to its head, derived rows up to theirs, nothing beyond.
pub fn check_heavy(store: &SledStore, acknowledged: u64) {
    let head = store.head().0;
    assert!(head >= acknowledged, "head {head}, acknowledged {acknowledged}");
    assert_eq!(cursors(store), (1..=head).collect::<Vec<_>>());
    for cursor in (1..=head).step_by(17) {
        assert_eq!(store.stored(Cursor(cursor)).unwrap(), Some(stored(cursor)));
    }
    let durable = store.get(&[0x90]).unwrap().map_or(0, |last| u64::from_be_bytes(last[..].try_into().unwrap()));
    assert_eq!(durable, head, "the durable row belongs to the last batch");
    let upto = store.derived_upto().0;
    let expected: Vec<_> = (1..=upto).map(|cursor| (derived_key(cursor), heavy_value(cursor))).collect();
    assert!(range(store, &[0x20], &[0x21]) == expected, "derived rows are those up to {upto}");
    let sum = store.get(&SUM).unwrap().map_or(0, |sum| u64::from_be_bytes(sum[..].try_into().unwrap()));
    assert_eq!(sum, upto * (upto + 1) / 2, "each envelope up to {upto} was folded once");
}
