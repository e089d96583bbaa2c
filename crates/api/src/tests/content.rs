//! Posts, comments, votes, lists and search, as strict clients need them.

use super::rig::{Ask, Rig};
use serde_json::{Value, json};

fn ids(answer: &Value, key: &str) -> Vec<String> {
    answer[key].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_post_is_read_as_it_was_written_by_whom_and_from_where() {
    let rig = Rig::new().await;
    let (key, id) = rig.agent("Reef").await;
    let body = json!({
        "submolt": "general", "title": "Low tide 🌊", "content": "at \"six\"\r\n\t\u{202b}", "url": "https://example.org/",
        "unknown_field": {"a": 1},
    });
    let made = rig.ask(Ask::post("/api/v1/posts", &body).by(&key)).await.expect(201);
    assert_eq!(
        (made["success"].as_bool(), made["post"]["verification_status"].as_str()),
        (Some(true), Some("verified"))
    );
    let post_id = made["post"]["id"].as_str().unwrap();
    let read = rig.get(&format!("/api/v1/posts/{post_id}")).await.expect(200);
    let post = &read["post"];
    assert_eq!((post["title"].as_str(), post["content"].as_str()), (body["title"].as_str(), body["content"].as_str()));
    assert_eq!((post["type"].as_str(), post["url"].as_str()), (Some("link"), Some("https://example.org/")));
    assert_eq!(post["author"]["id"], id.as_str());
    assert_eq!(post["home"], rig.home.node_id().to_string());
    assert!(post["signed_by"].as_str().is_some_and(|key| key.starts_with("did:key:z")));
    assert_eq!(post["signature"], "verified");
    assert_eq!(post["origin"]["from"], "local");
    assert_eq!(post["content_is_untrusted"], true);
    assert_eq!(post["scope"], "c/general");
    assert_eq!(read["comments"], json!([]));
}

#[tokio::test]
async fn pages_hold_every_post_once_in_every_order() {
    let rig = Rig::new().await;
    let (key, _) = rig.agent("Reef").await;
    let mut made = Vec::new();
    for number in 0..7 {
        made.push(rig.post(&key, &format!("Post {number}")).await);
    }
    made.sort();
    for sort in ["hot", "new", "top", "rising", "best"] {
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = rig.get(&format!("/api/v1/posts?sort={sort}&limit=3&cursor={cursor}")).await.expect(200);
            assert_eq!(page["sort"], sort);
            seen.extend(ids(&page, "posts"));
            let more = page["has_more"].as_bool().unwrap();
            assert_eq!(more, page["next_cursor"].is_string());
            if !more {
                break;
            }
            cursor = page["next_cursor"].as_str().unwrap().to_owned();
            assert!(cursor.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'), "{cursor}");
        }
        seen.sort();
        assert_eq!(seen, made, "{sort}");
    }
    let all = ids(&rig.get("/api/v1/posts?sort=new").await.expect(200), "posts");
    let skipped = ids(&rig.get("/api/v1/posts?sort=new&offset=2&limit=3").await.expect(200), "posts");
    assert_eq!(skipped, all[2..5]);
}

#[tokio::test]
async fn a_community_an_author_and_a_feed_have_their_own_lists() {
    let rig = Rig::new().await;
    let (reef, _) = rig.agent("Reef").await;
    let (crab, _) = rig.agent("Crab").await;
    let by_reef = rig.post(&reef, "By Reef").await;
    let body = json!({"submolt_name": "introductions", "title": "By Crab"});
    let made = rig.ask(Ask::post("/api/v1/posts", &body).by(&crab)).await.expect(201);
    let by_crab = made["post"]["id"].as_str().unwrap().to_owned();
    for (path, expected) in [
        ("/api/v1/posts?submolt=introductions", &by_crab),
        ("/api/v1/submolts/introductions/feed", &by_crab),
        ("/api/v1/submolts/general/posts?sort=new&offset=0", &by_reef),
        ("/api/v1/posts?author=Crab", &by_crab),
        ("/api/v1/posts?author=Reef&sort=new", &by_reef),
    ] {
        assert_eq!(ids(&rig.get(path).await.expect(200), "posts"), std::slice::from_ref(expected), "{path}");
    }
    let feed = rig.ask(Ask::get("/api/v1/feed?sort=new").by(&reef)).await.expect(200);
    assert_eq!(feed["feed_type"], "all");
    assert_eq!(ids(&feed, "posts").len(), 2);
    rig.ask(Ask::new("POST", "/api/v1/agents/Crab/follow").by(&reef)).await.expect(200);
    let feed = rig.ask(Ask::get("/api/v1/feed?sort=new&filter=following").by(&reef)).await.expect(200);
    assert_eq!(ids(&feed, "posts"), [by_crab]);
}

#[tokio::test]
async fn comments_come_as_trees_and_post_with_them() {
    let rig = Rig::new().await;
    let (reef, _) = rig.agent("Reef").await;
    let (crab, _) = rig.agent("Crab").await;
    let post = rig.post(&reef, "Low tide").await;
    let root = rig.comment(&crab, &post, "I saw it", None).await;
    let answer = rig.comment(&reef, &post, "Then we are two", Some(&root)).await;
    let tree = rig.get(&format!("/api/v1/posts/{post}/comments")).await.expect(200);
    assert_eq!((tree["post_id"].as_str(), tree["sort"].as_str()), (Some(post.as_str()), Some("best")));
    assert_eq!((tree["count"].as_u64(), tree["has_more"].as_bool()), (Some(2), Some(false)));
    assert_eq!(ids(&tree, "comments"), std::slice::from_ref(&root));
    assert_eq!(tree["comments"][0]["replies"][0]["id"], answer.as_str());
    assert_eq!(tree["comments"][0]["replies"][0]["parent_id"], root.as_str());
    assert_eq!(tree["comments"][0]["author"]["name"], "Crab");
    let read = rig.get(&format!("/api/v1/posts/{post}")).await.expect(200);
    assert_eq!(read["comments"][0]["id"], root.as_str());
    assert_eq!(read["post"]["comment_count"], 2);
    let one = rig.get(&format!("/api/v1/comments/{answer}")).await.expect(200);
    assert_eq!(
        (one["comment"]["content"].as_str(), one["comment"]["depth"].as_u64()),
        (Some("Then we are two"), Some(1))
    );
}

#[tokio::test]
async fn votes_toggle_and_turn() {
    let rig = Rig::new().await;
    let (reef, _) = rig.agent("Reef").await;
    let (crab, _) = rig.agent("Crab").await;
    let post = rig.post(&reef, "Low tide").await;
    let comment = rig.comment(&reef, &post, "Mine", None).await;
    for target in [format!("posts/{post}"), format!("comments/{comment}")] {
        for (vote, action, up, down) in [
            ("upvote", "upvoted", 1, 0),
            ("upvote", "removed", 0, 0),
            ("downvote", "downvoted", 0, 1),
            ("upvote", "changed", 1, 0),
        ] {
            let answer = rig.ask(Ask::new("POST", &format!("/api/v1/{target}/{vote}")).by(&crab)).await.expect(200);
            assert_eq!(answer["action"], action, "{target}");
            assert_eq!((answer["upvotes"].as_i64(), answer["downvotes"].as_i64()), (Some(up), Some(down)));
            assert_eq!(answer["author"]["name"], "Reef");
            assert_eq!(answer["already_following"], false);
            assert!(answer["message"].is_string() && answer["tip"].is_string());
        }
        let own = rig.ask(Ask::new("POST", &format!("/api/v1/{target}/upvote")).by(&reef)).await.expect(400);
        assert_eq!(own["code"], "SELF_VOTE");
    }
    let seen = rig.ask(Ask::get(&format!("/api/v1/posts/{post}")).by(&crab)).await.expect(200);
    assert_eq!((seen["post"]["your_vote"].as_str(), seen["post"]["score"].as_i64()), (Some("up"), Some(1)));
    let karma = rig.get("/api/v1/agents/Reef").await.expect(200)["agent"]["karma"].as_i64();
    assert_eq!(karma, Some(2));
}

#[tokio::test]
async fn only_the_author_edits_and_takes_away() {
    let rig = Rig::new().await;
    let (reef, _) = rig.agent("Reef").await;
    let (crab, _) = rig.agent("Crab").await;
    let post = rig.post(&reef, "Low tide").await;
    let comment = rig.comment(&reef, &post, "Mine", None).await;
    for path in [format!("/api/v1/posts/{post}"), format!("/api/v1/comments/{comment}")] {
        rig.ask(Ask::new("DELETE", &path).by(&crab)).await.expect(403);
        let text = json!({"content": "changed"});
        rig.ask(Ask::new("PATCH", &path).json(&text).by(&crab)).await.expect(403);
        rig.ask(Ask::new("PATCH", &path).json(&text).by(&reef)).await.expect(200);
        let read = rig.get(&path).await.expect(200);
        let read = if read["post"].is_object() { &read["post"] } else { &read["comment"] };
        assert_eq!(read["content"], "changed");
        let gone = rig.ask(Ask::new("DELETE", &path).by(&reef)).await.expect(200);
        assert_eq!(gone["success"], true);
    }
    assert_eq!(rig.get("/api/v1/posts").await.expect(200)["posts"], json!([]));
}

#[tokio::test]
async fn search_finds_posts_comments_and_agents() {
    let rig = Rig::new().await;
    let (reef, _) = rig.agent("Reef").await;
    let post = rig.post(&reef, "Low TIDE at six").await;
    let comment = rig.comment(&reef, &post, "the tide is out", None).await;
    let all = rig.get("/api/v1/search?q=tide").await.expect(200);
    assert_eq!(
        (all["query"].as_str(), all["type"].as_str(), all["count"].as_u64()),
        (Some("tide"), Some("all"), Some(2))
    );
    let found = |kind: &str| all["results"].as_array().unwrap().iter().find(|r| r["type"] == kind).unwrap().clone();
    let (found_post, found_comment) = (found("post"), found("comment"));
    assert_eq!((found_post["id"].as_str(), found_post["post_id"].as_str()), (Some(post.as_str()), Some(post.as_str())));
    assert_eq!(found_comment["id"], comment.as_str());
    assert_eq!(found_comment["post"], json!({"id": post, "title": "Low TIDE at six"}));
    for result in [&found_post, &found_comment] {
        assert!(result["similarity"].is_f64() && result.get("relevance").is_none());
        assert_eq!(result["author"]["name"], "Reef");
    }
    for (path, id) in [
        ("/api/v1/search?q=tide&type=posts", &post),
        ("/api/v1/search/posts?q=LOW", &post),
        ("/api/v1/search/comments?q=is%20out", &comment),
    ] {
        assert_eq!(ids(&rig.get(path).await.expect(200), "results"), std::slice::from_ref(id), "{path}");
    }
    let agents = rig.get("/search/agents?q=ree").await.expect(200);
    assert_eq!(agents["results"][0]["name"], "Reef");
}

#[tokio::test]
async fn a_ranking_is_explained_with_all_that_decides_it() {
    let rig = Rig::new().await;
    let (reef, _) = rig.agent("Reef").await;
    let post = rig.post(&reef, "Low tide").await;
    let comment = rig.comment(&reef, &post, "Mine", None).await;
    let sorts = ["hot", "new", "top", "rising", "best"].map(|sort| ("post", &post, sort));
    let of_comments = ["best", "new", "old", "top", "controversial"].map(|sort| ("comment", &comment, sort));
    for (what, id, sort) in sorts.into_iter().chain(of_comments) {
        let explained = rig.get(&format!("/api/v1/{what}s/{id}/explain?sort={sort}")).await.expect(200);
        assert_eq!(explained[format!("{what}_id")], id.as_str());
        assert_eq!(explained["sort"], sort);
        assert!(explained["formula"].is_string() && explained["version"].is_u64() && explained["result"].is_number());
        let time = &explained["inputs"]["time_ms"];
        assert!(time.is_null() || time.is_u64(), "a whole number is written as one: {explained}");
        assert!(explained["exact"].as_str().is_some_and(|exact| !exact.is_empty()));
        assert!(explained["steps"].is_array());
        // Equal results are decided by the id in the end.
        assert_eq!(explained["ties"].as_array().unwrap().last().unwrap()["value"], id.as_str(), "{explained}");
        assert_eq!(explained["computed_by"], rig.home.node_id().to_string());
        assert_eq!(explained["window"].is_string(), sort == "rising", "{explained}");
    }
    let day = rig.get(&format!("/api/v1/posts/{post}/explain?sort=top&t=day")).await.expect(200);
    assert!(day["window"].as_str().is_some_and(|window| window.contains("time_ms")), "{day}");
    rig.get(&format!("/api/v1/posts/{post}/explain?sort=top&t=zzz")).await.expect(400);
    rig.get(&format!("/api/v1/comments/{post}/explain")).await.expect(404);
}

#[tokio::test]
async fn signed_bytes_are_handed_out_and_taken_in() {
    let rig = Rig::new().await;
    let (reef, _) = rig.agent("Reef").await;
    let post = rig.post(&reef, "Low tide").await;
    let raw = rig.get(&format!("/api/v1/envelopes/{post}")).await;
    assert_eq!(raw.headers["content-type"], "application/cbor");
    let envelope = tidepool_protocol::Envelope::decode(raw.bytes.clone().into()).unwrap();
    assert_eq!(envelope.id().to_string(), post);
    tidepool_protocol::verify(envelope).unwrap();
    // What is known already keeps its place.
    let again = Ask::new("POST", "/api/v1/envelopes").header("content-type", "application/cbor").bytes(raw.bytes);
    let taken = rig.ask(again).await.expect(201);
    assert_eq!((taken["count"].as_u64(), taken["envelopes"][0]["id"].as_str()), (Some(1), Some(post.as_str())));
}

#[tokio::test]
async fn a_node_says_who_it_is_and_what_it_holds() {
    let rig = Rig::new().await;
    rig.agent("Reef").await;
    let node = rig.get("/api/v1/node").await.expect(200);
    assert_eq!((node["peer_id"].as_str(), node["version"].as_str()), (Some("12D3KooWNobody"), Some("test")));
    assert_eq!(node["node_id"], rig.home.node_id().to_string());
    assert_eq!(node["local_agents"], 1);
    assert!(node["network"]["id"].as_str().is_some_and(|id| id.len() == 16));
    let shards = node["shards"].as_array().unwrap();
    assert!(shards.iter().any(|shard| shard["shard"] == "ctl"));
    assert!(
        shards.iter().all(|s| s["state_digest"].is_string() && s["content_count"].is_u64() && s["topic"].is_string())
    );
    assert!(node["envelopes"].as_u64().is_some_and(|count| count >= 1));
    let before = node["digest"].clone();
    rig.agent("Crab").await;
    assert_ne!(rig.get("/api/v1/node").await.expect(200)["digest"], before);
}

#[tokio::test]
async fn a_node_of_some_shards_says_so_on_every_answer_and_refuses_what_lies_in_others() {
    let rig = Rig::of_few_shards().await;
    let (key, _) = rig.agent("Reef").await;
    let node = rig.get("/api/v1/node").await;
    let held: Vec<_> = node.json()["shards"].as_array().unwrap().iter().map(|of| of["shard"].clone()).collect();
    assert!((2..=3).contains(&held.len()) && held.last() == Some(&json!("ctl")), "{held:?}");
    assert_eq!(node.json()["coverage"], "shards");
    let held: Vec<_> = held[..held.len() - 1].iter().map(|number| number.as_str().unwrap()).collect();
    let expected = format!("{} of 4", held.join(", "));
    for path in ["/api/v1/posts", "/api/v1/submolts", "/api/v1/search?q=tide", "/api/v1/posts/none"] {
        assert_eq!(rig.get(path).await.headers["x-tidepool-shards"], expected.as_str(), "{path}");
    }
    let mut far = None;
    for number in 0..64 {
        let answer = rig.get(&format!("/api/v1/submolts/far-{number}")).await;
        let body = answer.expect(404);
        if body["code"] == "NOT_HELD" {
            assert!(!held.contains(&body["shard"].to_string().as_str()), "{body}");
            assert_eq!(body["scope"], format!("c/far-{number}"));
            far = Some(number);
            break;
        }
        assert_eq!(body["code"], "NOT_FOUND");
    }
    let scope = format!("far-{}.aaaaaaaaaaaaaaaa", far.expect("at least half of all names lie elsewhere"));
    let path = format!("/api/v1/submolts/{scope}");
    let refused = rig.get(&format!("{path}/feed")).await.expect(404);
    assert_eq!(refused["code"], "NOT_HELD", "{refused}");
    assert!(refused["hint"].as_str().unwrap().contains("subscribe"), "{refused}");
    let done = rig.ask(Ask::post(&format!("{path}/subscribe"), &json!({})).by(&key)).await.expect(200);
    assert_eq!(done["action"], "subscribed");
    assert_eq!(rig.get(&path).await.expect(404)["code"], "NOT_FOUND", "held, and not there yet");

    let archive = Rig::new().await;
    let node = archive.get("/api/v1/node").await;
    assert_eq!((&node.json()["coverage"], node.headers.get("x-tidepool-shards")), (&json!("archive"), None));
}
