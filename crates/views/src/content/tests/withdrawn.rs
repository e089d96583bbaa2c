//! A moderator is granted, acts, is dismissed, and acts on with a false date: through the whole fold, in every order.

use crate::index;
use crate::queries::moderation::{self, What};
use crate::queries::{Paging, State, posts};
use crate::testing::{Memory, T0, TestAgent, TestNode, Writer, head_of, network, salt};
use crate::void::VoidReason;
use tidepool_protocol::body::{Action, Charter, Deed, Grant, Post, PostType, Powers, Withdraw};
use tidepool_protocol::{Envelope, EnvelopeId, Scope, Verified};

fn orders<T: Clone>(items: &[T]) -> Vec<Vec<T>> {
    let Some((first, rest)) = items.split_first() else { return vec![Vec::new()] };
    let insert = |order: Vec<T>| {
        (0..=order.len()).map(move |at| [&order[..at], std::slice::from_ref(first), &order[at..]].concat())
    };
    orders(rest).into_iter().flat_map(insert).collect()
}

fn remove(grant: EnvelopeId, target: EnvelopeId) -> Action {
    Action { grant: Some(grant), deed: Deed::Remove, target, rule: "No ships.".to_owned() }
}

fn void(memory: &Memory, envelope: &Envelope) -> Option<VoidReason> {
    index::get(memory, &envelope.id()).unwrap().unwrap().void()
}

struct Story {
    before: Vec<Verified<Envelope>>,
    told: Vec<Verified<Envelope>>,
    scope: Scope,
    posts: [EnvelopeId; 2],
    removals: [Verified<Envelope>; 2],
}

fn story() -> Story {
    let node = TestNode::new(1_000);
    let [founder, moderator, writer] =
        [(0, "Founder"), (10, "Moderator"), (20, "Writer")].map(|(key, name)| TestAgent::new(key, name, &node, 1));
    let scope = Scope::owned_by(founder.author().as_agent(), "harbour".parse().unwrap());
    let log = |agent: &TestAgent| Writer::new(agent.author(), agent.state.operation, &agent.key, scope.clone());
    let (mut founding, mut moderating, mut writing) = (log(&founder), log(&moderator), log(&writer));
    let charter = Charter { display_name: "Harbour".to_owned(), description: String::new(), allow_crypto: false };
    let charter = founding.body(&charter);
    let grant = founding.body(&Grant { agent: moderator.author().as_agent(), powers: Powers::REMOVE });
    let mut post = |number: u64| {
        let (title, content) = (format!("ship {number}"), String::new());
        writing.body(&Post { salt: salt(number), post_type: PostType::Text, title, content, url: None })
    };
    let (first, second) = (post(1), post(2));
    let seen = moderating.body(&remove(grant.id(), first.id()));
    founding.time_ms = T0.plus_ms(60_000);
    let withdraw = founding.body(&Withdraw { grant: grant.id(), heads: vec![head_of(&seen)] });
    // It is signed after the withdrawal and claims to be from before it.
    let unseen = moderating.body(&remove(grant.id(), second.id()));
    assert!(unseen.header().time_ms < withdraw.header().time_ms);
    let genesis = |agent: &TestAgent| agent.genesis.clone();
    Story {
        before: vec![node.genesis.clone(), genesis(&founder), genesis(&moderator), genesis(&writer), charter],
        posts: [first.id(), second.id()],
        removals: [seen.clone(), unseen.clone()],
        told: vec![grant, first, second, seen, withdraw, unseen],
        scope,
    }
}

#[test]
fn what_a_moderator_did_before_it_was_dismissed_stands_and_nothing_after_it_in_every_order() {
    let story = story();
    for order in orders(&story.told) {
        let mut memory = Memory::new();
        for envelope in story.before.iter().chain(&order) {
            memory.admit(envelope, &network()).unwrap();
        }
        let state = |at: usize| posts::get(&memory, &story.posts[at]).unwrap().unwrap().state;
        assert_eq!(state(0), State::Moderated { by: story.removals[0].id() });
        assert_eq!(state(1), State::Original);
        assert_eq!(void(&memory, &story.removals[0]), None);
        assert_eq!(void(&memory, &story.removals[1]), Some(VoidReason::NotPermitted));
        assert_eq!(moderation::moderators(&memory, &story.scope).unwrap(), []);
        let log = moderation::log(&memory, &story.scope, Paging::first(10)).unwrap().items;
        let rules: Vec<_> = log
            .iter()
            .filter_map(|entry| match &entry.what {
                What::Action { rule, target, .. } => Some((rule.as_str(), *target)),
                _ => None,
            })
            .collect();
        assert_eq!(rules, [("No ships.", story.posts[0])]);
    }
}

#[test]
fn a_withdrawal_that_names_nothing_keeps_nothing() {
    let story = story();
    let mut memory = Memory::new();
    let [grant, first, second, seen, withdraw, _] = &story.told[..] else { panic!("six") };
    for envelope in story.before.iter().chain([grant, first, second, seen]) {
        memory.admit(envelope, &network()).unwrap();
    }
    assert_eq!(posts::get(&memory, &story.posts[0]).unwrap().unwrap().state, State::Moderated { by: seen.id() });
    let header = withdraw.header();
    let founder = TestAgent::new(0, "Founder", &TestNode::new(1_000), 1);
    let mut writer = Writer::new(header.author, header.auth, &founder.key, story.scope.clone());
    (writer.seq, writer.prev, writer.time_ms) = (header.seq, header.prev, header.time_ms);
    memory.admit(&writer.body(&Withdraw { grant: grant.id(), heads: Vec::new() }), &network()).unwrap();
    assert_eq!(posts::get(&memory, &story.posts[0]).unwrap().unwrap().state, State::Original);
    assert_eq!(void(&memory, seen), Some(VoidReason::NotPermitted));
}
