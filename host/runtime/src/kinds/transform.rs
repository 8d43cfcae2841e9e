use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{Schema, SchemaRef};
use wasmtime::component::{ResourceAny, TypedFunc};

use super::check_kind;
use crate::{
    Kind, Limits, OpenError, Plugin, PluginError, Traffic,
    contract::FieldRecord,
    instance::{Answered, BatchCall, Instance, fields},
};

pub(super) struct Calls {
    open: TypedFunc<(String, Vec<FieldRecord>), (Answered<ResourceAny>,)>,
    schema: TypedFunc<(ResourceAny,), (Vec<FieldRecord>,)>,
    rows: BatchCall,
}

impl Calls {
    pub(super) fn look_up(instance: &mut Instance) -> wasmtime::Result<Self> {
        Ok(Self {
            open: instance.function("[static]step.open")?,
            schema: instance.function("[method]step.schema")?,
            rows: instance.function("[method]step.rows")?,
        })
    }
}

impl std::fmt::Debug for Calls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Calls").finish_non_exhaustive()
    }
}

/// A transform at work.
#[derive(Debug)]
pub struct TransformInstance {
    instance: Instance,
    step: ResourceAny,
    calls: Calls,
    schema: SchemaRef,
}

impl TransformInstance {
    /// Opens a step on batches of the schema `rows`.
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
        rows: &Schema,
    ) -> Result<Self, OpenError> {
        check_kind(plugin, Kind::Transform)?;
        let rows = fields(rows)?;
        let mut instance = Instance::new(plugin, limits)?;
        let calls = Calls::look_up(&mut instance).expect("checked when the plugin was loaded");
        let step = instance.ask("open", &calls.open, (options.to_owned(), rows))?;
        let (schema,) = instance.call("schema", &calls.schema, (step,))?;
        let schema = Arc::new(instance.schema("schema", schema)?);
        Ok(Self {
            instance,
            step,
            calls,
            schema,
        })
    }

    /// Returns the schema of what the step emits.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Hands over one batch and returns what was emitted.
    ///
    /// # Errors
    ///
    /// Any variant of [`PluginError`].
    pub fn rows(&mut self, batch: RecordBatch) -> Result<Vec<RecordBatch>, PluginError> {
        let output = Some(&self.schema);
        self.instance
            .lend("rows", &self.calls.rows, self.step, batch, output, false)
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
