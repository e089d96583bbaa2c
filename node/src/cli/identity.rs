//! `tidepool identity keep|revoke|rotate`: what an agent's owner signs with its recovery phrase, handed in at the agent's home.
//!
//! The phrase never leaves this process: the node is asked how things stand, and gets signed envelopes.

use super::{Ask, Failure, ask, output};
use crate::exit::Exit;
use crate::runtime;
use bytes::Bytes;
use clap::{Args, Subcommand};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::PathBuf;
use tidepool_home::register::rotation_key_of_phrase;
use tidepool_protocol::body::{BodyOf, Head, Keep};
use tidepool_protocol::identity::{Change, IdentityState, KeyUse, Proposal, Revoke, Rotate, possession_proof};
use tidepool_protocol::limits::HEADS_MAX;
use tidepool_protocol::{
    AuthorId, Draft, Envelope, EnvelopeId, Epoch, NetworkGenesis, NetworkId, PublicKey, Scope, SecretKey, Signature,
    Signer, TimeMs, Verified, verify,
};

/// What an owner does.
#[derive(Clone, Debug, Subcommand)]
pub(super) enum IdentityCommand {
    /// Name the heads that stand: of a forked log the branch, of a closed key what it signed.
    Keep(KeepArgs),
    /// Close a key for good: what it signed and no `keep` names is void.
    Revoke(RevokeArgs),
    /// Give the agent a new signing key in its home's custody, and close the old one; what stands now is kept.
    Rotate(RotateArgs),
}

/// The owner's phrase, and the agent's home.
#[derive(Clone, Debug, Args)]
pub(super) struct Owner {
    /// The file that holds the recovery phrase; `-` reads it from standard input.
    #[arg(long, value_name = "FILE")]
    phrase_file: PathBuf,
    /// The agent's home.
    #[command(flatten)]
    ask: Ask,
    /// The network's genesis document (JSON); the built-in development network without it.
    #[arg(long, value_name = "FILE")]
    network: Option<PathBuf>,
}

/// Which heads stand.
#[derive(Clone, Debug, Args)]
pub(super) struct KeepArgs {
    /// The last envelope of what stands, all of one scope; can be repeated. `GET /api/v1/agents/NAME/logs` lists branches.
    #[arg(long = "head", value_name = "ID", required = true)]
    heads: Vec<EnvelopeId>,
    /// Who says so.
    #[command(flatten)]
    owner: Owner,
}

/// Which keys are closed.
#[derive(Clone, Debug, Args)]
pub(super) struct RevokeArgs {
    /// The agent, by name or id.
    agent: String,
    /// The key (did:key:…); can be repeated.
    #[arg(long = "key", value_name = "KEY", required = true)]
    keys: Vec<PublicKey>,
    /// Who says so.
    #[command(flatten)]
    owner: Owner,
}

/// Whose key is replaced.
#[derive(Clone, Debug, Args)]
pub(super) struct RotateArgs {
    /// The file that holds the agent's API key: the home makes a new key for nobody else.
    #[arg(long, value_name = "FILE")]
    api_key_file: PathBuf,
    /// Keep nothing of what the old key signed, because somebody else has it; name what stands by `keep` afterwards.
    #[arg(long)]
    keep_nothing: bool,
    /// Who says so.
    #[command(flatten)]
    owner: Owner,
}

pub(super) fn identity(command: &IdentityCommand) -> Result<Exit, Failure> {
    match command {
        IdentityCommand::Keep(wanted) => keep(wanted),
        IdentityCommand::Revoke(wanted) => revoke(wanted),
        IdentityCommand::Rotate(wanted) => rotate(wanted),
    }
}

fn failed(message: impl ToString) -> Failure {
    Failure::new(Exit::Failed, message)
}

impl Owner {
    fn key(&self) -> Result<SecretKey, Failure> {
        let mut phrase = String::new();
        if self.phrase_file.as_os_str() == "-" {
            std::io::stdin().read_to_string(&mut phrase)?;
        } else {
            let path = self.phrase_file.display();
            phrase = std::fs::read_to_string(&self.phrase_file).map_err(|error| failed(format!("{path}: {error}")))?;
        }
        rotation_key_of_phrase(phrase.trim())
            .ok_or_else(|| failed("the phrase file holds no recovery phrase: twenty-four words of the English list"))
    }

    fn base(&self) -> Result<String, Failure> {
        ask::base_url(&self.ask)
    }

    fn genesis(&self) -> Result<NetworkGenesis, Failure> {
        match &self.network {
            None => Ok(NetworkGenesis::development()),
            Some(path) => {
                let text = std::fs::read_to_string(path)?;
                NetworkGenesis::from_json(&text).map_err(|error| Failure::new(Exit::Config, error))
            }
        }
    }

    fn told(&self, what: &str, id: EnvelopeId) -> Result<Exit, Failure> {
        if self.ask.json {
            output::print_json(&serde_json::json!({ "id": id.to_string() }))?;
        } else {
            output::print(&format!("{what}: {id}\n"))?;
        }
        Ok(Exit::Done)
    }
}

/// An envelope as the node holds it, verified here.
fn envelope(base: &str, id: EnvelopeId) -> Result<Verified<Envelope>, Failure> {
    let bytes = ask::get_bytes(base, &format!("/api/v1/envelopes/{id}"))?;
    let envelope = Envelope::decode(Bytes::from(bytes)).map_err(|error| failed(format!("{id}: {error}")))?;
    if envelope.id() != id {
        return Err(failed(format!("the node answered {} for {id}", envelope.id())));
    }
    verify(envelope).map_err(|error| failed(format!("{id}: {error}")))
}

/// What the node says of an agent's identity.
fn state(base: &str, agent: &str) -> Result<Value, Failure> {
    Ok(ask::get(base, &format!("/api/v1/agents/{agent}/logs"))?["identity"].take())
}

fn operation(identity: &Value) -> Result<EnvelopeId, Failure> {
    let id = identity["operation"].as_str().and_then(|text| text.parse().ok());
    id.ok_or_else(|| failed("the node did not say at which operation the agent's identity stands"))
}

fn lists(identity: &Value, key: &PublicKey) -> bool {
    let key = key.to_string();
    identity["rotation"].as_array().is_some_and(|keys| keys.iter().any(|listed| listed.as_str() == Some(&key)))
}

fn not_the_phrase() -> Failure {
    failed(
        "this phrase's key is no rotation key of that agent as it stands: it is another agent's phrase, or it was replaced",
    )
}

fn keep(wanted: &KeepArgs) -> Result<Exit, Failure> {
    let (base, key, genesis) = (wanted.owner.base()?, wanted.owner.key()?, wanted.owner.genesis()?);
    let mut heads = Vec::new();
    let mut of: Option<(AuthorId, Scope)> = None;
    for id in &wanted.heads {
        let envelope = envelope(&base, *id)?;
        let header = envelope.header();
        let here = (header.author, header.scope.clone());
        if of.as_ref().is_some_and(|of| *of != here) {
            return Err(failed("the heads are of different agents or scopes: a keep concerns one scope of one agent"));
        }
        heads.push(Head {
            scope: header.scope.clone(),
            key: header.key,
            epoch: header.epoch,
            seq: header.seq,
            id: *id,
        });
        of = Some(here);
    }
    let Some((author, scope)) = of else { return Err(failed("no head was named")) };
    heads.sort();
    heads.dedup();
    let identity = state(&base, &author.as_agent().to_string())?;
    if !lists(&identity, &key.public_key()) {
        return Err(not_the_phrase());
    }
    let kept: Vec<String> = heads.iter().map(kept).collect();
    let body = Keep { heads }.encode().map_err(failed)?;
    let shown = scope.to_string();
    let signed = Signed { network: genesis.id(), author, auth: operation(&identity)?, scope, kind: Keep::KIND, body };
    let id = signed.hand_in(&base, &key)?;
    if wanted.owner.ask.json {
        output::print_json(&serde_json::json!({
            "id": id.to_string(),
            "agent": author.as_agent().to_string(),
            "scope": shown,
            "kept": kept,
        }))?;
    } else {
        let who = name(&base, author).unwrap_or_else(|| author.as_agent().to_string());
        output::print(&format!(
            "of what {who} signed in {shown} this stands now, on every node: {}; other branches stay void\nsaid by {id}\n",
            kept.join("; ")
        ))?;
    }
    Ok(Exit::Done)
}

/// A head in words.
fn kept(head: &Head) -> String {
    let week = tidepool_api::iso(TimeMs(head.epoch.week() * tidepool_protocol::limits::WEEK_S * 1_000));
    let (day, log) = (&week[..10], head.epoch.0 % tidepool_protocol::limits::EPOCHS_PER_WEEK);
    let which = if log == 0 { String::new() } else { format!(", log {log}") };
    format!("places 0 to {} of its log of the week of {day}{which} (up to {})", head.seq, head.id)
}

/// The agent's name, where the node knows it.
fn name(base: &str, author: AuthorId) -> Option<String> {
    let agent = ask::get(base, &format!("/api/v1/agents/{}", author.as_agent())).ok()?;
    agent["agent"]["name"].as_str().map(str::to_owned)
}

/// Something that an owner signs in a log of its rotation key.
struct Signed {
    network: NetworkId,
    author: AuthorId,
    auth: EnvelopeId,
    scope: Scope,
    kind: tidepool_protocol::Kind,
    body: Vec<u8>,
}

impl Signed {
    /// Signs and hands it in. The node says where the key's log stands when it is not at its beginning.
    fn hand_in(&self, base: &str, key: &SecretKey) -> Result<EnvelopeId, Failure> {
        let now = runtime::now();
        let (mut epoch, mut seq, mut prev) = (Epoch::first_of(now), 0, None);
        for _ in 0..2 {
            let time_ms = TimeMs(now.0.max(epoch.week() * tidepool_protocol::limits::WEEK_S * 1_000));
            let envelope = Draft {
                network: self.network,
                author: self.author,
                auth: self.auth,
                scope: self.scope.clone(),
                epoch,
                seq,
                prev,
                time_ms,
                kind: self.kind,
                body: self.body.clone(),
            }
            .sign(key);
            let (status, answer) = ask::post_cbor(base, "/api/v1/envelopes", envelope.bytes().to_vec())?;
            if status == 201 {
                return Ok(envelope.id());
            }
            let head = &answer["head"];
            let (Some(next), Some(place)) = (head["epoch"].as_u64(), head["seq"].as_u64()) else {
                return Err(refused(status, &answer));
            };
            (epoch, seq) = (Epoch(next), place);
            prev = head["prev"].as_str().and_then(|text| text.parse().ok());
        }
        Err(failed("the key's log moves while it is signed in: another process holds this phrase, too"))
    }
}

fn refused(status: u16, answer: &Value) -> Failure {
    failed(format!("the node answered {status}: {}", answer["error"].as_str().unwrap_or("no reason")))
}

fn revoke(wanted: &RevokeArgs) -> Result<Exit, Failure> {
    let (base, key, genesis) = (wanted.owner.base()?, wanted.owner.key()?, wanted.owner.genesis()?);
    let identity = state(&base, &wanted.agent)?;
    if !lists(&identity, &key.public_key()) {
        return Err(not_the_phrase());
    }
    let auth = operation(&identity)?;
    let author = envelope(&base, auth)?.header().author;
    let change = Change::Revoke(Revoke { keys: wanted.keys.clone() });
    let id = operate(&base, &genesis, &key, (author, auth, &identity), &change)?;
    wanted.owner.told("closed; name what stands with `tidepool identity keep`", id)
}

/// Signs an operation behind the one that the identity stands at, and hands it in.
fn operate(
    base: &str,
    genesis: &NetworkGenesis,
    key: &SecretKey,
    (author, auth, identity): (AuthorId, EnvelopeId, &Value),
    change: &Change,
) -> Result<EnvelopeId, Failure> {
    let now = runtime::now();
    // Of the extended state a proposal reads author, operation and place only.
    let state = IdentityState {
        author,
        is_node: false,
        operation: auth,
        chain_seq: identity["chain_seq"].as_u64().unwrap_or(0),
        genesis_ms: now,
        time_ms: now,
        signing: Vec::new(),
        rotation: Vec::new(),
        home: None,
        handle: String::new(),
        ended_by: None,
    };
    let proposal = Proposal::new(genesis.id(), &state, change);
    let work = proposal.work(now).search(genesis.params.agent_work_bits, 0, u64::MAX);
    let nonce = work.ok_or_else(|| failed("no nonce was found for the operation's work"))?;
    let envelope = proposal.draft(now, nonce).sign(key);
    let (status, answer) = ask::post_cbor(base, "/api/v1/envelopes", envelope.bytes().to_vec())?;
    if status == 201 { Ok(envelope.id()) } else { Err(refused(status, &answer)) }
}

fn rotate(wanted: &RotateArgs) -> Result<Exit, Failure> {
    let (base, key, genesis) = (wanted.owner.base()?, wanted.owner.key()?, wanted.owner.genesis()?);
    let path = wanted.api_key_file.display();
    let api_key = std::fs::read_to_string(&wanted.api_key_file).map_err(|error| failed(format!("{path}: {error}")))?;
    let (status, next) = ask::post_with_key(&base, "/api/v1/agents/me/signing-key", api_key.trim())?;
    if status != 200 {
        return Err(refused(status, &next));
    }
    let fresh: Option<PublicKey> = next["signing_key"].as_str().and_then(|text| text.parse().ok());
    let proof = next["proof"].as_str().and_then(signature);
    let Some((fresh, proof)) = fresh.zip(proof) else { return Err(failed("the home gave no new key")) };
    let (status, me) = ask::get_with_key(&base, "/api/v1/agents/me", api_key.trim())?;
    let agent = me["agent"]["id"].as_str().filter(|_| status == 200).ok_or_else(|| refused(status, &me))?;
    let found = ask::get(&base, &format!("/api/v1/agents/{agent}/logs"))?;
    let identity = &found["identity"];
    let rotation = identity["rotation"].as_array().map_or(0, Vec::len);
    if !lists(identity, &key.public_key()) {
        return Err(not_the_phrase());
    }
    if rotation != 1 {
        return Err(failed(format!(
            "the identity has {rotation} rotation keys, and each must prove itself: use the SDK with all of them"
        )));
    }
    let auth = operation(identity)?;
    let author = envelope(&base, auth)?.header().author;
    if !wanted.keep_nothing {
        keep_all(&base, &genesis, &key, (author, auth), &found["logs"])?;
    }
    let change = Change::Rotate(Rotate {
        signing: vec![KeyUse::unrestricted(fresh)],
        rotation: vec![key.public_key()],
        proofs: vec![proof, possession_proof(genesis.id(), author, &key)],
    });
    let id = operate(&base, &genesis, &key, (author, auth, identity), &change)?;
    wanted.owner.told("the home signs with a new key", id)
}

/// Names the head of every log that stands, scope by scope, before its key is closed.
fn keep_all(
    base: &str,
    genesis: &NetworkGenesis,
    key: &SecretKey,
    (author, auth): (AuthorId, EnvelopeId),
    logs: &Value,
) -> Result<(), Failure> {
    let mut of_scopes: BTreeMap<Scope, Vec<Head>> = BTreeMap::new();
    for log in logs.as_array().into_iter().flatten().filter(|log| log["stands"] == true) {
        let head = Some(Head {
            scope: log["scope"]
                .as_str()
                .and_then(|text| text.parse().ok())
                .ok_or_else(|| failed("a log without a scope"))?,
            key: log["key"].as_str().and_then(|text| text.parse().ok()).ok_or_else(|| failed("a log without a key"))?,
            epoch: Epoch(log["epoch"].as_u64().unwrap_or(0)),
            seq: log["seq"].as_u64().unwrap_or(0),
            id: log["head"]
                .as_str()
                .and_then(|text| text.parse().ok())
                .ok_or_else(|| failed("a log without a head"))?,
        });
        // A rotation key needs no keep: it is not closed.
        for head in head.into_iter().filter(|head| head.key != key.public_key()) {
            of_scopes.entry(head.scope.clone()).or_default().push(head);
        }
    }
    for (scope, mut heads) in of_scopes {
        heads.sort();
        for part in heads.chunks(HEADS_MAX) {
            let body = Keep { heads: part.to_vec() }.encode().map_err(failed)?;
            let scope = scope.clone();
            Signed { network: genesis.id(), author, auth, scope, kind: Keep::KIND, body }.hand_in(base, key)?;
        }
    }
    Ok(())
}

/// A signature in hexadecimal.
fn signature(text: &str) -> Option<Signature> {
    let byte = |at: usize| u8::from_str_radix(text.get(at..at + 2)?, 16).ok();
    let bytes: Option<Vec<u8>> = (0..text.len()).step_by(2).map(byte).collect();
    Signature::from_slice(&bytes?)
}
