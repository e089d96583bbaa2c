//! The stream: what happens, from where the reader stopped, until one side ends it.

use super::rig::{Ask, Rig};
use crate::ApiSettings;
use axum::body::Body;
use futures::StreamExt;
use serde_json::Value;
use std::time::Duration;
use tidepool_home::HomeConfig;

/// No test waits longer than this for what must come.
const DEADLINE: Duration = Duration::from_secs(20);

/// A reader of server-sent events, as small as can be.
struct Events {
    body: axum::body::BodyDataStream,
    text: String,
}

#[derive(Clone, Debug, Default)]
struct Frame {
    id: Option<String>,
    event: Option<String>,
    data: Value,
}

impl Events {
    async fn open(rig: &Rig, ask: Ask) -> Self {
        let response = rig.send(ask).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert!(response.headers().contains_key("x-ratelimit-limit"));
        Self { body: Body::into_data_stream(response.into_body()), text: String::new() }
    }

    /// The next block; `None` at the end.
    async fn block(&mut self) -> Option<String> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                return Some(block);
            }
            let chunk = tokio::time::timeout(DEADLINE, self.body.next()).await.expect("a block in time")?;
            self.text.push_str(std::str::from_utf8(&chunk.unwrap()).unwrap());
        }
    }

    /// The next block that is no comment.
    async fn frame(&mut self) -> Frame {
        loop {
            let block = self.block().await.expect("the stream goes on");
            let mut frame = Frame::default();
            for line in block.lines() {
                match line.split_once(": ") {
                    Some(("id", id)) => frame.id = Some(id.to_owned()),
                    Some(("event", event)) => frame.event = Some(event.to_owned()),
                    Some(("data", data)) => frame.data = serde_json::from_str(data).unwrap(),
                    _ => {}
                }
            }
            if frame.id.is_some() || frame.event.is_some() {
                return frame;
            }
        }
    }
}

#[tokio::test]
async fn a_reader_sees_what_happens_with_who_said_it() {
    let rig = Rig::new().await;
    let (key, id) = rig.agent("Reef").await;
    let mut events = Events::open(&rig, Ask::get("/api/v1/stream?kind=post,comment")).await;
    let hello = events.frame().await;
    assert!(hello.id.is_some() && hello.event.is_none());
    let post = rig.post(&key, "Low tide").await;
    rig.comment(&key, &post, "Mine", None).await;
    let seen = events.frame().await;
    assert_eq!((seen.event.as_deref(), seen.data["id"].as_str()), (Some("post"), Some(post.as_str())));
    assert_eq!(
        (seen.data["title"].as_str(), seen.data["author"]["id"].as_str()),
        (Some("Low tide"), Some(id.as_str()))
    );
    assert_eq!((seen.data["scope"].as_str(), seen.data["submolt_name"].as_str()), (Some("c/general"), Some("general")));
    assert_eq!(seen.data["content_is_untrusted"], true);
    assert_eq!(seen.data["cursor"].as_str(), seen.id.as_deref());
    let seen = events.frame().await;
    assert_eq!((seen.event.as_deref(), seen.data["post_id"].as_str()), (Some("comment"), Some(post.as_str())));
}

#[tokio::test]
async fn a_reader_resumes_where_it_stopped_by_header_or_by_address() {
    let rig = Rig::new().await;
    let (key, _) = rig.agent("Reef").await;
    let mut events = Events::open(&rig, Ask::get("/api/v1/stream?kind=post")).await;
    let start = events.frame().await.id.unwrap();
    let mut made = Vec::new();
    for number in 0..4 {
        made.push(rig.post(&key, &format!("Post {number}")).await);
    }
    assert_eq!(events.frame().await.data["id"], made[0].as_str());
    let second = events.frame().await;
    assert_eq!(second.data["id"], made[1].as_str());
    drop(events);
    let last = second.id.unwrap();
    // A browser repeats its first address and adds the header: the header is the newer word.
    for ask in [
        Ask::get("/api/v1/stream?kind=post").header("last-event-id", &last),
        Ask::get(&format!("/api/v1/stream?kind=post&cursor={last}")),
        Ask::get(&format!("/api/v1/stream?kind=post&cursor={start}")).header("last-event-id", &last),
    ] {
        let mut events = Events::open(&rig, ask).await;
        assert_eq!(events.frame().await.id, Some(last.clone()));
        assert_eq!(events.frame().await.data["id"], made[2].as_str());
        assert_eq!(events.frame().await.data["id"], made[3].as_str());
    }
}

#[tokio::test]
async fn a_reader_sees_only_what_it_asked_for() {
    let rig = Rig::new().await;
    let (reef, _) = rig.agent("Reef").await;
    let (crab, _) = rig.agent("Crab").await;
    let mut by_crab = Events::open(&rig, Ask::get("/api/v1/stream?kind=post&author=Crab")).await;
    let mut intro = Events::open(&rig, Ask::get("/api/v1/stream?community=introductions")).await;
    let mut votes = Events::open(&rig, Ask::get("/api/v1/stream?kind=vote")).await;
    for events in [&mut by_crab, &mut intro, &mut votes] {
        events.frame().await;
    }
    let first = rig.post(&reef, "By Reef").await;
    let second = rig.post(&crab, "By Crab").await;
    let body = serde_json::json!({"submolt_name": "introductions", "title": "Hello"});
    let third = rig.ask(Ask::post("/api/v1/posts", &body).by(&reef)).await.expect(201)["post"]["id"].clone();
    rig.ask(Ask::new("POST", &format!("/api/v1/posts/{first}/upvote")).by(&crab)).await.expect(200);
    assert_eq!(by_crab.frame().await.data["id"], second.as_str());
    assert_eq!(intro.frame().await.data["id"], third);
    let vote = votes.frame().await;
    assert_eq!((vote.data["target_id"].as_str(), vote.data["vote"].as_str()), (Some(first.as_str()), Some("up")));
}

#[tokio::test]
async fn a_stream_without_events_says_that_it_lives() {
    let settings = ApiSettings { stream_keep_alive_ms: 20, ..ApiSettings::default() };
    let rig = Rig::with(HomeConfig::default(), settings).await;
    let mut events = Events::open(&rig, Ask::get("/api/v1/stream")).await;
    events.frame().await;
    assert_eq!(events.block().await.as_deref(), Some(": keep-alive"));
}

#[tokio::test]
async fn a_reader_that_takes_nothing_is_cut_off_and_misses_nothing_when_it_comes_back() {
    let settings = ApiSettings { stream_stall_ms: 0, ..ApiSettings::default() };
    let rig = Rig::with(HomeConfig::default(), settings).await;
    let (key, _) = rig.agent("Reef").await;
    let mut events = Events::open(&rig, Ask::get("/api/v1/stream?kind=post")).await;
    let mut last = events.frame().await.id.unwrap();
    let mut made = Vec::new();
    for number in 0..30 {
        made.push(rig.post(&key, &format!("Post {number}")).await);
    }
    // Whatever waited for it is still read, and then the stream ends.
    let mut seen = Vec::new();
    tokio::time::timeout(DEADLINE, async {
        while let Some(block) = events.block().await {
            let Some(id) = block.lines().find_map(|line| line.strip_prefix("id: ")) else { continue };
            last = id.to_owned();
            let data = block.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
            let data: Value = serde_json::from_str(data).unwrap();
            seen.push(data["id"].as_str().unwrap().to_owned());
        }
    })
    .await
    .expect("the stream is cut");
    assert!(!seen.is_empty() && seen.len() < made.len(), "{}", seen.len());
    let mut events = Events::open(&rig, Ask::get("/api/v1/stream?kind=post").header("last-event-id", &last)).await;
    events.frame().await;
    while seen.len() < made.len() {
        seen.push(events.frame().await.data["id"].as_str().unwrap().to_owned());
    }
    assert_eq!(seen, made);
}
