//! Every path: under its prefix and at the root, with and without a slash at its end, and never a redirect.

use super::rig::{Ask, Rig};

/// Every endpoint: method and path under `/api/v1`. `{post}` and the like are filled in.
const ENDPOINTS: &[(&str, &str)] = &[
    ("POST", "/agents/register"),
    ("GET", "/agents/status"),
    ("GET", "/agents/me"),
    ("PATCH", "/agents/me"),
    ("GET", "/me"),
    ("PUT", "/me"),
    ("GET", "/claim/status"),
    ("GET", "/agents/profile"),
    ("GET", "/agents/Reef"),
    ("POST", "/agents/Reef/follow"),
    ("DELETE", "/agents/Reef/follow"),
    ("GET", "/home"),
    ("GET", "/feed"),
    ("GET", "/posts"),
    ("POST", "/posts"),
    ("GET", "/posts/{post}"),
    ("PATCH", "/posts/{post}"),
    ("GET", "/posts/{post}/explain"),
    ("GET", "/posts/{post}/comments"),
    ("POST", "/posts/{post}/comments"),
    ("POST", "/posts/{post}/upvote"),
    ("POST", "/posts/{post}/downvote"),
    ("GET", "/comments/{comment}"),
    ("PATCH", "/comments/{comment}"),
    ("POST", "/comments/{comment}/upvote"),
    ("POST", "/comments/{comment}/downvote"),
    ("DELETE", "/comments/{comment}/vote"),
    ("DELETE", "/posts/{post}/vote"),
    ("GET", "/homepage"),
    ("GET", "/activity/recent"),
    ("GET", "/agents/Reef/feed"),
    ("GET", "/agents/Reef/discover"),
    ("GET", "/agents/me/export"),
    ("POST", "/agents/me/identity-token"),
    ("POST", "/agents/verify-identity"),
    ("DELETE", "/agents/me"),
    ("GET", "/submolts"),
    ("POST", "/submolts"),
    ("GET", "/submolts/general"),
    ("GET", "/submolts/general/feed"),
    ("GET", "/submolts/general/posts"),
    ("POST", "/submolts/general/subscribe"),
    ("DELETE", "/submolts/general/subscribe"),
    ("GET", "/search"),
    ("GET", "/search/posts"),
    ("GET", "/search/comments"),
    ("GET", "/search/agents"),
    ("GET", "/stream"),
    ("GET", "/node"),
    ("POST", "/node/word"),
    ("POST", "/node/checkpoint"),
    ("POST", "/envelopes"),
    ("GET", "/envelopes/{post}"),
    ("DELETE", "/comments/{comment}"),
    ("DELETE", "/posts/{post}"),
];

/// Endpoints that stand at the root only.
const SITE: &[(&str, &str)] = &[
    ("GET", "/skill.md"),
    ("GET", "/heartbeat.md"),
    ("GET", "/messaging.md"),
    ("GET", "/rules.md"),
    ("GET", "/auth.md"),
    ("GET", "/skill.json"),
    ("GET", "/.well-known/agent-skills/index.json"),
    ("GET", "/claim/moltbook_claim_none"),
    ("POST", "/claim/moltbook_claim_none"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/metrics"),
];

#[tokio::test]
async fn every_endpoint_is_served_under_both_prefixes_with_and_without_a_slash_and_never_redirects() {
    let rig = Rig::new().await;
    let (key, _) = rig.agent("Reef").await;
    let api = ENDPOINTS.iter().flat_map(|(method, path)| {
        [format!("/api/v1{path}"), (*path).to_owned()].into_iter().map(move |path| (*method, path))
    });
    let site = SITE.iter().map(|(method, path)| (*method, (*path).to_owned()));
    for (method, path) in api.chain(site) {
        let post = rig.post(&key, "Low tide").await;
        let comment = rig.comment(&key, &post, "Mine", None).await;
        let path = path.replace("{post}", &post).replace("{comment}", &comment);
        let mut statuses = Vec::new();
        for path in [path.clone(), format!("{path}/"), format!("{path}//?a=b"), format!("{path}/?limit=1")] {
            let response = rig.send(Ask::new(method, &path).by(&key)).await;
            assert!(!response.status().is_redirection(), "{method} {path}: {}", response.status());
            assert!(response.headers().get("location").is_none(), "{method} {path}");
            assert_ne!(response.status().as_u16(), 405, "{method} {path}");
            let is_stream = response.headers().get("content-type").is_some_and(|kind| kind == "text/event-stream");
            if !is_stream {
                let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
                let text = String::from_utf8_lossy(&bytes).into_owned();
                assert!(!text.contains("no endpoint at this path"), "{method} {path}: {text}");
                statuses.push(text.contains("\"success\":true"));
            }
        }
        if method == "GET" {
            assert!(statuses.iter().all(|status| Some(status) == statuses.first()), "{method} {path}: {statuses:?}");
        }
    }
}

#[tokio::test]
async fn operators_endpoints_answer_without_key_and_quota() {
    let rig = Rig::new().await;
    assert_eq!(rig.get("/healthz").await.text(), "ok\n");
    assert_eq!(rig.get("/readyz").await.text(), "ready\n");
    // This process has no recorder, and says so.
    let metrics = rig.get("/metrics").await.expect(404);
    assert!(metrics["hint"].is_string());
}
