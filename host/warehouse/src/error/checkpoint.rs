//! Why a checkpoint failed.

use std::path::PathBuf;

use thiserror::Error;

use super::DatabaseError;

/// Why what was committed is in the write-ahead log still. It is stored there: whoever opens the
/// warehouse next reads the log as well.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("could not write the log `{}` into `{}`", log.display(), path.display())]
pub struct CheckpointError {
    /// The warehouse file.
    pub path: PathBuf,
    /// The write-ahead log, beside it.
    pub log: PathBuf,
    /// Why not.
    pub source: DatabaseError,
}
