//! `wigeon plugin build`.

use std::{path::PathBuf, process::ExitCode};

use clap::Args;
use wigeon_authoring::{Built, Place, Project};

use crate::{
    arguments::{Format, FormatArgument},
    command_error::CommandError,
    context::Context,
    exit,
    printer::Printer,
    words::size,
};

/// Build a plugin: its component, in `target/`
#[derive(Debug, Args)]
pub(crate) struct BuildArguments {
    /// The directory of the plugin's project
    #[arg(default_value = ".")]
    directory: PathBuf,

    #[command(flatten)]
    format: FormatArgument,
}

impl BuildArguments {
    /// Returns how the answer is printed.
    pub(super) fn format(&self) -> FormatArgument {
        self.format
    }
}

/// Builds a plugin.
pub(super) fn run(
    printer: &Printer,
    context: &Context,
    arguments: &BuildArguments,
) -> Result<ExitCode, CommandError> {
    let project = Project::open(&arguments.directory)?;
    let built = built(printer, context, &project)?;
    match arguments.format.format {
        Format::Json => printer.json(&built)?,
        Format::Text => printer.data(&text(&built))?,
    }
    Ok(ExitCode::from(exit::DONE))
}

/// Builds a project, which may take a while.
pub(super) fn built(
    printer: &Printer,
    context: &Context,
    project: &Project,
) -> Result<Built, CommandError> {
    printer.note(&format!("building {}", project.name()));
    let place = Place {
        target_directory: context.cargo_target_directory(),
    };
    Ok(project.build(&place)?)
}

fn text(built: &Built) -> String {
    format!(
        "path    {}\ndigest  {}\nsize    {}",
        built.path.display(),
        built.digest,
        size(built.size_bytes)
    )
}
