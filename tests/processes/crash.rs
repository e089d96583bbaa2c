//! `kill -9` of any of three nodes at random moments, under load that goes on: what was acknowledged is there afterwards,
//! on every node, and the nodes converge.

use super::support::{Node, PATIENCE, try_http, wait_for, wait_within};
use serde_json::{Value, json};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const NODES: usize = 3;
const WRITERS: usize = 4;

/// Kills in one run of the tests; `TIDEPOOL_KILLS=20` for the full exercise.
fn kills() -> usize {
    std::env::var("TIDEPOOL_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(4)
}

/// Numbers that differ from run to run; the first is printed.
struct Moments(u64);

impl Moments {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
        (self.0 >> 33) % below
    }

    /// Waits for a random moment, at most so far away.
    fn wait(&mut self, below_ms: u64) {
        let moment = Instant::now() + Duration::from_millis(self.next(below_ms));
        wait_for("the moment", || (Instant::now() >= moment).then_some(()));
    }
}

/// What writers share.
struct Load<'a> {
    apis: &'a [String],
    /// One agent at home on each node.
    keys: &'a [String],
    /// The node that acknowledged, and the post.
    acknowledged: &'a Mutex<Vec<(usize, String)>>,
    /// Tries that a dead node cost.
    broken: &'a AtomicUsize,
    stop: &'a AtomicBool,
}

/// Writes until it is told to stop, on one node after the other: where one is gone, the next one takes the same post.
fn write(load: &Load<'_>, round: usize, writer: usize) {
    let mut at = writer;
    for number in 0.. {
        let body = json!({"submolt_name": "general", "title": format!("{round}/{writer}/{number}"), "content": "x"});
        while !load.stop.load(Ordering::Relaxed) {
            at = (at + 1) % NODES;
            match try_http(&load.apis[at], "POST", "/api/v1/posts", Some(&load.keys[at]), Some(&body)) {
                Ok((201, answer)) => {
                    let id = answer["post"]["id"].as_str().unwrap().to_owned();
                    load.acknowledged.lock().unwrap().push((at, id));
                    break;
                }
                Ok((status, answer)) => panic!("refused under load with {status}: {answer}"),
                Err(_) => {
                    load.broken.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
        if load.stop.load(Ordering::Relaxed) {
            return;
        }
    }
}

fn missing<'a>(node: &Node, posts: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    posts.filter(|id| node.get(&format!("/api/v1/posts/{id}")).get("post").is_none()).collect()
}

#[test]
fn no_acknowledged_post_is_missing_after_kill_9() {
    let directory = tempfile::tempdir().unwrap();
    let mut nodes = vec![Node::start(&directory.path().join("0"), &[])];
    for number in 1..NODES {
        // Each knows those before it, so that any one may be gone.
        let seeds: Vec<String> = nodes.iter().map(Node::listen).collect();
        let seeds: Vec<&str> = seeds.iter().map(String::as_str).collect();
        nodes.push(Node::start(&directory.path().join(number.to_string()), &seeds));
    }
    let keys: Vec<String> =
        nodes.iter().enumerate().map(|(n, node)| node.register(&format!("under-fire-{n}"))).collect();
    let apis: Vec<String> = nodes.iter().map(|node| node.api().to_owned()).collect();
    let acknowledged = Mutex::new(Vec::new());
    let broken = AtomicUsize::new(0);
    let mut moments = Moments(u64::from(std::process::id()));
    println!("nodes and moments drawn from seed {}", moments.0);
    for round in 0..kills() {
        let before = acknowledged.lock().unwrap().len();
        let victim = moments.next(NODES as u64) as usize;
        let stop = AtomicBool::new(false);
        let load = Load { apis: &apis, keys: &keys, acknowledged: &acknowledged, broken: &broken, stop: &stop };
        let mut restart_ms = 0;
        std::thread::scope(|scope| {
            // Whatever fails in here must not leave the writers at work.
            let _stop = StopAtEnd(&stop);
            for writer in 0..WRITERS {
                let load = &load;
                scope.spawn(move || write(load, round, writer));
            }
            wait_for("a first post of the round", || (acknowledged.lock().unwrap().len() > before).then_some(()));
            moments.wait(1_500);
            nodes[victim].kill();
            // Agents go on elsewhere while it is gone, and when it is back.
            moments.wait(700);
            let restarted = Instant::now();
            nodes[victim].start_again();
            restart_ms = restarted.elapsed().as_millis();
            let own: Vec<(usize, String)> = acknowledged.lock().unwrap().clone();
            // Those of earlier rounds are looked up on every node when the load is over; here they would only prolong it.
            let own = own.iter().skip(before).filter(|(at, _)| *at == victim).map(|(_, id)| id.as_str());
            let lost = missing(&nodes[victim], own);
            assert!(lost.is_empty(), "what node {victim} acknowledged is missing after its restart: {lost:?}");
            moments.wait(700);
        });
        let began = Instant::now();
        wait_within("equal digests after the load", 3 * PATIENCE, || {
            let digests = nodes[0].digests();
            (digests != Value::Null && nodes.iter().all(|node| node.digests() == digests)).then_some(())
        });
        let equal_ms = began.elapsed().as_millis();
        let posts = acknowledged.lock().unwrap().clone();
        for (number, node) in nodes.iter().enumerate() {
            let lost = missing(node, posts.iter().map(|(_, id)| id.as_str()));
            assert!(lost.is_empty(), "{} of {} posts are missing on node {number}: {lost:?}", lost.len(), posts.len());
        }
        println!(
            "kill {}: node {victim}, served again after {restart_ms} ms; {} acknowledged in all, none missing on any node; \
             {} tries met a dead node; digests equal {} ms after the load",
            round + 1,
            posts.len(),
            broken.load(Ordering::Relaxed),
            equal_ms
        );
    }
}

/// Stops the writers when the round is over, however it ends.
struct StopAtEnd<'a>(&'a AtomicBool);

impl Drop for StopAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
