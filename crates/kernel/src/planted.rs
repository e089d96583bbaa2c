//! Defects that are put in on purpose, behind the feature `planted`, to see that the simulator's checkers find them.
//!
//! Without the feature nothing here can be asked for, and each question is answered `false` when the crate is built.

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Defect {
    /// Digests are compared by their counts alone.
    CountsOnly,
    /// What waits for the disk is said at once.
    SpeaksEarly,
    /// Of many envelopes at one position the first two that came stay, not the two with the lowest ids.
    FirstTwoHeld,
    /// Envelopes that leave the log are counted in its digests all the same.
    EvictedCounted,
    /// What waits for identities is not bounded.
    PendingUnbounded,
    /// An envelope that an identity let in is written again when its own frame is.
    WrittenTwice,
    /// What waits in the outbox waits although a peer's digest covers it.
    OutboxForEver,
    /// A log that is read from a cursor on is held to what the peer promised of the whole.
    CursorIsStart,
    /// Peers are not told how far content was pruned.
    HorizonUnsaid,
    /// What peers say that they cover is not listened to.
    HorizonDeaf,
    /// The mark that a restore left is not read.
    RestoreForgotten,
    /// A gap that is filled is asked for all the same.
    FilledGapAsked,
    /// Of what negentropy finds lacking the last one is forgotten.
    LastNeedForgotten,
    /// A peer that does not answer is blocked.
    SilentBlocked,
    /// Of a `keep` the header is stored, and not what it says.
    KeepUnread,
    /// A horizon lies a day behind where it should.
    HorizonDayLate,
}

impl Defect {
    /// All of them.
    pub const ALL: [Self; 16] = [
        Self::CountsOnly,
        Self::SpeaksEarly,
        Self::FirstTwoHeld,
        Self::EvictedCounted,
        Self::PendingUnbounded,
        Self::WrittenTwice,
        Self::OutboxForEver,
        Self::CursorIsStart,
        Self::HorizonUnsaid,
        Self::HorizonDeaf,
        Self::RestoreForgotten,
        Self::FilledGapAsked,
        Self::LastNeedForgotten,
        Self::SilentBlocked,
        Self::KeepUnread,
        Self::HorizonDayLate,
    ];
}

/// The defect of one node.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Planted(Option<Defect>);

impl Planted {
    pub(crate) fn is(self, defect: Defect) -> bool {
        cfg!(feature = "planted") && self.0 == Some(defect)
    }
}

#[cfg(feature = "planted")]
impl<S: crate::Store, C: crate::Custody> crate::Node<S, C> {
    /// Puts a defect in. To be called before the first input.
    pub fn plant(&mut self, defect: Defect) {
        self.planted = Planted(Some(defect));
        if defect == Defect::PendingUnbounded {
            let limits = &self.settings.limits;
            self.pending = crate::pending::PendingQueue::new(crate::pending::Bounds {
                count: usize::MAX,
                bytes: usize::MAX,
                peer_share: 1,
                age_ms: limits.pending_ms_max,
            });
        }
    }
}
