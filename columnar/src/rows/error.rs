//! Why a plugin's answer makes no rows.

use arrow_schema::{ArrowError, DataType};

/// Why a plugin's answer makes no rows.
#[derive(Debug, thiserror::Error)]
pub enum AssembleError {
    /// Another number of columns than the schema has.
    #[error("{actual} columns were emitted where the schema has {expected}")]
    Columns {
        /// How many the schema has.
        expected: usize,
        /// How many were emitted.
        actual: usize,
    },
    /// A column has another length than was said.
    #[error("column `{column}` has {actual} rows where {expected} were announced")]
    Rows {
        /// The output column.
        column: String,
        /// How many rows were announced.
        expected: usize,
        /// How many it has.
        actual: usize,
    },
    /// A column has another type than the schema says.
    #[error("column `{column}` is {actual}, but the schema says {expected}")]
    Type {
        /// The output column.
        column: String,
        /// The type of the schema.
        expected: DataType,
        /// The type of the column.
        actual: DataType,
    },
    /// Two columns of different types are to be compared.
    #[error(
        "`differ` compares column {left}, which is {left_type}, with column {right}, which is {right_type}"
    )]
    Differ {
        /// The number of the one.
        left: usize,
        /// Its type.
        left_type: DataType,
        /// The number of the other.
        right: usize,
        /// Its type.
        right_type: DataType,
    },
    /// Nulls where the schema allows none.
    #[error("column `{column}` has {count} nulls, but the schema allows none")]
    Null {
        /// The output column.
        column: String,
        /// How many.
        count: usize,
    },
    /// A selection that was not given.
    #[error("column `{column}` gathers from selection {selection}, but there are {count}")]
    NoSelection {
        /// The output column.
        column: String,
        /// The number of the selection.
        selection: usize,
        /// How many there are.
        count: usize,
    },
    /// A column that the origin does not have.
    #[error("{what} names column {column}, but there are {count}")]
    NoColumn {
        /// Who names it.
        what: &'static str,
        /// The number of the column.
        column: usize,
        /// How many there are.
        count: usize,
    },
    /// A row that the origin does not have.
    #[error("a selection names row {row} of {count}")]
    NoRow {
        /// The row number.
        row: u32,
        /// How many rows there are.
        count: usize,
    },
    /// The current batch was named where there is none.
    #[error("there is no current batch in this call")]
    NoBatch,
    /// Two lists that must be equally long are not.
    #[error("{what} have the lengths {left} and {right}")]
    Uneven {
        /// Which lists.
        what: &'static str,
        /// One length.
        left: usize,
        /// The other.
        right: usize,
    },
    /// The rows would take more memory than is left of the budget.
    #[error("the rows would take {bytes} bytes, but {left} are left for them")]
    TooMuch {
        /// How many they would take.
        bytes: u64,
        /// How many are left.
        left: u64,
    },
    /// The time of the budget is over.
    #[error("the time was over before the rows were put together")]
    Late,
    /// Arrow refused.
    #[error("the rows could not be put together")]
    Arrow(#[from] ArrowError),
}
