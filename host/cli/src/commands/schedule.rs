//! `wigeon schedule`.
//!
//! Each step has its own schedule in the manifest, which `run --due` follows by the ledger. So one
//! line of a crontab serves a pipeline: it only has to ask often enough.

use std::{env, fmt::Write as _, path, path::Path, process::ExitCode};

use chrono::{DateTime, Timelike as _};
use chrono_tz::Tz;
use clap::Args;
use wigeon_manifest::{CheckedPipeline, Schedule};

use crate::{
    command_error::CommandError,
    context::Context,
    exit,
    printer::Printer,
    words::{counted, shell_quoted},
};

/// The longest time between two questions, in minutes: extracts come late, and time zones differ
/// by quarters of an hour.
const LONGEST: u32 = 15;

/// Print a line for the crontab that runs whatever is due, or units for systemd
#[derive(Debug, Args)]
pub(crate) struct ScheduleArguments {
    /// Print a service and a timer for systemd instead
    #[arg(long)]
    systemd: bool,
}

#[derive(Debug, thiserror::Error)]
#[error("no step of `{0}` has a schedule")]
struct NoSchedule(String);

#[derive(Debug, thiserror::Error)]
#[error("could not find out where the program or the manifest is")]
struct NoPath(#[source] std::io::Error);

/// Prints how to run the pipeline by the clock.
pub(crate) fn run(
    printer: &Printer,
    context: &Context,
    arguments: &ScheduleArguments,
) -> Result<ExitCode, CommandError> {
    let project = context.open()?;
    let pipeline = project.pipeline();
    let program = env::current_exe().map_err(|error| CommandError::usage(NoPath(error)))?;
    let manifest =
        path::absolute(context.manifest()).map_err(|error| CommandError::usage(NoPath(error)))?;
    let Some(minutes) = minutes_between(pipeline) else {
        return Err(
            CommandError::manifest(NoSchedule(pipeline.name().to_owned())).with_hint(
                "give a step one in the manifest: `schedule = \"30 2 * * *\"` is every day at 02:30",
            ),
        );
    };
    let text = if arguments.systemd {
        systemd(pipeline, minutes, &program, &manifest)
    } else {
        crontab(pipeline, minutes, &program, &manifest)
    };
    printer.data(&text)?;
    Ok(ExitCode::from(exit::DONE))
}

/// Returns the steps that have a schedule.
fn scheduled(pipeline: &CheckedPipeline) -> impl Iterator<Item = (&str, &Schedule)> {
    pipeline
        .steps()
        .iter()
        .filter_map(|step| Some((step.name.as_str(), step.schedule.as_ref()?)))
}

/// Returns how often to ask what is due, so that no step is kept waiting: the greatest common
/// divisor of all minutes at which a step is due. There is none if no step has a schedule.
fn minutes_between(pipeline: &CheckedPipeline) -> Option<u32> {
    scheduled(pipeline)
        .map(|(_, schedule)| minutes_of(schedule).fold(LONGEST, gcd))
        .reduce(gcd)
}

/// Returns the minutes of an hour at which a schedule ticks. The same come again in each hour of
/// it, so that sixty ticks show them all.
fn minutes_of(schedule: &Schedule) -> impl Iterator<Item = u32> {
    let next = |after| schedule.next_after(Tz::UTC, after);
    std::iter::successors(next(DateTime::UNIX_EPOCH), move |tick| next(*tick))
        .take(60)
        .map(|tick| tick.minute())
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Returns the lines that say what is scheduled.
fn comment(pipeline: &CheckedPipeline, minutes: u32) -> String {
    let mut text = format!(
        "# Runs the pipeline `{}`: asks every {} what is due, and catches up what was missed.\n\
         # The schedules stand in the manifest, in the time zone {}:\n",
        pipeline.name(),
        if minutes == 1 {
            "minute".to_owned()
        } else {
            counted(minutes.into(), "minute")
        },
        pipeline.time_zone(),
    );
    for (step, schedule) in scheduled(pipeline) {
        let words = schedule.describe();
        // Writing into a `String` cannot fail.
        let _ = writeln!(
            text,
            "#   {step}: {schedule} ({})",
            words.trim_end_matches('.')
        );
    }
    text
}

fn crontab(pipeline: &CheckedPipeline, minutes: u32, program: &Path, manifest: &Path) -> String {
    let every = if minutes == 1 {
        "*".to_owned()
    } else {
        format!("*/{minutes}")
    };
    let quoted = |path: &Path| {
        // cron ends the command at a bare percent sign, also within quotes.
        shell_quoted(&path.to_string_lossy()).replace('%', r"\%")
    };
    format!(
        "{}{every} * * * * {} --manifest {} run --due >> {} 2>&1\n",
        comment(pipeline, minutes),
        quoted(program),
        quoted(manifest),
        quoted(&manifest.with_file_name("run.log")),
    )
}

fn systemd(pipeline: &CheckedPipeline, minutes: u32, program: &Path, manifest: &Path) -> String {
    let name = pipeline.name();
    let calendar = if minutes == 1 {
        "*:*".to_owned()
    } else {
        format!("*:0/{minutes}")
    };
    format!(
        "{}\
         #\n\
         # Put the two parts into files of their own, then:\n\
         #   systemctl --user daemon-reload\n\
         #   systemctl --user enable --now wigeon-{name}.timer\n\
         \n\
         # ~/.config/systemd/user/wigeon-{name}.service\n\
         [Unit]\n\
         Description=Wigeon pipeline {name}\n\
         \n\
         [Service]\n\
         Type=oneshot\n\
         ExecStart={} --manifest {} run --due\n\
         # Another run was still under way, which is no failure.\n\
         SuccessExitStatus={}\n\
         \n\
         # ~/.config/systemd/user/wigeon-{name}.timer\n\
         [Unit]\n\
         Description=Asks what is due in the Wigeon pipeline {name}\n\
         \n\
         [Timer]\n\
         OnCalendar={calendar}\n\
         Persistent=true\n\
         \n\
         [Install]\n\
         WantedBy=timers.target\n",
        comment(pipeline, minutes),
        systemd_quoted(program),
        systemd_quoted(manifest),
        exit::BUSY,
    )
}

/// Returns a path as systemd reads it in a command line.
fn systemd_quoted(path: &Path) -> String {
    let escaped = path
        .to_string_lossy()
        .replace('\\', r"\\")
        .replace('"', "\\\"")
        .replace('%', "%%")
        .replace('$', "$$");
    if escaped.contains(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ';' | '\\')) {
        format!("\"{escaped}\"")
    } else {
        escaped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minutes(schedules: &[&str]) -> u32 {
        schedules
            .iter()
            .flat_map(|text| minutes_of(&text.parse().unwrap()).collect::<Vec<_>>())
            .fold(LONGEST, gcd)
    }

    #[test]
    fn it_is_asked_as_often_as_the_finest_schedule_needs() {
        assert_eq!(minutes(&["0 3 * * *"]), 15);
        assert_eq!(minutes(&["30 2 * * *", "45 2 * * *"]), 15);
        assert_eq!(minutes(&["30 2 * * *", "10 * * * *"]), 5);
        assert_eq!(minutes(&["12 5 1 1 *"]), 3);
        assert_eq!(minutes(&["7 * * * *"]), 1);
        assert_eq!(minutes(&["*/20 * * * *"]), 5);
    }

    #[test]
    fn paths_survive_systemd() {
        assert_eq!(systemd_quoted(Path::new("/a/b.toml")), "/a/b.toml");
        assert_eq!(
            systemd_quoted(Path::new("/my $/100%.toml")),
            "\"/my $$/100%%.toml\""
        );
    }
}
