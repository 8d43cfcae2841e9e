//! `wigeon vendor`.

use std::process::ExitCode;

use clap::Args;

use crate::{
    arguments::{Format, FormatArgument},
    command_error::CommandError,
    context::Context,
    exit, interrupt,
    printer::Printer,
};

/// Copy the pipeline's plugins into a folder beside the manifest
///
/// Runs look in that folder, `wigeon-plugins`, for a plugin of a registry before they look anywhere else, and for one named
/// by `file:` where there is no such file. So the manifest, `wigeon.lock` and the folder are all that a run elsewhere needs
/// besides the extracts. Plugins that are not pinned in `wigeon.lock` are pinned.
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
    let project = context.open()?;
    let cancellation = interrupt::on_signal(printer);
    let vendored = project.vendor_plugins(context.cache(), &cancellation)?;
    match arguments.format.format {
        Format::Json => printer.json(&vendored)?,
        Format::Text if vendored.is_empty() => {
            printer.summary(
                "every plugin of the pipeline is built into wigeon: there is nothing to copy\n",
            )?;
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
