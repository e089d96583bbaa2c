//! The golden vectors under `tests/vectors/`: made anew in every run and compared with the files.
//!
//! A byte that changes here is a change of the protocol: of its version, of these files, of `docs/PROTOCOL.md`, with an
//! ADR. `TIDEPOOL_BLESS=1 cargo test -p tidepool-protocol --test vectors` writes the files anew;
//! `tests/vectors/check.py` reads them with other libraries.
#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods)]

mod cast;
mod made;

use serde_json::Value;
use std::fs;
use std::path::Path;

#[track_caller]
fn check(name: &str, made: &Value) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors").join(name);
    if std::env::var_os("TIDEPOOL_BLESS").is_some() {
        fs::write(&path, serde_json::to_string_pretty(made).unwrap() + "\n").unwrap();
    }
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let kept: Value = serde_json::from_str(&text).unwrap();
    if let Some(place) = first_difference(&kept, made, String::new()) {
        panic!("{name} differs from what this code makes, first at {place}");
    }
}

/// Where two documents differ first, as a path.
fn first_difference(kept: &Value, made: &Value, place: String) -> Option<String> {
    match (kept, made) {
        (Value::Object(kept), Value::Object(made)) if kept.keys().eq(made.keys()) => {
            kept.iter().find_map(|(name, value)| first_difference(value, &made[name], format!("{place}/{name}")))
        }
        (Value::Array(kept), Value::Array(made)) if kept.len() == made.len() => (kept.iter().zip(made).enumerate())
            .find_map(|(at, (kept, made))| first_difference(kept, made, format!("{place}/{at}"))),
        _ if kept == made => None,
        _ => Some(format!("{place}: {kept} kept, {made} made")),
    }
}

#[test]
fn networks_are_as_kept() {
    check("network.json", &made::plain::network());
}

#[test]
fn texts_are_as_kept() {
    check("texts.json", &made::plain::texts());
}

#[test]
fn fingerprints_of_sets_are_as_kept() {
    check("sets.json", &made::plain::sets());
}

#[test]
fn messages_of_anti_entropy_are_as_kept() {
    check("sync.json", &made::plain::sync());
}

#[test]
fn envelopes_of_every_kind_are_as_kept() {
    check("envelopes.json", &made::envelopes::envelopes());
}

#[test]
fn bundles_are_as_kept() {
    check("bundles.json", &made::envelopes::bundles());
}

#[test]
fn warrants_are_as_kept() {
    check("warrants.json", &made::warrants::warrants());
}

#[test]
fn identities_and_their_operations_are_as_kept() {
    check("identities.json", &made::identities::identities());
}

#[test]
fn refused_envelopes_are_as_kept() {
    check("refused_envelopes.json", &made::refused::envelopes());
}

#[test]
fn refused_bodies_are_as_kept() {
    check("refused_bodies.json", &made::refused::bodies());
}

#[test]
fn refused_operations_are_as_kept() {
    check("refused_operations.json", &made::refused_operations::operations());
}

#[test]
fn every_kind_has_a_vector() {
    let envelopes = made::envelopes::envelopes();
    let identities = made::identities::identities();
    let listed = [&envelopes["envelopes"], &identities["geneses"], &identities["operations"]];
    for (kind, name) in tidepool_protocol::Kind::KNOWN {
        let found = listed.iter().any(|list| list.as_array().unwrap().iter().any(|entry| entry["kind"] == kind.0));
        assert!(found, "no vector of {name}");
    }
}
