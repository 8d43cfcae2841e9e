//! Runs a plugin over an input, in the runtime that pipelines use.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use wigeon_lanes::exchange::Router;
use wigeon_runtime::{
    ChangeDetectionInput, ChangeDetectionInstance, Complaint, IncrementalInput,
    IncrementalInstance, Kind, Limits, OpenError, Plugin, PluginError, SnapshotInput,
    SnapshotInstance, Task, TransformInstance, run_task,
};

use crate::input::{Input, batches};

/// What stands for a function in a backtrace if the component has no names.
const NAMELESS: &str = "<wasm function";

/// How the rows of an input are handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layout {
    /// Rows of a batch, at most.
    pub(crate) batch_rows: usize,
    /// Instances that share the rows: by key, or batch by batch for a transform.
    pub(crate) lanes: usize,
    /// Whether a batch without rows is handed over as well, on each side.
    pub(crate) empty_batch: bool,
}

impl Default for Layout {
    fn default() -> Self {
        Self {
            batch_rows: 8_192,
            lanes: 1,
            empty_batch: false,
        }
    }
}

/// What a plugin made of an input.
#[derive(Debug, Clone)]
pub(crate) struct Output {
    pub(crate) schema: SchemaRef,
    pub(crate) batches: Vec<RecordBatch>,
}

impl Output {
    /// Returns how many rows there are.
    pub(crate) fn rows(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }
}

/// Why there is no output.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The step could not be opened.
    #[error(transparent)]
    Open(OpenError),
    /// The plugin failed.
    #[error(transparent)]
    Plugin(#[from] PluginError),
    /// The rows cannot be routed to lanes.
    #[error("the rows cannot be handed over: {0}")]
    Rows(String),
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Plugin(error) => Self::Plugin(error),
            error => Self::Open(error),
        }
    }
}

impl Failure {
    /// Returns the plugin's own words, if it answered with an error, which a case may expect.
    pub(crate) fn answer(&self) -> Option<String> {
        let Self::Plugin(PluginError::Answered { about, answer, .. }) = self else {
            return None;
        };
        let about = match about {
            Complaint::Options => "options",
            Complaint::Schema => "schema",
            Complaint::Data => "data",
            Complaint::Other => "other",
        };
        Some(format!("error ({about}): {answer}\n"))
    }

    /// Returns the failure and its causes, with the trap's place if there is one.
    pub(crate) fn words(&self) -> String {
        let mut words = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            words.push_str(": ");
            words.push_str(&error.to_string());
            cause = error.source();
        }
        if let Self::Plugin(PluginError::Trapped { backtrace, .. }) = self {
            let backtrace = backtrace.as_deref().unwrap_or_default();
            if backtrace.is_empty() || backtrace.contains(NAMELESS) {
                words.push_str("\nwithout `strip` in `Cargo.toml`, the names of its functions would stand here");
            } else {
                // Control characters of what a plugin says are escaped.
                words.push('\n');
                words.push_str(&backtrace.replace("\\n", "\n"));
            }
        }
        words
    }
}

/// A plugin on the options of a case.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub(crate) plugin: &'a Plugin,
    pub(crate) limits: Limits,
    pub(crate) options: &'a str,
}

impl Subject<'_> {
    /// Runs the plugin over an input, with instances of its own.
    ///
    /// # Errors
    ///
    /// Any variant of [`Failure`].
    pub(crate) fn run(&self, input: &Input, layout: Layout) -> Result<Output, Failure> {
        let Self {
            plugin,
            limits,
            options,
        } = *self;
        match plugin.kind() {
            Kind::Transform => self.transform(input, layout),
            Kind::Snapshot => {
                let step = snapshot_input(input);
                let open = || SnapshotInstance::open(plugin, limits, options, &step);
                keyed(input, layout, open, |_| step.changes())
            }
            Kind::Incremental => {
                let step = incremental_input(input);
                let open = || IncrementalInstance::open(plugin, limits, options, &step);
                keyed(input, layout, open, |task| Arc::clone(&task.shape().schema))
            }
            Kind::ChangeDetection => {
                let step = change_detection_input(input);
                let open = || ChangeDetectionInstance::open(plugin, limits, options, &step);
                keyed(input, layout, open, |_| step.changes())
            }
        }
    }

    fn transform(&self, input: &Input, layout: Layout) -> Result<Output, Failure> {
        let schema = input.second.schema();
        let open = || TransformInstance::open(self.plugin, self.limits, self.options, &schema);
        let lanes = (0..layout.lanes).map(|_| open());
        let mut lanes = lanes.collect::<Result<Vec<_>, _>>()?;
        let schema = Arc::clone(lanes[0].schema());
        let mut emitted = vec![];
        if layout.empty_batch {
            emitted.extend(lanes[0].rows(input.second.slice(0, 0))?);
        }
        for (i, batch) in batches(&input.second, layout.batch_rows).enumerate() {
            let lane = i % layout.lanes;
            emitted.extend(lanes[lane].rows(batch)?);
        }
        Ok(Output {
            schema,
            batches: emitted,
        })
    }
}

/// Returns what a snapshot is opened with.
pub(crate) fn snapshot_input(input: &Input) -> SnapshotInput {
    SnapshotInput {
        extract: input.second.schema(),
        key: input.second_key.clone(),
    }
}

/// Returns what an incremental load is opened with.
pub(crate) fn incremental_input(input: &Input) -> IncrementalInput {
    let first = input.first.as_ref().unwrap_or(&input.second);
    IncrementalInput {
        rows: input.second.schema(),
        rows_key: input.second_key.clone(),
        lookup: first.schema(),
        lookup_key: input.first_key.clone(),
    }
}

/// Returns what change detection is opened with.
pub(crate) fn change_detection_input(input: &Input) -> ChangeDetectionInput {
    ChangeDetectionInput {
        versions: input.second.schema(),
        key: input.second_key.clone(),
    }
}

/// Runs a task for each lane over its keys, one after the other.
fn keyed<T: Task<Error = PluginError>>(
    input: &Input,
    layout: Layout,
    open: impl Fn() -> Result<T, OpenError>,
    schema: impl Fn(&T) -> SchemaRef,
) -> Result<Output, Failure> {
    let lanes = layout.lanes;
    let first = match &input.first {
        Some(first) => routed(first, &input.first_key, layout)?,
        None => vec![vec![]; lanes],
    };
    let second = routed(&input.second, &input.second_key, layout)?;
    let mut emitted = vec![];
    let mut output_schema = None;
    for (first, second) in first.into_iter().zip(second) {
        let mut task = open()?;
        output_schema.get_or_insert_with(|| schema(&task));
        run_task(&mut task, first.into_iter(), second.into_iter(), |batch| {
            emitted.push(batch);
            true
        })?;
    }
    Ok(Output {
        schema: output_schema.ok_or_else(|| Failure::Rows("there is no lane".to_owned()))?,
        batches: emitted,
    })
}

/// Returns each lane's batches.
fn routed(
    rows: &RecordBatch,
    key: &[usize],
    layout: Layout,
) -> Result<Vec<Vec<RecordBatch>>, Failure> {
    let router = Router::new(key.to_vec(), layout.lanes);
    let mut lanes = vec![vec![]; layout.lanes];
    if layout.empty_batch {
        for lane in &mut lanes {
            lane.push(rows.slice(0, 0));
        }
    }
    for batch in batches(rows, layout.batch_rows) {
        router
            .route(&batch, |lane, batch| lanes[lane].push(batch))
            .map_err(|error| Failure::Rows(error.to_string()))?;
    }
    Ok(lanes)
}
