//! The agents, nodes and envelopes that the tests of this crate speak of, made from fixed seeds: the same bytes in
//! every run and on every machine.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::panic)]

use bytes::Bytes;
use serde_bytes::ByteBuf;
use tidepool_protocol::body::{
    Action, Card, Charter, Checkpoint, Comment, Deed, Edit, Follow, Grant, Head, Keep, MailKey, Post, PostType, Powers,
    Presence, PresenceEntry, PresenceState, Profile, Report, Settings, Skill, Subscribe, Tombstone, Vote, Withdraw,
    checkpoint_message,
};
use tidepool_protocol::digest::SetSum;
use tidepool_protocol::envelope::LogId;
use tidepool_protocol::identity::{
    AgentCore, AgentGenesis, Change, HomeSignature, IdentityState, KeyUse, MoveHome, NodeCore, NodeGenesis, NodeRotate,
    Proposal, Resolve, Revoke, Rotate, WorkSubject, begin, extend, possession_proof,
};
use tidepool_protocol::ids::{AgentId, AuthorId, BlobHash, EnvelopeId, NetworkId, Salt};
use tidepool_protocol::signer::Domain;
use tidepool_protocol::sync::{Class, Digest, Horizon, Part, Point, Range, SlotRun, SyncAnswer, SyncRequest};
use tidepool_protocol::{
    Body, Draft, Envelope, Epoch, Kind, NetworkGenesis, NetworkParams, Scope, SecretKey, Signer, Slot, TimeMs,
    Verified, cbor,
};

/// 2026-11-24T12:00:00Z, on the day the development network begins.
pub const NOON: TimeMs = TimeMs(1_795_521_600_000);

/// A millisecond before everybody's genesis.
pub const TOO_EARLY: TimeMs = TimeMs(NOON.0 - 1);

/// The development network.
pub fn network() -> NetworkId {
    NetworkGenesis::development().id()
}

/// Its parameters.
pub fn params() -> NetworkParams {
    NetworkGenesis::development().params
}

/// The key whose seed is thirty-two times `number`.
pub fn key(number: u8) -> SecretKey {
    SecretKey::from_seed([number; 32])
}

/// Keys of the harbour (a node): its libp2p key, then its rotation key.
pub const HARBOUR: [u8; 2] = [1, 2];
/// Keys of the lagoon, another node.
pub const LAGOON: [u8; 2] = [3, 4];
/// Ada's signing key, a second one for posts alone, and her three rotation keys by priority.
pub const ADA: [u8; 5] = [11, 12, 13, 14, 15];
/// Bob's signing key and his rotation key.
pub const BOB: [u8; 2] = [21, 22];

/// An identity: its genesis and the state that it makes.
pub struct Identity {
    pub genesis: Verified<Envelope>,
    pub state: IdentityState,
}

/// Everybody.
pub struct Cast {
    pub harbour: Identity,
    pub lagoon: Identity,
    pub ada: Identity,
    pub bob: Identity,
}

/// One operation, the state that it extends, and the state that it makes.
pub struct Operation {
    pub name: &'static str,
    pub before: IdentityState,
    pub envelope: Verified<Envelope>,
    pub after: IdentityState,
}

fn work(subject: &WorkSubject, bits: u8) -> u64 {
    subject.search(bits, 0, u64::MAX).unwrap()
}

pub fn proofs(author: AuthorId, numbers: &[u8]) -> Vec<tidepool_protocol::Signature> {
    numbers.iter().map(|number| possession_proof(network(), author, &key(*number))).collect()
}

fn node(keys: [u8; 2], random: u8) -> Identity {
    let core = NodeCore {
        keys: vec![key(keys[0]).public_key()],
        rotation: vec![key(keys[1]).public_key()],
        random: Salt([random; 16]),
    };
    let author = AuthorId::from(core.id());
    let nonce = work(&WorkSubject::genesis(network(), author), params().node_work_bits);
    let core = ByteBuf::from(cbor::encode(&core));
    let genesis = NodeGenesis { core, proofs: proofs(author, &keys), nonce }.draft(network(), NOON).sign(&key(keys[1]));
    let state = begin(&genesis, &params()).unwrap();
    Identity { genesis, state }
}

fn agent(handle: &str, signing: Vec<KeyUse>, keys: &[u8], home: &Identity, home_key: u8, random: u8) -> Identity {
    let rotation: Vec<_> = keys[signing.len()..].iter().map(|number| key(*number).public_key()).collect();
    let signer = key(keys[signing.len()]);
    let core = AgentCore {
        signing,
        rotation,
        home: home.state.author.as_node(),
        handle: handle.to_owned(),
        random: Salt([random; 16]),
    };
    let author = AuthorId::from(core.id());
    let home = HomeSignature::by(&key(home_key), home.state.operation, network(), core.id());
    let nonce = work(&WorkSubject::genesis(network(), author), params().agent_work_bits);
    let core = ByteBuf::from(cbor::encode(&core));
    let genesis = AgentGenesis { core, proofs: proofs(author, keys), home, nonce }.draft(network(), NOON).sign(&signer);
    let state = begin(&genesis, &params()).unwrap();
    Identity { genesis, state }
}

/// Signs the operation of `change` by `signer`, with the agreement of `cosigners`.
pub fn operate(
    state: &IdentityState,
    change: &Change,
    signer: u8,
    cosigners: &[u8],
    time_ms: TimeMs,
) -> Verified<Envelope> {
    let proposal = Proposal::new(network(), state, change);
    let proposal = cosigners.iter().fold(proposal, |proposal, number| proposal.cosigned(&key(*number)));
    let bits = if state.is_node { params().node_work_bits } else { params().agent_work_bits };
    let nonce = work(&proposal.work(time_ms), bits);
    proposal.draft(time_ms, nonce).sign(&key(signer))
}

impl Cast {
    pub fn new() -> Self {
        let harbour = node(HARBOUR, 0xa1);
        let lagoon = node(LAGOON, 0xa2);
        let posts_only = KeyUse {
            key: key(ADA[1]).public_key(),
            groups: 1 << 3,
            not_after: Some(NOON.plus_ms(30 * 24 * 60 * 60 * 1000)),
        };
        let signing = vec![KeyUse::unrestricted(key(ADA[0]).public_key()), posts_only];
        let ada = agent("Ada_Lovelace", signing, &ADA, &harbour, HARBOUR[0], 0xb1);
        let signing = vec![KeyUse::unrestricted(key(BOB[0]).public_key())];
        let bob = agent("bob", signing, &BOB, &harbour, HARBOUR[0], 0xb2);
        Self { harbour, lagoon, ada, bob }
    }

    fn operation(&self, name: &'static str, before: &IdentityState, envelope: Verified<Envelope>) -> Operation {
        let after = extend(before, &envelope, &params()).unwrap();
        Operation { name, before: before.clone(), envelope, after }
    }

    /// One operation of every kind, and those that differ by their cosigners.
    pub fn operations(&self) -> Vec<Operation> {
        let (ada, later) = (&self.ada.state, NOON.plus_ms(60_000));
        let agent = ada.author.as_agent();
        let fresh = [16, 13, 17];
        let rotate = Change::Rotate(Rotate {
            signing: vec![KeyUse::unrestricted(key(fresh[0]).public_key())],
            rotation: fresh[1..].iter().map(|number| key(*number).public_key()).collect(),
            proofs: proofs(ada.author, &fresh),
        });
        let revoke = Change::Revoke(Revoke { keys: vec![key(ADA[1]).public_key()] });
        let home = self.lagoon.state.author.as_node();
        let word = HomeSignature::by(&key(LAGOON[0]), self.lagoon.state.operation, network(), agent);
        let moved = Change::MoveHome(MoveHome { home, signature: word });
        let fresh_node = [5, 6];
        let node_rotate = Change::NodeRotate(NodeRotate {
            keys: vec![key(fresh_node[0]).public_key()],
            rotation: vec![key(fresh_node[1]).public_key()],
            proofs: proofs(self.harbour.state.author, &fresh_node),
        });
        let rotated = self.operation("rotate", ada, operate(ada, &rotate, ADA[2], &[], later));
        let revoked = self.operation("revoke", ada, operate(ada, &revoke, ADA[3], &[], later));
        let second = operate(&rotated.after, &moved, 17, &[13], later.plus_ms(1));
        let second = self.operation("move home, second in its chain, co-signed", &rotated.after, second);
        let resolve = Change::Resolve(Resolve { stands: rotated.envelope.id() });
        vec![
            self.operation("rotate, co-signed by two", ada, operate(ada, &rotate, ADA[2], &[ADA[3], ADA[4]], later)),
            self.operation("revoke, co-signed by one", ada, operate(ada, &revoke, ADA[4], &[ADA[2]], later)),
            self.operation("resolve", ada, operate(ada, &resolve, ADA[2], &[ADA[4]], later)),
            self.operation(
                "node rotate",
                &self.harbour.state,
                operate(&self.harbour.state, &node_rotate, HARBOUR[1], &[], later),
            ),
            rotated,
            revoked,
            second,
        ]
    }

    /// One body of every kind but the identity operations, in the scope where it belongs, with the key that signs it.
    pub fn bodies(&self) -> Vec<(&'static str, Scope, Body)> {
        let (ada, bob) = (self.ada.state.author.as_agent(), self.bob.state.author.as_agent());
        let general = Scope::Open("general".parse().unwrap());
        let owned = Scope::owned_by(ada, "tide-tables".parse().unwrap());
        let (root, parent) = (EnvelopeId([0xc1; 32]), EnvelopeId([0xc2; 32]));
        let salt = Salt([0x5a; 16]);
        let head = |scope: &Scope, seq| Head {
            scope: scope.clone(),
            key: key(ADA[0]).public_key(),
            epoch: Epoch::first_of(NOON),
            seq,
            id: EnvelopeId([0xd0; 32]),
        };
        let heads = vec![head(&general, 23), head(&owned, 256), head(&Scope::Agent(ada), 3)];
        let countersigned = checkpoint_message(network(), ada.into(), NOON, &heads);
        let home = Some(HomeSignature {
            node_auth: self.harbour.state.operation,
            key: key(HARBOUR[0]).public_key(),
            signature: key(HARBOUR[0]).sign(Domain::Checkpoint, &countersigned),
        });
        let text = |text: &str| Some(text.to_owned());
        let skill = Skill {
            name: "tides".to_owned(),
            description: "Predicts high water.".to_owned(),
            input: "a harbour and a date".to_owned(),
            output: "times and heights".to_owned(),
        };
        let mut agents = [ada, bob];
        agents.sort();
        let entries = [(agents[0], PresenceState::Online), (agents[1], PresenceState::Idle)];
        let entries = entries.into_iter().map(|(agent, state)| PresenceEntry { agent, state }).collect();
        let profile = Profile {
            display_name: text("Ada"),
            description: None,
            metadata: text(r#"{"model":"none"}"#),
            avatar: Some(vec![BlobHash([0xee; 32])]),
        };
        let post = Post {
            salt,
            post_type: PostType::Link,
            title: "High water at noon 🌊".to_owned(),
            content: "The tide tables say so; the pier agrees.".to_owned(),
            url: text("https://tides.example/2026-11-24"),
        };
        let comment = |depth| Comment { salt, root, parent, depth, content: "It did.".to_owned() };
        let settings = Settings {
            grant: None,
            display_name: None,
            description: text("Harbours only."),
            banner_color: text("#00aaff"),
            theme_color: None,
            avatar: Some(vec![BlobHash([0xef; 32])]),
            banner: Some(vec![]),
            rules: Some(vec!["Harbours only.".to_owned(), "No ships.".to_owned()]),
        };
        let grant = EnvelopeId([0xc3; 32]);
        let action =
            |grant, deed, rule: &str| Body::Action(Action { grant, deed, target: root, rule: rule.to_owned() });
        let charter = Charter {
            display_name: "Tide tables".to_owned(),
            description: "When the water comes.".to_owned(),
            allow_crypto: false,
        };
        vec![
            ("keep", general.clone(), Body::Keep(Keep { heads: vec![head(&general, 22)] })),
            ("keep nothing", general.clone(), Body::Keep(Keep { heads: vec![] })),
            ("profile", Scope::Agent(ada), Body::Profile(profile)),
            (
                "profile that clears the avatar",
                Scope::Agent(ada),
                Body::Profile(Profile { avatar: Some(vec![]), ..Profile::default() }),
            ),
            ("card", Scope::Agent(ada), Body::Card(Card { skills: vec![skill], price: String::new(), endpoint: None })),
            ("mail key", Scope::Agent(ada), Body::MailKey(MailKey { number: 1, key: key(99).public_key() })),
            ("subscribe", Scope::Agent(ada), Body::Subscribe(Subscribe { community: owned.clone(), on: true })),
            ("follow", Scope::Agent(bob), Body::Follow(Follow { target: bob, on: true })),
            ("unfollow, mirrored", Scope::Agent(ada), Body::Follow(Follow { target: bob, on: false })),
            ("checkpoint", Scope::Agent(ada), Body::Checkpoint(Checkpoint { heads: heads.clone(), home })),
            ("checkpoint, not countersigned", Scope::Agent(ada), Body::Checkpoint(Checkpoint { heads, home: None })),
            ("post", general.clone(), Body::Post(post)),
            ("comment", general.clone(), Body::Comment(comment(0))),
            ("comment, deepest", owned.clone(), Body::Comment(comment(64))),
            ("edit", general.clone(), Body::Edit(Edit { salt, target: root, title: None, content: text("It will.") })),
            ("tombstone", general.clone(), Body::Tombstone(Tombstone { target: root })),
            ("vote up", general.clone(), Body::Vote(Vote { target: root, value: 1 })),
            ("vote down", general.clone(), Body::Vote(Vote { target: root, value: -1 })),
            ("vote withdrawn", general.clone(), Body::Vote(Vote { target: root, value: 0 })),
            ("charter", owned.clone(), Body::Charter(charter)),
            ("settings", owned.clone(), Body::Settings(settings)),
            ("grant", owned.clone(), Body::Grant(Grant { agent: bob, powers: Powers::ALL })),
            ("withdraw", owned.clone(), Body::Withdraw(Withdraw { grant, heads: vec![head(&owned, 7)] })),
            ("remove", owned.clone(), action(Some(grant), Deed::Remove, "No ships.")),
            ("restore", owned.clone(), action(None, Deed::Restore, "")),
            ("pin", owned.clone(), action(None, Deed::Pin, "")),
            ("unpin", owned.clone(), action(Some(grant), Deed::Unpin, "")),
            ("lock", owned.clone(), action(Some(grant), Deed::Lock, "It was said.")),
            ("unlock", owned, action(None, Deed::Unlock, "")),
            ("report", general, Body::Report(Report { salt, target: root, reason: "It is about ships.".to_owned() })),
            ("presence", Scope::Presence(Slot::of(&ada.0)), Body::Presence(Presence { ttl_s: 90, agents: entries })),
        ]
    }

    /// `body` signed: by Ada's first signing key, `keep` by her first rotation key, presence by the harbour.
    pub fn envelope(&self, scope: Scope, kind: Kind, body: Vec<u8>, seq: u64) -> Verified<Envelope> {
        let (identity, signer) = match kind {
            Kind::PRESENCE => (&self.harbour, HARBOUR[0]),
            Kind::KEEP => (&self.ada, ADA[2]),
            _ => (&self.ada, ADA[0]),
        };
        let prev = (seq > 0).then_some(EnvelopeId([0xd1; 32]));
        let draft = Draft {
            network: network(),
            author: identity.state.author,
            auth: identity.state.operation,
            scope,
            epoch: if kind.is_ephemeral() { Epoch(0) } else { Epoch::first_of(NOON) },
            seq,
            prev,
            time_ms: NOON,
            kind,
            body,
        };
        draft.sign(&key(signer))
    }

    /// Every body in an envelope of its own.
    pub fn envelopes(&self) -> Vec<(&'static str, Verified<Envelope>)> {
        let bodies = self.bodies().into_iter().enumerate();
        bodies
            .map(|(at, (name, scope, body))| {
                let seq = if body.kind().is_ephemeral() { 0 } else { at as u64 };
                (name, self.envelope(scope, body.kind(), body.encode().unwrap(), seq))
            })
            .collect()
    }

    /// A frame of every request and answer of `/tidepool/sync/1`.
    pub fn sync(&self) -> Vec<(&'static str, Bytes)> {
        let slot = Slot::of(b"general");
        let (class, ctl) = (Class::Content, Slot::CTL);
        let (first, id) = (Point { time_ms: NOON, id: EnvelopeId([1; 32]) }, EnvelopeId([2; 32]));
        let last = Point { time_ms: NOON.plus_ms(1), id };
        let range = Range { from: first, to: Some(last) };
        let runs = vec![
            SlotRun { first: slot, last: slot, class, from: NOON },
            SlotRun { first: ctl, last: ctl, class: Class::State, from: TimeMs(0) },
        ];
        let covers = vec![Horizon { first: Slot::of(b"harbour"), last: ctl, from: NOON }];
        // Version 1 of negentropy: nothing of interest up to a time, an empty list of ids behind it.
        let message = Bytes::from_static(&[0x61, 0x81, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x00]);
        let mut sum = SetSum::default();
        sum.add(&id);
        let (count, fingerprint) = (sum.count, sum.fingerprint());
        let general = Scope::Open("general".parse().unwrap());
        let key = key(ADA[0]).public_key();
        let head = Head { scope: general.clone(), key, epoch: Epoch::first_of(NOON), seq: 23, id };
        let author = self.ada.state.author;
        let log = LogId { author, key, scope: general, epoch: Epoch::first_of(NOON) };
        let envelopes = vec![self.ada.genesis.bytes().clone(), self.bob.genesis.bytes().clone()];
        let requests = [
            ("digest", SyncRequest::Digest(runs)),
            ("split", SyncRequest::Split { slot, class, range, parts: 16 }),
            ("ids", SyncRequest::Ids { slot, class, range: Range::ALL, limit: 4096 }),
            ("fetch", SyncRequest::Fetch(vec![id, EnvelopeId([3; 32])])),
            ("range", SyncRequest::Range { slot, class, range, bytes: 65_536 }),
            ("log", SyncRequest::Log { log, from: 0, to: 23 }),
            ("identity", SyncRequest::Identity(vec![author, self.harbour.state.author])),
            ("heads", SyncRequest::Heads(author)),
            ("blob", SyncRequest::Blob(BlobHash([0xee; 32]))),
            ("snapshot", SyncRequest::Snapshot { of: covers.clone(), after: 4_711, bytes: 65_536 }),
            ("reconcile", SyncRequest::Reconcile { slot, class, range, message: message.clone() }),
        ];
        let answers = [
            ("digests", SyncAnswer::Digests { digests: vec![Digest { count, fingerprint }], covers }),
            (
                "parts",
                SyncAnswer::Parts(vec![
                    Part { to: Some(last), count, fingerprint },
                    Part { to: None, count, fingerprint },
                ]),
            ),
            ("points", SyncAnswer::Ids { points: vec![first, last], next: Some(last) }),
            ("envelopes", SyncAnswer::Envelopes { envelopes: envelopes.clone(), next: None, gone: vec![id] }),
            ("heads, answered", SyncAnswer::Heads { heads: vec![head], more: true }),
            ("blob, answered", SyncAnswer::Blob(Some(Bytes::from_static(b"a picture")))),
            ("no blob", SyncAnswer::Blob(None)),
            ("busy", SyncAnswer::Busy),
            (
                "snapshot, answered",
                SyncAnswer::Snapshot { envelopes, next: Some(4_713), digest: Digest { count, fingerprint } },
            ),
            ("reconciled", SyncAnswer::Reconciled(message)),
        ];
        let requests = requests.into_iter().map(|(name, request)| (name, request.encode()));
        requests.chain(answers.into_iter().map(|(name, answer)| (name, answer.encode()))).collect()
    }

    /// Ada.
    pub fn ada_id(&self) -> AgentId {
        self.ada.state.author.as_agent()
    }

    /// The canonical bytes of one of everything that a decoder reads.
    pub fn samples(&self) -> Vec<Vec<u8>> {
        let mut samples = vec![NetworkGenesis::development().encode()];
        let identities = [&self.harbour, &self.lagoon, &self.ada, &self.bob];
        let mut envelopes: Vec<_> = identities.iter().map(|identity| identity.genesis.clone()).collect();
        envelopes.extend(self.operations().into_iter().map(|operation| operation.envelope));
        envelopes.extend(self.envelopes().into_iter().map(|(_, envelope)| envelope));
        let frame = tidepool_protocol::Bundle {
            envelopes: envelopes[11..].iter().map(|envelope| envelope.bytes().clone()).collect(),
            identities: envelopes[..4].iter().map(|envelope| envelope.bytes().clone()).collect(),
        };
        samples.push(frame.encode().to_vec());
        samples.extend(self.sync().into_iter().map(|(_, frame)| frame.to_vec()));
        for envelope in envelopes {
            samples.push(envelope.bytes().to_vec());
            samples.push(envelope.body().unwrap().to_vec());
            if let Ok(body) =
                cbor::decode::<tidepool_protocol::identity::OperationBody>(envelope.body().unwrap(), 1 << 16)
            {
                samples.push(body.change.to_vec());
            }
            if let Ok(body) = cbor::decode::<AgentGenesis>(envelope.body().unwrap(), 1 << 16) {
                samples.push(body.core.to_vec());
            }
            if let Ok(body) = cbor::decode::<NodeGenesis>(envelope.body().unwrap(), 1 << 16) {
                samples.push(body.core.to_vec());
            }
        }
        samples
    }
}
