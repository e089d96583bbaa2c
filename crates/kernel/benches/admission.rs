//! Admission alone, beside what it is held against: verifying one envelope. It is to be lost beside it.
//!
//! `cargo bench -p tidepool-kernel --features testing --bench admission`
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a benchmark reads the clock")]

mod common;

use common::{beside, show};
use std::hint::black_box;
use tidepool_kernel::admission::{Rules, admit, admit_operation};
use tidepool_protocol::{Envelope, verify};
use tidepool_views::testing::{T0, network};

fn main() {
    let work = common::workload(3);
    let (rules, now) = (Rules::new(network()), T0.plus_ms(60_000));
    let verified = |envelope: &Envelope| {
        let bytes = envelope.bytes().clone();
        move || assert!(verify(Envelope::decode(black_box(bytes.clone())).unwrap()).is_ok())
    };
    let (envelope, state) = (&work.envelopes[0], &work.agents[0].state);
    let admitted = || assert!(admit(black_box(envelope), state, &rules, now).is_ok());
    show("admit an envelope", beside(admitted, verified(envelope)), "decode + verify_strict of it");
    let (genesis, home) = (&work.agents[0].genesis, Some(&work.node.state));
    let admitted = || assert!(admit_operation(black_box(genesis), None, home, &rules, now).is_ok());
    show(
        "admit a genesis (its proofs are checked)",
        beside(admitted, verified(genesis)),
        "decode + verify_strict of it",
    );
}
