//! Posts: writing, reading, editing, taking away.

use super::said;
use crate::error::{Forbidden, HomeError, Thing, shown};
use crate::hidden::hidden;
use crate::home::{Home, Inner};
use crate::model::{Item, NewPost, NewText, Post};
use crate::quota::Use;
use crate::session::AgentSession;
use crate::show::Shower;
use crate::text::has_visible;
use tidepool_protocol::body::{BodyOf, Edit, Post as PostBody, PostType, Tombstone};
use tidepool_protocol::{AgentId, EnvelopeId, Kind, Scope};
use tidepool_views::queries::{self, State};
use tidepool_views::{index, void};

impl Home {
    /// Posts.
    ///
    /// # Errors
    /// A text out of its limits, an unknown community, a limit.
    pub async fn create_post(&self, session: &AgentSession, request: NewPost) -> Result<Post, HomeError> {
        self.may_write(session).await?;
        let (scope, body) = self.post_to_say(request).await?;
        let (caller, now) = (session.caller(), self.now());
        self.inner.quotas.charge(caller, &[Use::Post], now)?;
        let receipt = match self.say(session, vec![said(scope, &body)?]).await {
            Ok(receipt) => receipt,
            Err(error) => {
                self.inner.quotas.refund(caller, &[Use::Post], now);
                return Err(error);
            }
        };
        let (viewer, id) = (Some(session.id), Self::first_id(&receipt));
        self.read(move |inner| inner.post(viewer, id)).await
    }

    /// The body of a new post, checked, and the community where it goes.
    pub(super) async fn post_to_say(&self, request: NewPost) -> Result<(Scope, PostBody), HomeError> {
        let body = post_body(self.salt(), request.title, request.content, request.url, request.post_type)?;
        Ok((self.community_scope(&request.community).await?, body))
    }

    /// One post. One that its author took away is given without its text.
    ///
    /// # Errors
    /// [`HomeError::NotFound`] or [`HomeError::Hidden`].
    pub async fn post(&self, viewer: Option<&AgentSession>, id: EnvelopeId) -> Result<Post, HomeError> {
        let viewer = viewer.map(|session| session.id);
        self.read(move |inner| {
            let post = inner.post(viewer, id)?;
            inner.parts.policy.hides(&Item::Post(&post)).map_or(Ok(post), |rule| Err(hidden(rule)))
        })
        .await
    }

    /// Gives a post of one's own a new text.
    ///
    /// # Errors
    /// [`HomeError::NotFound`], [`HomeError::Forbidden`], or a text out of its limits.
    pub async fn edit_post(&self, session: &AgentSession, id: EnvelopeId, text: NewText) -> Result<Post, HomeError> {
        self.may_write(session).await?;
        let author = session.id;
        if let Some(title) = &text.title {
            check_title(title)?;
        }
        let post = self.read(move |inner| inner.own_post(author, id)).await?;
        let edit = Edit { salt: self.salt(), target: id, title: text.title, content: text.content };
        if edit.title.is_some() || edit.content.is_some() {
            self.say(session, vec![said(post.community.scope, &edit)?]).await?;
        }
        self.read(move |inner| inner.post(Some(author), id)).await
    }

    /// Takes a post of one's own away.
    ///
    /// # Errors
    /// [`HomeError::NotFound`], [`HomeError::Deleted`] or [`HomeError::Forbidden`].
    pub async fn delete_post(&self, session: &AgentSession, id: EnvelopeId) -> Result<(), HomeError> {
        let author = session.id;
        let post = self.read(move |inner| inner.own_post(author, id)).await?;
        self.say(session, vec![said(post.community.scope, &Tombstone { target: id })?]).await?;
        Ok(())
    }
}

/// The body of a new post, checked.
fn post_body(
    salt: tidepool_protocol::Salt,
    title: String,
    content: String,
    url: Option<String>,
    post_type: Option<PostType>,
) -> Result<PostBody, HomeError> {
    check_title(&title)?;
    let url = url.filter(|url| !url.is_empty());
    if let Some(url) = &url {
        super::check_one_line("url", url)?;
    }
    let web = |url: &String| url.starts_with("https://") || url.starts_with("http://");
    if let Some(other) = url.as_ref().filter(|url| !web(url)) {
        return Err(HomeError::Invalid { field: "url", seen: shown(other), allowed: "an http:// or https:// address" });
    }
    if post_type == Some(PostType::Link) && url.is_none() {
        return Err(HomeError::Invalid {
            field: "url",
            seen: String::new(),
            allowed: "the address that a link leads to",
        });
    }
    let post_type = post_type.unwrap_or(if url.is_some() { PostType::Link } else { PostType::Text });
    let body = PostBody { salt, post_type, title, content, url };
    body.check()?;
    Ok(body)
}

fn check_title(title: &str) -> Result<(), HomeError> {
    let allowed = "1 to 300 characters, one of them visible";
    if !has_visible(title) {
        return Err(HomeError::Invalid { field: "title", seen: shown(title), allowed });
    }
    super::check_one_line("title", title)
}

impl Inner {
    /// Why nothing is shown of a post or comment with this id: it is void, or not known.
    pub(crate) fn not_shown(&self, what: Thing, id: EnvelopeId) -> Result<HomeError, HomeError> {
        let kind = match what {
            Thing::Comment => Kind::COMMENT,
            _ => Kind::POST,
        };
        let entry = index::get(self.reader(), &id)?.filter(|entry| entry.kind == kind);
        let reason = match entry {
            Some(entry) => void::verdict(self.reader(), &entry)?,
            None => None,
        };
        Ok(match reason {
            Some(reason) => HomeError::Void { what, id, reason },
            None => HomeError::NotFound { what, seen: id.to_string() },
        })
    }

    /// The post with this id as `viewer` sees it, hidden or not.
    pub(crate) fn post(&self, viewer: Option<AgentId>, id: EnvelopeId) -> Result<Post, HomeError> {
        let post = queries::posts::get(self.reader(), &id)?;
        let Some(post) = post else { return Err(self.not_shown(Thing::Post, id)?) };
        Shower::new(self, viewer).post(post)
    }

    /// Refuses what its author or a moderator took away.
    pub(crate) fn check_stands(&self, what: Thing, id: EnvelopeId, state: State) -> Result<(), HomeError> {
        match Shower::new(self, None).removed_by(state)? {
            Some(by) => Err(HomeError::Removed { what, id, action: by.action, rule: by.rule }),
            None if state.is_gone() => Err(HomeError::Deleted { what, id }),
            None => Ok(()),
        }
    }

    /// A post of `author`'s that it has not taken away.
    fn own_post(&self, author: AgentId, id: EnvelopeId) -> Result<Post, HomeError> {
        let post = queries::posts::get(self.reader(), &id)?;
        let Some(post) = post else { return Err(self.not_shown(Thing::Post, id)?) };
        if post.author.id.as_agent() != author {
            return Err(HomeError::Forbidden { rule: Forbidden::NotTheAuthor });
        }
        self.check_stands(Thing::Post, id, post.state)?;
        Shower::new(self, Some(author)).post(post)
    }
}
