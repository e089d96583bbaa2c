//! Comments: writing, reading as trees, editing, taking away.

use super::said;
use crate::error::{Forbidden, HomeError, Thing, shown};
use crate::home::{Home, Inner, lock};
use crate::limits::{PAGE_COMMENTS_DEFAULT, PAGE_COMMENTS_MAX, REPEATED_COMMENT_MS};
use crate::model::{Comment, CommentOutcome, CommentPage, CommentQuery, CommentSort, NewComment};
use crate::quota::Use;
use crate::session::AgentSession;
use crate::show::{Shower, after, query_error};
use crate::text::has_visible;
use tidepool_protocol::body::{BodyOf, Comment as CommentBody, Edit, Tombstone};
use tidepool_protocol::ids::{Hash, sha256};
use tidepool_protocol::limits::COMMENT_DEPTH_MAX;
use tidepool_protocol::{AgentId, EnvelopeId, Salt, Scope};
use tidepool_views::queries::{self, Paging};

/// Two limits count every comment.
const COMMENT_USES: [Use; 2] = [Use::Comment, Use::CommentDaily];

impl Home {
    /// Comments on a post, or answers a comment of it. The same text by the same agent at the same place within
    /// [`REPEATED_COMMENT_MS`] is a repeated request: the first one is given again.
    ///
    /// # Errors
    /// [`HomeError::NotFound`], a text out of its limits, a limit.
    pub async fn create_comment(
        &self,
        session: &AgentSession,
        post: EnvelopeId,
        request: NewComment,
    ) -> Result<CommentOutcome, HomeError> {
        self.may_write(session).await?;
        let author = session.id;
        let (scope, body) = self.comment_to_say(post, request).await?;
        let repeated = sha256(&[&author.0, &body.parent.0, body.content.as_bytes()]);
        let _order = self.inner.order.lock(author, &repeated).await;
        if let Some(comment) = self.said_before(author, repeated).await? {
            return Ok(CommentOutcome { comment, already_existed: true });
        }
        let (caller, now) = (session.caller(), self.now());
        self.inner.quotas.charge(caller, &COMMENT_USES, now)?;
        let receipt = match self.say(session, vec![said(scope, &body)?]).await {
            Ok(receipt) => receipt,
            Err(error) => {
                self.inner.quotas.refund(caller, &COMMENT_USES, now);
                return Err(error);
            }
        };
        let id = Self::first_id(&receipt);
        lock(&self.inner.recent_comments).put(repeated, (id, now));
        let comment = self.read(move |inner| inner.comment(Some(author), id)).await?;
        Ok(CommentOutcome { comment, already_existed: false })
    }

    /// The body of a new comment on `post`, checked, and the community where it goes.
    pub(super) async fn comment_to_say(
        &self,
        post: EnvelopeId,
        request: NewComment,
    ) -> Result<(Scope, CommentBody), HomeError> {
        check_text(&request.content)?;
        let (parent, salt) = (request.parent.unwrap_or(post), self.salt());
        let (scope, body) = self.read(move |inner| inner.comment_body(salt, post, parent, request.content)).await?;
        body.check()?;
        Ok((scope, body))
    }

    async fn said_before(&self, author: AgentId, repeated: Hash) -> Result<Option<Comment>, HomeError> {
        let known = lock(&self.inner.recent_comments).get(&repeated).copied();
        let Some((id, at)) = known else { return Ok(None) };
        if self.now().since_ms(at) > REPEATED_COMMENT_MS {
            return Ok(None);
        }
        match self.read(move |inner| inner.comment(Some(author), id)).await {
            Ok(comment) if !comment.is_deleted => Ok(Some(comment)),
            Ok(_) | Err(HomeError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// One comment, without its answers.
    ///
    /// # Errors
    /// [`HomeError::NotFound`] or [`HomeError::Hidden`].
    pub async fn comment(&self, viewer: Option<&AgentSession>, id: EnvelopeId) -> Result<Comment, HomeError> {
        let viewer = viewer.map(|session| session.id);
        self.read(move |inner| {
            let comment = inner.comment(viewer, id)?;
            inner.check_shown(&id)?;
            Ok(comment)
        })
        .await
    }

    /// A page of a post's comments, as trees.
    ///
    /// # Errors
    /// [`HomeError::NotFound`], [`HomeError::Hidden`] when the post is, or a cursor that is none.
    pub async fn comments(
        &self,
        viewer: Option<&AgentSession>,
        post: EnvelopeId,
        query: &CommentQuery,
    ) -> Result<CommentPage, HomeError> {
        let viewer = viewer.map(|session| session.id);
        let query = query.clone();
        self.read(move |inner| inner.comment_page(viewer, post, &query)).await
    }

    /// Gives a comment of one's own a new text.
    ///
    /// # Errors
    /// [`HomeError::NotFound`], [`HomeError::Forbidden`], or a text out of its limits.
    pub async fn edit_comment(
        &self,
        session: &AgentSession,
        id: EnvelopeId,
        content: String,
    ) -> Result<Comment, HomeError> {
        self.may_write(session).await?;
        let author = session.id;
        check_text(&content)?;
        let comment = self.read(move |inner| inner.own_comment(author, id)).await?;
        // An edit's text is checked as a comment's: an edit that is too long for a comment would show nothing.
        let as_comment = CommentBody { salt: Salt([0; 16]), root: id, parent: id, depth: 0, content };
        as_comment.check()?;
        let edit = Edit { salt: self.salt(), target: id, title: None, content: Some(as_comment.content) };
        self.say(session, vec![said(comment.scope, &edit)?]).await?;
        self.read(move |inner| inner.comment(Some(author), id)).await
    }

    /// Takes a comment of one's own away.
    ///
    /// # Errors
    /// [`HomeError::NotFound`], [`HomeError::Deleted`] or [`HomeError::Forbidden`].
    pub async fn delete_comment(&self, session: &AgentSession, id: EnvelopeId) -> Result<(), HomeError> {
        let author = session.id;
        let comment = self.read(move |inner| inner.own_comment(author, id)).await?;
        self.say(session, vec![said(comment.scope, &Tombstone { target: id })?]).await?;
        Ok(())
    }
}

fn check_text(content: &str) -> Result<(), HomeError> {
    let allowed = "1 to 10,000 characters, one of them visible";
    let seen = || shown(content);
    if !has_visible(content) { Err(HomeError::Invalid { field: "content", seen: seen(), allowed }) } else { Ok(()) }
}

pub(super) const fn comment_sort_of(sort: CommentSort) -> queries::CommentSort {
    match sort {
        CommentSort::Best => queries::CommentSort::Best,
        CommentSort::New => queries::CommentSort::New,
        CommentSort::Old => queries::CommentSort::Old,
        CommentSort::Top => queries::CommentSort::Top,
        CommentSort::Controversial => queries::CommentSort::Controversial,
    }
}

impl Inner {
    /// What a comment at this place says, and in which scope.
    fn comment_body(
        &self,
        salt: Salt,
        post: EnvelopeId,
        parent: EnvelopeId,
        content: String,
    ) -> Result<(Scope, CommentBody), HomeError> {
        let unknown = |what, id: EnvelopeId| HomeError::NotFound { what, seen: id.to_string() };
        let root = queries::posts::get(self.reader(), &post)?.ok_or_else(|| unknown(Thing::Post, post))?;
        self.check_shown(&parent)?;
        self.check_stands(Thing::Post, post, root.state)?;
        if root.is_locked {
            return Err(HomeError::Forbidden { rule: Forbidden::Locked });
        }
        let depth = if parent == post {
            0
        } else {
            let answered = queries::comments::get(self.reader(), &parent)?;
            let answered = answered.filter(|answered| answered.root == post);
            let answered = answered.ok_or_else(|| unknown(Thing::Comment, parent))?;
            answered.depth + 1
        };
        if depth > COMMENT_DEPTH_MAX {
            return Err(HomeError::Forbidden { rule: Forbidden::TooDeep });
        }
        Ok((root.signed.scope, CommentBody { salt, root: post, parent, depth, content }))
    }

    pub(crate) fn comment(&self, viewer: Option<AgentId>, id: EnvelopeId) -> Result<Comment, HomeError> {
        let comment = queries::comments::get(self.reader(), &id)?;
        let Some(comment) = comment else { return Err(self.not_shown(Thing::Comment, id)?) };
        Shower::new(self, viewer).comment(comment)
    }

    fn own_comment(&self, author: AgentId, id: EnvelopeId) -> Result<Comment, HomeError> {
        let comment = self.comment(Some(author), id)?;
        if comment.author.id != author {
            return Err(HomeError::Forbidden { rule: Forbidden::NotTheAuthor });
        }
        if let Some(by) = &comment.removed_by {
            return Err(HomeError::Removed { what: Thing::Comment, id, action: by.action, rule: by.rule.clone() });
        }
        if comment.is_deleted {
            return Err(HomeError::Deleted { what: Thing::Comment, id });
        }
        Ok(comment)
    }

    pub(super) fn comment_page(
        &self,
        viewer: Option<AgentId>,
        post: EnvelopeId,
        query: &CommentQuery,
    ) -> Result<CommentPage, HomeError> {
        self.check_shown(&post)?;
        let sort = comment_sort_of(query.sort);
        let cursor = query.cursor.as_deref();
        let limit = query.limit.unwrap_or(PAGE_COMMENTS_DEFAULT).clamp(1, PAGE_COMMENTS_MAX);
        let behind = after(cursor)?;
        let page = queries::comments::tree(self.reader(), &post, sort, Paging::new(limit, behind.as_ref()))
            .map_err(|error| query_error(error, cursor))?
            .ok_or_else(|| HomeError::NotFound { what: Thing::Post, seen: post.to_string() })?;
        let shower = Shower::new(self, viewer);
        let mut roots = Vec::with_capacity(page.threads.items.len());
        for thread in page.threads.items {
            roots.extend(shower.thread(thread)?);
        }
        let next = page.threads.next.map(|next| next.to_string());
        Ok(CommentPage { post, roots, total: page.total, next })
    }
}
