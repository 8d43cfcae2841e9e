//! Hands rows that were loaded once more to the plugin that completed them, and keeps those that
//! come out different.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use arrow_array::{Array, ArrayRef, BooleanArray, RecordBatch, UInt32Array};
use arrow_ord::{cmp::distinct, ord::make_comparator};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef, SortOptions};
use arrow_select::take::take_record_batch;
use wigeon_lanes::{Inlet, Pass, Stopped};
use wigeon_runtime::{IncrementalInstance, PluginError, Task};
use wigeon_warehouse::{ROWID_COLUMN, SnapshotTable, Stage};

use super::{StepRun, passes::IntoEngineError};
use crate::{
    EngineError,
    progress::Progress,
    resolved::{IncrementalWork, Target},
};

/// Rows that are to be written back.
pub(super) struct Repaired {
    /// The row ids and the new values.
    pub(super) rows: Stage,
    /// The columns in which any of them differs.
    pub(super) columns: Vec<String>,
}

impl StepRun<'_> {
    /// Completes the target's rows of the changed keys anew.
    pub(super) fn repair(
        &self,
        versions: &SnapshotTable,
        target: &Target,
        changes: &Stage,
        passes: usize,
    ) -> Result<Option<Repaired>, Stopped<RepairError, EngineError>> {
        let load = &target.load;
        let warehouse = self.run.warehouse;
        let columns = TargetColumns::new(load);
        let keys: Vec<_> = load
            .input
            .rows_key
            .iter()
            .zip(&versions.key)
            .map(|(&row, version)| {
                (
                    load.input.rows.field(row).name().as_str(),
                    version.name().as_str(),
                )
            })
            .collect();
        let read: Vec<&str> = columns
            .read
            .fields()
            .iter()
            .skip(1)
            .map(|f| f.name().as_str())
            .collect();
        // The row id comes first in the rows.
        let rows_key: Vec<_> = load
            .input
            .rows_key
            .iter()
            .map(|&column| column + 1)
            .collect();
        let differing = Differing::default();
        let open = |_| {
            let lookup = warehouse.versions_of(versions, changes);
            let lookup = lookup.map_err(EngineError::ReadWarehouse)?;
            let rows = warehouse.table_rows_of_keys(&target.step, changes, &keys, &read);
            let rows = rows.map_err(EngineError::ReadWarehouse)?;
            let task = |_| {
                Ok(RepairTask {
                    instance: self.open(load)?,
                    columns: columns.clone(),
                    differing: differing.clone(),
                })
            };
            let tasks = (0..load.configured.lanes).map(task);
            Ok(Pass {
                tasks: tasks.collect::<Result<Vec<_>, EngineError>>()?,
                first: Inlet {
                    rows: self.conformed(lookup, &load.input.lookup),
                    key: load.input.lookup_key.clone(),
                },
                second: Inlet {
                    rows: self.conformed(rows, &columns.read),
                    key: rows_key.clone(),
                },
                budget: None,
            })
        };
        let progress = Progress::new(self.name(), self.run.observer, self.run.cancellation);
        let rows = wigeon_lanes::run(passes, open, &columns.written, &progress, |repaired| {
            self.stage(repaired)
        })?;
        let columns = differing.names(&columns.written);
        Ok((!columns.is_empty()).then_some(Repaired { rows, columns }))
    }
}

/// How the columns of a target's row are read and written.
#[derive(Clone)]
struct TargetColumns {
    /// The row id, the plugin's input, and the other columns as they are stored.
    read: SchemaRef,
    /// The row id and those other columns.
    written: SchemaRef,
    inputs: usize,
    /// The other columns, by their number in the plugin's output.
    outputs: Vec<usize>,
}

impl TargetColumns {
    fn new(load: &IncrementalWork) -> Self {
        let (input, output) = (&load.input.rows, &load.output);
        let rowid = Arc::new(Field::new(ROWID_COLUMN, DataType::Int64, false));
        let outputs: Vec<usize> = load.added().collect();
        let stored = || {
            outputs
                .iter()
                .map(|&column| Arc::clone(&output.fields()[column]))
        };
        let mut written = vec![Arc::clone(&rowid)];
        written.extend(stored());
        let mut read = vec![rowid];
        read.extend(input.fields().iter().cloned());
        read.extend(stored());
        Self {
            read: Arc::new(Schema::new(read)),
            written: Arc::new(Schema::new(written)),
            inputs: input.fields().len(),
            outputs,
        }
    }
}

/// Which written columns differ anywhere, over all lanes.
#[derive(Clone, Default)]
struct Differing(Arc<Mutex<BTreeSet<usize>>>);

impl Differing {
    fn add(&self, column: usize) {
        let mut columns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        columns.insert(column);
    }

    fn names(&self, written: &Schema) -> Vec<String> {
        let columns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        columns
            .iter()
            .map(|&column| written.field(column).name().clone())
            .collect()
    }
}

/// A lane of a repair.
struct RepairTask {
    instance: IncrementalInstance,
    columns: TargetColumns,
    differing: Differing,
}

/// Why a lane of a repair cannot go on.
pub(super) enum RepairError {
    Plugin(PluginError),
    Arrow(ArrowError),
}

impl From<PluginError> for RepairError {
    fn from(error: PluginError) -> Self {
        Self::Plugin(error)
    }
}

impl From<ArrowError> for RepairError {
    fn from(error: ArrowError) -> Self {
        Self::Arrow(error)
    }
}

impl Task for RepairTask {
    type Error = RepairError;

    fn first(&mut self, batch: RecordBatch) -> Result<(), RepairError> {
        Ok(self.instance.lookup(batch)?)
    }

    fn second(&mut self, batch: RecordBatch) -> Result<Vec<RecordBatch>, RepairError> {
        let inputs: Vec<usize> = (1..=self.columns.inputs).collect();
        let emitted = self.instance.rows(batch.project(&inputs)?)?;
        let mut repaired = vec![];
        let mut offset = 0;
        for output in emitted {
            // The plugin is row-wise: its rows are the batch's, in order.
            let stored = batch.slice(offset, output.num_rows());
            offset += output.num_rows();
            repaired.extend(self.differing(&stored, &output)?);
        }
        Ok(repaired)
    }

    fn finish(&mut self) -> Result<Vec<RecordBatch>, RepairError> {
        self.instance.finish()?;
        Ok(vec![])
    }
}

impl RepairTask {
    /// Returns the row ids and new values of the rows that differ from what is stored.
    fn differing(
        &self,
        stored: &RecordBatch,
        output: &RecordBatch,
    ) -> Result<Option<RecordBatch>, ArrowError> {
        let mut columns = vec![Arc::clone(stored.column(0))];
        let mut differs = vec![false; stored.num_rows()];
        for (place, &column) in self.columns.outputs.iter().enumerate() {
            let new = output.column(column);
            let old = stored.column(1 + self.columns.inputs + place);
            let changed = rows_that_differ(old, new)?;
            if changed.true_count() > 0 {
                self.differing.add(place + 1);
            }
            for row in changed.values().set_indices() {
                differs[row] = true;
            }
            columns.push(Arc::clone(new));
        }
        let rows: Vec<u32> = (0..)
            .zip(&differs)
            .filter(|(_, differs)| **differs)
            .map(|(row, _)| row)
            .collect();
        if rows.is_empty() {
            return Ok(None);
        }
        let all = RecordBatch::try_new(SchemaRef::clone(&self.columns.written), columns)?;
        take_record_batch(&all, &UInt32Array::from(rows)).map(Some)
    }
}

fn rows_that_differ(old: &ArrayRef, new: &ArrayRef) -> Result<BooleanArray, ArrowError> {
    if !old.data_type().is_nested() {
        return distinct(old, new);
    }
    let compare = make_comparator(old, new, SortOptions::default())?;
    Ok((0..old.len())
        .map(|row| Some(compare(row, row).is_ne()))
        .collect())
}

impl IntoEngineError for RepairError {
    fn into_engine_error(self, step: &str) -> EngineError {
        let step = step.to_owned();
        match self {
            Self::Plugin(source) => EngineError::Plugin { step, source },
            Self::Arrow(source) => EngineError::Arrow { step, source },
        }
    }
}
