//! What was committed, moved from the write-ahead log into the file.

use crate::{
    c_interface::Connection,
    error::{CheckpointError, DatabaseError},
    sql::{self, CATALOG},
    warehouse::{Warehouse, beside},
};

impl Warehouse {
    /// Moves what was committed from the write-ahead log into the file.
    ///
    /// Row groups stay as they are, however few rows are left in them. That takes as long as what
    /// was committed is large, whatever else is in the warehouse.
    ///
    /// After an error all of it is still stored, in the log, and the next process to open the
    /// warehouse finds it there. If DuckDB could not write the file, this [`Warehouse`] answers
    /// everything else with an error.
    ///
    /// # Errors
    ///
    /// [`CheckpointError`] if the disk is full, or a [`crate::Load`] is open, for instance.
    pub fn checkpoint(&self) -> Result<(), CheckpointError> {
        self.moved(|connection| {
            // Row groups are joined and dropped if no transaction is about to insert or delete rows.
            // To find out which, DuckDB would read the marks of all rows that were ever deleted.
            let deleting = self.connect()?;
            deleting.execute_batch(&format!(
                "BEGIN TRANSACTION; DELETE FROM {} WHERE false",
                sql::internal("meta")
            ))?;
            let written = write_log(connection);
            // Not left to the end of the connection: there DuckDB ends the process if it cannot roll
            // back, and after a checkpoint that failed it cannot.
            let _rolled_back = deleting.execute_batch("ROLLBACK");
            written
        })
    }

    /// Does what [`Warehouse::checkpoint`] does, and compacts all tables: neighbouring row groups
    /// are joined if that makes fewer of them, and those that have lost all their rows are dropped.
    ///
    /// Row ids may change by it. It does nothing if nothing was committed since the last one.
    ///
    /// # Errors
    ///
    /// Those of [`Warehouse::checkpoint`].
    pub fn compact(&self) -> Result<(), CheckpointError> {
        self.moved(write_log)
    }

    fn moved(
        &self,
        write: impl FnOnce(&Connection) -> Result<(), DatabaseError>,
    ) -> Result<(), CheckpointError> {
        if let Some(doublewrite) = self.doublewrite() {
            doublewrite.finish();
        }
        let moved = self.connect().and_then(|connection| write(&connection));
        moved.map_err(|source| CheckpointError {
            path: self.path().to_owned(),
            log: beside(self.path(), ".wal"),
            source,
        })
    }
}

fn write_log(connection: &Connection) -> Result<(), DatabaseError> {
    Ok(connection.execute_batch(&format!("CHECKPOINT {CATALOG}"))?)
}
