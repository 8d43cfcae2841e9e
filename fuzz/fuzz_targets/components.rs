//! See `wigeon_fuzzing::components`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    drop(wigeon_fuzzing::components(bytes));
});
