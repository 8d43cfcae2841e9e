//! `wigeon status`.

use std::{fmt::Write as _, process::ExitCode};

use chrono_tz::Tz;
use clap::Args;
use wigeon_engine::{StatusReport, StepStatus};

use crate::{
    arguments::{Format, FormatArgument},
    command_error::CommandError,
    context::Context,
    exit,
    logical_time::TimeArgument,
    printer::Printer,
    table::{Side, render, table},
    words::{counted, extract_time, length, number, time, time_in_zone},
};

/// How many missing extracts of a step are listed.
const LISTED_HOLES: usize = 10;

/// Show where each step stands: its last run, when it is due, what is missing
#[derive(Debug, Args)]
pub(crate) struct StatusArguments {
    /// The time for which to tell, instead of now
    ///
    /// RFC 3339, or `YYYY-MM-DD[THH:MM[:SS]]` in the time zone of the pipeline.
    #[arg(long, value_name = "TIME")]
    at: Option<TimeArgument>,

    #[command(flatten)]
    pub(crate) format: FormatArgument,
}

/// Shows where the steps stand.
pub(crate) fn run(
    printer: &Printer,
    context: &Context,
    arguments: &StatusArguments,
) -> Result<ExitCode, CommandError> {
    let project = context.open()?;
    let status = project.status(context.time(&project, arguments.at)?)?;
    match arguments.format.format {
        Format::Json => printer.json(&status)?,
        Format::Text => printer.data(&text(&status, project.pipeline().time_zone()))?,
    }
    Ok(ExitCode::from(exit::DONE))
}

fn text(status: &StatusReport, zone: Tz) -> String {
    let at = time_in_zone(status.at, zone);
    let mut text = format!("{} at {at}\n\n", status.pipeline);
    let mut steps = table([
        ("step", Side::Left),
        ("last run", Side::Left),
        ("newest input", Side::Left),
        ("loads", Side::Right),
        ("rows", Side::Right),
        ("rejected", Side::Right),
        ("waiting", Side::Right),
        ("next due", Side::Left),
        ("overdue", Side::Right),
        ("holes", Side::Right),
    ]);
    for step in &status.steps {
        steps.add_row([
            step.step.clone(),
            step.last_run
                .map_or_else(|| "never".to_owned(), |at| time(at, zone)),
            step.newest_input.map(extract_time).unwrap_or_default(),
            number(step.loads),
            number(step.rows),
            number(step.rows_rejected),
            number(step.waiting),
            step.next_due.map(|at| time(at, zone)).unwrap_or_default(),
            number(step.overdue),
            number(length(step.holes.len())),
        ]);
    }
    text.push_str(&render(&steps));
    for step in &status.steps {
        if let Some(overlay) = &step.overlay {
            // Writing into a `String` cannot fail.
            let _ = write!(
                text,
                "\n{} has an overlay of {} since {}, merged on read\n",
                step.step,
                counted(overlay.entries, "entry"),
                time(overlay.since, zone)
            );
        }
    }
    for step in status.steps.iter().filter(|step| step.accepted > 0) {
        // Writing into a `String` cannot fail.
        let _ = write!(
            text,
            "\n{0} accepted {1} that its guard stops; `wigeon history --step {0}` tells more\n",
            step.step,
            counted(step.accepted, "extract")
        );
    }
    for step in status.steps.iter().filter(|step| !step.holes.is_empty()) {
        // Writing into a `String` cannot fail.
        let _ = write!(text, "\n{}", missing(step));
    }
    text
}

/// Says which extracts of a step have never come.
fn missing(step: &StepStatus) -> String {
    let holes = step.holes.iter().take(LISTED_HOLES);
    let times: Vec<_> = holes.map(|time| extract_time(*time)).collect();
    let count = counted(length(step.holes.len()), "extract");
    let more = if step.holes.len() > LISTED_HOLES {
        " and more, which --format json lists"
    } else {
        ""
    };
    format!("{} lacks {count}: {}{more}\n", step.step, times.join(", "))
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, NaiveDate};
    use insta::assert_snapshot;

    use super::*;

    #[test]
    fn a_status_has_a_line_for_each_step_and_names_what_is_missing() {
        let day = |day| {
            NaiveDate::from_ymd_opt(2019, 10, day)
                .unwrap()
                .and_hms_opt(0, 0, 0)
        };
        let at = DateTime::from_timestamp(1_570_762_800, 0).unwrap();
        let users = StepStatus {
            step: "users".to_owned(),
            kind: "snapshot".to_owned(),
            last_run: Some(at),
            newest_input: day(11),
            loads: 3,
            rows: 20_000,
            overlay: None,
            rows_rejected: 0,
            accepted: 1,
            waiting: 1,
            next_due: Some(at),
            overdue: 0,
            holes: [day(9), day(10)].into_iter().flatten().collect(),
        };
        let never = StepStatus {
            step: "pageviews".to_owned(),
            last_run: None,
            newest_input: None,
            loads: 0,
            rows: 0,
            accepted: 0,
            next_due: None,
            holes: Vec::new(),
            ..users.clone()
        };
        let status = StatusReport {
            pipeline: "pageviews_postcode".to_owned(),
            at,
            steps: vec![users, never],
        };
        assert_snapshot!(text(&status, Tz::Europe__London));
    }
}
