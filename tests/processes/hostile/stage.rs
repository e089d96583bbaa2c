//! The stage on which an attack is played: two honest nodes, one of them attacked, and what must be true of both.

use super::share::Share;
use super::verdicts::metric;
use crate::support::{Node, PATIENCE, wait_for, wait_within};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tidepool_kernel::Peer;

/// How long an attack lasts at least.
const LASTS: Duration = Duration::from_secs(10);

/// Posts whose way from one honest node to the other is timed.
const TIMED: usize = 15;

/// An attack may double the time that a post takes from one honest node to the other; below this nothing is judged, because
/// machines that run tests do much else.
const LATENCY_MS: u128 = 250;

/// So often in a row it has to be worse.
const TRIES: usize = 2;

/// What the attacked node may hold at its highest: its cache twice, and all queues to a dozen peers.
const RESIDENT_KIB_MAX: u64 = 512 * 1024;

/// By how much the store may grow: a few of the engine's segments, whatever was offered.
const DISK_MIB_MAX: u64 = 32;

/// What an attack needs to know of its victim, and what it tells.
pub struct Stage {
    pub name: &'static str,
    pub address: String,
    pub peer: Peer,
    stop: AtomicBool,
    /// Frames, requests, answers or connections.
    pub offered: AtomicU64,
    /// Names under which it came.
    pub names: AtomicU32,
    /// Envelopes of its own that may be held: whoever has an identity may say something.
    pub may_hold: AtomicU64,
}

impl Stage {
    pub fn is_over(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// How an attack ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The attacker is grey-listed.
    Greylisted,
    /// The attacker is grey-listed, unless no more of it arrives (by these counters) than honest peers may send: so many at
    /// once, and so many a second, for each name. Its own queues, or a busy machine, may see to that.
    Beyond { counters: &'static [&'static str], burst: u64, per_second: u64 },
    /// The attacker is no longer connected.
    Disconnected,
    /// The attacker never was a peer, or what it does is bounded and none of the victim's business.
    Held,
}

/// The median time in which a post of `from` is read at `at`, in milliseconds.
fn latency(from: &Node, at: &Node, key: &str, what: &str) -> u128 {
    let mut delays: Vec<_> = (0..TIMED)
        .map(|number| {
            let id = from.say(key, &format!("{what} {number}"));
            let (began, path) = (Instant::now(), format!("/api/v1/posts/{id}"));
            wait_for("the honest post", || at.get(&path).get("post").map(|_| ()));
            began.elapsed().as_millis()
        })
        .collect();
    delays.sort_unstable();
    delays[TIMED / 2]
}

/// The highest resident memory of a process so far, in KiB.
fn resident_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

/// What the files below `path` have, in MiB.
fn disk_mib(path: &Path) -> u64 {
    fn bytes(path: &Path) -> u64 {
        let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
        entries
            .map(|entry| match entry.metadata() {
                Ok(found) if found.is_dir() => bytes(&entry.path()),
                Ok(found) => found.len(),
                // The engine moves its files while it is looked at.
                Err(_) => 0,
            })
            .sum()
    }
    bytes(path) >> 20
}

fn peer_id(node: &Node) -> tidepool_net::PeerName {
    node.listen().rsplit('/').next().unwrap().parse().unwrap()
}

/// Plays `attack` (which goes on within its half core until the stage is over) against the first of two honest nodes, and
/// looks at what became of everybody.
pub fn withstand(name: &'static str, settings: &str, end: End, attack: impl FnOnce(&Stage, &mut Share) + Send) {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().join("1");
    if !settings.is_empty() {
        let pool = place.join("pool");
        assert!(crate::support::run(&["init", "--data-dir", pool.to_str().unwrap()]).status.success());
        std::fs::write(pool.join("tidepool.toml"), settings).unwrap();
    }
    let victim = Node::start(&place, &[]);
    let friend = Node::start(&directory.path().join("2"), &[&victim.listen()]);
    let key = friend.register("honest");
    let quiet = latency(&friend, &victim, &key, "before");
    let (resident, disk) = (resident_kib(victim.pid()), disk_mib(&victim.pool()));
    let honest = peer_id(&friend).to_string();
    let greylisted = || victim.get("/api/v1/node")["greylisted"].as_u64().unwrap();
    let is_peer = || {
        let node = victim.get("/api/v1/node");
        node["peers"].as_array().unwrap().iter().any(|peer| peer["peer_id"] != honest.as_str())
    };
    let stage = Stage {
        name,
        address: victim.listen(),
        peer: peer_id(&victim).peer().unwrap(),
        stop: AtomicBool::new(false),
        offered: AtomicU64::new(0),
        names: AtomicU32::new(1),
        may_hold: AtomicU64::new(0),
    };
    let report = Mutex::new(String::new());
    let began = Instant::now();
    let mut during = Vec::new();
    std::thread::scope(|scope| {
        let (stage, report) = (&stage, &report);
        let threads = std::thread::Builder::new().name(name.to_owned());
        let attacker = threads.spawn_scoped(scope, move || {
            let mut share = Share::new(name);
            let began = Instant::now();
            attack(stage, &mut share);
            let (count, time) = (stage.offered.load(Ordering::Relaxed), began.elapsed().as_secs_f64());
            *report.lock().unwrap() = format!(
                "{count} offered in {time:.1} s under {} names, {:.0} a second, by {:.0} % of a core",
                stage.names.load(Ordering::Relaxed),
                count as f64 / time,
                share.percent()
            );
        });
        // Whatever fails below, the attacker is told to stop, or the scope would wait for it.
        let looked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            if end != End::Held {
                wait_for("the attacker among the peers, or refused", || (is_peer() || greylisted() > 0).then_some(()));
            }
            for attempt in 0..TRIES {
                during.push(latency(&friend, &victim, &key, &format!("during {attempt}")));
                if !is_worse(quiet, during[attempt]) {
                    break;
                }
            }
            match end {
                End::Greylisted => wait_for("the attacker on the grey list", || (greylisted() > 0).then_some(())),
                End::Beyond { counters, burst, per_second } => {
                    wait_for("the attacker on the grey list, or little of it", || {
                        let (time, names) = (began.elapsed(), u64::from(stage.names.load(Ordering::Relaxed)));
                        // 4,000 of what goes beyond the rate grey-list; what is counted a second later comes on top.
                        let allowed = names * (burst + per_second * time.as_secs() + 4_000 + 2_000);
                        let arrived: u64 = counters.iter().map(|name| metric(&victim, name, &[])).sum();
                        let little = time > 3 * LASTS && arrived < allowed;
                        (greylisted() > 0 || little).then_some(())
                    });
                }
                // It comes back at once by another way, so that it is hardly ever seen to be gone.
                End::Disconnected => wait_within("the end of the attacker's connection", 2 * PATIENCE, || {
                    (metric(&victim, "tidepool_net_connections_closed_total", &[]) > 0).then_some(())
                }),
                End::Held => {}
            }
            wait_for("the end of the attack", || (began.elapsed() >= LASTS).then_some(()));
        }));
        stage.stop.store(true, Ordering::Relaxed);
        attacker.unwrap().join().unwrap();
        looked.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    });
    wait_for("the attacker gone", || (!is_peer()).then_some(()));
    let caught = greylisted();
    assert!(caught > 0 || end != End::Greylisted, "the attacker went by itself");
    assert!(stage.offered.load(Ordering::Relaxed) > 0, "nothing was offered: the attack is none");
    let (resident_after, grown) = (resident_kib(victim.pid()), disk_mib(&victim.pool()).saturating_sub(disk));
    println!(
        "{name}: {}, {} frames arrived, {caught} names grey-listed; a post between honest nodes {quiet} ms before, {during:?} ms \
         during; resident {} MiB before, {} MiB at most; {grown} MiB more on disk",
        report.lock().unwrap(),
        metric(&victim, "tidepool_net_gossip_in_frames_total", &[]),
        resident / 1024,
        resident_after / 1024,
    );
    assert!(resident_after <= RESIDENT_KIB_MAX, "{resident_after} KiB, {RESIDENT_KIB_MAX} are allowed");
    assert!(grown <= DISK_MIB_MAX, "{grown} MiB more on disk, {DISK_MIB_MAX} are allowed");
    assert!(
        during.iter().any(|during| !is_worse(quiet, *during)),
        "a post between honest nodes took {quiet} ms before, and {during:?} ms under attack, {TRIES} times in a row"
    );
    // What both honest nodes hold is equal, and is what may be said: the attacker's own, as far as it may say anything.
    wait_for("equal digests of the honest nodes", || (victim.digests() == friend.digests()).then_some(()));
    let digests = victim.digests();
    let held: u64 = digests.as_array().unwrap().iter().map(|shard| shard["content_count"].as_u64().unwrap()).sum();
    let honest = (TIMED * (1 + during.len())) as u64;
    let most = honest + stage.may_hold.load(Ordering::Relaxed);
    assert!((honest..=most).contains(&held), "{held} are held, of {honest} honest ones and {most} at most");
}

fn is_worse(quiet: u128, during: u128) -> bool {
    during > 2 * quiet && during > LATENCY_MS
}
