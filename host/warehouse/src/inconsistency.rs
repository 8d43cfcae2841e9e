//! In what a warehouse can be found not to be as it must be.

use chrono::NaiveDateTime;
use thiserror::Error;

use crate::error::DatabaseError;

/// Why what a run has committed could not be found again.
#[derive(Debug, Error)]
pub enum ReadBackError {
    /// Something else is there.
    #[error("the warehouse does not hold what was committed to it")]
    Differs(#[source] Inconsistency),

    /// DuckDB cannot read it.
    #[error("what was committed could not be read back")]
    Database(#[source] DatabaseError),
}

/// In what a warehouse is not as it must be after a load: a fault of ours, or of something else
/// that writes to the file.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Inconsistency {
    /// A load is not in the ledger.
    #[error("the ledger has no load {load_id}, of step `{step}`")]
    NoLoad {
        /// The load.
        load_id: i64,
        /// Its step.
        step: String,
    },

    /// A load is in the ledger that was not written there, or not in this place.
    #[error("the ledger has a load {load_id} of step `{step}` that this run did not write")]
    UnknownLoad {
        /// The load.
        load_id: i64,
        /// Its step.
        step: String,
    },

    /// A load has another number of something than was counted.
    #[error(
        "the number of {what} of load {load_id}, of step `{step}`, is {found} instead of {expected}"
    )]
    Count {
        /// The load.
        load_id: i64,
        /// Its step.
        step: String,
        /// What was counted.
        what: &'static str,
        /// How many there must be.
        expected: u64,
        /// How many there are.
        found: u64,
    },

    /// A table that rows were written into is not there.
    #[error("there is no table `{table}`")]
    NoTable {
        /// The table.
        table: String,
    },

    /// A table has another number of rows than before the load and from it.
    #[error("the number of rows of table `{table}` is {found} instead of {expected}")]
    Rows {
        /// The table.
        table: String,
        /// How many there must be.
        expected: u64,
        /// How many there are.
        found: u64,
    },

    /// A file was loaded by a step for the second time.
    #[error("step `{step}` has loaded `{path}` twice")]
    FileTwice {
        /// The step.
        step: String,
        /// The file.
        path: String,
    },

    /// An extract of a time was taken by a step for the second time.
    #[error("step `{step}` has taken two extracts of {effective}")]
    TimeTwice {
        /// The step.
        step: String,
        /// The time.
        effective: NaiveDateTime,
    },

    /// A step goes back behind what it has loaded.
    #[error("step `{step}` goes back to {now}, after it had come to {before}")]
    Back {
        /// The step.
        step: String,
        /// The greatest value that was loaded before.
        before: String,
        /// The greatest value that was loaded now.
        now: String,
    },

    /// More or fewer versions begin or end with an extract than it has changed.
    #[error(
        "the number of versions of `{table}` that {what} at {effective} is {found} instead of {expected}"
    )]
    Versions {
        /// The history.
        table: String,
        /// Whether they begin or end.
        what: &'static str,
        /// The time of the extract.
        effective: NaiveDateTime,
        /// How many there must be.
        expected: u64,
        /// How many there are.
        found: u64,
    },

    /// As many versions begin or end with an extract as it has changed, but not the same ones.
    #[error(
        "the versions of `{table}` that {what} at {effective} are not those of the changed keys"
    )]
    OtherVersions {
        /// The history.
        table: String,
        /// Whether they begin or end.
        what: &'static str,
        /// The time of the extract.
        effective: NaiveDateTime,
    },

    /// The versions of a key overlap, or leave time between them that they must not.
    #[error("the versions of key `{key}` in `{table}` do not follow each other")]
    Key {
        /// The history.
        table: String,
        /// The key.
        key: String,
    },
}
