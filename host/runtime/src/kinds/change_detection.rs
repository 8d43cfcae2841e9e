use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{Field, Schema, SchemaRef};
use wasmtime::component::{ResourceAny, TypedFunc};

use super::{check_kind, instant};
use crate::{
    Kind, Limits, OpenError, Plugin, PluginError, Traffic,
    contract::ChangeDetectionInputRecord,
    instance::{Answered, BatchCall, Instance, PlainCall, column_numbers, fields},
};

pub(super) struct Calls {
    open: TypedFunc<(String, ChangeDetectionInputRecord), (Answered<ResourceAny>,)>,
    applied: BatchCall,
    now: BatchCall,
    finish: PlainCall,
}

impl Calls {
    pub(super) fn look_up(instance: &mut Instance) -> wasmtime::Result<Self> {
        Ok(Self {
            open: instance.function("[static]step.open")?,
            applied: instance.function("[method]step.applied")?,
            now: instance.function("[method]step.now")?,
            finish: instance.function("[method]step.finish")?,
        })
    }
}

impl std::fmt::Debug for Calls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Calls").finish_non_exhaustive()
    }
}

/// What change detection works on.
#[derive(Debug, Clone)]
pub struct ChangeDetectionInput {
    /// The schema of the versions, which ends with `valid_from`.
    pub versions: SchemaRef,
    /// Which columns make the key.
    pub key: Vec<usize>,
}

impl ChangeDetectionInput {
    /// Returns the schema of the changes: the columns of the versions, then `changed_from`.
    pub fn changes(&self) -> SchemaRef {
        let mut fields = self.versions.fields().to_vec();
        fields.push(Arc::new(Field::new("changed_from", instant(), true)));
        Arc::new(Schema::new(fields))
    }
}

/// Change detection at work.
#[derive(Debug)]
pub struct ChangeDetectionInstance {
    instance: Instance,
    step: ResourceAny,
    calls: Calls,
    changes: SchemaRef,
}

impl ChangeDetectionInstance {
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
        input: &ChangeDetectionInput,
    ) -> Result<Self, OpenError> {
        check_kind(plugin, Kind::ChangeDetection)?;
        let record = ChangeDetectionInputRecord {
            versions: fields(&input.versions)?,
            key: column_numbers(&input.key),
        };
        let mut instance = Instance::new(plugin, limits)?;
        let calls = Calls::look_up(&mut instance).expect("checked when the plugin was loaded");
        let step = instance.ask("open", &calls.open, (options.to_owned(), record))?;
        instance.keep_rows_of(&input.versions);
        Ok(Self {
            instance,
            step,
            calls,
            changes: input.changes(),
        })
    }

    /// Hands over versions as they were last applied, which are kept.
    ///
    /// # Errors
    ///
    /// Any variant of [`PluginError`].
    pub fn applied(&mut self, batch: RecordBatch) -> Result<(), PluginError> {
        let call = &self.calls.applied;
        self.instance
            .lend("applied", call, self.step, batch, None, true)?;
        Ok(())
    }

    /// Hands over versions as they are now, which are kept.
    ///
    /// # Errors
    ///
    /// Any variant of [`PluginError`].
    pub fn now(&mut self, batch: RecordBatch) -> Result<(), PluginError> {
        let call = &self.calls.now;
        self.instance
            .lend("now", call, self.step, batch, None, true)?;
        Ok(())
    }

    /// Ends the step and returns the changes.
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
