//! The zones of a range.

use super::*;

#[test]
fn a_range_is_cut_where_its_kind_changes() {
    let cut: Vec<_> = zones(&[0x5f, 1], &[0x91]).collect();
    assert_eq!(
        cut,
        vec![
            (false, &[0x5f, 1][..], &[0x60][..]),
            (true, &[0x60], &[0x68]),
            (false, &[0x68], &[0x90]),
            (true, &[0x90], &[0x91]),
        ]
    );
    assert_eq!(zones(&[0x61], &[0x61]).count(), 0);
    assert_eq!(zones(&[0x62], &[0x61]).count(), 0);
    assert_eq!(zones(&[], &[0xff; 40]).count(), 5);
}

#[test]
fn zones_and_families_agree() {
    for family in FAMILY_MIN..=0xfe {
        for (durable, ..) in zones(&[family], &[family, 0xff]) {
            assert_eq!(durable, is_durable(family), "{family:#x}");
        }
        assert_eq!(zones(&[family], &[family, 0xff]).count(), 1);
    }
}
