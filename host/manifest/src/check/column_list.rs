//! Lists of column names: `columns` and `key` of a step.

use std::collections::HashMap;

use crate::{
    code::Code, diagnostic::Diagnostic, mistakes::Mistakes, place::Place, words::printable,
};

/// Reports an empty list, by `empty`, and columns that are named twice.
pub(super) fn check(
    columns: &[String],
    place: Place<'_>,
    key: &str,
    empty: Code,
    mistakes: &mut Mistakes,
) {
    if columns.is_empty() {
        let message = format!("`{key}` names no column");
        mistakes.add(
            Diagnostic::new(empty, place.value_span(key), message)
                .with_help("name at least one column"),
        );
    }
    let mut first: HashMap<String, usize> = HashMap::new();
    for (index, column) in columns.iter().enumerate() {
        // DuckDB does not tell names apart by case.
        if let Some(earlier) = first.get(&column.to_lowercase()) {
            let message = format!("`{key}` names column {} twice", printable(column));
            mistakes.add(
                Diagnostic::new(Code::DuplicateColumn, place.item_span(key, index), message)
                    .with_label(place.item_span(key, *earlier), "the first is here"),
            );
        } else {
            first.insert(column.to_lowercase(), index);
        }
    }
}
