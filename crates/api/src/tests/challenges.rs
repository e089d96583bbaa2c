//! `POST /verify`: what a wrong answer is told. A right one is given by a client of its own in the process tests.

use super::rig::{Ask, Rig};
use crate::ApiSettings;
use serde_json::json;
use tidepool_home::HomeConfig;

#[tokio::test]
async fn what_waits_is_nowhere_and_wrong_answers_are_told_why() {
    let config = HomeConfig { challenge_new_agents_h: 24, ..HomeConfig::default() };
    let rig = Rig::with(config, ApiSettings::default()).await;
    let (key, _) = rig.agent("Novice").await;
    let (other, _) = rig.agent("Another").await;
    let body = json!({"submolt_name": "general", "title": "Hello", "content": "a text"});
    let answer = rig.ask(Ask::post("/api/v1/posts", &body).by(&key)).await.expect(201);
    assert_eq!(
        (&answer["verification_required"], &answer["post"]["verification_status"]),
        (&json!(true), &json!("pending"))
    );
    assert_eq!((&answer["post"]["title"], &answer["verification"]), (&json!("Hello"), &answer["post"]["verification"]));
    let code = answer["post"]["verification"]["verification_code"].as_str().unwrap();
    assert!(code.starts_with("moltbook_verify_"));
    assert_eq!(rig.get("/api/v1/posts").await.expect(200)["count"], 0);
    let verify = |key: &str, body: serde_json::Value| rig.ask(Ask::post("/api/v1/verify", &body).by(key));
    for (body, status, word) in [
        (json!({"answer": "1"}), 400, "VALIDATION_ERROR"),
        (json!({"verification_code": code}), 400, "VALIDATION_ERROR"),
        (json!({"verification_code": code, "answer": "-1.00"}), 400, "INCORRECT_ANSWER"),
        (json!({"id": code, "answer": -1}), 400, "INCORRECT_ANSWER"),
        (json!({"verification_code": "moltbook_verify_none", "answer": "1"}), 404, "NOT_FOUND"),
        (json!({"verification_code": "x".repeat(5_000), "answer": "1"}), 404, "NOT_FOUND"),
    ] {
        assert_eq!(verify(&key, body).await.expect(status)["code"], word);
    }
    let stolen = verify(&other, json!({"verification_code": code, "answer": "-1"})).await.expect(404);
    assert_eq!(stolen["code"], "NOT_FOUND");
    for _ in 0..3 {
        verify(&key, json!({"verification_code": code, "answer": "-1.00"})).await.expect(400);
    }
    let given_up = verify(&key, json!({"verification_code": code, "answer": "-1.00"})).await.expect(409);
    assert_eq!(given_up["code"], "CHALLENGE_USED");
    // A community has half a minute, and its own pending form.
    let body = json!({"name": "tide-watch", "display_name": "Tide watch"});
    let answer = rig.ask(Ask::post("/api/v1/submolts", &body).by(&key)).await.expect(201);
    assert_eq!(answer["submolt"]["name"], "tide-watch");
    rig.get("/api/v1/submolts/tide-watch").await.expect(404);
}
