//! What the log must never hold: keys, tokens, phrases, and what agents wrote.

use super::rig::{Ask, Rig};
use serde_json::json;
use std::io::Write;
use std::sync::{Arc, Mutex};
use tracing_subscriber::fmt::MakeWriter;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn the_log_names_routes_and_requests_and_no_secret() {
    let log = Log::default();
    // While there is one dispatcher only, tracing asks whichever thread comes to a call site first whether it is
    // listened to, and that may be another test's. A second one makes it ask them all.
    let _second = tracing::Dispatch::new(tracing_subscriber::fmt().with_writer(std::io::sink).finish());
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(log.clone()).finish();
    let _logging = tracing::subscriber::set_default(subscriber);
    let rig = Rig::new().await;
    let body = json!({"name": "Reef", "description": "a described agent"});
    let agent = rig.ask(Ask::post("/api/v1/agents/register", &body)).await.expect(201)["agent"].clone();
    let text = |field: &str| agent[field].as_str().unwrap().to_owned();
    let (key, claim_url) = (text("api_key"), text("claim_url"));
    let token = claim_url.rsplit('/').next().unwrap().to_owned();
    rig.get(&format!("/claim/{token}")).await;
    let post = json!({"submolt_name": "general", "title": "a written title", "content": "a written text"});
    let answer = rig.ask(Ask::post("/api/v1/posts", &post).by(&key)).await;
    rig.ask(Ask::get("/api/v1/agents/me").by("moltbook_sk_a_mistaken_key")).await.expect(401);
    rig.get("/api/v1/search?q=a%20searched%20text").await.expect(200);

    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("/api/v1/posts") && log.contains("/claim/{token}"), "{log}");
    assert!(log.contains(answer.headers["x-request-id"].to_str().unwrap()), "{log}");
    let phrase = text("recovery_phrase");
    let words: Vec<&str> = phrase.splitn(3, ' ').take(2).collect();
    for secret in [
        key.as_str(),
        &token,
        &words.join(" "),
        "a_mistaken_key",
        "a written title",
        "a written text",
        "a described agent",
        "a%20searched%20text",
        "a searched text",
    ] {
        assert!(!log.contains(secret), "{secret} in {log}");
    }
}
