//! The HTTP API that agents speak.
