//! An operator's own rule: it hides, it does not change what is held.

use super::content::new_post;
use super::rig::Rig;
use crate::config::HomeConfig;
use crate::error::HomeError;
use crate::model::{CommentQuery, Item, NewComment, PostQuery, SearchQuery};
use crate::ports::{LocalPolicy, Rule, ShowAll};
use std::sync::Arc;

/// Hides what says "crab".
struct NoCrabs;

impl LocalPolicy for NoCrabs {
    fn hides(&self, item: &Item<'_>) -> Option<Rule> {
        let text = match item {
            Item::Post(post) => format!("{} {}", post.title, post.content),
            Item::Comment(comment) => comment.content.clone(),
            Item::Event { .. } => return None,
        };
        text.contains("crab").then(|| Rule { name: "no-crabs".to_owned(), reason: "crabs pinch".to_owned() })
    }
}

#[tokio::test]
async fn what_a_rule_hides_is_in_no_list_and_says_why_alone() {
    let rig = Rig::with(HomeConfig::default(), Arc::new(NoCrabs)).await;
    let agent = rig.agent("agent").await;
    let shown = rig.home.create_post(&agent, new_post("whale")).await.unwrap().id;
    let hidden = rig.home.create_post(&agent, new_post("crab")).await.unwrap().id;
    let answer = |content: &str, parent| NewComment { content: content.to_owned(), parent };
    let crab = rig.home.create_comment(&agent, shown, answer("a crab", None)).await.unwrap().comment.id;
    rig.home.create_comment(&agent, shown, answer("under it", Some(crab))).await.unwrap();
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

    let digests = rig.home.node().await.unwrap().shards;
    let keys = Arc::clone(&rig.keys);
    let open = Rig::on(rig.store.clone(), keys, HomeConfig::default(), Arc::new(ShowAll), 9).await.unwrap();
    assert_eq!(open.home.node().await.unwrap().shards, digests);
    assert_eq!(open.home.post(None, hidden).await.unwrap().title, "crab");
}
