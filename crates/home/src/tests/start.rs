//! Opening a home.

use super::rig::{BEGIN, Rig};
use crate::config::HomeConfig;
use crate::keys::node_genesis;
use tidepool_views::identity;

#[tokio::test]
async fn the_nodes_identity_is_published_once() {
    let rig = Rig::new().await;
    assert_eq!(rig.store.all().len(), 1);
    let known = identity::current(&rig.store, rig.home.node_id().into()).unwrap().unwrap();
    assert!(known.state.is_node);
    assert_eq!(known.state.signing[0].key, rig.keys.public_key());
    let again = rig.restarted(HomeConfig::default()).await;
    assert_eq!(again.store.all().len(), 1);
    assert_eq!(again.kernel.done.load(std::sync::atomic::Ordering::SeqCst), 0, "a restart writes nothing");
}

#[tokio::test]
async fn a_key_file_that_was_kept_says_again_what_it_said() {
    let rig = Rig::new().await;
    let (first, second) = (node_genesis(&rig.keys, &rig.genesis), node_genesis(&rig.keys, &rig.genesis));
    assert_eq!(first.bytes(), second.bytes());
    assert_eq!(first.header().time_ms, BEGIN);
    assert_eq!(rig.store.all()[0].envelope.bytes(), first.bytes());
}

#[tokio::test]
async fn agents_at_home_are_counted_over_a_restart() {
    let rig = Rig::new().await;
    for name in ["one", "two", "three"] {
        rig.register(&format!("agent-{name}")).await;
    }
    assert_eq!(rig.home.node().await.unwrap().local_agents, 3);
    assert_eq!(rig.restarted(HomeConfig::default()).await.home.node().await.unwrap().local_agents, 3);
}

#[tokio::test]
async fn nodes_that_hold_the_same_show_the_same_digests() {
    let (one, two) = (Rig::new().await, Rig::other(1).await);
    let agent = one.agent("Coral").await;
    one.home.create_post(&agent, super::content::new_post("title")).await.unwrap();
    let counted = one.home.node().await.unwrap();
    assert_eq!(counted.shards.len(), usize::from(one.genesis.params.shards) + 1);
    let held: u64 = counted.shards.iter().map(|shard| shard.state_count + shard.content_count).sum();
    assert_eq!(held, one.store.all().len() as u64);
    assert_eq!(counted.shards.iter().map(|shard| shard.content_count).sum::<u64>(), 1);
    assert_ne!(two.home.node().await.unwrap().shards, counted.shards);
    two.hear(&one);
    one.hear(&two);
    let (one, two) = (one.home.node().await.unwrap(), two.home.node().await.unwrap());
    assert_eq!(one.shards, two.shards);
    assert!(one.shards[0].topic.starts_with("/tidepool/"));
}
