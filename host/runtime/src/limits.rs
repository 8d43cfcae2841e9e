//! Ceilings on what one plugin instance may use.
//!
//! The host checks every ceiling here while the guest runs. Reaching one ends the call with
//! [`crate::PluginError::LimitReached`], and the instance is dropped rather than reused, because
//! its memory may hold half an operation.

use std::time::Duration;

use wasmtime::ResourceLimiter;

/// How often the epoch moves on, and so how exactly a call's time is kept.
pub const EPOCH_TICK: Duration = Duration::from_millis(10);

/// How many lines a plugin may log in one call.
pub(crate) const LOG_LINES: usize = 100;
/// How long a line of the log, or an error's text, may be in bytes.
pub(crate) const TEXT_BYTES: usize = 1_024;

/// How much one plugin instance may use before the host stops it.
///
/// [`Limits::default`]: 1 GiB of memory, 60 s per call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Linear memory, summed over all memories of the component.
    pub memory_bytes: usize,

    /// Wall-clock time of one call, host functions included.
    ///
    /// Kept by the epoch, so a call can overrun by one [`EPOCH_TICK`].
    pub call_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes: 1 << 30,
            call_timeout: Duration::from_mins(1),
        }
    }
}

impl Limits {
    /// What a plugin may use before it has a step, to start and to describe itself: the defaults,
    /// but for five seconds.
    pub(crate) fn of_loading() -> Self {
        Self {
            call_timeout: Duration::from_secs(5),
            ..Self::default()
        }
    }
}

/// A limit that was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// [`Limits::memory_bytes`].
    Memory {
        /// The limit.
        bytes: usize,
    },
    /// [`Limits::call_timeout`].
    CallTime {
        /// The limit.
        timeout: Duration,
    },
}

impl std::fmt::Display for Limit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Memory { bytes } => write!(f, "its {} MiB of memory", bytes >> 20),
            Self::CallTime { timeout } => {
                write!(f, "its {} s for one call", timeout.as_secs_f64())
            }
        }
    }
}

/// Grants memory up to the limit, and remembers when it did not.
#[derive(Debug)]
pub(crate) struct Meter {
    limit: usize,
    granted: usize,
    pub(crate) refused: bool,
}

impl Meter {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            granted: 0,
            refused: false,
        }
    }

    pub(crate) fn granted(&self) -> usize {
        self.granted
    }
}

impl ResourceLimiter for Meter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let granted = self.granted.saturating_add(desired.saturating_sub(current));
        if granted > self.limit {
            self.refused = true;
            return Ok(false);
        }
        self.granted = granted;
        Ok(true)
    }

    fn table_growing(
        &mut self,
        _: usize,
        desired: usize,
        _: Option<usize>,
    ) -> wasmtime::Result<bool> {
        // A table holds functions: no plugin that was compiled, rather than contrived, comes near.
        Ok(desired <= 1_000_000)
    }
}
