//! Why a load could not be written.

use arrow_schema::{ArrowError, DataType};
use thiserror::Error;

use super::{DatabaseError, LawError, columns};
use crate::inconsistency::Inconsistency;

/// Why a load could not be written. Nothing of it is in the warehouse then.
#[derive(Debug, Error)]
pub enum LoadError {
    /// The reader of the rows failed: its own error, not DuckDB's words about it.
    #[error("the rows to be written could not be produced")]
    Reader(#[source] ArrowError),

    /// A table exists with other columns than those to be written.
    #[error("table `{table}` has other columns{}", columns(missing, extra))]
    Columns {
        /// The table.
        table: String,
        /// To be written, but not in the table.
        missing: Vec<String>,
        /// In the table, but not to be written.
        extra: Vec<String>,
    },

    /// A column of an existing table has another type than the rows to be written.
    #[error("column `{column}` of table `{table}` is {found}, but the rows bring {brought}")]
    Type {
        /// The table.
        table: String,
        /// The column.
        column: String,
        /// The SQL type in the table.
        found: String,
        /// The SQL type of the rows.
        brought: String,
    },

    /// The type of a column cannot be kept in DuckDB.
    #[error("column `{column}` has type {data_type}, which is not supported")]
    UnsupportedType {
        /// The column.
        column: String,
        /// Its type.
        data_type: DataType,
    },

    /// A table has an overlay that applies to other columns, or has another maker.
    #[error("table `{table}` has an overlay of another shape")]
    Overlay {
        /// The table.
        table: String,
    },

    /// The rows break a law of the table.
    #[error("the rows break a law of the table")]
    Law(#[from] LawError),

    /// What was about to be committed does not agree with itself, or with what was there.
    #[error("the warehouse would not be consistent, so nothing of the load was written")]
    Inconsistent(#[source] Inconsistency),

    /// [`crate::Interrupter::interrupt`] was called.
    #[error("interrupted")]
    Interrupted,

    /// DuckDB refused the statement.
    #[error("the database refused to write")]
    Database(#[source] DatabaseError),
}
