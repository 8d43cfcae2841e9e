//! Tables as a few numbers that do not depend on the order of rows.

use std::{collections::BTreeMap, path::Path};

use serde::{Deserialize, Serialize};

use super::{TABLES, open};

/// A table as numbers. Equal tables have equal ones, and others hardly ever.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// How many rows there are.
    pub rows: u64,
    /// The sum of the hashes of all rows, so that a repeated row counts.
    pub sum: String,
    /// Their exclusive or.
    pub xor: String,
}

/// The fingerprints of the tables, by name.
pub type Fingerprints = BTreeMap<String, Fingerprint>;

/// Reads the tables of a database, by `select` only, since a table may be a view.
///
/// # Errors
///
/// If a table is missing, or DuckDB refuses.
pub fn fingerprints(database: &Path, memory_limit_mib: u64) -> duckdb::Result<Fingerprints> {
    let connection = open(database, memory_limit_mib)?;
    let fingerprint = |(table, columns): (&str, &str)| {
        let query = format!(
            "select count(*), coalesce(sum(hash), 0)::varchar, coalesce(bit_xor(hash), 0)::varchar \
             from (select hash({columns})::hugeint as hash from {table})"
        );
        let fingerprint = connection.query_row(&query, [], |row| {
            Ok(Fingerprint {
                rows: row.get(0)?,
                sum: row.get(1)?,
                xor: row.get(2)?,
            })
        })?;
        Ok((table.to_owned(), fingerprint))
    };
    TABLES.into_iter().map(fingerprint).collect()
}
