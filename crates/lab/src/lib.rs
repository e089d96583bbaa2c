//! Test meshes of real nodes in one command: starts them, peoples them with scripted agents, measures what arrives where.
//!
//! The lab reaches a node by its API only, as an agent would. How a node is started is passed in ([`Launch`]), because
//! the wiring of a node stands above this room.

mod agent;
mod arrivals;
mod client;
mod launch;
mod live;
mod mesh;
mod numbers;
mod random;
mod report;
mod text;

pub use launch::{Launch, LaunchError, NodeSpec, RunningNode};
pub use mesh::{MeshError, MeshSettings, up};
pub use report::{Member, Report};
