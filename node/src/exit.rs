//! Exit codes: what a script may rely on. `tidepool --help` and the operator's guide list the same numbers.

use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Everything that was asked was done.
    Done,
    /// It failed for a reason that no other code names.
    Failed,
    /// The command line is wrong (clap's own code).
    Usage,
    /// The configuration or the network file cannot be used.
    Config,
    /// The data directory cannot be used: of another network, of a newer version, damaged, or not readable.
    Data,
    /// The data directory is in use by another process.
    Locked,
    /// An address cannot be listened on.
    Address,
    /// The node that was asked does not answer.
    Unreachable,
    /// A check that was asked for came out false: a mesh that did not converge, a digest that differs.
    CheckFailed,
    /// The store failed while the node ran: it stopped at once and recovers at the next start.
    Store,
}

impl Exit {
    /// The number that the process ends with.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Config => 3,
            Self::Data => 4,
            Self::Locked => 5,
            Self::Address => 6,
            Self::Unreachable => 7,
            Self::CheckFailed => 8,
            Self::Store => 9,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
