//! The four kinds of steps, a trait each.
//!
//! The WIT files document each kind in full; the traits say the same in Rust. The host makes one
//! instance for each lane, and an instance serves one run of one step.

mod change_detection;
mod incremental;
mod snapshot;

use arrow_schema::Schema;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use crate::{Batch, Error, Host};

pub use change_detection::{ChangeDetection, ChangeDetectionInput};
pub use incremental::{Incremental, IncrementalInput, Shape};
pub use snapshot::{Snapshot, SnapshotInput, change};

/// What every plugin says of itself.
pub trait Plugin: Sized + 'static {
    /// The plugin's name in kebab case, as people write it.
    const NAME: &'static str;
    /// The plugin's own version: `env!("CARGO_PKG_VERSION")`.
    const VERSION: &'static str;
    /// One sentence for a list of plugins.
    const SUMMARY: &'static str;
    /// The options of the manifest's `[step.options]`.
    ///
    /// Derive `Deserialize` with `deny_unknown_fields`, so that a misspelt option is an error, and
    /// [`JsonSchema`], so that `wigeon plugin inspect` can show them.
    type Options: DeserializeOwned + JsonSchema;
}

/// Rows to rows.
pub trait Transform: Plugin {
    /// Opens the step on batches of the schema `rows`.
    ///
    /// # Errors
    ///
    /// Whatever makes the options or the schema unusable.
    fn open(options: Self::Options, rows: Schema) -> Result<Self, Error>;

    /// Returns the schema of what the step emits.
    fn schema(&self) -> Schema;

    /// Takes one batch and emits what it makes of it. Batches come in any order and to any
    /// instance: nothing may be kept from one to the next that the output depends on.
    ///
    /// # Errors
    ///
    /// Whatever makes a row unusable.
    fn rows(&mut self, batch: &Batch<'_>, host: &mut Host<'_>) -> Result<(), Error>;
}
