//! What a home says of communities that lie in shards that its node does not hold.

use super::content::new_post;
use super::rig::Rig;
use crate::error::HomeError;
use crate::model::{NewCommunity, NewPost, PostQuery};
use crate::stream::EventFilter;
use tidepool_protocol::scope::CommunityName;
use tidepool_protocol::{AgentId, Scope, Shard};

const SHARDS: u16 = 4;

fn shard_of(scope: &Scope) -> Shard {
    Shard::of(scope.slot(), SHARDS).unwrap()
}

/// A name that is nobody's and lies in a shard that `rig` does not hold.
async fn foreign_name(rig: &Rig) -> CommunityName {
    let held = rig.home.held().await.unwrap().expect("it holds a part");
    assert!(held.len() < usize::from(SHARDS), "it holds everything: choose other keys");
    let names = (0..).map(|number| format!("far-{number}").parse::<CommunityName>().unwrap());
    names.into_iter().find(|name| !held.contains(&shard_of(&Scope::Open(name.clone())))).unwrap()
}

#[tokio::test]
async fn a_community_of_a_shard_that_is_not_held_is_neither_unknown_nor_empty() {
    let rig = Rig::of_few_shards().await;
    let agent = rig.agent("Coral").await;
    let name = foreign_name(&rig).await;
    let owned = Scope::owned_by(AgentId([7; 32]), name.clone()).to_string();
    let shard = shard_of(&Scope::Open(name.clone()));
    for named in [name.as_str(), &owned] {
        let refused = rig.home.community(None, named).await.unwrap_err();
        let HomeError::NotHeld { shard: seen, shards, .. } = refused else { panic!("{named}: {refused}") };
        assert_eq!((seen, shards), (shard.0, SHARDS), "{named}");
        let query = PostQuery { community: Some(named.to_owned()), ..PostQuery::default() };
        let refused = rig.home.posts(None, &query).await.unwrap_err();
        assert!(matches!(refused, HomeError::NotHeld { .. }), "{named}: {refused}");
        let filter = EventFilter { community: Some(named.to_owned()), ..EventFilter::default() };
        assert!(matches!(rig.home.events(None, filter).await, Err(HomeError::NotHeld { .. })), "{named}");
        let post = NewPost { community: named.to_owned(), ..new_post("whether it exists, nobody here knows") };
        let refused = rig.home.create_post(&agent, post).await.unwrap_err();
        assert!(matches!(refused, HomeError::NotHeld { .. }), "{named}: {refused}");
    }
    // By a name alone it cannot be known whose it is; by its scope it can be subscribed to, and is held from then on.
    let refused = rig.home.subscribe(&agent, name.as_str()).await.unwrap_err();
    assert!(matches!(refused, HomeError::NotHeld { .. }), "{refused}");
    let done = rig.home.subscribe(&agent, &owned).await.unwrap();
    assert!(done.subscribed && done.changed);
    assert!(rig.home.held().await.unwrap().unwrap().contains(&shard));
    let unknown = rig.home.community(None, &owned).await.unwrap_err();
    assert!(matches!(unknown, HomeError::NotFound { .. }), "{unknown}");
}

#[tokio::test]
async fn what_an_agent_writes_its_node_holds() {
    let rig = Rig::of_few_shards().await;
    let agent = rig.agent("Coral").await;
    let own = shard_of(&Scope::Agent(agent.id));
    assert!(rig.home.held().await.unwrap().unwrap().contains(&own), "an agent's own shard");
    let open = rig.genesis.communities.iter().map(|name| Scope::Open(name.clone()));
    let held = rig.home.held().await.unwrap().unwrap();
    let far = open.into_iter().find(|scope| !held.contains(&shard_of(scope))).expect("choose other keys");
    let query = PostQuery { community: Some(far.to_string()), ..PostQuery::default() };
    assert!(matches!(rig.home.posts(None, &query).await, Err(HomeError::NotHeld { .. })));
    let post = NewPost { community: far.to_string(), ..new_post("from afar") };
    let post = rig.home.create_post(&agent, post).await.unwrap();
    assert_eq!(rig.home.posts(None, &query).await.unwrap().items[0].id, post.id);
    let view = rig.home.node().await.unwrap();
    let shown: Vec<Shard> = view.shards.iter().filter_map(|shard| shard.shard).map(Shard).collect();
    assert_eq!(Some(shown), rig.home.held().await.unwrap());
    assert!(!view.is_archive);
    // Founding needs nothing of what others founded.
    let name = foreign_name(&rig).await;
    let request = NewCommunity {
        name: name.as_str().to_owned(),
        display_name: None,
        description: "a place".to_owned(),
        allow_crypto: false,
    };
    let made = rig.home.create_community(&agent, request).await.unwrap();
    assert!(rig.home.held().await.unwrap().unwrap().contains(&shard_of(&made.reference.scope)));
}

#[tokio::test]
async fn an_archive_says_that_it_holds_everything() {
    let rig = Rig::new().await;
    assert_eq!(rig.home.held().await.unwrap(), None);
    let view = rig.home.node().await.unwrap();
    assert!(view.is_archive);
    assert_eq!(view.shards.len(), usize::from(SHARDS) + 1);
}
