//! The limits of a bundle, one step within and one beyond.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;

fn of(lengths: &[usize], identities: &[usize]) -> Bundle {
    let items = |lengths: &[usize]| lengths.iter().map(|length| Bytes::from(vec![7; *length])).collect();
    Bundle { envelopes: items(lengths), identities: items(identities) }
}

#[test]
fn a_bundle_of_128_is_read_and_one_of_129_refused() {
    let full = of(&[1; 120], &[1; 8]);
    assert_eq!(Bundle::decode(&full.encode()), Ok(full));
    assert_eq!(Bundle::decode(&of(&[1; 129], &[]).encode()), Err(BundleError::TooMany(129)));
    assert_eq!(Bundle::decode(&of(&[1; 120], &[1; 9]).encode()), Err(BundleError::TooMany(9)));
}

#[test]
fn a_bundle_is_no_longer_than_its_limit() {
    let half = BUNDLE_BYTES_MAX / 2 - 5;
    let full = of(&[half, half], &[]);
    assert!(full.encode().len() <= BUNDLE_BYTES_MAX);
    assert_eq!(Bundle::decode(&full.encode()), Ok(full));
    let over = of(&[half + 2, half + 2], &[]).encode();
    let error = CborError::TooLong { seen: over.len(), allowed: BUNDLE_BYTES_MAX };
    assert_eq!(Bundle::decode(&over), Err(error.into()));
    let long = of(&[ENVELOPE_BYTES_MAX + 1], &[]).encode();
    let error = CborError::TooLong { seen: ENVELOPE_BYTES_MAX + 1, allowed: ENVELOPE_BYTES_MAX };
    assert_eq!(Bundle::decode(&long), Err(error.into()));
}

#[test]
fn an_empty_bundle_is_none() {
    assert_eq!(Bundle::decode(&Bundle::default().encode()), Err(CborError::Shape.into()));
}

#[test]
fn another_version_is_named_whatever_follows() {
    assert_eq!(Bundle::decode(&Bytes::from_static(&[0x82, 0x02, 0xf6])), Err(BundleError::Version(2)));
}

#[test]
fn parts_are_slices_of_the_frame() {
    let frame = of(&[5], &[6]).encode();
    let read = Bundle::decode(&frame).unwrap();
    let within = |part: &Bytes| frame.as_ptr_range().contains(&part.as_ptr());
    assert!(within(&read.envelopes[0]) && within(&read.identities[0]));
}

#[test]
fn the_foreseen_length_is_never_below_the_true_one() {
    for lengths in [&[][..], &[0], &[23], &[24], &[255], &[256], &[600; 24], &[1; 128]] {
        let bundle = of(lengths, &[40]);
        let length = bundle.encode().len();
        assert!((length..=length + 4).contains(&bundle.encoded_len()), "{} for {length}", bundle.encoded_len());
    }
}
