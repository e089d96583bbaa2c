//! Peers that do not keep the rules, against a real node.
//!
//! `verdicts` sends single frames and looks at what the node says of each. `attacks` sends for ten seconds and more what half
//! a core can, of one kind each, beside two honest nodes, and comes back under a new name whenever it is sent away: nothing
//! wrong is admitted, memory and disk stay within their bounds, the attacker is disconnected, and a post between the honest
//! nodes takes at most twice as long as before. Because machines that run tests are shared, the latter fails only where the
//! median of fifteen posts is more than doubled and above 250 ms, two times in a row.

mod attacks;
mod crew;
mod forks;
mod liar;
mod share;
mod stage;
mod verdicts;
