//! Merging ordered lists into one.
