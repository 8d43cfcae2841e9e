//! `wigeon plan`.

use std::{fmt::Write as _, process::ExitCode};

use chrono_tz::Tz;
use clap::Args;
use wigeon_engine::{PlanReport, StepPlan};

use crate::{
    arguments::{Format, FormatArgument},
    command_error::CommandError,
    context::Context,
    exit,
    logical_time::TimeArgument,
    printer::Printer,
    table::{Side, render, table},
    words::{counted, extract_time, length, number, short_digest, size, time_in_zone},
};

/// How many inputs of a step are listed unless more are wanted.
const LISTED_INPUTS: usize = 5;

/// Show what a run would do, and why
///
/// The plugins are loaded and the extracts are listed, but nothing is read from them and nothing is stored.
#[derive(Debug, Args)]
pub(crate) struct PlanArguments {
    #[command(flatten)]
    pub(crate) selection: SelectionArguments,

    #[command(flatten)]
    pub(crate) format: FormatArgument,
}

/// Which steps, and for when.
#[derive(Debug, Args)]
pub(crate) struct SelectionArguments {
    /// Only this step; may be repeated
    #[arg(long = "step", value_name = "STEP")]
    pub(crate) steps: Vec<String>,

    /// Only steps that are due by their schedule and have not run since
    #[arg(long)]
    pub(crate) due: bool,

    /// The time that the run stands for, instead of now
    ///
    /// RFC 3339, or `YYYY-MM-DD[THH:MM[:SS]]` in the time zone of the pipeline. Extracts with a later time in their
    /// name are not seen.
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<TimeArgument>,
}

/// Shows what a run would do.
pub(crate) fn run(
    printer: &Printer,
    context: &Context,
    arguments: &PlanArguments,
) -> Result<ExitCode, CommandError> {
    let project = context.open()?;
    let SelectionArguments { steps, due, at } = &arguments.selection;
    let request = context.request(&project, steps, *due, *at)?;
    let plan = project.plan(&request)?;
    match arguments.format.format {
        Format::Json => printer.json(&plan)?,
        Format::Text => {
            let zone = project.pipeline().time_zone();
            printer.data(&text(&plan, zone, printer.is_verbose()))?;
        }
    }
    Ok(ExitCode::from(exit::DONE))
}

fn text(plan: &PlanReport, zone: Tz, verbose: bool) -> String {
    let at = time_in_zone(plan.logical_time, zone);
    let mut text = format!("{} at {at}\n\n", plan.pipeline);
    let mut steps = table([
        ("step", Side::Left),
        ("kind", Side::Left),
        ("runs", Side::Left),
        ("inputs", Side::Right),
        ("keys", Side::Right),
        ("rows now", Side::Right),
        ("why", Side::Left),
    ]);
    for step in &plan.steps {
        steps.add_row([
            step.step.clone(),
            step.kind.clone(),
            if step.runs { "yes" } else { "no" }.to_owned(),
            number(length(step.inputs.len())),
            step.keys.map(number).unwrap_or_default(),
            number(step.table_rows),
            step.reason.clone(),
        ]);
    }
    text.push_str(&render(&steps));
    for step in &plan.steps {
        if verbose || (step.runs && !step.inputs.is_empty()) {
            describe(&mut text, step, verbose);
        }
    }
    text
}

/// Adds what a table has no room for.
fn describe(text: &mut String, step: &StepPlan, verbose: bool) {
    // Writing into a `String` cannot fail.
    let _ = writeln!(text, "\n{}", step.step);
    if verbose {
        let _ = writeln!(text, "  plugin: {} {}", step.plugin, step.digest);
        let columns = step.columns.iter();
        let columns: Vec<_> = columns
            .map(|(name, data_type)| format!("{name} {data_type}"))
            .collect();
        let _ = writeln!(text, "  columns: {}", columns.join(", "));
    } else {
        let _ = writeln!(
            text,
            "  plugin: {} {}",
            step.plugin,
            short_digest(&step.digest)
        );
    }
    let listed = if verbose { usize::MAX } else { LISTED_INPUTS };
    for input in step.inputs.iter().take(listed) {
        let _ = write!(text, "  input: {}", input.path);
        if let Some(time) = input.time {
            let _ = write!(text, ", {}", extract_time(time));
        }
        if let Some(bytes) = input.size_bytes {
            let _ = write!(text, ", {}", size(bytes));
        }
        text.push('\n');
    }
    if let Some(more) = step
        .inputs
        .len()
        .checked_sub(listed)
        .filter(|more| *more > 0)
    {
        let more = counted(length(more), "more input");
        let _ = writeln!(text, "  and {more}, which --verbose lists");
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, NaiveDate};
    use insta::assert_snapshot;
    use wigeon_engine::PlannedInput;

    use super::*;

    fn plan() -> PlanReport {
        let day = NaiveDate::from_ymd_opt(2019, 10, 11).unwrap();
        let inputs = (0..7).map(|hour| PlannedInput {
            path: format!("extracts/pageview_extract_2019-10-11T{hour:02}.csv"),
            size_bytes: Some(1_500 * 1_024),
            time: day.and_hms_opt(hour, 0, 0),
        });
        let step = StepPlan {
            step: "pageviews_postcode".to_owned(),
            kind: "incremental".to_owned(),
            runs: true,
            reason: "7 new files".to_owned(),
            plugin: "builtin:point-in-time".to_owned(),
            digest: format!("sha256:{}", "0123456789abcdef".repeat(4)),
            inputs: inputs.collect(),
            table_rows: 1_234_567,
            keys: None,
            columns: vec![("user_id".to_owned(), "Int64".to_owned())],
        };
        let idle = StepPlan {
            step: "updated_postcode_stg".to_owned(),
            kind: "change-detection".to_owned(),
            runs: false,
            reason: "not due before 02:45".to_owned(),
            plugin: "builtin:net-change".to_owned(),
            inputs: Vec::new(),
            table_rows: 0,
            keys: Some(2_000),
            ..step.clone()
        };
        PlanReport {
            pipeline: "pageviews_postcode".to_owned(),
            logical_time: DateTime::from_timestamp(1_570_762_800, 0).unwrap(),
            steps: vec![step, idle],
        }
    }

    #[test]
    fn a_plan_says_what_runs_and_why() {
        assert_snapshot!(text(&plan(), Tz::Europe__London, false));
    }

    #[test]
    fn a_verbose_plan_lists_every_input_and_column() {
        assert_snapshot!(text(&plan(), Tz::Europe__London, true));
    }
}
