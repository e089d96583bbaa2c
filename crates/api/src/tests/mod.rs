//! Whole requests against a real home.
