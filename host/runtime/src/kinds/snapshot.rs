use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use wasmtime::component::{ResourceAny, TypedFunc};

use super::{check_kind, valid_from};
use crate::{
    Kind, Limits, OpenError, Plugin, PluginError, Traffic,
    contract::SnapshotInputRecord,
    instance::{Answered, BatchCall, Instance, PlainCall, column_numbers, fields},
};

pub(super) struct Calls {
    open: TypedFunc<(String, SnapshotInputRecord), (Answered<ResourceAny>,)>,
    versions: BatchCall,
    extract: BatchCall,
    finish: PlainCall,
}

impl Calls {
    pub(super) fn look_up(instance: &mut Instance) -> wasmtime::Result<Self> {
        Ok(Self {
            open: instance.function("[static]step.open")?,
            versions: instance.function("[method]step.versions")?,
            extract: instance.function("[method]step.extract")?,
            finish: instance.function("[method]step.finish")?,
        })
    }
}

/// What a snapshot works on.
#[derive(Debug, Clone)]
pub struct SnapshotInput {
    /// The schema of the extract.
    pub extract: SchemaRef,
    /// Which columns make the key.
    pub key: Vec<usize>,
}

impl SnapshotInput {
    /// Returns the schema of the open versions: the extract's columns, then `valid_from`.
    pub fn versions(&self) -> SchemaRef {
        let mut fields = self.extract.fields().to_vec();
        fields.push(Arc::new(valid_from()));
        Arc::new(Schema::new(fields))
    }

    /// Returns the schema of the changes: `change`, then the extract's columns, nullable unless
    /// they make the key.
    pub fn changes(&self) -> SchemaRef {
        let mut fields = vec![Arc::new(Field::new("change", DataType::Int8, false))];
        fields.extend(self.extract.fields().iter().enumerate().map(|(i, field)| {
            let nullable = !self.key.contains(&i);
            Arc::new(field.as_ref().clone().with_nullable(nullable))
        }));
        Arc::new(Schema::new(fields))
    }
}

/// A snapshot at work.
#[derive(Debug)]
pub struct SnapshotInstance {
    instance: Instance,
    step: ResourceAny,
    calls: Calls,
    changes: SchemaRef,
}

impl std::fmt::Debug for Calls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Calls").finish_non_exhaustive()
    }
}

impl SnapshotInstance {
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
        input: &SnapshotInput,
    ) -> Result<Self, OpenError> {
        check_kind(plugin, Kind::Snapshot)?;
        let record = SnapshotInputRecord {
            extract: fields(&input.extract)?,
            key: column_numbers(&input.key),
        };
        let mut instance = Instance::new(plugin, limits)?;
        let calls = Calls::look_up(&mut instance).expect("checked when the plugin was loaded");
        let step = instance.ask("open", &calls.open, (options.to_owned(), record))?;
        instance.keep_rows_of(&input.versions());
        Ok(Self {
            instance,
            step,
            calls,
            changes: input.changes(),
        })
    }

    /// Hands over open versions, which are kept.
    ///
    /// # Errors
    ///
    /// Any variant of [`PluginError`].
    pub fn versions(&mut self, batch: RecordBatch) -> Result<(), PluginError> {
        let call = &self.calls.versions;
        self.instance
            .lend("versions", call, self.step, batch, None, true)?;
        Ok(())
    }

    /// Hands over rows of the extract and returns the changes that were emitted.
    ///
    /// # Errors
    ///
    /// Any variant of [`PluginError`].
    pub fn extract(&mut self, batch: RecordBatch) -> Result<Vec<RecordBatch>, PluginError> {
        let (call, output) = (&self.calls.extract, Some(&self.changes));
        self.instance
            .lend("extract", call, self.step, batch, output, false)
    }

    /// Ends the step and returns the changes that were emitted last.
    ///
    /// # Errors
    ///
    /// Any variant of [`PluginError`].
    pub fn finish(&mut self) -> Result<Vec<RecordBatch>, PluginError> {
        self.instance
            .finish(&self.calls.finish, self.step, &self.changes)
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
