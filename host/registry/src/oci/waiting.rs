//! How long a registry is waited for, and what else ends talking to it.
//!
//! The client gives up on a connection that is not made and on a silence. A registry that keeps
//! sending, but next to nothing, is silent for no moment, so there is a limit on the whole, too. It
//! is looked at here, and so is whether the program was asked to stop.

use std::{
    pin::pin,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use tokio::{
    runtime::{Builder, Runtime},
    time::timeout,
};

use crate::MAX_COMPONENT_BYTES;

/// How long it may take until an interruption is noticed.
const LOOK: Duration = Duration::from_millis(100);

/// How long a registry may take, and how much it may send.
#[derive(Debug, Clone)]
pub(super) struct Limits {
    /// The time until there is a connection, in which its name is looked up.
    pub(super) connect: Duration,
    /// The time without a byte of an answer.
    pub(super) silence: Duration,
    /// The time for one component, with all that is asked about it.
    pub(super) overall: Duration,
    /// The size of a component.
    pub(super) component_bytes: u64,
}

impl Limits {
    /// The limits when a component is fetched.
    pub(super) const PULL: Self = Self {
        connect: Duration::from_secs(10),
        silence: Duration::from_secs(30),
        overall: Duration::from_mins(10),
        component_bytes: MAX_COMPONENT_BYTES,
    };

    /// The limits when a component is uploaded. Parts of 4 MiB are each answered only once all of
    /// them has arrived, so a registry behind a slow line is silent for longer.
    pub(super) const PUSH: Self = Self {
        silence: Duration::from_mins(1),
        ..Self::PULL
    };
}

/// Why something was not waited for any longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GivenUp {
    /// The program was asked to stop.
    Interrupted,
    /// It took too long.
    Late,
}

/// Waits for a registry, up to a time and until it is asked to stop.
#[derive(Debug)]
pub(super) struct Waiting<'a> {
    /// Always there until it is dropped.
    runtime: Option<Runtime>,
    begun: Instant,
    overall: Duration,
    stop: &'a AtomicBool,
}

impl<'a> Waiting<'a> {
    /// Begins the time.
    pub(super) fn new(overall: Duration, stop: &'a AtomicBool) -> std::io::Result<Self> {
        Ok(Self {
            runtime: Some(Builder::new_current_thread().enable_all().build()?),
            begun: Instant::now(),
            overall,
            stop,
        })
    }

    /// Does what is asked of a registry, unless it is given up.
    pub(super) fn wait<T>(&self, work: impl Future<Output = T>) -> Result<T, GivenUp> {
        let runtime = self.runtime.as_ref();
        let runtime = runtime.expect("the runtime is there until this is dropped");
        runtime.block_on(async {
            let mut work = pin!(work);
            loop {
                if self.stop.load(Ordering::Relaxed) {
                    return Err(GivenUp::Interrupted);
                }
                let left = self.overall.saturating_sub(self.begun.elapsed());
                if left.is_zero() {
                    return Err(GivenUp::Late);
                }
                if let Ok(done) = timeout(left.min(LOOK), work.as_mut()).await {
                    return Ok(done);
                }
            }
        })
    }
}

impl Drop for Waiting<'_> {
    /// Leaves behind what cannot be stopped: a name that is being looked up has a thread of its own,
    /// which dropping the runtime would wait for.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future;

    use super::*;

    static NEVER: AtomicBool = AtomicBool::new(false);
    static ASKED: AtomicBool = AtomicBool::new(true);

    #[test]
    fn what_is_done_in_time_is_returned() {
        let waiting = Waiting::new(Duration::from_mins(1), &NEVER).unwrap();
        assert_eq!(waiting.wait(future::ready(1)), Ok(1));
    }

    #[test]
    fn what_is_never_done_is_given_up() {
        let limit = Duration::from_millis(50);
        let waiting = Waiting::new(limit, &NEVER).unwrap();
        let never = waiting.wait(future::pending::<()>());
        assert_eq!(never, Err(GivenUp::Late));
        assert!(waiting.begun.elapsed() >= limit);
    }

    #[test]
    fn nothing_is_begun_once_it_is_asked_to_stop() {
        let waiting = Waiting::new(Duration::from_mins(1), &ASKED).unwrap();
        assert_eq!(waiting.wait(future::ready(1)), Err(GivenUp::Interrupted));
    }
}
