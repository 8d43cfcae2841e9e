//! Files of newline-delimited JSON.
//!
//! DuckDB can skip malformed lines, but then reads nulls in their place without a word.
//! So every malformed line is an error here, whatever number of rejected rows is
//! allowed. Members are matched by exact name, a missing one is null.

use arrow_schema::Field;

use crate::{sql, types::sql_type};

/// Returns a call of `read_json`.
pub(crate) fn read_json(paths: &[String], columns: &[Field], gzip: bool) -> String {
    let paths: Vec<_> = paths.iter().map(|path| sql::text(path)).collect();
    let columns: Vec<_> = columns
        .iter()
        .map(|field| {
            let data_type = sql_type(field.data_type()).unwrap_or_default();
            format!("{}: {}", sql::text(field.name()), sql::text(&data_type))
        })
        .collect();
    format!(
        "read_json([{}], columns = {{{}}}, format = 'newline_delimited', ignore_errors = false, \
         compression = '{}', hive_partitioning = false, union_by_name = false, filename = false)",
        paths.join(", "),
        columns.join(", "),
        if gzip { "gzip" } else { "uncompressed" },
    )
}
