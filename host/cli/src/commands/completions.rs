//! `wigeon completions`.

use std::{io::Write as _, process::ExitCode};

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use crate::{
    arguments::Arguments, command_error::CommandError, context::Context, exit, printer::Printer,
};

/// Print completions for a shell
///
/// For bash: `wigeon completions bash > ~/.local/share/bash-completion/completions/wigeon`.
#[derive(Debug, Args)]
pub(crate) struct CompletionsArguments {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Prints completions.
pub(crate) fn run(
    printer: &Printer,
    _: &Context,
    arguments: &CompletionsArguments,
) -> Result<ExitCode, CommandError> {
    let mut script = Vec::new();
    let mut command = Arguments::command();
    clap_complete::generate(arguments.shell, &mut command, "wigeon", &mut script);
    let mut stdout = printer.stdout();
    stdout.write_all(&script)?;
    stdout.flush()?;
    Ok(ExitCode::from(exit::DONE))
}
