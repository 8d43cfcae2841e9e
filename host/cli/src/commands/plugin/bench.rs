//! `wigeon plugin bench`.

use std::{fmt::Write as _, path::PathBuf, process::ExitCode};

use clap::Args;
use wigeon_authoring::{
    BenchReport, BenchSettings, Project, StreamFigures, bench, bench_component,
};
use wigeon_runtime::Runtime;

use super::build::built;
use crate::{
    arguments::{Format, FormatArgument},
    command_error::CommandError,
    context::Context,
    exit,
    printer::Printer,
    words::{escaped, number, size},
};

/// Build a plugin and measure it, in one lane, on the multiplied rows of a case
///
/// The figures are those of this machine at this time. Compare two plugins in one go, and more than once.
#[derive(Debug, Args)]
pub(crate) struct BenchArguments {
    /// The directory of the plugin's project, or a component, with `--case`
    #[arg(default_value = ".")]
    plugin: PathBuf,

    /// The directory of the case to measure a component on; of a project it is the first
    #[arg(long, value_name = "DIR")]
    case: Option<PathBuf>,

    /// Rows to work on, at least
    #[arg(long, default_value_t = 1_000_000)]
    rows: usize,

    /// Rows of a batch, at most
    #[arg(long, default_value_t = 8_192, value_parser = positive)]
    batch_rows: usize,

    #[command(flatten)]
    format: FormatArgument,
}

impl BenchArguments {
    /// Returns how the answer is printed.
    pub(super) fn format(&self) -> FormatArgument {
        self.format
    }
}

fn positive(text: &str) -> Result<usize, String> {
    let number = text.parse::<usize>().map_err(|error| error.to_string())?;
    if number == 0 {
        return Err("it must be at least 1".to_owned());
    }
    Ok(number)
}

/// Measures a plugin.
pub(super) fn run(
    printer: &Printer,
    context: &Context,
    arguments: &BenchArguments,
) -> Result<ExitCode, CommandError> {
    let runtime = Runtime::new(context.cache());
    let settings = BenchSettings {
        rows: arguments.rows,
        batch_rows: arguments.batch_rows,
        ..BenchSettings::default()
    };
    let report = match &arguments.case {
        Some(case) => bench_component(&arguments.plugin, case, &runtime, settings)?,
        None if arguments.plugin.is_file() => {
            return Err(
                CommandError::usage("a component needs a case to be measured on")
                    .with_hint("name its directory with `--case DIR`"),
            );
        }
        None => {
            let project = Project::open(&arguments.plugin)?;
            let built = built(printer, context, &project)?;
            bench(&project, &built, &runtime, settings)?
        }
    };
    match arguments.format.format {
        Format::Json => printer.json(&report)?,
        Format::Text => printer.data(&text(&report))?,
    }
    Ok(ExitCode::from(exit::DONE))
}

fn text(report: &BenchReport) -> String {
    let mut text = String::new();
    // Writing into a `String` cannot fail.
    let _ = writeln!(
        text,
        "{} ({}), case {}, batches of {} rows, one lane, medians of {} rounds\n",
        escaped(&report.plugin),
        report.kind,
        escaped(&report.case),
        number(report.batch_rows as u64),
        report.rounds
    );
    for stream in report.first.iter().chain([&report.second]) {
        add(&mut text, stream);
    }
    if let Some(seconds) = report.finish_seconds {
        let _ = writeln!(text, "finish          {}", time(seconds));
    }
    let _ = writeln!(
        text,
        "instantiation   {}",
        time(report.instantiation_seconds)
    );
    let _ = writeln!(
        text,
        "memory          {} at start, {} at most",
        size(report.memory_at_start_bytes),
        size(report.memory_peak_bytes)
    );
    let _ = writeln!(
        text,
        "cost of a call  {}, below 1 % from {} rows a batch",
        time(report.call_cost_seconds),
        number(report.batch_rows_for_one_percent)
    );
    text
}

fn add(text: &mut String, stream: &StreamFigures) {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a figure for people"
    )]
    let rate = stream.rows_per_second as u64;
    let _ = writeln!(
        text,
        "{:<15} {} rows/s: {} rows, {} a call; {:.1} bytes copied in and {:.1} out per row",
        stream.name,
        number(rate),
        number(stream.rows),
        time(stream.seconds_per_call),
        stream.bytes_in_per_row,
        stream.bytes_out_per_row
    );
}

/// Returns a short time in the unit that suits it.
fn time(seconds: f64) -> String {
    if seconds >= 1.0 {
        format!("{seconds:.2} s")
    } else if seconds >= 1e-3 {
        format!("{:.2} ms", seconds * 1e3)
    } else {
        format!("{:.2} µs", seconds * 1e6)
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    #[test]
    fn figures_are_a_line_for_each_stream() {
        let stream = |name, rows, seconds_per_call| StreamFigures {
            name,
            rows,
            calls: 10,
            seconds: 0.5,
            rows_per_second: 2_000_000.0,
            seconds_per_call,
            bytes_in_per_row: 16.0,
            bytes_out_per_row: 4.125,
        };
        let report = BenchReport {
            plugin: "mine".to_owned(),
            digest: "sha256:00".to_owned(),
            kind: "incremental".to_owned(),
            case: "first".to_owned(),
            batch_rows: 8_192,
            rounds: 3,
            instantiation_seconds: 0.000_12,
            memory_at_start_bytes: 1_114_112,
            memory_peak_bytes: 20_114_112,
            first: Some(stream("lookup", 1_200_000, 0.000_3)),
            second: stream("rows", 1_000_000, 0.001_5),
            finish_seconds: Some(0.000_001),
            call_cost_seconds: 0.000_002,
            batch_rows_for_one_percent: 1_234,
        };
        assert_snapshot!(text(&report));
    }
}
