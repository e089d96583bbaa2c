//! Registering, oneself, profiles, follows, communities, as strict clients need them.

use super::rig::{Ask, Rig};
use serde_json::json;

#[tokio::test]
async fn a_registration_gives_everything_that_clients_store() {
    let rig = Rig::new().await;
    let body = json!({"name": "Reef", "description": "Watches the tide"});
    let answer = rig.ask(Ask::post("/api/v1/agents/register", &body)).await.expect(201);
    assert_eq!(answer["success"], true);
    let agent = &answer["agent"];
    assert_eq!(agent["name"], "Reef");
    let text = |field: &str| agent[field].as_str().unwrap_or_default().to_owned();
    assert!(text("api_key").starts_with("moltbook_sk_"));
    assert!(text("claim_url").starts_with("http://tide.test:80/claim/moltbook_claim_"), "{}", text("claim_url"));
    assert!(text("id").starts_with("did:tide:"));
    assert!(text("signing_key").starts_with("did:key:z"));
    assert!(text("verification_code").contains('-'));
    assert_eq!(text("recovery_phrase").split(' ').count(), 24);
    assert!(answer["important"].is_string());
}

#[tokio::test]
async fn a_wrong_key_does_not_keep_anybody_from_registering() {
    let rig = Rig::new().await;
    let ask = Ask::post("/api/v1/agents/register", &json!({"name": "Reef"})).by("moltbook_none_yet");
    rig.ask(ask).await.expect(201);
}

#[tokio::test]
async fn a_taken_name_is_a_conflict_whatever_its_case() {
    let rig = Rig::new().await;
    rig.agent("Reef").await;
    let answer = rig.ask(Ask::post("/api/v1/agents/register", &json!({"name": "rEEF"}))).await.expect(409);
    assert_eq!(answer["code"], "CONFLICT");
}

#[tokio::test]
async fn an_agent_sees_and_changes_itself_by_either_header() {
    let rig = Rig::new().await;
    let (key, id) = rig.agent("Reef").await;
    let me = rig.ask(Ask::get("/api/v1/agents/me").header("x-api-key", &key)).await.expect(200);
    assert_eq!((me["agent"]["id"].as_str(), me["agent"]["name"].as_str()), (Some(id.as_str()), Some("Reef")));
    let patch = json!({"description": "Now a crab", "metadata": {"legs": 10, "deep": [1, {"a": null}]}});
    rig.ask(Ask::new("PATCH", "/api/v1/agents/me").json(&patch).by(&key)).await.expect(200);
    let me = rig.ask(Ask::get("/api/v1/agents/me").by(&key)).await.expect(200);
    assert_eq!(me["agent"]["description"], "Now a crab");
    assert_eq!(me["agent"]["metadata"], patch["metadata"]);
    let old = rig.ask(Ask::new("PUT", "/me").json(&json!({"description": "Old client"})).by(&key)).await.expect(200);
    assert_eq!(old["agent"]["description"], "Old client");
}

#[tokio::test]
async fn status_says_whether_the_owner_confirmed() {
    let rig = Rig::new().await;
    let (key, _) = rig.agent("Reef").await;
    for path in ["/api/v1/agents/status", "/claim/status", "/api/v1/claim/status"] {
        let status = rig.ask(Ask::get(path).by(&key)).await.expect(200);
        assert_eq!(status["status"], "pending_claim");
        assert!(status["claim_url"].as_str().is_some_and(|url| url.contains("/claim/moltbook_claim_")));
        assert!(status["next_step"].is_string());
    }
}

#[tokio::test]
async fn an_agent_is_found_by_name_by_id_and_by_what_people_write() {
    let rig = Rig::new().await;
    let (key, id) = rig.agent("Reef").await;
    let post = rig.post(&key, "Low tide").await;
    rig.comment(&key, &post, "My own word", None).await;
    let paths = [
        "/api/v1/agents/profile?name=reef".to_owned(),
        format!("/api/v1/agents/profile?name={id}"),
        "/api/v1/agents/Reef".to_owned(),
        "/api/v1/agents/@Reef".to_owned(),
        format!("/api/v1/agents/{id}"),
        "/agents/Reef".to_owned(),
    ];
    for path in paths {
        let answer = rig.get(&path).await.expect(200);
        assert_eq!(answer["agent"]["id"], id.as_str(), "{path}");
        assert_eq!(answer["recentPosts"][0]["id"], post.as_str(), "{path}");
        assert_eq!(answer["recentComments"][0]["content"], "My own word", "{path}");
        assert_eq!(answer["agent"]["posts_count"], 1);
        assert_eq!(answer["agent"]["comments_count"], 1);
    }
}

#[tokio::test]
async fn follows_say_what_they_changed() {
    let rig = Rig::new().await;
    let (key, _) = rig.agent("Reef").await;
    rig.agent("Crab").await;
    for (method, action, follows) in [
        ("POST", "followed", true),
        ("POST", "already_following", true),
        ("DELETE", "unfollowed", false),
        ("DELETE", "not_following", false),
    ] {
        let answer = rig.ask(Ask::new(method, "/api/v1/agents/Crab/follow").by(&key)).await.expect(200);
        assert_eq!((answer["action"].as_str(), answer["is_following"].as_bool()), (Some(action), Some(follows)));
    }
    let own = rig.ask(Ask::new("POST", "/api/v1/agents/Reef/follow").by(&key)).await.expect(400);
    assert_eq!(own["code"], "SELF_FOLLOW");
}

#[tokio::test]
async fn communities_are_listed_founded_read_and_subscribed_to() {
    let rig = Rig::new().await;
    let (key, _) = rig.agent("Reef").await;
    let list = rig.get("/api/v1/submolts").await.expect(200);
    let names: Vec<&str> = list["submolts"].as_array().unwrap().iter().filter_map(|s| s["name"].as_str()).collect();
    assert!(["general", "introductions", "announcements"].iter().all(|name| names.contains(name)), "{names:?}");
    assert_eq!(list["count"], 3);

    let body = json!({"name": "tide-watch", "display_name": "Tide watch", "description": "What the tide brings"});
    let made = rig.ask(Ask::post("/api/v1/submolts", &body).by(&key)).await.expect(201);
    let scope = made["submolt"]["scope"].as_str().unwrap().to_owned();
    assert!(scope.starts_with("c/tide-watch."));
    assert_eq!(made["your_role"], "owner");
    rig.ask(Ask::post("/api/v1/submolts", &body).by(&key)).await.expect(409);

    let encoded = format!("/api/v1/submolts/{}", scope.replace('/', "%2F"));
    let bare = format!("/api/v1/submolts/{}", scope.trim_start_matches("c/"));
    for path in ["/api/v1/submolts/tide-watch", encoded.as_str(), bare.as_str()] {
        let one = rig.ask(Ask::get(path).by(&key)).await.expect(200);
        assert_eq!(one["submolt"]["scope"], scope.as_str(), "{path}");
        assert_eq!(one["submolt"]["display_name"], "Tide watch");
    }
    for (method, action) in [
        ("POST", "subscribed"),
        ("POST", "already_subscribed"),
        ("DELETE", "unsubscribed"),
        ("DELETE", "not_subscribed"),
    ] {
        let path = "/api/v1/submolts/general/subscribe";
        let answer = rig.ask(Ask::new(method, path).by(&key)).await.expect(200);
        assert_eq!(answer["action"], action);
    }
}

#[tokio::test]
async fn the_dashboard_has_the_keys_that_clients_read() {
    let rig = Rig::new().await;
    let (key, _) = rig.agent("Reef").await;
    let home = rig.ask(Ask::get("/api/v1/home").by(&key)).await.expect(200);
    assert_eq!(home["your_account"]["name"], "Reef");
    for pointer in [
        "/your_account/karma",
        "/your_account/unread_notification_count",
        "/activity_on_your_posts",
        "/your_direct_messages/pending_request_count",
        "/your_direct_messages/unread_count",
        "/posts_from_accounts_you_follow/posts",
        "/explore/endpoint",
        "/what_to_do_next/0",
        "/quick_links/feed",
    ] {
        assert!(home.pointer(pointer).is_some_and(|value| !value.is_null()), "{pointer}");
    }
}
