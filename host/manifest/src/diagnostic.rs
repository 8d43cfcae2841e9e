//! One mistake, and the places it is about.

use std::{fmt, ops::Range};

use miette::{LabeledSpan, SourceSpan};

use crate::code::Code;

/// A place in the text, in bytes, with a word on what is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// Bytes of the text.
    pub span: Range<usize>,

    /// What is at this place, if the message does not say it.
    pub text: Option<String>,
}

/// One mistake in a manifest.
///
/// The first label is where the mistake is; others show what it collides with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// What kind of mistake it is.
    pub code: Code,

    /// One sentence without a full stop, names and values in backticks.
    pub message: String,

    /// Where it is. Never empty if built by [`Diagnostic::new`].
    pub labels: Vec<Label>,

    /// What to do about it.
    pub help: Option<String>,
}

impl Diagnostic {
    /// Describes a mistake at `span`.
    pub fn new(code: Code, span: Range<usize>, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            labels: vec![Label { span, text: None }],
            help: None,
        }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds another place that the mistake is about.
    #[must_use]
    pub fn with_label(mut self, span: Range<usize>, text: impl Into<String>) -> Self {
        self.labels.push(Label {
            span,
            text: Some(text.into()),
        });
        self
    }

    /// Returns where the mistake is: the start of the first label.
    pub fn offset(&self) -> usize {
        self.labels.first().map_or(0, |label| label.span.start)
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Diagnostic {}

impl miette::Diagnostic for Diagnostic {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.code))
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help
            .as_ref()
            .map(|help| Box::new(help) as Box<dyn fmt::Display + 'a>)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.labels.iter().map(|label| {
            LabeledSpan::new_with_span(
                label.text.clone(),
                SourceSpan::from(label.span.start..label.span.end),
            )
        })))
    }
}
