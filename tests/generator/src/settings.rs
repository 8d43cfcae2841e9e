//! What a history is made from.

use chrono::NaiveDate;

/// What a [`History`](crate::History) is made from; equal settings give equal bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Users on the first day, with the scripted ones; `users < 2^31`.
    ///
    /// The scripted users and one more are there even if this is smaller.
    pub users: u64,

    /// Rows in the 24 view extracts of one day.
    pub views_per_day: u64,

    /// Days from `start` on for which extracts can be written; `days <= 36_500`.
    ///
    /// A longer history begins with the same bytes as a shorter one.
    pub days: u32,

    /// The date of day 0.
    pub start: NaiveDate,

    /// Share of the users that move on one day; `0.0 <= movers <= 1.0`.
    pub movers: f64,

    /// Whatever differs here gives another history.
    pub seed: u64,

    /// How the files are written.
    pub format: Format,
}

impl Default for Settings {
    /// 1,000 users and 10,000 views a day for 7 days from 2019-10-11, of whom 1 % move
    /// each day; seed 1; plain CSV.
    fn default() -> Self {
        Self {
            users: 1_000,
            views_per_day: 10_000,
            days: 7,
            start: NaiveDate::from_ymd_opt(2019, 10, 11).expect("it is in the calendar"),
            movers: 0.01,
            seed: 1,
            format: Format::Csv,
        }
    }
}

/// How the files are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// CSV with a header; a null is an empty field.
    Csv,
    /// The same, compressed with gzip.
    CsvGz,
    /// One JSON object per line; a null is `null`, and times are strings.
    Ndjson,
}

impl Format {
    /// The end of a file's name, without the first dot.
    pub(crate) fn suffix(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::CsvGz => "csv.gz",
            Self::Ndjson => "ndjson",
        }
    }
}
