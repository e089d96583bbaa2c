//! The libp2p swarm as inputs and effects of the kernel.
