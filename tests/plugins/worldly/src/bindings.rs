//! What `wit-bindgen` makes of the plugin's part of WASI.

#![expect(
    unsafe_code,
    unreachable_pub,
    clippy::pedantic,
    clippy::use_self,
    reason = "generated code"
)]

wit_bindgen::generate!({
    path: "wit",
    world: "worldly",
    generate_all,
});
