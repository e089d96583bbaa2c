//! What the fold costs an envelope, by kind, at 100,000 posts in memory, beside what verifying it costs.
//!
//! `cargo bench -p tidepool-views --features testing --bench fold`
#![allow(clippy::unwrap_used, clippy::disallowed_methods, missing_docs, reason = "a benchmark reads the clock")]

mod common;

use common::{Writers, thread_time, votes_of};
use tidepool_protocol::{Envelope, Verified, verify};
use tidepool_views::testing::{Memory, T0, network};

fn main() {
    let (mut writers, geneses) = Writers::new();
    let genesis = network();
    let mut memory = Memory::new();
    for envelope in &geneses {
        memory.admit(envelope, &genesis).unwrap();
    }
    let count = std::env::var("TIDEPOOL_BENCH_POSTS").ok().and_then(|posts| posts.parse().ok()).unwrap_or(100_000u64);
    let time = |number: u64| T0.plus_ms(2_000 + number * (6 * 24 * 60 * 60 * 1000 - 200_000) / count);
    let (mut posts, mut votes, mut comments) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..count {
        let post = writers.post(number, time(number));
        for vote in 0..votes_of(number) {
            votes.push(writers.vote(usize::try_from(vote).unwrap(), &post, 1));
        }
        if number % 10 == 0 {
            comments.push(writers.comment(number, 3, &post, post.id(), 0));
            let above = comments.last().unwrap().id();
            comments.push(writers.comment(number, 5, &post, above, 1));
        }
        posts.push(post);
    }
    let verified = |name: &str, envelopes: &[Verified<Envelope>]| {
        let begun = thread_time();
        for envelope in envelopes.iter().take(2_000) {
            divan::black_box(verify(Envelope::decode(envelope.bytes().clone()).unwrap()).unwrap());
        }
        let each = (thread_time() - begun).as_secs_f64() * 1e6 / 2_000_f64.min(envelopes.len() as f64);
        println!("decode and verify {name:10} {each:8.1} µs");
    };
    let mut folded = |name: &str, envelopes: &[Verified<Envelope>]| {
        let begun = thread_time();
        for envelope in envelopes {
            memory.admit(envelope, &genesis).unwrap();
        }
        let each = (thread_time() - begun).as_secs_f64() * 1e6 / envelopes.len() as f64;
        println!("fold              {name:10} {each:8.1} µs   ({} of them)", envelopes.len());
    };
    folded("posts", &posts);
    folded("comments", &comments);
    folded("votes", &votes);
    verified("posts", &posts);
    verified("votes", &votes);
    let (mut rows, mut bytes) = (0usize, 0usize);
    for (key, value) in memory.rows() {
        rows += 1;
        bytes += key.len() + value.len();
    }
    let envelopes = posts.len() + comments.len() + votes.len();
    println!("{} rows, {:.0} bytes of rows an envelope", rows, bytes as f64 / envelopes as f64);
}
