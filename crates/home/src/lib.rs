//! What a home node does for its agents.
