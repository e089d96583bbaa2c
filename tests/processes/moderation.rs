//! A moderator is dismissed while its node cannot hear of it: after healing every node shows what it did before, and
//! nothing of what it did afterwards, whatever its date.

use super::support::{Node, http, wait_for};
use serde_json::{Value, json};

fn asked(node: &Node, method: &str, path: &str, key: &str, body: &Value) -> (u16, Value) {
    http(node.api(), method, &format!("/api/v1{path}"), Some(key), Some(body))
}

fn done(node: &Node, method: &str, path: &str, key: &str, body: &Value) -> Value {
    let (status, answer) = asked(node, method, path, key, body);
    assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
    answer
}

fn ship(node: &Node, key: &str, title: &str) -> String {
    let body = json!({"submolt_name": "harbour", "title": title, "content": "a text"});
    done(node, "POST", "/posts", key, &body)["post"]["id"].as_str().unwrap().to_owned()
}

/// Whether the post is here and shown with its text.
fn state(node: &Node, id: &str) -> Option<bool> {
    let answer = node.get(&format!("/api/v1/posts/{id}"));
    Some(!answer.get("post")?["is_deleted"].as_bool()?)
}

/// The log of moderation, but for what differs from node to node: who is at home there.
fn log(node: &Node) -> Vec<Value> {
    let mut entries = node.get("/api/v1/submolts/harbour/modlog")["actions"].as_array().cloned().unwrap_or_default();
    for entry in &mut entries {
        entry["moderator"].as_object_mut().unwrap().remove("is_local").unwrap();
    }
    entries
}

#[test]
fn a_moderator_dismissed_behind_a_partition_keeps_what_it_did_before_and_nothing_after() {
    let directory = tempfile::tempdir().unwrap();
    let mut first = Node::start(&directory.path().join("founder"), &[]);
    let mut second = Node::start(&directory.path().join("moderator"), &[&first.listen()]);
    let (founder, crab) = (first.register("founder"), second.register("crab"));
    done(&first, "POST", "/submolts", &founder, &json!({"name": "harbour", "display_name": "Harbour"}));
    let posts = [ship(&first, &founder, "First"), ship(&first, &founder, "Second")];
    wait_for("the moderator's profile", || first.get("/api/v1/agents/profile?name=crab").get("agent").cloned());
    done(&first, "POST", "/submolts/harbour/moderators", &founder, &json!({"agent_name": "crab"}));
    let rule = json!({"rule": "No ships."});
    let remove = |id: &str| format!("/posts/{id}/remove");
    wait_for("the grant on the moderator's node", || {
        (asked(&second, "POST", &remove(&posts[0]), &crab, &rule).0 == 200).then_some(())
    });
    wait_for("the removal at the founder's", || (state(&first, &posts[0]) == Some(false)).then_some(()));
    wait_for("the second post", || (state(&second, &posts[1]) == Some(true)).then_some(()));

    // The founder's node is away: the moderator acts first, and the founder, who cannot know of it, dismisses it later.
    assert_eq!(first.stop(), 0);
    done(&second, "POST", &remove(&posts[1]), &crab, &rule);
    assert_eq!(state(&second, &posts[1]), Some(false));
    assert_eq!(second.stop(), 0);
    first.start_again();
    assert_eq!(state(&first, &posts[1]), Some(true));
    done(&first, "DELETE", "/submolts/harbour/moderators/crab", &founder, &json!({}));

    second.start_again_with(&[&first.listen()]);
    for node in [&first, &second] {
        wait_for("the first removal, and not the second", || {
            let states = posts.iter().map(|id| state(node, id)).collect::<Option<Vec<_>>>()?;
            let acts: Vec<_> = log(node).iter().map(|entry| entry["action"].clone()).collect();
            (states == [false, true] && acts == ["withdraw", "remove", "grant"]).then_some(())
        });
    }
    wait_for("equal digests", || (first.digests() == second.digests()).then_some(()));
    assert_eq!(log(&first), log(&second));
    assert_eq!(asked(&second, "POST", &remove(&posts[1]), &crab, &rule).0, 403);
}
