//! Search by substring over the newest posts and comments: what there is before full text.

use super::load::Loader;
use super::{Comment, PAGE_MAX, Post};
use crate::chunks::{Chunks, Direction};
use crate::content::keys::{Owner, Short, tail_id};
use crate::content::lists;
use crate::port::{ReadError, ReadPort};
use bytes::Bytes;

/// The newest posts, and as many of the newest comments, that a search reads.
pub const SEARCH_WINDOW: usize = 2_000;

/// What a search looks through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SearchKind {
    /// Titles and texts of posts.
    Posts,
    /// Texts of comments.
    Comments,
    /// Both.
    All,
}

/// One find.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// A post.
    Post(Post),
    /// A comment.
    Comment(Comment),
}

/// Posts and comments that contain `query` without regard to case, the latest first: up to `limit` behind the first
/// `skip`, out of the newest [`SEARCH_WINDOW`] of each.
///
/// # Errors
/// When the store fails.
pub fn search_substring(
    port: &dyn ReadPort,
    query: &str,
    kind: SearchKind,
    skip: usize,
    limit: usize,
) -> Result<Vec<Found>, ReadError> {
    let query = query.to_lowercase();
    if query.is_empty() {
        return Ok(Vec::new());
    }
    let wanted = skip.saturating_add(limit.min(PAGE_MAX));
    let everything = Owner::Everything;
    let (mut loader, mut found) = (Loader::new(port), Vec::new());
    let contains = |text: &str| text.to_lowercase().contains(&query);
    if matches!(kind, SearchKind::Posts | SearchKind::All) {
        newest(port, &everything.feed(lists::NEW), wanted, &mut found, |id| {
            let post = loader.post(id)?.filter(|post| contains(&post.title) || contains(&post.content));
            Ok(post.map(Found::Post))
        })?;
    }
    if matches!(kind, SearchKind::Comments | SearchKind::All) {
        newest(port, &everything.comments(), wanted, &mut found, |id| {
            Ok(loader.comment(id)?.filter(|comment| contains(&comment.content)).map(Found::Comment))
        })?;
    }
    found.sort_by(|(a, _), (b, _)| b.cmp(a));
    Ok(found.into_iter().skip(skip).take(limit.min(PAGE_MAX)).map(|(_, found)| found).collect())
}

/// Reads the newest entries of one list until `wanted` of them were found; adds each find with its order.
fn newest(
    port: &dyn ReadPort,
    list: &Chunks,
    wanted: usize,
    found: &mut Vec<(Bytes, Found)>,
    mut find: impl FnMut(&Short) -> Result<Option<Found>, ReadError>,
) -> Result<(), ReadError> {
    let mut left = wanted;
    for (key, _) in list.page(port, None, Direction::Down, SEARCH_WINDOW)? {
        if left == 0 {
            break;
        }
        let Some(id) = tail_id(&key) else { continue };
        if let Some(hit) = find(&id)? {
            found.push((key, hit));
            left -= 1;
        }
    }
    Ok(())
}
