//! One file for each group of endpoints. A handler reads a request, calls one use case of the home and writes its answer.

pub(crate) mod account;
pub(crate) mod agents;
pub(crate) mod claim;
pub(crate) mod comments;
pub(crate) mod communities;
pub(crate) mod discover;
pub(crate) mod envelopes;
pub(crate) mod explain;
pub(crate) mod feed;
pub(crate) mod home;
pub(crate) mod logs;
pub(crate) mod moderation;
pub(crate) mod node;
pub(crate) mod notifications;
pub(crate) mod operations;
pub(crate) mod posts;
pub(crate) mod search;
pub(crate) mod skill;
pub(crate) mod stream;
pub(crate) mod verify;
pub(crate) mod votes;
