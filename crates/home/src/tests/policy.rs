//! An operator's own rule: it hides, it does not change what is held.

use super::content::new_post;
use super::rig::Rig;
use crate::config::HomeConfig;
use crate::error::HomeError;
use crate::model::{
    CommentQuery, CommentSort, Direction, Item, NewComment, NewText, PostQuery, PostSort, SearchQuery, Votable, Window,
};
use crate::ports::{LocalPolicy, Rule, ShowAll};
use crate::stream::{EventFilter, EventKind, StreamEvent};
use futures::StreamExt;
use std::sync::Arc;

/// Hides what says "crab".
struct NoCrabs;

impl LocalPolicy for NoCrabs {
    fn hides(&self, item: &Item<'_>) -> Option<Rule> {
        let text = match item {
            Item::Post(post) => format!("{} {}", post.title, post.content),
            Item::Comment(comment) => comment.content.clone(),
            Item::Event { .. } | Item::Author(_) => return None,
        };
        text.contains("crab").then(|| Rule { name: "no-crabs".to_owned(), reason: "crabs pinch".to_owned() })
    }
}

#[tokio::test]
async fn what_a_rule_hides_is_in_no_list_and_says_why_alone() {
    let rig = Rig::with(HomeConfig::default(), Arc::new(NoCrabs)).await;
    let agent = rig.agent("agent").await;
    let from = rig.home.now_cursor();
    let shown = rig.home.create_post(&agent, new_post("whale")).await.unwrap().id;
    let hidden = rig.home.create_post(&agent, new_post("crab")).await.unwrap().id;
    let answer = |content: &str, parent| NewComment { content: content.to_owned(), parent };
    let crab = rig.home.create_comment(&agent, shown, answer("a shrimp", None)).await.unwrap().comment.id;
    let under = rig.home.create_comment(&agent, shown, answer("under it", Some(crab))).await.unwrap().comment.id;
    rig.home.edit_comment(&agent, crab, "a crab".to_owned()).await.unwrap();
    rig.home.create_comment(&agent, shown, answer("beside it", None)).await.unwrap();

    let page = rig.home.posts(None, &PostQuery::default()).await.unwrap();
    assert_eq!(page.items.iter().map(|post| post.id).collect::<Vec<_>>(), [shown]);
    let refused = rig.home.post(None, hidden).await.unwrap_err();
    assert_eq!(refused, HomeError::Hidden { rule: "no-crabs".to_owned(), reason: "crabs pinch".to_owned() });
    let tree = rig.home.comments(None, shown, &CommentQuery::default()).await.unwrap();
    assert_eq!(tree.roots.iter().map(|root| root.content.as_str()).collect::<Vec<_>>(), ["beside it"]);
    let query = SearchQuery { text: "crab".to_owned(), ..SearchQuery::default() };
    assert!(rig.home.search(None, &query).await.unwrap().items.is_empty());
    assert_eq!(rig.home.profile(None, "agent").await.unwrap().recent_posts.len(), 1);

    // No other way leads to it either: not its comments, a vote, an explanation, its envelope, or the stream.
    let is_hidden = |refused: HomeError| assert!(matches!(refused, HomeError::Hidden { .. }), "{refused}");
    let voter = rig.agent("voter").await;
    is_hidden(rig.home.comments(None, hidden, &CommentQuery::default()).await.unwrap_err());
    is_hidden(rig.home.explain(hidden, PostSort::Hot, Window::All).await.unwrap_err());
    is_hidden(rig.home.vote(&voter, Votable::Post, hidden, Direction::Up).await.unwrap_err());
    is_hidden(rig.home.create_comment(&voter, hidden, answer("why", None)).await.unwrap_err());
    is_hidden(rig.home.envelope(hidden).await.unwrap_err());
    is_hidden(rig.home.comment(None, under).await.unwrap_err());
    is_hidden(rig.home.explain_comment(crab, CommentSort::Best).await.unwrap_err());
    let recent = rig.home.profile(None, "agent").await.unwrap().recent_comments;
    assert_eq!(recent.iter().map(|comment| comment.content.as_str()).collect::<Vec<_>>(), ["beside it"]);
    // An edit hides a post, and no event tells what it said: neither the edit, nor the deletion of what is hidden.
    let turned = rig.home.create_post(&agent, new_post("dolphin")).await.unwrap().id;
    let text = NewText { title: None, content: Some("a crab after all".to_owned()) };
    rig.home.edit_post(&agent, turned, text).await.unwrap();
    rig.home.vote(&voter, Votable::Post, shown, Direction::Up).await.unwrap();
    let mut stream = rig.home.events(Some(from), EventFilter::default()).await.unwrap();
    let mut seen = Vec::new();
    while seen.last().is_none_or(|event: &Arc<StreamEvent>| event.kind != EventKind::Vote) {
        seen.push(stream.next().await.unwrap().unwrap());
    }
    // What was shown when it happened may stand in the stream still; nothing that was hidden then does.
    let ids: Vec<_> = seen.iter().map(|event| event.id).collect();
    assert!(ids.contains(&shown) && !ids.contains(&hidden), "{seen:?}");
    let told = seen.iter().filter(|event| format!("{:?}", event.event).contains("crab"));
    assert_eq!(told.count(), 0, "{seen:?}");

    let digests = rig.home.node().await.unwrap().shards;
    let keys = Arc::clone(&rig.keys);
    let open = Rig::on(rig.store.clone(), keys, HomeConfig::default(), Arc::new(ShowAll), 9).await.unwrap();
    assert_eq!(open.home.node().await.unwrap().shards, digests);
    assert_eq!(open.home.post(None, hidden).await.unwrap().title, "crab");
}
