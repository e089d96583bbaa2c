//! Nobody but the store takes an envelope for verified without verifying it.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

use std::fs;
use std::path::Path;

fn sources(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("target") {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push((path.display().to_string(), fs::read_to_string(&path).unwrap()));
        }
    }
}

#[test]
fn only_the_store_takes_envelopes_as_verified() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap();
    let mut files = Vec::new();
    for room in ["crates", "node", "tests", "protocol"].map(|room| root.join(room)).iter().filter(|room| room.exists())
    {
        sources(room, &mut files);
    }
    let callers: Vec<_> =
        files.iter().filter(|(_, text)| text.contains("from_own_store(")).map(|(path, _)| path).collect();
    let allowed = ["crates/store/", "protocol/src/envelope/mod.rs", "protocol/tests/forgery.rs"];
    for caller in callers {
        assert!(
            allowed.iter().any(|allowed| caller.contains(allowed)),
            "{caller} calls Verified::from_own_store; only crates/store may: verify what comes from anywhere else"
        );
    }
}
