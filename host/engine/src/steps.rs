//! How a step of each kind runs: what it reads, what its lanes do, what is written.

mod change_detection;
mod explain;
mod fold;
mod incremental;
mod input;
mod overlay;
mod passes;
mod read;
mod repair;
mod snapshot;
mod snapshot_lane;

pub(crate) use change_detection::pending;
pub(crate) use fold::{fold_at_once, left_to_fold};
pub(crate) use read::file_source;

use std::{
    sync::{Mutex, PoisonError},
    time::Instant,
};

use arrow_array::RecordBatchReader;
use chrono::{DateTime, NaiveDateTime, Utc};
use wigeon_manifest::Source;
use wigeon_runtime::CONTRACT_VERSION;
use wigeon_warehouse::{
    Committed, Load, LoadError, LoadRecord, LoadWatermark, RejectedRow, Warehouse,
};

use crate::{
    BrokenLaw, Cancellation, Changes, EngineError, GuardBreach, Observer, Outcome, OverlayReport,
    Point, Project, StepReport,
    inputs::{NewFile, NewInputs, Question},
    resolved::{ResolvedStep, Work},
    sample::Sample,
};

/// Where the ledger keeps, among the details of a load, what its guard had against the extract.
pub(crate) const ACCEPTED: &str = "accepted";

/// What every step of a run needs.
pub(crate) struct Run<'a> {
    pub(crate) project: &'a Project,
    pub(crate) warehouse: &'a Warehouse,
    pub(crate) observer: &'a dyn Observer,
    pub(crate) cancellation: &'a Cancellation,
    pub(crate) clock: fn() -> DateTime<Utc>,
    pub(crate) id: String,
    /// The time up to which inputs are seen.
    pub(crate) at: DateTime<Utc>,
    /// Steps that may take one extract that their guard stops.
    pub(crate) accept: &'a [String],
    pub(crate) threads: usize,
    /// What was committed so far.
    pub(crate) committed: Mutex<Committed>,
}

/// A step within a run: which, and for which logical time.
pub(crate) struct StepRun<'a> {
    pub(crate) run: &'a Run<'a>,
    pub(crate) resolved: &'a ResolvedStep<'a>,
    pub(crate) logical_time: DateTime<Utc>,
    /// Whether the ledger must show that the step ran even if there was nothing to do, because a
    /// schedule asked for it.
    pub(crate) scheduled: bool,
    /// What the step is given to do once more, instead of finding out what is new.
    pub(crate) replay: Option<&'a Replay>,
}

/// What a step did according to the ledger, to be done once more in another warehouse.
///
/// What was accepted then is accepted: neither guards nor the order of extracts are asked about.
#[derive(Debug, Default)]
pub(crate) struct Replay {
    pub(crate) files: Vec<NewFile>,
    /// How many malformed rows the files had, in all the loads together that are one here.
    pub(crate) rows_rejected: u64,
    /// For change detection: from when on versions may have changed.
    pub(crate) since: Option<NaiveDateTime>,
    /// Only rows of these keys.
    pub(crate) sample: Option<Sample>,
}

/// What a load leaves behind in the ledger and the report.
#[derive(Default)]
pub(crate) struct Loaded {
    pub(crate) effective_time: Option<NaiveDateTime>,
    pub(crate) files: Vec<NewFile>,
    /// The inputs that are no files.
    pub(crate) tables: Vec<String>,
    pub(crate) rows_in: u64,
    pub(crate) rows_out: u64,
    pub(crate) rows_updated: u64,
    pub(crate) rejected: Vec<RejectedRow>,
    pub(crate) changes: Option<Changes>,
    pub(crate) accepted: Vec<GuardBreach>,
    pub(crate) overlay: Option<OverlayReport>,
    /// In how many passes over its keys the step was done; zero if it has no lanes.
    pub(crate) passes: usize,
    pub(crate) watermark: Option<LoadWatermark>,
    pub(crate) details: serde_json::Map<String, serde_json::Value>,
}

/// When a load began, by the clock of the ledger and by one that never goes back.
#[derive(Clone, Copy)]
pub(crate) struct Started {
    at: DateTime<Utc>,
    instant: Instant,
}

impl StepRun<'_> {
    /// Runs the step on all that is new to it, and returns a report for each load.
    pub(crate) fn execute(&self) -> Result<Vec<StepReport>, EngineError> {
        self.take_in_all_new().map_err(|error| match error {
            EngineError::ReadWarehouse(source) => EngineError::ReadStored {
                step: self.name().to_owned(),
                source,
            },
            error => error,
        })
    }

    fn take_in_all_new(&self) -> Result<Vec<StepReport>, EngineError> {
        let reports = match &self.resolved.work {
            Work::Snapshot { .. } => self.snapshot()?,
            Work::Transform { .. } | Work::Incremental { .. } => self.incremental()?,
            Work::ChangeDetection { .. } => self.change_detection()?,
        };
        if !reports.is_empty() {
            return Ok(reports);
        }
        let started = self.start();
        let mut report = self.report(started, &Loaded::default());
        report.outcome = Outcome::UpToDate;
        if self.scheduled {
            let load = self.begin()?;
            self.record(&load, started, &Loaded::default())?;
            self.commit(load)?;
        }
        self.run.observer.finished(&report);
        Ok(vec![report])
    }

    /// Finds the new inputs of the step, or those that it is given.
    fn new_inputs(&self, source: &Source, snapshot: bool) -> Result<NewInputs, EngineError> {
        if let Some(replay) = self.replay {
            return Ok(NewInputs::Files(replay.files.clone()));
        }
        let question = Question {
            project: self.run.project,
            warehouse: self.run.warehouse,
            step: self.name(),
            source,
            snapshot,
            at: self.run.at,
        };
        question.new_inputs()
    }

    /// Leaves out the rows that are not in the sample.
    fn sampled<'r>(&self, rows: read::Rows<'r>) -> read::Rows<'r> {
        let sample = self.replay.and_then(|replay| replay.sample);
        let key = match &self.resolved.work {
            Work::Snapshot { input, .. } => input.key.clone(),
            Work::Incremental { load, .. } => load.input.rows_key.clone(),
            Work::Transform { .. } | Work::ChangeDetection { .. } => return rows,
        };
        let Some(sample) = sample else {
            return rows;
        };
        let step = self.name().to_owned();
        Box::new(rows.map(move |batch| {
            let sampled = sample.rows(&batch?, &key);
            sampled.map_err(|source| EngineError::Arrow {
                step: step.clone(),
                source,
            })
        }))
    }

    fn name(&self) -> &str {
        &self.resolved.step.name
    }

    fn start(&self) -> Started {
        Started {
            at: (self.run.clock)(),
            instant: Instant::now(),
        }
    }

    fn begin(&self) -> Result<Load, EngineError> {
        let begun = self.run.warehouse.begin();
        let load = begun.map_err(|source| self.load_error(source))?;
        self.reached(Point::Begun);
        Ok(load)
    }

    /// Tells the observer that there is something to do.
    fn started(&self, inputs: usize) {
        self.run.observer.started(self.name(), inputs);
        self.reached(Point::Started);
    }

    /// Tells the observer how far this step is.
    fn reached(&self, point: Point) {
        self.run.observer.reached(point, self.name());
    }

    /// Commits a load and reports it.
    fn finish(
        &self,
        load: Load,
        started: Started,
        loaded: &Loaded,
    ) -> Result<StepReport, EngineError> {
        self.reached(Point::Written);
        self.record(&load, started, loaded)?;
        if self.run.cancellation.is_cancelled() {
            return Err(self.cancelled());
        }
        self.commit(load)?;
        let report = self.report(started, loaded);
        self.run.observer.finished(&report);
        Ok(report)
    }

    fn commit(&self, load: Load) -> Result<(), EngineError> {
        self.reached(Point::Committing);
        let committed = load.commit().map_err(|source| self.load_error(source))?;
        self.reached(Point::Committed);
        let all = self.run.committed.lock();
        all.unwrap_or_else(PoisonError::into_inner)
            .extend(committed);
        Ok(())
    }

    fn record(&self, load: &Load, started: Started, loaded: &Loaded) -> Result<(), EngineError> {
        let id = self.resolved.configured.plugin.id();
        let mut details = loaded.details.clone();
        if loaded.passes > 1 {
            details.insert("passes".to_owned(), loaded.passes.into());
        }
        if !loaded.accepted.is_empty() {
            let accepted = serde_json::to_value(&loaded.accepted);
            let accepted = accepted.expect("numbers have a form in JSON");
            details.insert(ACCEPTED.to_owned(), accepted);
        }
        let record = LoadRecord {
            run_id: self.run.id.clone(),
            step: self.name().to_owned(),
            kind: self.resolved.step.kind.as_str().to_owned(),
            plugin: id.reference.clone(),
            plugin_digest: id.digest.clone(),
            contract: CONTRACT_VERSION.to_owned(),
            logical_time: self.logical_time,
            effective_time: loaded.effective_time,
            started_at: started.at,
            finished_at: (self.run.clock)(),
            rows_in: loaded.rows_in,
            rows_out: loaded.rows_out,
            watermark: loaded.watermark.clone(),
            details: serde_json::Value::Object(details),
            inputs: loaded
                .files
                .iter()
                .map(|file| (file.identity.clone(), file.time))
                .collect(),
            rejected: loaded.rejected.clone(),
        };
        let recorded = load.record(&record);
        recorded.map(drop).map_err(|source| self.load_error(source))
    }

    fn report(&self, started: Started, loaded: &Loaded) -> StepReport {
        let id = self.resolved.configured.plugin.id();
        let files = loaded.files.iter().map(|file| file.identity.path.clone());
        StepReport {
            step: self.name().to_owned(),
            kind: self.resolved.step.kind.as_str().to_owned(),
            outcome: Outcome::Done,
            plugin: id.reference.clone(),
            digest: id.digest.clone(),
            effective_time: loaded.effective_time,
            inputs: files.chain(loaded.tables.iter().cloned()).collect(),
            rows_in: loaded.rows_in,
            rows_out: loaded.rows_out,
            rows_rejected: loaded.rejected.len() as u64,
            rows_updated: loaded.rows_updated,
            changes: loaded.changes,
            accepted: loaded.accepted.clone(),
            overlay: loaded.overlay.clone(),
            passes: loaded.passes,
            seconds: started.instant.elapsed().as_secs_f64(),
        }
    }

    fn load_error(&self, source: LoadError) -> EngineError {
        if self.run.cancellation.is_cancelled() {
            return self.cancelled();
        }
        let step = self.name().to_owned();
        match source {
            LoadError::Law(law) if law.is_of_plugin() => EngineError::BrokeLaw {
                step,
                source: BrokenLaw {
                    plugin: self.resolved.configured.plugin.id().clone(),
                    law,
                },
            },
            source => EngineError::Load { step, source },
        }
    }

    fn cancelled(&self) -> EngineError {
        EngineError::Cancelled {
            step: self.name().to_owned(),
        }
    }

    /// Keeps what the lanes emit outside the warehouse.
    fn stage(
        &self,
        rows: Box<dyn RecordBatchReader + Send>,
    ) -> Result<wigeon_warehouse::Stage, EngineError> {
        let staged = self.run.warehouse.stage(rows);
        let stage = staged.map_err(|source| self.load_error(source))?;
        self.reached(Point::Staged);
        Ok(stage)
    }
}
