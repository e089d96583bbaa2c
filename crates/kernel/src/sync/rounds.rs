//! When sessions begin, and when they end although nobody ended them.

use crate::custody::Custody;
use crate::input::Timer;
use crate::node::Node;
use crate::peer::Peer;
use crate::store::{Store, StoreError};

use super::session::Session;

/// The least time between two rounds that gossip's drops cause.
const DROP_ROUND_MS: u64 = 1_000;

/// A session ends after this whatever it brings, so that a peer whose lists never end holds no place for ever. What it
/// brought stays, and the next one goes on from there.
const SESSION_MS_MAX: u64 = 15 * 60 * 1_000;

/// Peers of one round.
const ROUND_PEERS: usize = 2;

impl<S: Store, C: Custody> Node<S, C> {
    /// Sessions that waited for identities go on; a drop of gossip begins a round.
    pub(crate) fn syncing_turn_ended(&mut self) -> Result<(), StoreError> {
        let now = self.steady;
        let stalled: Vec<Peer> = self
            .syncing
            .sessions
            .iter()
            .filter(|(_, session)| session.is_stalled(now))
            .map(|(peer, _)| *peer)
            .collect();
        for peer in stalled {
            self.advance(peer)?;
        }
        if self.syncing.dropped && !self.connected.is_empty() {
            if self.steady.since_ms(self.syncing.last_round) >= DROP_ROUND_MS {
                return self.begin_round();
            }
            self.syncing.next_round = self.syncing.next_round.min(self.syncing.last_round.plus_ms(DROP_ROUND_MS));
            self.syncing.dropped = false;
            return self.set_round_timer();
        }
        Ok(())
    }

    fn begin_round(&mut self) -> Result<(), StoreError> {
        self.syncing.dropped = false;
        self.syncing.last_round = self.steady;
        self.syncing.next_round = self.steady.plus_ms(self.settings.anti_entropy_ms);
        self.set_round_timer()?;
        for peer in self.some_peers(ROUND_PEERS) {
            self.begin_session(peer)?;
        }
        Ok(())
    }

    pub(super) fn set_round_timer(&mut self) -> Result<(), StoreError> {
        let resumes =
            self.syncing.sessions.values().map(|session| session.resume).filter(|resume| *resume > self.steady);
        let at = resumes.chain([self.syncing.next_round]).min().unwrap_or(self.steady);
        self.set_timer(Timer::AntiEntropy, at.max(self.steady.plus_ms(1)));
        Ok(())
    }

    pub(crate) fn on_anti_entropy_timer(&mut self) -> Result<(), StoreError> {
        let (now, idle_ms) = (self.steady, self.settings.limits.session_idle_ms);
        let sessions = &self.syncing.sessions;
        let is_over = |session: &Session| {
            now.since_ms(session.progress) > idle_ms || now.since_ms(session.began) > SESSION_MS_MAX
        };
        let over: Vec<Peer> = sessions.iter().filter(|(_, session)| is_over(session)).map(|(peer, _)| *peer).collect();
        for peer in over {
            self.end_session(&peer)?;
        }
        let going: Vec<Peer> = self.syncing.sessions.keys().copied().collect();
        for peer in going {
            self.advance(peer)?;
        }
        if self.steady >= self.syncing.next_round { self.begin_round() } else { self.set_round_timer() }
    }
}
