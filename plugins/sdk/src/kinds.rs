//! The four kinds of steps, a trait each.
//!
//! The WIT files document each kind in full; the traits say the same in Rust. The host makes one
//! instance for each lane, and an instance serves one run of one step.

use arrow_schema::Schema;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use crate::{Batch, Error, Host};

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

/// What a snapshot works on.
#[derive(Debug, Clone)]
pub struct SnapshotInput {
    /// The schema of the extract.
    pub extract: Schema,
    /// The schema of the open versions: the extract's, then `valid_from`.
    pub versions: Schema,
    /// Which columns make the key.
    pub key: Vec<usize>,
}

/// What the first column of a snapshot's output says of a row.
pub mod change {
    /// A key without an open version.
    pub const OPENED: i8 = 0;
    /// A key whose open version ends, and what takes its place.
    pub const SUPERSEDED: i8 = 1;
    /// A key that the extract no longer has.
    pub const CLOSED: i8 = 2;
}

/// The changes that turn the open versions of a table into its newest full extract.
///
/// Emitted rows are `change: int8` (see [`change`]), then the columns of the extract.
pub trait Snapshot: Plugin {
    /// Opens the step.
    ///
    /// # Errors
    ///
    /// Whatever makes the options or the schema unusable.
    fn open(options: Self::Options, input: SnapshotInput) -> Result<Self, Error>;

    /// Takes open versions, at most one for each key. The host keeps them.
    ///
    /// # Errors
    ///
    /// Whatever makes a row unusable.
    fn versions(&mut self, batch: &Batch<'_>) -> Result<(), Error>;

    /// Takes rows of the full extract.
    ///
    /// # Errors
    ///
    /// Whatever makes a row unusable.
    fn extract(&mut self, batch: &Batch<'_>, host: &mut Host<'_>) -> Result<(), Error>;

    /// Learns that all rows have been handed over.
    ///
    /// # Errors
    ///
    /// Whatever makes the whole unusable.
    fn finish(&mut self, host: &mut Host<'_>) -> Result<(), Error>;
}

/// What an incremental load works on.
#[derive(Debug, Clone)]
pub struct IncrementalInput {
    /// The schema of the new rows.
    pub rows: Schema,
    /// Which of their columns make the key, in the order of the lookup's key.
    pub rows_key: Vec<usize>,
    /// The schema of the lookup: the columns of its snapshot, then `valid_from`.
    pub lookup: Schema,
    /// Which columns of the lookup make the key.
    pub lookup_key: Vec<usize>,
}

/// What an incremental load will emit.
#[derive(Debug, Clone)]
pub struct Shape {
    /// The schema.
    pub schema: Schema,
    /// Whether each call of [`Incremental::rows`] emits just the rows of its batch, in their
    /// order. Only then can a change of the lookup reach rows that were loaded earlier.
    pub row_wise: bool,
    /// The column of the rows, if there is one, that with the key alone decides what is added to a
    /// row, and does so in steps: for one key, the added columns stay the same from one
    /// `valid_from` of its versions, inclusive, to the next, exclusive, and so do they before the
    /// first and from the last on. It has the type of `valid_from`.
    ///
    /// Only a row-wise load may say so. A change of the lookup then costs the host no more with
    /// many rows than with few: it hands over one row for each version of a changed key, with
    /// `valid_from` as its event time, one with `-i64::MAX` for what comes before, and null in all
    /// columns but these and the key's.
    pub event_time: Option<usize>,
}

/// New rows, completed from a lookup. Every row that is handed over is emitted exactly once.
pub trait Incremental: Plugin {
    /// Opens the step.
    ///
    /// # Errors
    ///
    /// Whatever makes the options or the schemas unusable.
    fn open(options: Self::Options, input: IncrementalInput) -> Result<Self, Error>;

    /// Says what the step will emit.
    fn shape(&self) -> Shape;

    /// Takes versions of the lookup, open and closed ones, in no order. The host keeps them.
    ///
    /// # Errors
    ///
    /// Whatever makes a row unusable.
    fn lookup(&mut self, batch: &Batch<'_>) -> Result<(), Error>;

    /// Takes new rows, in no order.
    ///
    /// # Errors
    ///
    /// Whatever makes a row unusable.
    fn rows(&mut self, batch: &Batch<'_>, host: &mut Host<'_>) -> Result<(), Error>;

    /// Learns that all rows have been handed over.
    ///
    /// # Errors
    ///
    /// Whatever makes the whole unusable.
    fn finish(&mut self, host: &mut Host<'_>) -> Result<(), Error> {
        let _ = host;
        Ok(())
    }
}

/// What change detection works on.
#[derive(Debug, Clone)]
pub struct ChangeDetectionInput {
    /// The schema of the versions: the columns of their snapshot, then `valid_from`.
    pub versions: Schema,
    /// Which columns make the key.
    pub key: Vec<usize>,
}

/// Which keys have changed since their change last reached the rows loaded before.
///
/// Emitted rows, at most one for each key, are the columns of the key's most recent version, then
/// `changed_from`: the time from which its versions differ from those last applied, null if they
/// differ for all times.
pub trait ChangeDetection: Plugin {
    /// Opens the step.
    ///
    /// # Errors
    ///
    /// Whatever makes the options or the schema unusable.
    fn open(options: Self::Options, input: ChangeDetectionInput) -> Result<Self, Error>;

    /// Takes versions as they were last applied, in no order. The host keeps them.
    ///
    /// # Errors
    ///
    /// Whatever makes a row unusable.
    fn applied(&mut self, batch: &Batch<'_>) -> Result<(), Error>;

    /// Takes versions as they are now, in no order. The host keeps them, numbered on.
    ///
    /// # Errors
    ///
    /// Whatever makes a row unusable.
    fn now(&mut self, batch: &Batch<'_>) -> Result<(), Error>;

    /// Learns that all versions have been handed over, and emits the changes.
    ///
    /// # Errors
    ///
    /// Whatever makes the whole unusable.
    fn finish(&mut self, host: &mut Host<'_>) -> Result<(), Error>;
}
