//! The pipeline manifest: from the text of a `pipeline.toml` to a [`CheckedPipeline`].
//!
//! ```text
//! text ──► written::Pipeline (as written) ──► CheckedPipeline (nothing left to doubt)
//!                     └── every mistake, at its place ──► Report
//! ```
//!
//! [`check`] is the only way to a [`CheckedPipeline`], so whoever holds one need not check again.
//! What cannot be told from the text alone (whether a file exists, what a plugin makes of its
//! options, which columns a transform gives) is for the engine, which reports it with
//! [`CheckedPipeline::complain`] at the same places.
//!
//! **Architecture Invariant:** this crate has no path, socket, clock or thread in it. Text goes
//! in, a value or a [`Report`] comes out, and the same text always gives the same answer.

mod code;
mod diagnostic;
mod report;
mod words;

mod written;

mod mistakes;
mod options;
mod place;
mod read;
mod schema;

mod column;
mod path_pattern;
mod plugin_reference;
mod reserved;
mod schedule;
mod source;
mod step;

mod check;
mod pipeline;

pub use crate::{
    check::check,
    code::Code,
    column::{Column, ColumnType, ColumnTypeError},
    diagnostic::{Diagnostic, Label},
    path_pattern::{PathPattern, PathPatternError},
    pipeline::{CheckedPipeline, WarehouseSettings},
    plugin_reference::{PluginReference, PluginReferenceError},
    report::{Position, Report},
    reserved::reserved_column,
    schedule::{MAX_TICKS, Schedule, ScheduleError},
    schema::json_schema,
    source::{ExtraColumns, Format, Location, MissingLineEnd, Source},
    step::{
        Allowed, Deleted, Guard, LateExtracts, SnapshotSettings, Step, StepKind, StepLimits,
        UpdateMode,
    },
};
