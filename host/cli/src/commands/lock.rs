//! `wigeon lock`.

use std::process::ExitCode;

use clap::Args;
use wigeon_engine::LockedPlugin;

use crate::{
    arguments::{Format, FormatArgument},
    command_error::CommandError,
    context::Context,
    exit, interrupt,
    printer::Printer,
    table::{Side, render, table},
};

/// Pin the plugins of the pipeline in `wigeon.lock`
///
/// A run refuses a plugin whose digest differs from the one in this file, which is beside the manifest and belongs in
/// version control.
#[derive(Debug, Args)]
pub(crate) struct LockArguments {
    /// Pin plugins that have changed as they are now
    #[arg(long)]
    update: bool,

    #[command(flatten)]
    pub(crate) format: FormatArgument,
}

/// Pins the plugins.
pub(crate) fn run(
    printer: &Printer,
    context: &Context,
    arguments: &LockArguments,
) -> Result<ExitCode, CommandError> {
    let project = context.open()?;
    let cancellation = interrupt::on_signal(printer);
    let plugins = project.lock_plugins(arguments.update, context.cache(), &cancellation)?;
    match arguments.format.format {
        Format::Json => printer.json(&plugins)?,
        Format::Text => printer.summary(&text(&plugins))?,
    }
    Ok(ExitCode::from(exit::DONE))
}

fn text(plugins: &[LockedPlugin]) -> String {
    let mut pinned = table([
        ("plugin", Side::Left),
        ("digest", Side::Left),
        ("lock file", Side::Left),
    ]);
    for plugin in plugins {
        pinned.add_row([
            plugin.reference.as_str(),
            plugin.digest.as_str(),
            if plugin.changed {
                "changed"
            } else {
                "as before"
            },
        ]);
    }
    render(&pinned)
}
