//! Why the expert stops.

use std::{error::Error, fmt, io};

/// Why the expert stops.
#[derive(Debug, thiserror::Error)]
pub enum ExpertError {
    /// DuckDB refuses.
    #[error("the database refused")]
    Database(#[from] duckdb::Error),

    /// The extracts cannot be listed.
    #[error("could not list the extracts")]
    Extracts(#[source] io::Error),

    /// An extract is not plausible.
    #[error("`{file}` was not taken: {guard}")]
    Refused {
        /// Its name.
        file: String,
        /// What is wrong with it.
        guard: Guard,
    },

    /// Views that were to be completed anew are more or fewer than those deleted for it.
    #[error("{deleted} views were deleted, and {inserted} inserted in their place")]
    Rows {
        /// Views deleted.
        deleted: usize,
        /// Views inserted.
        inserted: usize,
    },

    /// A users extract is older than one that was taken.
    #[error("`{file}` is older than an extract that was taken")]
    OlderExtract {
        /// Its name.
        file: String,
    },
}

/// What makes a users extract implausible.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// It has too few rows.
    Rows,
    /// A key is null.
    NullKey,
    /// A key is there twice.
    DuplicateKey,
    /// Too many versions would be closed.
    Closed,
    /// Too many versions would be superseded.
    Changed,
}

impl fmt::Display for Guard {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Rows => "it has too few rows",
            Self::NullKey => "an id is null",
            Self::DuplicateKey => "an id is there twice",
            Self::Closed => "it lacks too many users",
            Self::Changed => "too many users have another postcode",
        })
    }
}

impl Error for Guard {}
