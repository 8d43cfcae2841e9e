//! The errors of every operation, one enum each.
//!
//! Texts are fragments that read after "failed to …:", the cause is the source and is
//! not repeated. DuckDB's own words appear in [`DatabaseError`] only and are never
//! matched.

use std::{io, path::PathBuf};

use arrow_schema::{ArrowError, DataType};
use chrono::NaiveDateTime;
use thiserror::Error;

use crate::{inconsistency::Inconsistency, schema_difference::SchemaDifference, types::type_name};

/// What DuckDB itself refused, in its own words.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct DatabaseError {
    message: String,
}

impl DatabaseError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
        }
    }

    /// Returns DuckDB's message.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl From<duckdb::Error> for DatabaseError {
    fn from(error: duckdb::Error) -> Self {
        Self::new(error.to_string())
    }
}

/// Why a warehouse could not be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// Another process has the file open.
    #[error("`{}` is in use{}", path.display(), holder(*pid, program.as_deref()))]
    Held {
        /// The warehouse file.
        path: PathBuf,
        /// The process that holds it, where the operating system tells.
        pid: Option<u32>,
        /// That process's program.
        program: Option<String>,
    },

    /// The file, or for a new warehouse its directory, does not exist.
    #[error("`{}` does not exist", path.display())]
    Missing {
        /// What is missing.
        path: PathBuf,
    },

    /// The file is not a DuckDB database, or for reading: has no ledger of Wigeon.
    #[error("`{}` is not a warehouse of Wigeon", path.display())]
    NotAWarehouse {
        /// The file.
        path: PathBuf,
    },

    /// The file was written by a newer Wigeon.
    #[error("`{}` has warehouse version {found}, newer than {supported}", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// The version in the file.
        found: i64,
        /// The newest version that this program knows.
        supported: i64,
    },

    /// The operating system refused the file.
    #[error("could not open `{}`", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },

    /// DuckDB refused the file or a setting.
    #[error("could not open `{}`", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// Why.
        source: DatabaseError,
    },
}

/// Names the holder of a lock at the end of a sentence.
fn holder(pid: Option<u32>, program: Option<&str>) -> String {
    match (pid, program) {
        (Some(pid), Some(program)) => format!(" by `{program}` (process {pid})"),
        (Some(pid), None) => format!(" by process {pid}"),
        (None, _) => " by another process".to_owned(),
    }
}

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
    #[error("{statement} does more than read, and only queries are run")]
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

fn columns(missing: &[String], extra: &[String]) -> String {
    let list = |names: &[String]| {
        let quoted: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
        quoted.join(", ")
    };
    match (missing.is_empty(), extra.is_empty()) {
        (false, false) => format!(": {} missing, {} not declared", list(missing), list(extra)),
        (false, true) => format!(": {} missing", list(missing)),
        (true, false) => format!(": {} not declared", list(extra)),
        (true, true) => String::new(),
    }
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

/// Why what was committed is in the write-ahead log still. It is stored there: whoever opens the
/// warehouse next reads the log as well.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("could not write the log `{}` into `{}`", log.display(), path.display())]
pub struct CheckpointError {
    /// The warehouse file.
    pub path: PathBuf,
    /// The write-ahead log, beside it.
    pub log: PathBuf,
    /// Why not.
    pub source: DatabaseError,
}

/// Which law of a table the rows break.
///
/// A `key` is the text of the key's values, separated by a comma and a space.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LawError {
    /// A key occurs more than once among the changes.
    #[error("key `{key}` occurs more than once in the changes of `{table}`")]
    DuplicateKey {
        /// The snapshot.
        table: String,
        /// The key.
        key: String,
    },

    /// A key column is null.
    #[error("a key of the changes of `{table}` is null")]
    NullKey {
        /// The snapshot.
        table: String,
    },

    /// A key is said to have changed that the plugin was not asked about.
    #[error("key `{key}` of the changes of `{table}` was not handed to the plugin")]
    NotHandedOver {
        /// The change-detection step.
        table: String,
        /// The key.
        key: String,
    },

    /// The kind of a change is none of the three.
    #[error("key `{key}` of `{table}` has change {change}, which is no kind of change")]
    UnknownChange {
        /// The snapshot.
        table: String,
        /// The key.
        key: String,
        /// The value, null as text.
        change: String,
    },

    /// A key is said to open, but has an open version.
    #[error("key `{key}` of `{table}` cannot be opened, since it has an open version")]
    AlreadyOpen {
        /// The snapshot.
        table: String,
        /// The key.
        key: String,
    },

    /// A key is said to be superseded or closed, but has no open version.
    #[error(
        "key `{key}` of `{table}` cannot be superseded or closed, since it has no open version"
    )]
    NotOpen {
        /// The snapshot.
        table: String,
        /// The key.
        key: String,
    },

    /// A key has several open versions: the history was damaged from outside.
    #[error("key `{key}` of `{table}` has {versions} open versions")]
    SeveralOpen {
        /// The snapshot.
        table: String,
        /// The key.
        key: String,
        /// How many.
        versions: i64,
    },

    /// The effective time is not later than everything in the history.
    #[error("the effective time {effective} is not after {newest}, the newest in `{table}`")]
    NotAfter {
        /// The snapshot.
        table: String,
        /// The effective time of the changes.
        effective: NaiveDateTime,
        /// The latest time at which a version begins or ends.
        newest: NaiveDateTime,
    },

    /// There is a change in the history between a late extract and the one after it.
    #[error(
        "the history of `{table}` changes at {found}, between {effective} and the next extract at {next}"
    )]
    NotBetween {
        /// The snapshot.
        table: String,
        /// The effective time of the late extract.
        effective: NaiveDateTime,
        /// The effective time of the next extract.
        next: NaiveDateTime,
        /// The time found.
        found: NaiveDateTime,
    },

    /// The history is not empty, but was to be filled at once.
    #[error("the history of `{table}` is not empty")]
    NotEmpty {
        /// The snapshot.
        table: String,
    },

    /// A late extract cannot be inserted, since closed keys were ignored and have left no trace.
    #[error("a late extract cannot be inserted in `{table}`, which ignores deleted keys")]
    LateIgnored {
        /// The snapshot.
        table: String,
    },

    /// The rows to update are not one to one rows of the table.
    #[error("{found} rows of `{table}` match the {expected} rows to update")]
    Rowids {
        /// The table.
        table: String,
        /// Rows that bring a row id.
        expected: u64,
        /// Different rows of the table that they match.
        found: u64,
    },
}

impl LawError {
    /// Returns whether it is what the plugin emitted that breaks the law, and not what was there.
    pub fn is_of_plugin(&self) -> bool {
        matches!(
            self,
            Self::DuplicateKey { .. }
                | Self::NullKey { .. }
                | Self::NotHandedOver { .. }
                | Self::UnknownChange { .. }
                | Self::AlreadyOpen { .. }
                | Self::NotOpen { .. }
        )
    }
}

/// Why the run lock could not be taken.
#[derive(Debug, Error)]
pub enum LockError {
    /// Another run holds it.
    #[error("a run holds `{}`{}", path.display(), run(*pid, command.as_deref(), started_at.as_deref()))]
    Busy {
        /// The lock file.
        path: PathBuf,
        /// The process of that run, if it has written it already.
        pid: Option<u32>,
        /// When that run started, in RFC 3339.
        started_at: Option<String>,
        /// What that run was started as.
        command: Option<String>,
    },

    /// The operating system refused the lock file.
    #[error("could not lock `{}`", path.display())]
    Unusable {
        /// The lock file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

fn run(pid: Option<u32>, command: Option<&str>, started_at: Option<&str>) -> String {
    let Some(pid) = pid else {
        return String::new();
    };
    let command = command.map_or_else(String::new, |command| format!(", `{command}`"));
    let since = started_at.map_or_else(String::new, |time| format!(", since {time}"));
    format!(" (process {pid}{command}{since})")
}
