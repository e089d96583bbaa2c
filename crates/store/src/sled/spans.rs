//! Pages as readers find them: each with the keys from which and up to which it holds all rows, so that a row whose page
//! is cached, or that is known to be in no page, is found without asking the engine.

use super::engine::Engine;
use super::layout::Space;
use super::ordered::OrderedCache;
use super::pages::{Page, Written, unreadable};
use crate::layers::{Direction, Ground};
use crate::sync::lock;
use bytes::Bytes;
use std::ops::{Bound, Range};
use std::sync::{Arc, Mutex};
use tidepool_views::ReadError;

/// All rows of one family between two engine keys.
#[derive(Debug, Default)]
pub(crate) struct Span {
    /// The page's engine key, or where one would lie if its family has none yet.
    pub(crate) start: Bytes,
    /// The engine key of the next page, or the end of the family.
    pub(crate) end: Bytes,
    pub(crate) page: Page,
}

/// Reads the span around an engine key of `space`.
pub(crate) fn read_span(engine: &Engine, space: Space, key: &[u8]) -> Result<Span, ReadError> {
    let family = space.family_of(key);
    let anchor = space.key(&[family]);
    let end = space.family_end(family);
    let (start, mut page) = match engine.at_or_before(&anchor, key)? {
        Some((start, sealed)) => {
            let page = Page::open(&sealed).map_err(|error| unreadable(&start, &error))?;
            (Bytes::copy_from_slice(&start), page)
        }
        None => (anchor.into(), Page::default()),
    };
    let next = engine.range(Bound::Excluded(key), Bound::Excluded(&end)).next().transpose()?;
    let end: Bytes = next.map_or(end.into(), |(next, _)| Bytes::copy_from_slice(&next));
    // A page that was cut between the two reads shows rows that lie in the next one.
    if let Some(end) = space.row_of(&end) {
        page.truncate(page.below(end));
    }
    Ok(Span { start, end, page })
}

/// The spans that were read or written last, bounded by bytes.
pub(crate) struct Spans(Mutex<Cached>);

/// Spans by their starts.
type Cached = OrderedCache<Arc<Span>>;

fn put(cached: &mut Cached, span: Arc<Span>) {
    let bytes = span.page.memory() + 2 * span.start.len() + span.end.len();
    cached.put(span.start.clone(), span, bytes);
}

impl Spans {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self(Mutex::new(Cached::new(bytes_max)))
    }

    /// The cached span in which an engine key lies.
    pub(crate) fn around(&self, key: &[u8]) -> Option<Arc<Span>> {
        lock(&self.0).last_before(Bound::Included(key)).filter(|span| key < span.end.as_ref())
    }

    /// The span in which an engine key lies.
    fn find(&self, engine: &Engine, space: Space, key: &[u8]) -> Result<Arc<Span>, ReadError> {
        if let Some(span) = self.around(key) {
            return Ok(span);
        }
        let age = lock(&self.0).age();
        let span = Arc::new(read_span(engine, space, key)?);
        let mut cached = lock(&self.0);
        if cached.age() == age {
            put(&mut cached, Arc::clone(&span));
        }
        Ok(span)
    }

    /// The span of the last engine key before `key`; `None` before the first family.
    fn find_before(&self, engine: &Engine, space: Space, key: &[u8]) -> Result<Option<Arc<Span>>, ReadError> {
        let cached = lock(&self.0).last_before(Bound::Excluded(key)).filter(|span| key <= span.end.as_ref());
        if cached.is_some() {
            return Ok(cached);
        }
        let Some(family) = space.family_before(key) else { return Ok(None) };
        let anchor = space.key(&[family]);
        let found = engine.range(Bound::Included(&anchor), Bound::Excluded(key)).next_back().transpose()?;
        let inside = found.map_or(anchor, |(start, _)| start.to_vec());
        self.find(engine, space, &inside).map(Some)
    }

    /// The value of one row.
    pub(crate) fn get(&self, engine: &Engine, space: Space, row: &[u8]) -> Result<Option<Bytes>, ReadError> {
        Ok(self.find(engine, space, &space.key(row))?.page.get(row))
    }

    /// Takes over what a checkpoint wrote, in the order of its keys, all pieces of one page among them: pages that were
    /// cached stay cached as they are now.
    pub(crate) fn written(&self, writes: Vec<Written>) {
        let mut cached = lock(&self.0);
        cached.grow_old();
        let mut writes = writes.into_iter().peekable();
        while let Some((key, page)) = writes.next() {
            let mut start = Bytes::from(key);
            let old = cached.remove(&start);
            let Some(mut page) = page else {
                // The span before a page that went reaches further now; one that says less would be walked twice.
                if let Some(before) = cached.last_before(Bound::Excluded(&start))
                    && before.end == start
                {
                    cached.remove(&before.start);
                }
                continue;
            };
            let Some(old) = old else { continue };
            // The pieces that it was cut into lie within it; what comes next may be another space's, which lies before.
            let within = start.clone()..old.end.clone();
            while let Some((next, piece)) =
                writes.next_if(|(next, _)| within.start < next.as_slice() && next.as_slice() < within.end.as_ref())
            {
                let next = Bytes::from(next);
                put(&mut cached, Arc::new(Span { start, end: next.clone(), page }));
                (start, page) = (next, piece.unwrap_or_default());
            }
            put(&mut cached, Arc::new(Span { start, end: old.end.clone(), page }));
        }
    }
}

/// The rows of `[from, to)` in one space, span by span.
pub(crate) struct PageWalk<'a> {
    engine: &'a Engine,
    spans: &'a Spans,
    space: Space,
    from: &'a [u8],
    to: &'a [u8],
    direction: Direction,
    /// What was walked ends here: the engine key from which to go on, upwards or downwards.
    reached: Bytes,
    span: Arc<Span>,
    /// Rows of the span that are still to come.
    left: Range<usize>,
    /// The value of the first of them, once it was looked at.
    value: Option<Bytes>,
}

impl<'a> PageWalk<'a> {
    pub(crate) fn new(
        (engine, spans): (&'a Engine, &'a Spans),
        space: Space,
        (from, to): (&'a [u8], &'a [u8]),
        direction: Direction,
    ) -> Self {
        let reached = match direction {
            Direction::Up => space.key(from).into(),
            Direction::Down => space.key(to).into(),
        };
        Self { engine, spans, space, from, to, direction, reached, span: Arc::default(), left: 0..0, value: None }
    }

    /// Goes on to the next span; whether there is one.
    fn turn(&mut self) -> Result<bool, ReadError> {
        let Some(reached) = self.space.row_of(&self.reached) else { return Ok(false) };
        let found = match self.direction {
            Direction::Up if reached >= self.to => None,
            Direction::Down if reached <= self.from => None,
            Direction::Up => Some(self.spans.find(self.engine, self.space, &self.reached)?),
            Direction::Down => self.spans.find_before(self.engine, self.space, &self.reached)?,
        };
        let Some(span) = found else { return Ok(false) };
        let below = |bound: &[u8]| span.page.below(bound);
        // A span may hold rows that were walked already: its neighbour went meanwhile.
        let (left, next) = match self.direction {
            Direction::Up => (below(reached)..below(self.to), span.end.clone()),
            Direction::Down => (below(self.from)..below(reached), span.start.clone()),
        };
        self.left = left.start..left.end.max(left.start);
        self.reached = next;
        self.span = span;
        Ok(true)
    }
}

impl Ground for PageWalk<'_> {
    fn peek(&mut self) -> Result<Option<(&[u8], &Bytes)>, ReadError> {
        while self.left.is_empty() {
            if !self.turn()? {
                return Ok(None);
            }
        }
        let at = match self.direction {
            Direction::Up => self.left.start,
            Direction::Down => self.left.end - 1,
        };
        let value = self.value.get_or_insert_with(|| self.span.page.value(at));
        Ok(Some((self.span.page.key(at), value)))
    }

    fn advance(&mut self) {
        self.value = None;
        match self.direction {
            Direction::Up => self.left.start += 1,
            Direction::Down => self.left.end -= 1,
        }
    }
}

#[cfg(test)]
mod tests;
