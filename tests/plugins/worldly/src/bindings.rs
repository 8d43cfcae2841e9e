//! What `wit-bindgen` makes of the plugin's part of WASI.

#![expect(unsafe_code, clippy::pedantic, reason = "generated code")]

wit_bindgen::generate!({
    path: "wit",
    world: "worldly",
    generate_all,
});
