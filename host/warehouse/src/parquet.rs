//! Parquet files, columns by name and checked types.

use std::io::{self, Read, Seek, SeekFrom};

use arrow_schema::{DataType, Field, SchemaRef, TimeUnit};

use crate::{
    c_interface::Connection,
    error::{DatabaseError, ReadError},
    files::FileIdentity,
    lossy::TOO_FINE,
    schema_difference::SchemaDifference,
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

/// Checks that a file begins and ends as Parquet does, so that one that was cut off, or is
/// something else, is told as such.
pub(crate) fn check_file(file: &FileIdentity) -> Result<(), ReadError> {
    let marks = || -> io::Result<[[u8; 4]; 2]> {
        let mut opened = fs_err::File::open(&file.absolute)?;
        let mut marks = [[0; 4]; 2];
        opened.read_exact(&mut marks[0])?;
        opened.seek(SeekFrom::End(-4))?;
        opened.read_exact(&mut marks[1])?;
        Ok(marks)
    };
    let not_parquet = || ReadError::NotParquet {
        path: file.path.clone(),
    };
    match marks() {
        // An encrypted file is left to DuckDB to complain about.
        Ok([first, last]) if first == last && [*b"PAR1", *b"PARE"].contains(&first) => Ok(()),
        Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => Err(file.read_error(error)),
        _ => Err(not_parquet()),
    }
}

/// Returns the schema of a relation without reading its rows.
pub(crate) fn schema_of(
    connection: &Connection,
    relation: &str,
) -> Result<SchemaRef, DatabaseError> {
    let mut statement = connection.prepare(&format!("SELECT * FROM {relation} LIMIT 0"))?;
    Ok(statement.stream_arrow([])?.get_schema())
}

/// Checks that no time of a column has nanoseconds, which its type would not keep.
///
/// Of `INT96` and of times that are adjusted to UTC, DuckDB's reader has cut them by then.
pub(crate) fn check_nanoseconds(
    connection: &Connection,
    file: &FileIdentity,
    found: &SchemaRef,
    column: &Field,
) -> Result<(), ReadError> {
    let nanoseconds = DataType::Timestamp(TimeUnit::Nanosecond, None);
    let found = found.column_with_name(column.name());
    if found.is_none_or(|(_, found)| *found.data_type() != nanoseconds) {
        return Ok(());
    }
    let name = sql::name(column.name());
    let query = format!(
        "SELECT min({{'row': file_row_number + 1, 'value': {name}::VARCHAR}}) AS first FROM {} \
         WHERE CAST(CAST({name} AS TIMESTAMP) AS TIMESTAMP_NS) IS DISTINCT FROM {name}",
        read_parquet(&[file.duckdb_path()], true)
    );
    let first = connection.query_row(
        &format!("SELECT first.\"row\", first.\"value\" FROM ({query})"),
        [],
        |row| {
            Ok((
                row.get::<_, Option<u64>>(0)?,
                row.get::<_, Option<String>>(1)?,
            ))
        },
    );
    match first.map_err(|error| ReadError::Database(error.into()))? {
        (Some(row), value) => Err(ReadError::LossyRow {
            path: file.path.clone(),
            row,
            column: column.name().clone(),
            reason: TOO_FINE,
            value: value.unwrap_or_default(),
        }),
        (None, _) => Ok(()),
    }
}

/// Checks that a relation has the declared columns, in types that fit, and no others unless they
/// are to be ignored.
pub(crate) fn check_columns(
    path: &str,
    found: &SchemaRef,
    declared: &[Field],
    ignore_extra: bool,
) -> Result<(), ReadError> {
    let is_declared = |name: &String| declared.iter().any(|field| field.name() == name);
    let difference = || {
        let found: Vec<_> = found
            .fields()
            .iter()
            .filter(|column| !ignore_extra || is_declared(column.name()))
            .map(|column| (column.name().clone(), Some(column.data_type().clone())))
            .collect();
        SchemaDifference::new(declared, &found, widens)
    };
    let missing: Vec<_> = declared
        .iter()
        .filter(|field| found.column_with_name(field.name()).is_none())
        .map(|field| field.name().clone())
        .collect();
    let extra: Vec<_> = found
        .fields()
        .iter()
        .map(|column| column.name())
        .filter(|name| !ignore_extra && !is_declared(name))
        .cloned()
        .collect();
    if !missing.is_empty() || !extra.is_empty() {
        return Err(ReadError::Columns {
            path: path.to_owned(),
            missing,
            extra,
            difference: difference(),
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
                difference: difference(),
            });
        }
    }
    Ok(())
}
