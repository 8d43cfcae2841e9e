//! Rows of one database that the other lacks, exactly.

use std::path::Path;

use duckdb::Connection;
use serde::{Deserialize, Serialize};

use super::TABLES;

/// How many rows are shown.
const SHOWN: usize = 10;

/// The rows that one side has more often than the other.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Differences {
    /// How many.
    pub rows: u64,
    /// The first of them: the table, the side that has the row, the row.
    pub examples: Vec<String>,
}

/// Compares the tables of two databases row by row, in both directions. Not for large ones.
///
/// # Errors
///
/// If a table is missing, or DuckDB refuses.
pub fn differences(wigeon: &Path, expert: &Path) -> duckdb::Result<Differences> {
    let connection = Connection::open_in_memory()?;
    for (name, path) in [("wigeon", wigeon), ("expert", expert)] {
        let path = path.to_string_lossy().replace('\'', "''");
        connection.execute_batch(&format!("attach '{path}' as {name} (read_only)"))?;
    }
    let mut differences = Differences::default();
    for (table, columns) in TABLES {
        for (side, other) in [("wigeon", "expert"), ("expert", "wigeon")] {
            let query = format!(
                "select row_::varchar from (select {columns} from {side}.main.{table} \
                 except all select {columns} from {other}.main.{table}) as row_ order by all"
            );
            let mut statement = connection.prepare(&query)?;
            for row in statement.query_map([], |row| row.get::<_, String>(0))? {
                let row = row?;
                differences.rows += 1;
                if differences.examples.len() < SHOWN {
                    let example = format!("{table}: only {side} has {row}");
                    differences.examples.push(example);
                }
            }
        }
    }
    Ok(differences)
}
