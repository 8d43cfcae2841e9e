//! What the manifest gives a plugin that imports WASI.

use std::time::Duration;

use blake3::{Hasher, OutputReader};

/// What a plugin that imports WASI may have beyond nothing.
///
/// [`Grants::default`] gives nothing: the clock stands at the beginning of 1970, and random numbers
/// are the same in every instance, so that what a plugin emits follows from its rows and options
/// alone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Grants {
    /// What the wall clock tells, since 1970: the logical time of the run. It stands still.
    pub clock: Option<Duration>,

    /// What random numbers follow from. All instances with one seed draw the same numbers.
    pub random: Option<Seed>,
}

/// What random numbers follow from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Seed([u8; 32]);

impl Seed {
    /// Makes a seed of a text.
    pub fn of(text: &str) -> Self {
        Self(*blake3::hash(text.as_bytes()).as_bytes())
    }

    pub(crate) fn random_numbers(self) -> OutputReader {
        Hasher::new_derive_key("random numbers of a Wigeon plugin")
            .update(&self.0)
            .finalize_xof()
    }
}
