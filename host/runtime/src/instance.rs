//! One instance of a plugin: a store, and calls into it that are bounded and told apart.

use arrow_array::RecordBatch;
use arrow_schema::{Schema, SchemaRef};
use wasmtime::{
    Store, Trap, WasmBacktrace,
    component::{
        ComponentNamedList, Instance as WasmInstance, Lift, Lower, Resource, ResourceAny, TypedFunc,
    },
};
use wigeon_columnar::{Kept, crossing_batch, flatten, unflatten};

use crate::{
    Breach, Limit, Limits, OpenError, Plugin, PluginError,
    clock::Clock,
    contract::{ErrorVariant, FieldRecord, LentBatch},
    error::Complaint,
    limits::{HANDLES, SENT_BYTES},
    refusal::{Refusal, RefusalHandle},
    state::{State, guarded},
    text::printable,
    wasi,
};

/// What crossed the boundary of one instance.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Rows handed over.
    pub rows_in: u64,
    /// Rows emitted.
    pub rows_out: u64,
    /// Bytes copied into the plugin: the buffers of the columns that it read.
    pub bytes_in: u64,
    /// Bytes copied out of it: selections and new arrays.
    pub bytes_out: u64,
}

/// An instance with its step opened, before the kinds make their calls of it.
pub(crate) struct Instance {
    plugin: Plugin,
    store: Store<State>,
    wasm: WasmInstance,
    /// The function that was last lent a batch, and the how many-eth of its batches that was,
    /// until the stream has ended.
    stream: &'static str,
    batch: Option<u64>,
}

/// A call's parameters: the step, and the batch that it is lent.
pub(crate) type BatchCall = TypedFunc<(ResourceAny, Resource<LentBatch>), (Answered<()>,)>;
/// A call of the step alone.
pub(crate) type PlainCall = TypedFunc<(ResourceAny,), (Answered<()>,)>;
/// What a function that may fail returns.
pub(crate) type Answered<T> = Result<T, ErrorVariant>;

impl Instance {
    pub(crate) fn new(plugin: &Plugin, limits: Limits) -> Result<Self, PluginError> {
        let clock = Clock::new(plugin.stop().clone());
        let reference = plugin.id().reference.clone();
        let state = State::new(reference, limits, clock, plugin.grants());
        let mut store = Store::new(plugin.engine(), state);
        store.limiter(|state| &mut state.meter);
        store.set_hostcall_fuel(SENT_BYTES);
        store.set_max_component_handles(HANDLES);
        store.epoch_deadline_callback(|mut store| Ok(store.data_mut().clock.look()));
        let first_look = store.data_mut().begin_call();
        store.set_epoch_deadline(first_look);
        let wasm = plugin.prepared().instantiate(&mut store);
        tell_dropped_lines(store.data(), "instantiate");
        let wasm =
            wasm.map_err(|error| failure(plugin, store.data(), "instantiate", None, &error))?;
        Ok(Self {
            plugin: plugin.clone(),
            store,
            wasm,
            stream: "",
            batch: None,
        })
    }

    /// Looks up a function of the plugin's step interface.
    pub(crate) fn function<P, R>(&mut self, name: &str) -> wasmtime::Result<TypedFunc<P, R>>
    where
        P: ComponentNamedList + Lower,
        R: ComponentNamedList + Lift,
    {
        let interface = self.plugin.interface();
        let missing = || wasmtime::Error::msg(format!("there is no function `{name}`"));
        let interface = self
            .wasm
            .get_export_index(&mut self.store, None, &interface)
            .ok_or_else(missing)?;
        let function = self
            .wasm
            .get_export_index(&mut self.store, Some(&interface), name)
            .ok_or_else(missing)?;
        self.wasm.get_typed_func(&mut self.store, function)
    }

    /// Calls a function within the limits.
    pub(crate) fn call<P, R>(
        &mut self,
        name: &'static str,
        function: &TypedFunc<P, R>,
        params: P,
    ) -> Result<R, PluginError>
    where
        P: ComponentNamedList + Lower,
        R: ComponentNamedList + Lift,
    {
        let first_look = self.store.data_mut().begin_call();
        self.store.set_epoch_deadline(first_look);
        let returned = function.call(&mut self.store, params);
        let returned = wasi::finish_lines(&mut self.store).and(returned);
        let state = self.store.data();
        tell_dropped_lines(state, name);
        returned.map_err(|error| failure(&self.plugin, state, name, self.batch, &error))
    }

    /// Calls a function of the step that may answer with an error.
    pub(crate) fn ask<P, R>(
        &mut self,
        name: &'static str,
        function: &TypedFunc<P, (Answered<R>,)>,
        params: P,
    ) -> Result<R, PluginError>
    where
        P: ComponentNamedList + Lower,
        R: Lift + 'static,
        (Answered<R>,): ComponentNamedList + Lift,
    {
        let (answer,) = self.call(name, function, params)?;
        answer.map_err(|error| {
            let (about, text) = match error {
                ErrorVariant::Options(text) => (Complaint::Options, text),
                ErrorVariant::Schema(text) => (Complaint::Schema, text),
                ErrorVariant::Data(text) => (Complaint::Data, text),
                ErrorVariant::Other(text) => (Complaint::Other, text),
            };
            PluginError::Answered {
                plugin: self.plugin.id().clone(),
                batch: self.batch,
                about,
                answer: printable(&text),
            }
        })
    }

    /// Lends `batch` for one call, and returns what was emitted. Nothing may be if `output` is
    /// none. If `keep`, the host keeps the rows afterwards.
    pub(crate) fn lend(
        &mut self,
        name: &'static str,
        function: &BatchCall,
        step: ResourceAny,
        batch: RecordBatch,
        output: Option<&SchemaRef>,
        keep: bool,
    ) -> Result<Vec<RecordBatch>, PluginError> {
        let before = self.batch.filter(|_| self.stream == name);
        self.batch = Some(before.unwrap_or(0) + 1);
        self.stream = name;
        let batch =
            crossing_batch(batch).map_err(|error| self.breach(name, Breach::Rows(error.into())))?;
        let state = self.store.data_mut();
        state.call = state.call.wrapping_add(1);
        state.traffic.rows_in += batch.num_rows() as u64;
        state.output = output.cloned();
        state.current = Some(batch);
        let lent = Resource::new_borrow(state.call);
        self.ask(name, function, (step, lent))?;
        let state = self.store.data_mut();
        state.output = None;
        let batch = state.current.take();
        let emitted = std::mem::take(&mut state.emitted);
        if let Some(batch) = batch.filter(|_| keep) {
            let kept = state.kept.push(&batch);
            kept.map_err(|error| self.breach(name, Breach::Rows(error.into())))?;
        }
        Ok(emitted)
    }

    /// Calls `finish`, and returns what was emitted.
    pub(crate) fn finish(
        &mut self,
        function: &PlainCall,
        step: ResourceAny,
        output: &SchemaRef,
    ) -> Result<Vec<RecordBatch>, PluginError> {
        self.batch = None;
        self.store.data_mut().output = Some(SchemaRef::clone(output));
        self.ask("finish", function, (step,))?;
        let state = self.store.data_mut();
        state.output = None;
        Ok(std::mem::take(&mut state.emitted))
    }

    /// Tells the host's rows their schema, so that columns can be gathered from no rows at all.
    pub(crate) fn keep_rows_of(&mut self, schema: &SchemaRef) {
        self.store.data_mut().kept = Kept::new(schema);
    }

    /// Makes a schema of fields that the plugin returned.
    pub(crate) fn schema(
        &self,
        name: &'static str,
        fields: Vec<FieldRecord>,
    ) -> Result<Schema, PluginError> {
        let fields: Vec<_> = fields.into_iter().map(Into::into).collect();
        let schema = guarded(|| Ok(unflatten(&fields)?));
        schema.map_err(|breach| self.breach(name, breach))
    }

    pub(crate) fn breach(&self, call: &'static str, source: Breach) -> PluginError {
        PluginError::BrokeContract {
            plugin: self.plugin.id().clone(),
            call,
            batch: self.batch,
            source,
        }
    }

    pub(crate) fn traffic(&self) -> Traffic {
        self.store.data().traffic
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        self.store.data().meter.granted()
    }
}

impl std::fmt::Debug for Instance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Instance")
            .field("plugin", self.plugin.id())
            .finish_non_exhaustive()
    }
}

/// Flattens a schema of the host's for `open`.
pub(crate) fn fields(schema: &Schema) -> Result<Vec<FieldRecord>, OpenError> {
    let fields = flatten(schema).map_err(OpenError::Input)?;
    Ok(fields.into_iter().map(Into::into).collect())
}

pub(crate) fn column_numbers(columns: &[usize]) -> Vec<u32> {
    let number = |&column| u32::try_from(column).expect("a schema has fewer columns than that");
    columns.iter().map(number).collect()
}

/// Warns of lines of the log that were beyond the limit of a call.
fn tell_dropped_lines(state: &State, call: &str) {
    let limit = state.limits().log_lines;
    let dropped = state.log_lines.saturating_sub(limit);
    if dropped == 0 {
        return;
    }
    let plugin = &state.plugin;
    // Before it has a step, its limits are not the manifest's.
    if matches!(call, "instantiate" | "describe") {
        tracing::warn!(
            plugin,
            call,
            limit,
            dropped,
            "lines of a plugin's log were dropped"
        );
    } else {
        tracing::warn!(
            plugin,
            call,
            limit,
            dropped,
            "lines of a plugin's log were dropped; to be shown more, raise `log_lines` under `[step.limits]`"
        );
    }
}

/// Tells the ways of failing apart: by what the host knows and by the error's type, not its text.
fn failure(
    plugin: &Plugin,
    state: &State,
    call: &'static str,
    batch: Option<u64>,
    error: &wasmtime::Error,
) -> PluginError {
    let plugin = plugin.id().clone();
    let limits = state.limits();
    let trap = error.downcast_ref::<Trap>().copied();
    // A refusal is behind the backtrace that wasmtime adds, and not to be had by value.
    let handle = error.downcast_ref::<RefusalHandle>();
    let cause = error.root_cause().to_string();
    let fixed = Limit::kept_by_wasmtime(&cause);
    let limit = match handle.and_then(RefusalHandle::take) {
        Some(Refusal::Breach(source)) => {
            return PluginError::BrokeContract {
                plugin,
                call,
                batch,
                source,
            };
        }
        Some(Refusal::Limit(limit)) => Some(limit),
        None if trap == Some(Trap::Interrupt) && state.clock.stopped => {
            return PluginError::Stopped { plugin, call };
        }
        None if trap == Some(Trap::Interrupt) => Some(Limit::CallTime {
            timeout: limits.call_timeout,
        }),
        None if fixed.is_some() => fixed,
        None if state.meter.has_refused() => Some(Limit::Memory {
            bytes: limits.memory_bytes,
        }),
        None => None,
    };
    if let Some(limit) = limit {
        return PluginError::LimitReached {
            plugin,
            call,
            batch,
            limit,
        };
    }
    PluginError::Trapped {
        plugin,
        call,
        batch,
        trap: trap.map_or_else(|| printable(&cause), trap_text),
        backtrace: error
            .downcast_ref::<WasmBacktrace>()
            .map(|backtrace| printable(&backtrace.to_string())),
    }
}

fn trap_text(trap: Trap) -> String {
    match trap {
        // What a panic comes to in a guest.
        Trap::UnreachableCodeReached => "it panicked or aborted".to_owned(),
        Trap::StackOverflow => "its stack overflowed".to_owned(),
        other => {
            let text = other.to_string();
            text.strip_prefix("wasm trap: ").unwrap_or(&text).to_owned()
        }
    }
}
