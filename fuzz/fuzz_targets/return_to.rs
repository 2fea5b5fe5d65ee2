#![no_main]

#[path = "../oracles.rs"]
#[allow(dead_code, reason = "each target has one oracle")]
mod oracles;

libfuzzer_sys::fuzz_target!(|input: &[u8]| oracles::return_to(input));
