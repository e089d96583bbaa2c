//! Admission alone, beside what it is held against: verifying one envelope.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a benchmark reads its size from the environment")]

mod common;

use divan::{Bencher, black_box, counter::ItemsCount};
use tidepool_kernel::admission::{Rules, admit, admit_operation};
use tidepool_protocol::{Envelope, verify};
use tidepool_views::testing::{T0, network};

fn main() {
    divan::main();
}

#[divan::bench]
fn admit_an_envelope(bencher: Bencher<'_, '_>) {
    let work = common::workload(3);
    let (rules, now) = (Rules::new(network()), T0.plus_ms(60_000));
    let (envelope, state) = (&work.envelopes[0], &work.agents[0].state);
    bencher.counter(ItemsCount::new(1u64)).bench(|| admit(black_box(envelope), state, &rules, now).is_ok());
}

#[divan::bench]
fn admit_a_genesis(bencher: Bencher<'_, '_>) {
    let work = common::workload(1);
    let (rules, now) = (Rules::new(network()), T0.plus_ms(60_000));
    let genesis = &work.agents[0].genesis;
    let home = Some(&work.node.state);
    bencher
        .counter(ItemsCount::new(1u64))
        .bench(|| admit_operation(black_box(genesis), None, home, &rules, now).is_ok());
}

/// The limit: decode and `verify_strict` on one core.
#[divan::bench]
fn limit_decode_and_verify(bencher: Bencher<'_, '_>) {
    let work = common::workload(3);
    let bytes = work.envelopes[0].bytes().clone();
    bencher
        .counter(ItemsCount::new(1u64))
        .bench(|| verify(Envelope::decode(black_box(bytes.clone())).unwrap()).is_ok());
}
