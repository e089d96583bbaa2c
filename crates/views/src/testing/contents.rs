//! What rows say, whatever their form: two stores that hold the same envelopes say the same.

use crate::chunks::entries_of;
use crate::content::{keys, lists};
use crate::index::{self, Entry, Found, Spot};
use crate::port::Cursor;
use crate::rows;
use bytes::Bytes;
use std::collections::BTreeMap;

/// Everything in the rows of the views, which come in the order of their keys, however the chunks were cut; of the index
/// only what is no place in one node's log, and short ids in place of spots. The key of an entry is that of its collection
/// and its own.
///
/// # Panics
/// When a row stands at a spot that the index gives to nothing.
pub fn contents<'r>(rows: impl IntoIterator<Item = (&'r Bytes, &'r Bytes)>) -> BTreeMap<(Bytes, Bytes), Bytes> {
    let mut found = BTreeMap::new();
    let mut spots: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
    for (key, value) in rows {
        let mut key = key.clone();
        if keys::ABOUT_ONE.contains(&key[0]) {
            let (spot, rest) = key[1..].split_at(8);
            let short = spots.get(spot).expect("a row is about something that the index knows");
            key = [&key[..1], short, rest].concat().into();
        }
        if keys::CHUNKED.contains(&key[0]) {
            let collection = key.slice(..prefix_len(&key));
            found.extend(entries_of(value).into_iter().map(|(key, value)| ((collection.clone(), key), value)));
        } else if key[0] == rows::INDEX {
            let short: [u8; 16] = key[1..].try_into().expect("keys of the index hold short ids");
            let known = index::read(&short, value).expect("a row of the index reads back");
            spots.insert(known.spot().bytes().to_vec(), short.to_vec());
            let said = match known {
                Found::Here(entry) => {
                    format!("{:?}", Entry { cursor: Cursor::START, spot: Spot::of(Cursor::START), ..entry })
                }
                Found::SpokenOf(_) => String::new(),
            };
            found.insert((key, Bytes::new()), said.into());
        } else {
            found.insert((key, Bytes::new()), value.clone());
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
        keys::COMMUNITY_FIELDS
        | keys::GRANTS
        | keys::WITHDRAWALS
        | keys::ACTS
        | keys::PINS
        | keys::MODERATION
        | keys::REPORTS => 1 + 16,
        keys::COMMUNITIES => 2,
        _ => 1 + 32,
    }
}
