//! A mesh that is cut into halves under load and healed; a link that is slow and loses frames.

use super::ground::{Ground, Link, Weather};
use super::node::{Node, SOON, pause, say, until_equal};
use super::support::wait_for;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How large, and how long.
struct Size {
    nodes: usize,
    cut: Duration,
    posts_per_second: f64,
}

impl Size {
    fn wanted() -> Self {
        if super::full() {
            Self { nodes: 12, cut: Duration::from_secs(120), posts_per_second: 55.0 }
        } else {
            Self { nodes: 4, cut: Duration::from_secs(10), posts_per_second: 8.0 }
        }
    }
}

/// Two bridges with half of the nodes each; every node knows the first node of each half.
fn halves(ground: &Ground, directory: &Path, size: usize, weather: Option<Weather>) -> (Vec<Node>, Link) {
    ground.bridge("left");
    ground.bridge("right");
    let link = ground.link("left", "right", weather);
    let place = |number: usize| {
        let side = if is_left(number, size) { "left" } else { "right" };
        ground.place(&format!("n{number}"), side, &format!("10.77.0.{}/24", number + 1))
    };
    let mut nodes: Vec<Node> = Vec::new();
    for number in 0..size {
        let firsts = [0, size / 2];
        let seeds: Vec<_> =
            firsts.iter().filter_map(|first| nodes.get(*first)).map(|node| node.listen.clone()).collect();
        nodes.push(Node::start(directory, &place(number), &seeds, &[]));
    }
    (nodes, link)
}

fn is_left(number: usize, size: usize) -> bool {
    number < size / 2
}

/// How many connections go from one half to the other, as the left one sees it.
fn across(nodes: &[Node]) -> usize {
    let (left, right) = nodes.split_at(nodes.len() / 2);
    left.iter()
        .map(|node| node.peers().iter().filter(|id| right.iter().any(|other| other.peer_id == **id)).count())
        .sum()
}

/// What the writers did.
#[derive(Default)]
struct Written {
    acknowledged: Mutex<Vec<(usize, String)>>,
    refused: Mutex<Vec<String>>,
}

/// One agent at each node posts at an even pace until `stop`.
fn write(nodes: &[Node], keys: &[String], rate: f64, stop: &AtomicBool, written: &Written) {
    let every = Duration::from_secs_f64(nodes.len() as f64 / rate);
    std::thread::scope(|scope| {
        for (number, (node, key)) in nodes.iter().zip(keys).enumerate() {
            scope.spawn(move || {
                let mut next = Instant::now() + every.mul_f64(number as f64 / nodes.len() as f64);
                for post in 0.. {
                    pause(next.saturating_duration_since(Instant::now()));
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    next += every;
                    match say(node.api(), key, &format!("{number}/{post}")) {
                        Ok(id) => written.acknowledged.lock().unwrap().push((number, id)),
                        Err(refusal) => written.refused.lock().unwrap().push(refusal),
                    }
                }
            });
        }
    });
}

/// Point 1 of issue 3.
pub fn halves_that_were_parted_under_load_end_equal() {
    let size = Size::wanted();
    let directory = tempfile::tempdir().unwrap();
    let ground = Ground::lay();
    let (nodes, link) = halves(&ground, directory.path(), size.nodes, None);
    wait_for("connections between the halves", || (across(&nodes) >= nodes.len() / 2).then_some(()));
    let keys: Vec<_> =
        nodes.iter().enumerate().map(|(number, node)| node.register(&format!("agent-{number}"))).collect();
    let (before, _) = until_equal("before", &nodes, SOON);

    let (stop, written) = (AtomicBool::new(false), Written::default());
    let (cut_for, healed, closed) = std::thread::scope(|scope| {
        scope.spawn(|| write(&nodes, &keys, size.posts_per_second, &stop, &written));
        pause(Duration::from_secs(3));
        link.cut();
        let cut = Instant::now();
        let of_before = written.acknowledged.lock().unwrap().len();
        let mut closed = None;
        while cut.elapsed() < size.cut {
            pause(Duration::from_secs(1).min(size.cut.saturating_sub(cut.elapsed())));
            if closed.is_none() && cut.elapsed() > Duration::from_secs(20) && across(&nodes) == 0 {
                closed = Some(cut.elapsed());
                println!(
                    "  the last connection between the halves closed {:.1} s after the cut",
                    cut.elapsed().as_secs_f64()
                );
            }
        }
        let cut_for = cut.elapsed();
        let posts = written.acknowledged.lock().unwrap().len() - of_before;
        println!(
            "  cut for {:.1} s; {posts} posts meanwhile, {:.1} a second",
            cut_for.as_secs_f64(),
            posts as f64 / cut_for.as_secs_f64()
        );
        stop.store(true, Ordering::Relaxed);
        link.mend();
        (cut_for, Instant::now(), closed)
    });
    if size.cut > Duration::from_secs(60) {
        assert!(closed.is_some(), "a partition of {:?} left connections between the halves", size.cut);
    }
    let counts: Vec<_> = nodes.iter().filter_map(|node| node.digest().map(|(_, count)| count)).collect();
    println!("  envelopes by node at the healing: {counts:?}");
    wait_for("a connection between the halves", || (across(&nodes) > 0).then_some(()));
    println!("  first connection between the halves {:.1} s after the healing", healed.elapsed().as_secs_f64());
    let (after, _) = until_equal("after the healing", &nodes, Duration::from_secs(300));
    let took = healed.elapsed();
    println!("  all digests equal {:.1} s after the healing", took.as_secs_f64());

    let acknowledged = written.acknowledged.into_inner().unwrap();
    let refused = written.refused.into_inner().unwrap();
    assert!(refused.is_empty(), "{} posts were refused: {:?}", refused.len(), refused.first());
    // Digests are equal, so one node of each half speaks for all.
    for node in [&nodes[0], &nodes[size.nodes / 2]] {
        let lost = acknowledged.iter().filter(|(_, id)| node.get(&format!("/api/v1/posts/{id}")).get("post").is_none());
        assert_eq!(lost.count(), 0, "posts are lost on {}", node.place.name);
    }
    assert_eq!(
        after - before,
        acknowledged.len() as u64,
        "envelopes beyond the acknowledged posts: something is doubled"
    );
    println!(
        "  {} nodes, cut {:.0} s, {} posts acknowledged in all, none lost, none doubled",
        size.nodes,
        cut_for.as_secs_f64(),
        acknowledged.len()
    );
    if super::full() {
        assert!(took <= Duration::from_secs(30), "equal after {took:?}; 30 s are allowed");
    }
}

pub fn posts_arrive_over_a_slow_and_lossy_link() {
    let directory = tempfile::tempdir().unwrap();
    let ground = Ground::lay();
    let weather = Weather { delay_ms: 40, loss_percent: 5 };
    let (nodes, link) = halves(&ground, directory.path(), 4, Some(weather));
    println!("  link: {}", link.kind);
    wait_for("connections between the halves", || (across(&nodes) >= 2).then_some(()));
    let key = nodes[0].register("slow-post");
    let mut delays: Vec<u128> = (0..20)
        .map(|number| {
            // From before it is said: on a busy machine it is under way before the answer comes.
            let began = Instant::now();
            let id = say(nodes[0].api(), &key, &format!("Over the hills {number}")).unwrap();
            wait_for("the post at the other end", || {
                nodes[3].get(&format!("/api/v1/posts/{id}")).get("post").map(|_| ())
            });
            began.elapsed().as_millis()
        })
        .collect();
    delays.sort_unstable();
    let (count, _) = until_equal("after the posts", &nodes, SOON);
    println!(
        "  posted at one end, read at the other: median {} ms, longest {} ms of {}; {count} envelopes everywhere",
        delays[delays.len() / 2],
        delays[delays.len() - 1],
        delays.len()
    );
    assert!(delays[0] >= u128::from(weather.delay_ms), "quicker than the link: {delays:?}");
}
