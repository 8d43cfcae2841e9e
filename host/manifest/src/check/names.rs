//! What things may be called, and that no two share a name.

use std::{
    collections::{HashMap, hash_map::Entry},
    ops::Range,
};

use super::{
    source::SourceDraft,
    step::{Kind, StepDraft},
};
use crate::{code::Code, diagnostic::Diagnostic, mistakes::Mistakes, words::printable};

/// Longest name: short enough for the names of tables in other databases, too.
const MAX_NAME_LENGTH: usize = 63;

/// What Wigeon's own tables are called.
const RESERVED_PREFIX: &str = "wigeon";

/// What follows the name of a snapshot step in the name of its history table.
const HISTORY_SUFFIX: &str = "_history";

/// Reports a name that is not an identifier. `what` is the sort of thing, such as "step".
pub(super) fn check_identifier(
    what: &str,
    name: &str,
    span: Range<usize>,
    mistakes: &mut Mistakes,
) {
    let of_letters = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    let (problem, help) = if !of_letters {
        (
            "is not an identifier".to_owned(),
            "use lower-case letters, digits and `_`, and begin with a letter".to_owned(),
        )
    } else if name.len() > MAX_NAME_LENGTH {
        (
            format!("has {} characters", name.len()),
            format!("a name has at most {MAX_NAME_LENGTH}"),
        )
    } else if name.starts_with(RESERVED_PREFIX) {
        (
            "is reserved".to_owned(),
            format!("choose one that does not begin with `{RESERVED_PREFIX}`"),
        )
    } else {
        return;
    };
    let message = format!("{what} name {} {problem}", printable(name));
    mistakes.add(Diagnostic::new(Code::InvalidName, span, message).with_help(help));
}

/// Reports names that stand for two things.
pub(super) fn check(sources: &[SourceDraft<'_>], steps: &[StepDraft<'_>], mistakes: &mut Mistakes) {
    let mut all: Vec<(&str, Range<usize>, &str)> = sources
        .iter()
        .map(|source| (source.name, source.name_span.clone(), "source"))
        .chain(steps.iter().filter_map(|step| {
            let span = step.read.place.value_span("name");
            Some((step.name?, span, "step"))
        }))
        .collect();
    all.sort_by_key(|(_, span, _)| span.start);
    let mut taken: HashMap<&str, (Range<usize>, &str)> = HashMap::new();
    for (name, span, what) in all {
        match taken.entry(name) {
            Entry::Vacant(free) => {
                free.insert((span, what));
            }
            Entry::Occupied(first) => {
                let (first_span, first_what) = first.get();
                let message = format!("there is already a {first_what} named {}", printable(name));
                mistakes.add(
                    Diagnostic::new(Code::DuplicateName, span, message)
                        .with_label(first_span.clone(), "the first is here")
                        .with_help("sources and steps share one set of names"),
                );
            }
        }
    }
    for snapshot in steps
        .iter()
        .filter(|step| step.kind == Some(Kind::Snapshot))
    {
        let Some(name) = snapshot.name else { continue };
        let history = format!("{name}{HISTORY_SUFFIX}");
        for step in steps.iter().filter(|step| step.name == Some(&history)) {
            let message = format!(
                "{} is the table with the history of snapshot step {}",
                printable(&history),
                printable(name)
            );
            mistakes.add(
                Diagnostic::new(
                    Code::DuplicateName,
                    step.read.place.value_span("name"),
                    message,
                )
                .with_label(
                    snapshot.read.place.value_span("name"),
                    "the snapshot step is here",
                )
                .with_help("rename one of the two steps"),
            );
        }
    }
}
