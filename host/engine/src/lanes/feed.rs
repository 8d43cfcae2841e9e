//! The thread that feeds the lanes: both streams, or only what is needed of the first.
//!
//! The first stream is what the rows of the second are looked up in, and may be far longer: twenty
//! million versions for an hour's rows. So the second stream is read first, as far as a [`Budget`]
//! allows. If it ends within it, the keys that occur are known, and the others of the first stream
//! never reach a lane.

use arrow_array::RecordBatch;
use arrow_schema::ArrowError;
use arrow_select::concat::concat_batches;
use crossbeam_channel::Sender;

use super::{Failure, Inlet, Progress, Rows};
use crate::{DataError, EngineError, exchange::RouteError, key_filter::KeyFilter};

/// Rows that are handed over at once where few of each batch are left: as many as DuckDB's own
/// batches have.
const COALESCED_ROWS: usize = 2_048;

/// How much of the second stream may be held before the first is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Budget {
    pub(crate) rows: u64,
    pub(crate) bytes: usize,
}

/// Where the rows of each stream go.
pub(super) struct Feed<'a> {
    pub(super) progress: &'a Progress<'a>,
    pub(super) failure: &'a Failure,
}

impl Feed<'_> {
    /// Hands the rows of both streams to the lanes: all of the first before any of the second.
    pub(super) fn run(
        &self,
        mut first: Inlet<'_>,
        mut second: Inlet<'_>,
        first_in: Vec<Sender<RecordBatch>>,
        second_in: &[Sender<RecordBatch>],
        budget: Option<Budget>,
    ) -> Result<(), EngineError> {
        let held = match budget {
            Some(budget) => self.hold(&mut second, budget)?,
            None => Held::default(),
        };
        if let Some(filter) = held.ended.then(|| KeyFilter::new(&held.hashes)) {
            self.feed_some(&mut first, &first_in, &filter)?;
        } else {
            self.feed(&mut first, &first_in, false)?;
        }
        // The lanes learn that there is no more of it.
        drop(first_in);
        for (lane, rows) in held.rows {
            send(second_in, lane, rows);
        }
        if !held.ended {
            self.feed(&mut second, second_in, true)?;
        }
        Ok(())
    }

    /// Reads the second stream until it ends, or the budget does.
    fn hold(&self, second: &mut Inlet<'_>, budget: Budget) -> Result<Held, EngineError> {
        let mut held = Held::default();
        while held.count < budget.rows && held.bytes < budget.bytes {
            let Some(batch) = self.next(&mut second.rows)? else {
                held.ended = true;
                return Ok(held);
            };
            self.count(&batch);
            let (rows, bytes, hashes) = (&mut held.rows, &mut held.bytes, &mut held.hashes);
            let keep = |hash| {
                hashes.push(hash);
                true
            };
            let routed = second.router.route_kept(&batch, keep, |lane, part| {
                *bytes += part.get_array_memory_size();
                rows.push((lane, part));
            });
            routed.map_err(|error| self.route_error(error, &batch))?;
            held.bytes += batch.num_rows() * size_of::<u64>();
            held.count += batch.num_rows() as u64;
        }
        // The keys that occur remain unknown.
        held.hashes = vec![];
        Ok(held)
    }

    /// Hands over the rows of a stream whose keys the filter lets through.
    fn feed_some(
        &self,
        inlet: &mut Inlet<'_>,
        lanes: &[Sender<RecordBatch>],
        filter: &KeyFilter,
    ) -> Result<(), EngineError> {
        let mut waiting = Coalesced::new(lanes);
        while let Some(batch) = self.next(&mut inlet.rows)? {
            let mut joined = Ok(());
            let routed = inlet.router.route_kept(
                &batch,
                |hash| filter.lets_through(hash),
                |lane, rows| {
                    if joined.is_ok() {
                        joined = waiting.push(lane, rows);
                    }
                },
            );
            routed.map_err(|error| self.route_error(error, &batch))?;
            joined.map_err(|error| self.route_error(RouteError::Arrow(error), &batch))?;
        }
        waiting.finish().map_err(|source| EngineError::Arrow {
            step: self.progress.step.to_owned(),
            source,
        })
    }

    /// Hands over all rows of a stream.
    fn feed(
        &self,
        inlet: &mut Inlet<'_>,
        lanes: &[Sender<RecordBatch>],
        counts: bool,
    ) -> Result<(), EngineError> {
        while let Some(batch) = self.next(&mut inlet.rows)? {
            if counts {
                self.count(&batch);
            }
            let routed = inlet
                .router
                .route(&batch, |lane, rows| send(lanes, lane, rows));
            routed.map_err(|error| self.route_error(error, &batch))?;
        }
        Ok(())
    }

    /// Returns the next batch of a stream, none if a lane has failed.
    fn next(&self, rows: &mut Rows<'_>) -> Result<Option<RecordBatch>, EngineError> {
        let batch = rows.next();
        if self.progress.cancellation.is_cancelled() {
            return Err(EngineError::Cancelled {
                step: self.progress.step.to_owned(),
            });
        }
        batch.filter(|_| !self.failure.is_set()).transpose()
    }

    fn count(&self, batch: &RecordBatch) {
        self.progress.add_rows_in(batch.num_rows() as u64);
        self.progress.report();
    }

    fn route_error(&self, error: RouteError, batch: &RecordBatch) -> EngineError {
        let step = self.progress.step.to_owned();
        match error {
            RouteError::NullKey(column) => EngineError::Data {
                step,
                source: DataError::NullKey {
                    path: String::new(),
                    column: batch.schema_ref().field(column).name().clone(),
                    place: String::new(),
                },
            },
            RouteError::Arrow(source) => EngineError::Arrow { step, source },
        }
    }
}

/// A lane that is gone has told why.
fn send(lanes: &[Sender<RecordBatch>], lane: usize, rows: RecordBatch) {
    drop(lanes[lane].send(rows));
}

/// What was read of the second stream before the first: rows for the lanes, and their keys.
#[derive(Default)]
struct Held {
    rows: Vec<(usize, RecordBatch)>,
    hashes: Vec<u64>,
    count: u64,
    bytes: usize,
    /// Whether this is the whole stream.
    ended: bool,
}

/// Rows on their way to lanes, joined so that few calls hand them over.
struct Coalesced<'a> {
    lanes: &'a [Sender<RecordBatch>],
    waiting: Vec<Vec<RecordBatch>>,
}

impl<'a> Coalesced<'a> {
    fn new(lanes: &'a [Sender<RecordBatch>]) -> Self {
        Self {
            lanes,
            waiting: vec![vec![]; lanes.len()],
        }
    }

    fn push(&mut self, lane: usize, rows: RecordBatch) -> Result<(), ArrowError> {
        let waiting = &mut self.waiting[lane];
        waiting.push(rows);
        let count: usize = waiting.iter().map(RecordBatch::num_rows).sum();
        if count >= COALESCED_ROWS {
            self.send(lane)?;
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), ArrowError> {
        (0..self.lanes.len()).try_for_each(|lane| self.send(lane))
    }

    fn send(&mut self, lane: usize) -> Result<(), ArrowError> {
        let waiting = std::mem::take(&mut self.waiting[lane]);
        if let [first, ..] = waiting.as_slice() {
            send(
                self.lanes,
                lane,
                concat_batches(first.schema_ref(), &waiting)?,
            );
        }
        Ok(())
    }
}
