//! The kernel's Store port on sled and in memory.
