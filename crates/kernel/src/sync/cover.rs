//! What a node covers: which slots it holds, and content from when on. Two nodes compare what both cover.

use crate::settings::Coverage;
use tidepool_protocol::limits::SLOTS;
use tidepool_protocol::sync::{Class, HORIZONS_MAX, Horizon, SlotRun};
use tidepool_protocol::{Envelope, NetworkGenesis, Slot, TimeMs};

/// Slots, `ctl` among them.
const ALL: usize = SLOTS as usize + 1;

/// Disjoint horizons, ascending, the fewest that say it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cover(Vec<Horizon>);

impl Cover {
    /// All slots of `coverage`, whole.
    #[must_use]
    pub fn of(coverage: &Coverage, genesis: &NetworkGenesis) -> Self {
        let whole = |(first, last)| Horizon { first, last, from: TimeMs(0) };
        Self::new(coverage.runs(genesis).into_iter().map(whole))
    }

    /// What these say together; of two about one slot the later time counts, so that nothing is promised that one of
    /// them does not hold.
    #[must_use]
    pub fn new(horizons: impl IntoIterator<Item = Horizon>) -> Self {
        let mut of_slots = [None; ALL];
        for Horizon { first, last, from } in horizons {
            let slots = usize::from(first.number())..=usize::from(last.number());
            for slot in of_slots.get_mut(slots).unwrap_or_default() {
                *slot = Some(slot.map_or(from, |other: TimeMs| other.max(from)));
            }
        }
        Self::from_slots(&of_slots)
    }

    fn from_slots(of_slots: &[Option<TimeMs>; ALL]) -> Self {
        let mut horizons: Vec<Horizon> = Vec::new();
        for (number, from) in (0..).zip(of_slots) {
            let Some((slot, from)) = Slot::new(number).zip(*from) else { continue };
            match horizons.last_mut() {
                Some(last) if last.from == from && last.last.number() + 1 == number => last.last = slot,
                Some(_) | None => horizons.push(Horizon { first: slot, last: slot, from }),
            }
        }
        // Who has more says less of what it holds; the last one is `ctl`, which nobody leaves out.
        while horizons.len() > HORIZONS_MAX {
            horizons.remove(HORIZONS_MAX - 1);
        }
        Self(horizons)
    }

    fn slots(&self) -> [Option<TimeMs>; ALL] {
        let mut of_slots = [None; ALL];
        for Horizon { first, last, from } in &self.0 {
            let slots = usize::from(first.number())..=usize::from(last.number());
            of_slots.get_mut(slots).unwrap_or_default().fill(Some(*from));
        }
        of_slots
    }

    /// The same where content of the slots of `horizons` is held from those times on only.
    #[must_use]
    pub fn pruned(&self, horizons: &[Horizon]) -> Self {
        let mut of_slots = self.slots();
        for Horizon { first, last, from } in horizons {
            let slots = usize::from(first.number())..=usize::from(last.number());
            for slot in of_slots.get_mut(slots).unwrap_or_default().iter_mut().flatten() {
                *slot = (*slot).max(*from);
            }
        }
        Self::from_slots(&of_slots)
    }

    /// What both cover.
    #[must_use]
    pub fn both(&self, other: &Self) -> Self {
        let (mut ours, theirs) = (self.slots(), other.slots());
        for (ours, theirs) in ours.iter_mut().zip(theirs) {
            *ours = ours.zip(theirs).map(|(ours, theirs)| ours.max(theirs));
        }
        Self::from_slots(&ours)
    }

    /// Its horizons, ascending.
    #[must_use]
    pub fn horizons(&self) -> &[Horizon] {
        &self.0
    }

    /// From when on content of `slot` is held; `None` when the slot is not covered.
    #[must_use]
    pub fn from(&self, slot: Slot) -> Option<TimeMs> {
        let at = self.0.partition_point(|horizon| horizon.last < slot);
        self.0.get(at).filter(|horizon| horizon.first <= slot).map(|horizon| horizon.from)
    }

    /// Whether it is everything.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        matches!(self.0[..], [Horizon { first, last: Slot::CTL, from: TimeMs(0) }] if first.number() == 0)
    }

    /// Whether `envelope` belongs to what is covered.
    #[must_use]
    pub fn includes(&self, envelope: &Envelope) -> bool {
        let header = envelope.header();
        self.from(header.slot()).is_some_and(|from| Class::of(header.kind) == Class::State || header.time_ms >= from)
    }

    /// The runs whose digests say what is held: state, then content.
    #[must_use]
    pub fn runs(&self) -> Vec<SlotRun> {
        let of = |class: Class| {
            self.0.iter().map(move |horizon| {
                let from = match class {
                    Class::State => TimeMs(0),
                    Class::Content => horizon.from,
                };
                SlotRun { first: horizon.first, last: horizon.last, class, from }
            })
        };
        of(Class::State).chain(of(Class::Content)).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use tidepool_protocol::Shard;
    use tidepool_views::testing::network;

    fn horizon(first: u16, last: u16, from: u64) -> Horizon {
        Horizon { first: Slot::new(first).unwrap(), last: Slot::new(last).unwrap(), from: TimeMs(from) }
    }

    fn check(cover: &Cover, expected: &[(u16, u16, u64)]) {
        let seen: Vec<_> = cover.0.iter().map(|of| (of.first.number(), of.last.number(), of.from.0)).collect();
        assert_eq!(seen, expected);
    }

    #[test]
    fn what_both_cover_is_held_by_both_from_the_later_time_on() {
        let archive = Cover::of(&Coverage::Archive, &network());
        check(&archive, &[(0, 1_024, 0)]);
        let shards = Cover::of(&Coverage::Shards([Shard(1), Shard(3)].into()), &network());
        check(&shards, &[(256, 511, 0), (768, 1_024, 0)]);
        check(&archive.both(&shards), &[(256, 511, 0), (768, 1_024, 0)]);
        let pruned = shards.pruned(&[horizon(0, 300, 7)]);
        check(&pruned, &[(256, 300, 7), (301, 511, 0), (768, 1_024, 0)]);
        check(
            &pruned.both(&archive.pruned(&[horizon(290, 800, 5)])),
            &[(256, 300, 7), (301, 511, 5), (768, 800, 5), (801, 1_024, 0)],
        );
        assert_eq!(pruned.from(Slot::new(256).unwrap()), Some(TimeMs(7)));
        assert_eq!(pruned.from(Slot::new(512).unwrap()), None);
        assert_eq!(pruned.from(Slot::CTL), Some(TimeMs(0)));
    }

    #[test]
    fn a_list_that_overlaps_or_never_ends_is_read_as_the_least_it_says() {
        check(&Cover::new([horizon(5, 9, 3), horizon(7, 20, 1), horizon(9, 4, 0)]), &[(5, 9, 3), (10, 20, 1)]);
        let many = Cover::new((0..=512).map(|number| horizon(number * 2, number * 2, u64::from(number))));
        assert_eq!(many.horizons().len(), HORIZONS_MAX);
        assert_eq!(many.from(Slot::CTL), Some(TimeMs(512)), "ctl is never left out");
    }

    #[test]
    fn only_content_has_a_horizon() {
        let runs = Cover::new([horizon(0, 1_024, 9)]).runs();
        assert_eq!(
            runs.iter().map(|run| (run.class, run.from.0)).collect::<Vec<_>>(),
            [(Class::State, 0), (Class::Content, 9)]
        );
    }
}
