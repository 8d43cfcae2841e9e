//! What a step counts while its lanes run, and whether it should go on.

use std::sync::atomic::{AtomicU64, Ordering};

use wigeon_lanes::Follow;

use crate::{Cancellation, Observer, Point};

/// The rows of one attempt at a step, told to the run's observer as they come.
pub(crate) struct Progress<'a> {
    step: &'a str,
    observer: &'a dyn Observer,
    cancellation: &'a Cancellation,
    rows_in: AtomicU64,
    rows_out: AtomicU64,
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
}

impl Follow for Progress<'_> {
    fn took(&self, rows: u64) {
        self.rows_in.fetch_add(rows, Ordering::Relaxed);
        self.observer
            .progress(self.step, self.rows_in(), self.rows_out());
    }

    fn gave(&self, rows: u64) {
        self.rows_out.fetch_add(rows, Ordering::Relaxed);
        self.observer.reached(Point::Emitting, self.step);
    }

    fn is_cancelled(&self) -> bool {
        self.cancellation.is_cancelled()
    }
}
