//! What a change of the lookup means for all rows of the changed keys, without reading a row.
//!
//! A plugin that declares an event time says that what it adds to a row depends on the key and that
//! time only, and changes only where a version of the key begins. So it is asked about one row for
//! each version, and one before all of them; what it answers are the entries of an overlay.

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions, new_null_array};
use arrow_schema::{ArrowError, Field, Schema, SchemaRef};
use wigeon_lanes::{Inlet, Pass, Stopped};
use wigeon_runtime::{IncrementalInstance, Task};
use wigeon_warehouse::{FROM_COLUMN, SnapshotTable, Stage};

use super::{StepRun, repair::RepairError};
use crate::{
    EngineError,
    progress::Progress,
    resolved::{IncrementalWork, Target},
    schemas::instant,
};

impl StepRun<'_> {
    /// Asks the target's plugin what all rows of the changed keys are to hold.
    ///
    /// The target's plugin declares the event time, and its rows can be null elsewhere.
    pub(super) fn overlay_entries(
        &self,
        versions: &SnapshotTable,
        target: &Target,
        changes: &Stage,
        passes: usize,
    ) -> Result<Stage, Stopped<RepairError, EngineError>> {
        let load = &target.load;
        let warehouse = self.run.warehouse;
        let columns = EntryColumns::new(load);
        let open = |_| {
            let lookup = warehouse.versions_of(versions, changes);
            let lookup = lookup.map_err(EngineError::ReadWarehouse)?;
            let times = warehouse.times_of(versions, changes);
            let times = times.map_err(EngineError::ReadWarehouse)?;
            let task = |_| {
                Ok(EntryTask {
                    instance: self.open(load)?,
                    columns: columns.clone(),
                })
            };
            let tasks = (0..load.configured.lanes).map(task);
            Ok(Pass {
                tasks: tasks.collect::<Result<Vec<_>, EngineError>>()?,
                first: Inlet {
                    rows: self.conformed(lookup, &load.input.lookup),
                    key: load.input.lookup_key.clone(),
                },
                // The key comes first in the times.
                second: Inlet {
                    rows: self.conformed(times, &columns.times),
                    key: (0..columns.key.len()).collect(),
                },
                budget: None,
            })
        };
        let progress = Progress::new(self.name(), self.run.observer, self.run.cancellation);
        wigeon_lanes::run(passes, open, &columns.entries, &progress, |entries| {
            self.stage(entries)
        })
    }
}

/// How the times of a key become rows of the plugin, and what it answers entries.
#[derive(Clone)]
struct EntryColumns {
    /// The key and a time.
    times: SchemaRef,
    /// The rows of the plugin.
    rows: SchemaRef,
    /// Which of their columns make the key.
    key: Vec<usize>,
    /// Which of their columns is the event time.
    event_time: Option<usize>,
    /// The columns that the plugin adds, by their number in its output.
    added: Vec<usize>,
    /// The key, the time and the added columns.
    entries: SchemaRef,
}

impl EntryColumns {
    fn new(load: &IncrementalWork) -> Self {
        let rows = &load.input.rows;
        let from = Arc::new(Field::new(FROM_COLUMN, instant(), false));
        let key = load.input.rows_key.iter();
        let mut times: Vec<_> = key.map(|&k| Arc::clone(&rows.fields()[k])).collect();
        times.push(from);
        let added: Vec<_> = load.added().collect();
        let mut entries = times.clone();
        entries.extend(added.iter().map(|&a| Arc::clone(&load.output.fields()[a])));
        Self {
            times: Arc::new(Schema::new(times)),
            rows: SchemaRef::clone(rows),
            key: load.input.rows_key.clone(),
            event_time: load.event_time,
            added,
            entries: Arc::new(Schema::new(entries)),
        }
    }

    /// Returns rows of the plugin with nothing in them but a key and a time.
    fn rows(&self, times: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        let column = |(column, field): (usize, &Arc<Field>)| -> ArrayRef {
            let of_key = self.key.iter().position(|&k| k == column);
            if let Some(place) = of_key {
                Arc::clone(times.column(place))
            } else if self.event_time == Some(column) {
                Arc::clone(times.column(self.key.len()))
            } else {
                new_null_array(field.data_type(), times.num_rows())
            }
        };
        let columns = self.rows.fields().iter().enumerate().map(column).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(times.num_rows()));
        RecordBatch::try_new_with_options(SchemaRef::clone(&self.rows), columns, &options)
    }

    fn entries(
        &self,
        times: &RecordBatch,
        output: &RecordBatch,
    ) -> Result<RecordBatch, ArrowError> {
        let mut columns = times.columns().to_vec();
        columns.extend(self.added.iter().map(|&a| Arc::clone(output.column(a))));
        RecordBatch::try_new(SchemaRef::clone(&self.entries), columns)
    }
}

/// A lane that asks for entries.
struct EntryTask {
    instance: IncrementalInstance,
    columns: EntryColumns,
}

impl Task for EntryTask {
    type Error = RepairError;

    fn first(&mut self, batch: RecordBatch) -> Result<(), RepairError> {
        Ok(self.instance.lookup(batch)?)
    }

    fn second(&mut self, batch: RecordBatch) -> Result<Vec<RecordBatch>, RepairError> {
        let emitted = self.instance.rows(self.columns.rows(&batch)?)?;
        let mut entries = vec![];
        let mut offset = 0;
        for output in emitted {
            // The plugin is row-wise: its rows are the batch's, in order.
            let times = batch.slice(offset, output.num_rows());
            offset += output.num_rows();
            entries.push(self.columns.entries(&times, &output)?);
        }
        Ok(entries)
    }

    fn finish(&mut self) -> Result<Vec<RecordBatch>, RepairError> {
        self.instance.finish()?;
        Ok(vec![])
    }
}
