//! Why the run lock could not be taken.

use std::{io, path::PathBuf};

use thiserror::Error;

/// Why the run lock could not be taken.
#[derive(Debug, Error)]
pub enum LockError {
    /// Another run holds it.
    #[error("a run holds `{}`{}", path.display(), run(*pid, command.as_deref(), started_at.as_deref()))]
    Busy {
        /// The lock file.
        path: PathBuf,
        /// The process of that run, if it has written it already.
        pid: Option<u32>,
        /// When that run started, in RFC 3339.
        started_at: Option<String>,
        /// What that run was started as.
        command: Option<String>,
    },

    /// The operating system refused the lock file.
    #[error("could not lock `{}`", path.display())]
    Unusable {
        /// The lock file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

fn run(pid: Option<u32>, command: Option<&str>, started_at: Option<&str>) -> String {
    let Some(pid) = pid else {
        return String::new();
    };
    let command = command.map_or_else(String::new, |command| format!(", `{command}`"));
    let since = started_at.map_or_else(String::new, |time| format!(", since {time}"));
    format!(" (process {pid}{command}{since})")
}
