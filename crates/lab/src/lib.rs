//! Test meshes of real nodes in one command.
