//! What is in the warehouse's catalog, asked for in the cheapest way.
//!
//! DuckDB's `duckdb_columns()` and `information_schema` bind every view of every catalog before they
//! answer, which takes milliseconds; `duckdb_tables()` and `DESCRIBE` take a fraction of one. A run
//! that has little to do asks several times.

use crate::{c_interface::Connection, error::DatabaseError, sql};

/// A column of a table.
pub(crate) struct TableColumn {
    pub(crate) name: String,
    /// Its type in DuckDB's words.
    pub(crate) data_type: String,
}

/// Returns whether there is a table, as this connection sees it. A view is none.
pub(crate) fn is_table(connection: &Connection, name: &str) -> Result<bool, DatabaseError> {
    is_in(connection, "duckdb_tables", "table_name", name)
}

/// Returns whether there is a table or a view, as this connection sees it.
pub(crate) fn is_relation(connection: &Connection, name: &str) -> Result<bool, DatabaseError> {
    Ok(is_table(connection, name)? || is_in(connection, "duckdb_views", "view_name", name)?)
}

/// Returns the columns of a table in their order, none if there is no such table.
pub(crate) fn columns(
    connection: &Connection,
    table: &str,
) -> Result<Vec<TableColumn>, DatabaseError> {
    if !is_table(connection, table)? {
        return Ok(vec![]);
    }
    let mut statement = connection.prepare(&format!(
        "SELECT column_name, column_type FROM (DESCRIBE {})",
        sql::table(table)
    ))?;
    let columns = statement.query_map([], |row| {
        Ok(TableColumn {
            name: row.get(0)?,
            data_type: row.get(1)?,
        })
    })?;
    Ok(columns.collect::<Result<_, _>>()?)
}

/// Returns how many rows a table has, with those that were deleted and still take their place; zero
/// if there is no such table.
pub(crate) fn estimated_rows(connection: &Connection, table: &str) -> Result<u64, DatabaseError> {
    let query = format!(
        "SELECT coalesce(sum(estimated_size), 0)::UBIGINT FROM duckdb_tables() \
         WHERE database_name = {} AND schema_name = 'main' AND table_name = {}",
        sql::text(sql::CATALOG),
        sql::text(table)
    );
    Ok(connection.query_row(&query, [], |row| row.get(0))?)
}

fn is_in(
    connection: &Connection,
    list: &str,
    column: &str,
    name: &str,
) -> Result<bool, DatabaseError> {
    let found: i64 = connection.query_row(
        &format!(
            "SELECT count(*) FROM {list}() WHERE database_name = {} AND schema_name = 'main' \
             AND {column} = {}",
            sql::text(sql::CATALOG),
            sql::text(name)
        ),
        [],
        |row| row.get(0),
    )?;
    Ok(found > 0)
}
