//! Comments: one by its id, the trees below a post, and lists by time.

use super::load::{self, Loader};
use super::{
    After, AfterError, AuthorBrief, CommentFeed, CommentSort, Page, Paging, QueryError, Signed, State, list_page,
};
use crate::chunks::Direction;
use crate::codec::prefix_end;
use crate::content::item::{self, Item};
use crate::content::keys::{self, Owner, Short, author_tag, scope_tag, tail_id};
use crate::content::{lists, trees};
use crate::index::Spot;
use crate::port::{ReadError, ReadPort};
use crate::rank::Votes;
use bytes::Bytes;
use std::collections::VecDeque;
use std::ops::Bound;
use tidepool_protocol::EnvelopeId;

/// The most replies that are given below one root, nearest first; [`Comment::reply_count`] says what there is.
pub const REPLIES_MAX: usize = 500;

/// The most comments of one page of trees, roots and replies together.
pub const TREE_MAX: usize = 2_000;

/// A comment as readers see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comment {
    /// Where it comes from.
    pub signed: Signed,
    /// Who said it.
    pub author: AuthorBrief,
    /// Whether its text is the first, an edit, or gone.
    pub state: State,
    /// The post below which it stands.
    pub root: EnvelopeId,
    /// The post or comment that it answers.
    pub parent: EnvelopeId,
    /// 0 for an answer to the post itself.
    pub depth: u32,
    /// Its text; empty when it was removed.
    pub content: String,
    /// Votes that count.
    pub votes: Votes,
    /// Comments that answer it directly.
    pub reply_count: u64,
}

/// A comment and what answers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thread {
    /// The comment.
    pub comment: Comment,
    /// Answers to it in the order of the page; fewer than its `reply_count` where a maximum was reached.
    pub replies: Vec<Thread>,
}

/// A page of comment trees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommentPage {
    /// Roots in their order, each with its tree.
    pub threads: Page<Thread>,
    /// Comments below the post in all, as [`super::Post::comment_count`] counts them.
    pub total: u64,
}

/// The comment with this id; `None` when it is not here, is void, waits for its parent, or is no comment.
///
/// # Errors
/// When the store fails.
pub fn get(port: &dyn ReadPort, id: &EnvelopeId) -> Result<Option<Comment>, ReadError> {
    Ok(Loader::new(port).comment(&id.short())?.filter(|comment| comment.signed.id == *id))
}

/// A page of the trees below a post: roots paged in `sort`'s order, below each its replies in the same order, at most
/// [`REPLIES_MAX`] below one root and [`TREE_MAX`] in all. `None` when there is no such post here.
///
/// # Errors
/// When the store fails, or the cursor belongs to another sort.
pub fn tree(
    port: &dyn ReadPort,
    post: &EnvelopeId,
    sort: CommentSort,
    paging: Paging<'_>,
) -> Result<Option<CommentPage>, QueryError> {
    let id = post.short();
    let Some(((spot, item), found)) = item::find(port, &id)?.zip(load::shown(port, &id)?) else { return Ok(None) };
    if item.place.is_some() || found.0.envelope.id() != *post {
        return Ok(None);
    }
    let total = u64::from(item::tree(port, spot)?.comments);
    let limit = paging.count();
    let mut keys = roots(port, (&id, spot), &item, sort, paging)?;
    let more = keys.len() > limit;
    keys.truncate(limit);
    let mut page = Page { items: Vec::with_capacity(keys.len()), next: None, of_newest: None };
    let (mut loader, mut given, mut last) = (Loader::new(port), 0, None);
    for key in keys {
        // A page is never empty for want of room, so its reader always comes further.
        if given >= TREE_MAX {
            page.next = last;
            return Ok(Some(CommentPage { threads: page, total }));
        }
        if let Some(root) = tail_id(&key)
            && let Some(thread) = thread(port, &mut loader, &root, sort, REPLIES_MAX.min(TREE_MAX - given))?
        {
            given += 1 + size(&thread);
            page.items.push(thread);
        }
        last = Some(After([&[sort_code(sort)][..], &key].concat()));
    }
    page.next = if more { last } else { None };
    Ok(Some(CommentPage { threads: page, total }))
}

/// A page of a list of comments, the latest first. Removed ones are not in it.
///
/// # Errors
/// When the store fails, or the cursor is of another list.
pub fn page(port: &dyn ReadPort, feed: &CommentFeed, paging: Paging<'_>) -> Result<Page<Comment>, QueryError> {
    let list = match feed {
        CommentFeed::Everything => Owner::Everything,
        CommentFeed::Community(scope) => Owner::Community(scope_tag(scope)),
        CommentFeed::Author(author) => Owner::Author(author_tag(author)),
    }
    .comments();
    let mut loader = Loader::new(port);
    list_page(port, &list, Direction::Down, paging, |key, _| match tail_id(key) {
        Some(id) => loader.comment(&id),
        None => Ok(None),
    })
}

const fn sort_code(sort: CommentSort) -> u8 {
    match sort {
        CommentSort::Best => 1,
        CommentSort::New => 2,
        CommentSort::Old => 3,
        CommentSort::Top => 4,
        CommentSort::Controversial => 5,
    }
}

/// The keys of the roots of one page, and one more if there is one.
fn roots(
    port: &dyn ReadPort,
    (post, spot): (&Short, Spot),
    item: &Item,
    sort: CommentSort,
    paging: Paging<'_>,
) -> Result<Vec<Bytes>, QueryError> {
    let after = match paging.after {
        None => None,
        Some(After(bytes)) => match bytes.split_first() {
            Some((code, key)) if *code == sort_code(sort) && key.len() >= 16 => Some(key),
            Some(_) | None => return Err(AfterError.into()),
        },
    };
    let limit = if paging.count() == 0 { 0 } else { paging.count() + 1 };
    let sorted = |list| keys::roots(spot, list).page(port, after, Direction::Down, limit);
    let page = match sort {
        CommentSort::Best => sorted(lists::ROOT_BEST)?,
        CommentSort::Top => sorted(lists::ROOT_TOP)?,
        CommentSort::Controversial => sorted(lists::ROOT_CONTROVERSIAL)?,
        CommentSort::New | CommentSort::Old => {
            return Ok(by_time(port, (post, spot), item, sort == CommentSort::New, (after, limit))?);
        }
    };
    Ok(page.into_iter().map(|(key, _)| key).collect())
}

/// Answers that fit below `parent`, in the order of their times or the other way: up to `limit` keys behind `after`.
fn by_time(
    port: &dyn ReadPort,
    (id, spot): (&Short, Spot),
    parent: &Item,
    latest_first: bool,
    (after, limit): (Option<&[u8]>, usize),
) -> Result<Vec<Bytes>, ReadError> {
    let claim = trees::claim_below(id, parent);
    let end = prefix_end(&claim);
    let (first, last) = (Bound::Included(&claim[..]), Bound::Excluded(&end[..]));
    let (bounds, direction) = match (latest_first, after) {
        (false, None) => ((first, last), Direction::Up),
        (false, Some(after)) => ((Bound::Excluded(after), last), Direction::Up),
        (true, None) => ((first, last), Direction::Down),
        (true, Some(after)) => ((first, Bound::Excluded(after)), Direction::Down),
    };
    let mut found = Vec::new();
    if limit > 0 {
        keys::kids(spot).visit(port, bounds, direction, &mut |key, _| {
            found.push(Bytes::copy_from_slice(key));
            found.len() < limit
        })?;
    }
    Ok(found)
}

fn size(thread: &Thread) -> usize {
    thread.replies.iter().map(|reply| 1 + size(reply)).sum()
}

/// A comment while its tree is put together: the place of its parent, its order among its siblings.
struct Leaf {
    above: usize,
    order: Vec<u8>,
    thread: Thread,
}

/// A root with the replies below it, nearest first, up to `limit` of them.
fn thread(
    port: &dyn ReadPort,
    loader: &mut Loader<'_>,
    root: &Short,
    sort: CommentSort,
    limit: usize,
) -> Result<Option<Thread>, ReadError> {
    let Some((spot, item)) = item::find(port, root)? else { return Ok(None) };
    let Some(comment) = loader.comment_of((root, spot), &item)? else { return Ok(None) };
    let mut leaves = vec![Leaf { above: 0, order: Vec::new(), thread: Thread { comment, replies: Vec::new() } }];
    let mut waiting = VecDeque::from([((*root, spot), item, 0)]);
    while let Some(((id, spot), item, at)) = waiting.pop_front() {
        if leaves.len() > limit || item::tree(port, spot)?.replies == 0 {
            continue;
        }
        let left = limit + 1 - leaves.len();
        for key in by_time(port, (&id, spot), &item, false, (None, left))? {
            let Some(answer) = tail_id(&key) else { continue };
            let Some((spot, item)) = item::find(port, &answer)? else { continue };
            let Some(comment) = loader.comment_of((&answer, spot), &item)? else { continue };
            let order = order_key(sort, &answer, &comment);
            waiting.push_back(((answer, spot), item, leaves.len()));
            leaves.push(Leaf { above: at, order, thread: Thread { comment, replies: Vec::new() } });
        }
    }
    Ok(assemble(leaves))
}

/// The greatest comes first.
fn order_key(sort: CommentSort, id: &Short, comment: &Comment) -> Vec<u8> {
    let (votes, time) = (comment.votes, comment.signed.time_ms);
    match sort {
        CommentSort::Best => lists::best_key(votes, time, id),
        CommentSort::New => lists::new_key(time, id),
        CommentSort::Old => lists::new_key(time, id).into_iter().map(|byte| !byte).collect(),
        CommentSort::Top => lists::root_top_key(votes, time, id),
        CommentSort::Controversial => lists::controversial_key(votes, time, id),
    }
}

/// Hangs every comment below its parent, from the last found to the first: answers always come behind what they answer.
fn assemble(mut leaves: Vec<Leaf>) -> Option<Thread> {
    let mut replies: Vec<Vec<(Vec<u8>, Thread)>> = leaves.iter().map(|_| Vec::new()).collect();
    while let Some(Leaf { above, order, mut thread }) = leaves.pop() {
        let mut own = replies.pop().unwrap_or_default();
        own.sort_unstable_by(|a, b| b.0.cmp(&a.0));
        thread.replies = own.into_iter().map(|(_, reply)| reply).collect();
        match replies.get_mut(above) {
            Some(siblings) => siblings.push((order, thread)),
            None => return Some(thread),
        }
    }
    None
}
