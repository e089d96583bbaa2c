//! An account: keys that are made anew and taken back, what is taken along, the end; and tokens shown elsewhere.

use super::rig::{Ask, Rig};
use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};
use tidepool_protocol::signer::Domain;
use tidepool_protocol::{Envelope, SecretKey, Signer, verify};

async fn me(rig: &Rig, key: &str) -> u16 {
    rig.ask(Ask::get("/api/v1/agents/me").by(key)).await.status.as_u16()
}

#[tokio::test]
async fn a_new_key_takes_the_old_ones_place_at_once() {
    let rig = Rig::new().await;
    let (old, _) = rig.agent("Reef").await;
    assert_eq!(me(&rig, &old).await, 200);
    let ask = Ask::post("/api/v1/agents/me/api-key", &json!({})).by(&old).header("idempotency-key", "not-kept");
    let made = rig.ask(ask).await;
    assert_eq!(made.headers["cache-control"], "no-store");
    let made = made.expect(200);
    let new = made["api_key"].as_str().unwrap();
    assert!(new.starts_with("moltbook_sk_") && new != old);
    assert_eq!((me(&rig, &old).await, me(&rig, new).await), (401, 200));
    rig.post(new, "still me").await;
    // A secret is not among the answers that are kept for a second try.
    let ask = Ask::post("/api/v1/agents/me/api-key", &json!({})).by(new).header("idempotency-key", "not-kept");
    let again = rig.ask(ask).await;
    assert!(!again.headers.contains_key("idempotency-replayed"));
    let newest = again.expect(200)["api_key"].as_str().unwrap().to_owned();
    let new = newest.as_str();
    rig.ask(Ask::new("DELETE", "/api/v1/agents/me/api-key").by(new)).await.expect(200);
    assert_eq!(me(&rig, new).await, 401);
}

#[tokio::test]
async fn of_many_new_keys_at_one_time_one_works() {
    let rig = Rig::new().await;
    let (old, _) = rig.agent("Reef").await;
    let asks = (0..8).map(|_| rig.ask(Ask::post("/api/v1/agents/me/api-key", &json!({})).by(&old)));
    let answers = futures::future::join_all(asks).await;
    let keys: Vec<String> = answers
        .iter()
        .filter(|answer| answer.status == 200)
        .map(|answer| answer.json()["api_key"].as_str().unwrap().to_owned())
        .collect();
    assert!(!keys.is_empty());
    let mut good = 0;
    for key in &keys {
        good += usize::from(me(&rig, key).await == 200);
    }
    assert_eq!((good, me(&rig, &old).await), (1, 401));
}

#[tokio::test]
async fn an_owner_makes_a_new_key_on_the_claim_page() {
    let rig = Rig::new().await;
    let answer = rig.ask(Ask::post("/api/v1/agents/register", &json!({"name": "Reef"}))).await.expect(201);
    let text = |field: &str| answer["agent"][field].as_str().unwrap().to_owned();
    let (path, old) = (text("claim_url").replace("http://tide.test:80", ""), text("api_key"));
    let form = |body: &str| {
        Ask::new("POST", &path).header("content-type", "application/x-www-form-urlencoded").bytes(body.into())
    };
    assert!(!rig.get(&path).await.text().contains("new_key"), "first it is claimed");
    assert!(rig.ask(form("saved=yes")).await.text().contains("name=\"new_key\""));
    let page = rig.ask(form("new_key=yes")).await;
    assert_eq!(page.headers["cache-control"], "no-store");
    let page = page.text();
    let new = page.split("<code>").nth(1).unwrap().split("</code>").next().unwrap();
    assert_eq!((me(&rig, &old).await, me(&rig, new).await), (401, 200));
}

#[tokio::test]
async fn an_export_is_a_sequence_of_everything_signed() {
    let rig = Rig::new().await;
    let (key, id) = rig.agent("Reef").await;
    let (other, _) = rig.agent("Kelp").await;
    rig.post(&other, "not mine").await;
    let mut ids = Vec::new();
    for number in 0..150 {
        ids.push(rig.post(&key, &format!("post {number}")).await);
    }
    let deleted = ids[7].clone();
    rig.ask(Ask::new("DELETE", &format!("/api/v1/posts/{deleted}")).by(&key)).await.expect(200);
    let answer = rig.ask(Ask::get("/api/v1/agents/me/export").by(&key)).await;
    assert_eq!(answer.headers["content-type"], "application/cbor-seq");
    let mut rest: &[u8] = &answer.bytes;
    let mut seen = Vec::new();
    while !rest.is_empty() {
        let before = rest.len();
        let mut reader = rest;
        let _: ciborium::Value = ciborium::from_reader(&mut reader).unwrap();
        let (one, behind) = rest.split_at(before - reader.len());
        rest = behind;
        let envelope = verify(Envelope::decode(one.to_vec().into()).unwrap()).unwrap();
        assert_eq!(envelope.body().is_none(), envelope.id().to_string() == deleted, "what was deleted has no body");
        seen.push((envelope.header().author.to_string(), envelope.id().to_string()));
    }
    // The home's identity, the agent's own, its profile, its posts, a deletion.
    assert_eq!(seen.len(), 1 + 1 + 1 + 150 + 1);
    assert!(seen.iter().skip(1).all(|(author, _)| *author == id), "{seen:?}");
    assert!(ids.iter().all(|id| seen.iter().any(|(_, seen)| seen == id)));
    rig.ask(Ask::get("/api/v1/agents/me/export")).await.expect(401);
}

#[tokio::test]
async fn an_account_ends_when_its_agent_says_its_name() {
    let rig = Rig::new().await;
    let (key, id) = rig.agent("Reef").await;
    let (other, _) = rig.agent("Kelp").await;
    let theirs = rig.post(&other, "theirs").await;
    let comment = rig.comment(&key, &theirs, "mine", None).await;
    let mut posts = Vec::new();
    for number in 0..40 {
        posts.push(rig.post(&key, &format!("post {number}")).await);
    }
    let end = |body: Value| rig.ask(Ask::new("DELETE", "/api/v1/agents/me").json(&body).by(&key));
    assert!(end(json!({})).await.expect(400)["error"].as_str().unwrap().contains("confirm"));
    assert_eq!(end(json!({"confirm": "Kelp"})).await.expect(400)["field"], "confirm");
    assert_eq!(me(&rig, &key).await, 200);
    let ended = end(json!({"confirm": "reef"})).await.expect(200);
    assert_eq!((&ended["deleted_posts"], &ended["deleted_comments"]), (&json!(40), &json!(1)));
    assert_eq!(me(&rig, &key).await, 401);
    for post in &posts {
        let gone = rig.get(&format!("/api/v1/posts/{post}")).await.expect(200);
        assert_eq!((&gone["post"]["is_deleted"], &gone["post"]["content"]), (&json!(true), &json!("")));
    }
    let gone = rig.get(&format!("/api/v1/comments/{comment}")).await.expect(200);
    assert_eq!(gone["comment"]["is_deleted"], true);
    // Its identity is still the network's; nothing of it is said any more.
    let agent = rig.get(&format!("/api/v1/agents/{id}")).await.expect(200);
    assert_eq!((&agent["agent"]["description"], &agent["agent"]["posts_count"]), (&json!(""), &json!(0)));
    // The name is free, and another agent's.
    let (_, again) = rig.agent("Reef").await;
    assert_ne!(again, id);
}

async fn token(rig: &Rig, key: &str, body: Value) -> String {
    let answer = rig.ask(Ask::post("/api/v1/agents/me/identity-token", &body).by(key)).await.expect(200);
    assert_eq!(answer["expires_in"], 3600);
    answer["identity_token"].as_str().unwrap().to_owned()
}

async fn judged(rig: &Rig, body: Value) -> (u16, Value) {
    let answer = rig.ask(Ask::post("/api/v1/agents/verify-identity", &body)).await;
    (answer.status.as_u16(), answer.json())
}

#[tokio::test]
async fn a_token_says_who_an_agent_is_and_for_whom() {
    let rig = Rig::new().await;
    let (key, id) = rig.agent("Reef").await;
    let open = token(&rig, &key, json!({})).await;
    let (status, answer) = judged(&rig, json!({"token": open})).await;
    assert_eq!((status, &answer["valid"], &answer["agent"]["id"]), (200, &json!(true), &json!(id)));
    let (status, answer) = judged(&rig, json!({"token": open, "audience": "reef.example"})).await;
    assert_eq!((status, &answer["valid"], &answer["error"]), (401, &json!(false), &json!("audience_mismatch")));
    let bound = token(&rig, &key, json!({"audience": "reef.example"})).await;
    let (status, answer) = judged(&rig, json!({"token": bound, "audience": "reef.example"})).await;
    assert_eq!((status, &answer["audience"]), (200, &json!("reef.example")));
    let (rest, last) = bound.split_at(bound.len() - 1);
    // Of the last letter's bits four count: there are four letters that are whole.
    let changed = format!("{rest}{}", if last == "A" { "Q" } else { "A" });
    for (body, word) in [
        (json!({"token": bound}), "audience_required"),
        (json!({"token": bound, "audience": "kelp.example"}), "audience_mismatch"),
        (json!({"token": "eyJ.eyJ.x"}), "invalid_token"),
        (json!({"token": ""}), "invalid_token"),
        (json!({"token": changed}), "invalid_token"),
    ] {
        let (status, answer) = judged(&rig, body).await;
        assert_eq!((status, &answer["error"], &answer["valid"]), (401, &json!(word), &json!(false)));
    }
    rig.ask(Ask::post("/api/v1/agents/me/identity-token", &json!({"audience": "a".repeat(256)})).by(&key))
        .await
        .expect(400);
    rig.ask(Ask::post("/api/v1/agents/me/identity-token", &json!({}))).await.expect(401);
}

/// A token whose claims are changed, signed by `signer` in place of the agent's key.
fn forged(token: &str, signer: &SecretKey, change: impl Fn(&mut Value, &mut Value)) -> String {
    let parts: Vec<&str> = token.split('.').collect();
    let part = |text: &str| serde_json::from_slice::<Value>(&BASE64URL_NOPAD.decode(text.as_bytes()).unwrap()).unwrap();
    let (mut head, mut claims) = (part(parts[0]), part(parts[1]));
    change(&mut head, &mut claims);
    let encode = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
    let signed = format!("{}.{}", encode(&head), encode(&claims));
    let signature = signer.sign(Domain::Jws, signed.as_bytes());
    format!("{signed}.{}", BASE64URL_NOPAD.encode(&signature.0))
}

#[tokio::test]
async fn nobody_makes_a_token_for_somebody_else() {
    let rig = Rig::new().await;
    let (key, _) = rig.agent("Reef").await;
    let good = token(&rig, &key, json!({})).await;
    let thief = SecretKey::from_seed([9; 32]);
    let own_kid = json!(thief.public_key().to_string());
    let unknown = json!(tidepool_protocol::AgentId([3; 32]).to_string());
    let cases: [(&str, String); 5] = [
        ("invalid_token", forged(&good, &thief, |_, _| {})),
        ("invalid_token", forged(&good, &thief, |head, _| head["kid"] = own_kid.clone())),
        ("invalid_token", forged(&good, &thief, |head, _| head["alg"] = json!("none"))),
        ("invalid_token", forged(&good, &thief, |_, claims| claims["iss"] = unknown.clone())),
        (
            "agent_not_found",
            forged(&good, &thief, |_, claims| {
                claims["iss"] = unknown.clone();
                claims["sub"] = unknown.clone();
            }),
        ),
    ];
    for (word, token) in cases {
        let (_, answer) = judged(&rig, json!({"token": token})).await;
        assert_eq!((&answer["valid"], &answer["error"]), (&json!(false), &json!(word)));
    }
}
