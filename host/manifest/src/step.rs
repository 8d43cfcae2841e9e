//! What is made of the rows.

use std::ops::Range;

use crate::{plugin_reference::PluginReference, schedule::Schedule};

/// A plugin, what it reads, and what becomes of what it emits.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Unique among the sources and steps of the pipeline.
    pub name: String,

    /// Where the component comes from.
    pub plugin: PluginReference,

    /// What the host does with its output.
    pub kind: StepKind,

    /// A source or a transform step of the pipeline; for [`StepKind::ChangeDetection`], a snapshot
    /// step.
    pub input: String,

    /// The columns of the input that are used, distinct and at least one; all if `None`.
    ///
    /// They are known to exist only if the input is a source.
    pub columns: Option<Vec<String>>,

    /// When the step is due. `None` if it only runs by hand, and for a transform that is not stored.
    pub schedule: Option<Schedule>,

    /// What the plugin may use.
    pub limits: StepLimits,

    /// What the plugin is given of WASI. Default: nothing.
    pub allow: Allowed,

    /// Rows of the source that may be malformed before the step stops. Default: 0.
    pub max_rejected_rows: u64,

    /// An object, empty if the manifest has no options. Dates and times are strings.
    pub options: serde_json::Value,

    /// Where the options are in the text, or the step if it has none.
    pub options_span: Range<usize>,

    /// Where the plugin is named in the text.
    pub plugin_span: Range<usize>,

    /// Where the update mode of change detection is in the text, or the step if it says none.
    pub update_mode_span: Range<usize>,

    /// Where the step is in the text: its header.
    pub span: Range<usize>,
}

impl Step {
    /// Returns the columns that identify a row, in order; empty for kinds without a key.
    pub fn key(&self) -> &[String] {
        match &self.kind {
            StepKind::Snapshot(settings) => &settings.key,
            StepKind::Incremental { key, .. } => key,
            StepKind::Transform { .. } | StepKind::ChangeDetection { .. } => &[],
        }
    }
}

/// What the host does with the output of a step.
#[derive(Debug, Clone, PartialEq)]
pub enum StepKind {
    /// Hands the rows to the steps that read them.
    Transform {
        /// Whether they are also appended to a table of the step's name. Default: `false`.
        store: bool,
    },

    /// Keeps a history of versions.
    Snapshot(SnapshotSettings),

    /// Appends rows, looked up in a history.
    Incremental {
        /// At least one column, as many as the key of the lookup, matched by position.
        key: Vec<String>,
        /// A snapshot step of the pipeline.
        lookup: String,
    },

    /// Brings the changes of a history to the rows loaded before.
    ChangeDetection {
        /// An incremental step of the pipeline whose lookup is this step's input.
        target: String,
        /// How the changes reach the rows.
        update_mode: UpdateMode,
    },
}

impl StepKind {
    /// Returns the kind as it is written in a manifest.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Transform { .. } => "transform",
            Self::Snapshot(_) => "snapshot",
            Self::Incremental { .. } => "incremental",
            Self::ChangeDetection { .. } => "change-detection",
        }
    }
}

/// How changes reach the rows that were loaded before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UpdateMode {
    /// Whichever costs less, by the sizes of the table and of what has changed.
    #[default]
    Auto,

    /// Beside the rows, in an overlay that is applied whenever the table is read.
    MergeOnRead,

    /// In the rows themselves.
    CopyOnWrite,
}

/// How a snapshot step keeps its history.
#[derive(Debug, Clone, PartialEq)]
pub struct SnapshotSettings {
    /// The columns that identify a row, distinct and at least one.
    pub key: Vec<String>,

    /// What becomes of keys that an extract no longer has.
    pub deleted: Deleted,

    /// What becomes of an extract older than the newest.
    pub late_extracts: LateExtracts,

    /// When an extract is refused as implausible.
    pub guard: Guard,
}

/// What becomes of keys that an extract no longer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Deleted {
    /// Nothing: their version stays open.
    Ignore,

    /// Their version is closed.
    #[default]
    Close,

    /// Their version is closed and one is opened that says that the key is deleted.
    Record,
}

/// What becomes of an extract older than the newest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LateExtracts {
    /// The step fails.
    #[default]
    Refuse,

    /// It is inserted between its neighbours.
    Insert,
}

/// When an extract is refused as implausible.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Guard {
    /// Fewest rows of an extract. Default: 1.
    pub min_rows: u64,

    /// Largest share of the open versions that one extract may close, `0.0..=1.0`. Default: 0.2.
    pub max_closed_share: f64,

    /// Largest share of the open versions that one extract may change, `0.0..=1.0`. Default: 0.5.
    pub max_changed_share: f64,
}

impl Default for Guard {
    fn default() -> Self {
        Self {
            min_rows: 1,
            max_closed_share: 0.2,
            max_changed_share: 0.5,
        }
    }
}

/// What a plugin that imports WASI is given of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Allowed {
    /// The logical time of the run as the time of day.
    pub clock: bool,

    /// Random numbers that differ from run to run.
    pub random: bool,
}

/// What the plugin of a step may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepLimits {
    /// Memory of one instance in MiB, `1..=4096`. Default: 1024.
    pub memory_mib: u64,

    /// Seconds that one call may take, `1..=604_800`. Default: 60.
    pub call_timeout_secs: u64,

    /// Rows that one call may emit, at least 1. Default: 100,000,000.
    pub output_rows: u64,

    /// MiB of the host's memory that the rows of one call may take, `1..=1_048_576`. Default: 4096.
    pub output_mib: u64,

    /// Lines of the log that are shown of one call, `0..=1_000_000`. Default: 100.
    pub log_lines: u64,

    /// Instances at the same time, `1..=128`. Default: half of DuckDB's threads, at least one.
    pub lanes: Option<u64>,
}

impl Default for StepLimits {
    fn default() -> Self {
        Self {
            memory_mib: 1024,
            call_timeout_secs: 60,
            output_rows: 100_000_000,
            output_mib: 4096,
            log_lines: 100,
            lanes: None,
        }
    }
}
