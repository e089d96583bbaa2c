//! Ingest from a frame to durable, on sled: what a node does with gossip, without the network.
//!
//! `cargo bench -p tidepool-store --bench ingest`; `INGEST_BENCH_ENVELOPES=1000000` for a long run. Frames of 64 envelopes
//! go through the kernel, two verifying threads, the views, the store and its flusher, and count when the kernel accepts
//! them, which it does once they are on disk. Beside each figure, measured in the same run: decode and `verify_strict` of
//! the same envelopes on as many threads, and the engine with the same blocks and rows in the same batches, put into an
//! empty database, durable by the same group commit. A line stands for the last rounds before it, up to
//! [`SHOWN_ROUNDS`]: the store writes its rows out about every third round, so that a single one has all of that or nothing.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::disallowed_methods,
    missing_docs,
    reason = "a benchmark reads its size from the environment, and stops at what it does not expect"
)]

mod engine;
mod machine;
mod workload;

use machine::Machine;
use std::collections::BTreeMap;
use std::time::Instant;
use tidepool_protocol::slot::Topic;
use tidepool_protocol::{Bundle, Envelope, Shard, Verified, verify};
use tidepool_views::testing::network;
use workload::Maker;

/// Envelopes of one frame.
const FRAME: usize = 64;

/// Envelopes that are made, taken in and measured at a time: making them is not part of any figure.
const ROUND: usize = 10_000;

/// Rounds that a line stands for, where there were as many: several times what lies between two checkpoints of the store.
const SHOWN_ROUNDS: usize = 9;

/// Verifying threads, of the node and of its limit.
pub(crate) const THREADS: usize = 2;

fn main() {
    let total = std::env::var("INGEST_BENCH_ENVELOPES").ok().and_then(|n| n.parse().ok()).unwrap_or(10_000_usize);
    let mut maker = Maker::new();
    let mut machine = Machine::new(&maker.identities());
    println!(
        "{:>10} {:>12} {:>14} {:>12} {:>10} {:>10} {:>8}",
        "envelopes", "ingest /s", "verify /s", "engine /s", "/ verify", "/ engine", "/ limit"
    );
    let (mut done, mut whole) = (0, 0.0);
    let mut shown = Shown::default();
    while done < total {
        let round: Vec<_> = (0..ROUND.min(total - done)).map(|_| maker.next()).collect();
        let bytes: Vec<_> = round.iter().map(|envelope| envelope.bytes().clone()).collect();
        let frames = frames(&round);
        done += round.len();
        let next = next_shown(done, total);
        if done + SHOWN_ROUNDS * ROUND > next && !machine.is_recording() {
            machine.record();
        }
        let seconds = machine.ingest(&frames, maker.now());
        whole += seconds;
        if machine.is_recording() {
            shown.envelopes += round.len();
            shown.seconds += seconds;
        }
        if done == next {
            let Shown { envelopes, seconds } = std::mem::take(&mut shown);
            let ours = envelopes as f64 / seconds;
            let strict = verifying(&bytes);
            let engine = engine::run(&machine.recorded());
            let limit = strict.min(engine);
            println!(
                "{done:>10} {ours:>12.0} {strict:>14.0} {engine:>12.0} {:>10.2} {:>10.2} {:>8.2}",
                ours / strict,
                ours / engine,
                ours / limit
            );
        }
    }
    println!("{done} envelopes of {:.0} bytes in all: {:.0} a second", machine.bytes_each(), done as f64 / whole);
    machine.report();
}

/// Frames of each topic: a gossip message holds one shard's envelopes.
fn frames(envelopes: &[Verified<Envelope>]) -> Vec<(Topic, bytes::Bytes)> {
    let params = network().params;
    let mut open: BTreeMap<Topic, Vec<bytes::Bytes>> = BTreeMap::new();
    let mut frames = Vec::new();
    for envelope in envelopes {
        let shard = Shard::of(envelope.header().slot(), params.shards).unwrap();
        let topic = Topic::Shard { generation: params.generation, shard };
        let waiting = open.entry(topic).or_default();
        waiting.push(envelope.bytes().clone());
        if waiting.len() == FRAME {
            frames.push((topic, bundle(std::mem::take(waiting))));
        }
    }
    frames.extend(open.into_iter().filter(|(_, rest)| !rest.is_empty()).map(|(topic, rest)| (topic, bundle(rest))));
    frames
}

fn bundle(envelopes: Vec<bytes::Bytes>) -> bytes::Bytes {
    Bundle { envelopes, identities: vec![] }.encode()
}

/// What a line stands for.
#[derive(Default)]
struct Shown {
    envelopes: usize,
    seconds: f64,
}

/// Where the next line is due: at 10,000 envelopes, 100,000 and so on, and at the end.
fn next_shown(done: usize, total: usize) -> usize {
    let mut powers = std::iter::successors(Some(ROUND), |count| count.checked_mul(10));
    powers.find(|count| *count >= done).map_or(total, |count| count.min(total))
}

/// The limit of the pool: decode and `verify_strict` of the same bytes on [`THREADS`] threads.
fn verifying(envelopes: &[bytes::Bytes]) -> f64 {
    let began = Instant::now();
    std::thread::scope(|scope| {
        for part in envelopes.chunks(envelopes.len().div_ceil(THREADS)) {
            scope.spawn(move || {
                for bytes in part {
                    std::hint::black_box(verify(Envelope::decode(bytes.clone()).unwrap()).unwrap());
                }
            });
        }
    });
    envelopes.len() as f64 / began.elapsed().as_secs_f64()
}
