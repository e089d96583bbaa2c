//! Networks of kernels under virtual time: links that lose, delay, double and reorder, partitions, crashes, slow and
//! failing disks, wrong clocks, joins and leaves, disks that are put back, hostile peers; and checkers that say what must hold all the same.
//!
//! This crate is pure: no clock, no I/O, no randomness but what follows from a seed. A [`Scenario`] and a seed say
//! everything; the same two give the same run, down to the last effect of the last node. [`run`] makes one run,
//! [`shrink`] looks for the shortest that still fails.
//!
//! ```
//! use tidepool_sim::{Cast, Scenario, run};
//! let few = Scenario { nodes: 3, homes: 3, partial: 0, pruning: 0, ..Scenario::default() };
//! let scenario = Scenario { agents: 3, minutes: 1, envelopes: 10, ..few };
//! let cast = Cast::new(&scenario);
//! let outcome = run(&scenario, &cast, 1);
//! assert!(outcome.is_good(), "{:?}", outcome.violations);
//! assert_eq!(outcome.trace, run(&scenario, &cast, 1).trace);
//! ```

mod cast;
mod chance;
mod check;
mod copies;
mod disk;
mod faults;
mod forks;
mod gossip;
mod hostile;
mod links;
mod plan;
mod planted;
mod queue;
mod report;
mod requests;
mod rest;
mod run;
mod scenario;
mod shrink;
mod trace;
mod verify;
mod work;
mod world;

pub use cast::{Cast, HostileCast};
pub use chance::Chance;
pub use plan::{Fault, FaultKind, HostileKind, Plan};
pub use planted::Planted;
pub use report::{Coverage, Outcome, Violation};
pub use run::{run, run_watched, run_with};
pub use scenario::{Links, Scenario, ScenarioError};
pub use shrink::{Shrunk, Tried, shrink};
pub use world::{Prepare, SimNode};
