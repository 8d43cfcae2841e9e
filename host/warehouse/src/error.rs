//! The errors of every operation, one enum each.
//!
//! Texts are fragments that read after "failed to …:", the cause is the source and is
//! not repeated. DuckDB's own words appear in [`DatabaseError`] only and are never
//! matched.

mod checkpoint;
mod law;
mod load;
mod lock;
mod open;
mod read;

use thiserror::Error;

pub use checkpoint::CheckpointError;
pub use law::LawError;
pub use load::LoadError;
pub use lock::LockError;
pub use open::OpenError;
pub use read::ReadError;

/// What DuckDB itself refused, in its own words.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct DatabaseError {
    message: String,
}

impl DatabaseError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
        }
    }

    /// Returns DuckDB's message.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl From<duckdb::Error> for DatabaseError {
    fn from(error: duckdb::Error) -> Self {
        Self::new(error.to_string())
    }
}

/// Names the holder of a lock at the end of a sentence.
fn holder(pid: Option<u32>, program: Option<&str>) -> String {
    match (pid, program) {
        (Some(pid), Some(program)) => format!(" by `{program}` (process {pid})"),
        (Some(pid), None) => format!(" by process {pid}"),
        (None, _) => " by another process".to_owned(),
    }
}

/// Lists columns that are missing and that are not declared, at the end of a sentence.
fn columns(missing: &[String], extra: &[String]) -> String {
    let list = |names: &[String]| {
        let quoted: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
        quoted.join(", ")
    };
    match (missing.is_empty(), extra.is_empty()) {
        (false, false) => format!(": {} missing, {} not declared", list(missing), list(extra)),
        (false, true) => format!(": {} missing", list(missing)),
        (true, false) => format!(": {} not declared", list(extra)),
        (true, true) => String::new(),
    }
}
