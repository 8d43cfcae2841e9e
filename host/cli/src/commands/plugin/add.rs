//! `wigeon plugin add`.

use std::process::ExitCode;

use clap::Args;

use crate::{
    arguments::{Format, FormatArgument},
    command_error::CommandError,
    context::Context,
    exit, interrupt,
    printer::Printer,
};

/// Pull a plugin from an OCI registry and pin it in `wigeon.lock`
///
/// A step may name it then. What the version means is asked of the registry this once: runs use the component with
/// the digest that is pinned.
#[derive(Debug, Args)]
pub(crate) struct AddArguments {
    /// Where from: `oci:REGISTRY/NAME:VERSION`
    reference: String,

    #[command(flatten)]
    format: FormatArgument,
}

impl AddArguments {
    /// Returns how the answer is printed.
    pub(super) fn format(&self) -> FormatArgument {
        self.format
    }
}

/// Adds a plugin.
pub(super) fn run(
    printer: &Printer,
    context: &Context,
    arguments: &AddArguments,
) -> Result<ExitCode, CommandError> {
    let project = context.open()?;
    let cancellation = interrupt::on_signal(printer);
    let added = project
        .add_plugin(&arguments.reference, context.cache(), &cancellation)
        .map_err(CommandError::of_plugin)?;
    match arguments.format.format {
        Format::Json => printer.json(&added)?,
        Format::Text => printer.summary(&format!(
            "pinned {} as {}\nname it in a step: plugin = \"{}\"\n",
            added.reference, added.digest, added.reference
        ))?,
    }
    Ok(ExitCode::from(exit::DONE))
}
