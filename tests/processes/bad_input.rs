//! What an operator can get wrong, and what the node says: each with its exit code and a sentence that helps.

use super::support::{Node, run};
use std::process::Output;

fn refused(output: &Output, code: i32, words: &[&str]) {
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{message}");
    for word in words {
        assert!(message.contains(word), "{word:?} is not in: {message}");
    }
}

#[test]
fn an_unknown_flag_is_named() {
    refused(&run(&["run", "--lisen", "/ip4/127.0.0.1/tcp/0"]), 2, &["--lisen", "--listen"]);
}

#[test]
fn an_address_that_is_none_is_named() {
    refused(&run(&["run", "--listen", "127.0.0.1:4001"]), 2, &["127.0.0.1:4001", "--listen", "/ip4/"]);
    refused(&run(&["run", "--api", "localhost"]), 2, &["localhost", "--api", "127.0.0.1:4480"]);
}

#[test]
fn a_configuration_file_that_is_not_there_is_named() {
    refused(&run(&["config", "check", "--config", "no-such.toml"]), 3, &["no-such.toml"]);
}

#[test]
fn an_unknown_key_in_the_configuration_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("tidepool.toml");
    std::fs::write(&file, "[api]\nlistn = \"127.0.0.1:0\"\n").unwrap();
    refused(&run(&["config", "check", "--config", file.to_str().unwrap()]), 3, &["listn"]);
}

#[test]
fn shards_that_cannot_be_held_are_named_with_those_that_can() {
    let check = |arguments: &[&str]| run(&[&["config", "check", "--data-dir", "no-such-pool"][..], arguments].concat());
    refused(&check(&["--coverage", "half"]), 2, &["half", "archive", "shards"]);
    refused(&check(&["--coverage", "shards", "--shard", "4"]), 3, &["node.shards", "\"4\"", "0 to 3", "4 shards"]);
    refused(&check(&["--shard", "1"]), 3, &["node.shards", "{1}", "archive", "--coverage shards"]);
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("tidepool.toml");
    std::fs::write(&file, "[node]\ncoverage = \"some\"\n").unwrap();
    refused(&check(&["--config", file.to_str().unwrap()]), 3, &["some", "archive", "node.coverage"]);
    // A flag goes over the file, a variable between them.
    std::fs::write(&file, "[node]\ncoverage = \"archive\"\nshards = [3]\n").unwrap();
    let arguments = ["config", "show", "--config", file.to_str().unwrap(), "--coverage", "shards", "--json"];
    let shown = |variable: Option<&str>| {
        let mut command = super::support::binary();
        variable.into_iter().for_each(|shards| {
            command.env("TIDEPOOL_NODE__SHARDS", shards);
        });
        let output = command.args(arguments).output().unwrap();
        let shown: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(shown["node"]["coverage"], "shards");
        shown["node"]["shards"].to_string()
    };
    assert_eq!((shown(None), shown(Some("[1,2]"))), ("[3]".to_owned(), "[1,2]".to_owned()));
    let checked = check(&["--coverage", "shards", "--shard", "3", "--shard", "0"]);
    let text = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(checked.status.success() && text.contains("coverage: shards of 4: 0, 3 named"), "{text}");
    assert!(!std::path::Path::new("no-such-pool").exists(), "a check makes a directory");
}

#[test]
fn a_network_file_out_of_range_is_refused_with_the_range() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("network.json");
    let text = r#"{"version":1,"name":"x","created_ms":1,"communities":["general"],"agent_work_bits":0,
        "node_work_bits":0,"log_burst":1,"log_per_hour":1,"shards":3,"generation":0}"#;
    std::fs::write(&file, text).unwrap();
    let pool = directory.path().join("pool");
    let arguments = ["run", "--network", file.to_str().unwrap(), "--data-dir", pool.to_str().unwrap()];
    refused(&run(&arguments), 3, &["3 shards", "power of two"]);
}

#[test]
fn a_locked_directory_and_a_port_in_use_are_told_apart() {
    let directory = tempfile::tempdir().unwrap();
    let node = Node::start(&directory.path().join("1"), &[]);
    let pool = node.pool();
    refused(&run(&["run", "--data-dir", pool.to_str().unwrap()]), 5, &["locked", "--data-dir"]);
    let api = node.api().trim_start_matches("http://");
    let other = directory.path().join("other");
    let arguments = ["run", "--data-dir", other.to_str().unwrap(), "--api", api, "--listen", "/ip4/127.0.0.1/tcp/0"];
    refused(&run(&arguments), 6, &[api, "--api"]);
}

#[test]
fn a_directory_of_another_network_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let pool = directory.path().join("pool");
    std::fs::create_dir(&pool).unwrap();
    let label = r#"{"layout":1,"network":"0000000000000000","network_name":"elsewhere"}"#;
    std::fs::write(pool.join("tidepool.json"), label).unwrap();
    refused(&run(&["run", "--data-dir", pool.to_str().unwrap()]), 4, &["elsewhere", "--network"]);
}

#[test]
fn a_directory_made_for_a_network_is_run_and_checked_for_that_one() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("network.json");
    let text = r#"{"version":1,"name":"reef","created_ms":1,"communities":["general"],"agent_work_bits":0,
        "node_work_bits":0,"log_burst":100,"log_per_hour":100,"shards":4,"generation":0}"#;
    std::fs::write(&file, text).unwrap();
    let place = directory.path().join("1");
    let (pool, network) = (place.join("pool"), file.to_str().unwrap());
    let made = run(&["init", "--data-dir", pool.to_str().unwrap(), "--network", network]);
    assert!(made.status.success(), "{made:?}");
    // What init wrote is enough for both.
    let checked = run(&["config", "check", "--data-dir", pool.to_str().unwrap()]);
    let said = String::from_utf8_lossy(&checked.stdout);
    assert!(checked.status.success() && said.contains("network reef"), "{checked:?}");
    assert_eq!(Node::start(&place, &[]).get("/api/v1/node")["network"]["name"], "reef");
    std::fs::remove_file(pool.join("tidepool.toml")).unwrap();
    refused(&run(&["config", "check", "--data-dir", pool.to_str().unwrap()]), 4, &["reef", "--network"]);
}

#[test]
fn a_mesh_of_more_agents_than_one_process_acts_for_is_refused() {
    refused(&run(&["mesh", "up", "--agents", "20001"]), 2, &["20001 agents", "20000"]);
}

#[test]
fn a_node_that_does_not_run_is_called_unreachable() {
    refused(&run(&["status", "--data-dir", "no-such-pool"]), 7, &["no-such-pool", "tidepool run"]);
    refused(&run(&["peers", "--api", "http://127.0.0.1:1"]), 7, &["127.0.0.1:1"]);
}

#[cfg(unix)]
#[test]
fn a_network_key_that_others_may_read_is_refused_and_its_fingerprint_is_all_that_is_shown() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("swarm.key");
    let secret = "5e".repeat(32);
    let arguments = ["config", "check", "--network-key", file.to_str().unwrap()];
    refused(&run(&arguments), 3, &["swarm.key", "--network-key"]);
    std::fs::write(&file, format!("/key/swarm/psk/1.0.0/\n/base16/\n{secret}\n")).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    refused(&run(&arguments), 3, &["0644", "0600", "chmod"]);
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let output = run(&arguments);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("QUIC is off"), "{output:?}");
    assert!(!said.contains(&secret));
    std::fs::write(&file, &secret).unwrap();
    let output = run(&arguments);
    refused(&output, 3, &["swarm.key", "64 hexadecimal digits"]);
    assert!(!String::from_utf8_lossy(&output.stderr).contains(&secret));
}

#[test]
fn faults_on_purpose_are_refused_outside_the_development_network() {
    let directory = tempfile::tempdir().unwrap();
    let (network, config) = (directory.path().join("network.json"), directory.path().join("tidepool.toml"));
    let text = r#"{"version":1,"name":"in-earnest","created_ms":1,"communities":["general"],"agent_work_bits":0,
        "node_work_bits":0,"log_burst":1,"log_per_hour":1,"shards":4,"generation":0}"#;
    std::fs::write(&network, text).unwrap();
    std::fs::write(&config, "[faults]\ngossip_drop_percent = 20\n").unwrap();
    let mut arguments = vec!["config", "check", "--config", config.to_str().unwrap()];
    assert!(run(&arguments).status.success(), "the development network is for tests");
    arguments.extend(["--network", network.to_str().unwrap()]);
    refused(&run(&arguments), 3, &["gossip_drop_percent", "20", "in-earnest"]);
}

#[test]
fn a_peer_port_in_use_and_an_address_of_elsewhere_are_told_apart() {
    let directory = tempfile::tempdir().unwrap();
    let node = Node::start(&directory.path().join("1"), &[]);
    let listen = node.listen();
    let taken = listen.split("/p2p/").next().unwrap();
    let other = directory.path().join("other");
    let other = other.to_str().unwrap();
    let try_listen = |address: &str| run(&["run", "--data-dir", other, "--api", "127.0.0.1:0", "--listen", address]);
    refused(&try_listen(taken), 6, &[taken, "in use", "free the port"]);
    // TEST-NET-3 is nobody's.
    refused(&try_listen("/ip4/203.0.113.9/tcp/4498"), 6, &["203.0.113.9", "no interface", "--external"]);
}

#[test]
fn what_a_check_of_the_configuration_passes_a_run_can_use() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("tidepool.toml");
    let wrong = [
        ("[net]\nconnections_max = 1\n", "connections_max"),
        ("[log]\nfilter = \"=====[\"\n", "log.filter"),
        ("[node]\nverify_threads = 100000\n", "verify_threads"),
        ("[net]\nseeds = [\"/ip4/1.2.3.4\"]\n", "net.seeds"),
        ("[home]\nquota = 7\n", "home.quota"),
    ];
    for (text, key) in wrong {
        std::fs::write(&file, text).unwrap();
        let checked = run(&["config", "check", "--config", file.to_str().unwrap()]);
        refused(&checked, 3, &[key]);
        let said = String::from_utf8_lossy(&checked.stderr).into_owned();
        assert!(!said.contains("default."), "{said}");
        let pool = directory.path().join("pool");
        refused(&run(&["run", "--config", file.to_str().unwrap(), "--data-dir", pool.to_str().unwrap()]), 3, &[key]);
    }
}

#[test]
fn an_api_is_found_without_its_scheme_and_what_is_none_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let node = Node::start(&directory.path().join("1"), &[]);
    let bare = node.api().trim_start_matches("http://");
    assert_eq!(run(&["status", "--api", bare]).status.code(), Some(0));
    refused(&run(&["status", "--api", "http://"]), 2, &["127.0.0.1:4480"]);
}

#[test]
fn two_files_with_the_same_ids_are_two_files() {
    let directory = tempfile::tempdir().unwrap();
    let pool = directory.path().join("pool");
    let import = |name: &str| {
        let file = directory.path().join(name);
        let text = format!(
            "{}\n{}\n",
            serde_json::json!({"type": "post", "id": "p1", "author": format!("author-{name}"), "community": "general",
                "title": format!("Of {name}"), "content": "x"}),
            serde_json::json!({"type": "comment", "id": "c1", "post": "p1", "author": format!("author-{name}"),
                "content": format!("Under the post of {name}")}),
        );
        std::fs::write(&file, text).unwrap();
        let arguments = [
            "import",
            file.to_str().unwrap(),
            "--data-dir",
            pool.to_str().unwrap(),
            "--api",
            "127.0.0.1:0",
            "--listen",
            "/ip4/127.0.0.1/tcp/0",
            "--json",
        ];
        let output = run(&arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let summary: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{said}"));
        (
            summary["posts"].as_u64().unwrap(),
            summary["comments"].as_u64().unwrap(),
            summary["already_done"].as_u64().unwrap(),
        )
    };
    assert_eq!(import("one"), (1, 1, 0));
    assert_eq!(import("two"), (1, 1, 0), "the second file was taken for the first");
    assert_eq!(import("one"), (0, 0, 2));
    let node = Node::start(directory.path(), &[]);
    for name in ["one", "two"] {
        let posts = node.get("/api/v1/posts?sort=new&limit=10")["posts"].clone();
        let post = posts.as_array().unwrap().iter().find(|post| post["title"] == format!("Of {name}")).unwrap();
        let comments = node.get(&format!("/api/v1/posts/{}/comments", post["id"].as_str().unwrap()));
        assert!(comments.to_string().contains(&format!("Under the post of {name}")), "{comments}");
    }
}
