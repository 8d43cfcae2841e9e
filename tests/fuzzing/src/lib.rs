//! What must bear any bytes, as functions of bytes.
//!
//! Each is the body of a target of `cargo fuzz` (`fuzz/fuzz_targets`), which searches for inputs for
//! hours, and of a test (`tests/replay.rs`), which tries the inputs that were found and some near
//! them. An input that breaks one goes to `fuzz/corpus`, where the test finds it from then on.

mod arrays;
mod components;
mod manifests;

pub use arrays::arrays;
pub use components::components;
pub use manifests::manifests;
