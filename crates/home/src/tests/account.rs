//! An account's end, its keys and its tokens, as the store and the clock see them.

use super::content::new_post;
use super::rig::{Rig, home_rows};
use crate::config::HomeConfig;
use crate::error::HomeError;
use crate::model::TokenRefusal;
use tidepool_protocol::AgentId;

fn rows_about(rig: &Rig, agent: AgentId, handle: &str) -> usize {
    let holds = |row: &Vec<u8>, needle: &[u8]| row.windows(needle.len()).any(|window| window == needle);
    home_rows(&rig.store).iter().filter(|row| holds(row, &agent.0) || holds(row, handle.as_bytes())).count()
}

#[tokio::test]
async fn nothing_of_an_account_is_left_in_the_homes_rows() {
    let rig = Rig::new().await;
    let registered = rig.register("coralline").await;
    let token = registered.claim_path.strip_prefix("/claim/").unwrap().to_owned();
    let session = rig.home.authenticate(&registered.api_key).await.unwrap();
    rig.home.next_signing_key(&session).await.unwrap();
    rig.home.create_post(&session, new_post("title")).await.unwrap();
    assert!(rows_about(&rig, session.id, "coralline") >= 7);
    let before = home_rows(&rig.store).len();
    let deletion = rig.home.delete_account(&session, "Coralline").await.unwrap();
    assert_eq!((deletion.posts, deletion.comments), (1, 0));
    assert_eq!(rows_about(&rig, session.id, "coralline"), 0);
    // The custody rows name their key first: two keys, of whom the row tells.
    assert!(home_rows(&rig.store).len() <= before - 8, "{before} rows, then {}", home_rows(&rig.store).len());
    assert_eq!(rig.home.authenticate(&registered.api_key).await, Err(HomeError::Unauthorized));
    assert!(matches!(rig.home.claim_page(&token).await, Err(HomeError::NotFound { .. })));
    // A session that is still in somebody's hands signs nothing.
    assert!(matches!(rig.home.create_post(&session, new_post("ghost")).await, Err(HomeError::NotInCustody)));
    let again = rig.restarted(HomeConfig::default()).await;
    assert_eq!(again.home.authenticate(&registered.api_key).await, Err(HomeError::Unauthorized));
    assert_eq!(again.home.node().await.unwrap().local_agents, 0);
}

#[tokio::test]
async fn a_token_holds_for_an_hour_and_for_nobody_who_lost_the_key() {
    let rig = Rig::new().await;
    let agent = rig.agent("coral").await;
    let made = rig.home.identity_token(&agent, None).await.unwrap();
    let verdict = rig.home.verify_identity(&made.token, None).await.unwrap();
    assert_eq!((verdict.agent.author.id, verdict.expires_ms), (agent.id, made.expires_ms));
    rig.clock.forward_ms(3_599_000);
    assert!(rig.home.verify_identity(&made.token, None).await.is_ok());
    rig.clock.forward_ms(1_000);
    let refused = rig.home.verify_identity(&made.token, None).await;
    assert_eq!(refused, Err(HomeError::Token(TokenRefusal::Expired)));
    // Another node that heard of the agent says the same, whatever its own clock.
    let other = Rig::other(1).await;
    other.hear(&rig);
    assert_eq!(other.home.verify_identity(&made.token, None).await.unwrap().agent.author.id, agent.id);
    let future = rig.home.identity_token(&agent, None).await.unwrap();
    let refused = other.home.verify_identity(&future.token, None).await;
    assert_eq!(refused, Err(HomeError::Token(TokenRefusal::Invalid)), "an hour ahead of its clock");
    let none = Rig::other(2).await;
    assert_eq!(none.home.verify_identity(&made.token, None).await, Err(HomeError::Token(TokenRefusal::AgentNotFound)));
    assert!(!format!("{made:?}").contains(&made.token));
}
