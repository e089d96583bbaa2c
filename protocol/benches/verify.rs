//! Decode and verify of a 640-byte envelope, beside the limit that it is held against: strict verification of the same
//! signature alone, its key parsed beforehand. The limit, the whole and their ratio are measured in one run.
//!
//! `cargo bench -p tidepool-protocol --bench verify`; `-- --quick` skips the table of parts.
#![allow(clippy::disallowed_methods)]

use bytes::Bytes;
use divan::black_box;
use ed25519_dalek::VerifyingKey;
use std::sync::LazyLock;
use std::time::{Duration, Instant};
use tidepool_protocol::body::{BodyOf, Post, PostType};
use tidepool_protocol::ids::{AuthorId, EnvelopeId, NetworkId, Salt};
use tidepool_protocol::signer::Domain;
use tidepool_protocol::{Body, Draft, Envelope, Epoch, Kind, SecretKey, Signer, TimeMs, cbor, verify};

/// The length of a post of some 250 characters, whole.
const LENGTH: usize = 640;

/// How long each side is measured, in turns, so that a machine that slows down slows both.
const TURN: Duration = Duration::from_millis(100);
const TURNS: u32 = 20;

/// What is measured.
struct Subject {
    bytes: Bytes,
    message: Vec<u8>,
    key: VerifyingKey,
    signature: ed25519_dalek::Signature,
}

static SUBJECT: LazyLock<Subject> = LazyLock::new(|| {
    let signed = |length: usize| {
        let title = "High water at noon".to_owned();
        let content = "t".repeat(length);
        let post = Post { salt: Salt([7; 16]), post_type: PostType::Text, title, content, url: None };
        let draft = Draft {
            network: NetworkId([1; 8]),
            author: AuthorId([2; 32]),
            auth: EnvelopeId([3; 32]),
            scope: "c/general".parse().expect("a valid scope"),
            epoch: Epoch::first_of(TimeMs(1_795_521_600_000)),
            seq: 300,
            prev: Some(EnvelopeId([4; 32])),
            time_ms: TimeMs(1_795_521_600_000),
            kind: Kind::POST,
            body: post.encode().expect("a short post"),
        };
        draft.sign(&SecretKey::from_seed([9; 32]))
    };
    let length = (0..LENGTH).find(|length| signed(*length).bytes().len() == LENGTH).expect("a post of that length");
    let envelope = signed(length);
    Subject {
        bytes: envelope.bytes().clone(),
        message: Domain::Envelope.message(envelope.header_bytes()),
        key: VerifyingKey::from_bytes(&envelope.header().key.0).expect("a good key"),
        signature: ed25519_dalek::Signature::from_bytes(&envelope.signature().0),
    }
});

fn limit(subject: &Subject) {
    assert!(black_box(&subject.key).verify_strict(black_box(&subject.message), black_box(&subject.signature)).is_ok());
}

fn whole(subject: &Subject) {
    let envelope = Envelope::decode(black_box(&subject.bytes).clone()).expect("a good envelope");
    black_box(verify(envelope)).expect("a good signature");
}

/// Runs in a turn, and how long they took.
fn turn(run: impl Fn(&Subject)) -> (u32, Duration) {
    let start = Instant::now();
    let mut runs = 0;
    while start.elapsed() < TURN {
        for _ in 0..16 {
            run(&SUBJECT);
        }
        runs += 16;
    }
    (runs, start.elapsed())
}

fn rate(turns: &[(u32, Duration)]) -> f64 {
    let (runs, time) = turns.iter().fold((0, Duration::ZERO), |(runs, time), turn| (runs + turn.0, time + turn.1));
    f64::from(runs) / time.as_secs_f64()
}

fn main() {
    let turns: Vec<_> = (0..TURNS).map(|_| (turn(limit), turn(whole))).collect();
    let (limits, wholes): (Vec<_>, Vec<_>) = turns.into_iter().unzip();
    let (limit, whole) = (rate(&limits), rate(&wholes));
    println!("limit: verify_strict, key parsed            {limit:>9.0} a second");
    println!("decode + verify of a {LENGTH}-byte envelope     {whole:>9.0} a second");
    println!("ratio                                       {:>9.2}", whole / limit);
    if !std::env::args().any(|argument| argument == "--quick") {
        divan::main();
    }
}

#[divan::bench]
fn verify_strict_with_a_parsed_key() {
    limit(&SUBJECT);
}

#[divan::bench]
fn decode_and_verify() {
    whole(&SUBJECT);
}

#[divan::bench]
fn decode() -> Envelope {
    Envelope::decode(black_box(&SUBJECT.bytes).clone()).expect("a good envelope")
}

#[divan::bench]
fn check_canonical_form() {
    assert_eq!(cbor::check(black_box(&SUBJECT.bytes)), Ok(()));
}

#[divan::bench]
fn decode_the_body(bencher: divan::Bencher<'_, '_>) {
    let envelope = Envelope::decode(SUBJECT.bytes.clone()).expect("a good envelope");
    let body = envelope.body().expect("it has its body");
    bencher.bench(|| Body::decode(Kind::POST, black_box(body)));
}

#[divan::bench]
fn sign(bencher: divan::Bencher<'_, '_>) {
    let key = SecretKey::from_seed([9; 32]);
    bencher.bench(|| key.sign(Domain::Envelope, black_box(&SUBJECT.message)));
}
