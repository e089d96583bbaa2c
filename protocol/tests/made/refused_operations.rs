//! Identity operations that verify and yet are not admissible, each for one reason alone.

use super::forge::{AUTH, Attempt, EPOCH, Forge, NOWHERE, SCOPE};
use super::notation::{hex, state};
use crate::cast::{self, ADA, BOB, Cast, HARBOUR, LAGOON};
use serde_bytes::ByteBuf;
use serde_json::{Value, json};
use tidepool_protocol::identity::{
    AgentCore, AgentGenesis, Change, HomeSignature, IdentityError, IdentityState, KeyUse, Resolve, Revoke, Rotate,
    WorkSubject, begin, check_home, extend, home_word,
};
use tidepool_protocol::ids::{AuthorId, NodeId, Salt};
use tidepool_protocol::{Envelope, Kind, Signer, Verified, cbor};

fn reason(error: &IdentityError) -> &'static str {
    match error {
        IdentityError::Form(_) => "form",
        IdentityError::NoBody => "no body",
        IdentityError::Kind(_) => "kind",
        IdentityError::Header(_) => "header",
        IdentityError::NotTheCore => "core",
        IdentityError::Keys => "keys",
        IdentityError::Handle(_) => "handle",
        IdentityError::Possession(_) => "possession",
        IdentityError::Home => "home",
        IdentityError::Work { .. } => "work",
        IdentityError::Signer(_) => "signer",
        IdentityError::ChainSeq { .. } => "chain seq",
        IdentityError::Time => "time",
        IdentityError::Cosignature(_) => "cosignature",
        IdentityError::Ended(_) => "ended",
        IdentityError::NotListed(_) => "not listed",
    }
}

/// A genesis of Ada's with parts that are free.
struct Beginning {
    core: AgentCore,
    proofs: Vec<u8>,
    home: HomeSignature,
    signer: u8,
    bits: std::ops::Range<u32>,
}

impl Beginning {
    fn signed(&self) -> Verified<Envelope> {
        let author = AuthorId::from(self.core.id());
        let subject = WorkSubject::genesis(cast::network(), author);
        let nonce = (0..).find(|nonce| self.bits.contains(&tidepool_protocol::identity::work_bits(&subject, *nonce)));
        let core = ByteBuf::from(cbor::encode(&self.core));
        let proofs = cast::proofs(author, &self.proofs);
        let genesis = AgentGenesis { core, proofs, home: self.home, nonce: nonce.unwrap() };
        genesis.draft(cast::network(), cast::NOON).sign(&cast::key(self.signer))
    }
}

fn beginning(cast: &Cast, change: impl FnOnce(&mut Beginning)) -> Verified<Envelope> {
    let core = AgentCore {
        signing: vec![KeyUse::unrestricted(cast::key(BOB[0]).public_key())],
        rotation: vec![cast::key(BOB[1]).public_key()],
        home: cast.harbour.state.author.as_node(),
        handle: "bob".to_owned(),
        random: Salt([9; 16]),
    };
    let home = HomeSignature::by(&cast::key(HARBOUR[0]), cast.harbour.state.operation, cast::network(), core.id());
    let mut made = Beginning { core, proofs: BOB.to_vec(), home, signer: BOB[1], bits: 8..257 };
    change(&mut made);
    made.signed()
}

fn genesis_entry(name: &str, expected: &str, envelope: &Verified<Envelope>, cast: &Cast) -> Value {
    let harbour = &cast.harbour.state;
    let admitted = begin(envelope, &cast::params()).and_then(|_| match home_word(envelope)? {
        Some((home, word)) => check_home(cast::network(), envelope.header().author.as_agent(), home, &word, harbour),
        None => Ok(()),
    });
    assert_eq!(reason(&admitted.expect_err(name)), expected, "{name}");
    json!({ "name": name, "reason": expected, "envelope": hex(envelope.bytes()), "home_state": state(harbour) })
}

fn geneses(cast: &Cast) -> Vec<Value> {
    let entry = |name, expected, envelope: &Verified<Envelope>| genesis_entry(name, expected, envelope, cast);
    let with = |change: &dyn Fn(&mut Beginning)| beginning(cast, change);
    let word = |key: u8, beginning: &Beginning| {
        HomeSignature::by(&cast::key(key), cast.harbour.state.operation, cast::network(), beginning.core.id())
    };
    let forge = || Forge::of(&cast.bob.genesis, BOB[1]);
    let body = cast.bob.genesis.body().unwrap();
    vec![
        entry("a handle of two characters", "handle", &with(&|made| made.core.handle = "bo".to_owned())),
        entry("a handle of a foreign alphabet", "handle", &with(&|made| made.core.handle = "bоb".to_owned())),
        entry("a proof of another key", "possession", &with(&|made| made.proofs = vec![BOB[0], 99])),
        entry("a proof too few", "keys", &with(&|made| made.proofs = vec![BOB[0]])),
        entry(
            "a key of both sorts",
            "keys",
            &with(&|made| {
                made.core.signing = vec![KeyUse::unrestricted(cast::key(BOB[1]).public_key())];
                made.proofs = vec![BOB[1], BOB[1]];
            }),
        ),
        entry(
            "no signing key",
            "keys",
            &with(&|made| {
                made.core.signing.clear();
                made.proofs = vec![BOB[1]];
            }),
        ),
        entry("too little work", "work", &with(&|made| made.bits = 0..8)),
        entry("signed by the signing key", "signer", &with(&|made| made.signer = BOB[0])),
        entry("a home's word of a foreign key", "home", &with(&|made| made.home = word(LAGOON[0], made))),
        entry("a home's word for another agent", "home", &with(&|made| made.core.random = Salt([8; 16]))),
        entry(
            "the word of another home than the one named",
            "home",
            &with(&|made| {
                made.core.home = NodeId([3; 32]);
                made.home = word(HARBOUR[0], made);
            }),
        ),
        entry("an auth", "header", &forge().with(AUTH, NOWHERE.0.to_vec()).verified()),
        entry("an epoch", "header", &forge().with(EPOCH, 1).verified()),
        entry(
            "the scope of another",
            "header",
            &forge().with(SCOPE, cast.ada.genesis.header().scope.to_string()).verified(),
        ),
        entry("a kind of another sort", "form", &forge().with(super::forge::KIND, Kind::NODE_GENESIS.0).verified()),
        entry(
            "a core that is not the author's",
            "core",
            &forge()
                .with(2, vec![7u8; 32])
                .with(SCOPE, format!("i/{}", tidepool_protocol::text::BASE32.encode(&[7; 32])))
                .verified(),
        ),
        entry("no body", "no body", &Verified::erased(&cast.bob.genesis)),
        entry(
            "a body with a field too many",
            "form",
            &forge().body([&[0x85], &body[1..], &[0xf6]].concat()).verified(),
        ),
    ]
}

fn operation_entry(name: &str, expected: &str, before: &IdentityState, envelope: &Verified<Envelope>) -> Value {
    let error = extend(before, envelope, &cast::params()).expect_err(name);
    assert_eq!(reason(&error), expected, "{name}");
    json!({ "name": name, "reason": expected, "before": state(before), "envelope": hex(envelope.bytes()) })
}

fn attempts(cast: &Cast) -> Vec<(&'static str, &'static str, Attempt)> {
    let ada = &cast.ada.state;
    let public = |number: u8| cast::key(number).public_key();
    let revoke =
        |keys: &[u8]| Change::Revoke(Revoke { keys: keys.iter().map(|number| public(*number)).collect() }).encode();
    let posts = revoke(&[ADA[1]]);
    let good = || Attempt::new(ada, Kind::REVOKE, posts.clone(), ADA[2]);
    let with = |change: &dyn Fn(&mut Attempt)| {
        let mut attempt = good();
        change(&mut attempt);
        attempt
    };
    let rotate = |signing: &[u8], rotation: &[u8], proofs: &[u8]| {
        let change = Change::Rotate(Rotate {
            signing: signing.iter().map(|number| KeyUse::unrestricted(public(*number))).collect(),
            rotation: rotation.iter().map(|number| public(*number)).collect(),
            proofs: cast::proofs(ada.author, proofs),
        });
        Attempt::new(ada, Kind::ROTATE, change.encode(), ADA[2])
    };
    let old = |chain_seq: u64| {
        let mut state = ada.clone();
        state.chain_seq = chain_seq - 1;
        Attempt::new(&state, Kind::REVOKE, posts.clone(), ADA[2])
    };
    let resolve = Attempt::new(ada, Kind::RESOLVE, Change::Resolve(Resolve { stands: NOWHERE }).encode(), ADA[2]);
    let resolved = extend(ada, &resolve.signed(), &cast::params()).unwrap();
    let node_change = cast.operations().into_iter().find(|one| one.name == "node rotate").unwrap();
    let node_body: tidepool_protocol::identity::OperationBody =
        cbor::decode(node_change.envelope.body().unwrap(), 1 << 16).unwrap();
    vec![
        ("a place in the chain skipped", "chain seq", with(&|made| made.chain_seq = 2)),
        ("a 17th operation on the first day", "chain seq", old(17)),
        ("signed by a signing key", "signer", with(&|made| made.signer = ADA[0])),
        ("signed by a stranger", "signer", with(&|made| made.signer = 99)),
        ("work for another time", "work", with(&|made| made.work_ms.0 -= 1)),
        (
            "signed before what it extends",
            "time",
            with(&|made| (made.time_ms, made.work_ms) = (cast::TOO_EARLY, cast::TOO_EARLY)),
        ),
        ("co-signed by its signer", "cosignature", good().cosigned(ADA[2], &posts)),
        ("co-signed twice by one key", "cosignature", good().cosigned(ADA[3], &posts).cosigned(ADA[3], &posts)),
        ("co-signed by a signing key", "cosignature", good().cosigned(ADA[0], &posts)),
        ("co-signed for another change", "cosignature", good().cosigned(ADA[3], &revoke(&[ADA[0]]))),
        ("closes a key that is not listed", "not listed", Attempt::new(ada, Kind::REVOKE, revoke(&[99]), ADA[2])),
        ("closes one key twice", "not listed", Attempt::new(ada, Kind::REVOKE, revoke(&[ADA[1], ADA[1]]), ADA[2])),
        ("closes every rotation key", "keys", Attempt::new(ada, Kind::REVOKE, revoke(&ADA[2..]), ADA[2])),
        ("rotates to a key without its proof", "possession", rotate(&[16], &[17], &[16, 99])),
        ("rotates to no rotation key", "keys", rotate(&[16], &[], &[16])),
        ("rotates to one key of both sorts", "keys", rotate(&[16], &[16], &[16, 16])),
        (
            "a node's change in an agent's chain",
            "kind",
            Attempt::new(ada, Kind::NODE_ROTATE, node_body.change.to_vec(), ADA[2]),
        ),
        ("a genesis in a chain", "kind", Attempt::new(ada, Kind::GENESIS, posts.clone(), ADA[2])),
        ("a keep in a chain", "kind", Attempt::new(ada, Kind::KEEP, posts.clone(), ADA[2])),
        ("a post in a chain", "kind", Attempt::new(ada, Kind::POST, posts.clone(), ADA[2])),
        ("a change of another kind", "form", Attempt::new(ada, Kind::MOVE_HOME, posts.clone(), ADA[2])),
        ("extends a resolve", "ended", Attempt::new(&resolved, Kind::REVOKE, posts.clone(), ADA[2])),
    ]
}

/// Geneses and operations with the state that they extend, and the reason why each is refused.
pub fn operations() -> Value {
    let cast = Cast::new();
    let mut operations: Vec<_> = attempts(&cast)
        .into_iter()
        .map(|(name, expected, attempt)| operation_entry(name, expected, &attempt.state, &attempt.signed()))
        .collect();
    let ada = &cast.ada.state;
    let revoke = Change::Revoke(Revoke { keys: vec![cast::key(ADA[1]).public_key()] }).encode();
    let good = Forge::of(&Attempt::new(ada, Kind::REVOKE, revoke, ADA[2]).signed(), ADA[2]);
    operations.push(operation_entry(
        "extends another state",
        "header",
        ada,
        &good.clone().with(AUTH, NOWHERE.0.to_vec()).verified(),
    ));
    operations.push(operation_entry("an epoch", "header", ada, &good.with(EPOCH, 16).verified()));
    json!({ "geneses": geneses(&cast), "operations": operations })
}
