//! Rewriting rows in place.

use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema};

use crate::{
    error::{LawError, LoadError, ReadError},
    load::Load,
    parquet, sql,
    stage::Stage,
    stream::{RowStream, Statement},
    warehouse::Warehouse,
};

/// The column with the row ids of the target, an `int64` without nulls.
///
/// A row id is good until the next checkpoint after rows were deleted, as a fold does.
pub const ROWID_COLUMN: &str = "wigeon_rowid";

impl Warehouse {
    /// Reads the committed rows of a table whose key occurs in a stage, with their row ids.
    ///
    /// `key` pairs columns of the table with columns of the stage; they are compared
    /// with `=`, so a null matches nothing. The result has [`ROWID_COLUMN`] and then
    /// `columns`. The stage lives as long as the stream.
    ///
    /// # Errors
    ///
    /// [`ReadError::Database`] if the table or a column does not exist.
    pub fn table_rows_of_keys(
        &self,
        table: &str,
        stage: &Stage,
        key: &[(&str, &str)],
        columns: &[&str],
    ) -> Result<RowStream, ReadError> {
        let connection = self.connect_to_read()?;
        let found =
            parquet::schema_of(&connection, &sql::table(table)).map_err(ReadError::Database)?;
        let mut fields = vec![Field::new(ROWID_COLUMN, DataType::Int64, false)];
        let mut selected = format!("t.rowid AS {}", sql::name(ROWID_COLUMN));
        for column in columns {
            selected.push_str(", t.");
            selected.push_str(&sql::name(column));
            let data_type = found
                .column_with_name(column)
                .map_or(DataType::Null, |(_, field)| field.data_type().clone());
            fields.push(Field::new(*column, data_type, true));
        }
        let equal: Vec<_> = key
            .iter()
            .map(|(in_table, in_stage)| {
                format!("t.{} = s.{}", sql::name(in_table), sql::name(in_stage))
            })
            .collect();
        let staged: Vec<_> = key.iter().map(|(_, in_stage)| *in_stage).collect();
        let statement = format!(
            "SELECT {selected} FROM {} AS t SEMI JOIN {} AS s ON {}",
            sql::table(table),
            sql::asked_in_scan(&stage.table(), &staged),
            equal.join(" AND ")
        );
        let statement = Statement::new(statement)
            .with_schema(Arc::new(Schema::new(fields)))
            .with_guard(stage.clone());
        RowStream::start(connection, statement)
    }
}

impl Load {
    /// Sets columns of the rows that a stage names by [`ROWID_COLUMN`], in place.
    ///
    /// The stage has the columns under the names that they have in the table. Its row
    /// ids must be different ones, of rows that exist. Returns how many rows were set.
    ///
    /// # Errors
    ///
    /// - [`LawError::Rowids`] if the row ids are not those of as many rows.
    /// - [`LoadError::Interrupted`], [`LoadError::Database`].
    pub fn update_by_rowid(
        &self,
        table: &str,
        stage: &Stage,
        columns: &[&str],
    ) -> Result<u64, LoadError> {
        if stage.rows() == 0 || columns.is_empty() {
            return Ok(0);
        }
        let (target, staged, rowid) = (sql::table(table), stage.table(), sql::name(ROWID_COLUMN));
        let different: u64 = self.try_to(|connection| {
            let count = format!("SELECT count(DISTINCT {rowid}) FROM {staged}");
            Ok(connection.query_row(&count, [], |row| row.get(0))?)
        })?;
        let law = |found| {
            Err(LoadError::Law(LawError::Rowids {
                table: table.to_owned(),
                expected: stage.rows(),
                found,
            }))
        };
        if different != stage.rows() {
            return law(different);
        }
        let set: Vec<_> = columns
            .iter()
            .map(|column| sql::name(column))
            .map(|column| format!("{column} = s.{column}"))
            .collect();
        let updated = self.change(&format!(
            "UPDATE {target} AS t SET {} FROM {staged} AS s WHERE t.rowid = s.{rowid}",
            set.join(", ")
        ))?;
        if updated == stage.rows() {
            Ok(updated)
        } else {
            law(updated)
        }
    }
}
