//! Scans of Arrow streams.
//!
//! A scan is a view over a pointer to the stream. Each view gets an in-memory catalog
//! of its own: a running transaction sees databases that were attached after it began,
//! but not views that were made after it began, and may write to one database file
//! only. So a scan can be made at any time.
//!
//! DuckDB pushes projections and filters into the view and leaves them to the producer
//! of the stream, and the C interface's producer ignores both. A scan must therefore be
//! read with `SELECT *` and nothing else; [`ArrowScan`] gives out no name for anything
//! else to be written.

use std::{
    mem,
    sync::{Arc, PoisonError},
};

use arrow_array::{RecordBatchReader, ffi_stream::FFI_ArrowArrayStream};
use arrow_schema::SchemaRef;
use duckdb::ffi;

use super::{instance::Instance, raw::RawConnection};
use crate::{
    error::{DatabaseError, LoadError},
    reader::{Failure, WatchedReader},
    sql,
};

/// A stream of Arrow batches that a statement of any connection can read, once.
pub(crate) struct ArrowScan {
    catalog: String,
    schema: SchemaRef,
    failure: Failure,
    instance: Arc<Instance>,
    // Boxed, since the view has its address. Always there until the drop.
    stream: Option<Box<FFI_ArrowArrayStream>>,
}

impl ArrowScan {
    /// Makes `reader` readable from SQL, once it has rows enough.
    pub(crate) fn new(
        instance: &Arc<Instance>,
        reader: Box<dyn RecordBatchReader + Send>,
    ) -> Result<Self, LoadError> {
        let failure = Failure::default();
        let mut reader = WatchedReader::new(reader, Arc::clone(&failure));
        reader.read_ahead(|| instance.interrupted());
        if instance.interrupted() {
            return Err(LoadError::Interrupted);
        }
        let schema = reader.schema();
        let mut stream = Box::new(FFI_ArrowArrayStream::new(Box::new(reader)));
        let address: *mut FFI_ArrowArrayStream = &raw mut *stream;
        let scan = Self {
            catalog: format!("wigeon_scan_{}", instance.next_id()),
            schema,
            failure,
            instance: Arc::clone(instance),
            stream: Some(stream),
        };
        scan.register(address).map_err(LoadError::Database)?;
        Ok(scan)
    }

    fn register(&self, stream: *mut FFI_ArrowArrayStream) -> Result<(), DatabaseError> {
        let connection = RawConnection::open(&self.instance)?;
        let catalog = sql::name(&self.catalog);
        connection.execute(&format!("ATTACH ':memory:' AS {catalog}"))?;
        connection.execute(&format!("USE {catalog}"))?;
        // SAFETY: the stream is a valid Arrow C stream at a stable address. The view that
        // points to it lives in a catalog of its own, which is detached before the stream
        // is dropped, and no statement runs with it then: only `read` gives out its name.
        // Listing the catalog does not touch the stream, since a new view is bound already.
        // `FFI_ArrowArrayStream` is Arrow's `ArrowArrayStream`, which DuckDB expects.
        let state =
            unsafe { ffi::duckdb_arrow_scan(connection.raw, c"rows".as_ptr(), stream.cast()) };
        if state == ffi::DuckDBSuccess {
            Ok(())
        } else {
            Err(DatabaseError::new("could not scan the Arrow stream"))
        }
    }

    pub(crate) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Runs the statement that `statement` makes of the scan's `SELECT *`-able name.
    ///
    /// The statement must read the scan as `SELECT *`, with further constant
    /// expressions at most; see the module.
    pub(crate) fn read<T>(
        self,
        statement: impl FnOnce(&str) -> Result<T, DatabaseError>,
    ) -> Result<T, LoadError> {
        let rows = format!("{}.main.rows", sql::name(&self.catalog));
        let done = statement(&rows);
        let failure = self
            .failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        match (failure, done) {
            (Some(failure), _) => Err(LoadError::Reader(failure)),
            (None, Ok(done)) => Ok(done),
            (None, Err(_)) if self.instance.interrupted() => Err(LoadError::Interrupted),
            (None, Err(error)) => Err(LoadError::Database(error)),
        }
    }
}

impl Drop for ArrowScan {
    fn drop(&mut self) {
        let detached = RawConnection::open(&self.instance).and_then(|connection| {
            connection.execute(&format!(
                "DETACH DATABASE IF EXISTS {}",
                sql::name(&self.catalog)
            ))
        });
        if detached.is_err() {
            // The view may still be there: better a leak than a view over freed memory.
            mem::forget(self.stream.take());
        }
    }
}
