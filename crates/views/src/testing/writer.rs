//! A script of one log: each envelope follows the one before it, and a copy of a writer forks the log.

use super::{T0, network};
use tidepool_protocol::body::{BodyOf, Checkpoint, Head, Keep, Post, PostType, Vote, checkpoint_message};
use tidepool_protocol::identity::HomeSignature;
use tidepool_protocol::signer::Domain;
use tidepool_protocol::{
    AuthorId, Draft, Envelope, EnvelopeId, Epoch, Kind, Salt, Scope, SecretKey, Signer, TimeMs, Verified,
};

/// Salt number `number`.
#[must_use]
pub fn salt(number: u64) -> Salt {
    let mut salt = [0; 16];
    salt[..8].copy_from_slice(&number.to_be_bytes());
    Salt(salt)
}

/// The head that `envelope` is of its log.
#[must_use]
pub fn head_of(envelope: &Envelope) -> Head {
    let header = envelope.header();
    Head { scope: header.scope.clone(), key: header.key, epoch: header.epoch, seq: header.seq, id: envelope.id() }
}

/// Writes one log of one key.
#[derive(Clone, Debug)]
pub struct Writer {
    /// Whose.
    pub author: AuthorId,
    /// The operation that lists the key.
    pub auth: EnvelopeId,
    /// The key.
    pub key: SecretKey,
    /// About what.
    pub scope: Scope,
    /// In which log.
    pub epoch: Epoch,
    /// The next position.
    pub seq: u64,
    /// The envelope before it.
    pub prev: Option<EnvelopeId>,
    /// The next time.
    pub time_ms: TimeMs,
}

impl Writer {
    /// At the beginning of the first log after [`T0`].
    #[must_use]
    pub fn new(author: AuthorId, auth: EnvelopeId, key: &SecretKey, scope: Scope) -> Self {
        let (epoch, time_ms) = (Epoch::first_of(T0), T0.plus_ms(1_000));
        Self { author, auth, key: key.clone(), scope, epoch, seq: 0, prev: None, time_ms }
    }

    /// The next envelope.
    pub fn write(&mut self, kind: Kind, body: Vec<u8>) -> Verified<Envelope> {
        let draft = Draft {
            network: network().id(),
            author: self.author,
            auth: self.auth,
            scope: self.scope.clone(),
            epoch: self.epoch,
            seq: self.seq,
            prev: self.prev,
            time_ms: self.time_ms,
            kind,
            body,
        };
        let envelope = draft.sign(&self.key);
        self.seq += 1;
        self.prev = Some(envelope.id());
        self.time_ms = self.time_ms.plus_ms(1_000);
        envelope
    }

    /// The next envelope, with this body.
    pub fn body<T: BodyOf>(&mut self, body: &T) -> Verified<Envelope> {
        self.write(T::KIND, body.encode().expect("a test's body is within its limits"))
    }

    /// The next envelope: a post with this title.
    pub fn post(&mut self, title: &str) -> Verified<Envelope> {
        let salt = salt(self.seq);
        let (title, content) = (title.to_owned(), String::new());
        self.body(&Post { salt, post_type: PostType::Text, title, content, url: None })
    }

    /// The next envelope: a vote.
    pub fn vote(&mut self, target: EnvelopeId, value: i8) -> Verified<Envelope> {
        self.body(&Vote { target, value })
    }

    /// The next envelope: a `keep` of the heads that `envelopes` are.
    pub fn keep(&mut self, envelopes: &[&Verified<Envelope>]) -> Verified<Envelope> {
        let mut heads: Vec<Head> = envelopes.iter().map(|envelope| head_of(envelope)).collect();
        heads.sort();
        self.body(&Keep { heads })
    }

    /// The next envelope: a checkpoint of the heads that `envelopes` are, countersigned by `home` under its operation
    /// `node_auth`.
    pub fn checkpoint(
        &mut self,
        envelopes: &[&Verified<Envelope>],
        home: Option<(&SecretKey, EnvelopeId)>,
    ) -> Verified<Envelope> {
        let mut heads: Vec<Head> = envelopes.iter().map(|envelope| head_of(envelope)).collect();
        heads.sort();
        let message = checkpoint_message(network().id(), self.author, self.time_ms, &heads);
        let home = home.map(|(key, node_auth)| HomeSignature {
            node_auth,
            key: key.public_key(),
            signature: key.sign(Domain::Checkpoint, &message),
        });
        self.body(&Checkpoint { heads, home })
    }

    /// Goes on in the next log of the same week.
    pub fn next_log(&mut self) {
        self.epoch = self.epoch.next_in_week().expect("a test opens fewer than sixteen logs a week");
        self.seq = 0;
    }
}
