//! Recomputes tables from the extracts that were accepted, and compares them with what is stored.
//!
//! The ledger says which files each load read, and in which order. They are loaded once more by
//! the same steps into a warehouse of its own in a temporary directory; the stored one is only
//! read. What is told is how the tables differ, not who is to blame: a row that was changed by hand,
//! a step that was changed since in the manifest, and a fault of ours all look alike.

mod acts;
mod table;

use std::{collections::BTreeMap, path::PathBuf, sync::Mutex};

use chrono::{DateTime, Utc};
use fs_err as fs;
use serde::Serialize;
use wigeon_files::TemporaryDirectory;
use wigeon_manifest::{Step, StepKind};
use wigeon_warehouse::{RowDifference, RunLock, Settings, Warehouse};

use self::{acts::Acts, table::Stored};
use crate::{
    Cancellation, DataError, EngineError, Observer, Project, Sample,
    resolved::{ResolvedStep, Resolver},
    run::{interruptible, is_runnable, run_id},
    steps::{Run, StepRun},
};

/// How the names of the directories begin in which tables are recomputed.
const PREFIX: &str = "wigeon-verify-";

/// Which tables to verify, and how.
#[derive(Debug, Clone)]
pub struct VerifyRequest {
    /// Only these tables, by the name of their step or, for a snapshot, of its history; all of them
    /// if empty.
    pub tables: Vec<String>,
    /// Only rows of a part of the keys; all of them if none.
    pub sample: Option<Sample>,
    /// At most so many differing rows of each table are told.
    pub limit: u32,
    /// Where compiled plugins are kept; they are compiled anew if there is none.
    pub cache: Option<PathBuf>,
    /// What to tell a run that has to wait: the command line.
    pub command: String,
    /// The clock.
    pub clock: fn() -> DateTime<Utc>,
}

/// What verifying has found.
#[derive(Debug, Clone, Serialize)]
pub struct VerifyReport {
    /// The pipeline.
    pub pipeline: String,
    /// How many percent of the keys were looked at; none if all were.
    pub sample_percent: Option<f64>,
    /// The tables, in the order of their steps.
    pub tables: Vec<VerifiedTable>,
}

/// What verifying one table has found.
#[derive(Debug, Clone, Serialize)]
pub struct VerifiedTable {
    /// The step.
    pub step: String,
    /// Its table; for a snapshot the history, of which the step's view shows a part.
    pub table: String,
    /// Whether it is what it should be.
    pub outcome: VerifyOutcome,
    /// Why it was not verified: words that follow "since".
    pub reason: Option<String>,
    /// Rows of the table that were looked at.
    pub stored_rows: u64,
    /// Rows that there should be.
    pub recomputed_rows: u64,
    /// Rows that are stored with other values.
    pub differing_rows: u64,
    /// Rows that should be stored and are not.
    pub missing_rows: u64,
    /// Rows that are stored and should not be.
    pub unexpected_rows: u64,
    /// The first of them.
    pub differences: Vec<RowDifference>,
}

/// Whether a table is what it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum VerifyOutcome {
    /// It is.
    Equal,
    /// It is not.
    Different,
    /// Nobody knows.
    NotVerified,
}

impl VerifiedTable {
    fn not_verified(step: &Step, reason: String) -> Self {
        Self {
            step: step.name.clone(),
            table: table_of(step),
            outcome: VerifyOutcome::NotVerified,
            reason: Some(reason),
            stored_rows: 0,
            recomputed_rows: 0,
            differing_rows: 0,
            missing_rows: 0,
            unexpected_rows: 0,
            differences: vec![],
        }
    }
}

impl Project {
    /// Recomputes tables from the extracts in the ledger and compares them with what is stored.
    ///
    /// Runs are kept away meanwhile by the run lock. A table that cannot be recomputed is an error
    /// if it was asked for by its name, and is told as not verified otherwise.
    ///
    /// # Errors
    ///
    /// - [`EngineError::UnknownStep`], [`EngineError::NotRunnable`] about a name.
    /// - [`EngineError::Busy`] at once if a run is under way.
    /// - [`EngineError::Open`] if there is no warehouse, or somebody writes to it.
    /// - [`EngineError::Data`] if a table cannot be recomputed, or a file has changed.
    /// - [`EngineError::Cancelled`] if `cancellation` asked for it.
    /// - any other variant of [`EngineError`] that a run may end with.
    pub fn verify(
        &self,
        request: &VerifyRequest,
        observer: &dyn Observer,
        cancellation: &Cancellation,
    ) -> Result<VerifyReport, EngineError> {
        let report = self.verify_unless_cancelled(request, observer, cancellation);
        report.map_err(EngineError::or_cancelled)
    }

    fn verify_unless_cancelled(
        &self,
        request: &VerifyRequest,
        observer: &dyn Observer,
        cancellation: &Cancellation,
    ) -> Result<VerifyReport, EngineError> {
        let started_at = (request.clock)();
        let steps = self.verified_steps(&request.tables)?;
        let settings = self.settings();
        let _lock = RunLock::acquire(&settings.path, &request.command, started_at)?;
        let stored = Stored {
            warehouse: Warehouse::open_read_only(&settings)?,
            sample: request.sample,
            limit: request.limit,
        };
        let resolved = self.resolved_with_needed(&steps, request, cancellation)?;
        let mut acts = Acts::new(self, &stored.warehouse, &resolved, request.sample)?;
        let mut reasons = BTreeMap::new();
        for step in &steps {
            match acts.add(step) {
                Err(EngineError::Data {
                    source: DataError::NotRecomputable { reason, .. },
                    ..
                }) if request.tables.is_empty() => {
                    reasons.insert(step.name.as_str(), reason);
                }
                added => added?,
            }
        }
        // Before its directory.
        let directory = temporary(&settings)?;
        let recomputed = Warehouse::open(&Settings {
            path: directory.path().join("recomputed.duckdb"),
            temp_directory: None,
            ..settings
        })?;
        let observer = OfReplay(observer);
        let run = Run {
            project: self,
            warehouse: &recomputed,
            observer: &observer,
            cancellation,
            clock: request.clock,
            id: run_id(started_at),
            at: started_at,
            threads: self.threads(),
            accept: &[],
            committed: Mutex::default(),
        };
        let tables = interruptible(&recomputed, cancellation, || {
            for act in acts.in_order() {
                let step = StepRun {
                    run: &run,
                    resolved: &resolved[act.step.as_str()],
                    logical_time: act.logical_time,
                    scheduled: false,
                    replay: Some(&act.replay),
                };
                if cancellation.is_cancelled() {
                    return Err(EngineError::Cancelled { step: act.step });
                }
                step.execute()?;
            }
            let verified = steps.iter().map(|step| {
                if let Some(reason) = reasons.remove(step.name.as_str()) {
                    return Ok(VerifiedTable::not_verified(step, reason));
                }
                let verified = stored.compare(&resolved[step.name.as_str()], &recomputed);
                // DuckDB was interrupted, and says so in its words.
                verified.map_err(|error| {
                    if cancellation.is_cancelled() {
                        let step = step.name.clone();
                        EngineError::Cancelled { step }
                    } else {
                        error
                    }
                })
            });
            verified.collect::<Result<Vec<_>, EngineError>>()
        })?;
        Ok(VerifyReport {
            pipeline: self.pipeline().name().to_owned(),
            sample_percent: request.sample.map(Sample::percent),
            tables,
        })
    }

    /// Returns the steps whose tables were asked for, in order.
    fn verified_steps(&self, tables: &[String]) -> Result<Vec<&Step>, EngineError> {
        let steps = self.pipeline().steps();
        let has_table = |step: &Step, table: &str| step.name == table || table_of(step) == table;
        for table in tables {
            let Some(step) = steps.iter().find(|step| has_table(step, table)) else {
                let known = steps.iter().filter(|step| is_runnable(step));
                return Err(EngineError::UnknownStep {
                    name: table.clone(),
                    known: known.map(|step| step.name.clone()).collect(),
                });
            };
            if !is_runnable(step) {
                return Err(EngineError::NotRunnable {
                    name: table.clone(),
                });
            }
        }
        let asked =
            |step: &&Step| tables.is_empty() || tables.iter().any(|table| has_table(step, table));
        let runnable = steps.iter().filter(|step| is_runnable(step));
        Ok(runnable.filter(asked).collect())
    }

    /// Resolves steps, and the snapshots that they look things up in. The lock file stays as it is.
    fn resolved_with_needed<'a>(
        &'a self,
        steps: &[&'a Step],
        request: &'a VerifyRequest,
        cancellation: &'a Cancellation,
    ) -> Result<BTreeMap<&'a str, ResolvedStep<'a>>, EngineError> {
        let mut resolver = Resolver::new(self, request.cache.as_deref(), cancellation)?;
        let mut resolved = BTreeMap::new();
        for step in steps {
            let needed = needed(step).and_then(|name| self.pipeline().step(name));
            for step in needed.into_iter().chain([*step]) {
                if !resolved.contains_key(step.name.as_str()) {
                    resolved.insert(step.name.as_str(), resolver.step(step, (request.clock)())?);
                }
            }
        }
        Ok(resolved)
    }
}

/// Returns the snapshot whose history a step reads.
fn needed(step: &Step) -> Option<&str> {
    match &step.kind {
        StepKind::Incremental { lookup, .. } => Some(lookup),
        StepKind::ChangeDetection { .. } => Some(&step.input),
        StepKind::Snapshot(_) | StepKind::Transform { .. } => None,
    }
}

/// Returns the table that has the rows of a step.
fn table_of(step: &Step) -> String {
    match &step.kind {
        StepKind::Snapshot(_) => format!("{}_history", step.name),
        _ => step.name.clone(),
    }
}

/// Makes a directory for a warehouse: where the manifest says that DuckDB spills to, or where the
/// system has its temporary files.
fn temporary(settings: &Settings) -> Result<TemporaryDirectory, EngineError> {
    let make = || match &settings.temp_directory {
        Some(directory) => {
            fs::create_dir_all(directory)?;
            TemporaryDirectory::new_in(directory, PREFIX)
        }
        None => TemporaryDirectory::new(PREFIX),
    };
    make().map_err(EngineError::Temporary)
}

/// Follows the steps, but says of none that its rows were loaded.
struct OfReplay<'a>(&'a dyn Observer);

impl Observer for OfReplay<'_> {
    fn started(&self, step: &str, inputs: usize) {
        self.0.started(step, inputs);
    }

    fn progress(&self, step: &str, rows_in: u64, rows_out: u64) {
        self.0.progress(step, rows_in, rows_out);
    }
}
