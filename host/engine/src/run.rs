//! A run: lock, plugins, steps, checkpoint, and a look at what was committed.

use std::{
    collections::HashMap,
    error::Error,
    io,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use chrono::{DateTime, Utc};
use wigeon_manifest::{Step, StepKind};
use wigeon_warehouse::{Inconsistency, LastLoads, ReadBackError, RunLock, Warehouse};

use crate::{
    Cancellation, EngineError, Observer, Point, Project, RunReport, RunRequest,
    due::due,
    resolved::{ResolvedStep, Resolver},
    steps::{Run, StepRun},
};

/// The run of one load in so many compacts the tables.
///
/// Until then a load leaves a row group or two behind that are not full. Those of so many hourly
/// loads are joined in one go, rather than some of them with each load.
const LOADS_PER_COMPACTION: i64 = 32;

impl Project {
    /// Runs the pipeline, or some steps of it: each load in one transaction with its ledger row.
    ///
    /// The first failure ends the run. What was committed before it stays, and the next run goes
    /// on from there.
    ///
    /// # Errors
    ///
    /// - [`EngineError::Busy`] at once if another run is under way.
    /// - [`EngineError::Cancelled`] if `cancellation` asked for it.
    /// - any other variant of [`EngineError`].
    pub fn run(
        &self,
        request: &RunRequest,
        observer: &dyn Observer,
        cancellation: &Cancellation,
    ) -> Result<RunReport, EngineError> {
        let report = self.run_unless_cancelled(request, observer, cancellation);
        report.map_err(EngineError::or_cancelled)
    }

    fn run_unless_cancelled(
        &self,
        request: &RunRequest,
        observer: &dyn Observer,
        cancellation: &Cancellation,
    ) -> Result<RunReport, EngineError> {
        let started_at = (request.clock)();
        let steps = self.selected(request)?;
        self.check_accepted(request)?;
        let path = self.warehouse_path();
        let _lock = RunLock::acquire(&path, &request.command, started_at)?;
        observer.reached(Point::Locked, "");
        let mut report = RunReport {
            pipeline: self.pipeline().name().to_owned(),
            run_id: run_id(started_at),
            logical_time: request.at,
            steps: vec![],
        };
        let noted = LastLoads::of(&path);
        if request.due
            && let Some(last) = noted.read()
            && self.due_steps(&steps, &last, request.at).is_empty()
        {
            return Ok(report);
        }
        let (warehouse, steps, ahead) = if request.due {
            let warehouse = Warehouse::open(&self.settings())?;
            observer.reached(Point::Opened, "");
            let last = warehouse.last_loads().map_err(EngineError::ReadWarehouse)?;
            let steps = self.due_steps(&steps, &last, request.at);
            (warehouse, steps, None)
        } else {
            let steps: Vec<_> = steps.into_iter().map(|step| (step, request.at)).collect();
            // Which plugins are needed does not depend on what is in the warehouse.
            let (warehouse, ahead) = thread::scope(|scope| {
                let opening = scope.spawn(|| Warehouse::open(&self.settings()));
                let ahead =
                    (!steps.is_empty()).then(|| self.resolve(request, &steps, cancellation));
                let warehouse = opening.join();
                let warehouse = warehouse.expect("opening a warehouse does not panic");
                (warehouse, ahead)
            });
            let warehouse = warehouse?;
            observer.reached(Point::Opened, "");
            (warehouse, steps, ahead)
        };
        if !steps.is_empty() {
            let ahead = ahead.unwrap_or_else(|| self.resolve(request, &steps, cancellation));
            let (mut resolver, resolved) = ahead?;
            observer.reached(Point::Resolved, "");
            resolver.write_lock()?;
            observer.reached(Point::Pinned, "");
            self.run_steps(
                request,
                &warehouse,
                (&resolved, &steps),
                &mut report,
                observer,
                cancellation,
            )?;
        }
        if request.due {
            let last = warehouse.last_loads();
            drop(warehouse);
            let written = last
                .map_err(io::Error::other)
                .and_then(|last| noted.write(&last));
            if let Err(error) = written {
                let error: &(dyn Error + 'static) = &error;
                tracing::warn!(
                    error,
                    "the next run will open the warehouse to see what is due"
                );
            }
        }
        Ok(report)
    }

    /// Loads the plugins of steps, each for its logical time.
    fn resolve<'a>(
        &'a self,
        request: &'a RunRequest,
        steps: &[(&'a Step, DateTime<Utc>)],
        cancellation: &'a Cancellation,
    ) -> Result<(Resolver<'a>, Vec<ResolvedStep<'a>>), EngineError> {
        let mut resolver = Resolver::new(self, request.cache.as_deref(), cancellation)?;
        let resolved = resolver.steps(steps)?;
        Ok((resolver, resolved))
    }

    /// Runs steps, each for its logical time.
    fn run_steps(
        &self,
        request: &RunRequest,
        warehouse: &Warehouse,
        (resolved, steps): (&[ResolvedStep<'_>], &[(&Step, DateTime<Utc>)]),
        report: &mut RunReport,
        observer: &dyn Observer,
        cancellation: &Cancellation,
    ) -> Result<(), EngineError> {
        let run = Run {
            project: self,
            warehouse,
            observer,
            cancellation,
            clock: request.clock,
            id: report.run_id.clone(),
            at: request.at,
            accept: &request.accept,
            threads: self.threads(),
            committed: Mutex::default(),
        };
        let executed = interruptible(warehouse, cancellation, || {
            for (resolved, (_, logical_time)) in resolved.iter().zip(steps) {
                let step = StepRun {
                    run: &run,
                    resolved,
                    logical_time: *logical_time,
                    scheduled: request.due,
                    replay: None,
                };
                if cancellation.is_cancelled() {
                    return Err(EngineError::Cancelled {
                        step: resolved.step.name.clone(),
                    });
                }
                report.steps.extend(step.execute()?);
            }
            Ok(())
        });
        let committed = run.committed.into_inner();
        let committed = committed.unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = executed {
            // What was committed before stays, so it is looked at all the same. The next process
            // to open the warehouse reads the write-ahead log: no checkpoint is needed.
            return Err(graver(error, warehouse.read_back(&committed)));
        }
        observer.reached(Point::Checkpointing, "");
        let written = if committed
            .load_ids()
            .any(|id| id % LOADS_PER_COMPACTION == 0)
        {
            warehouse.compact()
        } else {
            warehouse.checkpoint()
        };
        written.map_err(EngineError::Checkpoint)?;
        observer.reached(Point::Checkpointed, "");
        warehouse
            .read_back(&committed)
            .map_err(EngineError::ReadBack)
    }

    /// Returns the steps that were asked for, in order; all that can run if none was named.
    pub(crate) fn selected(&self, request: &RunRequest) -> Result<Vec<&Step>, EngineError> {
        let steps = self.pipeline().steps();
        for name in &request.steps {
            let Some(step) = self.pipeline().step(name) else {
                return Err(self.unknown_step(name));
            };
            if !is_runnable(step) {
                return Err(EngineError::NotRunnable { name: name.clone() });
            }
        }
        let asked = |step: &&Step| request.steps.is_empty() || request.steps.contains(&step.name);
        Ok(steps
            .iter()
            .filter(|step| is_runnable(step))
            .filter(asked)
            .collect())
    }

    /// Checks that the steps whose extracts are to be accepted have a guard.
    fn check_accepted(&self, request: &RunRequest) -> Result<(), EngineError> {
        for name in &request.accept {
            let step = self.pipeline().step(name);
            let step = step.ok_or_else(|| self.unknown_step(name))?;
            if !matches!(step.kind, StepKind::Snapshot(_)) {
                return Err(EngineError::NoGuard { name: name.clone() });
            }
        }
        Ok(())
    }

    pub(crate) fn unknown_step(&self, name: &str) -> EngineError {
        let steps = self.pipeline().steps().iter();
        EngineError::UnknownStep {
            name: name.to_owned(),
            known: steps.map(|step| step.name.clone()).collect(),
        }
    }

    /// Returns the steps that are due, each with the logical time that it runs for.
    fn due_steps<'a>(
        &self,
        steps: &[&'a Step],
        last: &HashMap<String, DateTime<Utc>>,
        at: DateTime<Utc>,
    ) -> Vec<(&'a Step, DateTime<Utc>)> {
        let due = |step: &&'a Step| {
            let due = due(self, step, last.get(&step.name).copied(), at);
            due.map(|due| (*step, due.tick))
        };
        steps.iter().filter_map(due).collect()
    }

    /// DuckDB's threads, and as many for what the host reads by itself.
    pub(crate) fn threads(&self) -> usize {
        let threads = self.pipeline().warehouse().threads;
        let threads = threads.and_then(|threads| usize::try_from(threads).ok());
        threads.unwrap_or_else(|| thread::available_parallelism().map_or(1, usize::from))
    }

    /// As many lanes as the manifest says, or one for two threads.
    ///
    /// A load spends most of its time on what DuckDB does, parsing and inserting. More lanes have to
    /// be routed to, and are faster only if the plugin itself takes long.
    pub(crate) fn lanes(&self, step: &Step) -> usize {
        let lanes = step.limits.lanes.and_then(|lanes| lanes.try_into().ok());
        lanes.unwrap_or_else(|| self.threads().div_ceil(2))
    }
}

/// Says whether a step runs by itself, rather than within those that name it as input.
pub(crate) fn is_runnable(step: &Step) -> bool {
    !matches!(step.kind, StepKind::Transform { store: false })
}

pub(crate) fn run_id(started_at: DateTime<Utc>) -> String {
    started_at.format("%Y%m%dT%H%M%S%.6fZ").to_string()
}

/// Returns why a run failed, or that something else is there than it had committed by then, which
/// is worse.
fn graver(failure: EngineError, read_back: Result<(), ReadBackError>) -> EngineError {
    match read_back {
        // A load whose commit was answered with an error may be there nevertheless.
        Err(ReadBackError::Differs(found)) if !is_unknown_load(&found) => {
            let error: &(dyn Error + 'static) = &failure;
            tracing::error!(error, "a step had failed before");
            EngineError::ReadBack(ReadBackError::Differs(found))
        }
        // What keeps the warehouse from being read may be why the step failed.
        Ok(()) | Err(_) => failure,
    }
}

fn is_unknown_load(found: &Inconsistency) -> bool {
    matches!(found, Inconsistency::UnknownLoad { .. })
}

/// Runs `work`, and interrupts whatever DuckDB is doing when the run is cancelled.
pub(crate) fn interruptible<T>(
    warehouse: &Warehouse,
    cancellation: &Cancellation,
    work: impl FnOnce() -> T,
) -> T {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                if cancellation.is_cancelled() {
                    warehouse.interrupter().interrupt();
                }
                thread::park_timeout(Duration::from_millis(20));
            }
        });
        let ended = Ended(&done);
        let result = work();
        drop(ended);
        watcher.thread().unpark();
        result
    })
}

/// Says that the work has ended, also if it panicked: the watcher would wait for ever.
struct Ended<'a>(&'a AtomicBool);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_committed_and_is_not_there_is_graver_than_a_failure() {
        let told = |found: Option<Inconsistency>| {
            let failure = EngineError::Cancelled {
                step: "views".to_owned(),
            };
            let read_back = found.map_or(Ok(()), |found| Err(ReadBackError::Differs(found)));
            graver(failure, read_back)
        };
        let (load_id, step) = (1, "users".to_owned());
        assert!(matches!(told(None), EngineError::Cancelled { .. }));
        let unknown = Inconsistency::UnknownLoad {
            load_id,
            step: step.clone(),
        };
        assert!(matches!(told(Some(unknown)), EngineError::Cancelled { .. }));
        let missing = Inconsistency::NoLoad { load_id, step };
        assert!(matches!(told(Some(missing)), EngineError::ReadBack(_)));
    }
}
