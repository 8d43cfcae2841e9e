//! Queues between threads that hand over several batches at once.
//!
//! DuckDB's batches have 2,048 rows. Waking the thread at the other end for each of them costs more
//! than what it then does with some of them.

use arrow_array::RecordBatch;
use crossbeam_channel::{Receiver, Sender, bounded};

/// So many rows are handed over at once, or a few more.
const BUNDLED_ROWS: usize = 8 * 2_048;

/// And never more batches than this.
const BUNDLED_BATCHES: usize = 16;

/// Several batches, in their order.
type Bundle = Vec<RecordBatch>;

/// The end of a queue that batches are put into. What still waits is handed over when it is dropped.
#[derive(Debug)]
pub(crate) struct Inflow {
    sender: Sender<Bundle>,
    waiting: Bundle,
    waiting_rows: usize,
}

/// The end that batches are taken from.
#[derive(Debug)]
pub(crate) struct Outflow {
    receiver: Receiver<Bundle>,
    taken: std::vec::IntoIter<RecordBatch>,
}

/// Makes a queue in which so many bundles may wait.
pub(crate) fn queue(bundles: usize) -> (Inflow, Outflow) {
    let (sender, receiver) = bounded(bundles);
    let outflow = Outflow {
        receiver,
        taken: vec![].into_iter(),
    };
    (Inflow::new(sender), outflow)
}

impl Inflow {
    fn new(sender: Sender<Bundle>) -> Self {
        Self {
            sender,
            waiting: vec![],
            waiting_rows: 0,
        }
    }

    /// Puts a batch into the queue. Returns whether the other end is still there, as far as is known.
    pub(crate) fn put(&mut self, batch: RecordBatch) -> bool {
        self.waiting_rows += batch.num_rows();
        self.waiting.push(batch);
        if self.waiting_rows < BUNDLED_ROWS && self.waiting.len() < BUNDLED_BATCHES {
            return true;
        }
        self.hand_over()
    }

    fn hand_over(&mut self) -> bool {
        self.waiting_rows = 0;
        self.sender.send(std::mem::take(&mut self.waiting)).is_ok()
    }
}

/// Another way into the same queue.
impl Clone for Inflow {
    fn clone(&self) -> Self {
        Self::new(self.sender.clone())
    }
}

impl Drop for Inflow {
    fn drop(&mut self) {
        if !self.waiting.is_empty() {
            self.hand_over();
        }
    }
}

impl Iterator for Outflow {
    type Item = RecordBatch;

    /// Waits for the next batch. Ends when all of the other ends are gone.
    fn next(&mut self) -> Option<RecordBatch> {
        loop {
            if let Some(batch) = self.taken.next() {
                return Some(batch);
            }
            self.taken = self.receiver.recv().ok()?.into_iter();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, thread};

    use arrow_array::{ArrayRef, Int64Array, cast::AsArray, types::Int64Type};

    use super::*;

    fn batch(first: i64, rows: usize) -> RecordBatch {
        let values: Int64Array = (first..).take(rows).collect();
        let values: ArrayRef = Arc::new(values);
        RecordBatch::try_from_iter([("n", values)]).unwrap()
    }

    fn firsts(outflow: Outflow) -> Vec<i64> {
        let first = |batch: RecordBatch| batch.column(0).as_primitive::<Int64Type>().value(0);
        outflow.map(first).collect()
    }

    #[test]
    fn batches_arrive_in_their_order_and_none_is_kept_back() {
        for count in [0, 1, 15, 16, 17, 100] {
            let (mut inflow, outflow) = queue(2);
            let taking = thread::spawn(|| firsts(outflow));
            for number in 0..count {
                assert!(inflow.put(batch(number, 1)));
            }
            drop(inflow);
            assert_eq!(taking.join().unwrap(), (0..count).collect::<Vec<_>>());
        }
    }

    #[test]
    fn many_rows_do_not_wait_for_more() {
        let (mut inflow, mut outflow) = queue(1);
        inflow.put(batch(7, BUNDLED_ROWS));
        assert_eq!(
            outflow.next().map(|batch| batch.num_rows()),
            Some(BUNDLED_ROWS)
        );
    }

    #[test]
    fn an_end_that_is_gone_is_told() {
        let (mut inflow, outflow) = queue(1);
        drop(outflow);
        assert!(inflow.put(batch(0, 1)));
        assert!(!inflow.put(batch(0, BUNDLED_ROWS)));
    }
}
