//! Why a command failed, as a person and a machine are told: what, where, and what to do next.
//!
//! All conversions are here. The hints for what a crate may report are in a file of its own each;
//! they look at variants and fields, never at words.

mod authoring;
mod data;
mod engine;
mod plugin;
mod storage;
mod told;

use std::{error::Error, io};

use wigeon_authoring::AuthoringError;
use wigeon_engine::EngineError;
use wigeon_warehouse::ReadError;

use crate::{exit, logical_time::TimeError};

/// Where to report a bug.
const ISSUES: &str = concat!(env!("CARGO_PKG_REPOSITORY"), "/issues");

/// What to do when a signal has ended a run.
const INTERRUPTED_HINT: &str = "run it again to go on where it stopped";

/// What to do when a signal has ended what leaves nothing behind.
const BEGIN_ANEW_HINT: &str = "run it again: it begins anew";

/// Whose turn it is to do something, which gives the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The arguments are wrong.
    Usage,
    /// The manifest is wrong.
    Manifest,
    /// The data, an input or the storage is wrong.
    Data,
    /// A plugin is wrong.
    Plugin,
    /// The warehouse cannot be opened, or does not hold what was committed.
    Warehouse,
    /// Another run is under way.
    Busy,
    /// A signal came.
    Interrupted,
    /// Nobody reads stdout any more, which is no failure.
    BrokenPipe,
    /// Wigeon is wrong.
    Internal,
}

impl Kind {
    const fn exit_code(self) -> u8 {
        match self {
            Self::Usage | Self::Manifest => exit::USAGE,
            Self::Data => exit::FAILED,
            Self::Plugin => exit::PLUGIN,
            Self::Warehouse => exit::WAREHOUSE,
            Self::Busy => exit::BUSY,
            Self::Interrupted => exit::INTERRUPTED,
            Self::BrokenPipe => exit::DONE,
            Self::Internal => exit::INTERNAL,
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Usage => "usage",
            Self::Manifest => "manifest",
            Self::Data => "data",
            Self::Plugin => "plugin",
            Self::Warehouse => "warehouse",
            Self::Busy => "busy",
            Self::Interrupted => "interrupted",
            Self::BrokenPipe => "broken-pipe",
            Self::Internal => "internal",
        }
    }
}

/// Why a command failed.
#[derive(Debug)]
pub(crate) struct CommandError {
    kind: Kind,
    error: Box<dyn Error + Send + Sync>,
    hints: Vec<String>,
    /// What is only worth its lines with `--verbose`.
    details: Option<String>,
}

impl CommandError {
    fn new(kind: Kind, error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            kind,
            error: error.into(),
            hints: Vec::new(),
            details: None,
        }
    }

    /// Returns an error about what was typed.
    pub(crate) fn usage(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(Kind::Usage, error)
    }

    /// Returns an error about the manifest that its check does not know.
    pub(crate) fn manifest(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(Kind::Manifest, error)
    }

    /// Returns an error that should not have been possible.
    pub(crate) fn bug(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(Kind::Internal, error).with_hint(bug_hint())
    }

    /// Returns an error about a plugin that no step uses.
    pub(crate) fn of_plugin(error: EngineError) -> Self {
        let advice = engine::advice(&error);
        advice.about(match error {
            EngineError::Resolve { source, .. } => source.into(),
            EngineError::LoadPlugin { source, .. } => source.into(),
            error => error.into(),
        })
    }

    /// Returns an error about a query: what DuckDB says of it, or that it is none.
    pub(crate) fn of_query(error: EngineError) -> Self {
        let source: Box<dyn Error + Send + Sync> = match error {
            EngineError::ReadWarehouse(ReadError::Database(source)) => source.into(),
            EngineError::ReadWarehouse(source @ ReadError::NotAQuery { .. }) => source.into(),
            error => return error.into(),
        };
        Self::new(Kind::Data, QueryError(source))
            .with_hint("`wigeon sql` only reads; `wigeon sql \"SHOW TABLES\"` lists the tables")
    }

    /// Returns an error about a signal that ended what stores nothing, and so begins anew.
    pub(crate) fn interruption(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(Kind::Interrupted, error).with_hint(BEGIN_ANEW_HINT)
    }

    /// Adds what to do next.
    #[must_use]
    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Returns the same error as the consequence of a signal that came during a run.
    #[must_use]
    pub(crate) fn interrupted(self) -> Self {
        Self {
            kind: Kind::Interrupted,
            hints: vec![INTERRUPTED_HINT.to_owned()],
            ..self
        }
    }

    /// Returns what the process answers.
    pub(crate) fn exit_code(&self) -> u8 {
        self.kind.exit_code()
    }
}

fn bug_hint() -> String {
    format!("this is a bug in wigeon: please report it at {ISSUES}, with what `--verbose` prints")
}

impl From<EngineError> for CommandError {
    fn from(error: EngineError) -> Self {
        let advice = engine::advice(&error);
        // Whoever prints it looks for the report itself, for the places in the text.
        advice.about(match error {
            EngineError::Manifest(report) => report.into(),
            error => error.into(),
        })
    }
}

impl From<AuthoringError> for CommandError {
    fn from(error: AuthoringError) -> Self {
        let advice = authoring::advice(&error);
        advice.about(error.into())
    }
}

impl From<TimeError> for CommandError {
    fn from(error: TimeError) -> Self {
        let hint = match &error {
            TimeError::Form => None,
            TimeError::Gap { .. } => {
                Some("name a time after the change, or one with an offset such as `Z`")
            }
        };
        let mut error = Self::usage(error);
        error.hints.extend(hint.map(str::to_owned));
        error
    }
}

/// Only stdout is written with plain I/O errors.
impl From<io::Error> for CommandError {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::new(Kind::BrokenPipe, error);
        }
        Self::new(Kind::Data, WriteError(error))
    }
}

#[derive(Debug, thiserror::Error)]
#[error("could not write to stdout")]
struct WriteError(#[source] io::Error);

#[derive(Debug, thiserror::Error)]
#[error("the query failed")]
struct QueryError(#[source] Box<dyn Error + Send + Sync>);

/// What the kind of an error is, and what to do about it.
#[derive(Debug)]
struct Advice {
    kind: Kind,
    hints: Vec<String>,
    details: Option<String>,
}

impl Advice {
    fn new(kind: Kind) -> Self {
        Self {
            kind,
            hints: Vec::new(),
            details: None,
        }
    }

    fn about(self, error: Box<dyn Error + Send + Sync>) -> CommandError {
        CommandError {
            kind: self.kind,
            error,
            hints: self.hints,
            details: self.details,
        }
    }

    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("step `users` failed")]
    struct Outer(#[source] Middle);

    #[derive(Debug, thiserror::Error)]
    #[error("the database refused to read: no space")]
    struct Middle(#[source] Inner);

    #[derive(Debug, thiserror::Error)]
    #[error("no space")]
    struct Inner;

    #[test]
    fn a_cause_that_repeats_what_was_said_is_left_out() {
        let error = CommandError::new(Kind::Data, Outer(Middle(Inner))).with_hint("make room");
        let text = anstream::adapter::strip_str(&error.to_text(false, false, false)).to_string();
        assert_snapshot!(text);
    }

    #[test]
    fn the_lines_of_a_cause_stay_together() {
        let error = CommandError::new(Kind::Data, "one\ntwo");
        let text = anstream::adapter::strip_str(&error.to_text(false, false, false)).to_string();
        assert_eq!(text, "error: one\n  two\n");
    }

    #[test]
    fn nothing_in_an_error_speaks_to_the_terminal() {
        #[derive(Debug, thiserror::Error)]
        #[error("`\u{1b}]0;title\u{7}.csv` has a\r\nwrong row: {0}")]
        struct Wrong(#[source] Named);
        #[derive(Debug, thiserror::Error)]
        #[error("field `\u{202e}txt\0`")]
        struct Named;

        let mut error = CommandError::new(Kind::Data, Wrong(Named)).with_hint("see `\u{9b}2J`");
        error.details = Some("at\n\t\u{1b}[31m".to_owned());
        let text = error.to_text(false, false, true);
        let text = anstream::adapter::strip_str(&text).to_string();
        assert_eq!(
            text,
            "error: `\\u{1b}]0;title\\u{7}.csv` has a\\r\n  wrong row: field `\\u{202e}txt\\u{0}`\n\
             \nat\n\t\\u{1b}[31m\n\
             \nhint: see `\\u{9b}2J`\n"
        );
    }

    #[test]
    fn as_json_an_error_says_the_same() {
        let error = CommandError::new(Kind::Data, Outer(Middle(Inner))).with_hint("make room");
        assert_snapshot!(serde_json::to_string_pretty(&error.to_json()).unwrap());
    }

    #[test]
    fn a_closed_pipe_is_no_failure() {
        let error = CommandError::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!(error.exit_code(), exit::DONE);
    }
}
