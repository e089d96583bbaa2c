//! Every sort of bad input: its status, its code, and the union body with what to do.

use super::rig::{Answer, Ask, Rig};
use crate::ApiSettings;
use axum::Router;
use axum::routing::get;
use serde_json::{Value, json};
use tidepool_home::{HomeConfig, Limit, QuotaConfig};

const NO_POST: &str = "bafyreiafaucqkbifaucqkbifaucqkbifaucqkbifaucqkbifaucqkbifau";

/// The union body: what every known client reads of a refusal.
#[track_caller]
fn check(name: &str, answer: &Answer, status: u16, code: &str) -> Value {
    assert_eq!(answer.status.as_u16(), status, "{name}: {}", answer.text());
    let body = answer.json();
    assert_eq!(body["success"], false, "{name}");
    assert_eq!(body["statusCode"], status, "{name}");
    assert_eq!(body["code"], code, "{name}: {body}");
    assert_eq!(body["error"], body["message"], "{name}");
    for key in ["error", "hint", "timestamp", "path", "request_id"] {
        assert!(body[key].as_str().is_some_and(|text| !text.is_empty()), "{name}: {key} in {body}");
    }
    assert_eq!(answer.headers["content-type"], "application/json", "{name}");
    for header in ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "x-request-id"] {
        assert!(answer.headers.contains_key(header), "{name}: {header}");
    }
    body
}

fn raw(path: &str, body: &[u8]) -> Ask {
    Ask::new("POST", path).header("content-type", "application/json").bytes(body.to_vec())
}

#[tokio::test]
async fn every_bad_input_is_told_what_was_seen_and_what_to_do() {
    let rig = Rig::new().await;
    let (key, _) = rig.agent("Reef").await;
    let (other, _) = rig.agent("Crab").await;
    let post = rig.post(&other, "Low tide").await;
    let comment = rig.comment(&other, &post, "Mine", None).await;
    let posts = "/api/v1/posts";
    let comments = format!("/api/v1/posts/{post}/comments");
    let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
    let post_of = |title: &str, content: &str| json!({"submolt_name": "general", "title": title, "content": content});
    let cases: Vec<(&str, Ask, u16, &str)> = vec![
        ("no key", Ask::get("/api/v1/agents/me"), 401, "UNAUTHORIZED"),
        ("a wrong key", Ask::get("/api/v1/agents/me").by("moltbook_sk_wrong"), 401, "UNAUTHORIZED"),
        ("no key's form", Ask::get("/api/v1/agents/me").by("sk-other"), 401, "UNAUTHORIZED"),
        ("another scheme", Ask::get("/api/v1/home").header("authorization", "Basic YTpi"), 401, "UNAUTHORIZED"),
        ("a wrong key where none is needed", Ask::get(posts).by("moltbook_sk_wrong"), 401, "UNAUTHORIZED"),
        ("a wrong key at the node", Ask::get("/api/v1/node").by("moltbook_sk_wrong"), 401, "UNAUTHORIZED"),
        (
            "a wrong key at an explanation",
            Ask::get(&format!("{posts}/{post}/explain")).by("moltbook_sk_wrong"),
            401,
            "UNAUTHORIZED",
        ),
        (
            "a wrong key at an envelope",
            Ask::get(&format!("/api/v1/envelopes/{post}")).by("moltbook_sk_wrong"),
            401,
            "UNAUTHORIZED",
        ),
        (
            "a wrong key with envelopes",
            Ask::new("POST", "/api/v1/envelopes").header("content-type", "application/cbor").by("moltbook_sk_wrong"),
            401,
            "UNAUTHORIZED",
        ),
        (
            "a vote on a post as on a comment",
            Ask::new("POST", &format!("/api/v1/comments/{post}/upvote")).by(&key),
            404,
            "NOT_FOUND",
        ),
        (
            "the network's own community",
            Ask::post("/api/v1/submolts", &json!({"name": "general"})).by(&key),
            409,
            "CONFLICT",
        ),
        ("no JSON", raw(posts, b"{\"title\": ").by(&key), 400, "INVALID_JSON"),
        ("a word that is none", raw(posts, b"{\"type\": 7}").by(&key), 400, "VALIDATION_ERROR"),
        ("two values", raw(posts, b"{} {}").by(&key), 400, "INVALID_JSON"),
        ("no UTF-8", raw(posts, b"{\"title\": \"\xff\"}").by(&key), 400, "INVALID_JSON"),
        ("deep JSON", raw("/api/v1/agents/register", deep.as_bytes()), 400, "VALIDATION_ERROR"),
        (
            "deep metadata",
            raw("/api/v1/me", format!("{{\"metadata\":{deep}}}").as_bytes()).by(&key),
            405,
            "METHOD_NOT_ALLOWED",
        ),
        ("a list of fields", raw("/api/v1/agents/register", b" [\"arrayname\", \"desc\"]"), 400, "VALIDATION_ERROR"),
        ("a feed's window that is none", Ask::get("/api/v1/feed?t=zzz").by(&key), 400, "VALIDATION_ERROR"),
        (
            "a name that a path has",
            Ask::post("/api/v1/agents/register", &json!({"name": "profile"})),
            400,
            "VALIDATION_ERROR",
        ),
        (
            "a title that nobody sees",
            Ask::post(posts, &post_of("\u{200b}\u{3164}", "")).by(&key),
            400,
            "VALIDATION_ERROR",
        ),
        ("a list", raw(posts, b"[1]").by(&key), 400, "VALIDATION_ERROR"),
        ("a number for a text", raw(posts, b"{\"title\": 5}").by(&key), 400, "VALIDATION_ERROR"),
        ("an unknown type", raw(posts, b"{\"type\": \"poem\"}").by(&key), 400, "VALIDATION_ERROR"),
        ("an empty body", Ask::new("POST", posts).by(&key), 400, "VALIDATION_ERROR"),
        (
            "a form with files",
            Ask::new("POST", posts).header("content-type", "multipart/form-data; boundary=x").by(&key),
            415,
            "UNSUPPORTED_MEDIA_TYPE",
        ),
        ("no community", raw(posts, b"{\"title\": \"a\"}").by(&key), 400, "VALIDATION_ERROR"),
        ("no title", raw(posts, b"{\"submolt_name\": \"general\"}").by(&key), 400, "VALIDATION_ERROR"),
        ("a long title", Ask::post(posts, &post_of(&"t".repeat(301), "")).by(&key), 400, "VALIDATION_ERROR"),
        ("a long text", Ask::post(posts, &post_of("t", &"c".repeat(40_001))).by(&key), 400, "VALIDATION_ERROR"),
        ("a huge body", raw(posts, &vec![b' '; 600_000]).by(&key), 413, "PAYLOAD_TOO_LARGE"),
        (
            "an unknown community",
            Ask::post(posts, &json!({"submolt_name": "nowhere", "title": "t"})).by(&key),
            404,
            "NOT_FOUND",
        ),
        (
            "a community's bad name",
            Ask::post("/api/v1/submolts", &json!({"name": "No Spaces", "display_name": "x"})).by(&key),
            400,
            "VALIDATION_ERROR",
        ),
        ("a community without name", Ask::post("/api/v1/submolts", &json!({})).by(&key), 400, "VALIDATION_ERROR"),
        ("a short name", Ask::post("/api/v1/agents/register", &json!({"name": "ab"})), 400, "VALIDATION_ERROR"),
        (
            "a name with spaces",
            Ask::post("/api/v1/agents/register", &json!({"name": "a b c"})),
            400,
            "VALIDATION_ERROR",
        ),
        ("no name", Ask::post("/api/v1/agents/register", &json!({"description": "x"})), 400, "VALIDATION_ERROR"),
        ("a taken name", Ask::post("/api/v1/agents/register", &json!({"name": "CRAB"})), 409, "CONFLICT"),
        ("an unknown agent", Ask::get("/api/v1/agents/profile?name=nobody"), 404, "NOT_FOUND"),
        ("no agent", Ask::get("/api/v1/agents/profile"), 400, "VALIDATION_ERROR"),
        ("an unknown post", Ask::get(&format!("{posts}/{NO_POST}")), 404, "NOT_FOUND"),
        ("a post's id of elsewhere", Ask::get("/api/v1/posts/6e0f0b0e-0000-4000-8000-000000000000"), 404, "NOT_FOUND"),
        ("an unknown comment", Ask::get(&format!("/api/v1/comments/{NO_POST}")), 404, "NOT_FOUND"),
        ("comments of an unknown post", Ask::get(&format!("{posts}/{NO_POST}/comments")), 404, "NOT_FOUND"),
        ("an unknown submolt", Ask::get("/api/v1/submolts/nowhere"), 404, "NOT_FOUND"),
        ("an unknown envelope", Ask::get(&format!("/api/v1/envelopes/{NO_POST}")), 404, "NOT_FOUND"),
        ("a path that is no text", Ask::get("/api/v1/posts/%ff"), 400, "INVALID_PATH"),
        ("an unknown path", Ask::get("/api/v1/nowhere"), 404, "NOT_FOUND"),
        ("an unknown path at the root", Ask::get("/nowhere"), 404, "NOT_FOUND"),
        ("a wrong method", Ask::new("PUT", posts).by(&key), 405, "METHOD_NOT_ALLOWED"),
        ("a made-up method", Ask::new("BREW", posts).by(&key), 405, "METHOD_NOT_ALLOWED"),
        ("an unknown order", Ask::get("/api/v1/posts?sort=odd"), 400, "VALIDATION_ERROR"),
        ("an unknown order of comments", Ask::get(&format!("{comments}?sort=hot")), 400, "VALIDATION_ERROR"),
        ("a limit that is none", Ask::get("/api/v1/posts?limit=many"), 400, "VALIDATION_ERROR"),
        ("a limit of nothing", Ask::get("/api/v1/posts?limit=0"), 400, "VALIDATION_ERROR"),
        ("an offset out of bounds", Ask::get("/api/v1/posts?offset=100000"), 400, "VALIDATION_ERROR"),
        ("a window that is none", Ask::get("/api/v1/posts?sort=top&t=century"), 400, "VALIDATION_ERROR"),
        ("a parameter twice", Ask::get("/api/v1/posts?sort=new&sort=old"), 400, "VALIDATION_ERROR"),
        ("a cursor that is none", Ask::get("/api/v1/posts?cursor=!!"), 400, "INVALID_CURSOR"),
        ("a cursor of comments that is none", Ask::get(&format!("{comments}?cursor=abc")), 400, "INVALID_CURSOR"),
        ("a stream's cursor that is none", Ask::get("/api/v1/stream?cursor=yesterday"), 400, "INVALID_CURSOR"),
        (
            "a stream's last id that is none",
            Ask::get("/api/v1/stream").header("last-event-id", "7"),
            400,
            "INVALID_CURSOR",
        ),
        (
            "a stream's cursor of another log",
            Ask::get("/api/v1/stream?cursor=00000000000000ff-1"),
            400,
            "INVALID_CURSOR",
        ),
        ("a stream of an empty author", Ask::get("/api/v1/stream?author="), 400, "VALIDATION_ERROR"),
        ("a stream of an empty community", Ask::get("/api/v1/stream?submolt=%20"), 400, "VALIDATION_ERROR"),
        ("an unknown kind", Ask::get("/api/v1/stream?kind=poem"), 400, "VALIDATION_ERROR"),
        ("a stream of an unknown community", Ask::get("/api/v1/stream?community=nowhere"), 404, "NOT_FOUND"),
        ("a search for nothing", Ask::get("/api/v1/search"), 400, "VALIDATION_ERROR"),
        ("a long search", Ask::get(&format!("/api/v1/search?q={}", "a".repeat(501))), 400, "VALIDATION_ERROR"),
        ("a search for an unknown type", Ask::get("/api/v1/search?q=a&type=poems"), 400, "VALIDATION_ERROR"),
        ("an empty comment", Ask::post(&comments, &json!({"content": ""})).by(&key), 400, "VALIDATION_ERROR"),
        (
            "a long comment",
            Ask::post(&comments, &json!({"content": "c".repeat(10_001)})).by(&key),
            400,
            "VALIDATION_ERROR",
        ),
        (
            "a parent that is none",
            Ask::post(&comments, &json!({"content": "c", "parent_id": "x"})).by(&key),
            404,
            "NOT_FOUND",
        ),
        (
            "an unknown parent",
            Ask::post(&comments, &json!({"content": "c", "parent_id": NO_POST})).by(&key),
            404,
            "NOT_FOUND",
        ),
        ("a vote on oneself", Ask::new("POST", &format!("{posts}/{post}/upvote")).by(&other), 400, "SELF_VOTE"),
        ("a vote without key", Ask::new("POST", &format!("{posts}/{post}/upvote")), 401, "UNAUTHORIZED"),
        ("a vote on nothing", Ask::new("POST", &format!("{posts}/{NO_POST}/upvote")).by(&key), 404, "NOT_FOUND"),
        ("following oneself", Ask::new("POST", "/api/v1/agents/Reef/follow").by(&key), 400, "SELF_FOLLOW"),
        ("deleting another's post", Ask::new("DELETE", &format!("{posts}/{post}")).by(&key), 403, "FORBIDDEN"),
        (
            "deleting another's comment",
            Ask::new("DELETE", &format!("/api/v1/comments/{comment}")).by(&key),
            403,
            "FORBIDDEN",
        ),
        (
            "an edit of nothing",
            Ask::new("PATCH", &format!("{posts}/{post}")).json(&json!({})).by(&other),
            400,
            "VALIDATION_ERROR",
        ),
        (
            "a profile of nothing",
            Ask::new("PATCH", "/api/v1/agents/me").json(&json!({})).by(&key),
            400,
            "VALIDATION_ERROR",
        ),
        (
            "much metadata",
            Ask::new("PATCH", "/api/v1/agents/me").json(&json!({"metadata": "m".repeat(9_000)})).by(&key),
            400,
            "VALIDATION_ERROR",
        ),
        ("an envelope in JSON", raw("/api/v1/envelopes", b"{}"), 415, "UNSUPPORTED_MEDIA_TYPE"),
        (
            "an empty envelope",
            Ask::new("POST", "/api/v1/envelopes").header("content-type", "application/cbor"),
            400,
            "INVALID_ENVELOPE",
        ),
        (
            "garbage for an envelope",
            Ask::new("POST", "/api/v1/envelopes").header("content-type", "application/cbor").bytes(vec![0xff; 9]),
            400,
            "INVALID_ENVELOPE",
        ),
        (
            "another array for an envelope",
            Ask::new("POST", "/api/v1/envelopes").header("content-type", "application/cbor").bytes(vec![0x83, 1, 2, 3]),
            400,
            "INVALID_ENVELOPE",
        ),
        (
            "a huge envelope",
            Ask::new("POST", "/api/v1/envelopes")
                .header("content-type", "application/cbor")
                .bytes(vec![0x80; 1_100_000]),
            413,
            "PAYLOAD_TOO_LARGE",
        ),
        (
            "an explanation in an unknown order",
            Ask::get(&format!("{posts}/{post}/explain?sort=odd")),
            400,
            "VALIDATION_ERROR",
        ),
    ];
    for (name, ask, status, code) in cases {
        let answer = rig.ask(ask).await;
        check(name, &answer, status, code);
    }
}

#[tokio::test]
async fn deep_metadata_is_refused_before_anything_recurses() {
    let rig = Rig::new().await;
    let (key, _) = rig.agent("Reef").await;
    let body = format!("{{\"metadata\":{}{}}}", "[".repeat(200_000), "]".repeat(200_000));
    let ask = Ask::new("PATCH", "/api/v1/agents/me").header("content-type", "application/json").by(&key);
    check("deep metadata", &rig.ask(ask.bytes(body.into_bytes())).await, 400, "INVALID_JSON");
}

#[tokio::test]
async fn a_refusal_names_the_field_and_quotes_no_more_than_a_little() {
    let rig = Rig::new().await;
    let (key, _) = rig.agent("Reef").await;
    let long = "x".repeat(50_000);
    let body = check(
        "type",
        &rig.ask(Ask::post("/api/v1/posts", &json!({"type": long})).by(&key)).await,
        400,
        "VALIDATION_ERROR",
    );
    assert_eq!(body["field"], "type");
    assert!(body.to_string().len() < 2_000);
    for (text, field, unit) in [
        (json!({"submolt_name": "general", "title": "t".repeat(301)}), "title", "301 characters"),
        (
            json!({"submolt_name": "general", "title": "t", "content": "c".repeat(40_001)}),
            "content",
            "40001 characters",
        ),
        (json!({"submolt_name": "general", "title": "t", "content": "€".repeat(20_000)}), "content", "60000 bytes"),
    ] {
        let body = check(field, &rig.ask(Ask::post("/api/v1/posts", &text).by(&key)).await, 400, "VALIDATION_ERROR");
        assert_eq!(body["field"], field);
        assert!(body["error"].as_str().is_some_and(|error| error.contains(unit)), "{body}");
    }
    let body = check("sort", &rig.ask(Ask::get(&format!("/api/v1/posts?sort={long}"))).await, 400, "VALIDATION_ERROR");
    assert_eq!(body["field"], "sort");
    assert!(body.to_string().len() < 2_000);
}

#[tokio::test]
async fn a_wrong_method_names_the_right_ones() {
    let rig = Rig::new().await;
    let answer = rig.ask(Ask::new("DELETE", "/api/v1/posts")).await;
    let body = check("method", &answer, 405, "METHOD_NOT_ALLOWED");
    let allow = answer.headers["allow"].to_str().unwrap();
    assert!(allow.contains("GET") && allow.contains("POST"), "{allow}");
    assert!(body["error"].as_str().is_some_and(|text| text.contains("DELETE") && text.contains("POST")), "{body}");
}

fn slow() -> HomeConfig {
    let quota = QuotaConfig {
        reads: Limit { count: 3, per_s: 60 },
        posts: Limit { count: 1, per_s: 1_800 },
        comments: Limit { count: 1, per_s: 20 },
        ..QuotaConfig::development()
    };
    HomeConfig { quota, ..HomeConfig::default() }
}

#[tokio::test]
async fn every_answer_says_what_is_left_and_the_last_when_to_come_back() {
    let rig = Rig::with(slow(), ApiSettings::default()).await;
    let (key, _) = rig.agent("Reef").await;
    for left in ["2", "1", "0"] {
        let answer = rig.ask(Ask::get("/api/v1/agents/me").by(&key)).await;
        assert_eq!(answer.status, 200);
        assert_eq!(
            (&answer.headers["x-ratelimit-limit"], &answer.headers["x-ratelimit-remaining"]),
            (&"3".parse().unwrap(), &left.parse().unwrap())
        );
        let reset: u64 = answer.headers["x-ratelimit-reset"].to_str().unwrap().parse().unwrap();
        assert!((1_700_000_000..10_000_000_000).contains(&reset), "unix seconds: {reset}");
    }
    let answer = rig.ask(Ask::get("/api/v1/agents/me").by(&key)).await;
    let body = check("limit", &answer, 429, "RATE_LIMITED");
    let wait: u64 = answer.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait));
    assert_eq!((body["retry_after_seconds"].as_u64(), body["remaining"].as_u64()), (Some(wait), Some(0)));
    assert!(body["reset_at"].is_string());
    // A short wait has no minutes: one client gives up when it sees them.
    assert!(body.get("retry_after_minutes").is_none());
}

#[tokio::test]
async fn cooldowns_say_how_long_they_last() {
    let rig = Rig::with(slow(), ApiSettings::default()).await;
    let (key, _) = rig.agent("Reef").await;
    let post = rig.post(&key, "Low tide").await;
    let again = json!({"submolt_name": "general", "title": "Again"});
    let answer = rig.ask(Ask::post("/api/v1/posts", &again).by(&key)).await;
    let body = check("posts", &answer, 429, "RATE_LIMITED");
    // The headers tell of the limit that refused, as the body does.
    let header = |name: &str| answer.headers[name].to_str().unwrap().to_owned();
    assert_eq!((header("x-ratelimit-limit").as_str(), header("x-ratelimit-remaining").as_str()), ("1", "0"));
    assert_eq!(body["remaining"], 0);
    assert_eq!((body["rule"].as_str(), body["retry_after_minutes"].as_u64()), (Some("posts"), Some(30)));
    rig.comment(&key, &post, "One", None).await;
    let path = format!("/api/v1/posts/{post}/comments");
    let answer = rig.ask(Ask::post(&path, &json!({"content": "Two"})).by(&key)).await;
    let body = check("comments", &answer, 429, "RATE_LIMITED");
    assert!(body["retry_after_seconds"].as_u64().is_some_and(|s| (1..=20).contains(&s)), "{body}");
    assert!(body.get("retry_after_minutes").is_none());
}

#[tokio::test]
async fn a_search_is_counted_apart_from_other_reads() {
    let quota = QuotaConfig { searches: Limit { count: 1, per_s: 60 }, ..QuotaConfig::development() };
    let rig = Rig::with(HomeConfig { quota, ..HomeConfig::default() }, ApiSettings::default()).await;
    rig.get("/api/v1/search?q=tide").await.expect(200);
    let body = check("search", &rig.get("/api/v1/search?q=tide").await, 429, "RATE_LIMITED");
    assert_eq!(body["rule"], "searches");
    rig.get("/api/v1/posts").await.expect(200);
}

#[tokio::test]
async fn unclaimed_agents_may_be_kept_to_reading() {
    let config = HomeConfig { unclaimed_may_write: false, ..HomeConfig::default() };
    let rig = Rig::with(config, ApiSettings::default()).await;
    let (key, _) = rig.agent("Reef").await;
    let body = json!({"submolt_name": "general", "title": "t"});
    let body = check("unclaimed", &rig.ask(Ask::post("/api/v1/posts", &body).by(&key)).await, 403, "UNCLAIMED");
    assert!(body["claim_path"].as_str().is_some_and(|path| path.starts_with("/claim/")));
    rig.ask(Ask::get("/api/v1/home").by(&key)).await.expect(200);
}

#[tokio::test]
async fn a_panic_is_told_without_details() {
    async fn panics() -> &'static str {
        panic!("secret details")
    }
    let routes = Router::new().route("/panics", get(panics));
    let rig = Rig::with_routes(ApiSettings::default(), routes).await;
    let body = check("panic", &rig.get("/panics").await, 500, "INTERNAL");
    assert!(!body.to_string().contains("secret"));
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_given_up() {
    let routes = Router::new().route("/waits", get(std::future::pending::<&'static str>));
    let settings = ApiSettings { request_timeout_ms: 10, ..ApiSettings::default() };
    let rig = Rig::with_routes(settings, routes).await;
    check("timeout", &rig.get("/waits").await, 504, "TIMEOUT");
}

#[tokio::test]
async fn requests_are_counted_by_route_and_never_by_path() {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let rig = Rig::with_metrics(recorder.handle()).await;
    let _counting = metrics::set_default_local_recorder(&recorder);
    rig.get("/api/v1/agents/somebody").await.expect(404);
    rig.get("/claim/moltbook_claim_secret").await;
    rig.get("/nowhere").await.expect(404);
    let text = rig.get("/metrics").await.text();
    for line in [
        "tidepool_http_requests_total{method=\"GET\",route=\"/api/v1/agents/{name}\",status=\"404\"} 1",
        "tidepool_http_requests_total{method=\"GET\",route=\"/claim/{token}\",status=\"404\"} 1",
        "tidepool_http_requests_total{method=\"GET\",route=\"none\",status=\"404\"} 1",
        "tidepool_http_request_seconds",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
    assert!(!text.contains("secret") && !text.contains("somebody"));
}
