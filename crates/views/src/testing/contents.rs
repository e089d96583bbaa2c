//! What rows say, whatever their form: two stores that hold the same envelopes say the same.

use crate::chunks::entries_of;
use crate::content::{keys, lists};
use crate::rows;
use bytes::Bytes;
use std::collections::BTreeMap;

/// Everything in the rows of the views, however the chunks were cut; of the index only what is no place in one node's
/// log. The key of an entry is that of its collection and its own.
pub fn contents<'r>(rows: impl IntoIterator<Item = (&'r Bytes, &'r Bytes)>) -> BTreeMap<(Bytes, Bytes), Bytes> {
    let mut found = BTreeMap::new();
    for (key, value) in rows {
        if keys::CHUNKED.contains(&key[0]) {
            let collection = key.slice(..prefix_len(key));
            found.extend(entries_of(value).into_iter().map(|(key, value)| ((collection.clone(), key), value)));
        } else if key[0] == rows::INDEX {
            let without_cursor = [&value[..16], &value[24..]].concat();
            found.insert((key.clone(), Bytes::new()), without_cursor.into());
        } else {
            found.insert((key.clone(), Bytes::new()), value.clone());
        }
    }
    found
}

/// How much of a chunk's key names its collection.
fn prefix_len(key: &[u8]) -> usize {
    match key[0] {
        keys::VOTES => 1 + 32,
        keys::MARKS => 1 + 48,
        keys::KIDS => 1 + 16,
        keys::ROOTS => 1 + 17,
        keys::FEED | keys::COMMENTS => {
            let owner = if key[1] == 0 { 2 } else { 18 };
            let bucketed = key[0] == keys::FEED && key[owner] == lists::TOP_OF_BUCKET;
            owner + if key[0] == keys::FEED { 1 } else { 0 } + if bucketed { 4 } else { 0 }
        }
        keys::RECENT_AGENTS => 1,
        keys::COMMUNITY_FIELDS => 1 + 16,
        keys::COMMUNITIES => 2,
        _ => 1 + 32,
    }
}
