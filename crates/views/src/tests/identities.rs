//! Branches of identities, and what hangs on them.

use super::verdicts::{CLOSED, FORK, STANDS, Stage, general};
use crate::identity;
use crate::testing::{T0, TestAgent, Writer, network, secret};
use crate::void::VoidReason;
use serde_bytes::ByteBuf;
use tidepool_protocol::identity::{OperationBody, OperationContent, WorkSubject, extend};
use tidepool_protocol::{Draft, Epoch, Kind, Scope, Signer, cbor};

#[test]
fn equal_operations_freeze_an_identity_until_a_better_one_comes() {
    let mut stage = Stage::new(3);
    let agent = stage.agent.clone();
    let keys = &agent.rotation;
    let (a, b) = (secret(900), secret(901));
    let all: Vec<_> = keys.iter().collect();
    let at = T0.plus_ms(60_000);
    let (first, first_state) = agent.operation(&agent.state, &agent.rotate(&[&a], &all), &keys[1], &[], at);
    let (second, _) = agent.operation(&agent.state, &agent.rotate(&[&b], &all), &keys[1], &[], at);
    stage.take(std::slice::from_ref(&first));
    let mut writer = Writer::new(agent.author(), first_state.operation, &a, general());
    writer.time_ms = at;
    let post = writer.post("by the first");
    stage.take(std::slice::from_ref(&post));
    assert_eq!(identity::current(&stage.memory, agent.author()).unwrap().unwrap().state, first_state);
    assert_eq!(stage.verdicts(&[&first, &post]), [STANDS, STANDS]);
    stage.take(std::slice::from_ref(&second));
    let frozen = identity::current(&stage.memory, agent.author()).unwrap().unwrap();
    assert!(frozen.frozen);
    assert_eq!(frozen.state, agent.state);
    let reason = Some(VoidReason::BranchFrozen);
    assert_eq!(stage.verdicts(&[&first, &second, &post]), [reason; 3]);
    // Two of three rotation keys are a majority, whatever their priority.
    let (better, better_state) = agent.operation(&agent.state, &agent.rotate(&[&b], &all), &keys[2], &[&keys[1]], at);
    stage.take(std::slice::from_ref(&better));
    let current = identity::current(&stage.memory, agent.author()).unwrap().unwrap();
    assert_eq!((current.state, current.frozen), (better_state, false));
    assert_eq!(current.closed, [agent.key.public_key()]);
    let lost = Some(VoidReason::BranchLost);
    assert_eq!(stage.verdicts(&[&first, &second, &post, &better]), [lost, lost, lost, STANDS]);
}

#[test]
fn a_resolve_ends_a_freeze_for_the_branch_that_it_names() {
    let mut stage = Stage::new(1);
    let agent = stage.agent.clone();
    let key = &agent.rotation[0];
    let (a, b) = (secret(900), secret(901));
    let at = T0.plus_ms(60_000);
    let (first, first_state) = agent.operation(&agent.state, &agent.rotate(&[&a], &[key]), key, &[], at);
    let (second, _) = agent.operation(&agent.state, &agent.rotate(&[&b], &[key]), key, &[], at);
    let (resolve, _) = agent.operation(&agent.state, &agent.resolve(first.id()), key, &[], at);
    stage.take(&[first.clone(), second.clone(), resolve.clone()]);
    let current = identity::current(&stage.memory, agent.author()).unwrap().unwrap();
    assert_eq!((current.state, current.frozen), (first_state, false));
    assert_eq!(stage.verdicts(&[&first, &second, &resolve]), [STANDS, Some(VoidReason::BranchLost), STANDS]);
    let mut chain = identity::chain(&stage.memory, agent.author()).unwrap();
    assert_eq!(chain.remove(0), agent.genesis.id());
    chain.sort_unstable();
    let mut expected = [first.id(), second.id(), resolve.id()];
    expected.sort_unstable();
    assert_eq!(chain, expected);
}

#[test]
fn agents_are_found_by_handle_and_by_home() {
    let mut stage = Stage::new(1);
    let other = TestAgent::new(300, "aDa", &stage.node, 1);
    let longer = TestAgent::new(400, "adah", &stage.node, 1);
    stage.take(&[other.genesis.clone(), longer.genesis.clone()]);
    let mut expected = vec![stage.agent.id, other.id];
    expected.sort_unstable();
    assert_eq!(identity::by_handle(&stage.memory, "ada").unwrap(), expected);
    expected.push(longer.id);
    expected.sort_unstable();
    assert_eq!(identity::of_home(&stage.memory, stage.node.id, None, 10).unwrap(), expected);
    assert_eq!(identity::of_home(&stage.memory, stage.node.id, Some(expected[0]), 1).unwrap(), expected[1..2]);
    let key = identity::node_key(&stage.memory, stage.node.id).unwrap();
    assert_eq!(key, Some(stage.node.key.public_key()));
}

#[test]
fn geneses_of_one_core_begin_one_chain_and_either_may_be_extended() {
    let mut stage = Stage::new(1);
    let agent = stage.agent.clone();
    let key = &agent.rotation[0];
    // Signed by the same key over the same core a little later: another id, the same author.
    let genesis = agent.genesis.header().clone();
    let again = Draft {
        network: genesis.network,
        author: genesis.author,
        auth: genesis.auth,
        scope: genesis.scope.clone(),
        epoch: genesis.epoch,
        seq: 0,
        prev: None,
        time_ms: T0.plus_ms(5),
        kind: genesis.kind,
        body: agent.genesis.body().unwrap().to_vec(),
    }
    .sign(key);
    let (a, b) = (secret(900), secret(901));
    let (first, first_state) =
        agent.operation(&agent.state, &agent.rotate(&[&a], &[key]), key, &[], T0.plus_ms(60_000));
    stage.take(&[first.clone(), again.clone()]);
    let current = identity::current(&stage.memory, agent.author()).unwrap().unwrap();
    assert_eq!((current.state.signing, current.frozen), (first_state.signing, false));
    assert_eq!(stage.verdicts(&[&agent.genesis, &again, &first]), [STANDS; 3]);
    // An operation that extends the other genesis is a sibling, and as good: no way around the chain.
    let other = identity::state_at(&stage.memory, agent.author(), &again.id()).unwrap().unwrap();
    let (second, _) = agent.operation(&other, &agent.rotate(&[&b], &[key]), key, &[], T0.plus_ms(61_000));
    stage.take(std::slice::from_ref(&second));
    let frozen = Some(VoidReason::BranchFrozen);
    assert_eq!(stage.verdicts(&[&first, &second]), [frozen; 2]);
    assert!(identity::current(&stage.memory, agent.author()).unwrap().unwrap().frozen);
}

#[test]
fn an_unknown_critical_operation_ends_the_chain_and_closes_nothing() {
    let mut stage = Stage::new(1);
    let agent = stage.agent.clone();
    let (key, network) = (&agent.rotation[0], network());
    let post = stage.writer().post("before");
    let (kind, time_ms) = (Kind(0x4150), T0.plus_ms(60_000));
    let change = b"\x80".to_vec();
    let content =
        OperationContent { auth: agent.state.operation, time_ms, kind, chain_seq: 1, change: &change, cosigners: &[] };
    let subject = WorkSubject::operation(network.id(), agent.author(), &content);
    let nonce = subject.search(network.params.agent_work_bits, 0, u64::MAX).unwrap();
    let body = OperationBody { chain_seq: 1, change: ByteBuf::from(change.clone()), cosigners: Vec::new(), nonce };
    let operation = Draft {
        network: network.id(),
        author: agent.author(),
        auth: agent.state.operation,
        scope: Scope::Identity(agent.author()),
        epoch: Epoch(0),
        seq: 0,
        prev: None,
        time_ms,
        kind,
        body: cbor::encode(&body),
    }
    .sign(key);
    assert!(extend(&agent.state, &operation, &network.params).is_ok());
    let mut other = stage.writer();
    let fork = other.post("fork");
    let keep = stage.keeper().keep(&[&post]);
    stage.take(&[post.clone(), fork.clone(), operation.clone(), keep]);
    let current = identity::current(&stage.memory, agent.author()).unwrap().unwrap();
    assert_eq!((current.state.ended_by, current.closed), (Some(kind), Vec::new()));
    assert_eq!(stage.verdicts(&[&operation, &post, &fork]), [STANDS, STANDS, FORK]);
}

#[test]
fn a_checkpoint_waits_for_the_node_operation_that_its_countersignature_names() {
    let mut stage = Stage::new(1);
    let agent = stage.agent.clone();
    let new_key = secret(905);
    let (rotate, state) = stage.node.rotate(&new_key, T0.plus_ms(1_000));
    let mut writer = stage.writer();
    let mut other = writer.clone();
    let (left, right) = (writer.post("left"), other.post("right"));
    let mut own = Writer::new(agent.author(), agent.state.operation, &agent.key, Scope::Agent(agent.id));
    let checkpoint = own.checkpoint(&[&left], Some((&new_key, state.operation)));
    stage.take(&[left.clone(), right.clone(), checkpoint]);
    assert_eq!(stage.verdicts(&[&left, &right]), [FORK, FORK]);
    stage.take(&[rotate]);
    assert_eq!(stage.verdicts(&[&left, &right]), [STANDS, FORK]);
    assert_eq!(identity::node_key(&stage.memory, stage.node.id).unwrap(), Some(new_key.public_key()));
}

#[test]
fn a_closed_key_that_is_listed_again_stays_closed() {
    let mut stage = Stage::new(1);
    let agent = stage.agent.clone();
    let key = &agent.rotation[0];
    let post = stage.writer().post("by the first key");
    let (first, state) =
        agent.operation(&agent.state, &agent.rotate(&[&secret(900)], &[key]), key, &[], T0.plus_ms(60_000));
    let (second, state) = agent.operation(&state, &agent.rotate(&[&agent.key], &[key]), key, &[], T0.plus_ms(61_000));
    let mut writer = Writer::new(agent.author(), state.operation, &agent.key, general());
    writer.next_log();
    writer.time_ms = T0.plus_ms(62_000);
    let later = writer.post("by the first key, listed again");
    stage.take(&[post.clone(), first, second, later.clone()]);
    assert_eq!(stage.verdicts(&[&post, &later]), [CLOSED, CLOSED]);
}
