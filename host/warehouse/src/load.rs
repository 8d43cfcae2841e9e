//! One write transaction.

use std::{cell::RefCell, collections::HashMap, sync::Arc};

use arrow_array::RecordBatchReader;
use arrow_schema::{Field, SchemaRef};

use crate::{
    c_interface::{ArrowScan, Connection},
    catalog::{self, TableColumn},
    doublewrite::Doublewrite,
    error::{DatabaseError, LoadError, ReadError},
    invariants::{Committed, Written},
    parquet, sql,
    stage::{Stage, check_types},
    types::sql_type,
    warehouse::Warehouse,
};

/// One write transaction: everything done through it is in the warehouse after
/// [`Load::commit`], and nothing of it otherwise.
///
/// Streams of the same [`Warehouse`] read what was committed before. There should be one
/// load at a time; of two that change the same rows, one fails.
pub struct Load {
    connection: Connection,
    doublewrite: Option<Arc<Doublewrite>>,
    open: bool,
    /// What it has written, to be compared with what is there.
    pub(crate) written: RefCell<Written>,
    /// A statement that is run before versions are looked at once more, as a fault of ours.
    #[cfg(test)]
    pub(crate) fault: RefCell<Option<String>>,
}

impl Warehouse {
    /// Begins a load.
    ///
    /// # Errors
    ///
    /// [`LoadError::Database`] if DuckDB refuses, for a warehouse opened for reading for instance.
    pub fn begin(&self) -> Result<Load, LoadError> {
        let begin = || -> Result<Load, DatabaseError> {
            let connection = self.connect()?;
            connection.execute_batch("BEGIN TRANSACTION")?;
            self.doublewrite().inspect(|copies| copies.begin());
            Ok(Load {
                connection,
                doublewrite: self.doublewrite().cloned(),
                open: true,
                written: RefCell::default(),
                #[cfg(test)]
                fault: RefCell::default(),
            })
        };
        begin().map_err(LoadError::Database)
    }

    /// Returns the columns of a table or view, or none if there is none of that name.
    ///
    /// # Errors
    ///
    /// [`ReadError::Database`] if DuckDB refuses.
    pub fn schema_of(&self, table: &str) -> Result<Option<SchemaRef>, ReadError> {
        let connection = self.connect_to_read()?;
        if !catalog::is_relation(&connection, table).map_err(ReadError::Database)? {
            return Ok(None);
        }
        parquet::schema_of(&connection, &sql::table(table))
            .map(Some)
            .map_err(ReadError::Database)
    }
}

impl Load {
    /// Adds all rows of a reader to a table, which is made if there is none.
    ///
    /// An existing table must have the same columns, by name and type, in any order.
    /// Rows are written in parallel and in no particular order. A dictionary is kept as
    /// its values; a column that cannot be null is made `NOT NULL`. Returns how many rows
    /// were added.
    ///
    /// # Errors
    ///
    /// - [`LoadError::Reader`] with the reader's own error.
    /// - [`LoadError::Columns`], [`LoadError::Type`] if the table is another one.
    /// - [`LoadError::UnsupportedType`] if DuckDB has no such type.
    /// - [`LoadError::Interrupted`], [`LoadError::Database`].
    pub fn append(
        &self,
        table: &str,
        reader: Box<dyn RecordBatchReader + Send>,
    ) -> Result<u64, LoadError> {
        let schema = reader.schema();
        check_types(&schema)?;
        let fields: Vec<Field> = schema
            .fields()
            .iter()
            .map(|field| field.as_ref().clone())
            .collect();
        // The rows of a table with an overlay are behind a view.
        let base = self.base(table)?;
        self.ensure_table_at(&base, table, &fields)?;
        self.adding(table, || self.insert(&sql::table(&base), reader, ""))
    }

    /// Makes a table of exactly the rows of a stage, in place of the one that was there.
    ///
    /// For small tables: the old rows and the new ones are both in the file until a
    /// checkpoint.
    ///
    /// # Errors
    ///
    /// [`LoadError::Interrupted`], [`LoadError::Database`].
    pub fn replace_table(&self, table: &str, stage: &Stage) -> Result<(), LoadError> {
        self.run(&format!(
            "CREATE OR REPLACE TABLE {} AS SELECT * FROM {}",
            sql::table(table),
            stage.table()
        ))?;
        self.written.borrow_mut().replaced(table, stage.rows());
        Ok(())
    }

    /// Makes the changes of this load permanent, when they agree with what was counted. Returns
    /// what [`Warehouse::read_back`] must find.
    ///
    /// # Errors
    ///
    /// Nothing has changed then.
    ///
    /// - [`LoadError::Inconsistent`] if rows, ledger or progress are not what they must be.
    /// - [`LoadError::Interrupted`], [`LoadError::Database`].
    pub fn commit(mut self) -> Result<Committed, LoadError> {
        let committed = self.check()?;
        // A commit of much is a checkpoint at once.
        if let Some(doublewrite) = &self.doublewrite {
            doublewrite.finish();
        }
        self.run("COMMIT")?;
        self.open = false;
        Ok(committed)
    }

    /// Inserts the rows of a reader, with constant expressions behind its columns.
    pub(crate) fn insert(
        &self,
        table: &str,
        reader: Box<dyn RecordBatchReader + Send>,
        constants: &str,
    ) -> Result<u64, LoadError> {
        let scan = ArrowScan::new(self.connection.instance(), reader)?;
        let schema = Arc::clone(scan.schema());
        let columns = sql::names(schema.fields().iter().map(|field| field.name().as_str()));
        let (names, values) = constants.split_once('|').unwrap_or_default();
        scan.read(|rows| {
            let statement =
                format!("INSERT INTO {table} ({columns}{names}) SELECT *{values} FROM {rows}");
            Ok(self.connection.execute(&statement, [])? as u64)
        })
    }

    /// Creates a table, or checks that it has these columns.
    pub(crate) fn ensure_table(&self, table: &str, fields: &[Field]) -> Result<(), LoadError> {
        self.ensure_table_at(table, table, fields)
    }

    /// Creates or checks the table `place`, which errors call `table`.
    fn ensure_table_at(&self, place: &str, table: &str, fields: &[Field]) -> Result<(), LoadError> {
        let found = self.columns_of(place)?;
        if found.is_empty() {
            let columns: Vec<_> = fields
                .iter()
                .map(|field| {
                    format!(
                        "{} {}{}",
                        sql::name(field.name()),
                        sql_type(field.data_type()).unwrap_or_default(),
                        if field.is_nullable() { "" } else { " NOT NULL" }
                    )
                })
                .collect();
            return self.run(&format!(
                "CREATE TABLE {} ({})",
                sql::table(place),
                columns.join(", ")
            ));
        }
        let missing: Vec<_> = fields
            .iter()
            .filter(|field| !found.contains_key(field.name()))
            .map(|field| field.name().clone())
            .collect();
        let mut extra: Vec<_> = found
            .keys()
            .filter(|name| fields.iter().all(|field| field.name() != *name))
            .cloned()
            .collect();
        extra.sort();
        if !missing.is_empty() || !extra.is_empty() {
            return Err(LoadError::Columns {
                table: table.to_owned(),
                missing,
                extra,
            });
        }
        for field in fields {
            let brought = sql_type(field.data_type()).unwrap_or_default();
            let found = &found[field.name()];
            if *found != brought {
                return Err(LoadError::Type {
                    table: table.to_owned(),
                    column: field.name().clone(),
                    found: found.clone(),
                    brought,
                });
            }
        }
        Ok(())
    }

    /// Returns the columns and SQL types of a table as this transaction sees it, none if there is no table.
    fn columns_of(&self, table: &str) -> Result<HashMap<String, String>, LoadError> {
        let columns = self.try_to(|connection| catalog::columns(connection, table))?;
        let typed = |column: TableColumn| (column.name, column.data_type);
        Ok(columns.into_iter().map(typed).collect())
    }

    /// Runs a statement.
    pub(crate) fn run(&self, statement: &str) -> Result<(), LoadError> {
        self.try_to(|connection| Ok(connection.execute_batch(statement)?))
    }

    /// Does once what a test has ordered.
    #[cfg(test)]
    pub(crate) fn run_fault(&self) -> Result<(), LoadError> {
        let fault = self.fault.take();
        fault.map_or(Ok(()), |statement| self.run(&statement))
    }

    /// Runs a statement and returns how many rows it changed.
    pub(crate) fn change(&self, statement: &str) -> Result<u64, LoadError> {
        self.try_to(|connection| Ok(connection.execute(statement, [])? as u64))
    }

    /// Does something on the connection, telling an interrupt as such.
    pub(crate) fn try_to<T>(
        &self,
        act: impl FnOnce(&Connection) -> Result<T, DatabaseError>,
    ) -> Result<T, LoadError> {
        act(&self.connection).map_err(|error| {
            if self.connection.instance().interrupted() {
                LoadError::Interrupted
            } else {
                LoadError::Database(error)
            }
        })
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        if self.open {
            // Closing the connection rolls back as well.
            let _rolled_back = self.connection.execute_batch("ROLLBACK");
        }
    }
}

impl std::fmt::Debug for Load {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Load").finish_non_exhaustive()
    }
}
