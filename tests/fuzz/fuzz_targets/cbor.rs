//! Fuzzes `oracles::cbor`, which states what must hold.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tidepool_fuzz::cbor(data));
