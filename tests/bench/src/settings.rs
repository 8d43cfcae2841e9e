//! What is measured, and how large it is.

use std::{collections::BTreeSet, path::PathBuf};

use serde::{Deserialize, Serialize};

/// The size of the extracts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Scale {
    /// 20,000 users and 100,000 views a day: says whether the bench works, and nothing of speed.
    S,
    /// 2 million users and 10 million views a day.
    M,
    /// 20 million users and 100 million views a day.
    L,
}

/// A kind of measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Kind {
    /// The first users extract and 24 hourly files.
    Initial,
    /// One users extract, of which 1 % moved.
    Daily,
    /// One hourly file into a table of a day.
    Hourly,
    /// `run --due` with nothing due.
    Due,
    /// The views of 1 % of the users, with some days of history.
    Propagation,
    /// The questions of the analysts.
    Questions,
    /// The same of views that do the least that a view could which decides row by row.
    Views,
}

/// How the history before a propagation comes about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Prepare {
    /// As cron would: day by day a users extract, the propagation and the views, so that what propagations leave
    /// behind is there. The propagations on the way are measured too.
    Cron,
    /// All users extracts first and then all views, so that nothing is propagated before. For engines whose
    /// propagation is slow.
    Direct,
}

/// What a run of the bench is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// How large the extracts are called.
    pub scale: Scale,
    /// DuckDB's `memory_limit`, on both sides.
    pub memory_limit_mib: u64,
    /// The days of history before a propagation, each of them measured.
    pub days: BTreeSet<u32>,
    /// How that history comes about.
    pub prepare: Prepare,
    /// How often each side does each work; `runs > 0`.
    pub runs: u32,
    /// What is measured.
    pub kinds: BTreeSet<Kind>,
    /// Whether tables are compared after every pair of runs, instead of the first only.
    pub check_every: bool,
    /// Where `wigeon`, `expert` and `inspect` are.
    pub programs: PathBuf,
    /// Where all files are put; made if it is missing, empty, or of an earlier run.
    pub directory: PathBuf,
    /// Whether prepared databases stay there for another run.
    pub keep: bool,
}

impl Scale {
    /// Users on the first day.
    pub fn users(self) -> u64 {
        match self {
            Self::S => 20_000,
            Self::M => 2_000_000,
            Self::L => 20_000_000,
        }
    }

    /// Views in a day.
    pub fn views_per_day(self) -> u64 {
        5 * self.users()
    }

    /// DuckDB's `memory_limit` unless another is asked for. That of M is the flagship's.
    pub fn memory_limit_mib(self) -> u64 {
        match self {
            Self::S => 256,
            Self::M => 640,
            Self::L => 1_024,
        }
    }

    /// The days of history before a propagation, unless others are asked for.
    pub fn days(self) -> BTreeSet<u32> {
        match self {
            Self::S => [1, 3, 4].into(),
            Self::M => [1, 3, 7, 30].into(),
            Self::L => [].into(),
        }
    }

    /// What is measured unless something else is asked for.
    pub fn kinds(self) -> BTreeSet<Kind> {
        match self {
            Self::S => Kind::ALL.into(),
            Self::M => Kind::ALL
                .into_iter()
                .filter(|kind| *kind != Kind::Views)
                .collect(),
            Self::L => [Kind::Initial, Kind::Daily, Kind::Hourly].into(),
        }
    }

    /// Whether tables are small enough to be compared row by row.
    pub(crate) fn is_small(self) -> bool {
        self == Self::S
    }

    /// Returns the scale as it is typed.
    pub fn name(self) -> &'static str {
        match self {
            Self::S => "S",
            Self::M => "M",
            Self::L => "L",
        }
    }
}

impl Kind {
    /// Every kind, in the order in which they are measured.
    pub const ALL: [Self; 7] = [
        Self::Initial,
        Self::Daily,
        Self::Hourly,
        Self::Due,
        Self::Propagation,
        Self::Questions,
        Self::Views,
    ];
}
