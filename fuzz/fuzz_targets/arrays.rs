//! See `wigeon_fuzzing::arrays`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    wigeon_fuzzing::arrays(bytes);
});
