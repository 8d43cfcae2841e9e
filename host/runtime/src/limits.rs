//! Ceilings on what one plugin instance may use.
//!
//! The host checks every ceiling here while the guest runs. Reaching one ends the call with
//! [`crate::PluginError::LimitReached`], and the instance is dropped rather than reused, because
//! its memory may hold half an operation.

use std::{fmt, time::Duration};

use wasmtime::ResourceLimiter;

/// How often the epoch moves on, and so how exactly a call's time is kept.
pub const EPOCH_TICK: Duration = Duration::from_millis(10);

/// How many core instances, tables and memories a component may consist of. A plugin in Python,
/// which is linked of many libraries, has some dozens of the first, and one or two of the others.
const INSTANCES: usize = 1_000;
const TABLES: usize = 100;
const MEMORIES: usize = 100;

/// How much an instance may send to the host at once: the arguments of one call of the host, or what
/// a function returns.
pub(crate) const SENT_BYTES: usize = 128 << 20;

/// How many handles of resources an instance may have at once, its own steps among them.
pub(crate) const HANDLES: usize = 100_000;

/// What an element of a table takes: a table holds references to functions.
const ELEMENT_BYTES: usize = size_of::<usize>();

/// How much one plugin instance may use before the host stops it.
///
/// [`Limits::default`]: 1 GiB of memory, 60 s per call, 100 million rows and 4 GiB emitted per
/// call, 100 lines of the log per call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Linear memory, summed over all memories of the component, and its tables.
    pub memory_bytes: usize,

    /// Wall-clock time of one call, host functions included.
    ///
    /// Kept by the epoch, so a call can overrun by one [`EPOCH_TICK`]; in a host function it is
    /// looked at before each column.
    pub call_timeout: Duration,

    /// Rows that one call may emit. The host takes them when the call has returned.
    pub output_rows: u64,

    /// Memory of the host that the rows of one call may take: new arrays and gathered columns,
    /// and a little for each column of each batch. A forwarded column is there already.
    pub output_bytes: u64,

    /// Lines of the log that are shown of one call. Those that follow are counted and dropped.
    pub log_lines: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes: 1 << 30,
            call_timeout: Duration::from_mins(1),
            output_rows: 100_000_000,
            output_bytes: 4 << 30,
            log_lines: 100,
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
    /// [`Limits::output_rows`].
    OutputRows {
        /// The limit.
        rows: u64,
    },
    /// [`Limits::output_bytes`].
    OutputBytes {
        /// The limit.
        bytes: u64,
    },
    /// What an instance may send to the host at once, which is fixed.
    SentBytes {
        /// The limit.
        bytes: usize,
    },
    /// The handles of resources that an instance may have at once, which are fixed.
    Handles {
        /// The limit.
        handles: usize,
    },
}

impl Limit {
    /// Tells the limits that wasmtime keeps for us from faults. It has no types for them, so this is
    /// the one place where the text of an error is looked at. Should a text change, these guests are
    /// told to have trapped, and the tests of hostile guests that reach these limits fail.
    pub(crate) fn kept_by_wasmtime(text: &str) -> Option<Self> {
        match text {
            "too much data is being copied between the host and the guest: \
             fuel allocated for hostcalls has been exhausted" => {
                Some(Self::SentBytes { bytes: SENT_BYTES })
            }
            "cannot allocate another handle: store handle limit exceeded"
            | "cannot lend resource: store handle limit exceeded" => {
                Some(Self::Handles { handles: HANDLES })
            }
            _ => None,
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory { bytes } => write!(f, "its {} MiB of memory", bytes >> 20),
            Self::CallTime { timeout } => {
                write!(f, "its {} s for one call", timeout.as_secs_f64())
            }
            Self::OutputRows { rows } => write!(f, "its {rows} rows of output for one call"),
            Self::OutputBytes { bytes } => {
                write!(f, "its {} MiB of output for one call", bytes >> 20)
            }
            Self::SentBytes { bytes } => {
                write!(f, "its {} MiB of data for the host at once", bytes >> 20)
            }
            Self::Handles { handles } => write!(f, "its {handles} handles at once"),
        }
    }
}

/// Grants memory up to the limit, and remembers when it did not.
#[derive(Debug)]
pub(crate) struct Meter {
    limit: usize,
    memories: usize,
    tables: usize,
    refused: bool,
}

impl Meter {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            memories: 0,
            tables: 0,
            refused: false,
        }
    }

    /// Returns how much memory the guest has, without its tables.
    pub(crate) fn granted(&self) -> usize {
        self.memories
    }

    /// Returns whether anything was refused in this call.
    pub(crate) fn has_refused(&self) -> bool {
        self.refused
    }

    /// Forgets what was refused: a guest that coped with it is not blamed for it later.
    pub(crate) fn begin_call(&mut self) {
        self.refused = false;
    }

    /// Notes whether that much is within the limit.
    fn is_granted(&mut self, memories: usize, tables: usize) -> bool {
        if memories.saturating_add(tables) > self.limit {
            self.refused = true;
            return false;
        }
        (self.memories, self.tables) = (memories, tables);
        true
    }
}

impl ResourceLimiter for Meter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let grown = desired.saturating_sub(current);
        Ok(self.is_granted(self.memories.saturating_add(grown), self.tables))
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let grown = desired
            .saturating_sub(current)
            .saturating_mul(ELEMENT_BYTES);
        Ok(self.is_granted(self.memories, self.tables.saturating_add(grown)))
    }

    fn instances(&self) -> usize {
        INSTANCES
    }

    fn tables(&self) -> usize {
        TABLES
    }

    fn memories(&self) -> usize {
        MEMORIES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memories_and_tables_share_the_limit() {
        let mut meter = Meter::new(1_000);
        assert!(meter.memory_growing(0, 400, None).unwrap());
        assert!(meter.memory_growing(0, 200, None).unwrap());
        assert!(meter.table_growing(0, 50, None).unwrap());
        assert!(!meter.has_refused());
        assert!(!meter.table_growing(50, 51, None).unwrap());
        assert!(meter.has_refused());
        assert_eq!(meter.granted(), 600);
    }

    #[test]
    fn nothing_is_granted_of_what_is_refused() {
        let mut meter = Meter::new(1_000);
        assert!(!meter.memory_growing(0, usize::MAX, None).unwrap());
        assert!(!meter.table_growing(0, usize::MAX, None).unwrap());
        assert!(meter.memory_growing(0, 1_000, None).unwrap());
        assert!(!meter.memory_growing(1_000, 1_001, None).unwrap());
        assert_eq!(meter.granted(), 1_000);
    }

    #[test]
    fn what_was_refused_in_one_call_is_forgotten_in_the_next() {
        let mut meter = Meter::new(10);
        assert!(!meter.memory_growing(0, 11, None).unwrap());
        assert!(meter.has_refused());
        meter.begin_call();
        assert!(!meter.has_refused());
    }

    #[test]
    fn limits_are_named_with_their_amount() {
        for (limit, text) in [
            (Limit::Memory { bytes: 64 << 20 }, "its 64 MiB of memory"),
            (
                Limit::CallTime {
                    timeout: Duration::from_millis(1_500),
                },
                "its 1.5 s for one call",
            ),
            (
                Limit::OutputRows { rows: 1_000 },
                "its 1000 rows of output for one call",
            ),
            (
                Limit::OutputBytes { bytes: 16 << 20 },
                "its 16 MiB of output for one call",
            ),
            (
                Limit::SentBytes { bytes: SENT_BYTES },
                "its 128 MiB of data for the host at once",
            ),
            (
                Limit::Handles { handles: HANDLES },
                "its 100000 handles at once",
            ),
        ] {
            assert_eq!(limit.to_string(), text);
        }
    }
}
