//! What a registration makes before it asks the kernel: keys, genesis, the first profile, and the home's rows.

use super::secrets;
use super::{Register, Registered};
use crate::error::HomeError;
use crate::home::Inner;
use crate::keys::SealPurpose;
use crate::limits::WORK_TRIES_MAX;
use crate::rows::{self, AccountRow, CustodyRow, Hash32};
use serde_bytes::ByteBuf;
use tidepool_kernel::{LocalRequest, RowExpect};
use tidepool_protocol::body::{BodyOf, Profile};
use tidepool_protocol::identity::{AgentCore, AgentGenesis, KeyUse, WorkSubject, possession_proof};
use tidepool_protocol::{
    AgentId, AuthorId, Draft, EnvelopeId, Epoch, Kind, Salt, Scope, SecretKey, Signer, TimeMs, cbor,
};
use zeroize::Zeroizing;

/// A registration that is ready: one request to the kernel, and the answer once it is on disk.
pub(crate) struct Prepared {
    pub(crate) request: LocalRequest,
    pub(crate) answer: Registered,
}

/// Makes everything. Takes the network's work, so it runs off the request path.
pub(crate) fn prepare(inner: &Inner, register: &Register, now: TimeMs) -> Result<Prepared, HomeError> {
    let random = &*inner.parts.random;
    let network = inner.facts.network;
    let entropy = secrets::new_recovery_entropy(random);
    let rotation = secrets::rotation_key(&entropy);
    let mut seed = Zeroizing::new([0; 32]);
    random.fill(&mut *seed);
    let signing = SecretKey::from_seed(*seed);
    let mut salt = [0; 16];
    random.fill(&mut salt);
    let core = AgentCore {
        signing: vec![KeyUse::unrestricted(signing.public_key())],
        rotation: vec![rotation.public_key()],
        home: inner.facts.node,
        handle: register.name.clone(),
        random: Salt(salt),
    };
    let agent = core.id();
    let author = AuthorId::from(agent);
    let nonce = WorkSubject::genesis(network, author)
        .search(inner.parts.genesis.params.agent_work_bits, 0, WORK_TRIES_MAX)
        .expect("2^38 tries find work of at most 32 bits, but for one case in 10^27");
    let signers: [&dyn Signer; 2] = [&signing, &rotation];
    let genesis = AgentGenesis {
        core: ByteBuf::from(cbor::encode(&core)),
        proofs: signers.map(|key| possession_proof(network, author, key)).to_vec(),
        home: inner.parts.keys.home_signature(network, agent, inner.facts.node_auth),
        nonce,
    };
    let genesis = genesis.draft(network, now).sign(&rotation);
    let mut envelopes = vec![genesis.bytes().clone()];
    if !register.description.is_empty() {
        let profile = Profile { description: Some(register.description.clone()), ..Profile::default() };
        envelopes.push(first_profile(inner, agent, genesis.id(), &profile, now)?.sign(&signing).bytes().clone());
    }
    let api_key = secrets::new_api_key(random);
    let token = secrets::new_claim_token(random);
    let verification_code = secrets::new_verification_code(random);
    let key_hash = secrets::api_key_hash(&api_key);
    let sealing = inner.parts.keys.sealing();
    let public = signing.public_key();
    let account = AccountRow {
        handle: register.name.clone(),
        created_ms: now,
        key_hash: Some(Hash32::new(key_hash)),
        claim_sealed: Some(ByteBuf::from(sealing.seal(random, SealPurpose::Claim, &agent.0, token.as_bytes()))),
        verification_code: verification_code.clone(),
        claimed_ms: None,
    };
    let sealed = ByteBuf::from(sealing.seal(random, SealPurpose::Signing, &public.0, &*seed));
    let recovery = ByteBuf::from(sealing.seal(random, SealPurpose::Recovery, &agent.0, &*entropy));
    let rows = vec![
        rows::put(rows::handle_key(&register.name), &agent),
        rows::put(rows::look_key(&register.name), &agent),
        rows::put(rows::account_key(agent), &account),
        rows::put(rows::custody_key(&public), &CustodyRow { agent, sealed }),
        rows::put(rows::recovery_key(agent), &recovery),
        rows::put(rows::api_key_key(&key_hash), &agent),
        rows::put(rows::claim_key(&secrets::claim_hash(&token)), &agent),
    ];
    // Of two that look alike and register at one time, one is told that the name is taken.
    let free = [rows::handle_key(&register.name), rows::look_key(&register.name)];
    let expect = free.map(|key| RowExpect { key, value: None }).to_vec();
    let answer = Registered {
        id: agent,
        handle: register.name.clone(),
        api_key,
        claim_path: format!("/claim/{}", *token),
        verification_code,
        recovery_phrase: secrets::recovery_phrase(&entropy),
        signing_key: public,
        created_ms: now,
    };
    Ok(Prepared { request: LocalRequest::Submit { envelopes, rows, expect }, answer })
}

/// The profile that opens the new agent's log in its own scope. The key is new, so nothing stands before it.
fn first_profile(
    inner: &Inner,
    agent: AgentId,
    genesis: EnvelopeId,
    profile: &Profile,
    now: TimeMs,
) -> Result<Draft, HomeError> {
    Ok(Draft {
        network: inner.facts.network,
        author: agent.into(),
        auth: genesis,
        scope: Scope::Agent(agent),
        epoch: Epoch::first_of(now),
        seq: 0,
        prev: None,
        time_ms: now,
        kind: Kind::PROFILE,
        body: profile.encode()?,
    })
}
