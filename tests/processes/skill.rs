//! Every example of the skill files, run by a shell as it is written: an agent that reads nothing else can do all of it.

use super::support::{Node, http, wait_for};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use tidepool_protocol::AgentId;

/// The commands of a file's examples, each on one line.
fn commands(text: &str) -> Vec<String> {
    let mut commands = Vec::new();
    for block in text.split("```bash\n").skip(1) {
        let block = block.split("```").next().unwrap().replace("\\\n", " ");
        commands.extend(block.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned));
    }
    commands
}

/// What stands for the words in capitals in an example.
struct Scene<'a> {
    node: &'a Node,
    /// Another agent, and its key.
    other: (&'static str, String),
    key: String,
    /// The other agent's post, and its comment on it.
    post: String,
    comment: String,
    event: String,
}

impl Scene<'_> {
    fn ask(&self, key: &str, method: &str, path: &str, body: &Value) -> Value {
        let (status, answer) = http(self.node.api(), method, &format!("/api/v1{path}"), Some(key), Some(body));
        assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
        answer
    }

    fn write(&self, key: &str, community: &str) -> String {
        let body = json!({"submolt_name": community, "title": "Written for an example", "content": "a text"});
        self.ask(key, "POST", "/posts", &body)["post"]["id"].as_str().unwrap().to_owned()
    }

    /// The post that an example is about: one's own to delete, one in one's own community to moderate, else another's.
    fn post_of(&self, command: &str) -> String {
        let moderates = ["/remove", "/restore", "/pin", "/lock"].iter().any(|act| command.contains(act));
        if moderates {
            self.write(&self.other.1, "tide-watch")
        } else if command.contains("-X DELETE") {
            self.write(&self.key, "general")
        } else {
            self.post.clone()
        }
    }

    fn filled(&self, command: &str) -> String {
        let mut command = command.to_owned();
        if command.contains("POST_ID") {
            command = command.replace("POST_ID", &self.post_of(&command));
        }
        let home = self.node.api();
        let token = |name: &str| {
            let audience = json!({"audience": name});
            let answer = self.ask(&self.key, "POST", "/agents/me/identity-token", &audience);
            answer["identity_token"].as_str().unwrap().to_owned()
        };
        if command.contains("\"TOKEN\"") {
            command = command.replace("\"TOKEN\"", &format!("\"{}\"", token("service.example")));
        }
        assert!(command.contains(home) || command.starts_with("export"), "{command}");
        command
            .replace("COMMENT_ID", &self.comment)
            .replace("LAST_ID_YOU_SAW", &self.event)
            .replace("SomeName", self.other.0)
            .replace("did:tide:YOUR_ID", &AgentId([7; 32]).to_string())
    }
}

/// Runs a command as a shell does; a stream for as long as two seconds.
fn run(command: &str, key: &str, directory: &Path) -> String {
    let is_stream = command.starts_with("curl -sN");
    let command = if is_stream { format!("timeout 2 {command}") } else { command.to_owned() };
    let output = Command::new("bash").args(["-c", &command]).env("KEY", key).current_dir(directory).output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let expected = if is_stream { Some(124) } else { Some(0) };
    assert_eq!(output.status.code(), expected, "{command}\n{printed}{}", String::from_utf8_lossy(&output.stderr));
    printed
}

/// The id of the first event of the stream, which begins with lines of its own once it listens.
fn an_event(node: &Node, act: impl Fn()) -> String {
    let url = format!("{}/api/v1/stream", node.api());
    let mut curl = Command::new("timeout");
    let mut stream = curl.args(["60", "curl", "-sN", &url]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(stream.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.next().unwrap().starts_with("retry:"));
    act();
    let mut last = String::new();
    for line in lines.take_while(|line| !line.starts_with("data:")) {
        last = line.strip_prefix("id:").map_or(last, |id| id.trim().to_owned());
    }
    stream.kill().unwrap();
    stream.wait().unwrap();
    last
}

#[test]
fn every_example_of_the_skill_files_works_as_written() {
    let directory = tempfile::tempdir().unwrap();
    let node = Node::start(&directory.path().join("1"), &[]);
    let text = |path: &str| {
        let url = format!("{}{path}", node.api());
        String::from_utf8(Command::new("curl").args(["-sf", &url]).output().unwrap().stdout).unwrap()
    };
    let mut skill = commands(&text("/skill.md"));
    let registered: Value = serde_json::from_str(&run(&skill.remove(0), "", directory.path())).unwrap();
    let key = registered["agent"]["api_key"].as_str().unwrap().to_owned();
    let mut scene = Scene {
        node: &node,
        other: ("SomeName", node.register("SomeName")),
        key,
        post: String::new(),
        comment: String::new(),
        event: String::new(),
    };
    scene.post = scene.write(&scene.other.1, "general");
    let said = json!({"content": "mine"});
    let comment = scene.ask(&scene.other.1, "POST", &format!("/posts/{}/comments", scene.post), &said);
    scene.comment = comment["comment"]["id"].as_str().unwrap().to_owned();
    scene.event = an_event(&node, || {
        scene.write(&scene.other.1, "general");
    });

    let mut ran = 0;
    let rest = ["/heartbeat.md", "/messaging.md", "/rules.md", "/auth.md"].map(|path| commands(&text(path)));
    for command in skill.into_iter().chain(rest.into_iter().flatten()) {
        if let Some(value) = command.strip_prefix("export KEY=") {
            assert_eq!(value, "moltbook_sk_...", "the agent puts its own in this place");
            continue;
        }
        let filled = scene.filled(&command);
        let printed = run(&filled, &scene.key, directory.path());
        if filled.contains("/export") {
            assert!(directory.path().join("my-envelopes.cborseq").metadata().unwrap().len() > 1_000);
        } else if !filled.starts_with("curl -sN") {
            let answer: Value =
                serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{filled}: {error}: {printed}"));
            assert_ne!(answer["success"], false, "{filled}\n{answer}");
            if filled.contains("/me/api-key") {
                answer["api_key"].as_str().unwrap().clone_into(&mut scene.key);
            }
        } else if filled.contains("Last-Event-ID") {
            assert!(printed.contains("id:"), "{filled}\n{printed}");
        }
        ran += 1;
    }
    assert!(ran >= 50, "{ran} examples");
    wait_for("the agent in its own list", || node.get("/api/v1/agents/profile?name=YourName").get("agent").cloned());
}
