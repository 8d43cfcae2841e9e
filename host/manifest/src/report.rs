//! All mistakes of one manifest, with its text.

use std::fmt::{self, Write as _};

use miette::NamedSource;

use crate::{
    diagnostic::Diagnostic,
    words::{counted, printable},
};

/// Every mistake that was found in one manifest, in the order of the text.
///
/// As an error it reads as one line; [`Report::to_text`] gives the plain listing, and miette
/// renders each [`Diagnostic`] with the lines it is about.
pub struct Report {
    text: NamedSource<String>,
    diagnostics: Vec<Diagnostic>,
}

/// A place in a text as people count it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Starts at 1.
    pub line: usize,

    /// In characters, starts at 1.
    pub column: usize,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

impl Report {
    /// Puts `diagnostics` at their places in `text`, whose file is called `file_name` in messages.
    ///
    /// They are sorted by place, and one that occurs twice is kept once. A span that does not fit
    /// the text is cut to it, so that a report can always be printed.
    pub fn at(file_name: &str, text: &str, diagnostics: Vec<Diagnostic>) -> Self {
        let mut kept: Vec<Diagnostic> = Vec::with_capacity(diagnostics.len());
        for mut diagnostic in diagnostics {
            for label in &mut diagnostic.labels {
                let start = floor_boundary(text, label.span.start);
                let end = floor_boundary(text, label.span.end).max(start);
                label.span = start..end;
            }
            if !kept.contains(&diagnostic) {
                kept.push(diagnostic);
            }
        }
        kept.sort_by_key(Diagnostic::offset);
        Self {
            text: NamedSource::new(file_name, text.to_owned()),
            diagnostics: kept,
        }
    }

    /// Returns the mistakes, sorted by their first place in the text.
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }

    /// Returns what the file is called in messages.
    pub fn file_name(&self) -> &str {
        self.text.name()
    }

    /// Returns line and column of a byte of the text.
    pub fn position(&self, offset: usize) -> Position {
        let text = self.text.inner();
        let before = &text[..floor_boundary(text, offset)];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Position {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }

    /// Returns the mistakes as plain lines: `file:line:column: message [code]`, each followed by
    /// its further places and its help, indented.
    pub fn to_text(&self) -> String {
        let mut lines = String::new();
        for diagnostic in &self.diagnostics {
            let place = self.position(diagnostic.offset());
            // Writing into a `String` cannot fail.
            let _ = writeln!(
                lines,
                "{}:{place}: {} [{}]",
                self.file_name(),
                diagnostic.message,
                diagnostic.code
            );
            for label in diagnostic.labels.iter().skip(1) {
                let place = self.position(label.span.start);
                let text = label.text.as_deref().unwrap_or("see here");
                let _ = writeln!(lines, "  {place}: {text}");
            }
            if let Some(help) = &diagnostic.help {
                let _ = writeln!(lines, "  help: {help}");
            }
        }
        lines
    }
}

impl fmt::Debug for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Report")
            .field("file_name", &self.file_name())
            .field("diagnostics", &self.diagnostics)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} has {}",
            printable(self.file_name()),
            counted(self.diagnostics.len(), "mistake")
        )
    }
}

impl std::error::Error for Report {}

impl miette::Diagnostic for Report {
    fn source_code(&self) -> Option<&dyn miette::SourceCode> {
        Some(&self.text)
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn miette::Diagnostic> + 'a>> {
        Some(Box::new(
            self.diagnostics
                .iter()
                .map(|diagnostic| diagnostic as &dyn miette::Diagnostic),
        ))
    }
}

/// Returns the nearest start of a character at or before `offset`.
fn floor_boundary(text: &str, offset: usize) -> usize {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}

#[cfg(test)]
mod tests {
    use miette::NarratableReportHandler;

    use super::*;
    use crate::code::Code;

    #[test]
    fn positions_count_characters_from_one() {
        let report = Report::at("m.toml", "ab\ncé\nd", Vec::new());
        assert_eq!(report.position(0).to_string(), "1:1");
        assert_eq!(report.position(3).to_string(), "2:1");
        // The second byte of a character belongs to that character.
        assert_eq!(report.position(5).to_string(), "2:2");
        assert_eq!(report.position(6).to_string(), "2:3");
        assert_eq!(report.position(999).to_string(), "3:2");
    }

    #[test]
    fn diagnostics_are_sorted_distinct_and_fit_the_text() {
        let late = Diagnostic::new(Code::Cycle, 5..900, "late");
        let early = Diagnostic::new(Code::Syntax, 1..2, "early");
        let report = Report::at("m.toml", "ab\ncé\nd", vec![late.clone(), early, late]);
        let messages: Vec<_> = report
            .diagnostics()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(messages, ["early", "late"]);
        assert_eq!(report.diagnostics()[1].labels[0].span, 4..8);
        assert_eq!(report.to_string(), "`m.toml` has 2 mistakes");
    }

    #[test]
    fn miette_shows_code_help_and_the_line_of_each_mistake() {
        let diagnostic =
            Diagnostic::new(Code::UnknownKey, 3..5, "no such key").with_help("drop it");
        let report = Report::at("m.toml", "ab\ncé\nd", vec![diagnostic]);
        let mut rendered = String::new();
        NarratableReportHandler::new()
            .render_report(&mut rendered, &report)
            .unwrap();
        for part in ["unknown-key", "drop it", "m.toml", "cé", "no such key"] {
            assert!(rendered.contains(part), "{part} is not in {rendered}");
        }
    }
}
