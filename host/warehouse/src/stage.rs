//! Rows kept for the length of a load, beside the warehouse.

use std::sync::Arc;

use arrow_array::RecordBatchReader;
use arrow_schema::{DataType, Field, FieldRef, Schema, SchemaRef};

use crate::{
    c_interface::{ArrowScan, Instance},
    error::{DatabaseError, LoadError, ReadError},
    sql,
    stream::{RowStream, Statement},
    types::{sql_type, unsupported},
    warehouse::Warehouse,
};

/// Rows in memory, or spilled to the temporary directory, until the last clone is dropped.
///
/// Every connection sees them, that of a running [`crate::Load`] and those of streams.
#[derive(Debug, Clone)]
pub struct Stage {
    rows: u64,
    schema: SchemaRef,
    table: Arc<StageTable>,
}

impl Stage {
    /// Returns the number of rows.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Returns the schema, in which dictionaries have become their values.
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// Returns the full name of the table.
    pub(crate) fn table(&self) -> String {
        format!("{}.main.rows", sql::name(&self.table.catalog))
    }

    /// Checks that the stage has exactly these columns, in any order.
    pub(crate) fn check_columns(&self, table: &str, expected: &[Field]) -> Result<(), LoadError> {
        check_schema(table, &self.schema, expected)
    }
}

/// Checks that rows have exactly the columns of a table, in any order.
pub(crate) fn check_schema(
    table: &str,
    rows: &Schema,
    expected: &[Field],
) -> Result<(), LoadError> {
    let extra: Vec<_> = expected
        .iter()
        .filter(|field| rows.column_with_name(field.name()).is_none())
        .map(|field| field.name().clone())
        .collect();
    let missing: Vec<_> = rows
        .fields()
        .iter()
        .filter(|field| expected.iter().all(|column| column.name() != field.name()))
        .map(|field| field.name().clone())
        .collect();
    if !missing.is_empty() || !extra.is_empty() {
        return Err(LoadError::Columns {
            table: table.to_owned(),
            missing,
            extra,
        });
    }
    for field in expected {
        let brought = rows
            .column_with_name(field.name())
            .and_then(|(_, column)| sql_type(column.data_type()));
        let found = sql_type(field.data_type());
        if brought != found {
            return Err(LoadError::Type {
                table: table.to_owned(),
                column: field.name().clone(),
                found: found.unwrap_or_default(),
                brought: brought.unwrap_or_default(),
            });
        }
    }
    Ok(())
}

/// A table in an in-memory catalog of its own.
#[derive(Debug)]
struct StageTable {
    catalog: String,
    instance: Arc<Instance>,
}

impl Drop for StageTable {
    fn drop(&mut self) {
        let detach = || -> Result<(), DatabaseError> {
            let connection = self.instance.connect()?;
            let statement = format!("DETACH DATABASE IF EXISTS {}", sql::name(&self.catalog));
            Ok(connection.execute_batch(&statement)?)
        };
        // If it stays, it goes with the instance.
        let _detached = detach();
    }
}

impl Warehouse {
    /// Keeps the rows of a reader for a load. They are not in the warehouse.
    ///
    /// # Errors
    ///
    /// - [`LoadError::Reader`] with the reader's own error.
    /// - [`LoadError::UnsupportedType`] if DuckDB has no such type.
    /// - [`LoadError::Interrupted`], [`LoadError::Database`].
    pub fn stage(&self, reader: Box<dyn RecordBatchReader + Send>) -> Result<Stage, LoadError> {
        check_types(&reader.schema())?;
        let instance = self.instance();
        let table = Arc::new(StageTable {
            catalog: format!("wigeon_stage_{}", instance.next_id()),
            instance: Arc::clone(instance),
        });
        let scan = ArrowScan::new(instance, reader)?;
        let schema = without_dictionaries(scan.schema());
        let catalog = sql::name(&table.catalog);
        let rows = scan.read(|scanned| {
            let connection = instance.connect()?;
            connection.execute_batch(&format!("ATTACH ':memory:' AS {catalog}"))?;
            connection.execute_batch(&format!(
                "CREATE TABLE {catalog}.main.rows AS SELECT * FROM {scanned}"
            ))?;
            let count = format!("SELECT count(*) FROM {catalog}.main.rows");
            Ok(connection.query_row(&count, [], |row| row.get(0))?)
        })?;
        Ok(Stage {
            rows,
            schema,
            table,
        })
    }

    /// Reads the rows of a stage, in no particular order.
    ///
    /// # Errors
    ///
    /// [`ReadError::Database`] if DuckDB refuses.
    pub fn read_stage(&self, stage: &Stage) -> Result<RowStream, ReadError> {
        let statement = Statement::new(format!("SELECT * FROM {}", stage.table()));
        RowStream::start(self.connect_to_read()?, statement.with_guard(stage.clone()))
    }
}

/// Checks that DuckDB has all types of a schema.
pub(crate) fn check_types(schema: &Schema) -> Result<(), LoadError> {
    match unsupported(schema.fields().iter().map(AsRef::as_ref)) {
        None => Ok(()),
        Some(field) => Err(LoadError::UnsupportedType {
            column: field.name().clone(),
            data_type: field.data_type().clone(),
        }),
    }
}

fn without_dictionaries(schema: &Schema) -> SchemaRef {
    let fields: Vec<FieldRef> = schema
        .fields()
        .iter()
        .map(|field| match field.data_type() {
            DataType::Dictionary(_, values) => Arc::new(
                field
                    .as_ref()
                    .clone()
                    .with_data_type(values.as_ref().clone()),
            ),
            _ => Arc::clone(field),
        })
        .collect();
    Arc::new(Schema::new(fields))
}
