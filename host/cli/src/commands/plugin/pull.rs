//! `wigeon plugin pull`.

use std::{fmt::Write as _, path::PathBuf, process::ExitCode};

use clap::Args;
use wigeon_engine::MovedPlugin;

use crate::{
    arguments::{Format, FormatArgument},
    command_error::CommandError,
    context::Context,
    exit, interrupt,
    printer::Printer,
    words::{escaped, size},
};

/// Pull a plugin from an OCI registry into the cache
///
/// Runs find it there without a network, if it is pinned in `wigeon.lock`.
#[derive(Debug, Args)]
pub(crate) struct PullArguments {
    /// Where from: `oci:REGISTRY/NAME:VERSION`
    reference: String,

    /// Write the component to this file, too
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,

    #[command(flatten)]
    format: FormatArgument,
}

impl PullArguments {
    /// Returns how the answer is printed.
    pub(super) fn format(&self) -> FormatArgument {
        self.format
    }
}

/// Pulls a plugin.
pub(super) fn run(
    printer: &Printer,
    context: &Context,
    arguments: &PullArguments,
) -> Result<ExitCode, CommandError> {
    let output = arguments.output.as_deref();
    let (cache, cancellation) = (context.cache(), interrupt::on_signal(printer));
    let pulled = wigeon_engine::pull(&arguments.reference, output, cache, &cancellation)
        .map_err(CommandError::of_plugin)?;
    match arguments.format.format {
        Format::Json => printer.json(&pulled)?,
        Format::Text => printer.summary(&text("pulled", &pulled))?,
    }
    Ok(ExitCode::from(exit::DONE))
}

/// Says what was pushed or pulled. What a plugin says of itself goes to no terminal raw.
pub(super) fn text(done: &str, plugin: &MovedPlugin) -> String {
    let mut text = format!(
        "{done} {}: {} {}, {}, {}\n{}\n",
        plugin.reference,
        escaped(&plugin.name),
        escaped(&plugin.version),
        plugin.kind,
        size(plugin.size_bytes),
        plugin.digest
    );
    if let Some(path) = &plugin.path {
        // Writing into a `String` cannot fail.
        let _ = writeln!(text, "written to {}", path.display());
    }
    text
}
