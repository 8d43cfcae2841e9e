//! `wigeon check`.

use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use crate::{
    arguments::{Format, FormatArgument},
    command_error::CommandError,
    context::Context,
    exit,
    printer::Printer,
    words::{counted, length},
};

/// Check the manifest, and report every mistake in it
///
/// Nothing is opened but the manifest: whether the files and plugins exist, `wigeon plan` tells.
#[derive(Debug, Args)]
pub(crate) struct CheckArguments {
    #[command(flatten)]
    pub(crate) format: FormatArgument,
}

/// Checks the manifest.
pub(crate) fn run(
    printer: &Printer,
    context: &Context,
    arguments: &CheckArguments,
) -> Result<ExitCode, CommandError> {
    let project = context.open()?;
    let pipeline = project.pipeline();
    match arguments.format.format {
        Format::Json => printer.json(&json!({
            "pipeline": pipeline.name(),
            "time_zone": pipeline.time_zone().name(),
            "sources": pipeline.sources().iter().map(|source| &source.name).collect::<Vec<_>>(),
            "steps": pipeline.steps().iter().map(|step| &step.name).collect::<Vec<_>>(),
        }))?,
        Format::Text => printer.summary(&format!(
            "ok: {}, {}",
            counted(length(pipeline.sources().len()), "source"),
            counted(length(pipeline.steps().len()), "step"),
        ))?,
    }
    Ok(ExitCode::from(exit::DONE))
}
