//! One lane's share of a step: two streams in, one out.
//!
//! This is the seam for running a step elsewhere. A [`Task`] is told nothing of databases, files
//! or threads: it takes the rows of whole buckets of keys, first those that it keeps (the versions
//! of the keys), then those that it works on, and gives rows back. The same input gives the same
//! output, so any attempt at a bucket may win.

use arrow_array::RecordBatch;

use crate::{ChangeDetectionInstance, IncrementalInstance, PluginError, SnapshotInstance};

/// A step's work on the rows of some keys.
pub trait Task {
    /// Why the work cannot go on.
    type Error;

    /// Takes rows of the first stream: open versions, the lookup, the versions last applied.
    ///
    /// # Errors
    ///
    /// Whatever makes the rows unusable.
    fn first(&mut self, batch: RecordBatch) -> Result<(), Self::Error>;

    /// Takes rows of the second stream: the extract, new rows, the versions now.
    ///
    /// # Errors
    ///
    /// Whatever makes the rows unusable.
    fn second(&mut self, batch: RecordBatch) -> Result<Vec<RecordBatch>, Self::Error>;

    /// Learns that both streams have ended.
    ///
    /// # Errors
    ///
    /// Whatever makes the whole unusable.
    fn finish(&mut self) -> Result<Vec<RecordBatch>, Self::Error>;
}

/// Runs a task over its two streams. Stops early, without an error, when `emit` says that nobody
/// wants more.
///
/// # Errors
///
/// What the task answers.
pub fn run_task<T: Task>(
    task: &mut T,
    first: impl Iterator<Item = RecordBatch>,
    second: impl Iterator<Item = RecordBatch>,
    mut emit: impl FnMut(RecordBatch) -> bool,
) -> Result<(), T::Error> {
    for batch in first {
        task.first(batch)?;
    }
    for batch in second {
        if !task.second(batch)?.into_iter().all(&mut emit) {
            return Ok(());
        }
    }
    task.finish()?.into_iter().all(emit);
    Ok(())
}

impl Task for SnapshotInstance {
    type Error = PluginError;

    fn first(&mut self, batch: RecordBatch) -> Result<(), PluginError> {
        self.versions(batch)
    }

    fn second(&mut self, batch: RecordBatch) -> Result<Vec<RecordBatch>, PluginError> {
        self.extract(batch)
    }

    fn finish(&mut self) -> Result<Vec<RecordBatch>, PluginError> {
        Self::finish(self)
    }
}

impl Task for IncrementalInstance {
    type Error = PluginError;

    fn first(&mut self, batch: RecordBatch) -> Result<(), PluginError> {
        self.lookup(batch)
    }

    fn second(&mut self, batch: RecordBatch) -> Result<Vec<RecordBatch>, PluginError> {
        self.rows(batch)
    }

    fn finish(&mut self) -> Result<Vec<RecordBatch>, PluginError> {
        Self::finish(self)
    }
}

impl Task for ChangeDetectionInstance {
    type Error = PluginError;

    fn first(&mut self, batch: RecordBatch) -> Result<(), PluginError> {
        self.applied(batch)
    }

    fn second(&mut self, batch: RecordBatch) -> Result<Vec<RecordBatch>, PluginError> {
        self.now(batch)?;
        Ok(vec![])
    }

    fn finish(&mut self) -> Result<Vec<RecordBatch>, PluginError> {
        Self::finish(self)
    }
}
