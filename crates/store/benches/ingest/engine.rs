//! The limit of the engine: the same blocks and rows in the same batches, put into an empty database as they are.

use std::sync::Arc;
use std::time::Instant;
use tidepool_views::{RowWrite, Stored};

/// What one batch of the kernel held.
pub(crate) struct Recorded {
    pub(crate) stored: Vec<Stored>,
    pub(crate) rows: Vec<RowWrite>,
}

/// Envelopes a second until the last is durable, a flusher beside the writer.
pub(crate) fn run(batches: &[Arc<Recorded>]) -> f64 {
    let directory = tempfile::tempdir_in(super::machine::directory()).unwrap();
    let config = sled::Config::new().path(directory.path()).segment_size(1 << 20).cache_capacity(64 << 20);
    let tree = config.flush_every_ms(None).open().unwrap();
    let file = std::fs::File::open(directory.path().join("db")).unwrap();
    let began = Instant::now();
    std::thread::scope(|scope| {
        let (asks, asked) = std::sync::mpsc::channel::<()>();
        let (tree, file) = (&tree, &file);
        scope.spawn(move || {
            while asked.recv().is_ok() {
                while asked.try_recv().is_ok() {}
                tree.flush().unwrap();
                file.sync_data().unwrap();
            }
        });
        let mut packer = zstd::bulk::Compressor::new(1).unwrap();
        for recorded in batches {
            let mut batch = sled::Batch::default();
            for block in recorded.stored.chunks(32) {
                let raw: Vec<u8> = block.iter().flat_map(|stored| stored.envelope.bytes().iter().copied()).collect();
                let key = [&[1][..], &block[0].cursor.0.to_be_bytes()].concat();
                batch.insert(key, packer.compress(&raw).unwrap());
            }
            for row in &recorded.rows {
                match &row.value {
                    Some(value) => batch.insert(row.key.as_ref(), value.as_ref()),
                    None => batch.remove(row.key.as_ref()),
                }
            }
            tree.apply_batch(batch).unwrap();
            asks.send(()).unwrap();
        }
        drop(asks);
    });
    tree.flush().unwrap();
    file.sync_data().unwrap();
    let envelopes: usize = batches.iter().map(|recorded| recorded.stored.len()).sum();
    envelopes as f64 / began.elapsed().as_secs_f64()
}
