//! A network's worth of envelopes for benchmarks: agents of one home that post and vote in turn. And how figures are
//! taken and shown: each beside its limit, measured in the same run in turns, so that a machine that slows down slows both.
#![allow(dead_code, clippy::unwrap_used, clippy::cast_precision_loss)]

use std::time::{Duration, Instant};

use tidepool_protocol::body::{BodyOf, Post, PostType};
use tidepool_protocol::{Envelope, Scope, Verified};
use tidepool_views::testing::{TestAgent, TestNode, Writer, salt};

/// How long each side is measured at a time, and how often.
const TURN: Duration = Duration::from_millis(50);
const TURNS: usize = 10;

/// Mean nanoseconds of one run of each side, in turns.
pub(crate) fn beside(mut subject: impl FnMut(), mut limit: impl FnMut()) -> (f64, f64) {
    let mut totals = [(0_u64, Duration::ZERO); 2];
    let turn = |run: &mut dyn FnMut(), total: &mut (u64, Duration)| {
        let began = Instant::now();
        while began.elapsed() < TURN {
            for _ in 0..8 {
                run();
            }
            total.0 += 8;
        }
        total.1 += began.elapsed();
    };
    for _ in 0..TURNS {
        turn(&mut subject, &mut totals[0]);
        turn(&mut limit, &mut totals[1]);
    }
    let [one, other] = totals.map(|(runs, time)| time.as_nanos() as f64 / runs as f64);
    (one, other)
}

/// Prints one figure beside its limit.
pub(crate) fn show(what: &str, (seen, limit): (f64, f64), of: &str) {
    println!("{what:46} {seen:>10.0} ns   {of:34} {limit:>10.0} ns   ratio {:>8.3}", seen / limit);
}

/// The agents that write.
pub(crate) const AGENTS: u64 = 100;

/// What is written, and who writes.
pub(crate) struct Workload {
    pub(crate) node: TestNode,
    pub(crate) agents: Vec<TestAgent>,
    pub(crate) envelopes: Vec<Verified<Envelope>>,
}

/// `count` envelopes of some 640 bytes: of three, one post and two votes.
pub(crate) fn workload(count: usize) -> Workload {
    let node = TestNode::new(1);
    let agents: Vec<TestAgent> =
        (0..AGENTS).map(|number| TestAgent::new(1_000 + 10 * number, &format!("agent-{number}"), &node, 1)).collect();
    let scope: Scope = "c/general".parse().unwrap();
    let mut writers: Vec<Writer> = agents
        .iter()
        .map(|agent| Writer::new(agent.author(), agent.state.operation, &agent.key, scope.clone()))
        .collect();
    let mut posts = Vec::new();
    let mut envelopes = Vec::with_capacity(count);
    for number in 0..count {
        let at = number % writers.len();
        let writer = &mut writers[at];
        let number = number as u64;
        writer.time_ms = tidepool_views::testing::T0.plus_ms(1_000 + number);
        let envelope = if number.is_multiple_of(3) || posts.is_empty() {
            let body = Post {
                salt: salt(number),
                post_type: PostType::Text,
                title: format!("post {number}"),
                content: "word ".repeat(60),
                url: None,
            };
            writer.write(Post::KIND, body.encode().unwrap())
        } else {
            writer.vote(posts[posts.len() * 3 / 7], 1)
        };
        if number.is_multiple_of(3) {
            posts.push(envelope.id());
        }
        envelopes.push(envelope);
    }
    Workload { node, agents, envelopes }
}
