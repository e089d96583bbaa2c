//! The marker survives a write cut in two.
#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;

fn acknowledged(batch: u64) -> Acknowledged {
    Acknowledged { batch, cursor: Cursor(batch * 10) }
}

#[test]
fn the_newest_slot_counts_and_the_older_one_when_that_is_torn() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("acknowledged");
    let (mut marker, found) = Marker::open(&path).unwrap();
    assert_eq!(found, Acknowledged::default());
    for batch in 1..=5 {
        marker.write(acknowledged(batch)).unwrap();
        assert_eq!(Marker::open(&path).unwrap().1, acknowledged(batch));
    }
    let whole = std::fs::read(&path).unwrap();
    let torn = (0..whole.len()).filter(|at| {
        let mut bytes = whole.clone();
        bytes[*at] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        let found = Marker::open(&path).unwrap().1;
        assert!(found == acknowledged(5) || found == acknowledged(4), "byte {at}: {found:?}");
        found == acknowledged(4)
    });
    assert_eq!(torn.count(), SLOT_BYTES);
    std::fs::write(&path, "").unwrap();
    assert_eq!(Marker::open(&path).unwrap().1, Acknowledged::default());
}
