//! How a run is followed: a bar on a terminal, plain lines otherwise.

use std::{
    fmt::Write as _,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressState, ProgressStyle};
use wigeon_engine::{Observer, Outcome, Point, StepReport};

use crate::{
    failpoint::Failpoint,
    printer::Printer,
    words::{counted, extract_time, length, number, rate, seconds},
};

/// How often a bar is redrawn.
const BAR_TICK: Duration = Duration::from_millis(100);

/// How often a line is printed for a long load.
const LINE_TICK: Duration = Duration::from_secs(10);

/// Shows what a run is doing.
#[derive(Debug)]
pub(crate) struct Progress<'a> {
    printer: &'a Printer,
    current: Mutex<Option<Current>>,
    failpoint: Option<Failpoint>,
}

/// The step that is under way.
#[derive(Debug)]
struct Current {
    step: String,
    bar: Option<ProgressBar>,
    started: Instant,
    shown: Instant,
}

impl<'a> Progress<'a> {
    /// Shows nothing yet.
    pub(crate) fn new(printer: &'a Printer, failpoint: Option<Failpoint>) -> Self {
        Self {
            printer,
            current: Mutex::new(None),
            failpoint,
        }
    }

    /// Takes the bar away.
    pub(crate) fn clear(&self) {
        let current = self.lock().take();
        if let Some(bar) = current.and_then(|current| current.bar) {
            bar.finish_and_clear();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Current>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn bar(&self, step: &str, inputs: usize) -> Option<ProgressBar> {
        if self.printer.is_quiet() || !self.printer.is_terminal() {
            return None;
        }
        let style = ProgressStyle::with_template(
            "{spinner:.green} {prefix:.bold}  {rows} read, {per_second}, {elapsed}{msg}",
        )
        .expect("the template is well formed")
        .with_key(
            "rows",
            |state: &ProgressState, text: &mut dyn std::fmt::Write| {
                let _ = text.write_str(&counted(state.pos(), "row"));
            },
        )
        .with_key(
            "per_second",
            |state: &ProgressState, text: &mut dyn std::fmt::Write| {
                let rate = rate(state.pos(), state.elapsed().as_secs_f64());
                let _ = text.write_str(rate.as_deref().unwrap_or("0 rows/s"));
            },
        );
        // Among the other bars before anything is set: a bar of its own would be drawn at once,
        // and stay.
        let bar = self.printer.bars().add(ProgressBar::new_spinner());
        bar.set_style(style);
        bar.set_prefix(step.to_owned());
        if inputs > 0 {
            bar.set_message(format!(", {} to take in", counted(length(inputs), "input")));
        }
        bar.enable_steady_tick(BAR_TICK);
        Some(bar)
    }
}

impl Observer for Progress<'_> {
    fn started(&self, step: &str, inputs: usize) {
        self.clear();
        let bar = self.bar(step, inputs);
        let now = Instant::now();
        *self.lock() = Some(Current {
            step: step.to_owned(),
            bar,
            started: now,
            shown: now,
        });
    }

    fn progress(&self, step: &str, rows_in: u64, _rows_out: u64) {
        let mut lock = self.lock();
        // A lane may have been late with what it said of the step before.
        let Some(current) = lock.as_mut().filter(|current| current.step == step) else {
            return;
        };
        if let Some(bar) = &current.bar {
            // The steady tick draws it.
            bar.set_position(rows_in);
        } else if current.shown.elapsed() >= LINE_TICK {
            current.shown = Instant::now();
            let elapsed = current.started.elapsed().as_secs_f64();
            drop(lock);
            let per_second = rate(rows_in, elapsed).unwrap_or_default();
            let rows = counted(rows_in, "row");
            self.printer.note(&format!(
                "{step}: {rows} read in {}, {per_second}",
                seconds(elapsed)
            ));
        }
    }

    fn finished(&self, report: &StepReport) {
        self.printer.note(&line(report));
    }

    fn reached(&self, point: Point, step: &str) {
        if let Some(failpoint) = &self.failpoint {
            failpoint.reached(point, step);
        }
    }
}

/// Says in one line what a load did.
fn line(report: &StepReport) -> String {
    let mut line = report.step.clone();
    if let Some(time) = report.effective_time {
        // Writing into a `String` cannot fail.
        let _ = write!(line, " {}", extract_time(time));
    }
    if report.outcome == Outcome::UpToDate {
        line.push_str(": up to date");
        return line;
    }
    let _ = write!(line, ": {} read", counted(report.rows_in, "row"));
    if report.inputs.len() > 1 {
        let _ = write!(
            line,
            " from {}",
            counted(length(report.inputs.len()), "input")
        );
    }
    if let Some(changes) = report.changes {
        let _ = write!(
            line,
            ", {} opened, {} superseded, {} closed",
            number(changes.opened),
            number(changes.superseded),
            number(changes.closed)
        );
    } else {
        let _ = write!(line, ", {} added", number(report.rows_out));
        if report.rows_updated > 0 {
            let _ = write!(line, ", {} updated", number(report.rows_updated));
        }
        if let Some(overlay) = &report.overlay {
            if overlay.folded_entries > 0 {
                let _ = write!(
                    line,
                    ", {} folded in",
                    counted(overlay.folded_entries, "entry")
                );
            }
            if overlay.entries > 0 {
                let _ = write!(
                    line,
                    ", {} in the overlay",
                    counted(overlay.entries, "entry")
                );
            }
        }
    }
    if report.rows_rejected > 0 {
        let _ = write!(line, ", {} rejected", number(report.rows_rejected));
    }
    if report.passes > 1 {
        let _ = write!(line, ", in {} passes", report.passes);
    }
    let _ = write!(line, ", in {}", seconds(report.seconds));
    if let Some(rate) = rate(report.rows_in, report.seconds) {
        let _ = write!(line, " ({rate})");
    }
    line
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;
    use wigeon_engine::Changes;

    use super::*;

    fn report() -> StepReport {
        StepReport {
            step: "pageviews".to_owned(),
            kind: "incremental".to_owned(),
            outcome: Outcome::Done,
            plugin: "builtin:point-in-time".to_owned(),
            digest: "sha256:00".to_owned(),
            effective_time: None,
            inputs: vec!["a.csv".to_owned(), "b.csv".to_owned()],
            rows_in: 3_000,
            rows_out: 2_999,
            rows_rejected: 1,
            rows_updated: 0,
            overlay: None,
            changes: None,
            accepted: vec![],
            passes: 1,
            seconds: 1.5,
        }
    }

    #[test]
    fn a_load_is_summed_up_in_a_line() {
        assert_eq!(
            line(&report()),
            "pageviews: 3,000 rows read from 2 inputs, 2,999 added, 1 rejected, in 1.50 s (2,000 rows/s)"
        );
    }

    #[test]
    fn several_passes_are_told() {
        let report = StepReport {
            passes: 4,
            ..report()
        };
        assert_eq!(
            line(&report),
            "pageviews: 3,000 rows read from 2 inputs, 2,999 added, 1 rejected, in 4 passes, in 1.50 s (2,000 rows/s)"
        );
    }

    #[test]
    fn a_snapshot_says_which_extract_and_what_changed() {
        let snapshot = StepReport {
            step: "users".to_owned(),
            effective_time: NaiveDate::from_ymd_opt(2019, 10, 13)
                .unwrap()
                .and_hms_opt(0, 0, 0),
            inputs: vec!["a.csv".to_owned()],
            rows_rejected: 0,
            changes: Some(Changes {
                opened: 1_000,
                superseded: 20,
                closed: 3,
            }),
            ..report()
        };
        assert_eq!(
            line(&snapshot),
            "users 2019-10-13 00:00: 3,000 rows read, 1,000 opened, 20 superseded, 3 closed, in 1.50 s (2,000 rows/s)"
        );
    }

    #[test]
    fn a_step_with_nothing_to_do_says_so() {
        let report = StepReport {
            outcome: Outcome::UpToDate,
            ..report()
        };
        assert_eq!(line(&report), "pageviews: up to date");
    }
}
