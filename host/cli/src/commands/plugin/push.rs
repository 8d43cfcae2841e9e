//! `wigeon plugin push`.

use std::{path::PathBuf, process::ExitCode};

use clap::Args;

use crate::{
    arguments::{Format, FormatArgument},
    command_error::CommandError,
    context::Context,
    exit, interrupt,
    printer::Printer,
};

use super::pull::text;

/// Push a plugin to an OCI registry
///
/// The component is loaded first: what is no plugin for this host is not pushed. It is laid out as the CNCF's Wasm
/// artifacts are, so that other tools can pull it. A user and password are taken from Docker's configuration.
#[derive(Debug, Args)]
pub(crate) struct PushArguments {
    /// The component, or the directory of a plugin's project
    plugin: String,

    /// Where to: `oci:REGISTRY/NAME:VERSION`
    reference: String,

    #[command(flatten)]
    format: FormatArgument,
}

impl PushArguments {
    /// Returns how the answer is printed.
    pub(super) fn format(&self) -> FormatArgument {
        self.format
    }
}

/// Pushes a plugin.
pub(super) fn run(
    printer: &Printer,
    context: &Context,
    arguments: &PushArguments,
) -> Result<ExitCode, CommandError> {
    let located = wigeon_authoring::located(&arguments.plugin)?;
    let path = PathBuf::from(located.strip_prefix("file:").unwrap_or(&located));
    let (cache, cancellation) = (context.cache(), interrupt::on_signal(printer));
    let pushed = wigeon_engine::push(&path, &arguments.reference, cache, &cancellation)
        .map_err(CommandError::of_plugin)?;
    match arguments.format.format {
        Format::Json => printer.json(&pushed)?,
        Format::Text => printer.summary(&text("pushed", &pushed))?,
    }
    Ok(ExitCode::from(exit::DONE))
}
