//! Moderation through HTTP: who may do what, what it does, and what everybody may read of it.

use super::rig::{Ask, Rig};
use serde_json::{Value, json};

struct Harbour {
    rig: Rig,
    owner: String,
    crab: String,
    eel: String,
    post: String,
}

impl Harbour {
    async fn new() -> Self {
        let rig = Rig::new().await;
        let (owner, _) = rig.agent("Owner").await;
        let (crab, _) = rig.agent("Crab").await;
        let (eel, _) = rig.agent("Eel").await;
        let made = json!({"name": "harbour", "display_name": "Harbour"});
        rig.ask(Ask::post("/api/v1/submolts", &made).by(&owner)).await.expect(201);
        let mut harbour = Self { rig, owner, crab, eel, post: String::new() };
        harbour.post = harbour.write("A ship").await;
        harbour
    }

    async fn write(&self, title: &str) -> String {
        let body = json!({"submolt_name": "harbour", "title": title, "content": "text"});
        let made = self.rig.ask(Ask::post("/api/v1/posts", &body).by(&self.eel)).await.expect(201);
        made["post"]["id"].as_str().unwrap().to_owned()
    }

    async fn ask(&self, key: &str, method: &str, path: &str, body: Value, status: u16) -> Value {
        // The log of moderation is in the order of times in milliseconds.
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        self.rig.ask(Ask::new(method, &format!("/api/v1{path}")).json(&body).by(key)).await.expect(status)
    }

    async fn read(&self, path: &str) -> Value {
        self.rig.get(&format!("/api/v1{path}")).await.expect(200)
    }

    async fn grant(&self, agent: &str) {
        let path = "/submolts/harbour/moderators";
        self.ask(&self.owner, "POST", path, json!({"agent_name": agent, "role": "moderator"}), 201).await;
    }
}

fn words<'a>(list: &'a Value, key: &str) -> Vec<&'a str> {
    list.as_array().unwrap().iter().map(|entry| entry[key].as_str().unwrap()).collect()
}

#[tokio::test]
async fn only_the_founder_makes_moderators_and_only_they_remove() {
    let harbour = Harbour::new().await;
    let (post, path) = (&harbour.post, "/submolts/harbour/moderators");
    let remove = format!("/posts/{post}/remove");
    let rule = json!({"rule": "No ships."});
    let refused = harbour.ask(&harbour.crab, "POST", &remove, rule.clone(), 403).await;
    assert_eq!(refused["code"], "FORBIDDEN");
    harbour.ask(&harbour.crab, "POST", path, json!({"agent_name": "Crab"}), 403).await;
    harbour.ask(&harbour.owner, "POST", path, json!({"agent_name": "Owner"}), 400).await;
    harbour.ask(&harbour.owner, "POST", path, json!({"agent_name": "Nobody"}), 404).await;
    harbour.ask(&harbour.owner, "POST", path, json!({"agent_name": "Crab", "role": "king"}), 400).await;
    harbour.ask(&harbour.owner, "POST", path, json!({"agent_name": "Crab", "powers": ["fly"]}), 400).await;
    harbour.grant("Crab").await;
    let again = harbour.ask(&harbour.owner, "POST", path, json!({"agent_name": "Crab"}), 201).await;
    assert_eq!(again["changed"], false);
    let listed = harbour.read(path).await;
    assert_eq!(words(&listed["moderators"], "agent_name"), ["Owner", "Crab"]);
    assert_eq!(words(&listed["moderators"], "role"), ["owner", "moderator"]);
    let seen = harbour.rig.ask(Ask::get("/api/v1/submolts/harbour").by(&harbour.crab)).await.expect(200);
    assert_eq!(seen["your_role"], "moderator");
    harbour.ask(&harbour.crab, "POST", &remove, json!({}), 400).await;
    let done = harbour.ask(&harbour.crab, "POST", &remove, rule.clone(), 200).await;
    assert_eq!(done["changed"], true);
    assert_eq!(harbour.ask(&harbour.owner, "POST", &remove, rule, 200).await["changed"], false);
    assert_eq!(harbour.read("/submolts/harbour/feed?sort=new").await["posts"], json!([]));
    let gone = &harbour.read(&format!("/posts/{post}")).await["post"];
    assert_eq!((gone["is_deleted"].as_bool(), gone["content"].as_str()), (Some(true), Some("")));
    assert_eq!(gone["removed_by"]["action_id"], done["action_id"]);
    assert_eq!(
        (&gone["removed_by"]["rule"], &gone["removed_by"]["moderator"]["name"]),
        (&json!("No ships."), &json!("Crab"))
    );
    let vote = harbour.ask(&harbour.crab, "POST", &format!("/posts/{post}/upvote"), json!({}), 404).await;
    assert_eq!((vote["code"].as_str(), vote["rule"].as_str()), (Some("REMOVED"), Some("No ships.")));
    harbour.ask(&harbour.crab, "POST", &format!("/posts/{post}/restore"), json!({}), 200).await;
    assert_eq!(harbour.read("/submolts/harbour/feed?sort=new").await["posts"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn who_is_dismissed_does_nothing_more_and_what_it_did_stands_with_who_what_why_and_the_undo() {
    let harbour = Harbour::new().await;
    harbour.grant("Crab").await;
    let path = format!("/posts/{}/remove", harbour.post);
    harbour.ask(&harbour.crab, "POST", &path, json!({"rule": "No ships."}), 200).await;
    let away = "/submolts/harbour/moderators/Crab";
    harbour.ask(&harbour.crab, "DELETE", away, json!({}), 403).await;
    assert_eq!(harbour.ask(&harbour.owner, "DELETE", away, json!({}), 200).await["changed"], true);
    assert_eq!(harbour.ask(&harbour.owner, "DELETE", away, json!({}), 200).await["changed"], false);
    let second = harbour.write("Another").await;
    harbour.ask(&harbour.crab, "POST", &format!("/posts/{second}/remove"), json!({"rule": "No ships."}), 403).await;
    assert_eq!(harbour.read(&format!("/posts/{}", harbour.post)).await["post"]["is_deleted"], true);
    let log = harbour.read("/submolts/harbour/modlog").await;
    assert_eq!(words(&log["actions"], "action"), ["withdraw", "remove", "grant"]);
    let removal = &log["actions"][1];
    assert_eq!((&removal["moderator"]["name"], &removal["rule"]), (&json!("Crab"), &json!("No ships.")));
    assert_eq!((&removal["target_id"], &removal["is_in_effect"]), (&json!(harbour.post), &json!(true)));
    let undo = removal["undo"].as_str().unwrap();
    let (method, path) = undo.split_once(' ').unwrap();
    harbour.rig.ask(Ask::new(method, path).by(&harbour.owner)).await.expect(200);
    assert_eq!(harbour.read(&format!("/posts/{}", harbour.post)).await["post"]["is_deleted"], false);
    let log = harbour.read("/submolts/harbour/modlog?limit=1").await;
    assert_eq!((words(&log["actions"], "action"), &log["has_more"]), (vec!["restore"], &json!(true)));
}

#[tokio::test]
async fn three_posts_are_pinned_at_most_also_when_all_come_at_once() {
    let harbour = Harbour::new().await;
    harbour.grant("Crab").await;
    let mut posts = vec![harbour.post.clone()];
    for number in 0..5 {
        posts.push(harbour.write(&format!("Post {number}")).await);
    }
    let paths: Vec<_> = posts.iter().map(|post| format!("/api/v1/posts/{post}/pin")).collect();
    let keys = [&harbour.owner, &harbour.crab];
    let asks = paths.iter().enumerate().map(|(at, path)| harbour.rig.ask(Ask::new("POST", path).by(keys[at % 2])));
    let answers = futures::future::join_all(asks).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 3);
    assert!(answers.iter().all(|answer| answer.status == 200 || answer.status == 409));
    let pinned = harbour.read("/submolts/harbour/feed?sort=new").await;
    let pinned: Vec<_> = pinned["posts"].as_array().unwrap().iter().filter(|post| post["is_pinned"] == true).collect();
    assert_eq!(pinned.len(), 3);
    let first = pinned[0]["id"].as_str().unwrap();
    harbour.ask(&harbour.eel, "DELETE", &format!("/posts/{first}/pin"), json!({}), 403).await;
    harbour.ask(&harbour.crab, "DELETE", &format!("/posts/{first}/pin"), json!({}), 200).await;
    assert_eq!(harbour.read(&format!("/posts/{first}")).await["post"]["is_pinned"], false);
}

#[tokio::test]
async fn a_locked_post_takes_no_comment_and_settings_and_reports_are_for_those_who_may() {
    let harbour = Harbour::new().await;
    let powers = json!({"agent_name": "Crab", "powers": ["lock", "settings"]});
    harbour.ask(&harbour.owner, "POST", "/submolts/harbour/moderators", powers, 201).await;
    let post = &harbour.post;
    let comment = harbour.rig.comment(&harbour.eel, post, "I saw it", None).await;
    harbour.ask(&harbour.crab, "POST", &format!("/comments/{comment}/remove"), json!({"rule": "r"}), 403).await;
    harbour.ask(&harbour.crab, "POST", &format!("/posts/{post}/lock"), json!({}), 200).await;
    let body = json!({"content": "me too"});
    let refused = harbour.ask(&harbour.eel, "POST", &format!("/posts/{post}/comments"), body.clone(), 403).await;
    assert_eq!(refused["code"], "LOCKED");
    harbour.ask(&harbour.owner, "DELETE", &format!("/posts/{post}/lock"), json!({}), 200).await;
    harbour.ask(&harbour.eel, "POST", &format!("/posts/{post}/comments"), body, 201).await;
    let change = json!({"description": "Quiet", "rules": ["No ships.", "No horns."]});
    harbour.ask(&harbour.eel, "PATCH", "/submolts/harbour/settings", change.clone(), 403).await;
    let changed = harbour.ask(&harbour.crab, "PATCH", "/submolts/harbour/settings", change, 200).await;
    assert_eq!(
        (&changed["submolt"]["description"], &changed["submolt"]["rules"][1]),
        (&json!("Quiet"), &json!("No horns."))
    );
    harbour.ask(&harbour.crab, "PATCH", "/submolts/harbour/settings", json!({"rules": [""]}), 400).await;
    harbour.ask(&harbour.crab, "PATCH", "/submolts/general/settings", json!({"description": "mine"}), 403).await;
    harbour.ask(&harbour.crab, "POST", &format!("/comments/{comment}/report"), json!({"reason": "horns"}), 200).await;
    harbour.ask(&harbour.eel, "GET", "/submolts/harbour/reports", json!({}), 403).await;
    harbour.ask(&harbour.crab, "GET", "/submolts/harbour/reports", json!({}), 403).await;
    let reports = harbour.ask(&harbour.owner, "GET", "/submolts/harbour/reports", json!({}), 200).await;
    assert_eq!(
        (&reports["reports"][0]["target_id"], &reports["reports"][0]["reason"]),
        (&json!(comment), &json!("horns"))
    );
    harbour
        .ask(&harbour.owner, "POST", &format!("/comments/{comment}/remove"), json!({"rule": "No horns."}), 200)
        .await;
    let tree = harbour.read(&format!("/posts/{post}/comments?sort=old")).await;
    assert_eq!(
        (&tree["comments"][0]["content"], &tree["comments"][0]["removed_by"]["rule"]),
        (&json!(""), &json!("No horns."))
    );
}
