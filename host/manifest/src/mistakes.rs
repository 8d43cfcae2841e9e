//! The mistakes found so far.

use std::{cell::OnceCell, ops::Range};

use crate::{
    code::Code,
    diagnostic::Diagnostic,
    place::Place,
    schema::Shape,
    words::{did_you_mean, printable},
};

/// Collects mistakes and words those that need to know what a manifest may hold.
#[derive(Debug, Default)]
pub(crate) struct Mistakes {
    found: Vec<Diagnostic>,
    shape: OnceCell<Shape>,
}

impl Mistakes {
    pub(crate) fn add(&mut self, mistake: Diagnostic) {
        self.found.push(mistake);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    pub(crate) fn into_diagnostics(self) -> Vec<Diagnostic> {
        self.found
    }

    /// Reports that `owner`, the table at `path`, lacks a required key.
    pub(crate) fn add_missing_key(
        &mut self,
        owner: &str,
        place: Place<'_>,
        path: &[String],
        key: &str,
    ) {
        let message = format!("{owner} has no `{key}`");
        let mut mistake = Diagnostic::new(Code::MissingKey, place.span(), message);
        if let Some(example) = self.shape().example(&below(path, key)) {
            mistake = mistake.with_help(format!("add it, for example {example}"));
        }
        self.add(mistake);
    }

    /// Reports a key that the table at `path` cannot have.
    pub(crate) fn add_unknown_key(&mut self, span: Range<usize>, path: &[String], key: &str) {
        let known = self.shape().keys(path);
        let help = did_you_mean(key, known.iter().copied(), "keys");
        let message = format!("{} is not a key of {}", printable(key), title(path));
        self.add(Diagnostic::new(Code::UnknownKey, span, message).with_help(help));
    }

    /// Reports that the value at `path` is of another type than it must be.
    pub(crate) fn add_wrong_type(&mut self, span: Range<usize>, path: &[String], found: &str) {
        let expected = self.expected(path);
        let article = if found.starts_with(['a', 'i']) {
            "an"
        } else {
            "a"
        };
        let message = format!(
            "{} must be {expected}, not {article} {found}",
            self.value(path)
        );
        let mistake = Diagnostic::new(Code::WrongType, span, message);
        self.add(match (expected, found) {
            ("an array of tables", _) => {
                let header = path.last().map(String::as_str).unwrap_or_default();
                mistake.with_help(format!("write `[[{header}]]` before each of them"))
            }
            ("a table", "array") => {
                mistake.with_help("the header of a table has one pair of brackets, as in `[table]`")
            }
            _ => mistake,
        });
    }

    /// Returns what the value at `path` is called: its key, or its place in an array.
    pub(crate) fn value(&self, path: &[String]) -> String {
        if let [parent @ .., index] = path
            && let Some(array) = parent.last()
            && self.shape().is_array(parent)
            && let Ok(index) = index.parse::<usize>()
        {
            return format!("item {} of {}", index + 1, printable(array));
        }
        path.last()
            .map_or("the manifest".to_owned(), |key| printable(key))
    }

    /// Returns what the value at `path` must be, as a noun with its article.
    pub(crate) fn expected(&self, path: &[String]) -> &'static str {
        self.shape().expected(path)
    }

    fn shape(&self) -> &Shape {
        self.shape.get_or_init(Shape::new)
    }
}

/// Returns the path of a key in the table at `path`.
pub(crate) fn below(path: &[String], key: &str) -> Vec<String> {
    let mut path = path.to_vec();
    path.push(key.to_owned());
    path
}

/// Returns how the header of the table at `path` is written.
fn title(path: &[String]) -> String {
    match path {
        [] => "the manifest".to_owned(),
        [step, _] if step == "step" => "`[[step]]`".to_owned(),
        [step, _, rest @ ..] if step == "step" => format!("`[step.{}]`", rest.join(".")),
        path => printable(&format!("[{}]", path.join("."))),
    }
}
