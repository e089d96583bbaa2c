//! When bundles close, and what goes with an envelope.
#![allow(clippy::unwrap_used)]

use super::*;
use tidepool_protocol::limits::ENVELOPE_BYTES_MAX;

fn announce(number: u16, length: usize) -> Announce {
    let mut id = [0; 32];
    id[..2].copy_from_slice(&number.to_be_bytes());
    Announce {
        topic: Topic::Ctl,
        id: EnvelopeId(id),
        bytes: Bytes::from(vec![7; length]),
        tracked: Some(Cursor(u64::from(number))),
        chain_of: None,
    }
}

fn tickets() -> impl FnMut() -> Ticket {
    let mut number = 0;
    move || {
        number += 1;
        Ticket(number)
    }
}

#[test]
fn a_bundle_closes_by_bytes_by_count_and_by_time() {
    let (mut bundler, mut ticket) = (Bundler::default(), tickets());
    let closed: Vec<Closed> =
        (0..40).flat_map(|number| bundler.add(&announce(number, 1_000), &[], &mut ticket)).collect();
    assert_eq!(closed.len(), 1);
    assert!((BUNDLE_BYTES_TARGET..BUNDLE_BYTES_TARGET + 1_200).contains(&closed[0].frame.len()));
    let closed: Vec<Closed> =
        (100..300).flat_map(|number| bundler.add(&announce(number, 50), &[], &mut ticket)).collect();
    assert_eq!(Bundle::decode(&closed[0].frame).unwrap().envelopes.len(), BUNDLE_ENVELOPES_MAX);
    assert_eq!(bundler.due(Steady(1_000)), Some(Steady(1_025)));
    assert_eq!(bundler.due(Steady(1_001)), None, "said once");
    assert_eq!(bundler.close_all(&mut ticket).len(), 1);
    assert_eq!(bundler.due(Steady(2_000)), None, "nothing is open");
}

#[test]
fn the_longest_envelopes_still_make_valid_frames() {
    let (mut bundler, mut ticket) = (Bundler::default(), tickets());
    let mut closed: Vec<Closed> =
        (0..3).flat_map(|number| bundler.add(&announce(number, ENVELOPE_BYTES_MAX), &[], &mut ticket)).collect();
    closed.extend(bundler.add(&announce(9, 30_000), &[], &mut ticket));
    closed.extend(bundler.add(&announce(10, ENVELOPE_BYTES_MAX), &[], &mut ticket));
    closed.extend(bundler.close_all(&mut ticket));
    let counts: Vec<usize> =
        closed.iter().map(|closed| Bundle::decode(&closed.frame).unwrap().envelopes.len()).collect();
    assert_eq!(counts.iter().sum::<usize>(), 5);
}

#[test]
fn an_identity_goes_once_and_only_where_it_fits() {
    let (mut bundler, mut ticket) = (Bundler::default(), tickets());
    let chain = [(EnvelopeId([9; 32]), Bytes::from(vec![1; 900])), (EnvelopeId([8; 32]), Bytes::from(vec![2; 900]))];
    assert!(bundler.add(&announce(1, 100), &chain, &mut ticket).is_empty());
    assert!(bundler.add(&announce(2, 100), &chain, &mut ticket).is_empty());
    assert!(bundler.add(&announce(2, 100), &chain, &mut ticket).is_empty(), "twice is once");
    let huge =
        [(EnvelopeId([7; 32]), Bytes::from(vec![1; 49_000])), (EnvelopeId([6; 32]), Bytes::from(vec![1; 49_000]))];
    let closed = bundler.add(&announce(3, 100), &huge, &mut ticket);
    let bundle = Bundle::decode(&closed[0].frame).unwrap();
    assert_eq!((bundle.envelopes.len(), bundle.identities.len()), (3, 3));
    let (topic, tracked) = bundler.published(closed[0].ticket).unwrap();
    assert_eq!((topic, tracked), (Topic::Ctl, vec![Cursor(1), Cursor(2), Cursor(3)]));
    assert!(bundler.published(closed[0].ticket).is_none());
}
