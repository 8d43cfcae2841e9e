//! What a plugin costs, in one lane: by row, by call, by instance.
//!
//! The first case's rows are multiplied, their keys counted on, and handed over as a pipeline would
//! hand them over. The figures are medians of a few rounds, each in an instance of its own. They
//! are those of this machine at this time: compare two plugins in one go, not over days.

#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "figures for people"
)]

use std::{
    path::Path,
    time::{Duration, Instant},
};

use arrow_array::RecordBatch;
use serde::Serialize;
use wigeon_runtime::{
    ChangeDetectionInstance, IncrementalInstance, Kind, Limits, OpenError, Plugin, PluginError,
    PluginId, Runtime, SnapshotInstance, Task, Traffic, TransformInstance,
};

use crate::{
    AuthoringError, Built, Project,
    case::{Case, input_names},
    execute::{change_detection_input, incremental_input, snapshot_input},
    grow::grown,
    input::{Input, batches},
    test::load,
};

/// How often an instance is opened to learn what that takes.
const OPENED: usize = 20;
/// How many calls with one row tell what a call costs.
const SMALL_CALLS: usize = 2_000;
/// The part of the time that calls themselves may take.
const CALL_SHARE: f64 = 0.01;

/// How much is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BenchSettings {
    /// Rows to work on, at least.
    pub rows: usize,
    /// Rows of a batch, at most.
    pub batch_rows: usize,
    /// Rounds, of which the medians are told; at least 1.
    pub rounds: usize,
}

impl Default for BenchSettings {
    /// 1,000,000 rows in batches of 8,192, as a pipeline hands them over, in 3 rounds.
    fn default() -> Self {
        Self {
            rows: 1_000_000,
            batch_rows: 8_192,
            rounds: 3,
        }
    }
}

/// What was measured.
#[derive(Debug, Clone, Serialize)]
pub struct BenchReport {
    /// The name that the plugin gives itself.
    pub plugin: String,
    /// Its digest.
    pub digest: String,
    /// Its kind.
    pub kind: String,
    /// The case whose rows were multiplied.
    pub case: String,
    /// Rows of a batch, at most.
    pub batch_rows: usize,
    /// Rounds, of which these are the medians.
    pub rounds: usize,
    /// Making an instance and opening the step, in seconds.
    pub instantiation_seconds: f64,
    /// The memory of a fresh instance in bytes.
    pub memory_at_start_bytes: u64,
    /// The most memory that the instance had, in bytes.
    pub memory_peak_bytes: u64,
    /// The stream that is kept: versions, the lookup. A transform has none.
    pub first: Option<StreamFigures>,
    /// The stream that is worked on.
    pub second: StreamFigures,
    /// What `finish` took, in seconds. A transform has none.
    pub finish_seconds: Option<f64>,
    /// What a call of the second stream costs besides its rows, in seconds.
    pub call_cost_seconds: f64,
    /// The rows of a batch from which on calls cost less than 1 % of the time.
    pub batch_rows_for_one_percent: u64,
}

/// The figures of one stream.
#[derive(Debug, Clone, Serialize)]
pub struct StreamFigures {
    /// Its name: `rows`.
    pub name: &'static str,
    /// Rows that were handed over.
    pub rows: u64,
    /// Calls that it took.
    pub calls: u64,
    /// Time in all.
    pub seconds: f64,
    /// Rows in a second, in one lane.
    pub rows_per_second: f64,
    /// Time for a call.
    pub seconds_per_call: f64,
    /// Bytes copied into the plugin for a row.
    pub bytes_in_per_row: f64,
    /// Bytes copied out of it for a row; for the second stream with those of `finish`.
    pub bytes_out_per_row: f64,
}

/// Measures what was built of a project, on its first case.
///
/// # Errors
///
/// - What [`crate::test`] says of the project, its cases and its component.
/// - [`AuthoringError::Growing`] if the case cannot be multiplied.
/// - [`AuthoringError::Open`] and [`AuthoringError::Fails`] if the plugin refuses the case.
pub fn bench(
    project: &Project,
    built: &Built,
    runtime: &Runtime,
    settings: BenchSettings,
) -> Result<BenchReport, AuthoringError> {
    let cases = Case::all(project)?;
    let plugin = load(runtime, project, built)?;
    measured(&plugin, project.limits, &cases[0], settings)
}

/// Measures a component on the case in the directory `case`.
///
/// # Errors
///
/// As [`bench()`].
pub fn bench_component(
    path: &Path,
    case: &Path,
    runtime: &Runtime,
    settings: BenchSettings,
) -> Result<BenchReport, AuthoringError> {
    let component = fs_err::read(path).map_err(|source| AuthoringError::Read {
        path: path.to_owned(),
        source,
    })?;
    let id = PluginId {
        reference: format!("file:{}", path.display()),
        digest: wigeon_registry::digest(&component),
    };
    let plugin = runtime.load(&id, &component)?;
    let case = Case::read(case, plugin.kind())?;
    measured(&plugin, Limits::default(), &case, settings)
}

fn measured(
    plugin: &Plugin,
    limits: Limits,
    case: &Case,
    settings: BenchSettings,
) -> Result<BenchReport, AuthoringError> {
    let growing = |reason| AuthoringError::Growing {
        case: case.name.clone(),
        reason,
    };
    let fails = |source| AuthoringError::Fails {
        case: case.name.clone(),
        source,
    };
    let many = grown(&case.input, settings.rows).map_err(growing)?.input;
    let open = || {
        open(plugin, limits, case).map_err(|source| AuthoringError::Open {
            case: case.name.clone(),
            source,
        })
    };
    let mut openings = vec![];
    for _ in 0..OPENED {
        let begin = Instant::now();
        let instance = open()?;
        openings.push(begin.elapsed());
        drop(instance);
    }
    let mut rounds = vec![];
    for _ in 0..settings.rounds.max(1) {
        rounds.push(round(open()?, &many, settings.batch_rows).map_err(fails)?);
    }
    let small = small_call(open()?, case, &many).map_err(fails)?;
    let memory_at_start = plugin.memory_at_start().map_err(fails)?;

    let (first_name, second_name) = input_names(plugin.kind());
    let last = &rounds[rounds.len() - 1];
    let of = |time: fn(&Round) -> Duration| median(rounds.iter().map(time));
    let first = first_name.zip(many.first.as_ref()).map(|(name, rows)| {
        figures(
            name,
            rows,
            settings.batch_rows,
            of(|r| r.first),
            last.first_traffic,
        )
    });
    let second = figures(
        second_name,
        &many.second,
        settings.batch_rows,
        of(|round| round.second),
        last.second_traffic,
    );
    // A row costs what is left of the large calls when the calls themselves are taken off. The two
    // unknowns follow from the two sizes of batches.
    let rows_per_call = second.rows as f64 / (second.calls as f64).max(1.0);
    let (large, small) = (second.seconds_per_call, small.as_secs_f64());
    let per_row = ((large - small) / (rows_per_call - 1.0).max(1.0)).max(1e-12);
    let call_cost = (small - per_row).max(0.0);
    let share = (1.0 - CALL_SHARE) / CALL_SHARE;
    Ok(BenchReport {
        plugin: plugin.description().name.clone(),
        digest: plugin.id().digest.clone(),
        kind: plugin.kind().to_string(),
        case: case.name.clone(),
        batch_rows: settings.batch_rows,
        rounds: rounds.len(),
        instantiation_seconds: median(openings.into_iter()),
        memory_at_start_bytes: memory_at_start as u64,
        memory_peak_bytes: rounds.iter().map(|r| r.memory).max().unwrap_or(0) as u64,
        first,
        second,
        finish_seconds: (plugin.kind() != Kind::Transform).then(|| of(|round| round.finish)),
        call_cost_seconds: call_cost,
        batch_rows_for_one_percent: (call_cost * share / per_row).ceil().max(1.0) as u64,
    })
}

fn figures(
    name: &'static str,
    rows: &RecordBatch,
    batch_rows: usize,
    seconds: f64,
    traffic: Traffic,
) -> StreamFigures {
    let count = rows.num_rows();
    let calls = count.div_ceil(batch_rows.max(1));
    let by_row = |bytes: u64| bytes as f64 / (count as f64).max(1.0);
    StreamFigures {
        name,
        rows: count as u64,
        calls: calls as u64,
        seconds,
        rows_per_second: count as f64 / seconds.max(1e-9),
        seconds_per_call: seconds / (calls as f64).max(1.0),
        bytes_in_per_row: by_row(traffic.bytes_in),
        bytes_out_per_row: by_row(traffic.bytes_out),
    }
}

/// What one round took.
struct Round {
    first: Duration,
    second: Duration,
    finish: Duration,
    first_traffic: Traffic,
    second_traffic: Traffic,
    memory: usize,
}

fn round(mut instance: Instance, input: &Input, batch_rows: usize) -> Result<Round, PluginError> {
    let begin = Instant::now();
    for batch in input
        .first
        .iter()
        .flat_map(|rows| batches(rows, batch_rows))
    {
        instance.first(batch)?;
    }
    let first = begin.elapsed();
    let first_traffic = instance.traffic();
    let begin = Instant::now();
    for batch in batches(&input.second, batch_rows) {
        drop(instance.second(batch)?);
    }
    let second = begin.elapsed();
    let begin = Instant::now();
    drop(instance.finish()?);
    let finish = begin.elapsed();
    let traffic = instance.traffic();
    let second_traffic = Traffic {
        rows_in: traffic.rows_in - first_traffic.rows_in,
        rows_out: traffic.rows_out - first_traffic.rows_out,
        bytes_in: traffic.bytes_in - first_traffic.bytes_in,
        bytes_out: traffic.bytes_out - first_traffic.bytes_out,
    };
    Ok(Round {
        first,
        second,
        finish,
        first_traffic,
        second_traffic,
        memory: instance.memory_bytes(),
    })
}

/// Returns what a call with one row takes, when the first stream was that of the case.
fn small_call(mut instance: Instance, case: &Case, many: &Input) -> Result<Duration, PluginError> {
    if let Some(first) = &case.input.first {
        instance.first(first.clone())?;
    }
    let ones: Vec<_> = batches(&many.second, 1).take(SMALL_CALLS).collect();
    let mut times = vec![];
    for one in ones {
        let begin = Instant::now();
        drop(instance.second(one)?);
        times.push(begin.elapsed());
    }
    Ok(Duration::from_secs_f64(median(times.into_iter())))
}

/// Returns the median in seconds, 0 of none.
fn median(times: impl Iterator<Item = Duration>) -> f64 {
    let mut times: Vec<_> = times.collect();
    times.sort_unstable();
    times
        .get(times.len() / 2)
        .map_or(0.0, Duration::as_secs_f64)
}

/// An instance of whichever kind.
enum Instance {
    Transform(TransformInstance),
    Snapshot(SnapshotInstance),
    Incremental(IncrementalInstance),
    ChangeDetection(ChangeDetectionInstance),
}

fn open(plugin: &Plugin, limits: Limits, case: &Case) -> Result<Instance, OpenError> {
    let (input, options) = (&case.input, case.options.as_str());
    Ok(match plugin.kind() {
        Kind::Transform => {
            let schema = input.second.schema();
            Instance::Transform(TransformInstance::open(plugin, limits, options, &schema)?)
        }
        Kind::Snapshot => {
            let step = snapshot_input(input);
            Instance::Snapshot(SnapshotInstance::open(plugin, limits, options, &step)?)
        }
        Kind::Incremental => {
            let step = incremental_input(input);
            Instance::Incremental(IncrementalInstance::open(plugin, limits, options, &step)?)
        }
        Kind::ChangeDetection => {
            let step = change_detection_input(input);
            let opened = ChangeDetectionInstance::open(plugin, limits, options, &step)?;
            Instance::ChangeDetection(opened)
        }
    })
}

impl Instance {
    fn traffic(&self) -> Traffic {
        match self {
            Self::Transform(instance) => instance.traffic(),
            Self::Snapshot(instance) => instance.traffic(),
            Self::Incremental(instance) => instance.traffic(),
            Self::ChangeDetection(instance) => instance.traffic(),
        }
    }

    fn memory_bytes(&self) -> usize {
        match self {
            Self::Transform(instance) => instance.memory_bytes(),
            Self::Snapshot(instance) => instance.memory_bytes(),
            Self::Incremental(instance) => instance.memory_bytes(),
            Self::ChangeDetection(instance) => instance.memory_bytes(),
        }
    }
}

impl Task for Instance {
    type Error = PluginError;

    fn first(&mut self, batch: RecordBatch) -> Result<(), PluginError> {
        match self {
            // A transform has no first stream.
            Self::Transform(_) => Ok(()),
            Self::Snapshot(instance) => instance.first(batch),
            Self::Incremental(instance) => instance.first(batch),
            Self::ChangeDetection(instance) => instance.first(batch),
        }
    }

    fn second(&mut self, batch: RecordBatch) -> Result<Vec<RecordBatch>, PluginError> {
        match self {
            Self::Transform(instance) => instance.rows(batch),
            Self::Snapshot(instance) => instance.second(batch),
            Self::Incremental(instance) => instance.second(batch),
            Self::ChangeDetection(instance) => instance.second(batch),
        }
    }

    fn finish(&mut self) -> Result<Vec<RecordBatch>, PluginError> {
        match self {
            Self::Transform(_) => Ok(vec![]),
            Self::Snapshot(instance) => instance.finish(),
            Self::Incremental(instance) => instance.finish(),
            Self::ChangeDetection(instance) => instance.finish(),
        }
    }
}
