use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use wasmtime::component::{ResourceAny, TypedFunc};

use super::check_kind;
use crate::{
    Breach, Kind, Limits, OpenError, Plugin, PluginError, Traffic,
    contract::{IncrementalInputRecord, ShapeRecord},
    instance::{Answered, BatchCall, Instance, PlainCall, column_numbers, fields},
};

pub(super) struct Calls {
    open: TypedFunc<(String, IncrementalInputRecord), (Answered<ResourceAny>,)>,
    shape: TypedFunc<(ResourceAny,), (ShapeRecord,)>,
    lookup: BatchCall,
    rows: BatchCall,
    finish: PlainCall,
}

impl Calls {
    pub(super) fn look_up(instance: &mut Instance) -> wasmtime::Result<Self> {
        Ok(Self {
            open: instance.function("[static]step.open")?,
            shape: instance.function("[method]step.shape")?,
            lookup: instance.function("[method]step.lookup")?,
            rows: instance.function("[method]step.rows")?,
            finish: instance.function("[method]step.finish")?,
        })
    }
}

impl std::fmt::Debug for Calls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Calls").finish_non_exhaustive()
    }
}

/// What an incremental load works on.
#[derive(Debug, Clone)]
pub struct IncrementalInput {
    /// The schema of the new rows.
    pub rows: SchemaRef,
    /// Which of their columns make the key, in the order of the lookup's key.
    pub rows_key: Vec<usize>,
    /// The schema of the lookup, which ends with `valid_from`.
    pub lookup: SchemaRef,
    /// Which columns of the lookup make the key.
    pub lookup_key: Vec<usize>,
}

/// What an incremental load will emit.
#[derive(Debug, Clone)]
pub struct Shape {
    /// The schema.
    pub schema: SchemaRef,
    /// Whether each call of [`IncrementalInstance::rows`] emits the rows of its batch, in order.
    pub row_wise: bool,
    /// The column of the rows that, with the key alone, decides in steps what is added to a row:
    /// the same from one `valid_from` of the key's versions to the next.
    pub event_time: Option<usize>,
}

/// An incremental load at work.
#[derive(Debug)]
pub struct IncrementalInstance {
    instance: Instance,
    step: ResourceAny,
    calls: Calls,
    shape: Shape,
    given: u64,
    emitted: u64,
}

impl IncrementalInstance {
    /// Opens a step.
    ///
    /// # Errors
    ///
    /// Any variant of [`OpenError`].
    #[expect(
        clippy::missing_panics_doc,
        reason = "the exports were checked at loading"
    )]
    pub fn open(
        plugin: &Plugin,
        limits: Limits,
        options: &str,
        input: &IncrementalInput,
    ) -> Result<Self, OpenError> {
        check_kind(plugin, Kind::Incremental)?;
        let record = IncrementalInputRecord {
            rows: fields(&input.rows)?,
            rows_key: column_numbers(&input.rows_key),
            lookup: fields(&input.lookup)?,
            lookup_key: column_numbers(&input.lookup_key),
        };
        let mut instance = Instance::new(plugin, limits)?;
        let calls = Calls::look_up(&mut instance).expect("checked when the plugin was loaded");
        let step = instance.ask("open", &calls.open, (options.to_owned(), record))?;
        let (shape,) = instance.call("shape", &calls.shape, (step,))?;
        let event_time = event_time(&shape, input).map_err(|b| instance.breach("shape", b))?;
        let shape = Shape {
            schema: Arc::new(instance.schema("shape", shape.fields)?),
            row_wise: shape.row_wise,
            event_time,
        };
        instance.keep_rows_of(&input.lookup);
        Ok(Self {
            instance,
            step,
            calls,
            shape,
            given: 0,
            emitted: 0,
        })
    }

    /// Returns what the step will emit.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Hands over versions of the lookup, which are kept.
    ///
    /// # Errors
    ///
    /// Any variant of [`PluginError`].
    pub fn lookup(&mut self, batch: RecordBatch) -> Result<(), PluginError> {
        let call = &self.calls.lookup;
        self.instance
            .lend("lookup", call, self.step, batch, None, true)?;
        Ok(())
    }

    /// Hands over new rows and returns what was emitted: for a row-wise plugin, just these rows.
    ///
    /// # Errors
    ///
    /// Any variant of [`PluginError`]; [`Breach::RowCount`] if a row-wise plugin lost or added
    /// rows.
    pub fn rows(&mut self, batch: RecordBatch) -> Result<Vec<RecordBatch>, PluginError> {
        let given = batch.num_rows() as u64;
        let (call, output) = (&self.calls.rows, Some(&self.shape.schema));
        let emitted = self
            .instance
            .lend("rows", call, self.step, batch, output, false)?;
        let count = count(&emitted);
        self.given += given;
        self.emitted += count;
        if self.shape.row_wise && count != given {
            return Err(self.row_count("rows", given, count));
        }
        Ok(emitted)
    }

    /// Ends the step and returns what was emitted last.
    ///
    /// # Errors
    ///
    /// Any variant of [`PluginError`]; [`Breach::RowCount`] if rows were lost or added on the
    /// whole.
    pub fn finish(&mut self) -> Result<Vec<RecordBatch>, PluginError> {
        let emitted = self
            .instance
            .finish(&self.calls.finish, self.step, &self.shape.schema)?;
        self.emitted += count(&emitted);
        if self.emitted != self.given {
            return Err(self.row_count("finish", self.given, self.emitted));
        }
        Ok(emitted)
    }

    fn row_count(&self, call: &'static str, given: u64, emitted: u64) -> PluginError {
        self.instance
            .breach(call, Breach::RowCount { given, emitted })
    }

    /// Returns what has crossed so far.
    pub fn traffic(&self) -> Traffic {
        self.instance.traffic()
    }

    /// Returns how much memory the instance has, which is the most that it ever had: the memory of
    /// a component never shrinks.
    pub fn memory_bytes(&self) -> usize {
        self.instance.memory_bytes()
    }
}

/// Checks the column that a plugin says decides, with the key, what it adds.
fn event_time(shape: &ShapeRecord, input: &IncrementalInput) -> Result<Option<usize>, Breach> {
    let Some(column) = shape.event_time else {
        return Ok(None);
    };
    let rows = input.rows.fields();
    let found = usize::try_from(column)
        .ok()
        .filter(|&column| column < rows.len());
    let valid_from = input.lookup.fields().last();
    found
        .filter(|&column| {
            let decides = shape.row_wise && !input.rows_key.contains(&column);
            decides && valid_from.is_some_and(|v| v.data_type() == rows[column].data_type())
        })
        .map(Some)
        .ok_or(Breach::EventTime { column })
}

fn count(batches: &[RecordBatch]) -> u64 {
    batches.iter().map(|batch| batch.num_rows() as u64).sum()
}
