//! Bytes that must be refused as envelopes or bodies, each for one reason alone.

use super::forge::{
    self, BODY_HASH, BODY_LEN, Forge, KEY, KIND, SCOPE, SEQ, VERSION, neutral_signature, with_high_s, written,
};
use super::notation::hex;
use crate::cast::{self, Cast};
use bytes::Bytes;
use ciborium::Value as Cbor;
use serde_json::{Value, json};
use tidepool_protocol::body::BodyError;
use tidepool_protocol::signer::Domain;
use tidepool_protocol::{Body, DecodeError, Envelope, Kind, VerifyError, cbor, verify};

/// Why it is refused, in the words of the vectors.
fn reason(bytes: &[u8]) -> &'static str {
    let envelope = match Envelope::decode(Bytes::copy_from_slice(bytes)) {
        Ok(envelope) => envelope,
        Err(DecodeError::Cbor(_)) => return "form",
        Err(DecodeError::Version { .. }) => return "version",
        Err(DecodeError::BodyLength { .. }) => return "named body length",
    };
    match verify(envelope) {
        Ok(_) => "none",
        Err(VerifyError::BodyLength { .. }) => "body length",
        Err(VerifyError::BodyHash) => "body hash",
        Err(VerifyError::BodyForm(_)) => "body form",
        Err(VerifyError::Signature) => "signature",
    }
}

fn entry(name: &str, expected: &str, bytes: &[u8]) -> Value {
    assert_eq!(reason(bytes), expected, "{name}");
    json!({ "name": name, "reason": expected, "envelope": hex(bytes) })
}

/// One byte string in place of another of the same length or not.
fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let at = bytes.windows(from.len()).position(|window| window == from).unwrap();
    [&bytes[..at], to, &bytes[at + from.len()..]].concat()
}

fn malformed(vote: &Forge, good: &[u8]) -> Vec<Value> {
    let form = |name, bytes: Vec<u8>| entry(name, "form", &bytes);
    let header = written(&Cbor::Array(vote.header.clone()));
    let with_header = |header: Vec<u8>| vote.assembled(header, vote.signature());
    let mut longer = vote.clone();
    longer.header.push(Cbor::Null);
    let mut shorter = vote.clone();
    shorter.header.pop();
    let text = vote.header[SCOPE].as_text().unwrap();
    let seq = vote.header[SEQ].as_integer().map(|seq| u8::try_from(seq).unwrap()).unwrap();
    // The seq stands right behind the epoch, whose argument takes four bytes.
    let epoch = written(&vote.header[forge::EPOCH]);
    let long_seq = replaced(&header, &[&epoch[..], &[seq]].concat(), &[&epoch[..], &[0x18, seq]].concat());
    let indefinite = [&[0x9f], &header[1..], &[0xff]].concat();
    let body = vote.body.clone().unwrap();
    let tail = good.len() - body.len() - 2;
    vec![
        form("nothing", vec![]),
        form("a byte behind the end", [good, &[0]].concat()),
        form("cut by a byte", good[..good.len() - 1].to_vec()),
        form("the outer array in a longer head than needed", [&[0x98, 0x03], &good[1..]].concat()),
        form("an outer array without an end", [&[0x9f], &good[1..], &[0xff]].concat()),
        form("a tag around it", [&[0xc1], good].concat()),
        form("an outer array of four", [&[0x84], &good[1..], &[0xf6]].concat()),
        form("a body that is text", [&good[..tail], &[0x78, good[tail + 1]], &good[tail + 2..]].concat()),
        form("a signature of 63 bytes", vote.assembled(header.clone(), vote.signature()[..63].to_vec())),
        form("a header without its last field", shorter.signed()),
        form("a header with a field too many", longer.signed()),
        form("a header in an array without an end", with_header(indefinite)),
        form("a header whose seq is longer than needed", with_header(long_seq)),
        form("a header with a byte behind its end", with_header([&header[..], &[0]].concat())),
        form("a header of 641 bytes", with_header(vec![0; 641])),
        form("a negative seq", vote.clone().with(SEQ, -1).signed()),
        form("a seq that is a float", vote.clone().with(SEQ, 1.0).signed()),
        form("a kind beyond sixteen bits", vote.clone().with(KIND, 0x1_0000).signed()),
        form("an author of 31 bytes", vote.clone().with(2, vec![0u8; 31]).signed()),
        form("a scope in capitals", vote.clone().with(SCOPE, text.to_uppercase()).signed()),
        form("a scope of an unknown letter", vote.clone().with(SCOPE, "z/general").signed()),
        form("a slot with a leading zero", vote.clone().with(SCOPE, "s/01").signed()),
        form("the slot of ctl as a scope", vote.clone().with(SCOPE, "s/1024").signed()),
        form("a body of 48 KiB and a byte", vote.clone().body(vec![0x60; 48 * 1024 + 1]).signed()),
    ]
}

fn false_parts(vote: &Forge, good: &[u8]) -> Vec<Value> {
    let body = vote.body.clone().unwrap();
    let mut other_body = good.to_vec();
    *other_body.last_mut().unwrap() ^= 0x01;
    let mut lost = vote.clone();
    lost.body = None;
    let empty = Cbor::Bytes(tidepool_protocol::ids::sha256(&[]).to_vec());
    vec![
        entry("version 2", "version", &vote.clone().with(VERSION, 2).signed()),
        entry("version 0", "version", &vote.clone().with(VERSION, 0).signed()),
        entry("another body of the same length", "body hash", &other_body),
        entry(
            "a header that names a longer body",
            "body length",
            &vote.clone().with(BODY_LEN, u64::try_from(body.len() + 1).unwrap()).signed(),
        ),
        entry("a header that names another hash", "body hash", &vote.clone().with(BODY_HASH, vec![0u8; 32]).signed()),
        entry(
            "no body, and a header that names none",
            "named body length",
            &lost.clone().with(BODY_LEN, 0).with(BODY_HASH, empty).signed(),
        ),
        entry(
            "no body, and a header that names 48 KiB and a byte",
            "named body length",
            &lost.with(BODY_LEN, 48 * 1024 + 1).signed(),
        ),
        entry("a body that is a map", "body form", &vote.clone().body(vec![0xa0]).signed()),
        entry("a body that is a float", "body form", &vote.clone().body(vec![0xf9, 0x3c, 0x00]).signed()),
        entry("a body with a tag", "body form", &vote.clone().body(vec![0xc1, 0x00]).signed()),
        entry("a body with undefined", "body form", &vote.clone().body(vec![0xf7]).signed()),
        entry("a body with a number longer than needed", "body form", &vote.clone().body(vec![0x18, 0x17]).signed()),
        entry("a body with a byte behind its end", "body form", &vote.clone().body(vec![0x00, 0x00]).signed()),
        entry(
            "a body that claims more than it has",
            "body form",
            &vote.clone().body(vec![0x5a, 0xff, 0xff, 0xff, 0xff]).signed(),
        ),
        entry("a body of 17 levels", "body form", &vote.clone().body([vec![0x81; 17], vec![0x00]].concat()).signed()),
        entry("a body whose text is not UTF-8", "body form", &vote.clone().body(vec![0x61, 0xff]).signed()),
    ]
}

fn false_signatures(vote: &Forge) -> Vec<Value> {
    let header = written(&Cbor::Array(vote.header.clone()));
    let mut flipped = vote.signature();
    flipped[0] ^= 1;
    let mut other = vote.clone();
    other.signer = 99;
    let mut elsewhere = vote.clone();
    elsewhere.domain = Domain::Cosign;
    let mut neutral_key = [0; 32];
    neutral_key[0] = 1;
    let neutral = vote.clone().with(KEY, neutral_key.to_vec());
    let neutral_header = written(&Cbor::Array(neutral.header.clone()));
    // p + 1: the neutral element again, in an encoding above the field's prime.
    let mut above = [0xff; 32];
    (above[0], above[31]) = (0xee, 0x7f);
    let above = vote.clone().with(KEY, above.to_vec());
    let above_header = written(&Cbor::Array(above.header.clone()));
    let refused = |name, bytes: Vec<u8>| entry(name, "signature", &bytes);
    vec![
        refused("one bit of the signature changed", vote.assembled(header.clone(), flipped)),
        refused("signed by another key", vote.assembled(header.clone(), other.signature())),
        refused("signed in another domain", vote.assembled(header.clone(), elsewhere.signature())),
        refused("S with the group's order added", vote.assembled(header.clone(), with_high_s(&vote.signature()))),
        refused("all zeros", vote.assembled(header, vec![0; 64])),
        refused(
            "the neutral element as key, and a signature that fits it",
            neutral.assembled(neutral_header, neutral_signature().0.to_vec()),
        ),
        refused("the same key in a second encoding", above.assembled(above_header, neutral_signature().0.to_vec())),
    ]
}

/// Envelopes that decoding or verifying refuses, with the reason.
pub fn envelopes() -> Value {
    let cast = Cast::new();
    let envelopes = cast.envelopes();
    let (_, vote) = envelopes.iter().find(|(name, _)| *name == "vote up").unwrap();
    let forge = Forge::of(vote, cast::ADA[0]);
    let good = vote.bytes().to_vec();
    assert_eq!(forge.signed(), good);
    let refused = [malformed(&forge, &good), false_parts(&forge, &good), false_signatures(&forge)].concat();
    json!({ "good": hex(&good), "refused": refused })
}

fn salted(fields: &[Cbor]) -> Vec<u8> {
    let salt = Cbor::Bytes(vec![0x5a; 16]);
    written(&Cbor::Array([&[salt], fields].concat()))
}

/// Canonical bodies of verified envelopes that do not fit their kind: void in the views, admitted all the same.
pub fn bodies() -> Value {
    let text = |text: &str, times: usize| Cbor::Text(text.repeat(times));
    let id = |byte: u8| Cbor::Bytes(vec![byte; 32]);
    let list = |entries: Vec<Cbor>| written(&Cbor::Array(entries));
    let settings = |at: usize, value: Cbor| {
        let mut fields = vec![Cbor::Null; 8];
        fields[at] = value;
        list(fields)
    };
    let head = |seq: u64| Cbor::Array(vec!["c/general".into(), id(1), 0.into(), seq.into(), id(2)]);
    let presence = |agent: u8| Cbor::Array(vec![id(agent), 1.into()]);
    let cases: Vec<(&str, Kind, &str, Vec<u8>)> = vec![
        ("a post without a title", Kind::POST, "length", salted(&[0.into(), text("", 1), text("x", 1), Cbor::Null])),
        (
            "a title of 301 characters",
            Kind::POST,
            "length",
            salted(&[0.into(), text("ä", 301), text("x", 1), Cbor::Null]),
        ),
        (
            "a text of 46 KiB and a byte",
            Kind::POST,
            "length",
            salted(&[0.into(), text("t", 1), text("ää", 11_777), Cbor::Null]),
        ),
        (
            "a text of 40,001 characters",
            Kind::POST,
            "length",
            salted(&[0.into(), text("t", 1), text("x", 40_001), Cbor::Null]),
        ),
        (
            "an address of 2,049 bytes",
            Kind::POST,
            "length",
            salted(&[1.into(), text("t", 1), text("", 1), text("u", 2_049)]),
        ),
        ("a post of type 3", Kind::POST, "form", salted(&[3.into(), text("t", 1), text("x", 1), Cbor::Null])),
        ("a post without its address's place", Kind::POST, "form", salted(&[0.into(), text("t", 1), text("x", 1)])),
        ("a comment of nothing", Kind::COMMENT, "length", salted(&[id(1), id(1), 0.into(), text("", 1)])),
        (
            "a comment of 10,001 characters",
            Kind::COMMENT,
            "length",
            salted(&[id(1), id(1), 0.into(), text("é", 10_001)]),
        ),
        ("a comment of depth 65", Kind::COMMENT, "value", salted(&[id(1), id(1), 65.into(), text("x", 1)])),
        ("a vote of 2", Kind::VOTE, "value", list(vec![id(1), 2.into()])),
        ("a vote on 31 bytes", Kind::VOTE, "form", list(vec![Cbor::Bytes(vec![0; 31]), 1.into()])),
        ("a vote that is a post's tombstone", Kind::VOTE, "form", list(vec![id(1)])),
        (
            "a subscription to an agent",
            Kind::SUBSCRIBE,
            "value",
            list(vec![format!("a/{}", "a".repeat(52)).into(), true.into()]),
        ),
        ("a follow that is neither on nor off", Kind::FOLLOW, "form", list(vec![id(1), Cbor::Null])),
        (
            "two avatars",
            Kind::PROFILE,
            "form",
            list(vec![Cbor::Null, Cbor::Null, Cbor::Null, Cbor::Array(vec![id(1), id(2)])]),
        ),
        (
            "a display name of 65 characters",
            Kind::PROFILE,
            "length",
            list(vec![text("n", 65), Cbor::Null, Cbor::Null, Cbor::Null]),
        ),
        (
            "metadata of 8 KiB and a byte",
            Kind::PROFILE,
            "length",
            list(vec![Cbor::Null, Cbor::Null, text("m", 8_193), Cbor::Null]),
        ),
        (
            "a checkpoint's heads out of order",
            Kind::CHECKPOINT,
            "value",
            list(vec![Cbor::Array(vec![head(2), head(1)]), Cbor::Null]),
        ),
        ("a head named twice", Kind::KEEP, "value", list(vec![Cbor::Array(vec![head(1), head(1)])])),
        ("257 heads", Kind::KEEP, "form", list(vec![Cbor::Array((0..257).map(head).collect())])),
        ("a charter without a name", Kind::CHARTER, "length", list(vec![text("", 1), text("", 1), false.into()])),
        ("a colour that is none", Kind::SETTINGS, "length", settings(3, "#00aaf".into())),
        ("settings with two banners", Kind::SETTINGS, "form", settings(6, Cbor::Array(vec![id(1), id(2)]))),
        ("an empty rule", Kind::SETTINGS, "length", settings(7, Cbor::Array(vec!["".into()]))),
        ("21 rules", Kind::SETTINGS, "form", settings(7, Cbor::Array(vec!["r".into(); 21]))),
        ("a grant of nothing", Kind::GRANT, "value", list(vec![id(1), 0.into()])),
        ("a grant of a power that is unknown", Kind::GRANT, "value", list(vec![id(1), 32.into()])),
        (
            "a withdrawal that names heads out of order",
            Kind::WITHDRAW,
            "value",
            list(vec![id(1), Cbor::Array(vec![head(2), head(1)])]),
        ),
        ("a deed that is unknown", Kind::ACTION, "form", list(vec![Cbor::Null, 6.into(), id(1), "r".into()])),
        ("a removal without a rule", Kind::ACTION, "length", list(vec![Cbor::Null, 0.into(), id(1), "".into()])),
        ("a rule of 501 characters", Kind::ACTION, "length", list(vec![Cbor::Null, 1.into(), id(1), text("r", 501)])),
        ("a report without a reason", Kind::REPORT, "length", salted(&[id(1), "".into()])),
        ("presence for longer than ten minutes", Kind::PRESENCE, "value", list(vec![601.into(), Cbor::Array(vec![])])),
        (
            "presence out of order",
            Kind::PRESENCE,
            "value",
            list(vec![60.into(), Cbor::Array(vec![presence(2), presence(1)])]),
        ),
        (
            "presence of a state that is unknown",
            Kind::PRESENCE,
            "form",
            list(vec![60.into(), Cbor::Array(vec![Cbor::Array(vec![id(1), 3.into()])])]),
        ),
    ];
    let refused: Vec<_> = cases
        .into_iter()
        .map(|(name, kind, expected, body)| {
            assert_eq!(cbor::check(&body), Ok(()), "{name} is not canonical");
            let reason = match Body::decode(kind, &body) {
                Ok(_) => "none",
                Err(BodyError::Form(_)) => "form",
                Err(BodyError::Length { .. }) => "length",
                Err(BodyError::Value { .. }) => "value",
            };
            assert_eq!(reason, expected, "{name}");
            json!({ "name": name, "kind": kind.0, "reason": expected, "body": hex(body) })
        })
        .collect();
    json!({ "refused": refused })
}
