//! A network's genesis document: what every node of one network must agree on before it hears anything.

use crate::cbor::{self, CborError};
use crate::ids::{NetworkId, sha256};
use crate::limits::{OPEN_COMMUNITIES_MAX, SLOTS, WORK_BITS_MAX};
use crate::scope::CommunityName;
use crate::time::TimeMs;
use serde::{Deserialize, Serialize};
use serde_tuple::{Deserialize_tuple, Serialize_tuple};

pub use crate::limits::GENESIS_BYTES_MAX;

/// The genesis document. Its canonical CBOR (an array in field order) is hashed into the [`NetworkId`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct NetworkGenesis {
    /// Of this document's form; 1.
    pub version: u8,
    /// What people call the network.
    pub name: String,
    /// When it was made; tells apart two networks of one name.
    pub created_ms: TimeMs,
    /// The open communities, which exist from the start and belong to nobody.
    #[serde(deserialize_with = "cbor::list::<_, _, OPEN_COMMUNITIES_MAX>")]
    pub communities: Vec<CommunityName>,
    /// The numbers that all nodes share.
    pub params: NetworkParams,
}

/// The numbers that all nodes of a network share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct NetworkParams {
    /// Leading zero bits that the work of an agent's identity operation must have.
    pub agent_work_bits: u8,
    /// The same for a node's.
    pub node_work_bits: u8,
    /// How many envelopes a log may hold at once when its week begins.
    pub log_burst: u64,
    /// How many more it may hold for every hour since.
    pub log_per_hour: u64,
    /// How many shards the slots are cut into: a power of two up to 1,024.
    pub shards: u16,
    /// Counts the changes of `shards`.
    pub generation: u32,
}

/// The human form of the document (JSON), as `--network FILE` reads it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct NetworkFile {
    version: u8,
    name: String,
    created_ms: u64,
    communities: Vec<CommunityName>,
    agent_work_bits: u8,
    node_work_bits: u8,
    log_burst: u64,
    log_per_hour: u64,
    shards: u16,
    generation: u32,
}

/// Why a document makes no network.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum GenesisError {
    /// Not canonical CBOR of the right shape.
    #[error("not a network genesis document: {0}")]
    Cbor(#[from] CborError),
    /// The document's form is of another version.
    #[error("network genesis of version {0}, this node reads version 1")]
    Version(u8),
    /// The number of shards.
    #[error("{0} shards; a power of two from 1 to {SLOTS} is allowed")]
    Shards(u16),
    /// Work beyond what a registering home could do.
    #[error("{0} bits of work; at most {WORK_BITS_MAX} are allowed")]
    Work(u8),
    /// Too many communities.
    #[error("{0} open communities, at most {OPEN_COMMUNITIES_MAX} are allowed")]
    TooManyCommunities(usize),
    /// A community stands twice, or out of order.
    #[error("the open communities must be sorted, without doubles; {0} is not in its place")]
    Communities(CommunityName),
    /// The name.
    #[error("network name {0:?} is not 1 to 64 characters")]
    Name(String),
}

impl NetworkGenesis {
    /// The development network: compiled in and the same everywhere, with little work and generous quotas.
    #[must_use]
    pub fn development() -> Self {
        let names = ["announcements", "general", "introductions"];
        Self {
            version: 1,
            name: "tidepool-development".to_owned(),
            created_ms: TimeMs(1_795_478_400_000),
            communities: names.iter().map(|name| name.parse().expect("a valid community name")).collect(),
            params: NetworkParams {
                agent_work_bits: 8,
                node_work_bits: 8,
                log_burst: 100_000,
                log_per_hour: 36_000,
                shards: 4,
                generation: 0,
            },
        }
    }

    /// Its canonical CBOR.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        cbor::encode(self)
    }

    /// The network that it makes.
    #[must_use]
    pub fn id(&self) -> NetworkId {
        let hash = sha256(&[&self.encode()]);
        let mut first = [0; 8];
        first.copy_from_slice(&hash[..8]);
        NetworkId(first)
    }

    /// Reads and checks a document.
    ///
    /// # Errors
    /// When it is not canonical, or a number is out of its range.
    pub fn decode(bytes: &[u8]) -> Result<Self, GenesisError> {
        cbor::decode::<Self>(bytes, GENESIS_BYTES_MAX)?.checked()
    }

    /// Reads the JSON form, whose fields are those of the document and its parameters in one flat object.
    ///
    /// # Errors
    /// What serde_json says, or what is out of its range.
    pub fn from_json(text: &str) -> Result<Self, NetworkFileError> {
        let file: NetworkFile = serde_json::from_str(text)?;
        let genesis = Self {
            version: file.version,
            name: file.name,
            created_ms: TimeMs(file.created_ms),
            communities: file.communities,
            params: NetworkParams {
                agent_work_bits: file.agent_work_bits,
                node_work_bits: file.node_work_bits,
                log_burst: file.log_burst,
                log_per_hour: file.log_per_hour,
                shards: file.shards,
                generation: file.generation,
            },
        };
        Ok(genesis.checked()?)
    }

    /// The JSON form.
    #[must_use]
    pub fn to_json(&self) -> String {
        let file = NetworkFile {
            version: self.version,
            name: self.name.clone(),
            created_ms: self.created_ms.0,
            communities: self.communities.clone(),
            agent_work_bits: self.params.agent_work_bits,
            node_work_bits: self.params.node_work_bits,
            log_burst: self.params.log_burst,
            log_per_hour: self.params.log_per_hour,
            shards: self.params.shards,
            generation: self.params.generation,
        };
        serde_json::to_string_pretty(&file).expect("plain fields always serialize")
    }

    fn checked(self) -> Result<Self, GenesisError> {
        if self.version != 1 {
            return Err(GenesisError::Version(self.version));
        }
        if !(1..=64).contains(&self.name.chars().count()) {
            return Err(GenesisError::Name(self.name.chars().take(80).collect()));
        }
        let params = &self.params;
        if !params.shards.is_power_of_two() || params.shards > SLOTS {
            return Err(GenesisError::Shards(params.shards));
        }
        if let Some(bits) =
            [params.agent_work_bits, params.node_work_bits].into_iter().find(|bits| *bits > WORK_BITS_MAX)
        {
            return Err(GenesisError::Work(bits));
        }
        if self.communities.len() > OPEN_COMMUNITIES_MAX {
            return Err(GenesisError::TooManyCommunities(self.communities.len()));
        }
        match self.communities.windows(2).find(|pair| pair[0] >= pair[1]) {
            Some(pair) => Err(GenesisError::Communities(pair[1].clone())),
            None => Ok(self),
        }
    }
}

impl NetworkParams {
    /// How many envelopes a log may hold at `time`: from the header alone, so that every node reaches the same verdict.
    #[must_use]
    pub const fn log_quota(&self, time: TimeMs) -> u64 {
        self.log_burst.saturating_add(self.log_per_hour.saturating_mul(time.seconds_into_week()) / 3600)
    }
}

/// Why a `--network` file is refused.
#[derive(Debug, thiserror::Error)]
pub enum NetworkFileError {
    /// Not JSON of the right fields.
    #[error("not a network file: {0}")]
    Json(#[from] serde_json::Error),
    /// A number is out of range.
    #[error(transparent)]
    Genesis(#[from] GenesisError),
}

#[cfg(test)]
mod tests;
