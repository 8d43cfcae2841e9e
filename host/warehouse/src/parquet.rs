//! Parquet files, columns by name and checked types.

use arrow_schema::{Field, SchemaRef};

use crate::{
    arrow_scan::Connection,
    error::{DatabaseError, ReadError},
    sql,
    types::widens,
};

/// Returns a call of `read_parquet`.
pub(crate) fn read_parquet(paths: &[String], row_numbers: bool) -> String {
    let paths: Vec<_> = paths.iter().map(|path| sql::text(path)).collect();
    format!(
        "read_parquet([{}], hive_partitioning = false, union_by_name = false, filename = false, \
         file_row_number = {row_numbers})",
        paths.join(", ")
    )
}

/// Returns the schema of a relation without reading its rows.
pub(crate) fn schema_of(
    connection: &Connection,
    relation: &str,
) -> Result<SchemaRef, DatabaseError> {
    let mut statement = connection.prepare(&format!("SELECT * FROM {relation} LIMIT 0"))?;
    Ok(statement.stream_arrow([])?.get_schema())
}

/// Checks that a relation has the declared columns, in types that fit.
pub(crate) fn check_columns(
    path: &str,
    found: &SchemaRef,
    declared: &[Field],
) -> Result<(), ReadError> {
    let missing: Vec<_> = declared
        .iter()
        .filter(|field| found.column_with_name(field.name()).is_none())
        .map(|field| field.name().clone())
        .collect();
    if !missing.is_empty() {
        return Err(ReadError::Columns {
            path: path.to_owned(),
            missing,
            extra: Vec::new(),
        });
    }
    for field in declared {
        let Some((_, column)) = found.column_with_name(field.name()) else {
            continue;
        };
        if !widens(column.data_type(), field.data_type()) {
            return Err(ReadError::Type {
                path: path.to_owned(),
                column: field.name().clone(),
                declared: field.data_type().clone(),
                found: column.data_type().clone(),
            });
        }
    }
    Ok(())
}
