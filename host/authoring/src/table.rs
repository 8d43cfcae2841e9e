//! Rows as a text table, which `expected.txt` has.

use std::fmt::Write as _;

use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, Schema};

use crate::rows::{cells, type_name};

/// What stands for null.
const NULL: &str = "null";

/// The rows of some batches as text, in their order.
pub(crate) type TextRows = Vec<Vec<String>>;

/// Returns the rows of some batches as text. Control characters are escaped, so a row is a line.
pub(crate) fn text_rows(batches: &[RecordBatch]) -> Result<TextRows, ArrowError> {
    let mut rows = vec![];
    for batch in batches {
        let of_batch = cells(batch)?.into_iter();
        rows.extend(of_batch.map(|row| row.into_iter().map(text).collect()));
    }
    Ok(rows)
}

fn text(cell: Option<String>) -> String {
    let Some(cell) = cell else {
        return NULL.to_owned();
    };
    let mut text = String::with_capacity(cell.len());
    for c in cell.chars() {
        if c.is_control() || c == '\\' || c == '|' {
            text.extend(if c == '|' {
                "\\|".chars().collect()
            } else {
                c.escape_default().collect::<Vec<_>>()
            });
        } else {
            text.push(c);
        }
    }
    text
}

/// Returns rows as a table with a header: names and types.
pub(crate) fn table(schema: &Schema, rows: &TextRows) -> String {
    let header: Vec<_> = schema
        .fields()
        .iter()
        .map(|field| format!("{}: {}", field.name(), type_name(field.data_type())))
        .collect();
    let mut widths: Vec<_> = header.iter().map(|cell| cell.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    let mut line = |cells: &[String], fill: char| {
        text.push('|');
        for (cell, width) in cells.iter().zip(&widths) {
            let blanks = width - cell.chars().count();
            // Writing into a `String` cannot fail.
            let _ = write!(text, "{fill}{cell}");
            text.extend(std::iter::repeat_n(fill, blanks + 1));
            text.push('|');
        }
        text.push('\n');
    };
    line(&header, ' ');
    line(&vec![String::new(); header.len()], '-');
    for row in rows {
        line(row, ' ');
    }
    text
}

/// Returns the lines in which two texts differ, with a few around them: `-` is missing, `+` is too
/// much.
pub(crate) fn difference(expected: &str, actual: &str) -> String {
    const MOST_LINES: usize = 20;
    let (old, new): (Vec<_>, Vec<_>) = (expected.lines().collect(), actual.lines().collect());
    let same_start = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let rest = (&old[same_start..], &new[same_start..]);
    let same_end = rest.0.iter().rev().zip(rest.1.iter().rev());
    let same_end = same_end.take_while(|(a, b)| a == b).count();
    let mut text = String::new();
    let mut lines = |sign: char, lines: &[&str]| {
        for line in lines.iter().take(MOST_LINES) {
            let _ = writeln!(text, "{sign}{line}");
        }
        if lines.len() > MOST_LINES {
            let _ = writeln!(text, "{sign}… {} lines more", lines.len() - MOST_LINES);
        }
    };
    // The names of the columns help, when they are not themselves what differs.
    lines(' ', &old[..same_start.min(2)]);
    lines('-', &rest.0[..rest.0.len() - same_end]);
    lines('+', &rest.1[..rest.1.len() - same_end]);
    text
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{Int64Array, StringArray};
    use arrow_schema::{DataType, Field};

    use super::*;

    #[test]
    fn a_row_is_a_line_and_null_is_not_empty_text() {
        let schema = Arc::new(Schema::new(vec![
            Field::new("id", DataType::Int64, true),
            Field::new("name", DataType::Utf8, true),
        ]));
        let batch = RecordBatch::try_new(
            Arc::clone(&schema),
            vec![
                Arc::new(Int64Array::from(vec![Some(1), None, Some(-30)])),
                Arc::new(StringArray::from(vec![Some("a\nb | c"), Some(""), None])),
            ],
        );
        let rows = text_rows(&[batch.unwrap()]).unwrap();
        insta::assert_snapshot!(table(&schema, &rows));
    }

    #[test]
    fn a_difference_shows_what_is_missing_and_what_is_too_much() {
        let difference = difference(
            "| h |\n|---|\n| 1 |\n| 2 |\n| 3 |\n",
            "| h |\n|---|\n| 1 |\n| 4 |\n| 3 |\n",
        );
        assert_eq!(difference, " | h |\n |---|\n-| 2 |\n+| 4 |\n");
    }
}
