//! `wigeon verify`.

use std::{fmt::Write as _, process::ExitCode, str::FromStr};

use clap::Args;
use wigeon_engine::{
    DifferenceKind, EngineError, Sample, VerifiedTable, VerifyOutcome, VerifyReport,
};

use crate::{
    arguments::{Format, FormatArgument},
    command_error::CommandError,
    context::Context,
    exit, interrupt,
    printer::Printer,
    progress::Progress,
    table::{Side, render, table},
    words::{counted, escaped, number},
};

/// So much of a value is shown; `--format json` has all of it.
const SHOWN_CHARACTERS: usize = 100;

/// Recompute tables from their extracts, and tell what differs from what is stored
///
/// The files in the ledger are loaded once more, into a warehouse in a temporary directory: `temp_directory` of the
/// manifest, or the system's, where there must be room for the tables. The warehouse itself is only read; runs have to
/// wait meanwhile. A file that is gone or has changed, another plugin, and a source that is a DuckDB file stand in the way.
///
/// Exits with 0 if all tables are equal, with 5 if one differs, and with 1 if one could not be verified.
#[derive(Debug, Args)]
pub(crate) struct VerifyArguments {
    /// Only these tables, named after their steps; all of them if none is named
    #[arg(value_name = "TABLE")]
    tables: Vec<String>,

    /// Only the rows of a part of the keys, always the same part: `1%`
    ///
    /// The extracts are still read whole. Tables without a key are verified whole.
    #[arg(long, value_name = "PERCENT%")]
    sample: Option<SampleArgument>,

    /// At most so many differing rows of each table are told
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: u32,

    #[command(flatten)]
    pub(crate) format: FormatArgument,
}

/// A share of the keys, as it is typed.
#[derive(Debug, Clone, Copy)]
struct SampleArgument(Sample);

#[derive(Debug, thiserror::Error)]
#[error("a sample is more than 0% and at most 100%: `1%`, `0.5%`")]
struct SampleError;

/// A signal came.
#[derive(Debug, thiserror::Error)]
#[error("verifying was interrupted at step `{step}`; the warehouse is as it was")]
struct Interrupted {
    step: String,
}

impl FromStr for SampleArgument {
    type Err = SampleError;

    fn from_str(text: &str) -> Result<Self, SampleError> {
        let percent = text.strip_suffix('%').and_then(|text| text.parse().ok());
        let sample = percent.and_then(Sample::try_new).ok_or(SampleError)?;
        Ok(Self(sample))
    }
}

/// Verifies tables.
pub(crate) fn run(
    printer: &Printer,
    context: &Context,
    arguments: &VerifyArguments,
) -> Result<ExitCode, CommandError> {
    let project = context.open()?;
    let sample = arguments.sample.map(|sample| sample.0);
    let request = context.verify_request(&arguments.tables, sample, arguments.limit);
    let cancellation = interrupt::on_signal(printer);
    let progress = Progress::new(printer, None);
    let result = project.verify(&request, &progress, &cancellation);
    progress.clear();
    let report = result.map_err(|error| match error {
        EngineError::Cancelled { step } => CommandError::interruption(Interrupted { step }),
        // What was interrupted may say so in the words of whatever it was doing.
        error if cancellation.is_cancelled() => CommandError::interruption(error),
        error => error.into(),
    })?;
    match arguments.format.format {
        Format::Json => printer.json(&report)?,
        Format::Text => printer.data(&text(&report))?,
    }
    Ok(ExitCode::from(exit_code(&report)))
}

fn exit_code(report: &VerifyReport) -> u8 {
    let any = |outcome| report.tables.iter().any(|table| table.outcome == outcome);
    if any(VerifyOutcome::Different) {
        exit::DIFFERENT
    } else if any(VerifyOutcome::NotVerified) {
        exit::FAILED
    } else {
        exit::DONE
    }
}

fn text(report: &VerifyReport) -> String {
    let part = report
        .sample_percent
        .map_or_else(String::new, |percent| format!(", {percent}% of the keys"));
    let mut text = format!("{}{part}\n\n", report.pipeline);
    let mut tables = table([
        ("table", Side::Left),
        ("outcome", Side::Left),
        ("stored", Side::Right),
        ("recomputed", Side::Right),
        ("differing", Side::Right),
        ("missing", Side::Right),
        ("unexpected", Side::Right),
    ]);
    for verified in &report.tables {
        let outcome = match verified.outcome {
            VerifyOutcome::Equal => "equal",
            VerifyOutcome::Different => "different",
            VerifyOutcome::NotVerified => {
                tables.add_row([verified.table.as_str(), "not verified"]);
                continue;
            }
        };
        tables.add_row([
            verified.table.clone(),
            outcome.to_owned(),
            number(verified.stored_rows),
            number(verified.recomputed_rows),
            number(verified.differing_rows),
            number(verified.missing_rows),
            number(verified.unexpected_rows),
        ]);
    }
    text.push_str(&render(&tables));
    for verified in &report.tables {
        if let Some(reason) = &verified.reason {
            // Writing into a `String` cannot fail.
            let _ = write!(
                text,
                "\n{} was not verified, since {}\n",
                verified.table,
                escaped(reason)
            );
        }
        if !verified.differences.is_empty() {
            describe(&mut text, verified);
        }
    }
    text
}

/// Adds the first rows of a table that differ: a line for each value, or for a row that is on one
/// side only.
fn describe(text: &mut String, verified: &VerifiedTable) {
    let mut rows = table([
        ("row", Side::Left),
        ("column", Side::Left),
        ("stored", Side::Left),
        ("recomputed", Side::Left),
    ]);
    for difference in &verified.differences {
        let row: Vec<_> = difference
            .row
            .iter()
            .map(|(column, value)| format!("{} {}", escaped(column), shown(value.as_deref())))
            .collect();
        let row = row.join(", ");
        match difference.kind {
            DifferenceKind::Missing => {
                rows.add_row([row.as_str(), "", "missing"]);
            }
            DifferenceKind::Unexpected => {
                rows.add_row([row.as_str(), "", "unexpected"]);
            }
            DifferenceKind::Differs => {
                for value in &difference.columns {
                    rows.add_row([
                        row.clone(),
                        escaped(&value.column),
                        shown(value.stored.as_deref()),
                        shown(value.recomputed.as_deref()),
                    ]);
                }
            }
        }
    }
    let all = verified.differing_rows + verified.missing_rows + verified.unexpected_rows;
    // Writing into a `String` cannot fail.
    let _ = write!(
        text,
        "\n{}, the first of {}\n\n{}",
        verified.table,
        counted(all, "row"),
        render(&rows)
    );
}

/// Returns a value on one line, cut if it is long.
fn shown(value: Option<&str>) -> String {
    let Some(value) = value else {
        return "null".to_owned();
    };
    match value.char_indices().nth(SHOWN_CHARACTERS) {
        Some((end, _)) => format!("{}…", escaped(&value[..end])),
        None => escaped(value),
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use wigeon_engine::{ColumnDifference, RowDifference};

    use super::*;

    fn row(kind: DifferenceKind, id: &str, columns: Vec<ColumnDifference>) -> RowDifference {
        RowDifference {
            kind,
            row: vec![
                ("id".to_owned(), Some(id.to_owned())),
                ("at".to_owned(), None),
            ],
            columns,
        }
    }

    fn report() -> VerifyReport {
        let equal = VerifiedTable {
            step: "users".to_owned(),
            table: "users_history".to_owned(),
            outcome: VerifyOutcome::Equal,
            reason: None,
            stored_rows: 20_000,
            recomputed_rows: 20_000,
            differing_rows: 0,
            missing_rows: 0,
            unexpected_rows: 0,
            differences: vec![],
        };
        let value = ColumnDifference {
            column: "postcode".to_owned(),
            stored: Some("x".repeat(101)),
            recomputed: None,
        };
        let different = VerifiedTable {
            table: "views".to_owned(),
            outcome: VerifyOutcome::Different,
            differing_rows: 1,
            missing_rows: 1,
            unexpected_rows: 1,
            differences: vec![
                row(DifferenceKind::Differs, "1", vec![value]),
                row(DifferenceKind::Missing, "2", vec![]),
                row(DifferenceKind::Unexpected, "3\u{1b}", vec![]),
            ],
            ..equal.clone()
        };
        let unknown = VerifiedTable {
            table: "moved".to_owned(),
            outcome: VerifyOutcome::NotVerified,
            reason: Some("`a.csv`, which was loaded on 1 May, is gone".to_owned()),
            ..equal.clone()
        };
        VerifyReport {
            pipeline: "pageviews".to_owned(),
            sample_percent: Some(1.0),
            tables: vec![equal, different, unknown],
        }
    }

    #[test]
    fn differences_are_told_row_by_row() {
        assert_snapshot!(text(&report()));
    }

    #[test]
    fn a_difference_weighs_more_than_what_was_not_verified() {
        let mut report = report();
        assert_eq!(exit_code(&report), exit::DIFFERENT);
        report.tables.remove(1);
        assert_eq!(exit_code(&report), exit::FAILED);
        report.tables.remove(1);
        assert_eq!(exit_code(&report), exit::DONE);
    }

    #[test]
    fn a_sample_is_a_percentage() {
        let percent = |text: &str| {
            let sample = text.parse::<SampleArgument>().ok()?;
            Some(sample.0.percent())
        };
        assert_eq!(percent("1%"), Some(1.0));
        assert_eq!(percent("0.5%"), Some(0.5));
        for wrong in ["1", "0%", "101%", "NaN%", "%", "half"] {
            assert_eq!(percent(wrong), None, "{wrong}");
        }
    }
}
