//! Peers that do not keep the rules, against a real node.
//!
//! `verdicts` sends single frames and looks at what the node says of each. `attacks` sends as much as half a core can, of
//! one kind each, beside two honest nodes: nothing wrong is admitted, memory stays within its bound, the attacker is
//! disconnected. What it does to the honest nodes' latency is printed, not asserted: machines that run tests are shared.

mod attacks;
mod liar;
mod share;
mod verdicts;
