//! What of the outbox is offered when, and when its rows go.
#![allow(clippy::unwrap_used)]

use super::*;
use tidepool_protocol::{EnvelopeId, Slot};

const NOW: TimeMs = TimeMs(1_000_000_000);

fn item(cursor: u64, slot: u16, age_ms: u64) -> Item {
    Item {
        cursor: Cursor(cursor),
        topic: Topic::Ctl,
        tree: Tree { slot: Slot::new(slot).unwrap(), class: Class::State },
        point: Point { time_ms: TimeMs(NOW.0 - age_ms), id: EnvelopeId([1; 32]) },
    }
}

fn gone(row: u64) -> Vec<RowWrite> {
    vec![RowWrite { key: row_key(Cursor(row)), value: None }]
}

#[test]
fn a_row_goes_when_all_of_it_is_done() {
    let mut outbox = Outgoing::new(100);
    let items = [item(1, 0, 0), item(2, 0, 0), item(3, 0, 0)];
    assert_eq!(outbox.add(Cursor(1), &items, true), []);
    assert_eq!(outbox.published(&[Cursor(1), Cursor(3)], PublishOutcome::Sent), []);
    assert_eq!(outbox.published(&[Cursor(2)], PublishOutcome::NoPeers), []);
    assert_eq!(outbox.offer(None, NOW, 10), [Cursor(2)]);
    assert_eq!(outbox.offer(None, NOW, 10), [], "it is on its way");
    assert_eq!(outbox.published(&[Cursor(2)], PublishOutcome::Sent), gone(1));
    assert_eq!(outbox.len(), 0);
}

#[test]
fn what_gossip_cannot_carry_goes_when_a_peers_digest_covers_it() {
    let mut outbox = Outgoing::new(100);
    outbox.add(Cursor(1), &[item(1, 3, 0)], true);
    outbox.add(Cursor(2), &[item(2, 4, 0)], true);
    outbox.add(Cursor(3), &[item(3, 4, GOSSIP_AGE_MS_MAX + 1)], false);
    outbox.published(&[Cursor(1)], PublishOutcome::Duplicate);
    outbox.published(&[Cursor(2)], PublishOutcome::QueuesFull);
    assert_eq!(outbox.offer(None, NOW, 10), [], "full queues, doubles and old ones are left to sync");
    let tree = item(0, 4, 0).tree;
    let recent = Range { from: Point { time_ms: NOW, id: EnvelopeId::ZERO }, to: None };
    assert_eq!(outbox.covered_range(tree, &recent), gone(2));
    assert_eq!(outbox.covered_range(tree, &Range::ALL), gone(3));
    let everything = SlotRun { first: Slot::new(0).unwrap(), last: Slot::CTL, class: tree.class, from: TimeMs(0) };
    assert_eq!(outbox.covered(&SlotRun { first: Slot::CTL, ..everything }), []);
    assert_eq!(outbox.covered(&everything), gone(1));
}

#[test]
fn the_oldest_are_left_to_sync_when_it_is_full() {
    let mut outbox = Outgoing::new(2);
    outbox.add(Cursor(1), &[item(1, 0, 0)], true);
    outbox.add(Cursor(2), &[item(2, 0, 0)], true);
    assert_eq!(outbox.add(Cursor(3), &[item(3, 0, 0)], true), gone(1));
    assert_eq!(outbox.len(), 2);
}

#[test]
fn a_row_reads_as_it_was_written() {
    let cursors = [Cursor(5), Cursor(u64::MAX)];
    let row = row(&cursors).unwrap();
    assert_eq!(row.key, row_key(Cursor(5)));
    assert_eq!(read_row(&row.value.unwrap()), cursors);
    assert_eq!(super::row(&[]), None);
}
