//! Columns of a step, against those of a source that it reads.
//!
//! What a transform step emits is up to its plugin, so the columns of a step that reads one are
//! checked by the engine.

use std::ops::Range;

use super::{Graph, Target};
use crate::{
    check::step::{Kind, StepDraft},
    code::Code,
    diagnostic::Diagnostic,
    mistakes::Mistakes,
    reserved::reserved_column,
    words::{did_you_mean, printable},
};

pub(super) fn check(graph: &Graph<'_, '_>, step: &StepDraft<'_>, mistakes: &mut Mistakes) {
    let source = match graph.find(step.input()) {
        Some(Target::Source(index)) => Some(&graph.sources[index]),
        _ => None,
    };
    let known = source.and_then(|source| {
        let names = source.column_names.as_deref()?;
        Some((source.name, names))
    });
    let place = step.place();
    let columns = step.columns();
    for (index, column) in columns.unwrap_or_default().iter().enumerate() {
        check_known(known, column, place.item_span("columns", index), mistakes);
    }
    for (index, column) in step.key().unwrap_or_default().iter().enumerate() {
        let span = place.item_span("key", index);
        if check_known(known, column, span.clone(), mistakes)
            && let Some(columns) = columns
            && !columns.contains(column)
        {
            let message = format!(
                "key column {} of {} is not among its `columns`",
                printable(column),
                step.owner()
            );
            mistakes.add(
                Diagnostic::new(Code::UnusedKeyColumn, span, message)
                    .with_label(place.value_span("columns"), "the columns that are used")
                    .with_help("add it to `columns`"),
            );
        }
    }
    // What a stored transform emits is up to its plugin.
    if matches!(step.kind, Some(Kind::Snapshot | Kind::Incremental)) {
        check_reserved(step, known.map(|(_, names)| names), mistakes);
    }
}

/// Reports a column that a source does not have. Returns whether there is nothing to report.
fn check_known(
    known: Option<(&str, &[&str])>,
    column: &str,
    span: Range<usize>,
    mistakes: &mut Mistakes,
) -> bool {
    let Some((source, names)) = known else {
        return true;
    };
    if names.contains(&column) {
        return true;
    }
    let message = format!(
        "source {} has no column {}",
        printable(source),
        printable(column)
    );
    let help = did_you_mean(column, names.iter().copied(), "columns");
    mistakes.add(Diagnostic::new(Code::UnknownColumn, span, message).with_help(help));
    false
}

/// Reports columns that the step's table cannot have.
fn check_reserved(step: &StepDraft<'_>, of_source: Option<&[&str]>, mistakes: &mut Mistakes) {
    let place = step.place();
    let used: Vec<(&str, Range<usize>)> = if let Some(columns) = step.columns() {
        let spans = (0..).map(|index| place.item_span("columns", index));
        columns.iter().map(String::as_str).zip(spans).collect()
    } else if step.read.is_broken("columns") {
        Vec::new()
    } else {
        let names = of_source.unwrap_or_default().iter().copied();
        names
            .map(|name| (name, place.value_span("input")))
            .collect()
    };
    for (column, span) in used {
        if let Some(reason) = reserved_column(column, step.kind == Some(Kind::Snapshot)) {
            let message = format!(
                "{} cannot use column {}, which {reason}",
                step.owner_with_kind(),
                printable(column)
            );
            mistakes.add(
                Diagnostic::new(Code::ReservedColumn, span, message)
                    .with_help("leave it out of `columns`, or rename it in a transform step"),
            );
        }
    }
}
