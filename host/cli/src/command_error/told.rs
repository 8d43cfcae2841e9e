//! How an error is told: as lines for a person, and as JSON.

use std::{error::Error, fmt::Write as _, io};

use anstyle::{AnsiColor, Style};
use miette::{GraphicalReportHandler, GraphicalTheme};
use serde_json::json;
use wigeon_manifest::Report;

use super::{CommandError, Kind};
use crate::{printer::Printer, words::escaped_lines};

impl CommandError {
    /// Tells it: on stderr, and if JSON is wanted, on stdout too.
    pub(crate) fn print(&self, printer: &Printer, wants_json: bool) {
        if self.kind == Kind::BrokenPipe {
            return;
        }
        // A JSON answer that broke off cannot be followed by another.
        if wants_json && !printer.has_printed() {
            // The exit code tells it too, if stdout is gone.
            printer.json(&self.to_json()).ok();
        }
        let graphical = printer.is_terminal();
        printer.stderr(&self.to_text(graphical, printer.colors_stderr(), printer.is_verbose()));
    }

    /// Returns the lines for a person, with styles in them. What others said is escaped here, for
    /// all errors at once: a file, a value or a plugin may have put anything into a message.
    pub(super) fn to_text(&self, graphical: bool, color: bool, verbose: bool) -> String {
        let label = |color: AnsiColor| Style::new().bold().fg_color(Some(color.into()));
        let (red, cyan) = (label(AnsiColor::Red), label(AnsiColor::Cyan));
        let mut text = String::new();
        // Writing into a `String` cannot fail.
        match self.error.downcast_ref::<Report>() {
            Some(report) if graphical => {
                let theme = if color {
                    GraphicalTheme::unicode()
                } else {
                    GraphicalTheme::unicode_nocolor()
                };
                let handler = GraphicalReportHandler::new_themed(theme)
                    .with_width(100)
                    .with_links(false);
                if handler.render_report(&mut text, report).is_err() {
                    text.push_str(&report.to_text());
                }
            }
            Some(report) => {
                text.push_str(&escaped_lines(&report.to_text()));
                let _ = writeln!(text, "{red}error:{red:#} {report}");
            }
            None => {
                let messages = self.messages().into_iter();
                let mut messages = messages.map(|message| escaped_lines(&message));
                let first = messages.next().unwrap_or_default();
                let _ = writeln!(text, "{red}error:{red:#} {}", indented(&first, "  "));
                for cause in messages {
                    let _ = writeln!(
                        text,
                        "  {red}caused by:{red:#} {}",
                        indented(&cause, "    ")
                    );
                }
            }
        }
        if let Some(details) = self.details.as_ref().filter(|_| verbose) {
            let _ = writeln!(text, "\n{}", escaped_lines(details.trim_end()));
        }
        if !self.hints.is_empty() {
            text.push('\n');
        }
        for hint in &self.hints {
            let _ = writeln!(text, "{cyan}hint:{cyan:#} {}", escaped_lines(hint));
        }
        text
    }

    /// Returns the message and those of its causes, without one that repeats the one before it.
    fn messages(&self) -> Vec<String> {
        let mut messages = vec![self.error.to_string()];
        let mut cause = self.error.source();
        while let Some(error) = cause {
            let message = error.to_string();
            let is_told = messages.last().is_some_and(|last| last.contains(&message));
            if !is_told && !names_a_file_again(error) {
                messages.push(message);
            }
            cause = error.source();
        }
        messages
    }

    pub(super) fn to_json(&self) -> serde_json::Value {
        let messages = self.messages();
        let mut error = json!({
            "kind": self.kind.as_str(),
            "exit_code": self.exit_code(),
            "message": messages[0],
            "caused_by": messages[1..],
            "hints": self.hints,
        });
        if let Some(details) = &self.details {
            error["details"] = json!(details);
        }
        if let Some(report) = self.error.downcast_ref::<Report>() {
            error["diagnostics"] = diagnostics(report);
        }
        json!({ "error": error })
    }
}

/// Says whether an error of `fs_err` is a cause: what could not be read or written has been told,
/// and its own cause says why.
fn names_a_file_again(error: &(dyn Error + 'static)) -> bool {
    let wrapped = error
        .downcast_ref::<io::Error>()
        .and_then(io::Error::get_ref);
    let inner = wrapped.and_then(|wrapped| wrapped.source()?.downcast_ref::<io::Error>());
    // An error that includes its cause is somebody else's.
    inner.is_some_and(|inner| !error.to_string().contains(&inner.to_string()))
}

/// Returns the mistakes of a manifest as data.
fn diagnostics(report: &Report) -> serde_json::Value {
    report
        .diagnostics()
        .iter()
        .map(|diagnostic| {
            let labels: Vec<_> = diagnostic
                .labels
                .iter()
                .map(|label| {
                    let place = report.position(label.span.start);
                    json!({
                        "line": place.line,
                        "column": place.column,
                        "start_byte": label.span.start,
                        "end_byte": label.span.end,
                        "text": label.text,
                    })
                })
                .collect();
            json!({
                "code": diagnostic.code.as_str(),
                "message": diagnostic.message,
                "help": diagnostic.help,
                "labels": labels,
            })
        })
        .collect()
}

/// Keeps the further lines of a message below its first.
fn indented(message: &str, indent: &str) -> String {
    let mut lines = message.trim_end().lines();
    let mut text = lines.next().unwrap_or_default().to_owned();
    for line in lines {
        text.push('\n');
        if !line.is_empty() {
            text.push_str(indent);
            text.push_str(line);
        }
    }
    text
}
