//! `tidepool takedown`: one node's operator hides a post; the other node shows it, both hold it, and a `kill -9` forgets nothing.

use super::support::{Node, run, wait_for};
use serde_json::Value;

/// Runs `tidepool takedown …` on a node's data directory; its exit code, and what it printed.
fn takedown(node: &Node, arguments: &[&str]) -> (i32, String) {
    let pool = node.pool();
    let output = run(&[&["takedown"], arguments, &["--data-dir", pool.to_str().unwrap()]].concat());
    let texts = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    (output.status.code().unwrap(), texts.concat())
}

fn json(node: &Node, what: &str) -> Vec<Value> {
    let (code, text) = takedown(node, &[what, "--json"]);
    assert_eq!(code, 0, "{text}");
    let answer: Value = serde_json::from_str(&text).unwrap();
    answer[if what == "log" { "acts" } else { "takedowns" }].as_array().unwrap().clone()
}

/// Whether the post is shown; by which rule it is hidden otherwise.
fn shown(node: &Node, id: &str) -> Result<(), Value> {
    let answer = node.get(&format!("/api/v1/posts/{id}"));
    if answer.get("post").is_some() { Ok(()) } else { Err(answer["error"].clone()) }
}

fn titles(node: &Node) -> Vec<String> {
    let posts = node.get("/api/v1/posts?sort=new")["posts"].as_array().unwrap().clone();
    posts.iter().map(|post| post["title"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_an_operator_takes_down_is_hidden_on_its_node_alone_and_for_good() {
    let directory = tempfile::tempdir().unwrap();
    let first = Node::start(&directory.path().join("first"), &[]);
    let mut second = Node::start(&directory.path().join("second"), &[&first.listen()]);
    let key = first.register("squid");
    let ids = ["One", "Two", "Three"].map(|title| first.say(&key, title));
    let all_there = || ids.iter().all(|id| shown(&second, id).is_ok()).then_some(());
    wait_for("the posts on the second node", all_there);

    let (code, text) = takedown(&second, &["add", &ids[0], "--reason", "against the law here"]);
    assert_eq!((code, text.as_str()), (0, "1 taken down\n"));
    let error = shown(&second, &ids[0]).unwrap_err();
    assert!(error.as_str().unwrap().contains("against the law here"), "{error}");
    assert_eq!(titles(&second), ["Three", "Two"]);
    assert_eq!(titles(&first), ["Three", "Two", "One"]);
    assert_eq!(first.digests(), second.digests());

    // A list, of which a line has no reason of its own; then once more, which changes nothing.
    let list = directory.path().join("harbour.txt");
    std::fs::write(&list, format!("# what was reported\n\n{}\n{}  it is spam\n", ids[1], ids[2])).unwrap();
    let list = list.to_str().unwrap();
    let (code, text) = takedown(&second, &["import", list]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("harbour.txt, line 3: no reason"), "{text}");
    for expected in ["2 taken down\n", "0 taken down, 2 taken down before\n"] {
        assert_eq!(takedown(&second, &["import", list, "--reason", "reported"]), (0, expected.to_owned()));
    }

    second.kill();
    let (code, text) = takedown(&second, &["list"]);
    assert_eq!(code, 7, "{text}");
    second.start_again();
    assert!(titles(&second).is_empty());
    let mut standing: Vec<_> = json(&second, "list");
    standing.sort_by_key(|taken| ids.iter().position(|id| *id == taken["subject"]));
    let told: Vec<_> = standing.iter().map(|taken| (taken["reason"].clone(), taken["list"].clone())).collect();
    let harbour = || Value::from("harbour");
    let expected = [("against the law here", Value::Null), ("reported", harbour()), ("it is spam", harbour())];
    assert_eq!(told, expected.map(|(reason, list)| (Value::from(reason), list)));

    let (code, text) = takedown(&second, &["lift", "--list", "harbour", "--reason", "withdrawn"]);
    assert_eq!((code, text.as_str()), (0, "2 shown again\n"));
    assert_eq!(titles(&second), ["Three", "Two"]);
    let (code, text) = takedown(&second, &["add", "squid", "--reason", "spam only"]);
    assert_eq!((code, text.as_str()), (0, "1 taken down\n"));
    assert!(titles(&second).is_empty());
    assert!(second.text("/metrics").contains("tidepool_takedowns"), "a gauge");
    let acts: Vec<_> = json(&second, "log").iter().map(|act| act["act"].as_str().unwrap().to_owned()).collect();
    assert_eq!(acts, ["take_down", "lift", "lift", "take_down", "take_down", "take_down"]);

    let refused = [
        (vec!["add", "nobody", "--reason", "why"], 1, "subject \"nobody\" is not allowed"),
        (vec!["add", &ids[0], "--reason", " "], 1, "reason \" \" is not allowed"),
        (vec!["add", &ids[0]], 2, "--reason"),
        (vec!["lift", "--list", "none", "--reason", "why"], 1, "list \"none\" is not allowed"),
        (vec!["import", "/nowhere"], 1, "/nowhere"),
    ];
    for (arguments, expected, part) in refused {
        let (code, text) = takedown(&second, &arguments);
        assert!(code == expected && text.contains(part), "{arguments:?}: {code} {text}");
    }
    assert_eq!(first.digests(), second.digests());
}
