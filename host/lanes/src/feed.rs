//! The thread that feeds the lanes: both streams, or only what is needed of the first.
//!
//! The first stream is what the rows of the second are looked up in, and may be far longer: twenty
//! million versions for an hour's rows. So the second stream is read first, as far as a [`Budget`]
//! allows. If it ends within it, the keys that occur are known, and the others of the first stream
//! never reach a lane.

use arrow_array::RecordBatch;
use arrow_schema::ArrowError;
use arrow_select::concat::concat_batches;

use crate::{
    exchange::{RouteError, Router, hash_integer, pass_of},
    failure::{Failure, Stopped},
    far_keys::FarKeysLast,
    key_filter::KeyFilter,
    key_set::KeySet,
    queue::Inflow,
    run::{Follow, Inlet},
};

/// Rows that are handed over at once where few of each batch are left: as many as DuckDB's own
/// batches have.
const COALESCED_ROWS: usize = 2_048;

/// How much of the second stream may be held before the first is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// So many rows of a pass, or a few more.
    pub rows: u64,
    /// So much memory, or a little more.
    pub bytes: usize,
}

impl Budget {
    /// Returns what of it is for each of so many passes, which come one after the other.
    #[must_use]
    pub fn for_one_of(self, passes: usize) -> Self {
        Self {
            rows: self.rows / passes as u64,
            ..self
        }
    }
}

/// A batch of a stream, or why there is none.
type Batch<T, E> = Result<RecordBatch, Stopped<T, E>>;

/// What feeds the lanes of one pass.
pub(crate) struct Feed<'a, F> {
    /// Which pass, and how many there are.
    pub(crate) pass: (usize, usize),
    pub(crate) follow: &'a dyn Follow,
    pub(crate) failure: &'a Failure<F>,
}

impl<T, E> Feed<'_, Stopped<T, E>> {
    /// Hands the rows of both streams to the lanes: all of the first before any of the second.
    pub(crate) fn run(
        &self,
        first: Inlet<'_, E>,
        second: Inlet<'_, E>,
        mut first_in: Vec<Inflow>,
        mut second_in: Vec<Inflow>,
        budget: Option<Budget>,
    ) -> Result<(), Stopped<T, E>> {
        let lanes = second_in.len();
        let first_router = Router::new(first.key, lanes);
        let mut first = first.rows.map(|batch| batch.map_err(Stopped::Outside));
        let second_router = Router::new(second.key.clone(), lanes);
        let rows = second.rows.map(|batch| batch.map_err(Stopped::Outside));
        let mut second = FarKeysLast::new(rows, second.key, Stopped::Route);
        let held = match budget {
            Some(budget) => self.hold(&mut second, &second_router, budget)?,
            None => Held::default(),
        };
        let filter = held.ended.then(|| held.keys.filter());
        self.feed(
            &mut first,
            &first_router,
            &mut first_in,
            filter.as_ref(),
            false,
        )?;
        // The lanes learn that there is no more of it.
        drop((first_in, filter));
        for (lane, rows) in held.rows {
            send(&mut second_in, lane, rows);
        }
        if !held.ended {
            self.feed(&mut second, &second_router, &mut second_in, None, true)?;
        }
        drop(second_in);
        Ok(())
    }

    /// Reads the second stream until it ends, or the budget does.
    fn hold(
        &self,
        stream: &mut dyn Iterator<Item = Batch<T, E>>,
        router: &Router,
        budget: Budget,
    ) -> Result<Held, Stopped<T, E>> {
        let mut held = Held::default();
        while (held.keys.len() as u64) < budget.rows && held.bytes < budget.bytes {
            let Some(batch) = self.next(stream)? else {
                held.ended = true;
                return Ok(held);
            };
            let before = held.keys.len();
            let (rows, bytes, keys) = (&mut held.rows, &mut held.bytes, &mut held.keys);
            let integers = router.integers(&batch).map_err(Stopped::Route)?;
            let mut integers = integers.iter().flat_map(|keys| keys.values().iter());
            let keep = |hash| {
                let integer = integers.next();
                let keep = self.is_of_pass(hash, router.lanes());
                if keep {
                    keys.push(hash, integer);
                }
                keep
            };
            let routed = router.route_kept(&batch, keep, |lane, part| {
                *bytes += part.get_array_memory_size();
                rows.push((lane, part));
            });
            routed.map_err(|error| stopped(error, &batch))?;
            let kept = held.keys.len() - before;
            held.bytes += kept * size_of::<u64>();
            self.follow.took(kept as u64);
        }
        // The keys that occur remain unknown.
        held.keys = Keys::default();
        Ok(held)
    }

    /// Hands over the rest of a stream: the rows of the pass, if the filter lets them through.
    fn feed(
        &self,
        stream: &mut dyn Iterator<Item = Batch<T, E>>,
        router: &Router,
        lanes: &mut [Inflow],
        filter: Option<&Filter>,
        counts: bool,
    ) -> Result<(), Stopped<T, E>> {
        let all = self.pass.1 == 1 && filter.is_none();
        let mut waiting = Coalesced::new(lanes.len());
        while let Some(batch) = self.next(stream)? {
            let mut kept = 0;
            let routed = if all {
                kept = batch.num_rows();
                router.route(&batch, |lane, rows| send(lanes, lane, rows))
            } else {
                let of_pass = |hash: u64| self.is_of_pass(hash, lanes.len());
                let send = |lane, rows: RecordBatch| {
                    kept += rows.num_rows();
                    waiting.push(lane, rows);
                };
                match filter {
                    None => router.route_kept(&batch, of_pass, send),
                    Some(Filter::Hashes(filter)) => {
                        let keep = |hash| of_pass(hash) && filter.lets_through(hash);
                        router.route_kept(&batch, keep, send)
                    }
                    Some(Filter::Integers(known)) => {
                        let keep: Option<&dyn Fn(u64) -> bool> = match self.pass.1 {
                            1 => None,
                            _ => Some(&of_pass),
                        };
                        router.route_known(&batch, known, keep, send)
                    }
                }
            };
            routed.map_err(|error| stopped(error, &batch))?;
            waiting.send_full(lanes).map_err(Stopped::Route)?;
            if counts {
                self.follow.took(kept as u64);
            }
        }
        waiting.send_all(lanes).map_err(Stopped::Route)
    }

    fn is_of_pass(&self, hash: u64, lanes: usize) -> bool {
        let (pass, passes) = self.pass;
        passes == 1 || pass_of(hash, lanes, passes) == pass
    }

    /// Returns the next batch of a stream, none if a lane has failed.
    fn next(
        &self,
        stream: &mut dyn Iterator<Item = Batch<T, E>>,
    ) -> Result<Option<RecordBatch>, Stopped<T, E>> {
        let batch = stream.next();
        if self.follow.is_cancelled() {
            return Err(Stopped::Cancelled);
        }
        let batch = batch.filter(|_| !self.failure.is_set());
        batch.transpose()
    }
}

fn stopped<T, E>(error: RouteError, batch: &RecordBatch) -> Stopped<T, E> {
    match error {
        RouteError::NullKey(column) => {
            Stopped::NullKey(batch.schema_ref().field(column).name().clone())
        }
        RouteError::Arrow(error) => Stopped::Route(error),
    }
}

/// A lane that is gone has told why.
fn send(lanes: &mut [Inflow], lane: usize, rows: RecordBatch) {
    lanes[lane].put(rows);
}

/// What was read of the second stream before the first: rows for the lanes, and their keys.
#[derive(Default)]
struct Held {
    rows: Vec<(usize, RecordBatch)>,
    keys: Keys,
    bytes: usize,
    /// Whether this is the whole stream.
    ended: bool,
}

/// Keys of rows: themselves, if they are integers, and their hashes otherwise.
#[derive(Default)]
struct Keys {
    integers: Vec<i64>,
    hashes: Vec<u64>,
}

/// Which keys of the first stream are needed.
enum Filter {
    Hashes(KeyFilter),
    Integers(KeySet),
}

impl Keys {
    fn len(&self) -> usize {
        self.integers.len() + self.hashes.len()
    }

    fn push(&mut self, hash: u64, integer: Option<&i64>) {
        match integer {
            Some(integer) => self.integers.push(*integer),
            None => self.hashes.push(hash),
        }
    }

    fn filter(&self) -> Filter {
        if self.integers.is_empty() {
            return Filter::Hashes(KeyFilter::new(&self.hashes));
        }
        if let Some(known) = KeySet::new(&self.integers) {
            return Filter::Integers(known);
        }
        let hashes = self.integers.iter().copied().map(hash_integer);
        Filter::Hashes(KeyFilter::new(&hashes.collect::<Vec<_>>()))
    }
}

/// Rows on their way to lanes, joined so that few calls hand them over.
struct Coalesced {
    waiting: Vec<Vec<RecordBatch>>,
}

impl Coalesced {
    fn new(lanes: usize) -> Self {
        Self {
            waiting: vec![vec![]; lanes],
        }
    }

    fn push(&mut self, lane: usize, rows: RecordBatch) {
        self.waiting[lane].push(rows);
    }

    fn send_full(&mut self, lanes: &mut [Inflow]) -> Result<(), ArrowError> {
        for lane in 0..lanes.len() {
            let rows: usize = self.waiting[lane].iter().map(RecordBatch::num_rows).sum();
            if rows >= COALESCED_ROWS {
                self.send(lane, lanes)?;
            }
        }
        Ok(())
    }

    fn send_all(&mut self, lanes: &mut [Inflow]) -> Result<(), ArrowError> {
        (0..lanes.len()).try_for_each(|lane| self.send(lane, lanes))
    }

    fn send(&mut self, lane: usize, lanes: &mut [Inflow]) -> Result<(), ArrowError> {
        let waiting = std::mem::take(&mut self.waiting[lane]);
        if let [first, ..] = waiting.as_slice() {
            let rows = concat_batches(first.schema_ref(), &waiting)?;
            send(lanes, lane, rows);
        }
        Ok(())
    }
}
