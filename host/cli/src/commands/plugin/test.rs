//! `wigeon plugin test`.

use std::{fmt::Write as _, path::PathBuf, process::ExitCode};

use clap::Args;
use wigeon_authoring::{Project, Test, TestReport, Verdict, test};
use wigeon_runtime::Runtime;

use super::build::built;
use crate::{
    arguments::{Format, FormatArgument},
    command_error::CommandError,
    context::Context,
    exit,
    printer::Printer,
    words::escaped,
};

/// Build a plugin and test it: its cases, then what every plugin of its kind must hold
///
/// Cases are directories in `tests/cases`. On the rows of each, properties are tried: the size of batches, the number of lanes and the order of the input must not show, and so on. A failure shows the smallest input found.
#[derive(Debug, Args)]
pub(crate) struct TestArguments {
    /// The directory of the plugin's project
    #[arg(default_value = ".")]
    directory: PathBuf,

    /// Write what the cases come to into their `expected.txt`, instead of comparing
    #[arg(long)]
    bless: bool,

    #[command(flatten)]
    format: FormatArgument,
}

impl TestArguments {
    /// Returns how the answer is printed.
    pub(super) fn format(&self) -> FormatArgument {
        self.format
    }
}

/// Tests a plugin.
pub(super) fn run(
    printer: &Printer,
    context: &Context,
    arguments: &TestArguments,
) -> Result<ExitCode, CommandError> {
    let project = Project::open(&arguments.directory)?;
    let built = built(printer, context, &project)?;
    let runtime = Runtime::new(context.cache());
    let report = test(&project, &built, &runtime, arguments.bless)?;
    match arguments.format.format {
        Format::Json => printer.json(&report)?,
        Format::Text => printer.data(&text(&report))?,
    }
    let failed = report.count(Verdict::Failed) > 0;
    Ok(ExitCode::from(if failed {
        exit::FAILED
    } else {
        exit::DONE
    }))
}

fn text(report: &TestReport) -> String {
    let mut text = String::new();
    let mut case = None;
    for test in &report.tests {
        // Writing into a `String` cannot fail.
        if case != Some(&test.case) {
            case = Some(&test.case);
            let _ = writeln!(text, "case {}", escaped(&test.case));
        }
        add(&mut text, test);
    }
    let mut counts = vec![format!("{} passed", report.count(Verdict::Passed))];
    for (verdict, word) in [
        (Verdict::Failed, "failed"),
        (Verdict::Blessed, "written: look at what changed"),
        (Verdict::Skipped, "skipped"),
    ] {
        let count = report.count(verdict);
        if count > 0 {
            counts.push(format!("{count} {word}"));
        }
    }
    let _ = writeln!(text, "\n{}", counts.join(", "));
    text
}

fn add(text: &mut String, test: &Test) {
    let verdict = match test.verdict {
        Verdict::Passed => "ok",
        Verdict::Failed => "FAILED",
        Verdict::Blessed => "written",
        Verdict::Skipped => "skipped",
    };
    let name = test.property.unwrap_or("the output is as expected");
    // Writing into a `String` cannot fail.
    let _ = writeln!(text, "  {verdict:<8} {name}");
    for line in test.details.iter().flat_map(|details| details.lines()) {
        let _ = writeln!(text, "           {}", escaped(line));
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    #[test]
    fn a_failure_stands_below_its_test() {
        let test = |property, verdict, details: Option<&str>| Test {
            case: "first".to_owned(),
            property,
            verdict,
            details: details.map(str::to_owned),
        };
        let report = TestReport {
            plugin: "mine".to_owned(),
            digest: "sha256:00".to_owned(),
            tests: vec![
                test(None, Verdict::Passed, None),
                test(
                    Some("the size of batches does not show"),
                    Verdict::Failed,
                    Some(
                        "with batches of at most 1 rows:\n-| 1 |\nthe smallest input found:\nrows.csv\n  id\n  1",
                    ),
                ),
                test(
                    Some("100,000 rows are worked with"),
                    Verdict::Skipped,
                    Some("no rows"),
                ),
            ],
        };
        assert_snapshot!(text(&report));
    }
}
