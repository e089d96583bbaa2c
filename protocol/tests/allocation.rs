//! No decoder allocates beyond what was received: a length is a claim, not a fact.
//!
//! A counting allocator measures the peak of live bytes while one decoder runs. It may hold the decoded value and the
//! bytes that it encodes to again, each in a vector that grows by doubling; never what a length claims.
#![allow(clippy::unwrap_used, clippy::panic)]

mod cast;

use bytes::Bytes;
use cast::Cast;
use peak_alloc::PeakAlloc;
use std::sync::{Mutex, PoisonError};
use tidepool_protocol::identity::{AgentCore, AgentGenesis, Change, NodeCore, NodeGenesis, OperationBody};
use tidepool_protocol::limits::{BODY_BYTES_MAX, BUNDLE_BYTES_MAX};
use tidepool_protocol::sequence::split;
use tidepool_protocol::sync::{SyncAnswer, SyncRequest};
use tidepool_protocol::{Body, Bundle, Envelope, Kind, NetworkGenesis, cbor};

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// The allocator counts for the whole process, so one test measures at a time.
static MEASURING: Mutex<()> = Mutex::new(());

fn peak_of(run: impl FnOnce()) -> usize {
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    run();
    ALLOCATOR.peak_usage().saturating_sub(before)
}

/// What a decoder of `received` bytes may hold at once.
const fn allowed(received: usize) -> usize {
    6 * received + 16 * 1024
}

fn check(what: &str, bytes: &[u8]) {
    let frame = Bytes::copy_from_slice(bytes);
    let measure = |decoder: &str, run: &mut dyn FnMut()| {
        let peak = peak_of(run);
        let allowed = allowed(bytes.len());
        assert!(
            peak <= allowed,
            "{decoder} held {peak} bytes at once for {} of {what}, {allowed} allowed",
            bytes.len()
        );
    };
    measure("envelope", &mut || drop(Envelope::decode(frame.clone())));
    measure("bundle", &mut || drop(Bundle::decode(&frame)));
    measure("network", &mut || drop(NetworkGenesis::decode(bytes)));
    measure("operation", &mut || drop(cbor::decode::<OperationBody>(bytes, BODY_BYTES_MAX)));
    measure("agent genesis", &mut || drop(cbor::decode::<AgentGenesis>(bytes, BODY_BYTES_MAX)));
    measure("node genesis", &mut || drop(cbor::decode::<NodeGenesis>(bytes, BODY_BYTES_MAX)));
    measure("agent core", &mut || drop(cbor::decode::<AgentCore>(bytes, BODY_BYTES_MAX)));
    measure("node core", &mut || drop(cbor::decode::<NodeCore>(bytes, BODY_BYTES_MAX)));
    measure("sync request", &mut || drop(SyncRequest::decode(bytes)));
    measure("sync answer", &mut || drop(SyncAnswer::decode(&frame)));
    measure("sequence", &mut || drop(split(&frame, 128)));
    for (kind, name) in Kind::KNOWN {
        measure(name, &mut || drop(Body::decode(*kind, bytes)));
        measure(name, &mut || drop(Change::decode(*kind, bytes)));
    }
}

/// `[prefix..., [entry, entry, ...]]` as long as a body may be: a list of the smallest entries that there are.
fn stuffed(prefix: &[u8], entry: &[u8], rest: &[u8]) -> Vec<u8> {
    let room = BODY_BYTES_MAX - prefix.len() - rest.len() - 3;
    let count = room / entry.len();
    let head = u16::try_from(count).unwrap().to_be_bytes();
    [prefix, &[0x99], &head, &entry.repeat(count), rest].concat()
}

#[test]
fn lists_stuffed_with_tiny_entries_take_no_more_than_they_are() {
    let _measuring = MEASURING.lock().unwrap_or_else(PoisonError::into_inner);
    for prefix in [&[0x81][..], &[0x82], &[0x82, 0x00], &[0x83], &[0x84, 0xf6, 0xf6, 0xf6], &[0x84, 0x00, 0x40]] {
        for entry in [&[0x00][..], &[0x40], &[0x60], &[0x80], &[0x81, 0x00], &[0x84, 0x60, 0x60, 0x60, 0x60], b"\x62ab"]
        {
            for rest in [&[][..], &[0x60, 0xf6], &[0x80, 0x80]] {
                check("a stuffed list", &stuffed(prefix, entry, rest));
            }
        }
    }
}

#[test]
fn lengths_that_claim_more_than_is_there_reserve_nothing() {
    let _measuring = MEASURING.lock().unwrap_or_else(PoisonError::into_inner);
    for claim in [
        &[0x9a, 0xff, 0xff, 0xff, 0xff][..],
        &[0x9b, 0, 0, 0, 0x40, 0, 0, 0, 0],
        &[0x5a, 0x7f, 0xff, 0xff, 0xff],
        &[0x7a, 0x7f, 0xff, 0xff, 0xff],
    ] {
        for prefix in [
            &[][..],
            &[0x81],
            &[0x83, 0x01],
            &[0x84, 0xf6, 0xf6, 0xf6],
            &[0x85, 0x50, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x00],
        ] {
            check("a claim", &[prefix, claim, &[0; 64]].concat());
        }
    }
}

#[test]
fn good_bytes_take_no_more_than_a_few_times_their_size() {
    let _measuring = MEASURING.lock().unwrap_or_else(PoisonError::into_inner);
    for sample in Cast::new().samples() {
        check("a sample", &sample);
    }
}

#[test]
fn the_longest_text_takes_no_more_than_a_few_times_its_size() {
    let _measuring = MEASURING.lock().unwrap_or_else(PoisonError::into_inner);
    let long = "ä".repeat(BODY_BYTES_MAX / 2 - 40);
    let post = cbor::encode(&(serde_bytes::Bytes::new(&[0; 16]), 0, "title", long, None::<()>));
    check("a long post", &post);
    check("a frame of zeros", &vec![0; BUNDLE_BYTES_MAX]);
    check("a frame of empty envelopes", &stuffed(&[0x83, 0x01], &[0x40], &[0x80]));
}

#[test]
fn the_measure_sees_what_is_allocated() {
    let _measuring = MEASURING.lock().unwrap_or_else(PoisonError::into_inner);
    assert!(peak_of(|| drop(std::hint::black_box(vec![0u8; 100_000]))) >= 100_000);
}
