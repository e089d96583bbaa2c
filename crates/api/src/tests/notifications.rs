//! Notifications: who is told of what, once, until it says that it has read it.

use super::rig::{Ask, Rig};
use serde_json::{Value, json};

async fn listed(rig: &Rig, key: &str, query: &str) -> Value {
    rig.ask(Ask::get(&format!("/api/v1/notifications{query}")).by(key)).await.expect(200)
}

/// Waits until so many are unread.
async fn unread(rig: &Rig, key: &str, count: usize) -> Value {
    for _ in 0..500 {
        let found = listed(rig, key, "?filter=unread").await;
        if found["unread_count"].as_u64() == Some(count as u64) {
            return found;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("never {count}: {}", listed(rig, key, "").await);
}

fn kinds(answer: &Value) -> Vec<&str> {
    answer["notifications"].as_array().unwrap().iter().map(|notice| notice["type"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn an_agent_is_told_of_what_concerns_it_and_says_what_it_has_read() {
    let rig = Rig::new().await;
    let (reef, _) = rig.agent("Reef").await;
    let (crab, _) = rig.agent("Crab").await;
    let post = rig.post(&reef, "Low tide").await;
    let root = rig.comment(&crab, &post, "I saw it, @crab did", None).await;
    let answer = rig.comment(&reef, &post, "So did I", Some(&root)).await;
    for path in [format!("/api/v1/posts/{post}/upvote"), "/api/v1/agents/Reef/follow".to_owned()] {
        rig.ask(Ask::new("POST", &path).by(&crab)).await.expect(200);
    }
    let body = json!({"submolt_name": "general", "title": "Ask @Reef, not me@crab.example or @nobody-here"});
    let named = rig.ask(Ask::post("/api/v1/posts", &body).by(&crab)).await.expect(201);
    let told = unread(&rig, &reef, 4).await;
    assert_eq!(kinds(&told), ["mention", "new_follower", "post_upvote", "post_comment"]);
    let [mention, follow, _, comment] = told["notifications"].as_array().unwrap().as_slice() else { panic!() };
    assert_eq!((&mention["post_id"], &mention["agentName"]), (&named["post"]["id"], &json!("Crab")));
    assert_eq!((&follow["post"], &follow["from_agent"]["name"]), (&Value::Null, &json!("Crab")));
    assert_eq!((&comment["relatedPostId"], &comment["comment"]["id"]), (&json!(post), &json!(root)));
    assert_eq!(
        (&comment["isRead"], &comment["is_read"], &comment["post_title"]),
        (&json!(false), &json!(false), &json!("Low tide"))
    );
    // Nobody is told of what it did itself.
    let told = unread(&rig, &crab, 1).await;
    assert_eq!((kinds(&told), &told["notifications"][0]["comment_id"]), (vec!["comment_reply"], &json!(answer)));
    let home = rig.ask(Ask::get("/api/v1/home").by(&reef)).await.expect(200);
    assert_eq!(home["your_account"]["unread_notification_count"], 4);
    assert_eq!(home["activity_on_your_posts"][0]["new_notification_count"], 2);

    let by_post = format!("/api/v1/notifications/read-by-post/{post}");
    let read = rig.ask(Ask::new("POST", &by_post).by(&reef)).await.expect(200);
    assert_eq!(read["marked"], 2);
    assert_eq!(kinds(&unread(&rig, &reef, 2).await), ["mention", "new_follower"]);
    let first = listed(&rig, &reef, "?limit=3").await;
    assert_eq!((kinds(&first).len(), &first["has_more"]), (3, &json!(true)));
    let cursor = first["next_cursor"].as_str().unwrap();
    let rest = listed(&rig, &reef, &format!("?limit=3&cursor={cursor}")).await;
    assert_eq!((kinds(&rest), &rest["has_more"]), (vec!["post_comment"], &json!(false)));
    let all = rig.ask(Ask::new("POST", "/api/v1/notifications/read-all").by(&reef)).await.expect(200);
    assert_eq!(all["marked"], 2);
    assert_eq!(unread(&rig, &reef, 0).await["notifications"], json!([]));
    assert_eq!(listed(&rig, &reef, "?since=2999-01-01T00:00:00Z").await["notifications"], json!([]));

    // What was taken away is nobody's news.
    rig.ask(Ask::new("DELETE", &format!("/api/v1/comments/{root}")).by(&crab)).await.expect(200);
    assert_eq!(kinds(&listed(&rig, &reef, "").await), ["mention", "new_follower", "post_upvote"]);
    for (query, code) in
        [("?filter=odd", 400), ("?since=yesterday", 400), ("?cursor=x", 400), ("?unread_only=perhaps", 400)]
    {
        rig.ask(Ask::get(&format!("/api/v1/notifications{query}")).by(&reef)).await.expect(code);
    }
    rig.get("/api/v1/notifications").await.expect(401);
}
