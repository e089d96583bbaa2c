//! What a name means.

use super::content::new_post;
use super::rig::Rig;
use crate::config::HomeConfig;
use crate::error::{Founded, HomeError, Thing};
use crate::model::{CommunityQuery, CommunitySort, NewCommunity, NewPost, PostQuery, Role};
use crate::register::Register;

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
    assert!(made.your_role == Some(Role::Owner) && made.is_subscribed);
    assert_eq!((made.reference.name.as_str(), made.subscribers), ("kelp-forest", 1));
    let scope = made.reference.scope.to_string();
    assert!(scope.starts_with("c/kelp-forest."));
    for name in ["kelp-forest", "m/kelp-forest", &scope, scope.strip_prefix("c/").unwrap()] {
        let found = rig.home.community(Some(&other), name).await.unwrap();
        assert_eq!((found.reference.scope.to_string(), found.your_role), (scope.clone(), None), "{name}");
    }
    for (again, by) in [(&founder, Founded::ByYou), (&other, Founded::ByAnother)] {
        let refused = rig.home.create_community(again, named("kelp-forest")).await.unwrap_err();
        assert_eq!(refused, HomeError::CommunityExists { scope: scope.clone(), by });
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
    assert_eq!(refused, HomeError::CommunityExists { scope: "c/general".to_owned(), by: Founded::ByTheNetwork });
    assert_eq!(refused.to_string(), "c/general exists: it is the network's own, open to everybody");
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

#[tokio::test]
async fn an_agent_of_another_home_is_found_by_its_name_while_that_is_the_only_one() {
    let (here, there, elsewhere) = (Rig::new().await, Rig::other(1).await, Rig::other(2).await);
    let far = there.agent("Faraway").await;
    let reader = here.agent("reader").await;
    assert!(matches!(here.home.profile(None, "faraway").await, Err(HomeError::NotFound { .. })));
    here.hear(&there);
    let found = here.home.profile(None, "faraway").await.unwrap().agent;
    assert_eq!((found.author.id, found.author.is_local, found.claimed), (far.id, false, None));
    assert_eq!(found.author.home, Some(there.home.node_id()));

    let namesake = elsewhere.agent("FarAway").await;
    here.hear(&elsewhere);
    here.home.follow(&reader, &namesake.id.to_string()).await.unwrap();
    let refused = here.home.profile(None, "Faraway").await.unwrap_err();
    let HomeError::Ambiguous { name, candidates } = refused else { panic!("{refused}") };
    assert_eq!(name, "Faraway");
    let listed: Vec<_> = candidates.iter().map(|candidate| (candidate.id, candidate.followers)).collect();
    assert_eq!(listed, [(namesake.id, 1), (far.id, 0)]);
    assert_eq!(here.home.profile(None, &format!("faraway@{}", far.id)).await.unwrap().agent.author.id, far.id);

    let local = here.agent("faraway").await;
    assert_eq!(here.home.profile(None, "FARAWAY").await.unwrap().agent.author.id, local.id, "one's own come first");
}

#[tokio::test]
async fn a_communitys_name_stays_with_its_first_answer() {
    let (here, there, elsewhere) = (Rig::new().await, Rig::other(1).await, Rig::other(2).await);
    let founder = there.agent("founder").await;
    let first = there.home.create_community(&founder, named("reef")).await.unwrap().reference.scope;
    here.hear(&there);
    assert_eq!(here.home.community(None, "reef").await.unwrap().reference.scope, first);

    // A rival of the same name gathers more subscribers.
    let rival = elsewhere.agent("rival").await;
    let second = elsewhere.home.create_community(&rival, named("reef")).await.unwrap().reference.scope;
    for number in 0..3 {
        let fan = elsewhere.agent(&format!("fan-{number}")).await;
        elsewhere.home.subscribe(&fan, "reef").await.unwrap();
    }
    here.hear(&elsewhere);
    assert_eq!(here.home.community(None, "reef").await.unwrap().reference.scope, first);
    assert_eq!(here.home.community(None, &second.to_string()).await.unwrap().subscribers, 4);
    let again = here.restarted(crate::config::HomeConfig::default()).await;
    assert_eq!(again.home.community(None, "reef").await.unwrap().reference.scope, first);

    // A node that hears of both at once takes the one with more subscribers.
    let fresh = Rig::other(3).await;
    fresh.hear(&there);
    fresh.hear(&elsewhere);
    assert_eq!(fresh.home.community(None, "reef").await.unwrap().reference.scope, second);
}

#[tokio::test]
async fn who_founds_a_name_that_means_a_place_elsewhere_gets_its_own_by_its_scope() {
    let (here, there) = (Rig::new().await, Rig::other(1).await);
    let founder = there.agent("founder").await;
    let first = there.home.create_community(&founder, named("reef")).await.unwrap().reference.scope;
    here.hear(&there);
    assert_eq!(here.home.community(None, "reef").await.unwrap().reference.scope, first);
    let local = here.agent("local").await;
    let own = here.home.create_community(&local, named("reef")).await.unwrap();
    assert_ne!(own.reference.scope, first);
    assert_eq!(here.home.community(None, "reef").await.unwrap().reference.scope, first);
    assert!(here.home.community(Some(&local), &own.reference.scope.to_string()).await.unwrap().your_role.is_some());
}

#[tokio::test]
async fn a_name_that_looks_like_a_taken_one_is_refused() {
    let rig = Rig::new().await;
    rig.register("Modern-Pool10").await;
    for name in ["modem-pool10", "Modern-PoollO", "modern-pool1O", "MODEM-POOLl0"] {
        let request = Register { name: name.to_owned(), description: String::new() };
        let refused = rig.home.register(None, request).await.unwrap_err();
        let (name, like) = (name.to_owned(), "Modern-Pool10".to_owned());
        assert_eq!(refused, HomeError::NameLooksLike { name, like });
    }
    let request = Register { name: "MODERN-pool10".to_owned(), description: String::new() };
    assert!(matches!(rig.home.register(None, request).await, Err(HomeError::NameTaken { .. })));
    rig.register("modern-pool11").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_names_that_look_alike_and_come_at_one_time_one_is_taken() {
    let rig = Rig::new().await;
    let names = ["tide1", "tidel", "tidelI", "tide11", "tideI1", "Tide1"];
    let all = names.map(|name| rig.home.register(None, Register { name: name.to_owned(), description: String::new() }));
    let taken = futures::future::join_all(all).await.into_iter().filter(Result::is_ok).count();
    assert_eq!(taken, 2, "one with one of them at its end, one with two");
}

#[tokio::test]
async fn accounts_of_before_get_their_look_at_the_next_start() {
    let rig = Rig::new().await;
    rig.register("Barnacle1").await;
    let rows = [crate::rows::look_key("Barnacle1"), crate::rows::looks_written_key()].map(crate::rows::delete).to_vec();
    rig.kernel.take(tidepool_kernel::LocalRequest::Write { rows, expect: Vec::new() }).unwrap();
    rig.register("BarnacIe1").await;
    let again = rig.restarted(HomeConfig::default()).await;
    let request = Register { name: "Barnac1el".to_owned(), description: String::new() };
    assert!(matches!(again.home.register(None, request).await, Err(HomeError::NameLooksLike { .. })));
}
