//! What a name means.

use super::content::new_post;
use super::rig::Rig;
use crate::error::{HomeError, Thing};
use crate::model::{CommunityQuery, CommunitySort, NewCommunity, NewPost, PostQuery};

fn named(name: &str) -> NewCommunity {
    NewCommunity { name: name.to_owned(), display_name: None, description: "a place".to_owned(), allow_crypto: false }
}

#[tokio::test]
async fn an_agent_is_found_by_handle_by_id_and_by_both() {
    let rig = Rig::new().await;
    let agent = rig.agent("Coral").await;
    for name in ["Coral", "coral", "@CORAL", &agent.id.to_string(), &format!("coral@{}", agent.id)] {
        assert_eq!(rig.home.profile(None, name).await.unwrap().agent.author.id, agent.id, "{name}");
    }
    let other = format!("other@{}", agent.id);
    for name in ["Kelp", "", "did:tide:x", "not a name", other.as_str()] {
        let refused = rig.home.profile(None, name).await.unwrap_err();
        assert!(matches!(refused, HomeError::NotFound { what: Thing::Agent, .. }), "{name}: {refused}");
    }
}

#[tokio::test]
async fn a_community_is_founded_once_and_found_by_name_and_by_scope() {
    let rig = Rig::new().await;
    let (founder, other) = (rig.agent("founder").await, rig.agent("other").await);
    let made = rig.home.create_community(&founder, named("kelp-forest")).await.unwrap();
    assert!(made.is_yours && made.is_subscribed);
    assert_eq!((made.reference.name.as_str(), made.subscribers), ("kelp-forest", 1));
    let scope = made.reference.scope.to_string();
    assert!(scope.starts_with("c/kelp-forest."));
    for name in ["kelp-forest", "m/kelp-forest", &scope, scope.strip_prefix("c/").unwrap()] {
        let found = rig.home.community(Some(&other), name).await.unwrap();
        assert_eq!((found.reference.scope.to_string(), found.is_yours), (scope.clone(), false), "{name}");
    }
    for again in [&founder, &other] {
        let refused = rig.home.create_community(again, named("kelp-forest")).await.unwrap_err();
        assert_eq!(refused, HomeError::CommunityExists { scope: scope.clone() });
    }
    let post = NewPost { community: "kelp-forest".to_owned(), ..new_post("here") };
    let post = rig.home.create_post(&other, post).await.unwrap();
    assert_eq!(post.community.scope.to_string(), scope);
    let query = PostQuery { community: Some(scope), ..PostQuery::default() };
    assert_eq!(rig.home.posts(None, &query).await.unwrap().items[0].id, post.id);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_that_found_one_name_at_one_time_one_is_told() {
    let rig = Rig::new().await;
    let mut tasks = Vec::new();
    for number in 0..8 {
        let founder = rig.agent(&format!("founder-{number}")).await;
        let home = rig.home.clone();
        tasks.push(tokio::spawn(async move { home.create_community(&founder, named("contested")).await }));
    }
    let mut founded = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(_) => founded += 1,
            Err(error) => assert!(matches!(error, HomeError::CommunityExists { .. }), "{error}"),
        }
    }
    assert_eq!(founded, 1);
}

#[tokio::test]
async fn the_networks_own_names_are_not_founded_again_and_bad_ones_never() {
    let rig = Rig::new().await;
    let founder = rig.agent("founder").await;
    let refused = rig.home.create_community(&founder, named("general")).await.unwrap_err();
    assert_eq!(refused, HomeError::CommunityExists { scope: "c/general".to_owned() });
    for name in ["x", "Upper", "with space", "under_score", ""] {
        let refused = rig.home.create_community(&founder, named(name)).await.unwrap_err();
        assert!(matches!(refused, HomeError::Invalid { field: "name", .. }), "{name}: {refused}");
    }
}

#[tokio::test]
async fn a_subscription_is_said_once() {
    let rig = Rig::new().await;
    let agent = rig.agent("agent").await;
    let first = rig.home.subscribe(&agent, "general").await.unwrap();
    assert!(first.subscribed && first.changed);
    assert!(!rig.home.subscribe(&agent, "c/general").await.unwrap().changed);
    assert_eq!(rig.home.community(Some(&agent), "general").await.unwrap().subscribers, 1);
    assert!(rig.home.unsubscribe(&agent, "general").await.unwrap().changed);
    assert!(!rig.home.community(Some(&agent), "general").await.unwrap().is_subscribed);
}

#[tokio::test]
async fn communities_are_listed_with_how_many_there_are() {
    let rig = Rig::new().await;
    let founder = rig.agent("founder").await;
    for name in ["aa-first", "zz-last"] {
        rig.home.create_community(&founder, named(name)).await.unwrap();
    }
    let query = CommunityQuery { sort: CommunitySort::Name, limit: Some(2), ..CommunityQuery::default() };
    let page = rig.home.communities(None, &query).await.unwrap();
    let names: Vec<_> = page.items.iter().map(|community| community.reference.name.as_str()).collect();
    assert_eq!((names.as_slice(), page.total), (["aa-first", "announcements"].as_slice(), 5));
    let query = CommunityQuery { cursor: page.next, ..query };
    let page = rig.home.communities(None, &query).await.unwrap();
    assert_eq!(page.items[0].reference.name, "general");
}
