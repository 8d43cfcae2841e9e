//! What the side that holds the rows does with a plugin's answer.
//!
//! The host keeps rows ([`Kept`]) and the batch of the current call; a plugin speaks of them by
//! number. Numbers come from a plugin, so each is checked before Arrow sees it.

mod assemble;
mod differ;
mod error;

use arrow_array::{ArrayRef, RecordBatch, UInt32Array};
use arrow_buffer::{BooleanBuffer, NullBuffer, ScalarBuffer};
use arrow_select::take::take;

use crate::{Budget, Kept, budget::largest_row};

pub use self::assemble::{Answer, assemble};
pub use self::differ::differ;
pub use self::error::AssembleError;

/// The row number that stands for no row.
pub const NO_ROW: u32 = u32::MAX;

/// What the numbers of a selection count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Rows of the batch of the current call.
    Current,
    /// The kept rows.
    Kept,
}

/// Some rows of one origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// What the numbers count.
    pub origin: Origin,
    /// Row numbers, [`NO_ROW`] for no row.
    pub rows: Vec<u32>,
}

fn origin_rows(
    origin: Origin,
    current: Option<&RecordBatch>,
    kept: &Kept,
) -> Result<usize, AssembleError> {
    match origin {
        Origin::Current => Ok(current.ok_or(AssembleError::NoBatch)?.num_rows()),
        Origin::Kept => Ok(kept.rows()),
    }
}

/// Takes rows of a column of an origin, if the budget allows it.
fn selected(
    origin: Origin,
    column: usize,
    rows: &UInt32Array,
    current: Option<&RecordBatch>,
    kept: &mut Kept,
    budget: &Budget<'_>,
) -> Result<ArrayRef, AssembleError> {
    budget.check_time()?;
    match origin {
        Origin::Current => {
            let batch = current.ok_or(AssembleError::NoBatch)?;
            let array = column_of(batch, "a selection", column)?;
            budget.check_gather(array, largest_row(array), rows)?;
            Ok(take(array, rows, None)?)
        }
        Origin::Kept if column < kept.columns() => kept.take(column, rows, budget),
        Origin::Kept => Err(AssembleError::NoColumn {
            what: "a selection",
            column,
            count: kept.columns(),
        }),
    }
}

fn column_of<'a>(
    batch: &'a RecordBatch,
    what: &'static str,
    column: usize,
) -> Result<&'a ArrayRef, AssembleError> {
    batch.columns().get(column).ok_or(AssembleError::NoColumn {
        what,
        column,
        count: batch.num_columns(),
    })
}

/// Checks row numbers against `count` and makes [`NO_ROW`] null.
fn row_numbers(rows: Vec<u32>, count: usize) -> Result<UInt32Array, AssembleError> {
    // One pass that the compiler can vectorize: `NO_ROW + 1` is 0.
    let end = rows
        .iter()
        .map(|row| row.wrapping_add(1))
        .max()
        .unwrap_or(0);
    let absent = rows.contains(&NO_ROW);
    if end as usize > count {
        return Err(AssembleError::NoRow {
            row: end - 1,
            count,
        });
    }
    let nulls = absent.then(|| {
        let present = BooleanBuffer::collect_bool(rows.len(), |row| rows[row] != NO_ROW);
        NullBuffer::new(present)
    });
    Ok(UInt32Array::new(ScalarBuffer::from(rows), nulls))
}

#[cfg(test)]
mod tests;
