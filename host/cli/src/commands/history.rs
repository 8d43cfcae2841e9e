//! `wigeon history`.

use std::{fmt::Write as _, process::ExitCode};

use chrono_tz::Tz;
use clap::Args;
use wigeon_engine::{GuardBreach, HistoryEntry};

use crate::{
    arguments::{Format, FormatArgument},
    command_error::CommandError,
    context::Context,
    exit,
    printer::Printer,
    table::{Side, render, table},
    words::{extract_time, number, short_digest, time},
};

/// Show what was loaded, when, and by which plugin
///
/// These are rows of the ledger, which is written in the same transaction as the data.
#[derive(Debug, Args)]
pub(crate) struct HistoryArguments {
    /// Only loads of this step
    #[arg(long, value_name = "STEP")]
    step: Option<String>,

    /// At most so many loads, the newest
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: usize,

    #[command(flatten)]
    pub(crate) format: FormatArgument,
}

/// Shows the ledger.
pub(crate) fn run(
    printer: &Printer,
    context: &Context,
    arguments: &HistoryArguments,
) -> Result<ExitCode, CommandError> {
    let project = context.open()?;
    let entries = project.history(arguments.step.as_deref(), arguments.limit)?;
    match arguments.format.format {
        Format::Json => printer.json(&entries)?,
        Format::Text if entries.is_empty() => printer.note("nothing has been loaded yet"),
        Format::Text => printer.data(&text(&entries, project.pipeline().time_zone()))?,
    }
    Ok(ExitCode::from(exit::DONE))
}

fn text(entries: &[HistoryEntry], zone: Tz) -> String {
    let mut loads = table([
        ("load", Side::Right),
        ("finished", Side::Left),
        ("step", Side::Left),
        ("run for", Side::Left),
        ("extract", Side::Left),
        ("rows in", Side::Right),
        ("rows out", Side::Right),
        ("rejected", Side::Right),
        ("plugin", Side::Left),
        ("digest", Side::Left),
    ]);
    for entry in entries {
        loads.add_row([
            entry.load_id.to_string(),
            time(entry.finished_at, zone),
            entry.step.clone(),
            time(entry.logical_time, zone),
            entry.effective_time.map(extract_time).unwrap_or_default(),
            number(entry.rows_in),
            number(entry.rows_out),
            number(entry.rows_rejected),
            entry.plugin.clone(),
            short_digest(&entry.digest).to_owned(),
        ]);
    }
    let mut text = render(&loads);
    for entry in entries {
        let accepted = entry.accepted();
        if !accepted.is_empty() {
            // Writing into a `String` cannot fail.
            let _ = writeln!(
                text,
                "\nload {} of {} was accepted although the extract {}",
                entry.load_id,
                entry.step,
                GuardBreach::join(&accepted)
            );
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, NaiveDate};
    use insta::assert_snapshot;

    use super::*;

    #[test]
    fn a_load_is_one_line() {
        let at = DateTime::from_timestamp(1_570_762_800, 0).unwrap();
        let entry = HistoryEntry {
            load_id: 7,
            run_id: "0".to_owned(),
            step: "users".to_owned(),
            kind: "snapshot".to_owned(),
            plugin: "builtin:scd2".to_owned(),
            digest: format!("sha256:{}", "0123456789abcdef".repeat(4)),
            logical_time: at,
            effective_time: NaiveDate::from_ymd_opt(2019, 10, 11)
                .unwrap()
                .and_hms_opt(0, 0, 0),
            started_at: at,
            finished_at: at,
            rows_in: 20_000,
            rows_out: 150,
            rows_rejected: 0,
            details: serde_json::Value::Null,
        };
        assert_snapshot!(text(std::slice::from_ref(&entry), Tz::Europe__London));
        let accepted = HistoryEntry {
            details: serde_json::json!({
                "accepted": [{"guard": "min_rows", "rows": 20_000, "min_rows": 30_000}]
            }),
            ..entry
        };
        let text = text(&[accepted], Tz::Europe__London);
        assert_eq!(
            text.lines().last(),
            Some(
                "load 7 of users was accepted although the extract has 20000 rows, but `guard.min_rows` is 30000"
            )
        );
    }
}
