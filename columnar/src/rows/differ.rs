//! Which of two selections' rows differ, for a plugin that has read neither.

use arrow_array::{Array, ArrayRef, BooleanArray, RecordBatch, UInt32Array};
use arrow_ord::ord::make_comparator;
use arrow_schema::{DataType, SortOptions};

use super::{AssembleError, Origin, Selection, column_of, origin_rows, row_numbers, selected};
use crate::{Budget, Kept, budget::largest_row};

/// Says for each pair of rows whether any of the columns differs; two nulls are the same.
///
/// What is gathered to be compared is gone afterwards: each column has the whole budget.
///
/// # Errors
///
/// Any variant of [`AssembleError`]: everything here came from a plugin.
pub fn differ(
    left: Selection,
    left_columns: &[usize],
    right: Selection,
    right_columns: &[usize],
    current: Option<&RecordBatch>,
    kept: &mut Kept,
    budget: &Budget<'_>,
) -> Result<BooleanArray, AssembleError> {
    let even = |what, left: usize, right: usize| {
        if left == right {
            Ok(())
        } else {
            Err(AssembleError::Uneven { what, left, right })
        }
    };
    even("the rows", left.rows.len(), right.rows.len())?;
    even("the columns", left_columns.len(), right_columns.len())?;
    let rows = left.rows.len();
    let (left_origin, right_origin) = (left.origin, right.origin);
    let left_rows = row_numbers(left.rows, origin_rows(left_origin, current, kept)?)?;
    let right_rows = row_numbers(right.rows, origin_rows(right_origin, current, kept)?)?;
    let mut differ = vec![false; rows];
    for (&left_column, &right_column) in left_columns.iter().zip(right_columns) {
        let sides = [
            (left_origin, left_column, &left_rows),
            (right_origin, right_column, &right_rows),
        ];
        budget.check_time()?;
        if differ_in_codes(sides, current, kept, budget, &mut differ)? {
            continue;
        }
        let left = selected(left_origin, left_column, &left_rows, current, kept, budget)?;
        let right = selected(
            right_origin,
            right_column,
            &right_rows,
            current,
            kept,
            budget,
        )?;
        if left.data_type() != right.data_type() {
            return Err(AssembleError::Differ {
                left: left_column,
                left_type: left.data_type().clone(),
                right: right_column,
                right_type: right.data_type().clone(),
            });
        }
        mark_differing(&left, &right, &mut differ)?;
    }
    Ok(BooleanArray::from(differ))
}

/// Compares a column of kept rows with one of the batch where they are, if that can be done.
fn differ_in_codes(
    sides: [(Origin, usize, &UInt32Array); 2],
    current: Option<&RecordBatch>,
    kept: &Kept,
    budget: &Budget<'_>,
    differ: &mut [bool],
) -> Result<bool, AssembleError> {
    let [left, right] = sides;
    let (kept_side, other) = match (left.0, right.0) {
        (Origin::Kept, Origin::Current) => (left, right),
        (Origin::Current, Origin::Kept) => (right, left),
        _ => return Ok(false),
    };
    if kept_side.1 >= kept.columns() {
        // The error is told by whoever selects it.
        return Ok(false);
    }
    let batch = current.ok_or(AssembleError::NoBatch)?;
    let array = column_of(batch, "a selection", other.1)?;
    if !is_whole(other.2, batch.num_rows()) {
        // Nothing is gathered, but reading the same long text again and again takes as long.
        budget.check_gather(array, largest_row(array), other.2)?;
    }
    let mark = |row: usize, differs: bool| differ[row] |= differs;
    Ok(kept.differs(kept_side.1, kept_side.2, array, other.2, mark))
}

/// Says whether row numbers are all those of a batch, in their order.
fn is_whole(rows: &UInt32Array, count: usize) -> bool {
    rows.len() == count
        && rows.null_count() == 0
        && (0..).zip(rows.values()).all(|(row, number)| row == *number)
}

fn mark_differing(
    left: &ArrayRef,
    right: &ArrayRef,
    differ: &mut [bool],
) -> Result<(), AssembleError> {
    if left.data_type().is_nested() || left.data_type() == &DataType::Null {
        let compare = make_comparator(left, right, SortOptions::default())?;
        for (row, differs) in differ.iter_mut().enumerate() {
            *differs |= compare(row, row).is_ne();
        }
    } else {
        let distinct = arrow_ord::cmp::distinct(left, right)?;
        for row in distinct.values().set_indices() {
            differ[row] = true;
        }
    }
    Ok(())
}
