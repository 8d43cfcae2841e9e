//! `wigeon plugin`: what is done with one plugin, without a pipeline.

mod add;
mod bench;
mod build;
mod inspect;
mod new;
mod pull;
mod push;
mod test;

use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::{
    arguments::FormatArgument, command_error::CommandError, context::Context, printer::Printer,
};

/// Write plugins, test them, and look at them
#[derive(Debug, Args)]
#[command(disable_help_subcommand = true)]
pub(crate) struct PluginArguments {
    #[command(subcommand)]
    command: PluginCommand,
}

#[derive(Debug, Subcommand)]
enum PluginCommand {
    New(new::NewArguments),
    Build(build::BuildArguments),
    Test(test::TestArguments),
    Bench(bench::BenchArguments),
    Inspect(inspect::InspectArguments),
    Push(push::PushArguments),
    Pull(pull::PullArguments),
    Add(add::AddArguments),
}

impl PluginArguments {
    /// Returns how the answer is printed.
    pub(crate) fn format(&self) -> FormatArgument {
        match &self.command {
            PluginCommand::New(arguments) => arguments.format(),
            PluginCommand::Build(arguments) => arguments.format(),
            PluginCommand::Test(arguments) => arguments.format(),
            PluginCommand::Bench(arguments) => arguments.format(),
            PluginCommand::Inspect(arguments) => arguments.format(),
            PluginCommand::Push(arguments) => arguments.format(),
            PluginCommand::Pull(arguments) => arguments.format(),
            PluginCommand::Add(arguments) => arguments.format(),
        }
    }
}

/// Does what is asked with a plugin.
pub(crate) fn run(
    printer: &Printer,
    context: &Context,
    arguments: &PluginArguments,
) -> Result<ExitCode, CommandError> {
    match &arguments.command {
        PluginCommand::New(arguments) => new::run(printer, arguments),
        PluginCommand::Build(arguments) => build::run(printer, context, arguments),
        PluginCommand::Test(arguments) => test::run(printer, context, arguments),
        PluginCommand::Bench(arguments) => bench::run(printer, context, arguments),
        PluginCommand::Inspect(arguments) => inspect::run(printer, context, arguments),
        PluginCommand::Push(arguments) => push::run(printer, context, arguments),
        PluginCommand::Pull(arguments) => pull::run(printer, context, arguments),
        PluginCommand::Add(arguments) => add::run(printer, context, arguments),
    }
}
