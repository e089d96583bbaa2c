//! The rows of identities: one summary per author, one row per operation behind the genesis.

use crate::codec::{self, Unpack, from_cbor, to_cbor};
use crate::overlay::Overlay;
use crate::port::{Cursor, ReadError, Rows};
use crate::rows;
use serde_tuple::{Deserialize_tuple, Serialize_tuple};
use std::cmp::Reverse;
use tidepool_protocol::identity::{IdentityState, Rank};
use tidepool_protocol::{AuthorId, EnvelopeId, PublicKey};

/// The winning branch of an author: all that a verdict on one of its envelopes asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Branch {
    /// Whose.
    pub(crate) author: AuthorId,
    /// The genesis.
    pub(crate) beginning: EnvelopeId,
    /// The operations of the winning branch behind the genesis.
    pub(crate) path: Vec<EnvelopeId>,
    /// Resolves that the winning branch followed.
    pub(crate) resolves: Vec<EnvelopeId>,
    /// Equal operations that extend the end of the path and freeze it; empty when nothing does.
    pub(crate) tied: Vec<EnvelopeId>,
    /// Keys that the winning branch closed.
    pub(crate) closed: Vec<PublicKey>,
    /// How many operations there are behind the genesis, on any branch.
    pub(crate) operations: u64,
}

/// What is known of an author.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Summary {
    pub(crate) branch: Branch,
    /// What the genesis made.
    pub(crate) genesis: IdentityState,
}

impl Branch {
    /// The last operation of the winning branch.
    pub(crate) fn last(&self) -> EnvelopeId {
        self.path.last().copied().unwrap_or(self.beginning)
    }

    pub(crate) fn is_on_path(&self, operation: &EnvelopeId) -> bool {
        self.beginning == *operation || self.path.contains(operation) || self.resolves.contains(operation)
    }

    pub(crate) fn get(rows: &dyn Rows, author: &AuthorId) -> Result<Option<Self>, ReadError> {
        let Some(value) = rows.get(&summary_key(author))? else { return Ok(None) };
        let branch = Self::decode(&mut Unpack::new(rows::IDENTITY, &value))?;
        Ok((branch.author == *author).then_some(branch))
    }

    fn decode(value: &mut Unpack<'_>) -> Result<Self, ReadError> {
        let author = AuthorId(value.array()?);
        let beginning = EnvelopeId(value.array()?);
        let operations = value.u64()?;
        let mut list = || -> Result<Vec<[u8; 32]>, ReadError> { (0..value.u64()?).map(|_| value.array()).collect() };
        let ids = |list: Vec<[u8; 32]>| list.into_iter().map(EnvelopeId).collect();
        let (path, resolves, tied) = (ids(list()?), ids(list()?), ids(list()?));
        let closed = list()?.into_iter().map(PublicKey).collect();
        Ok(Self { author, beginning, path, resolves, tied, closed, operations })
    }

    fn encode(&self) -> Vec<u8> {
        let mut value = [self.author.0, self.beginning.0].concat();
        value.extend_from_slice(&self.operations.to_be_bytes());
        for ids in [&self.path, &self.resolves, &self.tied] {
            value.extend_from_slice(&(ids.len() as u64).to_be_bytes());
            value.extend(ids.iter().flat_map(|id| id.0));
        }
        value.extend_from_slice(&(self.closed.len() as u64).to_be_bytes());
        value.extend(self.closed.iter().flat_map(|key| key.0));
        value
    }
}

impl Summary {
    pub(crate) const fn new(genesis: IdentityState) -> Self {
        let branch = Branch {
            author: genesis.author,
            beginning: genesis.operation,
            path: Vec::new(),
            resolves: Vec::new(),
            tied: Vec::new(),
            closed: Vec::new(),
            operations: 0,
        };
        Self { branch, genesis }
    }

    /// The state that `operation` of this author made.
    pub(crate) fn state_at(&self, rows: &dyn Rows, operation: &EnvelopeId) -> Result<Option<IdentityState>, ReadError> {
        if self.genesis.operation == *operation {
            return Ok(Some(self.genesis.clone()));
        }
        Ok(Operation::get(rows, &self.genesis.author, operation)?.map(|operation| operation.state))
    }

    /// The state after the winning branch.
    pub(crate) fn current(&self, rows: &dyn Rows) -> Result<IdentityState, ReadError> {
        self.state_at(rows, &self.branch.last())?
            .ok_or_else(|| codec::damaged(rows::IDENTITY, "an operation is missing"))
    }

    /// The rotation keys whose `keep`s count: those that are listed now and were never closed. A chain that ends at an
    /// operation that this version does not know keeps those before it.
    pub(crate) fn keepers(&self, rows: &dyn Rows) -> Result<Vec<PublicKey>, ReadError> {
        let mut state = self.current(rows)?;
        if state.ended_by.is_some() {
            let before = self.branch.path.iter().rev().nth(1).copied().unwrap_or(self.branch.beginning);
            state = self.state_at(rows, &before)?.unwrap_or(state);
        }
        state.rotation.retain(|key| !self.branch.closed.contains(key));
        Ok(state.rotation)
    }

    pub(crate) fn get(rows: &dyn Rows, author: &AuthorId) -> Result<Option<Self>, ReadError> {
        let Some(value) = rows.get(&summary_key(author))? else { return Ok(None) };
        let mut value = Unpack::new(rows::IDENTITY, &value);
        let branch = Branch::decode(&mut value)?;
        let genesis = from_cbor(rows::IDENTITY, value.rest())?;
        Ok((branch.author == *author).then_some(Self { branch, genesis }))
    }

    pub(crate) fn put(&self, overlay: &mut Overlay<'_>) {
        let mut value = self.branch.encode();
        value.extend_from_slice(&to_cbor(&self.genesis));
        overlay.put(summary_key(&self.genesis.author), value);
    }
}

fn summary_key(author: &AuthorId) -> Vec<u8> {
    codec::key(rows::IDENTITY, &[&codec::short(&author.0)])
}

/// An operation behind the genesis.
#[derive(Clone, Debug, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub(crate) struct Operation {
    /// What it made.
    pub(crate) state: IdentityState,
    /// What it extends.
    pub(crate) extends: EnvelopeId,
    /// Whether the signers are more than half of the rotation keys.
    pub(crate) majority: bool,
    /// The priority of its signer, 0 the highest.
    pub(crate) priority: u64,
    /// What a resolve names.
    pub(crate) stands: Option<EnvelopeId>,
    /// Where it lies.
    pub(crate) cursor: Cursor,
}

impl Operation {
    pub(crate) const fn rank(&self) -> (bool, Reverse<u64>) {
        (self.majority, Reverse(self.priority))
    }

    pub(crate) fn ranked(mut self, rank: Rank) -> Self {
        self.majority = rank.majority;
        self.priority = u64::try_from(rank.priority.0).unwrap_or(u64::MAX);
        self
    }

    fn key(author: &AuthorId, operation: &EnvelopeId) -> Vec<u8> {
        codec::key(rows::OPERATION, &[&codec::short(&author.0), &operation.short()])
    }

    pub(crate) fn get(rows: &dyn Rows, author: &AuthorId, id: &EnvelopeId) -> Result<Option<Self>, ReadError> {
        let Some(value) = rows.get(&Self::key(author, id))? else { return Ok(None) };
        let operation: Self = from_cbor(rows::OPERATION, &value)?;
        Ok((operation.state.operation == *id).then_some(operation))
    }

    pub(crate) fn put(&self, overlay: &mut Overlay<'_>) {
        overlay.put(Self::key(&self.state.author, &self.state.operation), to_cbor(self));
    }

    /// Every operation of `author` behind the genesis, in the order of their places in the chain, then of their ids.
    pub(crate) fn all(rows: &dyn Rows, author: &AuthorId) -> Result<Vec<Self>, ReadError> {
        let from = codec::key(rows::OPERATION, &[&codec::short(&author.0)]);
        let to = codec::prefix_end(&from);
        let mut values = Vec::new();
        rows.scan(&from, &to, &mut |_, value| {
            values.push(value.clone());
            true
        })?;
        let mut all: Vec<Self> =
            values.iter().map(|value| from_cbor(rows::OPERATION, value)).collect::<Result<_, _>>()?;
        all.sort_by_key(|operation| (operation.state.chain_seq, operation.state.operation));
        Ok(all)
    }
}
