//! Why rows could not be read.

use std::io;

use arrow_schema::{ArrowError, DataType};
use thiserror::Error;

use super::{DatabaseError, columns, holder};
use crate::{schema_difference::SchemaDifference, types::type_name};

/// Why rows could not be read.
///
/// Paths are as given in [`crate::FileIdentity::path`].
#[derive(Debug, Error)]
pub enum ReadError {
    /// A file is not there, or not any more.
    #[error("`{path}` is not there")]
    Vanished {
        /// The file.
        path: String,
    },

    /// A CSV file has no bytes, where at least its header is due.
    #[error("`{path}` is empty: it has no header")]
    Empty {
        /// The file.
        path: String,
    },

    /// A file has another size or modification time than when it was listed.
    #[error("`{path}` has changed since it was listed")]
    Changed {
        /// The file.
        path: String,
    },

    /// The operating system refused a file or directory.
    #[error("could not read `{path}`")]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        source: io::Error,
    },

    /// The last line of a text file does not end in a line feed, as if it had been cut off.
    #[error(
        "line {line} of `{path}`, its last, has no line end and may be cut off{}",
        excerpt(raw)
    )]
    MissingLineEnd {
        /// The file.
        path: String,
        /// The line, counted from 1 and with the header.
        line: u64,
        /// The line as it stands in the file, at most 10,000 bytes.
        raw: String,
    },

    /// A compressed file ends too early or is damaged.
    #[error("`{path}` is truncated or damaged: its compressed data does not end properly")]
    Truncated {
        /// The file.
        path: String,
    },

    /// A pattern of file names is malformed.
    #[error("`{pattern}` is not a valid pattern of file names")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// Why.
        source: glob::PatternError,
    },

    /// The columns of a file or table are not the declared ones.
    #[error(
        "the columns of `{path}` differ from the declared ones{}{difference}",
        columns(missing, extra)
    )]
    Columns {
        /// The file or table.
        path: String,
        /// Declared, but not there.
        missing: Vec<String>,
        /// There, but not declared.
        extra: Vec<String>,
        /// All columns side by side.
        difference: SchemaDifference,
    },

    /// A column has a type that does not fit the declared one without loss.
    #[error(
        "column `{column}` of `{path}` is {}, but is declared {}{difference}",
        type_name(found),
        type_name(declared)
    )]
    Type {
        /// The file or table.
        path: String,
        /// The column.
        column: String,
        /// The declared type.
        declared: DataType,
        /// The type found.
        found: DataType,
        /// All columns side by side.
        difference: SchemaDifference,
    },

    /// More rows were malformed than allowed; this is the first.
    #[error("line {line} of `{path}` is malformed{}: {reason}{}{}", in_column(column.as_deref()), more(*count), excerpt(raw))]
    Malformed {
        /// The file.
        path: String,
        /// The line, counted from 1 and with the header.
        line: u64,
        /// The column at fault, if it is one.
        column: Option<String>,
        /// What is wrong.
        reason: String,
        /// The line as it stands in the file, at most 10,000 bytes.
        raw: String,
        /// How many malformed rows were seen until reading stopped. There may be more.
        count: u64,
    },

    /// DuckDB's cast would change a value of text without a word.
    #[error(
        "line {line} of `{path}` would be changed in column `{column}`: {reason}{}",
        excerpt(raw)
    )]
    Lossy {
        /// The file.
        path: String,
        /// The line, counted from 1 and with the header.
        line: u64,
        /// The column.
        column: String,
        /// What would be lost.
        reason: &'static str,
        /// The line as it stands in the file, at most 10,000 bytes.
        raw: String,
    },

    /// The declared type would not keep a value of Parquet.
    #[error(
        "row {row} of `{path}` would be changed in column `{column}`: {reason}{}",
        excerpt(value)
    )]
    LossyRow {
        /// The file.
        path: String,
        /// The row, counted from 1.
        row: u64,
        /// The column.
        column: String,
        /// What would be lost.
        reason: &'static str,
        /// The value as text.
        value: String,
    },

    /// The name of a file that a pattern matches is no UTF-8.
    #[error("the name of `{path}` is not UTF-8")]
    NotUtf8Name {
        /// The file, with U+FFFD in place of what is no UTF-8.
        path: String,
    },

    /// A foreign database is open for writing in another process.
    #[error("`{path}` is in use{}", holder(*pid, program.as_deref()))]
    Held {
        /// The database file.
        path: String,
        /// The process that holds it, where the operating system tells.
        pid: Option<u32>,
        /// That process's program.
        program: Option<String>,
    },

    /// A file that should be a DuckDB database is none.
    #[error("`{path}` is not a DuckDB database")]
    NotADatabase {
        /// The file.
        path: String,
    },

    /// A DuckDB database does not have the table.
    #[error("`{path}` has no table `{table}`")]
    NoTable {
        /// The database file.
        path: String,
        /// The table.
        table: String,
        /// The tables and views that it has.
        known: Vec<String>,
    },

    /// A file that should be Parquet is none.
    #[error("`{path}` is not a Parquet file, or is not complete")]
    NotParquet {
        /// The file.
        path: String,
    },

    /// The type of a column cannot be kept in DuckDB.
    #[error("column `{column}` has type {data_type}, which is not supported")]
    UnsupportedType {
        /// The column.
        column: String,
        /// Its type.
        data_type: DataType,
    },

    /// The delimiter of a CSV source is not one ASCII character, or has another meaning.
    #[error("`{}` cannot be a delimiter", delimiter.escape_default())]
    Delimiter {
        /// The delimiter.
        delimiter: char,
    },

    /// A batch did not fit the declared schema, a null in a non-nullable column for instance.
    #[error("the rows do not fit the declared schema")]
    Schema(#[source] ArrowError),

    /// [`crate::Interrupter::interrupt`] was called.
    #[error("interrupted")]
    Interrupted,

    /// A statement of the user's is no query, and could change a file.
    #[error("{statement} is not a query, and only queries are run")]
    NotAQuery {
        /// What kind of statement it is, in words.
        statement: &'static str,
    },

    /// DuckDB refused the query of a source.
    #[error("the query on `{path}` failed")]
    Query {
        /// The database file.
        path: String,
        /// Why.
        source: DatabaseError,
    },

    /// DuckDB refused the statement.
    #[error("the database refused to read")]
    Database(#[source] DatabaseError),
}

fn in_column(column: Option<&str>) -> String {
    column.map_or_else(String::new, |column| format!(" in column `{column}`"))
}

/// Says that there are further malformed rows.
fn more(count: u64) -> String {
    if count > 1 {
        format!("; at least {count} rows are malformed")
    } else {
        String::new()
    }
}

/// Shows the start of a malformed line below the message.
fn excerpt(raw: &str) -> String {
    const SHOWN: usize = 100;
    let line = raw.lines().next().unwrap_or_default();
    if line.trim().is_empty() {
        return String::new();
    }
    let shown: String = line.chars().take(SHOWN).collect();
    let dots = if shown.len() < raw.len() { " …" } else { "" };
    format!(
        "\n{}{dots}",
        shown.replace(|c: char| c.is_control() && c != '\t', "\u{fffd}")
    )
}
