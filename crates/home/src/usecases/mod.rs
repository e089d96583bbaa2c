//! The use cases, one file for each subject.

mod agents;
mod communities;
mod content;
mod entry;
mod lists;
mod node;
