//! Notices: what happened to an agent at home here, kept for it until newer ones push it out.
//!
//! One task follows the stream of events and writes a notice for whom an event concerns, together with how far it came, so a
//! home that was killed goes on there and notes nothing twice: a notice's key is its event's place in this node's log. Only
//! the fact is kept; what is shown of it is read when somebody asks, less what was taken away or hidden since.

mod follow;
mod notice;

pub(crate) use follow::follow;
pub(crate) use notice::NoticeRow;

use crate::error::HomeError;
use crate::home::{Home, Inner};
use crate::limits::{NOTICES_MAX, PAGE_NOTICES_DEFAULT, PAGE_NOTICES_MAX, RACES_MAX};
use crate::model::{Notice, NoticePage, NoticeQuery, NoticeSort};
use crate::rows;
use crate::session::AgentSession;
use crate::show::{Shower, bad_cursor};
use tidepool_kernel::{LocalError, LocalRequest, RowExpect};
use tidepool_protocol::{AgentId, EnvelopeId};
use tidepool_views::{Cursor, RowWrite, queries};

impl Home {
    /// Notices of an agent, the latest first.
    ///
    /// # Errors
    /// A cursor that is none, or the store's failure.
    pub async fn notices(&self, session: &AgentSession, query: &NoticeQuery) -> Result<NoticePage, HomeError> {
        let (agent, query) = (session.id, query.clone());
        self.read(move |inner| inner.notice_page(agent, &query)).await
    }

    /// How many notices an agent has not read.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn unread_notices(&self, session: &AgentSession) -> Result<u64, HomeError> {
        let agent = session.id;
        self.read(move |inner| Ok(inner.unread(agent)?.len() as u64)).await
    }

    /// The agent has read its notices: all, or those about one post. Says how many were new to it.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn read_notices(&self, session: &AgentSession, post: Option<EnvelopeId>) -> Result<u64, HomeError> {
        let agent = session.id;
        for _ in 0..RACES_MAX {
            let unread = self.read(move |inner| inner.unread(agent)).await?;
            let about = |row: &NoticeRow| post.is_none_or(|post| row.post == Some(post));
            let now: Vec<_> = unread.into_iter().filter(|(_, row)| about(row)).collect();
            if now.is_empty() {
                return Ok(0);
            }
            let count = now.len() as u64;
            let key = |at: Cursor| rows::notice_key(agent, at);
            let expect = now.iter().map(|(at, row)| RowExpect { key: key(*at), value: rows::put(key(*at), row).value });
            let rows = now.iter().map(|(at, row)| rows::put(key(*at), &NoticeRow { is_read: true, ..*row }));
            match self.request(LocalRequest::Write { rows: rows.collect(), expect: expect.collect() }).await {
                Ok(_) => return Ok(count),
                // Another request read some of them, or newer ones pushed them out.
                Err(LocalError::Changed { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(HomeError::Busy { what: "requests for the same thing", waiting: 1, allowed: 1, retry_after_s: 1 })
    }
}

impl Inner {
    /// An agent's notices, the latest first.
    fn all_notices(&self, agent: AgentId) -> Result<Vec<(Cursor, NoticeRow)>, HomeError> {
        let (from, to) = rows::notices_of(agent);
        let mut found = Vec::new();
        self.reader().scan_back(&from, &to, &mut |key, value| {
            found.push((key.last_chunk::<8>().map(|at| Cursor(u64::from_be_bytes(*at))), value.clone()));
            found.len() < NOTICES_MAX + NOTICES_MAX
        })?;
        found
            .into_iter()
            .filter_map(|(at, value)| at.map(|at| (at, value)))
            .map(|(at, value)| Ok((at, rows::decode(&value)?)))
            .collect()
    }

    /// What an agent has not read, the latest first.
    pub(crate) fn unread(&self, agent: AgentId) -> Result<Vec<(Cursor, NoticeRow)>, HomeError> {
        let mut all = self.all_notices(agent)?;
        all.retain(|(_, row)| !row.is_read);
        Ok(all)
    }

    /// The rows that make room for `coming` more notices of an agent.
    fn make_room(&self, agent: AgentId, coming: usize) -> Result<Vec<RowWrite>, HomeError> {
        let (from, to) = rows::notices_of(agent);
        let mut keys = Vec::new();
        self.reader().scan(&from, &to, &mut |key, _| {
            keys.push(key.to_vec());
            true
        })?;
        let surplus = (keys.len() + coming).saturating_sub(NOTICES_MAX);
        Ok(keys.into_iter().take(surplus).map(|key| rows::delete(key.into())).collect())
    }

    fn notice_page(&self, agent: AgentId, query: &NoticeQuery) -> Result<NoticePage, HomeError> {
        let limit = query.limit.unwrap_or(PAGE_NOTICES_DEFAULT).clamp(1, PAGE_NOTICES_MAX);
        let cursor = |text: &str| text.parse::<u64>().map(Cursor).map_err(|_| bad_cursor(text));
        let below = query.cursor.as_deref().map(cursor).transpose()?;
        let mut items = Vec::new();
        let mut next = None;
        // One look at all of them: what is listed and what is counted are of one moment.
        let all = self.all_notices(agent)?;
        let unread = all.iter().filter(|(_, row)| !row.is_read).count() as u64;
        for (at, row) in all.into_iter().filter(|(at, _)| below.is_none_or(|below| *at < below)) {
            if query.unread_only && row.is_read {
                continue;
            }
            if query.since.is_some_and(|since| row.time_ms <= since) {
                continue;
            }
            if items.len() == limit {
                next = items.last().map(|(at, _): &(Cursor, Notice)| at.0.to_string());
                break;
            }
            items.extend(self.notice(agent, at, row)?.map(|notice| (at, notice)));
        }
        let items = items.into_iter().map(|(_, notice)| notice).collect();
        Ok(NoticePage { items, next, unread })
    }

    /// What is shown of a notice; `None` when what it is about was taken away, is void, or is hidden here.
    fn notice(&self, agent: AgentId, at: Cursor, row: NoticeRow) -> Result<Option<Notice>, HomeError> {
        let mut shower = Shower::new(self, Some(agent));
        if self.hides_agent(row.from) {
            return Ok(None);
        }
        let Some(from) = queries::agents::get(self.reader(), &row.from.into())? else { return Ok(None) };
        let post = match row.post {
            Some(id) => queries::posts::get(self.reader(), &id)?.map(|post| shower.post(post)).transpose()?,
            None => None,
        };
        let comment = match row.comment {
            Some(id) => queries::comments::get(self.reader(), &id)?.map(|found| shower.comment(found)).transpose()?,
            None => None,
        };
        let about = row.comment.or(row.post);
        let is_gone = (row.comment.is_some() && comment.as_ref().is_none_or(|comment| comment.is_deleted))
            || (row.post.is_some()
                && post.as_ref().is_none_or(|post| post.is_deleted && row.sort != NoticeSort::Moderation));
        if is_gone || about.is_some_and(|id| self.hidden_by(&id).is_ok_and(|rule| rule.is_some())) {
            return Ok(None);
        }
        Ok(Some(Notice {
            id: format!("{}-{}", agent, at.0),
            sort: row.sort,
            from: shower.author_of(&from),
            post,
            comment,
            is_read: row.is_read,
            time_ms: row.time_ms,
        }))
    }
}
