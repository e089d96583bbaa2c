//! The ground that a scenario stands on: namespaces for nodes, bridges between them, links that can be cut, weather on
//! them. Everything is made inside the scenario's own namespaces and goes with them.

use super::support::wait_for;
use std::cell::Cell;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// The bridge over which a scenario asks nodes over HTTP; no node knows of it.
const MANAGEMENT: &str = "mgmt";

/// Whether this machine lets us: `Err` says what is missing.
pub fn available() -> Result<(), String> {
    let status = std::fs::read_to_string("/proc/self/status").map_err(|error| format!("no /proc: {error}"))?;
    let root = status.lines().any(|line| line.starts_with("Uid:") && line.split_whitespace().nth(2) == Some("0"));
    if !root {
        return Err("needs root".to_owned());
    }
    for (tool, package) in [("ip", "iproute2"), ("tc", "iproute2"), ("unshare", "util-linux")] {
        if Command::new(tool).arg("-V").stdout(Stdio::null()).stderr(Stdio::null()).status().is_err() {
            return Err(format!("{tool} is not there; install {package}"));
        }
    }
    let try_out = "mkdir -p /run/netns && mount -t tmpfs tmpfs /run/netns && ip netns add try && \
                   ip link add try0 type veth peer name try1 netns try && ip link add try2 type bridge";
    let output = Command::new("unshare")
        .args(["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", try_out])
        .output()
        .map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("namespaces cannot be set up: {}", String::from_utf8_lossy(&output.stderr).trim()))
}

/// Ends this process, and with it everything in its namespaces, when the one that started it is gone: `unshare` itself
/// does not listen to signals. The other end of our standard input says so.
pub fn end_with_the_parent() {
    std::thread::spawn(|| {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        eprintln!("the harness is gone");
        std::process::exit(1);
    });
}

/// Whether a tool is there.
pub fn has(tool: &str) -> bool {
    Command::new(tool).arg("-h").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
}

/// Runs a command of the system; panics with what it said when it fails.
pub fn sh(command: &str) {
    if let Err(said) = try_sh(command) {
        panic!("{command}: {said}");
    }
}

fn try_sh(command: &str) -> Result<(), String> {
    let output = Command::new("sh").args(["-c", command]).output().unwrap();
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

/// The scenario's ground.
pub struct Ground {
    placed: Cell<u8>,
}

/// A namespace with an address on a bridge.
#[derive(Clone)]
pub struct Place {
    pub name: String,
    /// Where peers reach it.
    pub address: String,
    /// Where the scenario reaches it.
    pub management: String,
}

impl Ground {
    pub fn lay() -> Self {
        sh("mkdir -p /run/netns && mount -t tmpfs tmpfs /run/netns && ip link set lo up");
        let ground = Self { placed: Cell::new(0) };
        ground.bridge(MANAGEMENT);
        sh(&format!("ip addr add 10.90.0.1/24 dev {MANAGEMENT}"));
        ground
    }

    pub fn bridge(&self, name: &str) {
        sh(&format!("ip link add {name} type bridge && ip link set {name} up"));
    }

    /// A namespace called `name` with `address` (and its prefix length) on `bridge`.
    pub fn place(&self, name: &str, bridge: &str, address: &str) -> Place {
        let number = self.placed.get() + 1;
        self.placed.set(number);
        let management = format!("10.90.0.{}", number + 1);
        sh(&format!("ip netns add {name} && ip -n {name} link set lo up"));
        self.attach(name, bridge, address);
        self.attach(name, MANAGEMENT, &format!("{management}/24"));
        let address = address.split('/').next().unwrap().to_owned();
        Place { name: name.to_owned(), address, management }
    }

    /// One more interface of the namespace `name`, on `bridge`; called like the bridge inside.
    pub fn attach(&self, name: &str, bridge: &str, address: &str) {
        sh(&format!(
            "ip link add {bridge}-{name} type veth peer name {bridge} netns {name} && \
             ip link set {bridge}-{name} master {bridge} up && \
             ip -n {name} addr add {address} dev {bridge} && ip -n {name} link set {bridge} up"
        ));
    }

    /// Joins two bridges by a link, with weather on it where that is given.
    pub fn link(&self, left: &str, right: &str, weather: Option<Weather>) -> Link {
        let Some(weather) = weather else {
            sh("ip link add cable-l type veth peer name cable-r");
            return Link::up(left, right, None, "a cable".to_owned());
        };
        let Weather { delay_ms, loss_percent } = weather;
        sh("ip link add cable-l type veth peer name cable-r");
        let netem =
            |end: &str| try_sh(&format!("tc qdisc add dev {end} root netem delay {delay_ms}ms loss {loss_percent}%"));
        if netem("cable-l").is_ok() && netem("cable-r").is_ok() {
            return Link::up(left, right, None, format!("tc netem, {delay_ms} ms and {loss_percent} % loss each way"));
        }
        // This kernel was built without netem: frames are carried, delayed and lost by a program between two taps.
        sh("ip link del cable-l");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/netns/weather.py");
        let carrier = Command::new("python3")
            .arg(script)
            .args(["cable-l", "cable-r", &delay_ms.to_string(), &loss_percent.to_string()])
            .spawn()
            .unwrap();
        wait_for("the taps", || try_sh("ip link show cable-l && ip link show cable-r").ok());
        let kind = format!("taps (no netem in this kernel), {delay_ms} ms and {loss_percent} % loss each way");
        Link::up(left, right, Some(carrier), kind)
    }
}

/// What a link does to frames, each way.
#[derive(Clone, Copy)]
pub struct Weather {
    pub delay_ms: u32,
    pub loss_percent: u32,
}

/// A link between two bridges.
pub struct Link {
    carrier: Option<Child>,
    pub kind: String,
}

impl Link {
    fn up(left: &str, right: &str, carrier: Option<Child>, kind: String) -> Self {
        sh(&format!("ip link set cable-l master {left} up && ip link set cable-r master {right} up"));
        Self { carrier, kind }
    }

    /// From now on nothing comes through, and nobody is told: no reset, no unreachable.
    pub fn cut(&self) {
        sh("ip link set cable-l down");
    }

    pub fn mend(&self) {
        sh("ip link set cable-l up");
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        if let Some(mut carrier) = self.carrier.take() {
            let _ = carrier.kill();
            let _ = carrier.wait();
        }
    }
}
