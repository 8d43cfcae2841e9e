//! What the engine answers: values that serialize, for people and machines alike.

use chrono::{DateTime, NaiveDateTime, Utc};
use serde::Serialize;

use crate::GuardBreach;

/// What a run did.
#[derive(Debug, Clone, Serialize)]
pub struct RunReport {
    /// The pipeline.
    pub pipeline: String,
    /// The run's id, in every ledger row that it wrote.
    pub run_id: String,
    /// The time that the run stands for.
    pub logical_time: DateTime<Utc>,
    /// Its loads, in order, and the steps that had nothing to do.
    pub steps: Vec<StepReport>,
}

/// What one load of one step did.
#[derive(Debug, Clone, Serialize)]
pub struct StepReport {
    /// The step.
    pub step: String,
    /// Its kind: `snapshot`.
    pub kind: String,
    /// Whether there was anything to do.
    pub outcome: Outcome,
    /// The plugin's reference.
    pub plugin: String,
    /// The plugin's digest.
    pub digest: String,
    /// The time of the extract that a snapshot took.
    pub effective_time: Option<NaiveDateTime>,
    /// The inputs, as the manifest's paths reach them.
    pub inputs: Vec<String>,
    /// Rows read.
    pub rows_in: u64,
    /// Rows added to the step's table: versions, loaded rows, changed keys.
    pub rows_out: u64,
    /// Malformed rows in quarantine.
    pub rows_rejected: u64,
    /// Rows of earlier loads that were changed: versions ended, target rows updated. Rows that an
    /// overlay shows with other values are not among them, until it is folded in.
    pub rows_updated: u64,
    /// What a snapshot found.
    pub changes: Option<Changes>,
    /// What the guard had against the extract, which was accepted all the same.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub accepted: Vec<GuardBreach>,
    /// What change detection kept beside the rows of its target, or what was folded into them.
    pub overlay: Option<OverlayReport>,
    /// In how many passes over its keys it was done, because they did not fit the memory of the
    /// plugin's instances in one; zero if there was nothing to do.
    pub passes: usize,
    /// How long it took, in seconds.
    pub seconds: f64,
}

/// Whether a step had anything to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It loaded something.
    Done,
    /// There was nothing new.
    UpToDate,
}

/// What a snapshot found in an extract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Changes {
    /// Keys that had no open version.
    pub opened: u64,
    /// Keys with other values.
    pub superseded: u64,
    /// Keys that are gone.
    pub closed: u64,
}

/// What a load did with the overlay of a table, which is applied whenever the table is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OverlayReport {
    /// The table.
    pub target: String,
    /// How many entries it has now: for each key, one for each time in which its rows show the
    /// same.
    pub entries: u64,
    /// How many entries were written into the rows, and are entries no more.
    pub folded_entries: u64,
}

/// What a run would do.
#[derive(Debug, Clone, Serialize)]
pub struct PlanReport {
    /// The pipeline.
    pub pipeline: String,
    /// The time that the run would stand for.
    pub logical_time: DateTime<Utc>,
    /// The steps, in the order in which they would run.
    pub steps: Vec<StepPlan>,
}

/// What a run would do with one step.
#[derive(Debug, Clone, Serialize)]
pub struct StepPlan {
    /// The step.
    pub step: String,
    /// Its kind.
    pub kind: String,
    /// Whether it would run.
    pub runs: bool,
    /// Why, or why not: a sentence without a full stop.
    pub reason: String,
    /// The plugin's reference.
    pub plugin: String,
    /// The plugin's digest.
    pub digest: String,
    /// The new inputs, in the order in which they would be taken.
    pub inputs: Vec<PlannedInput>,
    /// The rows of the step's table now.
    pub table_rows: u64,
    /// For change detection: how many keys would be looked at.
    pub keys: Option<u64>,
    /// The columns of the step's table: name and Arrow type.
    pub columns: Vec<(String, String)>,
}

/// A file, or a table of another database, that a run would take in.
#[derive(Debug, Clone, Serialize)]
pub struct PlannedInput {
    /// The path, as the manifest's pattern reaches it.
    pub path: String,
    /// Its size in bytes.
    pub size_bytes: Option<u64>,
    /// The time in its name.
    pub time: Option<NaiveDateTime>,
}

/// Where the steps of a pipeline stand.
#[derive(Debug, Clone, Serialize)]
pub struct StatusReport {
    /// The pipeline.
    pub pipeline: String,
    /// The time at which this was asked.
    pub at: DateTime<Utc>,
    /// The steps, in the order in which they run.
    pub steps: Vec<StepStatus>,
}

/// Where one step stands.
#[derive(Debug, Clone, Serialize)]
pub struct StepStatus {
    /// The step.
    pub step: String,
    /// Its kind.
    pub kind: String,
    /// The logical time of its last run.
    pub last_run: Option<DateTime<Utc>>,
    /// The time of the newest extract that it has taken.
    pub newest_input: Option<NaiveDateTime>,
    /// How many loads there were.
    pub loads: u64,
    /// Rows of its table.
    pub rows: u64,
    /// The overlay of its table, if it has one.
    pub overlay: Option<OverlayStatus>,
    /// Malformed rows in quarantine.
    pub rows_rejected: u64,
    /// Extracts that were accepted although the guard stops them.
    pub accepted: u64,
    /// Inputs that are there and not yet loaded.
    pub waiting: u64,
    /// When its schedule ticks next.
    pub next_due: Option<DateTime<Utc>>,
    /// How many ticks have passed since its last run.
    pub overdue: u64,
    /// Extracts missing between the first and the last that were taken, by the time in their name.
    pub holes: Vec<NaiveDateTime>,
}

/// The overlay of a table: changes that are applied whenever the table is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OverlayStatus {
    /// How many entries it has.
    pub entries: u64,
    /// The logical time of the run that made the first of them.
    pub since: DateTime<Utc>,
}

/// One row of the ledger.
#[derive(Debug, Clone, Serialize)]
pub struct HistoryEntry {
    /// The number of the load.
    pub load_id: i64,
    /// The run.
    pub run_id: String,
    /// The step.
    pub step: String,
    /// Its kind.
    pub kind: String,
    /// The plugin's reference.
    pub plugin: String,
    /// The plugin's digest.
    pub digest: String,
    /// The time that the run stood for.
    pub logical_time: DateTime<Utc>,
    /// The time of the extract.
    pub effective_time: Option<NaiveDateTime>,
    /// When the load started.
    pub started_at: DateTime<Utc>,
    /// When it was committed.
    pub finished_at: DateTime<Utc>,
    /// Rows read.
    pub rows_in: u64,
    /// Rows added.
    pub rows_out: u64,
    /// Malformed rows in quarantine.
    pub rows_rejected: u64,
    /// What else the load noted, as JSON.
    pub details: serde_json::Value,
}

/// What a plugin is.
#[derive(Debug, Clone, Serialize)]
pub struct PluginReport {
    /// The reference that was asked about.
    pub reference: String,
    /// Its digest: `sha256:…`.
    pub digest: String,
    /// The name that it gives itself.
    pub name: String,
    /// Its own version.
    pub version: String,
    /// Its own summary.
    pub summary: String,
    /// Its kind.
    pub kind: String,
    /// The version of the contract that it speaks.
    pub contract: String,
    /// What it imports.
    pub imports: Vec<String>,
    /// What it asks for by importing WASI: `clock`, `files`, ….
    pub asks_for: Vec<String>,
    /// The size of the component in bytes.
    pub size_bytes: u64,
    /// The size of the machine code that it is compiled to, in bytes.
    pub compiled_bytes: u64,
    /// The memory of a fresh instance in bytes.
    pub memory_at_start_bytes: u64,
    /// The JSON Schema of its options.
    pub options_schema: serde_json::Value,
}
