#![no_main]
#![doc = "See `h5inbox::convert::fuzzing::file`."]

libfuzzer_sys::fuzz_target!(|data: &[u8]| h5inbox::convert::fuzzing::file(data));
