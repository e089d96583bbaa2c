//! Presence: who is believed, for how long.
#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use tidepool_protocol::body::{BodyOf, PresenceEntry};
use tidepool_protocol::{Draft, Epoch, NetworkGenesis, Scope, SecretKey, Slot, Verified};

const AGENT: AgentId = AgentId([1; 32]);
const HOME: AuthorId = AuthorId([9; 32]);

fn batch(
    author: AuthorId,
    time: u64,
    ttl_s: u64,
    agents: &[(AgentId, PresenceState)],
) -> (Verified<Envelope>, Presence) {
    let agents = agents.iter().map(|(agent, state)| PresenceEntry { agent: *agent, state: *state }).collect();
    let body = Presence { ttl_s, agents };
    let draft = Draft {
        network: NetworkGenesis::development().id(),
        author,
        auth: EnvelopeId::ZERO,
        scope: Scope::Presence(Slot::new(3).unwrap()),
        epoch: Epoch(0),
        seq: 0,
        prev: None,
        time_ms: TimeMs(time),
        kind: Presence::KIND,
        body: body.encode().unwrap(),
    };
    (draft.sign(&SecretKey::from_seed([5; 32])), body)
}

fn note(board: &mut Board, (envelope, presence): (Verified<Envelope>, Presence), now: u64) {
    board.note(&envelope, &presence, TimeMs(now));
}

#[test]
fn presence_ends_with_its_time_to_live() {
    let mut board = Board::default();
    note(&mut board, batch(HOME, 1_000, 60, &[(AGENT, PresenceState::Online)]), 1_000);
    assert_eq!(board.of(AGENT, HOME, TimeMs(60_999)), PresenceState::Online);
    assert_eq!(board.of(AGENT, HOME, TimeMs(61_000)), PresenceState::Offline);
    board.expire(TimeMs(61_000));
    assert!(board.is_empty());
    note(&mut board, batch(HOME, 1_000, 60, &[(AGENT, PresenceState::Online)]), 70_000);
    assert!(board.is_empty(), "what is over already is not taken");
}

#[test]
fn the_later_batch_counts_in_whatever_order_they_come() {
    let (early, late) = (
        batch(HOME, 1_000, 60, &[(AGENT, PresenceState::Online)]),
        batch(HOME, 2_000, 60, &[(AGENT, PresenceState::Idle)]),
    );
    for order in [[early.clone(), late.clone()], [late, early]] {
        let mut board = Board::default();
        for said in order {
            note(&mut board, said, 2_500);
        }
        assert_eq!(board.of(AGENT, HOME, TimeMs(3_000)), PresenceState::Idle);
        assert_eq!(board.len(), 1);
    }
}

#[test]
fn only_the_home_is_believed() {
    let mut board = Board::default();
    note(&mut board, batch(AuthorId([8; 32]), 1_000, 60, &[(AGENT, PresenceState::Online)]), 1_000);
    assert_eq!(board.of(AGENT, HOME, TimeMs(2_000)), PresenceState::Offline);
}

#[test]
fn a_full_board_lets_go_of_what_expires_first() {
    let mut board = Board::with_room_for(2);
    for (number, ttl) in [(1, 30), (2, 10), (3, 20)] {
        note(&mut board, batch(HOME, 1_000, ttl, &[(AgentId([number; 32]), PresenceState::Online)]), 1_000);
    }
    assert_eq!(board.len(), 2);
    assert_eq!(board.of(AgentId([2; 32]), HOME, TimeMs(2_000)), PresenceState::Offline);
    assert_eq!(board.of(AgentId([3; 32]), HOME, TimeMs(2_000)), PresenceState::Online);
}
