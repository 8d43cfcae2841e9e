//! `wigeon vendor`.

use std::process::ExitCode;

use clap::Args;

use crate::{
    arguments::{Format, FormatArgument},
    command_error::CommandError,
    context::Context,
    exit,
    printer::Printer,
};

/// Copy the pipeline's plugins from registries into a folder beside the manifest
///
/// Runs look for a plugin in that folder, `wigeon-plugins`, before they look anywhere else, so that they need neither a
/// network nor a cache. Plugins of registries that are not pinned in `wigeon.lock` are pinned.
#[derive(Debug, Args)]
pub(crate) struct VendorArguments {
    #[command(flatten)]
    pub(crate) format: FormatArgument,
}

/// Vendors the plugins.
pub(crate) fn run(
    printer: &Printer,
    context: &Context,
    arguments: &VendorArguments,
) -> Result<ExitCode, CommandError> {
    let vendored = context.open()?.vendor_plugins(context.cache())?;
    match arguments.format.format {
        Format::Json => printer.json(&vendored)?,
        Format::Text if vendored.is_empty() => {
            printer.summary("no step has a plugin from a registry\n")?;
        }
        Format::Text => {
            let lines = vendored
                .iter()
                .map(|plugin| format!("{}\n  {}\n", plugin.reference, plugin.path.display()));
            printer.summary(&lines.collect::<String>())?;
        }
    }
    Ok(ExitCode::from(exit::DONE))
}
