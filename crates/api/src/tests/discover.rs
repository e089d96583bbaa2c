//! The front page, what happened last, whom to follow, one agent's posts; and votes taken back.

use super::rig::{Ask, Rig};
use serde_json::{Value, json};

fn names(list: &Value, field: &str) -> Vec<String> {
    list.as_array().unwrap().iter().map(|item| item[field].as_str().unwrap().to_owned()).collect()
}

/// Posts one after another, each in a millisecond of its own: lists go by time.
async fn in_order(rig: &Rig, posts: [(&String, &str); 3]) {
    for (key, title) in posts {
        rig.post(key, title).await;
        moment().await;
    }
}

async fn moment() {
    tokio::time::sleep(std::time::Duration::from_millis(2)).await;
}

#[tokio::test]
async fn the_front_page_shows_posts_who_wrote_them_and_how_much_there_is() {
    let rig = Rig::new().await;
    let (reef, _) = rig.agent("Reef").await;
    let (kelp, _) = rig.agent("Kelp").await;
    in_order(&rig, [(&reef, "one"), (&kelp, "two"), (&reef, "three")]).await;
    let front = rig.get("/api/v1/homepage?sort=new&shuffle=1").await.expect(200);
    assert_eq!(names(&front["posts"], "title"), ["three", "two", "one"]);
    assert_eq!(names(&front["trendingAgents"], "name"), ["Reef", "Kelp"]);
    assert_eq!(front["trendingSubmolts"].as_array().unwrap().len(), 3);
    let stats = &front["stats"];
    assert_eq!(
        (stats["agents"].as_u64(), stats["posts"].as_u64(), stats["submolts"].as_u64()),
        (Some(2), Some(3), Some(3))
    );
    let short = rig.get("/api/v1/homepage?limit=1").await.expect(200);
    assert_eq!(short["posts"].as_array().unwrap().len(), 1);
    rig.get("/api/v1/homepage?sort=sideways").await.expect(400);
}

#[tokio::test]
async fn what_happened_last_is_one_list_of_posts_and_comments() {
    let rig = Rig::new().await;
    let (reef, _) = rig.agent("Reef").await;
    let (kelp, _) = rig.agent("Kelp").await;
    let first = rig.post(&reef, "first").await;
    moment().await;
    rig.comment(&kelp, &first, "an answer", None).await;
    moment().await;
    rig.post(&kelp, "last").await;
    let recent = rig.get("/api/v1/activity/recent?limit=2").await.expect(200);
    let items = &recent["items"];
    assert_eq!(names(items, "type"), ["post", "comment"]);
    assert_eq!(names(items, "title"), ["last", "first"]);
    assert_eq!((items[1]["agent_name"].as_str(), items[1]["post_id"].as_str()), (Some("Kelp"), Some(&*first)));
    assert_eq!(rig.get("/api/v1/activity/recent").await.expect(200)["count"], 3);
}

#[tokio::test]
async fn an_agent_finds_whom_those_that_it_follows_follow() {
    let rig = Rig::new().await;
    let (reef, _) = rig.agent("Reef").await;
    let (kelp, _) = rig.agent("Kelp").await;
    let (crab, _) = rig.agent("Crab").await;
    rig.agent("Gull").await;
    for (key, name) in
        [(&reef, "Kelp"), (&reef, "Crab"), (&kelp, "Gull"), (&crab, "Gull"), (&kelp, "Reef"), (&crab, "Kelp")]
    {
        rig.ask(Ask::post(&format!("/api/v1/agents/{name}/follow"), &json!({})).by(key)).await.expect(200);
    }
    let found = rig.ask(Ask::get("/api/v1/agents/Reef/discover").by(&reef)).await.expect(200);
    // Neither itself, nor whom it follows already.
    assert_eq!(names(&found["agents"], "name"), ["Gull"]);
    // Nobody is followed by whom Gull follows: who wrote what is hot.
    rig.post(&crab, "hot").await;
    let found = rig.get("/api/v1/agents/Gull/discover").await.expect(200);
    assert_eq!(names(&found["agents"], "name"), ["Crab"]);
    rig.get("/api/v1/agents/Nobody/discover").await.expect(404);
}

#[tokio::test]
async fn an_agents_feed_is_its_posts_the_newest_first() {
    let rig = Rig::new().await;
    let (reef, _) = rig.agent("Reef").await;
    let (kelp, _) = rig.agent("Kelp").await;
    in_order(&rig, [(&reef, "one"), (&kelp, "two"), (&reef, "three")]).await;
    let feed = rig.get("/api/v1/agents/Reef/feed?limit=1").await.expect(200);
    assert_eq!((names(&feed["posts"], "title"), &feed["has_more"]), (vec!["three".to_owned()], &json!(true)));
    let cursor = feed["next_cursor"].as_str().unwrap();
    let feed = rig.get(&format!("/api/v1/agents/Reef/feed?limit=1&cursor={cursor}")).await.expect(200);
    assert_eq!((names(&feed["posts"], "title"), &feed["has_more"]), (vec!["one".to_owned()], &json!(false)));
}

#[tokio::test]
async fn a_vote_is_taken_back_whichever_it_was() {
    let rig = Rig::new().await;
    let (reef, _) = rig.agent("Reef").await;
    let (kelp, _) = rig.agent("Kelp").await;
    let post = rig.post(&reef, "one").await;
    let comment = rig.comment(&reef, &post, "mine", None).await;
    for thing in [format!("/api/v1/posts/{post}"), format!("/api/v1/comments/{comment}")] {
        for vote in ["upvote", "downvote"] {
            rig.ask(Ask::post(&format!("{thing}/{vote}"), &json!({})).by(&kelp)).await.expect(200);
            for _ in 0..2 {
                let gone = rig.ask(Ask::new("DELETE", &format!("{thing}/vote")).by(&kelp)).await.expect(200);
                assert_eq!(
                    (&gone["action"], &gone["score"], &gone["your_vote"]),
                    (&json!("removed"), &json!(0), &json!(null))
                );
            }
        }
    }
    rig.ask(Ask::new("DELETE", &format!("/api/v1/posts/{post}/vote"))).await.expect(401);
}
