//! Fuzzes `oracles::sync`, which states what must hold.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tidepool_fuzz::sync(data));
