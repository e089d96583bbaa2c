//! Canonical form, item by item.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;

#[track_caller]
fn refuses(bytes: &[u8], expected: &CborError) {
    assert_eq!(check(bytes).as_ref(), Err(expected));
}

fn not_canonical(at: usize, what: &'static str) -> CborError {
    CborError::NotCanonical { at, what }
}

#[test]
fn canonical_items_pass() {
    for good in [
        &[0x00][..],
        &[0x17],
        &[0x18, 0x18],
        &[0x19, 0x01, 0x00],
        &[0x1a, 0, 1, 0, 0],
        &[0x1b, 0, 0, 0, 1, 0, 0, 0, 0],
        &[0x20],
        &[0x3b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        &[0x40],
        &[0x42, 1, 2],
        &[0x60],
        "\u{62}ä".as_bytes(),
        &[0x80],
        &[0x82, 0x80, 0x81, 0xf6],
        &[0xf4],
        &[0xf5],
    ] {
        assert_eq!(check(good), Ok(()), "{good:02x?}");
    }
}

#[test]
fn longer_integers_than_needed_are_refused() {
    let longer = not_canonical(0, "an integer or length is not in its shortest form");
    for bytes in
        [&[0x18, 0x17][..], &[0x19, 0, 0xff], &[0x1a, 0, 0, 0xff, 0xff], &[0x1b, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]]
    {
        refuses(bytes, &longer);
        // The same for the length of bytes, of a text and of a list.
        for major in [0x40, 0x60, 0x80] {
            let head = [&[bytes[0] | major], &bytes[1..]].concat();
            refuses(&head, &longer);
        }
    }
}

#[test]
fn types_without_a_place_are_refused() {
    refuses(&[0xa0], &not_canonical(0, "a map"));
    refuses(&[0x81, 0xc0, 0x00], &not_canonical(1, "a tag"));
    refuses(&[0x9f, 0xff], &not_canonical(0, "an indefinite length"));
    refuses(&[0x5f, 0xff], &not_canonical(0, "an indefinite length"));
    for simple in [&[0xf7][..], &[0xf9, 0, 0], &[0xfa, 0, 0, 0, 0], &[0xf8, 0x20], &[0xe0], &[0xff]] {
        refuses(simple, &not_canonical(0, "a float or an unassigned simple value"));
    }
    refuses(&[0x1c], &not_canonical(0, "a reserved additional information"));
    refuses(&[0x61, 0xff], &not_canonical(0, "a text is not UTF-8"));
}

#[test]
fn what_is_cut_or_too_long_is_refused() {
    refuses(&[], &CborError::Truncated { at: 0 });
    refuses(&[0x82, 0x00], &CborError::Truncated { at: 0 });
    refuses(&[0x42, 0x00], &CborError::Truncated { at: 0 });
    refuses(&[0x82, 0x00, 0x19], &CborError::Truncated { at: 2 });
    refuses(&[0x5b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], &CborError::Truncated { at: 0 });
    refuses(&[0x00, 0x00, 0x00], &CborError::Trailing { count: 2 });
    assert_eq!(decode::<u64>(&[0x18, 0x18], 1), Err(CborError::TooLong { seen: 2, allowed: 1 }));
}

#[test]
fn sixteen_levels_are_read_and_seventeen_refused() {
    let nested = |levels: usize| [vec![0x81; levels], vec![0x00]].concat();
    assert_eq!(check(&nested(16)), Ok(()));
    refuses(&nested(17), &not_canonical(16, "nested too deep"));
    // A frame of nothing but levels ends where the limit is.
    refuses(&vec![0x81; 60_000], &not_canonical(16, "nested too deep"));
}

#[test]
fn another_shape_is_refused() {
    assert_eq!(decode::<(u8, u8)>(&[0x82, 1, 2], 3), Ok((1, 2)));
    assert_eq!(decode::<(u8, u8)>(&[0x83, 1, 2, 3], 9), Err(CborError::Shape));
    assert_eq!(decode::<(u8, u8)>(&[0x81, 1], 9), Err(CborError::Shape));
    assert_eq!(decode::<u8>(&[0x19, 1, 0], 9), Err(CborError::Shape));
    assert_eq!(decode::<String>(&[0x41, 0x61], 9), Err(CborError::Shape));
}

#[test]
fn a_list_ends_where_its_limit_is() {
    #[derive(Debug, PartialEq, serde_tuple::Serialize_tuple, serde_tuple::Deserialize_tuple)]
    struct Two {
        #[serde(deserialize_with = "list::<_, _, 2>")]
        entries: Vec<u8>,
        #[serde(deserialize_with = "optional_list::<_, _, 1>")]
        some: Option<Vec<u8>>,
    }
    let good = Two { entries: vec![1, 2], some: Some(vec![3]) };
    assert_eq!(decode::<Two>(&encode(&good), 99), Ok(good));
    let none = Two { entries: vec![], some: None };
    assert_eq!(decode::<Two>(&encode(&none), 99), Ok(none));
    assert_eq!(decode::<Two>(&encode(&Two { entries: vec![1, 2, 3], some: None }), 99), Err(CborError::Shape));
    assert_eq!(decode::<Two>(&encode(&Two { entries: vec![], some: Some(vec![1, 2]) }), 99), Err(CborError::Shape));
}
