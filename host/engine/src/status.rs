//! Where the steps of a pipeline stand, by the ledger.

use chrono::{DateTime, LocalResult, NaiveDateTime, TimeDelta, TimeZone as _, Utc};
use chrono_tz::Tz;
use wigeon_manifest::{Location, Source, Step, StepKind};
use wigeon_warehouse::{LedgerEntry, Warehouse};

use crate::{
    EngineError, GuardBreach, HistoryEntry, OverlayStatus, Project, StatusReport, StepStatus,
    due::due, inputs::Question, reading::Reading, run::is_runnable, steps::ACCEPTED,
};

/// The most missing extracts that are listed for a step.
const HOLES: usize = 1_000;

impl Project {
    /// Says where each step stands at `at`: its last run, what waits, what is due, what is missing.
    ///
    /// # Errors
    ///
    /// - [`EngineError::Open`] if the warehouse cannot be read, because a run is under way for
    ///   instance.
    /// - [`EngineError::ReadWarehouse`], [`EngineError::Read`].
    pub fn status(&self, at: DateTime<Utc>) -> Result<StatusReport, EngineError> {
        let reading = Reading::open(self)?;
        let steps = self
            .pipeline()
            .steps()
            .iter()
            .filter(|step| is_runnable(step));
        let steps = steps.map(|step| self.step_status(&reading.warehouse, step, at));
        Ok(StatusReport {
            pipeline: self.pipeline().name().to_owned(),
            at,
            steps: steps.collect::<Result<_, _>>()?,
        })
    }

    fn step_status(
        &self,
        warehouse: &Warehouse,
        step: &Step,
        at: DateTime<Utc>,
    ) -> Result<StepStatus, EngineError> {
        let read = EngineError::ReadWarehouse;
        // Newest first.
        let entries = warehouse
            .ledger(Some(&step.name), usize::MAX)
            .map_err(read)?;
        let inputs = warehouse.inputs(&step.name).map_err(read)?;
        let mut times: Vec<_> = inputs
            .values()
            .filter_map(|input| input.file_time)
            .collect();
        times.sort_unstable();
        let source = match step.kind {
            StepKind::ChangeDetection { .. } => None,
            _ => Some(self.pipeline().source_of(step).0),
        };
        let time_zone = self.pipeline().time_zone();
        let schedule = step.schedule.as_ref();
        let overlay = warehouse.overlay(&step.name).map_err(read)?;
        let last_run = entries.first().map(|entry| entry.logical_time);
        let overdue = due(self, step, last_run, at);
        Ok(StepStatus {
            step: step.name.clone(),
            kind: step.kind.as_str().to_owned(),
            last_run,
            newest_input: times.last().copied().or_else(|| newest_effective(&entries)),
            loads: entries.len() as u64,
            rows: warehouse.count_rows(&step.name).map_err(read)?,
            overlay: overlay.map(|overlay| OverlayStatus {
                entries: overlay.entries,
                since: overlay.since,
            }),
            rows_rejected: entries.iter().map(|entry| entry.rows_rejected).sum(),
            accepted: entries.iter().filter(|entry| is_accepted(entry)).count() as u64,
            waiting: match source {
                Some(source) => self.waiting(warehouse, step, source, at)?,
                None => 0,
            },
            next_due: schedule.and_then(|schedule| schedule.next_after(time_zone, at)),
            overdue: overdue.map_or(0, |due| due.ticks),
            holes: source.map_or_else(Vec::new, |source| holes(source, &times, time_zone)),
        })
    }

    fn waiting(
        &self,
        warehouse: &Warehouse,
        step: &Step,
        source: &Source,
        at: DateTime<Utc>,
    ) -> Result<u64, EngineError> {
        let question = Question {
            project: self,
            warehouse,
            step: &step.name,
            source,
            snapshot: matches!(step.kind, StepKind::Snapshot(_)),
            at,
        };
        match question.new_inputs() {
            Ok(inputs) => Ok(inputs.len() as u64),
            // No files yet, or a changed one: a run will say so.
            Err(EngineError::Data { .. }) => Ok(0),
            Err(error) => Err(error),
        }
    }

    /// Returns the ledger, newest first, of one step or of all.
    ///
    /// # Errors
    ///
    /// - [`EngineError::Open`], [`EngineError::ReadWarehouse`].
    /// - [`EngineError::UnknownStep`] if the pipeline has no such step.
    pub fn history(
        &self,
        step: Option<&str>,
        limit: usize,
    ) -> Result<Vec<HistoryEntry>, EngineError> {
        if let Some(name) = step
            && self.pipeline().step(name).is_none()
        {
            return Err(self.unknown_step(name));
        }
        let reading = Reading::open(self)?;
        let entries = reading.warehouse.ledger(step, limit);
        let entries = entries.map_err(EngineError::ReadWarehouse)?;
        Ok(entries.into_iter().map(Into::into).collect())
    }
}

/// Says whether the guard had something against the extract of a load.
fn is_accepted(entry: &LedgerEntry) -> bool {
    entry.details.get(ACCEPTED).is_some()
}

impl HistoryEntry {
    /// Returns what the guard had against the extract, if it was accepted all the same.
    pub fn accepted(&self) -> Vec<GuardBreach> {
        let accepted = self.details.get(ACCEPTED).cloned();
        accepted
            .and_then(|accepted| serde_json::from_value(accepted).ok())
            .unwrap_or_default()
    }
}

fn newest_effective(entries: &[LedgerEntry]) -> Option<NaiveDateTime> {
    entries
        .iter()
        .filter_map(|entry| entry.effective_time)
        .max()
}

/// Returns the times between the first and the last file for which there is no file: hours if the
/// pattern has an hour, days otherwise. An hour that the clocks of `time_zone` skip has no file.
fn holes(source: &Source, times: &[NaiveDateTime], time_zone: Tz) -> Vec<NaiveDateTime> {
    let Location::Files(pattern) = &source.location else {
        return vec![];
    };
    if !pattern.has_time() {
        return vec![];
    }
    let period = if pattern.has_hour() {
        TimeDelta::hours(1)
    } else {
        TimeDelta::days(1)
    };
    let mut holes = vec![];
    for pair in times.windows(2) {
        let mut missing = pair[0] + period;
        while missing < pair[1] && holes.len() < HOLES {
            let skipped =
                pattern.has_hour() && time_zone.from_local_datetime(&missing) == LocalResult::None;
            if !skipped {
                holes.push(missing);
            }
            missing += period;
        }
    }
    holes
}

impl From<LedgerEntry> for HistoryEntry {
    fn from(entry: LedgerEntry) -> Self {
        Self {
            load_id: entry.load_id,
            run_id: entry.run_id,
            step: entry.step,
            kind: entry.kind,
            plugin: entry.plugin,
            digest: entry.plugin_digest,
            logical_time: entry.logical_time,
            effective_time: entry.effective_time,
            started_at: entry.started_at,
            finished_at: entry.finished_at,
            rows_in: entry.rows_in,
            rows_out: entry.rows_out,
            rows_rejected: entry.rows_rejected,
            details: entry.details,
        }
    }
}
