//! Every rule of admission: what just passes, and what just does not.
#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crate::effect::Verdict;
use crate::input::Invalid;
use tidepool_protocol::identity::{Change, MoveHome};
use tidepool_protocol::limits::WEEK_S;
use tidepool_protocol::{AgentId, DecodeError, Epoch, Kind, Scope, Slot, VerifyError};
use tidepool_views::testing::{T0, TestAgent, TestNode, Writer, network, secret};

struct Cast {
    rules: Rules,
    node: TestNode,
    agent: TestAgent,
    writer: Writer,
}

fn cast() -> Cast {
    let node = TestNode::new(1);
    let agent = TestAgent::new(100, "agent", &node, 2);
    let scope = "c/general".parse().unwrap();
    let writer = Writer::new(agent.author(), agent.state.operation, &agent.key, scope);
    Cast { rules: Rules::new(network()), node, agent, writer }
}

const NOW: TimeMs = TimeMs(T0.0 + 60_000);

impl Cast {
    /// Judges a kind with a body of no meaning, written after `change`.
    fn judge(&self, kind: Kind, change: impl FnOnce(&mut Writer)) -> Result<Admitted, Refusal> {
        let mut writer = self.writer.clone();
        change(&mut writer);
        admit(&writer.write(kind, vec![0x80]), &self.agent.state, &self.rules, NOW)
    }

    fn refusal(&self, kind: Kind, change: impl FnOnce(&mut Writer)) -> &'static str {
        self.judge(kind, change).unwrap_err().label()
    }
}

#[test]
fn a_fitting_envelope_is_admitted_whatever_its_body_says() {
    let cast = cast();
    assert!(cast.judge(Kind::POST, |_| {}).is_ok());
    let unknown = Kind(0x03ff);
    assert!(cast.judge(unknown, |_| {}).is_ok(), "kinds that a newer version knows are kept");
    assert!(cast.judge(Kind(0x2a07), |_| {}).is_ok(), "and groups");
}

#[test]
fn groups_stand_in_their_scopes_only() {
    let cast = cast();
    let scopes = [
        ("c/general".parse().unwrap(), 0),
        (Scope::owned_by(cast.agent.id, "mine".parse().unwrap()), 1),
        (Scope::Agent(cast.agent.id), 2),
        (Scope::Identity(cast.agent.author()), 3),
        (Scope::Mail(cast.agent.id), 4),
        (Scope::Presence(Slot::new(1).unwrap()), 5),
    ];
    let fits: [(Kind, &[usize]); 8] = [
        (Kind::POST, &[0, 1]),
        (Kind::CHARTER, &[0, 1]),
        (Kind::PROFILE, &[2]),
        (Kind::FOLLOW, &[2]),
        (Kind::KEEP, &[0, 1, 2]),
        (Kind(0x0501), &[]),
        (Kind(0x0600), &[]),
        (Kind(0x0801), &[0, 1, 2]),
    ];
    for (kind, allowed) in fits {
        for (scope, number) in &scopes {
            let judged = cast.judge(kind, |writer| writer.scope = scope.clone());
            assert_eq!(judged.is_ok(), allowed.contains(number), "{kind:?} in {scope}");
        }
    }
}

#[test]
fn an_open_community_stands_in_the_genesis() {
    let cast = cast();
    assert_eq!(cast.refusal(Kind::POST, |writer| writer.scope = "c/elsewhere".parse().unwrap()), "not_open");
    assert_eq!(cast.refusal(Kind::POST, |writer| writer.scope = Scope::Mail(AgentId([1; 32]))), "mail");
}

#[test]
fn a_log_keeps_to_its_week_and_order() {
    let cast = cast();
    assert_eq!(cast.refusal(Kind::POST, |writer| writer.epoch.0 += 16), "week");
    assert!(cast.judge(Kind::POST, |writer| writer.epoch.0 += 15).is_ok());
    assert_eq!(cast.refusal(Kind::POST, |writer| writer.seq = 1), "no_prev");
    assert!(cast.judge(Kind::POST, |writer| writer.prev = Some(EnvelopeId([1; 32]))).is_ok(), "ancestry runs on");
    let far = |writer: &mut Writer, seq| {
        writer.seq = seq;
        writer.prev = Some(EnvelopeId([1; 32]));
    };
    let quota = network().params.log_quota(cast.writer.time_ms);
    assert!(cast.judge(Kind::POST, |writer| far(writer, quota - 1)).is_ok());
    assert_eq!(cast.refusal(Kind::POST, |writer| far(writer, quota)), "quota");
}

#[test]
fn time_lies_between_its_auth_and_soon() {
    let cast = cast();
    let at = |time_ms: u64| {
        move |writer: &mut Writer| {
            writer.time_ms = TimeMs(time_ms);
            writer.epoch = Epoch::first_of(writer.time_ms);
        }
    };
    assert!(cast.judge(Kind::POST, at(T0.0)).is_ok());
    assert_eq!(cast.refusal(Kind::POST, at(T0.0 - 1)), "before_auth");
    assert!(cast.judge(Kind::POST, at(NOW.0 + FUTURE_MS_MAX)).is_ok());
    assert_eq!(cast.refusal(Kind::POST, at(NOW.0 + FUTURE_MS_MAX + 1)), "future");
    assert_eq!(cast.refusal(Kind::POST, at(NOW.0 + WEEK_S * 1_000)), "future");
}

#[test]
fn the_key_stands_in_the_state_that_auth_names() {
    let cast = cast();
    let other = TestAgent::new(200, "other", &cast.node, 1);
    assert_eq!(cast.refusal(Kind::POST, |writer| writer.key = other.key.clone()), "key_not_listed");
    assert!(cast.judge(Kind::KEEP, |writer| writer.key = cast.agent.rotation[1].clone()).is_ok());
    assert_eq!(cast.refusal(Kind::POST, |writer| writer.auth = other.state.operation), "auth");
    assert_eq!(cast.refusal(Kind::POST, |writer| writer.author = other.author()), "auth");
}

#[test]
fn nothing_stands_behind_the_end_of_a_chain() {
    let cast = cast();
    let (fork, _) = cast.agent.operation(
        &cast.agent.state,
        &cast.agent.rotate(&[&secret(900)], &[&secret(901)]),
        &cast.agent.rotation[0],
        &[],
        NOW,
    );
    let resolve = cast.agent.resolve(fork.id());
    let (end, ended) = cast.agent.operation(&cast.agent.state, &resolve, &cast.agent.rotation[0], &[], NOW);
    let mut writer = cast.writer.clone();
    writer.auth = end.id();
    writer.time_ms = NOW;
    let refused = admit(&writer.post("late"), &ended, &cast.rules, NOW).unwrap_err();
    assert_eq!(refused, Refusal::Identity(IdentityError::Ended(Kind::RESOLVE)));
    assert_eq!(refused.verdict(), Verdict::Ignore, "a newer version may know how it goes on");
}

#[test]
fn an_ephemeral_envelope_has_no_log() {
    let cast = cast();
    let presence = |change: &dyn Fn(&mut Writer)| {
        cast.judge(Kind::PRESENCE, |writer| {
            writer.scope = Scope::Presence(Slot::new(9).unwrap());
            writer.epoch = Epoch(0);
            change(writer);
        })
    };
    assert!(presence(&|_| {}).is_ok());
    let label = |change: &dyn Fn(&mut Writer)| presence(change).unwrap_err().label();
    assert_eq!(label(&|writer| writer.epoch = Epoch::first_of(T0)), "ephemeral");
    assert_eq!(label(&|writer| writer.prev = Some(EnvelopeId([1; 32]))), "ephemeral");
    assert_eq!(label(&|writer| writer.seq = 1), "ephemeral");
}

#[test]
fn another_network_and_a_missing_body_are_refused() {
    let cast = cast();
    let mut elsewhere = network();
    elsewhere.name = "elsewhere".to_owned();
    let post = cast.writer.clone().post("hello");
    let refused = admit(&post, &cast.agent.state, &Rules::new(elsewhere), NOW).unwrap_err();
    assert_eq!((refused.label(), refused.verdict()), ("network", Verdict::Reject));
    let bare = admit(&post.erased(), &cast.agent.state, &cast.rules, NOW).unwrap_err();
    assert_eq!(bare, Refusal::NoBody);
}

#[test]
fn a_genesis_needs_its_home_and_makes_a_state() {
    let cast = cast();
    let needs = needs(&cast.agent.genesis).unwrap();
    assert_eq!(needs, Needs { auth: None, home: Some((cast.node.id, cast.node.state.operation)) });
    let admitted = admit_operation(&cast.agent.genesis, None, Some(&cast.node.state), &cast.rules, NOW).unwrap();
    assert_eq!(admitted.state(), Some(&cast.agent.state));
    let other = TestNode::new(50);
    for home in [None, Some(&other.state)] {
        let refused = admit_operation(&cast.agent.genesis, None, home, &cast.rules, NOW).unwrap_err();
        assert_eq!(refused, Refusal::Identity(IdentityError::Home));
    }
    let node = admit_operation(&cast.node.genesis, None, None, &cast.rules, NOW).unwrap();
    assert_eq!(node.state(), Some(&cast.node.state));
}

#[test]
fn a_move_needs_the_word_of_the_new_home() {
    let cast = cast();
    let there = TestNode::new(50);
    let change = Change::MoveHome(MoveHome { home: there.id, signature: there.word(cast.agent.id) });
    let (moved, state) = cast.agent.operation(&cast.agent.state, &change, &cast.agent.rotation[0], &[], NOW);
    assert_eq!(needs(&moved).unwrap().home, Some((there.id, there.state.operation)));
    let judge = |home| admit_operation(&moved, Some(&cast.agent.state), home, &cast.rules, NOW);
    assert_eq!(judge(Some(&there.state)).unwrap().state(), Some(&state));
    assert_eq!(judge(Some(&cast.node.state)), Err(Refusal::Identity(IdentityError::Home)));
    // One's word for another agent is no word for this one.
    let other = TestAgent::new(200, "other", &cast.node, 1);
    let change = Change::MoveHome(MoveHome { home: there.id, signature: there.word(other.id) });
    let (moved, _) = cast.agent.operation(&cast.agent.state, &change, &cast.agent.rotation[0], &[], NOW);
    let refused = admit_operation(&moved, Some(&cast.agent.state), Some(&there.state), &cast.rules, NOW);
    assert_eq!(refused, Err(Refusal::Identity(IdentityError::Home)));
}

#[test]
fn only_what_an_honest_peer_may_send_is_ignored() {
    let version = Refusal::Invalid(Invalid::Decode(DecodeError::Version { seen: 2 }));
    let forged = Refusal::Invalid(Invalid::Verify(VerifyError::Signature));
    assert_eq!(version.verdict(), Verdict::Ignore);
    assert_eq!(forged.verdict(), Verdict::Reject);
    assert_eq!(Refusal::Future { ahead_ms: 1 }.verdict(), Verdict::Ignore);
    assert_eq!(Refusal::Old { age_ms: 1 }.verdict(), Verdict::Ignore);
    assert_eq!(Refusal::Quota { seq: 1, allowed: 1 }.verdict(), Verdict::Reject);
    let sentence = Refusal::Quota { seq: 7, allowed: 5 }.to_string();
    assert_eq!(sentence, "seq 7, by then a log may hold 5");
}
