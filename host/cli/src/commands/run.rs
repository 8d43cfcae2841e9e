//! `wigeon run`.

use std::{fmt::Write as _, process::ExitCode};

use chrono_tz::Tz;
use clap::Args;
use wigeon_engine::{GuardBreach, Outcome, OverlayReport, RunReport, RunRequest, StepReport};

use super::plan::SelectionArguments;
use crate::{
    arguments::{Format, FormatArgument},
    command_error::CommandError,
    context::Context,
    exit,
    failpoint::Failpoint,
    interrupt,
    printer::Printer,
    progress::Progress,
    table::{Side, render, table},
    words::{counted, length, number, seconds, time_in_zone},
};

/// Run the pipeline: take in what is new and bring every table up to date
///
/// Each load is one transaction: it is stored completely or not at all, and running again goes on where the last run
/// stopped. One run of a pipeline is under way at a time.
///
/// From cron, use `--due`: it runs what the schedules in the manifest ask for and catches up what was missed, in order.
#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    #[command(flatten)]
    pub(crate) selection: SelectionArguments,

    /// Take an extract of this step although its guard stops it; may be repeated
    ///
    /// For this run only, and for the first extract that the guard stops: nobody has looked at a second one. The ledger
    /// keeps what was accepted. It is not for a crontab, so it cannot go with `--due`.
    #[arg(long, value_name = "STEP", conflicts_with = "due")]
    accept: Vec<String>,

    #[command(flatten)]
    pub(crate) format: FormatArgument,
}

/// Runs the pipeline.
pub(crate) fn run(
    printer: &Printer,
    context: &Context,
    arguments: &RunArguments,
) -> Result<ExitCode, CommandError> {
    let failpoint = Failpoint::from_environment().map_err(CommandError::usage)?;
    let project = context.open()?;
    let SelectionArguments { steps, due, at } = &arguments.selection;
    let request = RunRequest {
        accept: arguments.accept.clone(),
        ..context.request(&project, steps, *due, *at)?
    };
    let cancellation = interrupt::on_signal(printer);
    let progress = Progress::new(printer, failpoint);
    let result = project.run(&request, &progress, &cancellation);
    progress.clear();
    let report = result.map_err(|error| {
        let error = CommandError::from(error);
        // What was interrupted may say so in the words of whatever it was doing.
        if cancellation.is_cancelled() {
            error.interrupted()
        } else {
            error
        }
    })?;
    match arguments.format.format {
        Format::Json => printer.json(&report)?,
        Format::Text => printer.summary(&text(&report, project.pipeline().time_zone()))?,
    }
    for step in &arguments.accept {
        let is_accepted = |report: &StepReport| report.step == *step && !report.accepted.is_empty();
        if !report.steps.iter().any(is_accepted) {
            printer.note(&format!(
                "`--accept {step}` was not needed: the guard stopped nothing"
            ));
        }
    }
    Ok(ExitCode::from(exit::DONE))
}

fn text(report: &RunReport, zone: Tz) -> String {
    let at = time_in_zone(report.logical_time, zone);
    let is_idle = |step: &StepReport| step.outcome == Outcome::UpToDate;
    if report.steps.iter().all(is_idle) {
        return format!("{} at {at}: nothing to do\n", report.pipeline);
    }
    let mut steps = table([
        ("step", Side::Left),
        ("kind", Side::Left),
        ("outcome", Side::Left),
        ("loads", Side::Right),
        ("inputs", Side::Right),
        ("rows in", Side::Right),
        ("rows out", Side::Right),
        ("updated", Side::Right),
        ("rejected", Side::Right),
        ("time", Side::Right),
    ]);
    for total in totals(&report.steps) {
        if total.loads == 0 {
            steps.add_row([total.step, total.kind, "up to date"]);
            continue;
        }
        steps.add_row([
            total.step.to_owned(),
            total.kind.to_owned(),
            "loaded".to_owned(),
            number(total.loads),
            number(total.inputs),
            number(total.rows_in),
            number(total.rows_out),
            number(total.rows_updated),
            number(total.rows_rejected),
            seconds(total.seconds),
        ]);
    }
    let mut text = format!("{} at {at}\n\n{}", report.pipeline, render(&steps));
    for total in totals(&report.steps) {
        if total.passes > 1 {
            // Writing into a `String` cannot fail.
            let _ = writeln!(
                text,
                "\n{} went over its keys in {} passes; a greater `memory_mib` under its `[step.limits]` saves time",
                total.step, total.passes
            );
        }
    }
    for step in report.steps.iter().filter(|s| !s.accepted.is_empty()) {
        // Writing into a `String` cannot fail.
        let _ = writeln!(
            text,
            "\n{} accepted `{}` although it {}",
            step.step,
            step.inputs.join("`, `"),
            GuardBreach::join(&step.accepted)
        );
    }
    // What became of an overlay last is how it is now.
    if let Some(overlay) = report.steps.iter().rev().find_map(|s| s.overlay.as_ref()) {
        text.push('\n');
        text.push_str(&overlay_text(overlay));
        text.push('\n');
    }
    text
}

/// Says where the changes are that have not reached the rows themselves, or that they have.
fn overlay_text(overlay: &OverlayReport) -> String {
    if overlay.entries > 0 {
        let entries = counted(overlay.entries, "entry");
        return format!(
            "{} has an overlay of {entries}, merged on read",
            overlay.target
        );
    }
    let entries = counted(overlay.folded_entries, "entry");
    format!(
        "{} had an overlay of {entries}, now folded into its rows",
        overlay.target
    )
}

/// What all loads of a step did together.
#[derive(Debug)]
struct Total<'a> {
    step: &'a str,
    kind: &'a str,
    loads: u64,
    inputs: u64,
    rows_in: u64,
    rows_out: u64,
    rows_updated: u64,
    rows_rejected: u64,
    passes: usize,
    seconds: f64,
}

/// Returns the steps in the order in which they first ran. A run that catches up has many loads.
fn totals(reports: &[StepReport]) -> Vec<Total<'_>> {
    let mut totals: Vec<Total<'_>> = Vec::new();
    for report in reports {
        let index = totals
            .iter()
            .position(|total| total.step == report.step)
            .unwrap_or_else(|| {
                totals.push(Total {
                    step: &report.step,
                    kind: &report.kind,
                    loads: 0,
                    inputs: 0,
                    rows_in: 0,
                    rows_out: 0,
                    rows_updated: 0,
                    rows_rejected: 0,
                    passes: 0,
                    seconds: 0.0,
                });
                totals.len() - 1
            });
        let total = &mut totals[index];
        total.loads += u64::from(report.outcome == Outcome::Done);
        total.inputs += length(report.inputs.len());
        total.rows_in += report.rows_in;
        total.rows_out += report.rows_out;
        total.rows_updated += report.rows_updated;
        total.rows_rejected += report.rows_rejected;
        total.passes = total.passes.max(report.passes);
        total.seconds += report.seconds;
    }
    totals
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use insta::assert_snapshot;

    use super::*;

    fn step(name: &str, outcome: Outcome) -> StepReport {
        StepReport {
            step: name.to_owned(),
            kind: "snapshot".to_owned(),
            outcome,
            plugin: "builtin:scd2".to_owned(),
            digest: "sha256:00".to_owned(),
            effective_time: None,
            inputs: vec!["a.csv".to_owned()],
            rows_in: 20_000,
            rows_out: 150,
            rows_rejected: 0,
            rows_updated: 40,
            changes: None,
            accepted: vec![],
            overlay: None,
            passes: 1,
            seconds: 0.25,
        }
    }

    fn report(steps: Vec<StepReport>) -> RunReport {
        RunReport {
            pipeline: "pageviews_postcode".to_owned(),
            run_id: "0".to_owned(),
            logical_time: DateTime::from_timestamp(1_570_762_800, 0).unwrap(),
            steps,
        }
    }

    #[test]
    fn the_loads_of_a_step_are_summed_up() {
        let report = report(vec![
            step("users", Outcome::Done),
            step("pageviews", Outcome::UpToDate),
            step("users", Outcome::Done),
        ]);
        assert_snapshot!(text(&report, Tz::Europe__London));
    }

    #[test]
    fn passes_are_told_with_what_to_do_about_them() {
        let report = report(vec![StepReport {
            passes: 4,
            ..step("users", Outcome::Done)
        }]);
        let text = text(&report, Tz::Europe__London);
        assert_eq!(
            text.lines().last(),
            Some(
                "users went over its keys in 4 passes; a greater `memory_mib` under its `[step.limits]` saves time"
            )
        );
    }

    #[test]
    fn a_run_without_anything_new_says_so() {
        let report = report(vec![step("users", Outcome::UpToDate)]);
        assert_eq!(
            text(&report, Tz::Europe__London),
            "pageviews_postcode at 2019-10-11 04:00:00 Europe/London: nothing to do\n"
        );
    }
}
