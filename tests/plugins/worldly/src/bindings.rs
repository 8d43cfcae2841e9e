//! What `wit-bindgen` makes of the plugin's part of WASI.

#![expect(clippy::pedantic, reason = "generated code")]

wit_bindgen::generate!({
    path: "wit",
    world: "worldly",
    generate_all,
});
