//! Readers of record batches on their way into DuckDB.

use std::{
    any::Any,
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, PoisonError},
};

use arrow_array::{RecordBatch, RecordBatchIterator, RecordBatchReader};
use arrow_schema::{ArrowError, SchemaRef};

/// Makes a reader of an iterator of batches.
///
/// An error of the iterator reaches the caller of the load as
/// [`ArrowError::ExternalError`], from which it can be downcast.
pub fn batch_reader<I, E>(schema: SchemaRef, batches: I) -> Box<dyn RecordBatchReader + Send>
where
    I: IntoIterator<Item = Result<RecordBatch, E>>,
    I::IntoIter: Send + 'static,
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let batches = batches
        .into_iter()
        .map(|batch| batch.map_err(|error| ArrowError::ExternalError(error.into())));
    Box::new(RecordBatchIterator::new(batches, schema))
}

/// How much is read before a scan begins.
const AHEAD_BYTES: usize = 16 << 20;

/// Where the error of a reader is kept while DuckDB reports it in its own words.
pub(crate) type Failure = Arc<Mutex<Option<ArrowError>>>;

/// A reader that DuckDB may scan.
///
/// It keeps the reader's error aside, ends after it, turns a panic into an error (it
/// could not cross DuckDB) and lets no batch through whose types are not those of its
/// schema, since DuckDB would read its buffers as what the schema says.
pub(crate) struct WatchedReader {
    reader: Option<Box<dyn RecordBatchReader + Send>>,
    schema: SchemaRef,
    failure: Failure,
    ahead: VecDeque<Result<RecordBatch, ArrowError>>,
}

impl WatchedReader {
    pub(crate) fn new(reader: Box<dyn RecordBatchReader + Send>, failure: Failure) -> Self {
        let schema = reader.schema();
        Self {
            reader: Some(reader),
            schema,
            failure,
            ahead: VecDeque::new(),
        }
    }

    /// Reads ahead, to the end or until there is enough for a scan to begin.
    ///
    /// A scan that waits for its reader keeps DuckDB's threads, all but one, from what the reader
    /// itself waits for: the parsing of a file, or the reading of a lookup.
    pub(crate) fn read_ahead(&mut self, interrupted: impl Fn() -> bool) {
        let mut bytes = 0;
        while bytes < AHEAD_BYTES
            && !interrupted()
            && let Some(batch) = self.read()
        {
            bytes += batch.as_ref().map_or(0, RecordBatch::get_array_memory_size);
            self.ahead.push_back(batch);
        }
    }

    fn fail(&mut self, error: ArrowError) -> ArrowError {
        self.reader = None;
        let told = ArrowError::ComputeError(error.to_string());
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        told
    }

    fn fits(&self, batch: &RecordBatch) -> bool {
        batch.num_columns() == self.schema.fields().len()
            && batch
                .columns()
                .iter()
                .zip(self.schema.fields())
                .all(|(column, field)| column.data_type() == field.data_type())
    }

    fn read(&mut self) -> Option<Result<RecordBatch, ArrowError>> {
        let reader = self.reader.as_mut()?;
        let next = catch_unwind(AssertUnwindSafe(|| reader.next()));
        match next {
            Ok(None) => {
                self.reader = None;
                None
            }
            Ok(Some(Ok(batch))) if self.fits(&batch) => Some(Ok(batch)),
            Ok(Some(Ok(batch))) => {
                let error = ArrowError::SchemaError(format!(
                    "a batch has the schema {:?}, but its reader declares {:?}",
                    batch.schema(),
                    self.schema
                ));
                Some(Err(self.fail(error)))
            }
            Ok(Some(Err(error))) => Some(Err(self.fail(error))),
            Err(panic) => {
                let error = ArrowError::ComputeError(panic_text(panic.as_ref()));
                Some(Err(self.fail(error)))
            }
        }
    }
}

impl Iterator for WatchedReader {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.ahead.pop_front().or_else(|| self.read())
    }
}

impl RecordBatchReader for WatchedReader {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}

/// Returns what a panic said.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> String {
    let said = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned());
    format!(
        "panicked: {}",
        said.unwrap_or_else(|| "without a message".to_owned())
    )
}
