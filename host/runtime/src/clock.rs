//! How long a call may still take, and what cuts it short.
//!
//! The guest comes by every [`LOOK`] at the latest, wherever it is in its loops and functions, and
//! the host looks at the time and asks whether it should stop.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use wasmtime::UpdateDeadline;

use crate::limits::EPOCH_TICK;

/// How long it may take until a call that is to be cut is cut.
const LOOK: Duration = Duration::from_millis(100);

/// Says whether the calls of plugins are to be cut.
#[derive(Clone)]
pub(crate) struct Stop(Arc<dyn Fn() -> bool + Send + Sync>);

impl Stop {
    pub(crate) fn new(is_asked: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(is_asked))
    }

    fn is_asked(&self) -> bool {
        (self.0)()
    }
}

impl fmt::Debug for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Stop").field(&self.is_asked()).finish()
    }
}

/// The time of one instance's calls.
#[derive(Debug)]
pub(crate) struct Clock {
    stop: Stop,
    /// When the call must be over; none: whenever it is.
    until: Option<Instant>,
    /// Whether the call was cut because it was asked to stop.
    pub(crate) stopped: bool,
}

impl Clock {
    pub(crate) fn new(stop: Stop) -> Self {
        Self {
            stop,
            until: None,
            stopped: false,
        }
    }

    /// Gives a call its time. Returns after how many ticks of the epoch to look first.
    pub(crate) fn start(&mut self, timeout: Duration) -> u64 {
        self.until = Instant::now().checked_add(timeout);
        ticks(timeout.min(LOOK))
    }

    /// Says whether the call's time is over.
    pub(crate) fn is_over(&self) -> bool {
        self.until.is_some_and(|until| Instant::now() >= until)
    }

    /// Says whether the call may go on, and until the next look for how many ticks.
    pub(crate) fn look(&mut self) -> UpdateDeadline {
        self.stopped = self.stop.is_asked();
        let left = self.until.map_or(LOOK, |until| {
            until.saturating_duration_since(Instant::now())
        });
        if self.stopped || left.is_zero() {
            return UpdateDeadline::Interrupt;
        }
        UpdateDeadline::Continue(ticks(left.min(LOOK)))
    }
}

fn ticks(time: Duration) -> u64 {
    let ticks = time.as_nanos().div_ceil(EPOCH_TICK.as_nanos());
    // One more: the epoch may be about to move on.
    u64::try_from(ticks).unwrap_or(u64::MAX / 2) + 1
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicBool, Ordering},
        thread,
    };

    use super::*;

    #[test]
    fn a_call_goes_on_until_its_time_is_over() {
        let mut clock = Clock::new(Stop::new(|| false));
        assert_eq!(clock.start(Duration::from_mins(1)), 11);
        assert!(matches!(clock.look(), UpdateDeadline::Continue(11)));
        assert_eq!(clock.start(Duration::from_millis(15)), 3);
        thread::sleep(Duration::from_millis(20));
        assert!(matches!(clock.look(), UpdateDeadline::Interrupt));
        assert!(!clock.stopped);
    }

    #[test]
    fn a_call_is_cut_when_it_is_asked_to_stop() {
        let asked = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&asked);
        let mut clock = Clock::new(Stop::new(move || stop.load(Ordering::Relaxed)));
        clock.start(Duration::MAX);
        assert!(matches!(clock.look(), UpdateDeadline::Continue(_)));
        asked.store(true, Ordering::Relaxed);
        assert!(matches!(clock.look(), UpdateDeadline::Interrupt));
        assert!(clock.stopped);
    }
}
