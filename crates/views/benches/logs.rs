//! What folding costs: the next envelope of a healthy log, the genesis of an agent, a fork in a long log.
//!
//! `cargo bench -p tidepool-views --features testing --bench logs`. Divide by the number of items that each line names.
#![allow(clippy::unwrap_used)]

use divan::Bencher;
use tidepool_protocol::{Envelope, Scope, Verified};
use tidepool_views::overlay::Pending;
use tidepool_views::testing::{Memory, TestAgent, TestNode, Writer, network};
use tidepool_views::{Cursor, Origin, Overlay, Stored, fold};

const BATCH: usize = 128;

fn main() {
    divan::main();
}

fn general() -> Scope {
    "c/general".parse().unwrap()
}

fn writers(agents: u64) -> (Memory, Vec<Writer>) {
    let node = TestNode::new(1_000_000);
    let mut memory = Memory::new();
    memory.admit(&node.genesis, &network()).unwrap();
    let writers = (0..agents).map(|number| {
        let agent = TestAgent::new(number * 4, &format!("agent-{number}"), &node, 1);
        memory.admit(&agent.genesis, &network()).unwrap();
        Writer::new(agent.author(), agent.state.operation, &agent.key, general())
    });
    let writers = writers.collect();
    (memory, writers)
}

/// Folds in batches, as the kernel does.
fn fold_all(memory: &mut Memory, envelopes: &[Verified<Envelope>]) {
    let genesis = network();
    let first = memory.envelopes().last().map_or(Cursor::START, |stored| stored.cursor).next();
    for (number, batch) in envelopes.chunks(BATCH).enumerate() {
        let mut overlay = Overlay::new(memory, Pending::default());
        for (place, envelope) in batch.iter().enumerate() {
            let cursor = Cursor(first.0 + (number * BATCH + place) as u64);
            let (received_ms, origin) = (envelope.header().time_ms, Origin::Local);
            let stored = Stored { cursor, received_ms, origin, envelope: envelope.clone() };
            overlay.push(stored.clone());
            fold(&mut overlay, &stored, &genesis).unwrap();
        }
        let pending = overlay.into_pending();
        memory.commit(pending);
    }
}

/// 10,240 posts, round robin over 256 agents' logs.
#[divan::bench(sample_count = 5, sample_size = 1)]
fn posts_10240(bencher: Bencher<'_, '_>) {
    let (memory, mut writers) = writers(256);
    let posts: Vec<_> = (0..40)
        .flat_map(|round| writers.iter_mut().map(move |w| w.post(&format!("{round}"))).collect::<Vec<_>>())
        .collect();
    bencher.with_inputs(|| memory.clone()).bench_local_values(|mut memory| fold_all(&mut memory, &posts));
}

/// 10,240 profiles of one field, round robin over 256 agents: the core's part weighs more, content's less.
#[divan::bench(sample_count = 5, sample_size = 1)]
fn unknown_kinds_10240(bencher: Bencher<'_, '_>) {
    let (memory, mut writers) = writers(256);
    let kind = tidepool_protocol::Kind(0x0377);
    let posts: Vec<_> = (0..40)
        .flat_map(|_| writers.iter_mut().map(move |w| w.write(kind, b"\x80".to_vec())).collect::<Vec<_>>())
        .collect();
    bencher.with_inputs(|| memory.clone()).bench_local_values(|mut memory| fold_all(&mut memory, &posts));
}

/// 256 geneses of agents.
#[divan::bench(sample_count = 5, sample_size = 1)]
fn geneses_256(bencher: Bencher<'_, '_>) {
    let node = TestNode::new(1_000_000);
    let geneses: Vec<_> =
        (0..256).map(|number| TestAgent::new(number * 4, &format!("agent-{number}"), &node, 1).genesis).collect();
    bencher.with_inputs(Memory::new).bench_local_values(|mut memory| fold_all(&mut memory, &geneses));
}

/// The envelope that forks a log of 20,000 at its beginning: judged at once, told to content up to 1,000.
#[divan::bench(sample_count = 3, sample_size = 1)]
fn fork_below_20000(bencher: Bencher<'_, '_>) {
    let (mut memory, mut writers) = writers(1);
    let mut other = writers[0].clone();
    let posts: Vec<_> = (0..20_000).map(|number| writers[0].post(&format!("{number}"))).collect();
    fold_all(&mut memory, &posts);
    let fork = [other.post("fork")];
    bencher.with_inputs(|| memory.clone()).bench_local_values(|mut memory| fold_all(&mut memory, &fork));
}
