//! Starts, asks, kills and restarts nodes. Nothing here sleeps for luck: everything waits for a condition with a deadline.

use serde_json::{Value, json};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// How long anything that should happen at once may take on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The binary under test.
pub fn binary() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidepool"));
    for (name, _) in std::env::vars() {
        if name.starts_with("TIDEPOOL_") {
            command.env_remove(name);
        }
    }
    command
}

/// Runs the binary to its end.
pub fn run(arguments: &[&str]) -> Output {
    binary().args(arguments).stdin(Stdio::null()).output().unwrap()
}

/// Asks `condition` again and again until it gives something; panics with `what` after [`PATIENCE`].
pub fn wait_for<T>(what: &str, condition: impl FnMut() -> Option<T>) -> T {
    wait_within(what, PATIENCE, condition)
}

/// The same with another patience.
pub fn wait_within<T>(what: &str, patience: Duration, mut condition: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(found) = condition() {
            return found;
        }
        assert!(Instant::now() < deadline, "{what} did not happen within {patience:?}");
        std::thread::park_timeout(Duration::from_millis(10));
    }
}

/// One node: a process and its data directory.
pub struct Node {
    child: Option<Child>,
    pub directory: PathBuf,
    seeds: Vec<String>,
    api: String,
    ready: Value,
}

impl Node {
    /// Starts a node in `directory` that knows `seeds`, on free ports of loopback, and waits until it serves.
    pub fn start(directory: &Path, seeds: &[&str]) -> Self {
        Self::start_within(directory, seeds, PATIENCE)
    }

    /// The same where much has to be folded first.
    pub fn start_within(directory: &Path, seeds: &[&str], patience: Duration) -> Self {
        let mut node = Self {
            child: None,
            directory: directory.to_owned(),
            seeds: seeds.iter().map(|seed| (*seed).to_owned()).collect(),
            api: String::new(),
            ready: Value::Null,
        };
        node.restart("127.0.0.1:0", "/ip4/127.0.0.1/tcp/0", patience);
        node
    }

    fn restart(&mut self, api: &str, listen: &str, patience: Duration) {
        if let Err(code) = self.try_restart(api, listen, patience) {
            panic!("the node ended with {code}:\n{}", std::fs::read_to_string(self.log_path()).unwrap());
        }
    }

    /// Starts it and waits until it serves; its exit code when it ends instead.
    fn try_restart(&mut self, api: &str, listen: &str, patience: Duration) -> Result<(), i32> {
        std::fs::create_dir_all(&self.directory).unwrap();
        let log = File::options().create(true).append(true).open(self.log_path()).unwrap();
        let mut command = binary();
        command.args(["run", "--api", api, "--listen", listen, "--log", "info", "--data-dir"]).arg(self.pool());
        for seed in &self.seeds {
            command.args(["--seed", seed]);
        }
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        self.child = Some(command.spawn().unwrap());
        let ready = self.pool().join("ready.json");
        self.ready = wait_within("ready.json", patience, || {
            if let Some(status) = self.child.as_mut().unwrap().try_wait().unwrap() {
                return Some(Err(status.code().unwrap_or(-1)));
            }
            // A node that was killed left its own behind: the process tells them apart.
            let found: Value = serde_json::from_slice(&std::fs::read(&ready).ok()?).ok()?;
            (found["pid"] == self.pid()).then_some(Ok(found))
        })
        .inspect_err(|_| self.child = None)?;
        self.api = self.ready["api"].as_str().unwrap().to_owned();
        Ok(())
    }

    /// Starts it again where it listened before, as an operator's service manager would.
    pub fn start_again(&mut self) {
        if let Err(code) = self.try_start_again() {
            panic!("the node ended with {code}:\n{}", std::fs::read_to_string(self.log_path()).unwrap());
        }
    }

    /// The same; its exit code when it ends before it serves.
    pub fn try_start_again(&mut self) -> Result<(), i32> {
        let api = self.api.trim_start_matches("http://").to_owned();
        let listen = self.listen();
        let listen = listen.split("/p2p/").next().unwrap().to_owned();
        self.try_restart(&api, &listen, PATIENCE)
    }

    /// Waits until it ends by itself; its exit code.
    pub fn ended(&mut self) -> i32 {
        let mut child = self.child.take().unwrap();
        let status = wait_for("its end", || child.try_wait().unwrap());
        status.code().unwrap_or(-1)
    }

    /// The same with other seeds.
    pub fn start_again_with(&mut self, seeds: &[&str]) {
        self.seeds = seeds.iter().map(|seed| (*seed).to_owned()).collect();
        self.start_again();
    }

    fn log_path(&self) -> PathBuf {
        self.directory.join("log")
    }

    pub fn pool(&self) -> PathBuf {
        self.directory.join("pool")
    }

    /// Its first address, with `/p2p/…`.
    pub fn listen(&self) -> String {
        self.ready["listen"][0].as_str().unwrap().to_owned()
    }

    pub fn api(&self) -> &str {
        &self.api
    }

    pub fn pid(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    pub fn get(&self, path: &str) -> Value {
        http(&self.api, "GET", path, None, None).1
    }

    /// An answer that is no JSON.
    pub fn text(&self, path: &str) -> String {
        text(&self.api, path)
    }

    pub fn post(&self, path: &str, key: &str, body: &Value) -> (u16, Value) {
        http(&self.api, "POST", path, Some(key), Some(body))
    }

    /// Registers an agent and returns its API key.
    pub fn register(&self, name: &str) -> String {
        self.register_whole(name)["api_key"].as_str().unwrap().to_owned()
    }

    /// Registers an agent and returns all that it is told.
    pub fn register_whole(&self, name: &str) -> Value {
        let body = json!({"name": name, "description": "a test's agent"});
        let (status, mut answer) = http(&self.api, "POST", "/api/v1/agents/register", None, Some(&body));
        assert_eq!(status, 201, "{answer}");
        answer["agent"].take()
    }

    /// Posts in `general` and returns the post's id.
    pub fn say(&self, key: &str, title: &str) -> String {
        let body = json!({"submolt_name": "general", "title": title, "content": "said by a test"});
        let (status, answer) = self.post("/api/v1/posts", key, &body);
        assert_eq!(status, 201, "{answer}");
        answer["post"]["id"].as_str().unwrap().to_owned()
    }

    /// Per shard: count and digest. Equal on two nodes when their sets are.
    pub fn digests(&self) -> Value {
        self.get("/api/v1/node")["shards"].clone()
    }

    /// `kill -9`: nothing is flushed, nothing is said.
    pub fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// SIGTERM, and its exit code.
    pub fn stop(&mut self) -> i32 {
        let mut child = self.child.take().unwrap();
        assert!(Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
        let status = wait_for("the end after SIGTERM", || child.try_wait().unwrap());
        status.code().unwrap_or(-1)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.log_path()).unwrap_or_default();
            let tail: Vec<_> = log.lines().rev().take(30).collect();
            eprintln!("the last lines of {}:", self.log_path().display());
            tail.iter().rev().for_each(|line| eprintln!("  {line}"));
        }
    }
}

/// One request; the status and the body as JSON (`null` when it is none).
pub fn http(base: &str, method: &str, path: &str, key: Option<&str>, body: Option<&Value>) -> (u16, Value) {
    try_http(base, method, path, key, body).unwrap_or_else(|error| panic!("{method} {base}{path}: {error}"))
}

/// The same where the node may be gone.
pub fn try_http(
    base: &str,
    method: &str,
    path: &str,
    key: Option<&str>,
    body: Option<&Value>,
) -> Result<(u16, Value), reqwest::Error> {
    with_client(async |client| {
        let mut request = client.request(method.parse().unwrap(), format!("{base}{path}"));
        if let Some(key) = key {
            request = request.bearer_auth(key);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await?;
        let status = answer.status().as_u16();
        Ok((status, serde_json::from_slice(&answer.bytes().await?).unwrap_or(Value::Null)))
    })
}

fn text(base: &str, path: &str) -> String {
    with_client(async |client| client.get(format!("{base}{path}")).send().await?.text().await).unwrap()
}

fn with_client<T>(work: impl AsyncFnOnce(&reqwest::Client) -> T) -> T {
    thread_local! {
        static CLIENT: (tokio::runtime::Runtime, reqwest::Client) = (
            tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap(),
            // A kept connection would be one to a process that was killed since.
            reqwest::Client::builder().timeout(PATIENCE).pool_max_idle_per_host(0).build().unwrap(),
        );
    }
    CLIENT.with(|(runtime, client)| runtime.block_on(work(client)))
}

/// The Python that has what `tests/requirements.txt` lists: the one that `TIDEPOOL_PYTHON` names, or a virtual environment
/// under the target directory, made at the first run. Panics where there can be none: a test that did not run is not green.
pub fn python() -> PathBuf {
    static PYTHON: std::sync::OnceLock<PathBuf> = std::sync::OnceLock::new();
    PYTHON.get_or_init(|| std::env::var_os("TIDEPOOL_PYTHON").map_or_else(own_python, PathBuf::from)).clone()
}

fn own_python() -> PathBuf {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("python");
    let python = place.join("bin/python");
    let works = || {
        Command::new(&python).args(["-c", "import cbor2, moltkit, nacl"]).output().is_ok_and(|run| run.status.success())
    };
    if works() {
        return python;
    }
    let requirements = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/requirements.txt");
    let step = |command: &mut Command| {
        let output = command.output();
        let said = output.as_ref().map(|run| String::from_utf8_lossy(&run.stderr).into_owned());
        assert!(
            output.as_ref().is_ok_and(|run| run.status.success()),
            "{command:?} failed ({said:?}): this test needs python3 with what tests/requirements.txt lists; install it, or name \
             a Python that has it in TIDEPOOL_PYTHON"
        );
    };
    step(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&place));
    step(Command::new(&python).args(["-m", "pip", "install", "--quiet", "--requirement"]).arg(requirements));
    assert!(works(), "{} does not find what was just installed into it", python.display());
    python
}
