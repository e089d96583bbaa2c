//! The ordered lists that feeds and comment pages are read from.
//!
//! A visible post stands in the lists of everything, of its community and of its author: by time (with its score as the
//! value, so that formulas over recent posts read nothing else), by hot, by top, by best; the first two owners also keep
//! top for each bucket of four days, from which top of a window is merged. An attached comment on a post
//! itself stands in three lists of that post; every visible comment stands in the lists of comments by time.

use super::item::Item;
use super::keys::{self, Owner, Short, author_tag};
use super::register::Step;
use crate::chunks::Chunks;
use crate::index::Spot;
use crate::overlay::Overlay;
use crate::port::ReadError;
use crate::rank::{self, Votes, score_key, sortable, time_key, time_key_down};
use tidepool_protocol::TimeMs;

/// Lists of a feed.
pub(crate) const NEW: u8 = 0;
pub(crate) const HOT: u8 = 1;
pub(crate) const TOP: u8 = 2;
pub(crate) const BEST: u8 = 3;
pub(crate) const TOP_OF_BUCKET: u8 = 4;

/// Lists of the comments on a post.
pub(crate) const ROOT_BEST: u8 = 0;
pub(crate) const ROOT_TOP: u8 = 1;
pub(crate) const ROOT_CONTROVERSIAL: u8 = 2;

/// The length of a bucket, from which top of a window is merged: a day touches two of them, a year at most 93. Shorter ones
/// would make a year dearer, longer ones a day, whose reader steps over what is older.
pub(crate) const BUCKET_MS: u64 = 4 * 24 * 60 * 60 * 1000;

/// The number of the bucket in which `time` lies.
pub(crate) fn bucket_of(time: TimeMs) -> u32 {
    u32::try_from(time.0 / BUCKET_MS).unwrap_or(u32::MAX)
}

pub(crate) fn new_key(time: TimeMs, id: &Short) -> Vec<u8> {
    [&time_key(time)[..], id].concat()
}

pub(crate) fn hot_key(votes: Votes, time: TimeMs, id: &Short) -> Vec<u8> {
    [&sortable(rank::hot(votes.score(), time))[..], id].concat()
}

pub(crate) fn top_key(votes: Votes, time: TimeMs, id: &Short) -> Vec<u8> {
    [&score_key(votes.score())[..], &time_key(time), id].concat()
}

/// Best lies from 0 to below 1, so its 32 bits behind the point are all of it.
fn best_bits(votes: Votes) -> [u8; 4] {
    u32::try_from(rank::best(votes)).unwrap_or(u32::MAX).to_be_bytes()
}

pub(crate) fn best_key(votes: Votes, time: TimeMs, id: &Short) -> Vec<u8> {
    [&best_bits(votes)[..], &time_key(time), id].concat()
}

/// Comments of one score: the earliest first.
pub(crate) fn root_top_key(votes: Votes, time: TimeMs, id: &Short) -> Vec<u8> {
    [&score_key(votes.score())[..], &time_key_down(time), id].concat()
}

pub(crate) fn controversial_key(votes: Votes, time: TimeMs, id: &Short) -> Vec<u8> {
    [&rank::controversial(votes).to_be_bytes()[..], &time_key(time), id].concat()
}

/// A post's order keys.
struct PostKeys {
    hot: Vec<u8>,
    top: Vec<u8>,
    best: Vec<u8>,
}

impl PostKeys {
    fn of(item: &Item, id: &Short, votes: Votes) -> Self {
        Self {
            hot: hot_key(votes, item.time, id),
            top: top_key(votes, item.time, id),
            best: best_key(votes, item.time, id),
        }
    }

    fn of_list(&self, list: u8) -> &[u8] {
        match list {
            HOT => &self.hot,
            BEST => &self.best,
            _ => &self.top,
        }
    }
}

/// The lists in which a post stands, but those by time.
fn post_lists(item: &Item) -> Vec<(Chunks, u8)> {
    let mut lists = Vec::with_capacity(11);
    for owner in [Owner::Everything, Owner::Community(item.scope), Owner::Author(author_tag(&item.author))] {
        lists.extend([HOT, TOP, BEST].map(|list| (owner.feed(list), list)));
        if !matches!(owner, Owner::Author(_)) {
            lists.push((owner.bucket(TOP_OF_BUCKET, bucket_of(item.time)), TOP_OF_BUCKET));
        }
    }
    lists
}

fn new_lists(item: &Item) -> [Chunks; 3] {
    let owners = [Owner::Everything, Owner::Community(item.scope), Owner::Author(author_tag(&item.author))];
    owners.map(|owner| owner.feed(NEW))
}

/// Puts a post into its lists, or takes it out of them.
pub(crate) fn place_post(
    overlay: &mut Overlay<'_>,
    id: &Short,
    item: &Item,
    votes: Votes,
    step: Step,
) -> Result<(), ReadError> {
    let key = new_key(item.time, id);
    for list in new_lists(item) {
        put(overlay, &list, &key, &score_key(votes.score()), step)?;
    }
    let keys = PostKeys::of(item, id, votes);
    for (list, code) in post_lists(item) {
        put(overlay, &list, keys.of_list(code), &[], step)?;
    }
    Ok(())
}

/// Moves a post within its lists after its votes changed.
pub(crate) fn move_post(
    overlay: &mut Overlay<'_>,
    id: &Short,
    item: &Item,
    before: Votes,
    after: Votes,
) -> Result<(), ReadError> {
    let key = new_key(item.time, id);
    for list in new_lists(item) {
        list.insert(overlay, &key, &score_key(after.score()))?;
    }
    let (from, to) = (PostKeys::of(item, id, before), PostKeys::of(item, id, after));
    for (list, code) in post_lists(item) {
        if from.of_list(code) != to.of_list(code) {
            list.replace(overlay, from.of_list(code), to.of_list(code), &[])?;
        }
    }
    Ok(())
}

fn root_lists(post: Spot, item: &Item, id: &Short, votes: Votes) -> [(Chunks, Vec<u8>); 3] {
    [
        (keys::roots(post, ROOT_BEST), best_key(votes, item.time, id)),
        (keys::roots(post, ROOT_TOP), root_top_key(votes, item.time, id)),
        (keys::roots(post, ROOT_CONTROVERSIAL), controversial_key(votes, item.time, id)),
    ]
}

/// Puts a comment on `post` itself into the post's lists, or takes it out of them.
pub(crate) fn place_root(
    overlay: &mut Overlay<'_>,
    post: Spot,
    (id, spot): (&Short, Spot),
    item: &Item,
    step: Step,
) -> Result<(), ReadError> {
    let votes = super::item::votes(overlay, spot, item)?;
    for (list, key) in root_lists(post, item, id, votes) {
        put(overlay, &list, &key, &[], step)?;
    }
    Ok(())
}

/// Moves a comment on `post` itself within the post's lists after its votes changed.
pub(crate) fn move_root(
    overlay: &mut Overlay<'_>,
    (post, id): (Spot, &Short),
    item: &Item,
    before: Votes,
    after: Votes,
) -> Result<(), ReadError> {
    let to = root_lists(post, item, id, after);
    for ((list, from), (_, to)) in root_lists(post, item, id, before).into_iter().zip(to) {
        list.replace(overlay, &from, &to, &[])?;
    }
    Ok(())
}

/// Puts a comment into the lists of comments by time, or takes it out of them.
pub(crate) fn place_comment(overlay: &mut Overlay<'_>, id: &Short, item: &Item, step: Step) -> Result<(), ReadError> {
    let key = new_key(item.time, id);
    for owner in [Owner::Everything, Owner::Community(item.scope), Owner::Author(author_tag(&item.author))] {
        put(overlay, &owner.comments(), &key, &[], step)?;
    }
    Ok(())
}

pub(crate) fn put(
    overlay: &mut Overlay<'_>,
    list: &Chunks,
    key: &[u8],
    value: &[u8],
    step: Step,
) -> Result<(), ReadError> {
    match step {
        Step::Apply => list.insert(overlay, key, value)?,
        Step::Retract => list.remove(overlay, key)?,
    };
    Ok(())
}
