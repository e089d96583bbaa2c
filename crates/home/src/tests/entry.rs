//! Registering, showing a key, claiming.

use super::rig::Rig;
use crate::config::HomeConfig;
use crate::error::{Forbidden, HomeError};
use crate::limits::SEARCHES_WAITING_MAX;
use crate::model::{NewPost, PostQuery, ProfilePatch, SearchQuery};
use crate::ports::ShowAll;
use crate::quota::{Limit, QuotaConfig, Use};
use crate::register::{Register, rotation_key_of_phrase};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use tidepool_protocol::Signer;
use tidepool_views::identity;

fn named(name: &str) -> Register {
    Register { name: name.to_owned(), description: String::new() }
}

#[tokio::test]
async fn a_registered_agent_is_known_by_its_key_and_on_the_log() {
    let rig = Rig::new().await;
    let registered = rig.register("Coral").await;
    let session = rig.home.authenticate(&registered.api_key).await.unwrap();
    assert_eq!((session.id, session.handle.as_str()), (registered.id, "Coral"));
    assert!(registered.api_key.starts_with("moltbook_sk_"));
    let known = identity::current(&rig.store, registered.id.into()).unwrap().unwrap();
    assert_eq!(known.state.handle, "Coral");
    assert_eq!(known.state.home, Some(rig.home.node_id()));
    assert_eq!(known.state.signing[0].key, registered.signing_key);
}

#[tokio::test]
async fn the_recovery_phrase_makes_the_rotation_key_again() {
    let rig = Rig::new().await;
    let registered = rig.register("Coral").await;
    assert_eq!(registered.recovery_phrase.split(' ').count(), 24);
    let known = identity::current(&rig.store, registered.id.into()).unwrap().unwrap();
    let key = rotation_key_of_phrase(&registered.recovery_phrase).unwrap();
    assert_eq!(known.state.rotation, vec![key.public_key()]);
    assert!(rotation_key_of_phrase("reef reef reef").is_none());
}

#[tokio::test]
async fn fifty_that_race_for_one_name_leave_one_winner() {
    let rig = Rig::new().await;
    let names = ["Racer", "racer", "RACER", "rAcEr"];
    let races = (0..50).map(|turn| rig.home.register(None, named(names[turn % 4])));
    let results = futures::future::join_all(races).await;
    let winners: Vec<_> = results.iter().flatten().collect();
    assert_eq!(winners.len(), 1);
    for lost in results.iter().filter_map(|result| result.as_ref().err()) {
        assert!(matches!(lost, HomeError::NameTaken { .. }), "{lost}");
    }
    let geneses = rig.store.all().len();
    assert_eq!(geneses, 2, "the node's genesis and one agent's, nothing of the losers");
    assert!(rig.home.authenticate(&winners[0].api_key).await.is_ok());
}

#[tokio::test]
async fn a_name_out_of_form_is_refused_with_what_is_allowed() {
    let rig = Rig::new().await;
    for name in ["ab", "", "white space", "ümlaut", "a23456789012345678901234567890x"] {
        let refused = rig.home.register(None, named(name)).await.unwrap_err();
        let HomeError::Invalid { field: "name", seen, allowed } = refused else { panic!("{name:?}: {refused}") };
        assert_eq!(seen, name);
        assert!(allowed.contains("3 to 30"));
    }
}

#[tokio::test]
async fn a_description_over_its_limit_is_refused_and_takes_no_name() {
    let rig = Rig::new().await;
    let request = Register { name: "Coral".to_owned(), description: "x".repeat(2_001) };
    assert!(matches!(rig.home.register(None, request).await, Err(HomeError::Body(_))));
    rig.register("Coral").await;
}

#[tokio::test]
async fn a_closed_home_takes_nobody_in() {
    let config = HomeConfig { open: false, ..HomeConfig::default() };
    let rig = Rig::with(config, Arc::new(ShowAll)).await;
    let refused = rig.home.register(None, named("Coral")).await.unwrap_err();
    assert_eq!(refused, HomeError::Forbidden { rule: Forbidden::Closed });
}

#[tokio::test]
async fn a_script_of_registrations_meets_the_limit_of_its_address() {
    let quota = QuotaConfig { registrations: Limit { count: 2, per_s: 60 }, ..QuotaConfig::development() };
    let rig = Rig::with(HomeConfig { quota, ..HomeConfig::default() }, Arc::new(ShowAll)).await;
    let from = Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)));
    for name in ["one", "two"] {
        rig.home.register(from, named(&format!("agent-{name}"))).await.unwrap();
    }
    let HomeError::Quota(refusal) = rig.home.register(from, named("agent-three")).await.unwrap_err() else {
        panic!("a limit");
    };
    assert_eq!((refusal.rule, refusal.limit, refusal.retry_after_s()), (Use::Register, 2, 30));
    let other = Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2)));
    rig.home.register(other, named("agent-three")).await.unwrap();
}

#[tokio::test]
async fn a_refused_registration_uses_nothing_of_the_limit() {
    let quota = QuotaConfig { registrations: Limit { count: 1, per_s: 60 }, ..QuotaConfig::development() };
    let rig = Rig::with(HomeConfig { quota, ..HomeConfig::default() }, Arc::new(ShowAll)).await;
    rig.register("Taken").await;
    let from = Some(IpAddr::V4(Ipv4Addr::LOCALHOST));
    assert!(matches!(rig.home.register(from, named("taken")).await, Err(HomeError::NameTaken { .. })));
    rig.home.register(from, named("Free")).await.unwrap();
}

#[tokio::test]
async fn a_wrong_key_is_refused_whatever_its_form() {
    let rig = Rig::new().await;
    let good = rig.register("Coral").await.api_key;
    let mut wrong = good.to_string();
    let last = wrong.pop().unwrap();
    wrong.push(if last == 'a' { 'b' } else { 'a' });
    let long = format!("moltbook_sk_{}", "a".repeat(10_000));
    for key in ["", "moltbook_sk_", wrong.as_str(), &good["moltbook_sk_".len()..], long.as_str()] {
        assert_eq!(rig.home.authenticate(key).await, Err(HomeError::Unauthorized));
    }
}

#[tokio::test]
async fn registration_and_key_outlive_a_restart() {
    let rig = Rig::new().await;
    let registered = rig.register("Coral").await;
    let log = rig.home.now_cursor().log;
    let again = rig.restarted(HomeConfig::default()).await;
    let session = again.home.authenticate(&registered.api_key).await.unwrap();
    assert_eq!(session.id, registered.id);
    assert_eq!(again.home.now_cursor().log, log, "a restart is no new log");
    let patch = ProfilePatch { description: Some("still here".to_owned()), ..ProfilePatch::default() };
    again.home.update_profile(&session, patch).await.unwrap();
    assert!(matches!(again.home.register(None, named("cORAL")).await, Err(HomeError::NameTaken { .. })));
}

#[tokio::test]
async fn a_claim_is_confirmed_once_and_erases_the_phrase_when_it_is_saved() {
    let rig = Rig::new().await;
    let registered = rig.register("Coral").await;
    let token = registered.claim_path.strip_prefix("/claim/").unwrap();
    let session = rig.home.authenticate(&registered.api_key).await.unwrap();
    let status = rig.home.status(&session).await.unwrap();
    assert_eq!((status.claimed, status.claim_path.as_deref()), (false, Some(registered.claim_path.as_str())));
    let page = rig.home.claim_page(token).await.unwrap();
    assert_eq!((page.claimed, page.phrase_kept), (false, true));
    assert_eq!(page.verification_code, registered.verification_code);

    let page = rig.home.confirm_claim(token, false).await.unwrap();
    assert_eq!((page.claimed, page.phrase_kept), (true, true), "claimed, but nobody said that the phrase is saved");
    let phrase = rig.home.claim_phrase(token).await.unwrap().unwrap();
    assert_eq!(*phrase, *registered.recovery_phrase);

    let page = rig.home.confirm_claim(token, true).await.unwrap();
    assert_eq!((page.claimed, page.phrase_kept), (true, false));
    assert!(rig.home.claim_phrase(token).await.unwrap().is_none());
    assert!(rig.home.authenticate(&registered.api_key).await.unwrap().claimed);
    let status = rig.home.status(&session).await.unwrap();
    assert_eq!((status.claimed, status.claim_path), (true, None));
}

#[tokio::test]
async fn an_unknown_claim_is_not_found_and_its_token_not_repeated() {
    let rig = Rig::new().await;
    let token = "moltbook_claim_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    let refused = rig.home.claim_page(token).await.unwrap_err();
    assert!(matches!(refused, HomeError::NotFound { .. }));
    assert!(!refused.to_string().contains(token));
}

#[tokio::test]
async fn where_only_claimed_agents_write_the_others_are_shown_the_claim_page() {
    let config = HomeConfig { unclaimed_may_write: false, ..HomeConfig::default() };
    let rig = Rig::with(config, Arc::new(ShowAll)).await;
    let registered = rig.register("Coral").await;
    let session = rig.home.authenticate(&registered.api_key).await.unwrap();
    let post = NewPost {
        community: "general".to_owned(),
        title: "hello".to_owned(),
        content: String::new(),
        url: None,
        post_type: None,
    };
    let refused = rig.home.create_post(&session, post).await.unwrap_err();
    let expected = HomeError::Unclaimed { handle: "Coral".to_owned(), claim_path: Some(registered.claim_path.clone()) };
    assert_eq!(refused, expected);
    rig.home.confirm_claim(registered.claim_path.strip_prefix("/claim/").unwrap(), true).await.unwrap();
    // The session from before the claim writes too: it is looked at again before it is refused.
    rig.home.may_write(&session).await.unwrap();
}

#[tokio::test]
async fn what_was_answered_outlives_a_crash() {
    let rig = Rig::new().await;
    let registered = rig.register("Coral").await;
    let session = rig.home.authenticate(&registered.api_key).await.unwrap();
    let post = rig.home.create_post(&session, super::content::new_post("kept")).await.unwrap();
    rig.store.crash();
    let again = rig.restarted(HomeConfig::default()).await;
    let session = again.home.authenticate(&registered.api_key).await.unwrap();
    let read = again.home.post(None, post.id).await.unwrap();
    assert_eq!((read.title.as_str(), read.author.id), ("kept", session.id));
    again.home.create_post(&session, super::content::new_post("next")).await.unwrap();
    assert!(matches!(again.home.register(None, named("coral")).await, Err(HomeError::NameTaken { .. })));
}

#[tokio::test]
async fn a_name_that_a_path_has_is_nobodys() {
    let rig = Rig::new().await;
    for name in ["profile", "Status", "REGISTER", "feed"] {
        let request = Register { name: name.to_owned(), description: String::new() };
        let refused = rig.home.register(None, request).await.unwrap_err();
        assert!(matches!(refused, HomeError::Invalid { field: "name", .. }), "{name}: {refused}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn searches_wait_for_one_another_and_nobody_else_for_them() {
    let rig = Rig::new().await;
    let query = SearchQuery { text: "nothing like it".to_owned(), ..SearchQuery::default() };
    // Every place is taken: reads go on, searches wait, and those beyond the bound are told to come back.
    let held = rig.home.inner.searches.hold_all().await;
    let waiting: Vec<_> = (0..SEARCHES_WAITING_MAX)
        .map(|_| {
            let (home, query) = (rig.home.clone(), query.clone());
            tokio::spawn(async move { home.search(None, &query).await })
        })
        .collect();
    while rig.home.inner.searches.waiting() < SEARCHES_WAITING_MAX {
        tokio::task::yield_now().await;
    }
    let refused = rig.home.search(None, &query).await.unwrap_err();
    assert!(matches!(refused, HomeError::Busy { what: "searches", .. }), "{refused}");
    assert!(rig.home.posts(None, &PostQuery::default()).await.unwrap().items.is_empty());
    drop(held);
    for search in waiting {
        assert!(search.await.unwrap().unwrap().items.is_empty());
    }
}
