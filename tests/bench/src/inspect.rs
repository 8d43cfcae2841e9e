//! What is in the two databases: whether it is the same, and how long a question takes.
//!
//! A process of its own does this (`inspect`), so that the memory of the runner stays small: a child that has not
//! yet called `exec` counts its parent's memory as its own.

mod differences;
mod fingerprint;
mod questions;
mod views;

use std::path::Path;

use duckdb::{AccessMode, Config, Connection};

pub use differences::{Differences, differences};
pub use fingerprint::{Fingerprint, Fingerprints, fingerprints};
pub use questions::{Answer, QuestionError, ask};
pub use views::{ViewAnswers, ask_views};

/// The tables that both sides must end with, and their columns.
const TABLES: [(&str, &str); 2] = [
    (
        "current_postcode_history",
        "id, postcode, valid_from, valid_to",
    ),
    (
        "pageviews_postcode",
        "user_id, pageview_datetime, original_postcode, current_postcode, postcode_updated_date",
    ),
];

/// Returns DuckDB's version.
///
/// # Errors
///
/// If DuckDB refuses.
pub fn duckdb_version() -> duckdb::Result<String> {
    let connection = Connection::open_in_memory()?;
    connection.query_row("select version()", [], |row| row.get(0))
}

fn open(database: &Path, memory_limit_mib: u64) -> duckdb::Result<Connection> {
    let config = Config::default()
        .access_mode(AccessMode::ReadOnly)?
        .max_memory(&format!("{memory_limit_mib}MiB"))?
        .with("autoinstall_known_extensions", "false")?
        .with("autoload_known_extensions", "false")?
        .with("temp_directory", temp_directory(database))?;
    Connection::open_with_flags(database, config)
}

fn temp_directory(database: &Path) -> String {
    format!("{}.inspect.tmp", database.display())
}
