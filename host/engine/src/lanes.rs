//! Lanes: one task each, fed by key, and emptied into the warehouse.
//!
//! ```text
//! first  ──► (transforms) ──► router ──┬──► lane 0 ──┐
//! second ──► (transforms) ──► router ──┴──► lane 1 ──┴──► sink
//! ```
//!
//! One thread feeds, one works in each lane, and the caller's thread is the sink's. All queues are
//! bounded, so nothing is held but a few batches for each lane. The first failure stops all of
//! them, and the sink learns of it before it can commit.

mod feed;
#[cfg(test)]
mod tests;

pub(crate) use feed::Budget;

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use arrow_array::{RecordBatch, RecordBatchReader};
use arrow_schema::{ArrowError, SchemaRef};
use crossbeam_channel::{Receiver, Sender, bounded};
use wigeon_runtime::{Task, run_task};

use crate::{Cancellation, EngineError, Observer, exchange::Router};
use feed::Feed;

/// How many batches may wait for a lane, and how many for the sink.
const QUEUE: usize = 16;

/// A stream of batches into the lanes.
pub(crate) type Rows<'a> = Box<dyn Iterator<Item = Result<RecordBatch, EngineError>> + Send + 'a>;

/// One of the two streams into the lanes.
pub(crate) struct Inlet<'a> {
    pub(crate) rows: Rows<'a>,
    pub(crate) router: Router,
}

/// What a run of the lanes counts and obeys.
pub(crate) struct Progress<'a> {
    pub(crate) step: &'a str,
    pub(crate) observer: &'a dyn Observer,
    pub(crate) cancellation: &'a Cancellation,
    pub(crate) rows_in: AtomicU64,
    pub(crate) rows_out: AtomicU64,
}

impl<'a> Progress<'a> {
    pub(crate) fn new(
        step: &'a str,
        observer: &'a dyn Observer,
        cancellation: &'a Cancellation,
    ) -> Self {
        Self {
            step,
            observer,
            cancellation,
            rows_in: AtomicU64::new(0),
            rows_out: AtomicU64::new(0),
        }
    }

    pub(crate) fn rows_in(&self) -> u64 {
        self.rows_in.load(Ordering::Relaxed)
    }

    pub(crate) fn rows_out(&self) -> u64 {
        self.rows_out.load(Ordering::Relaxed)
    }

    fn add_rows_in(&self, rows: u64) {
        self.rows_in.fetch_add(rows, Ordering::Relaxed);
    }

    fn report(&self) {
        self.observer
            .progress(self.step, self.rows_in(), self.rows_out());
    }
}

/// The first failure of any thread.
#[derive(Clone, Default)]
struct Failure {
    error: Arc<Mutex<Option<EngineError>>>,
    failed: Arc<AtomicBool>,
}

impl Failure {
    fn set(&self, error: EngineError) {
        let mut first = self.error.lock().unwrap_or_else(PoisonError::into_inner);
        first.get_or_insert(error);
        self.failed.store(true, Ordering::Release);
    }

    fn is_set(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }

    fn take(&self) -> Option<EngineError> {
        let mut first = self.error.lock().unwrap_or_else(PoisonError::into_inner);
        first.take()
    }
}

/// Runs `tasks`, one in each lane, over the two streams, and gives what they emit to `sink`. With a
/// `budget`, of the first stream only keys need arrive that are in the second.
///
/// The sink's reader ends with an error if anything failed, so what it stores must be rolled back
/// when it returns one.
pub(crate) fn run<T, R>(
    tasks: Vec<T>,
    first: Inlet<'_>,
    second: Inlet<'_>,
    budget: Option<Budget>,
    schema: &SchemaRef,
    progress: &Progress<'_>,
    sink: impl FnOnce(Box<dyn RecordBatchReader + Send>) -> Result<R, EngineError>,
) -> Result<R, EngineError>
where
    T: Task + Send,
    T::Error: IntoEngineError,
{
    let failure = Failure::default();
    let lanes = tasks.len();
    let queues = || -> (Vec<Sender<RecordBatch>>, Vec<Receiver<RecordBatch>>) {
        (0..lanes).map(|_| bounded(QUEUE)).unzip()
    };
    let (first_in, first_out) = queues();
    let (second_in, second_out) = queues();
    let (emitted, to_sink) = bounded::<RecordBatch>(QUEUE * lanes);
    let result = std::thread::scope(|scope| {
        scope.spawn(|| {
            let (first_in, second_in) = (first_in, second_in);
            let feed = Feed {
                progress,
                failure: &failure,
            };
            if let Err(error) = feed.run(first, second, first_in, &second_in, budget) {
                failure.set(error);
            }
        });
        for ((mut task, first), second) in tasks.into_iter().zip(first_out).zip(second_out) {
            let (emitted, failure) = (emitted.clone(), failure.clone());
            scope.spawn(move || {
                let emit = |batch: RecordBatch| {
                    let rows = batch.num_rows() as u64;
                    progress.rows_out.fetch_add(rows, Ordering::Relaxed);
                    emitted.send(batch).is_ok()
                };
                let second = second.into_iter().take_while(|_| !failure.is_set());
                if let Err(error) = run_task(&mut task, first.into_iter(), second, emit) {
                    failure.set(error.into_engine_error(progress.step));
                }
            });
        }
        drop(emitted);
        let reader = Emitted {
            schema: SchemaRef::clone(schema),
            batches: to_sink,
            failure: failure.clone(),
            ended: false,
        };
        let result = sink(Box::new(reader));
        if result.is_err() {
            // The lanes may be waiting for a sink that is gone; the reader was dropped with it.
            failure.failed.store(true, Ordering::Release);
        }
        result
    });
    match failure.take() {
        Some(error) => Err(error),
        None => result,
    }
}

/// What the lanes emit, as a reader for the warehouse.
struct Emitted {
    schema: SchemaRef,
    batches: Receiver<RecordBatch>,
    failure: Failure,
    ended: bool,
}

impl Iterator for Emitted {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        match self.batches.recv() {
            Ok(batch) if !self.failure.is_set() => {
                // The plugin's schema and the table's agree in names and types, which were
                // checked, but a key that cannot be null may be nullable to the plugin.
                Some(batch.with_schema(SchemaRef::clone(&self.schema)))
            }
            Err(_) if !self.failure.is_set() => {
                self.ended = true;
                None
            }
            _ => {
                self.ended = true;
                let text = "the step failed before all rows were there";
                Some(Err(ArrowError::ComputeError(text.to_owned())))
            }
        }
    }
}

impl RecordBatchReader for Emitted {
    fn schema(&self) -> SchemaRef {
        SchemaRef::clone(&self.schema)
    }
}

/// A task's error as the engine's.
pub(crate) trait IntoEngineError {
    fn into_engine_error(self, step: &str) -> EngineError;
}

impl IntoEngineError for wigeon_runtime::PluginError {
    fn into_engine_error(self, step: &str) -> EngineError {
        EngineError::Plugin {
            step: step.to_owned(),
            source: self,
        }
    }
}
