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
}

impl Defect {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::CountsOnly,
        Self::SpeaksEarly,
        Self::FirstTwoHeld,
        Self::EvictedCounted,
        Self::PendingUnbounded,
        Self::WrittenTwice,
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
