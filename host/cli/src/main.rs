//! `wigeon`: the command line of the engine.
//!
//! This is the only crate that prints, reads the environment or exits. A command turns its
//! arguments into one call on the engine, and the answer into text or JSON: data on stdout,
//! everything else on stderr.

mod arguments;
mod exit;

mod command_error;
mod context;
mod logical_time;
mod printer;
mod words;

mod cells;
mod failpoint;
mod interrupt;
mod progress;
mod table;

mod commands;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    process::ExitCode,
};

use clap::{ColorChoice, Parser as _};

use crate::{
    arguments::{Arguments, Command},
    command_error::CommandError,
    commands::{
        check, completions, history, lock, plan, plugin, run, schedule, sql, status, vendor, verify,
    },
    context::Context,
    printer::Printer,
};

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version come this way too. Whoever closed the pipe has read enough.
            error.print().ok();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(exit::USAGE));
        }
    };
    let color = match arguments.global.color {
        ColorChoice::Auto => anstream::ColorChoice::Auto,
        ColorChoice::Always => anstream::ColorChoice::Always,
        ColorChoice::Never => anstream::ColorChoice::Never,
    };
    let printer = Printer::new(arguments.global.quiet, arguments.global.verbose, color);
    printer.start_log();
    let context = Context::new(arguments.global.manifest);
    let wants_json = arguments.command.wants_json();

    // The panic has been printed when this returns; what is left is to say whose fault it is.
    let result = catch_unwind(AssertUnwindSafe(|| {
        perform(&printer, &context, &arguments.command)
    }))
    .unwrap_or_else(|_| Err(CommandError::bug("wigeon panicked")));
    match result {
        Ok(code) => code,
        Err(error) => {
            error.print(&printer, wants_json);
            ExitCode::from(error.exit_code())
        }
    }
}

fn perform(
    printer: &Printer,
    context: &Context,
    command: &Command,
) -> Result<ExitCode, CommandError> {
    match command {
        Command::Check(arguments) => check::run(printer, context, arguments),
        Command::Plan(arguments) => plan::run(printer, context, arguments),
        Command::Run(arguments) => run::run(printer, context, arguments),
        Command::Status(arguments) => status::run(printer, context, arguments),
        Command::History(arguments) => history::run(printer, context, arguments),
        Command::Verify(arguments) => verify::run(printer, context, arguments),
        Command::Sql(arguments) => sql::run(printer, context, arguments),
        Command::Schedule(arguments) => schedule::run(printer, context, arguments),
        Command::Lock(arguments) => lock::run(printer, context, arguments),
        Command::Vendor(arguments) => vendor::run(printer, context, arguments),
        Command::Plugin(arguments) => plugin::run(printer, context, arguments),
        Command::Completions(arguments) => completions::run(printer, context, arguments),
    }
}
