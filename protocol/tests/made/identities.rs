//! Identities of agents and nodes, and one operation of every kind.

use super::envelopes::entry;
use super::notation::{hex, state, value};
use crate::cast::{Cast, Identity, Operation};
use serde_json::{Value, json};
use tidepool_protocol::identity::{
    AgentGenesis, NodeGenesis, OperationBody, OperationContent, WorkSubject, check_home, cosign_message, home_message,
    home_word, possession_message, rank, work_bits,
};
use tidepool_protocol::signer::Domain;
use tidepool_protocol::{Kind, cbor};

fn genesis(name: &str, identity: &Identity, cast: &Cast) -> Value {
    let header = identity.genesis.header();
    let body = identity.genesis.body().unwrap();
    let (core, nonce) = if identity.state.is_node {
        let body: NodeGenesis = cbor::decode(body, body.len()).unwrap();
        (body.core, body.nonce)
    } else {
        let body: AgentGenesis = cbor::decode(body, body.len()).unwrap();
        (body.core, body.nonce)
    };
    let keys = identity.state.signing.iter().map(|entry| entry.key).chain(identity.state.rotation.iter().copied());
    let possession: Vec<_> =
        keys.map(|key| hex(Domain::Possess.message(&possession_message(header.network, header.author, key)))).collect();
    let mut made = entry(name, &identity.genesis);
    if let Some((home, word)) = home_word(&identity.genesis).unwrap() {
        let agent = header.author.as_agent();
        check_home(header.network, agent, home, &word, &cast.harbour.state).unwrap();
        made["home_signed_bytes"] = json!(hex(Domain::Home.message(&home_message(header.network, agent))));
        made["home_state"] = state(&cast.harbour.state);
    }
    made["core"] = json!(hex(&core));
    made["core_value"] = value(&core);
    made["possession_signed_bytes"] = json!(possession);
    made["work_bits"] = json!(work_bits(&WorkSubject::genesis(header.network, header.author), nonce));
    made["state"] = state(&identity.state);
    made
}

fn operation(operation: &Operation, cast: &Cast) -> Value {
    let header = operation.envelope.header();
    let bytes = operation.envelope.body().unwrap();
    let body: OperationBody = cbor::decode(bytes, bytes.len()).unwrap();
    let cosigned =
        cosign_message(header.network, header.author, header.auth, body.chain_seq, header.kind, &body.change);
    let content = OperationContent {
        auth: header.auth,
        time_ms: header.time_ms,
        kind: header.kind,
        chain_seq: body.chain_seq,
        change: &body.change,
        cosigners: &body.cosigners,
    };
    let subject = WorkSubject::operation(header.network, header.author, &content);
    let rank = rank(&operation.before, &operation.envelope).unwrap();
    let mut made = entry(operation.name, &operation.envelope);
    if let Some((home, word)) = home_word(&operation.envelope).unwrap() {
        check_home(header.network, header.author.as_agent(), home, &word, &cast.lagoon.state).unwrap();
        made["home_state"] = state(&cast.lagoon.state);
    }
    made["change"] = value(&body.change);
    made["cosigned_bytes"] = json!(hex(Domain::Cosign.message(&cosigned)));
    made["work_bits"] = json!(work_bits(&subject, body.nonce));
    made["rank"] = json!({ "majority": rank.majority, "priority": rank.priority.0 });
    made["before"] = state(&operation.before);
    made["after"] = state(&operation.after);
    made
}

/// Two nodes, two agents at home there, and one operation of every kind; the states before and after each.
pub fn identities() -> Value {
    let cast = Cast::new();
    let geneses = [
        genesis("harbour, a node", &cast.harbour, &cast),
        genesis("lagoon, a node", &cast.lagoon, &cast),
        genesis("Ada, at home at the harbour", &cast.ada, &cast),
        genesis("Bob, at home at the harbour", &cast.bob, &cast),
    ];
    let mut operations: Vec<_> = cast.operations().iter().map(|one| operation(one, &cast)).collect();
    for (name, kind) in [("an unknown operation", Kind(0x017f)), ("an unknown critical operation", Kind(0x417f))] {
        operations.push(operation(&super::forge::unknown_operation(name, kind, &cast), &cast));
    }
    json!({ "geneses": geneses, "operations": operations })
}
