//! A data directory that holds given envelopes as if its node had received them: exported from memory, imported.
//!
//! Included by path beside `crowd.rs`.

use bytes::Bytes;
use std::path::Path;
use tidepool::datadir::DataDir;
use tidepool::runtime::store_path;
use tidepool_protocol::{Envelope, NetworkGenesis, Verified};
use tidepool_store::{Export, OpenSettings, export_file, import};
use tidepool_views::{Cursor, Envelopes, Origin, ReadError, Rows, Stored};

/// A log in memory, without rows.
struct Log<'l>(&'l [Verified<Envelope>]);

impl Rows for Log<'_> {
    fn get(&self, _: &[u8]) -> Result<Option<Bytes>, ReadError> {
        Ok(None)
    }
    fn scan(&self, _: &[u8], _: &[u8], _: &mut dyn FnMut(&[u8], &Bytes) -> bool) -> Result<(), ReadError> {
        Ok(())
    }
    fn scan_back(&self, _: &[u8], _: &[u8], _: &mut dyn FnMut(&[u8], &Bytes) -> bool) -> Result<(), ReadError> {
        Ok(())
    }
}

impl Envelopes for Log<'_> {
    fn stored(&self, cursor: Cursor) -> Result<Option<Stored>, ReadError> {
        Ok(self.stored_after(Cursor(cursor.0.saturating_sub(1)), 1)?.pop())
    }
    fn stored_after(&self, after: Cursor, limit: usize) -> Result<Vec<Stored>, ReadError> {
        let stored = |(cursor, envelope): (u64, &Verified<Envelope>)| Stored {
            cursor: Cursor(cursor),
            received_ms: envelope.header().time_ms,
            origin: Origin::Local,
            envelope: envelope.clone(),
        };
        let skip = usize::try_from(after.0).unwrap_or(usize::MAX);
        Ok((1..).zip(self.0).skip(skip).take(limit).map(stored).collect())
    }
}

/// Fills `directory`, which no node has used yet.
pub(crate) fn fill(directory: &Path, envelopes: &[Verified<Envelope>]) {
    let network = NetworkGenesis::development();
    let data = DataDir::open(directory, network.id(), &network.name).expect("a new data directory");
    let file = directory.join("crowd.export");
    let what = Export { network: network.id(), durable_rows: false };
    export_file(&Log(envelopes), what, &file).expect("the file can be written");
    import(&file, &store_path(&data), &OpenSettings::new(network.id())).expect("what was made is imported");
    std::fs::remove_file(&file).expect("the file is there");
}
