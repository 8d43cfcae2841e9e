//! Why a run of the bench ends early.

use std::{io, path::PathBuf};

/// Why a run of the bench ends early.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// Files cannot be read or written.
    #[error("could not work in the bench's directory")]
    Files(#[source] io::Error),

    /// A program cannot be started.
    #[error("could not start `{}`; build the workspace's binaries first", program.display())]
    Start {
        /// Its path.
        program: PathBuf,
        /// What the operating system says.
        #[source]
        source: io::Error,
    },

    /// A program failed.
    #[error("{command} failed:\n{output}")]
    Failed {
        /// How it was called.
        command: String,
        /// What it printed.
        output: String,
    },

    /// `inspect` printed something else than it should.
    #[error("could not read what `inspect` printed")]
    Inspect(#[source] serde_json::Error),

    /// A saved report cannot be read or written.
    #[error("could not read or write the report `{}`", path.display())]
    Report {
        /// Its path.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },

    /// A saved report is of another scale or memory limit, so that nothing can be added to it.
    #[error("the report `{}` is of other settings", path.display())]
    OtherReport {
        /// Its path.
        path: PathBuf,
    },

    /// The flagship's manifest has not the line that the bench sets.
    #[error("the manifest has not exactly one line that begins with `{0}`")]
    Manifest(&'static str),

    /// The directory holds databases of other settings.
    #[error("`{}` was prepared with other settings; remove it", path.display())]
    OtherSettings {
        /// The directory.
        path: PathBuf,
    },

    /// The directory holds something that is not of the bench, which would be lost.
    #[error("`{}` is not empty, and was not made by the bench", path.display())]
    NotEmpty {
        /// The directory.
        path: PathBuf,
    },

    /// The two sides do not end in the same tables.
    #[error("{work}: the sides differ: {differences}")]
    Differ {
        /// What was measured.
        work: String,
        /// In what.
        differences: String,
    },
}
