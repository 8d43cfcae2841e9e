//! Why the lanes stopped, and how all their threads learn of it.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
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

pub(crate) fn is_set(failed: &AtomicBool) -> bool {
    failed.load(Ordering::Acquire)
}
