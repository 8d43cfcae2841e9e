//! Why the lanes stopped, and how all their threads learn of it.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use arrow_schema::ArrowError;

/// Why the lanes did not come to their end: `T` is a task's error, `E` one of whoever runs them.
#[derive(Debug)]
pub enum Stopped<T, E> {
    /// A task failed.
    Task(T),
    /// A stream could not be opened or read, or the sink failed.
    Outside(E),
    /// A row has a null in this column of its key.
    NullKey(String),
    /// Arrow refused to route rows.
    Route(ArrowError),
    /// They were asked to.
    Cancelled,
}

impl<T, E> From<E> for Stopped<T, E> {
    fn from(error: E) -> Self {
        Self::Outside(error)
    }
}

/// The first failure of any thread.
pub(crate) struct Failure<F> {
    first: Mutex<Option<F>>,
    failed: Arc<AtomicBool>,
}

impl<F> Default for Failure<F> {
    fn default() -> Self {
        Self {
            first: Mutex::default(),
            failed: Arc::default(),
        }
    }
}

impl<F> Failure<F> {
    pub(crate) fn set(&self, failure: F) {
        let mut first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
        first.get_or_insert(failure);
        self.stop();
    }

    /// Stops the threads without a failure of their own.
    pub(crate) fn stop(&self) {
        self.failed.store(true, Ordering::Release);
    }

    /// Returns a guard that stops the threads if the one that holds it panics. What a thread drops
    /// on its way out looks to the others like the end of its work, so the guard must go first: it
    /// is made last.
    pub(crate) fn set_by_panic(&self) -> SetByPanic<'_, F> {
        SetByPanic(self)
    }

    pub(crate) fn is_set(&self) -> bool {
        is_set(&self.failed)
    }

    pub(crate) fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.failed)
    }

    pub(crate) fn take(&self) -> Option<F> {
        let mut first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
        first.take()
    }
}

/// Stops the threads if it is dropped by a panic.
pub(crate) struct SetByPanic<'a, F>(&'a Failure<F>);

impl<F> Drop for SetByPanic<'_, F> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.stop();
        }
    }
}

pub(crate) fn is_set(failed: &AtomicBool) -> bool {
    failed.load(Ordering::Acquire)
}
