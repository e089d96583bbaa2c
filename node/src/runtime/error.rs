//! Why a node does not start, and with which exit code.

use crate::config::ApiAddress;
use crate::datadir::DataDirError;
use crate::exit::Exit;
use std::path::PathBuf;
use tidepool_home::{HomeError, NodeKeyError};
use tidepool_kernel::StoreError;
use tidepool_net::NetError;
use tidepool_store::OpenError;

/// Why a node does not start. Nothing of it runs any more when this is returned.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data directory.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The key file.
    #[error(transparent)]
    Keys(#[from] NodeKeyError),
    /// There is none, and the store belongs to a node that has one.
    #[error(
        "{} is not there, and the store beside it is sealed under one; put it back from a backup (`tidepool restore` does), \
         or start a new node with another --data-dir",
        .0.display()
    )]
    KeysLost(PathBuf),
    /// The store.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// The network.
    #[error(transparent)]
    Net(#[from] NetError),
    /// The API's address.
    #[error(
        "cannot serve the API on {address}: {source}; {hint}", hint = api_hint(.source)
    )]
    Api {
        /// The address.
        address: ApiAddress,
        /// What the system said.
        source: std::io::Error,
    },
    /// The store failed before the node served.
    #[error("{0}{hint}", hint = store_hint(.0))]
    Failed(StoreError),
    /// The home.
    #[error("the home cannot open: {0}")]
    Home(#[from] HomeError),
    /// A thread could not be started.
    #[error("a thread cannot be started: {0}; raise the limit of processes of this user")]
    Thread(#[from] std::io::Error),
}

/// What to do about an address on which the API cannot listen.
fn api_hint(error: &std::io::Error) -> &'static str {
    use std::io::ErrorKind::{AddrInUse, AddrNotAvailable, PermissionDenied};
    match error.kind() {
        AddrInUse => "free the port, or pass another --api (port 0 takes a free one)",
        AddrNotAvailable => "this machine has no such address; pass one that it has with --api",
        PermissionDenied => "pass a port from 1024 up with --api, or give the process the right to lower ones",
        _ => "check the name, or pass an IP address with --api",
    }
}

/// What to do about a store that failed.
pub(crate) const fn store_hint(error: &StoreError) -> &'static str {
    match error {
        StoreError::Read(_) => {
            ". Start the node again: it reads everything, heals what it can compute anew, and puts a damaged store aside"
        }
        StoreError::Write { .. } => {
            "; everything acknowledged is on disk, start the node again once the cause is mended"
        }
        // It says itself what to do.
        StoreError::DiskFull { .. } => "; everything acknowledged is on disk",
    }
}

impl StartError {
    /// The exit code of the process.
    #[must_use]
    pub const fn exit(&self) -> Exit {
        match self {
            Self::DataDir(DataDirError::Locked(_)) | Self::Store(OpenError::InUse { .. }) => Exit::Locked,
            Self::DataDir(_) | Self::Keys(_) | Self::KeysLost(_) | Self::Store(_) => Exit::Data,
            Self::Net(NetError::Listen { .. }) | Self::Api { .. } => Exit::Address,
            Self::Net(NetError::Setting { .. }) => Exit::Config,
            Self::Failed(_) => Exit::Store,
            Self::Home(HomeError::ForeignKeyFile) => Exit::Data,
            Self::Net(_) | Self::Home(_) | Self::Thread(_) => Exit::Failed,
        }
    }
}
