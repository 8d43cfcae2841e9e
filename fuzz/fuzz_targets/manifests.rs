//! See `wigeon_fuzzing::manifests`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    wigeon_fuzzing::manifests(bytes);
});
