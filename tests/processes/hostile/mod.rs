//! Peers that do not keep the rules, against a real node.

mod verdicts;
