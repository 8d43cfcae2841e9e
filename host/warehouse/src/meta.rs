//! The internal schema `wigeon` of a warehouse, and its version.

use crate::{
    c_interface::Connection,
    error::DatabaseError,
    sql::{self, CATALOG},
};

/// The version of the internal tables that this program writes and reads.
pub(crate) const VERSION: i64 = 1;

/// Returns the version in the attached warehouse, or none if it has no internal schema.
pub(crate) fn version(connection: &Connection) -> Result<Option<i64>, DatabaseError> {
    let version = format!("SELECT max(version) FROM {}", sql::internal("meta"));
    let found = connection.query_row(&version, [], |row| row.get(0));
    // Nearly always there is the table, and the list of all tables takes longer than to read it.
    found.map_or_else(|error| none_without_table(connection, error), Ok)
}

/// Returns no version if there is no table of it, which was the error then.
fn none_without_table(
    connection: &Connection,
    error: duckdb::Error,
) -> Result<Option<i64>, DatabaseError> {
    let tables: i64 = connection.query_row(
        &format!(
            "SELECT count(*) FROM duckdb_tables() WHERE database_name = {} \
             AND schema_name = 'wigeon' AND table_name = 'meta'",
            sql::text(CATALOG)
        ),
        [],
        |row| row.get(0),
    )?;
    if tables > 0 {
        return Err(error.into());
    }
    Ok(None)
}

/// Creates the internal schema, all of it or nothing.
pub(crate) fn create(connection: &Connection) -> Result<(), DatabaseError> {
    let (meta, ledger, input, quarantine, overlay) = (
        sql::internal("meta"),
        sql::internal("ledger"),
        sql::internal("input"),
        sql::internal("quarantine"),
        sql::internal("overlay"),
    );
    let statements = format!(
        "BEGIN TRANSACTION;
         CREATE SCHEMA {CATALOG}.wigeon;
         CREATE TABLE {meta} (version BIGINT NOT NULL);
         INSERT INTO {meta} VALUES ({VERSION});
         CREATE TABLE {ledger} (
             load_id BIGINT NOT NULL, run_id VARCHAR NOT NULL, step VARCHAR NOT NULL,
             kind VARCHAR NOT NULL, plugin VARCHAR NOT NULL, plugin_digest VARCHAR NOT NULL,
             contract VARCHAR NOT NULL, logical_time TIMESTAMPTZ NOT NULL,
             effective_time TIMESTAMP, started_at TIMESTAMPTZ NOT NULL,
             finished_at TIMESTAMPTZ NOT NULL, rows_in BIGINT NOT NULL,
             rows_out BIGINT NOT NULL, rows_rejected BIGINT NOT NULL, details VARCHAR NOT NULL);
         CREATE TABLE {input} (
             load_id BIGINT NOT NULL, step VARCHAR NOT NULL, path VARCHAR NOT NULL,
             size_bytes BIGINT NOT NULL, modified TIMESTAMPTZ NOT NULL, digest VARCHAR,
             file_time TIMESTAMP);
         CREATE TABLE {quarantine} (
             load_id BIGINT NOT NULL, step VARCHAR NOT NULL, path VARCHAR NOT NULL,
             line BIGINT NOT NULL, \"column\" VARCHAR, reason VARCHAR NOT NULL,
             raw VARCHAR NOT NULL);
         CREATE TABLE {overlay} (
             target VARCHAR NOT NULL, key VARCHAR NOT NULL, event_time VARCHAR NOT NULL,
             columns VARCHAR NOT NULL, maker VARCHAR NOT NULL,
             since TIMESTAMPTZ NOT NULL);
         COMMIT;"
    );
    let created = connection.execute_batch(&statements);
    if created.is_err() {
        // The first error is the one to tell; there may be no transaction to roll back.
        let _rolled_back = connection.execute_batch("ROLLBACK");
    }
    Ok(created?)
}
