//! The command line, as it is typed.

use std::{path::PathBuf, sync::LazyLock};

use clap::{
    Args, ColorChoice, Parser, Subcommand, ValueEnum,
    builder::styling::{AnsiColor, Styles},
};
use wigeon_engine::CONTRACT_VERSION;

use crate::{
    commands::{
        check, completions, history, lock, plan, plugin, run, schedule, sql, status, vendor, verify,
    },
    exit,
};

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

const ENVIRONMENT: &str = "\
Environment:
  WIGEON_CACHE_DIR  where compiled plugins are kept, instead of the user's cache directory
  NO_COLOR          no colors, unless `--color always`";

/// The version of the program, and of the contract that plugins are built against.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    format!(
        "{} (plugin contract {CONTRACT_VERSION})",
        env!("CARGO_PKG_VERSION")
    )
});

/// Run incremental warehouse pipelines made of sandboxed WebAssembly plugins
///
/// A pipeline is a manifest, `pipeline.toml`: sources of rows, and steps that keep tables of a DuckDB file up to date.
#[derive(Debug, Parser)]
#[command(
    name = "wigeon",
    version = VERSION.as_str(),
    styles = STYLES,
    max_term_width = 120,
    disable_help_subcommand = true,
    after_long_help = format!("{}\n\n{ENVIRONMENT}", exit::HELP),
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: GlobalArguments,

    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct GlobalArguments {
    /// The manifest of the pipeline
    #[arg(
        long,
        short,
        global = true,
        value_name = "PATH",
        default_value = "pipeline.toml"
    )]
    pub(crate) manifest: PathBuf,

    /// Print results and errors only: no progress, no summary
    #[arg(long, short, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,

    /// Print what happens inside, on stderr; twice for more
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,

    /// Whether to use colors
    #[arg(long, global = true, value_name = "WHEN", default_value_t = ColorChoice::Auto)]
    pub(crate) color: ColorChoice,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Check(check::CheckArguments),
    Plan(plan::PlanArguments),
    Run(run::RunArguments),
    Status(status::StatusArguments),
    History(history::HistoryArguments),
    Verify(verify::VerifyArguments),
    Sql(sql::SqlArguments),
    Schedule(schedule::ScheduleArguments),
    Lock(lock::LockArguments),
    Vendor(vendor::VendorArguments),
    Plugin(plugin::PluginArguments),
    Completions(completions::CompletionsArguments),
}

impl Command {
    /// Returns whether the answer, and so an error too, is wanted as JSON.
    pub(crate) fn wants_json(&self) -> bool {
        let format = match self {
            Self::Check(arguments) => arguments.format,
            Self::Plan(arguments) => arguments.format,
            Self::Run(arguments) => arguments.format,
            Self::Status(arguments) => arguments.format,
            Self::History(arguments) => arguments.format,
            Self::Verify(arguments) => arguments.format,
            Self::Lock(arguments) => arguments.format,
            Self::Vendor(arguments) => arguments.format,
            Self::Plugin(arguments) => arguments.format(),
            Self::Sql(arguments) => return arguments.wants_json(),
            Self::Schedule(_) | Self::Completions(_) => return false,
        };
        format.format == Format::Json
    }
}

/// How a report is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Text,
    /// For machines: one JSON object, also for an error
    Json,
}

/// The option that chooses a [`Format`].
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct FormatArgument {
    /// How to print the result on stdout
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }
}
