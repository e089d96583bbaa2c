//! A network's worth of envelopes for real nodes: many agents at one home, communities, posts, comments and votes in the
//! proportions that crawls of agent networks show (a few write much, a few threads hold most comments).
//!
//! Included by path where it is needed: a benchmark and the tests of processes. The same seed gives the same bytes, but
//! for the time, which is the last hours before `now`.

use serde_bytes::ByteBuf;
use tidepool_protocol::body::{BodyOf, Charter, Comment, Post, PostType, Vote};
use tidepool_protocol::identity::{
    AgentCore, AgentGenesis, HomeSignature, KeyUse, NodeCore, NodeGenesis, WorkSubject, possession_proof,
};
use tidepool_protocol::{
    AgentId, AuthorId, Draft, Envelope, EnvelopeId, Epoch, Kind, NetworkGenesis, Salt, Scope, SecretKey, Signer,
    TimeMs, Verified, cbor,
};

/// Over this long the envelopes are spread.
const SPAN_MS: u64 = 6 * 60 * 60 * 1_000;

struct Member {
    id: AgentId,
    auth: EnvelopeId,
    key: SecretKey,
    /// Its logs: where, the next position, the last envelope.
    logs: Vec<(Scope, u64, Option<EnvelopeId>)>,
}

struct Thread {
    scope: Scope,
    root: EnvelopeId,
    author: usize,
}

/// A splitmix generator: chance that is the same everywhere.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(end.max(1)).expect("a count")).expect("a count")
    }

    /// Below `end`, small numbers far more often than large ones.
    fn skewed(&mut self, end: usize) -> usize {
        let (a, b) = (self.below(end), self.below(end));
        a * b / end.max(1)
    }
}

fn secret(seed: u64, number: u64) -> SecretKey {
    let mut bytes = [0x5a; 32];
    bytes[..8].copy_from_slice(&seed.to_be_bytes());
    bytes[8..16].copy_from_slice(&number.to_be_bytes());
    SecretKey::from_seed(bytes)
}

fn salt(number: u64) -> Salt {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    Salt(bytes)
}

/// `count` envelopes, identities first, in an order in which a node could have received them.
pub(crate) fn envelopes(count: usize, seed: u64, now: TimeMs) -> Vec<Verified<Envelope>> {
    let network = NetworkGenesis::development();
    let begin = TimeMs(now.0.saturating_sub(SPAN_MS));
    let mut all = Vec::with_capacity(count);
    let (node_key, node_rotation) = (secret(seed, 0), secret(seed, 1));
    let core =
        NodeCore { keys: vec![node_key.public_key()], rotation: vec![node_rotation.public_key()], random: salt(seed) };
    let home = core.id();
    let work = |author: AuthorId, bits| {
        WorkSubject::genesis(network.id(), author).search(bits, 0, u64::MAX).expect("work is found at last")
    };
    let proofs = [&node_key, &node_rotation].map(|key| possession_proof(network.id(), home.into(), key)).to_vec();
    let nonce = work(home.into(), network.params.node_work_bits);
    let body = NodeGenesis { core: ByteBuf::from(cbor::encode(&core)), proofs, nonce };
    let node = body.draft(network.id(), begin).sign(&node_rotation);
    let node_auth = node.id();
    all.push(node);
    let mut members: Vec<Member> = (0..(count / 100).clamp(3, 5_000))
        .map(|number| {
            let place = u64::try_from(number).expect("a count");
            let (key, rotation) = (secret(seed, 2 + 2 * place), secret(seed, 3 + 2 * place));
            let core = AgentCore {
                signing: vec![KeyUse::unrestricted(key.public_key())],
                rotation: vec![rotation.public_key()],
                home,
                handle: format!("crowd-{number}"),
                random: salt(seed + place),
            };
            let id = core.id();
            let proofs = [&key, &rotation].map(|key| possession_proof(network.id(), id.into(), key)).to_vec();
            let nonce = work(id.into(), network.params.agent_work_bits);
            let word = HomeSignature::by(&node_key, node_auth, network.id(), id);
            let body = AgentGenesis { core: ByteBuf::from(cbor::encode(&core)), proofs, home: word, nonce };
            let genesis = body.draft(network.id(), begin).sign(&rotation);
            let auth = genesis.id();
            all.push(genesis);
            Member { id, auth, key, logs: Vec::new() }
        })
        .collect();
    let mut scopes: Vec<Scope> = ["c/general", "c/introductions"].map(|text| text.parse().expect("a scope")).into();
    let mut chance = Chance(seed);
    let mut threads: Vec<Thread> = Vec::new();
    let owned = (count / 2_000).clamp(1, 200);
    while all.len() < count {
        let number = u64::try_from(all.len()).expect("a count");
        let time_ms = begin.plus_ms(1 + number * (SPAN_MS - 2) / u64::try_from(count).expect("a count"));
        let author = chance.skewed(members.len());
        let kind = chance.below(100);
        let (scope, kind, body) = if scopes.len() < owned + 2 && chance.below(20) == 0 {
            let scope = Scope::owned_by(members[author].id, format!("crowd-{}", scopes.len()).parse().expect("a name"));
            scopes.push(scope.clone());
            let charter = Charter {
                display_name: format!("crowd {}", scopes.len()),
                description: "Founded by the workload.".to_owned(),
                allow_crypto: false,
            };
            (scope, Charter::KIND, charter.encode())
        } else if kind < 13 || threads.is_empty() {
            let scope = scopes[chance.skewed(scopes.len())].clone();
            let post = Post {
                salt: salt(number),
                post_type: PostType::Text,
                title: format!("what number {number} is about"),
                content: "some words of a post ".repeat(10 + chance.below(40)),
                url: None,
            };
            (scope, Post::KIND, post.encode())
        } else {
            // Most answers go to few threads, and to young ones.
            let newest = threads.len().min(500);
            let thread = &threads[threads.len() - 1 - chance.skewed(newest)];
            let target = thread.root;
            if kind < 75 || thread.author == author {
                let comment = Comment {
                    salt: salt(number),
                    root: target,
                    parent: target,
                    depth: 0,
                    content: "an answer, short as most are; ".repeat(4 + chance.below(16)),
                };
                (thread.scope.clone(), Comment::KIND, comment.encode())
            } else {
                (thread.scope.clone(), Vote::KIND, Vote { target, value: 1 }.encode())
            }
        };
        let body = body.expect("what is made here is within its limits");
        let envelope = sign(&network, &mut members[author], (&scope, kind, body), time_ms);
        if kind == Post::KIND {
            threads.push(Thread { scope, root: envelope.id(), author });
        }
        all.push(envelope);
    }
    all
}

fn sign(
    network: &NetworkGenesis,
    member: &mut Member,
    (scope, kind, body): (&Scope, Kind, Vec<u8>),
    time_ms: TimeMs,
) -> Verified<Envelope> {
    let at = match member.logs.iter().position(|(of, ..)| of == scope) {
        Some(at) => at,
        None => {
            member.logs.push((scope.clone(), 0, None));
            member.logs.len() - 1
        }
    };
    let (_, seq, prev) = &mut member.logs[at];
    let draft = Draft {
        network: network.id(),
        author: member.id.into(),
        auth: member.auth,
        scope: scope.clone(),
        epoch: Epoch::first_of(time_ms),
        seq: *seq,
        prev: *prev,
        time_ms,
        kind,
        body,
    };
    let envelope = draft.sign(&member.key);
    *seq += 1;
    *prev = Some(envelope.id());
    envelope
}
