//! How pages are cut.
#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;

fn rows(count: u32, value_bytes: usize) -> Vec<(Bytes, Bytes)> {
    let row = |n: u32| {
        let key = [&[0x20][..], &n.to_be_bytes()].concat();
        (Bytes::from(key), Bytes::from(vec![1; value_bytes]))
    };
    (0..count).map(row).collect()
}

#[test]
fn a_page_within_its_bound_stays_whole_and_an_empty_one_goes() {
    let writes = cut(Space::Durable, vec![3, 0x20], rows(10, 100));
    assert_eq!(writes.len(), 1);
    assert_eq!(writes[0].1.as_ref().unwrap().len(), 10);
    let writes = cut(Space::Durable, vec![3, 0x20], Vec::new());
    assert!(writes.len() == 1 && writes[0].1.is_none());
}

#[test]
fn a_page_beyond_its_bound_is_cut_into_pieces_that_join_without_gap() {
    for (count, value_bytes) in [(500, 40), (3, 5_000), (1, 50_000), (2_000, 1)] {
        let all = rows(count, value_bytes);
        let writes = cut(Space::Derived(7), Space::Derived(7).key(&[0x20]), all.clone());
        assert_eq!(writes[0].0, Space::Derived(7).key(&[0x20]), "the first piece keeps its key");
        let mut joined = Vec::new();
        for (index, (key, page)) in writes.iter().enumerate() {
            let page = page.as_ref().unwrap();
            assert!(packed_len(page) <= PAGE_BYTES_MAX || page.len() == 1);
            assert!(index == 0 || *key == Space::Derived(7).key(&page[0].0), "a piece starts at its first row");
            joined.extend(page.clone());
        }
        assert!(joined == all);
    }
}

#[test]
fn a_page_reads_back_and_one_out_of_order_or_cut_does_not() {
    let all = rows(50, 30);
    let page = Page::unpack(pack(&all)).unwrap();
    assert_eq!(page.len(), 50);
    for (at, (key, value)) in all.iter().enumerate() {
        assert_eq!((page.key(at), page.value(at)), (key.as_ref(), value.clone()));
        assert_eq!((page.below(key), page.get(key)), (at, Some(value.clone())));
        assert_eq!(page.get(&key[..4]), None);
    }
    assert_eq!((page.key(50), page.value(50)), (&[][..], Bytes::new()));
    assert_eq!(page.below(&[0xff]), 50);
    let raw = pack(&all);
    for end in 1..raw.len() {
        let whole_rows = Page::unpack(raw.slice(..end)).map(|page| page.len());
        assert!(whole_rows.is_err() || end % (raw.len() / 50) == 0, "cut at {end}");
    }
    let mut swapped = rows(3, 3);
    swapped.swap(0, 2);
    assert!(Page::unpack(pack(&swapped)).is_err());
}
