//! The threads of the lanes, and the queues between them.

use std::{
    fmt,
    sync::{Arc, atomic::AtomicBool},
    thread,
};

use arrow_array::{RecordBatch, RecordBatchReader};
use arrow_schema::{ArrowError, SchemaRef};
use wigeon_runtime::{Task, run_task};

use crate::{
    failure::{Failure, Stopped, is_set},
    feed::{Budget, Feed},
    queue::{Inflow, Outflow, queue},
};

/// How many bundles of batches may wait for a lane, and how many of each lane for the sink.
const QUEUE: usize = 4;

/// A stream of batches into the lanes.
pub type Rows<'a, E> = Box<dyn Iterator<Item = Result<RecordBatch, E>> + Send + 'a>;

/// One of the two streams into the lanes.
pub struct Inlet<'a, E> {
    /// The batches. Of the second inlet, a lane sees rows with keys far from the others' last.
    pub rows: Rows<'a, E>,
    /// The columns that make the key.
    pub key: Vec<usize>,
}

/// What a pass works on.
#[derive(Debug)]
pub struct Pass<'a, T, E> {
    /// One for each lane.
    pub tasks: Vec<T>,
    /// The rows that the tasks keep.
    pub first: Inlet<'a, E>,
    /// The rows that they work on.
    pub second: Inlet<'a, E>,
    /// How much of the second stream may be read before the first. If it ends within that, only
    /// keys that are in it need arrive of the first.
    pub budget: Option<Budget>,
}

impl<E> fmt::Debug for Inlet<'_, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inlet")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

/// Follows the rows through the lanes, and may stop them.
pub trait Follow: Sync {
    /// Rows of the second stream were taken in. Called from one thread, often.
    fn took(&self, rows: u64);

    /// Rows were emitted. Called from the threads of all lanes, often.
    fn gave(&self, rows: u64);

    /// Says whether the lanes should stop.
    fn is_cancelled(&self) -> bool;
}

/// Runs a step in `passes` passes, and gives what its tasks emit to `sink`.
///
/// `open` opens each pass when the one before it is done and its tasks are dropped: the first one
/// before `sink` is called, on the caller's thread. It is told the number of the pass, from 0.
///
/// The sink's reader ends with an error if anything failed, so what it stores must be rolled back
/// when this returns one.
///
/// # Errors
///
/// [`Stopped`], with the first failure of any thread.
///
/// # Panics
///
/// Panics if a task, a stream, `open` or `sink` does, when all threads have ended. The sink's reader
/// ends with an error then too.
pub fn run<'a, T, E, R>(
    passes: usize,
    mut open: impl FnMut(usize) -> Result<Pass<'a, T, E>, E> + Send,
    schema: &SchemaRef,
    follow: &dyn Follow,
    sink: impl FnOnce(Box<dyn RecordBatchReader + Send>) -> Result<R, E>,
) -> Result<R, Stopped<T::Error, E>>
where
    T: Task + Send,
    T::Error: Send,
    E: Send,
{
    let first = open(0)?;
    let failure = Failure::default();
    let (emitted, to_sink) = queue(QUEUE * first.tasks.len());
    let result = thread::scope(|scope| {
        scope.spawn(|| {
            let (emitted, mut opened) = (emitted, Some(Ok(first)));
            let _guard = failure.set_by_panic();
            for number in 0..passes {
                let pass = opened.take().unwrap_or_else(|| open(number));
                match pass {
                    Ok(pass) => run_pass(pass, (number, passes), follow, &failure, &emitted),
                    Err(error) => failure.set(Stopped::Outside(error)),
                }
                if failure.is_set() {
                    return;
                }
            }
        });
        let _guard = failure.set_by_panic();
        let reader = Emitted {
            schema: SchemaRef::clone(schema),
            batches: to_sink,
            failed: failure.flag(),
            ended: false,
        };
        let result = sink(Box::new(reader));
        if result.is_err() {
            // The lanes may be waiting for a sink that is gone; the reader was dropped with it.
            failure.stop();
        }
        result
    });
    match failure.take() {
        Some(stopped) => Err(stopped),
        None => result.map_err(Stopped::Outside),
    }
}

/// Runs the tasks of a pass to their end, and drops them.
fn run_pass<T, E>(
    pass: Pass<'_, T, E>,
    number: (usize, usize),
    follow: &dyn Follow,
    failure: &Failure<Stopped<T::Error, E>>,
    emitted: &Inflow,
) where
    T: Task + Send,
    T::Error: Send,
    E: Send,
{
    let queues =
        || -> (Vec<Inflow>, Vec<Outflow>) { pass.tasks.iter().map(|_| queue(QUEUE)).unzip() };
    let (first_in, first_out) = queues();
    let (second_in, second_out) = queues();
    thread::scope(|scope| {
        for ((mut task, first), second) in pass.tasks.into_iter().zip(first_out).zip(second_out) {
            let mut emitted = emitted.clone();
            scope.spawn(move || {
                let _guard = failure.set_by_panic();
                let emit = |batch: RecordBatch| {
                    follow.gave(batch.num_rows() as u64);
                    emitted.put(batch)
                };
                let second = second.take_while(|_| !failure.is_set());
                if let Err(error) = run_task(&mut task, first, second, emit) {
                    failure.set(Stopped::Task(error));
                }
            });
        }
        let feed = Feed {
            pass: number,
            follow,
            failure,
        };
        if let Err(stopped) = feed.run(pass.first, pass.second, first_in, second_in, pass.budget) {
            failure.set(stopped);
        }
    });
}

/// What the lanes emit, as a reader for the warehouse.
struct Emitted {
    schema: SchemaRef,
    batches: Outflow,
    failed: Arc<AtomicBool>,
    ended: bool,
}

impl Iterator for Emitted {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        match self.batches.next() {
            Some(batch) if !is_set(&self.failed) => {
                // The plugin's schema and the table's agree in names and types, which were
                // checked, but a key that cannot be null may be nullable to the plugin.
                Some(batch.with_schema(SchemaRef::clone(&self.schema)))
            }
            None if !is_set(&self.failed) => {
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
