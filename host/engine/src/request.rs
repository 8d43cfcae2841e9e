//! What a caller asks of the engine.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use chrono::{DateTime, Utc};
use wigeon_runtime::Runtime;

use crate::{Point, StepReport};

/// Which steps to run, or to plan, and for when.
#[derive(Debug, Clone)]
pub struct RunRequest {
    /// Only these steps; all of them if empty.
    pub steps: Vec<String>,
    /// Only steps with a tick of their schedule since their last run.
    pub due: bool,
    /// Snapshot steps that may, in this run, take one extract that their guard stops: the first.
    pub accept: Vec<String>,
    /// The logical time: the time that the run stands for. Extracts with a later time in their
    /// name are not seen.
    pub at: DateTime<Utc>,
    /// Where compiled plugins are kept; they are compiled anew for each run if there is none.
    pub cache: Option<PathBuf>,
    /// What to tell a second invocation about this one: the command line.
    pub command: String,
    /// The clock, for the times at which loads start and end.
    pub clock: fn() -> DateTime<Utc>,
}

/// Follows a run. All methods are called from the thread that called `run`, but for
/// [`Observer::progress`] and [`Observer::reached`].
pub trait Observer: Sync {
    /// A step begins: its name, and how many input files it has, if it reads files.
    fn started(&self, step: &str, inputs: usize) {
        let _ = (step, inputs);
    }

    /// Rows were read or written, in total since the step began. Called often, from any thread.
    fn progress(&self, step: &str, rows_in: u64, rows_out: u64) {
        let _ = (step, rows_in, rows_out);
    }

    /// A load of a step ended. A step that has several extracts to take ends several times.
    fn finished(&self, report: &StepReport) {
        let _ = report;
    }

    /// The run has come to a point at which a test may want it to stop or to die. `step` is the
    /// step that is under way, empty before the first and after the last. Called from any thread.
    fn reached(&self, point: Point, step: &str) {
        let _ = (point, step);
    }
}

/// An observer that looks away.
#[derive(Debug, Clone, Copy)]
pub struct Unobserved;

impl Observer for Unobserved {}

/// Stops a run from another thread: at once, with nothing of the current load stored. A plugin's
/// call that is under way is cut, and a registry is not waited for any longer.
#[derive(Debug, Clone, Default)]
pub struct Cancellation(Arc<AtomicBool>);

impl Cancellation {
    /// Asks the run to stop.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Says whether the run was asked to stop.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Returns what is set once the run was asked to stop.
    pub(crate) fn flag(&self) -> &AtomicBool {
        &self.0
    }

    /// Starts a runtime whose plugins' calls are cut when the run is asked to stop.
    pub(crate) fn runtime(&self, cache: Option<&Path>) -> Runtime {
        let cancellation = self.clone();
        Runtime::new(cache).stopped_by(move || cancellation.is_cancelled())
    }
}
