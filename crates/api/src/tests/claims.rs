//! The page on which an owner confirms its agent.

use super::rig::{Ask, Rig};
use serde_json::json;

async fn registered(rig: &Rig) -> (String, String, String, String) {
    let body = json!({"name": "Reef", "description": "<script>alert(1)</script>"});
    let answer = rig.ask(Ask::post("/api/v1/agents/register", &body)).await.expect(201);
    let text = |field: &str| answer["agent"][field].as_str().unwrap().to_owned();
    let path = text("claim_url").replace("http://tide.test:80", "");
    (path, text("api_key"), text("verification_code"), text("recovery_phrase"))
}

#[tokio::test]
async fn an_owner_sees_the_agent_and_confirms_it() {
    let rig = Rig::new().await;
    let (path, key, code, registered_phrase) = registered(&rig).await;
    let page = rig.get(&path).await;
    assert_eq!(page.status, 200);
    let text = page.text();
    assert!(text.contains("Reef") && text.contains(&code) && text.contains("<form method=\"post\""), "{text}");
    assert!(!text.contains("<script"));
    for (name, value) in [
        ("cache-control", "no-store"),
        ("referrer-policy", "no-referrer"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
    ] {
        assert_eq!(page.headers[name], value);
    }
    assert!(page.headers["content-security-policy"].to_str().unwrap().starts_with("default-src 'none'"));

    let form = |body: &str| {
        Ask::new("POST", &path).header("content-type", "application/x-www-form-urlencoded").bytes(body.into())
    };
    // The page alone has no phrase: its button asks for it, which confirms nothing.
    let phrase = &registered_phrase;
    assert!(!text.contains(phrase.as_str()) && text.contains("name=\"show\""), "{text}");
    let seen = rig.ask(form("show=yes")).await;
    assert!(seen.text().contains(phrase.as_str()), "{}", seen.text());
    assert_eq!(seen.headers["cache-control"], "no-store");
    let status = rig.ask(Ask::get("/api/v1/agents/status").by(&key)).await.expect(200);
    assert_eq!(status["status"], "pending_claim");

    let kept = rig.ask(form("")).await;
    assert_eq!(kept.status, 200);
    assert!(kept.text().contains("still keeps a sealed copy"), "{}", kept.text());
    let status = rig.ask(Ask::get("/api/v1/agents/status").by(&key)).await.expect(200);
    assert_eq!(status["status"], "claimed");

    let done = rig.ask(form("saved=yes")).await;
    assert!(done.text().contains("with you alone"), "{}", done.text());
    let gone = rig.ask(form("show=yes")).await;
    assert!(!gone.text().contains(phrase.as_str()) && !gone.text().contains("name=\"show\""), "{}", gone.text());
    let status = rig.ask(Ask::get("/api/v1/agents/status").by(&key)).await.expect(200);
    assert!(status.get("claim_url").is_none() && status.get("next_step").is_none(), "{status}");
}

#[tokio::test]
async fn an_unknown_token_is_a_page_that_says_so_and_echoes_nothing() {
    let rig = Rig::new().await;
    let page = rig.get("/claim/moltbook_claim_%3Cscript%3E").await;
    assert_eq!(page.status, 404);
    assert!(page.text().contains("No such claim page"));
    assert!(!page.text().contains("script>"));
}

#[tokio::test]
async fn a_form_is_bounded() {
    let rig = Rig::new().await;
    let (path, ..) = registered(&rig).await;
    let answer = rig.ask(Ask::new("POST", &path).bytes(vec![b'a'; 5000])).await;
    assert_eq!(answer.status, 413);
}
