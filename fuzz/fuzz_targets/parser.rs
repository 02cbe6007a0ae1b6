#![no_main]
#![doc = "See `h5inbox::convert::fuzzing::parser`."]

libfuzzer_sys::fuzz_target!(|data: &[u8]| h5inbox::convert::fuzzing::parser(data));
