//! Why a warehouse could not be opened.

use std::{io, path::PathBuf};

use thiserror::Error;

use super::{DatabaseError, holder};

/// Why a warehouse could not be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// Another process has the file open.
    #[error("`{}` is in use{}", path.display(), holder(*pid, program.as_deref()))]
    Held {
        /// The warehouse file.
        path: PathBuf,
        /// The process that holds it, where the operating system tells.
        pid: Option<u32>,
        /// That process's program.
        program: Option<String>,
    },

    /// The file, or for a new warehouse its directory, does not exist.
    #[error("`{}` does not exist", path.display())]
    Missing {
        /// What is missing.
        path: PathBuf,
    },

    /// The file is not a DuckDB database, or for reading: has no ledger of Wigeon.
    #[error("`{}` is not a warehouse of Wigeon", path.display())]
    NotAWarehouse {
        /// The file.
        path: PathBuf,
    },

    /// The file was written by a newer Wigeon.
    #[error("`{}` has warehouse version {found}, newer than {supported}", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// The version in the file.
        found: i64,
        /// The newest version that this program knows.
        supported: i64,
    },

    /// The operating system refused the file.
    #[error("could not open `{}`", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },

    /// DuckDB refused the file or a setting.
    #[error("could not open `{}`", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// Why.
        source: DatabaseError,
    },
}
