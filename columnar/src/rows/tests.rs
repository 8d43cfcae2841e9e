//! Answers and comparisons, right and wrong, and what they may cost.

use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};

use super::{Answer, AssembleError, NO_ROW, Origin, Selection, assemble, differ};
use crate::{Budget, Kept};

fn batch(texts: Vec<Option<&str>>) -> RecordBatch {
    let numbers = Int64Array::from_iter_values((0..).take(texts.len()));
    let fields = [("t", DataType::Utf8), ("n", DataType::Int64)];
    let fields = fields.map(|(name, data_type)| Field::new(name, data_type, true));
    let columns: Vec<ArrayRef> = vec![Arc::new(StringArray::from(texts)), Arc::new(numbers)];
    RecordBatch::try_new(Arc::new(Schema::new(fields.to_vec())), columns).unwrap()
}

fn selection(origin: Origin, rows: &[u32]) -> Selection {
    let rows = rows.to_vec();
    Selection { origin, rows }
}

/// Which of the pairs differ in their text, asked from both sides.
fn differing(kept_rows: &[u32], current_rows: &[u32]) -> Vec<bool> {
    let kept_batch = batch(vec![Some("a"), None, Some(""), Some("b"), Some("a")]);
    let current = batch(vec![Some("a"), Some("b"), None, Some("")]);
    let mut kept = Kept::new(kept_batch.schema_ref());
    kept.push(&kept_batch).unwrap();
    let kept_side = || selection(Origin::Kept, kept_rows);
    let current_side = || selection(Origin::Current, current_rows);
    let one = differ(
        kept_side(),
        &[0],
        current_side(),
        &[0],
        Some(&current),
        &mut kept,
        &Budget::unlimited(),
    );
    let other = differ(
        current_side(),
        &[0],
        kept_side(),
        &[0],
        Some(&current),
        &mut kept,
        &Budget::unlimited(),
    );
    let (one, other) = (one.unwrap(), other.unwrap());
    assert_eq!(one, other);
    one.values().iter().collect()
}

#[test]
fn text_differs_by_its_value_and_null_is_a_value() {
    // The whole batch in its order, then parts of it.
    assert_eq!(differing(&[0, 3, 1, 2], &[0, 1, 2, 3]), [false; 4]);
    assert_eq!(differing(&[1, 2, 4, 3], &[0, 1, 2, 3]), [true; 4]);
    assert_eq!(
        differing(&[4, 1, NO_ROW, 2], &[0, 2, 2, 2]),
        [false, false, false, true]
    );
    assert_eq!(differing(&[0, NO_ROW], &[NO_ROW, NO_ROW]), [true, false]);
    assert_eq!(differing(&[], &[]), [false; 0]);
}

#[test]
fn columns_of_other_types_or_that_are_not_there_are_told() {
    let rows = batch(vec![Some("a")]);
    let mut kept = Kept::new(rows.schema_ref());
    kept.push(&rows).unwrap();
    let mut asked = |kept_column: usize, current_column: usize| {
        let (left, right) = (
            selection(Origin::Kept, &[0]),
            selection(Origin::Current, &[0]),
        );
        differ(
            left,
            &[kept_column],
            right,
            &[current_column],
            Some(&rows),
            &mut kept,
            &Budget::unlimited(),
        )
        .unwrap_err()
    };
    assert!(matches!(asked(0, 1), AssembleError::Differ { .. }));
    assert!(matches!(asked(2, 0), AssembleError::NoColumn { .. }));
    assert!(matches!(asked(0, 2), AssembleError::NoColumn { .. }));
}

/// What is left of a budget after a column of each of the answers was gathered.
fn assembled(
    origin: Origin,
    numbers: &[u32],
    answers: usize,
    mut budget: Budget<'_>,
) -> Result<u64, AssembleError> {
    let long = "x".repeat(1_000);
    let current = batch(vec![Some(long.as_str()), Some("y")]);
    let mut kept = Kept::new(current.schema_ref());
    kept.push(&current).unwrap();
    let fields: Vec<_> = (0..answers)
        .map(|i| Field::new(format!("c{i}"), DataType::Utf8, true))
        .collect();
    let selections = vec![selection(origin, numbers); answers];
    let gathers: Vec<_> = (0..answers)
        .map(|selection| Answer::Gather {
            selection,
            column: 0,
        })
        .collect();
    let schema = Arc::new(Schema::new(fields));
    assemble(
        &schema,
        numbers.len(),
        selections,
        &gathers,
        Some(&current),
        &mut kept,
        &mut budget,
    )?;
    Ok(budget.bytes)
}

fn of_bytes(bytes: u64) -> Budget<'static> {
    Budget {
        bytes,
        ..Budget::unlimited()
    }
}

#[test]
fn a_gather_that_would_take_too_much_is_refused_before_it_is_made() {
    for origin in [Origin::Current, Origin::Kept] {
        let long = vec![0; 100];
        let left = assembled(origin, &long, 1, of_bytes(200_000)).unwrap();
        assert!((90_000..=99_600).contains(&left), "{left}");
        // What one column has taken is not there for the next.
        assert!(matches!(
            assembled(origin, &long, 2, of_bytes(150_000)),
            Err(AssembleError::TooMuch { .. })
        ));
        // So much could not even be allocated.
        let endless = vec![0; 1 << 20];
        assert!(matches!(
            assembled(origin, &endless, 1, of_bytes(1 << 20)),
            Err(AssembleError::TooMuch { .. })
        ));
        // Many rows are not refused because one that is not among them is long.
        let short = vec![1; 100];
        assembled(origin, &short, 1, of_bytes(1_000)).unwrap();
    }
}

#[test]
fn what_is_compared_is_within_the_budget_too() {
    let long = "x".repeat(1_000);
    let rows = batch(vec![Some(long.as_str()), Some("y")]);
    let compared = |column: usize, budget: &Budget<'_>| {
        let both = || selection(Origin::Current, &[0; 100]);
        differ(
            both(),
            &[column],
            both(),
            &[column],
            Some(&rows),
            &mut Kept::default(),
            budget,
        )
    };
    assert!(matches!(
        compared(0, &of_bytes(10_000)),
        Err(AssembleError::TooMuch { .. })
    ));
    compared(1, &of_bytes(10_000)).unwrap();
}

#[test]
fn no_column_is_gathered_when_the_time_is_over() {
    let late = || Budget {
        bytes: u64::MAX,
        is_late: &|| true,
    };
    for origin in [Origin::Current, Origin::Kept] {
        assert!(matches!(
            assembled(origin, &[0], 1, late()),
            Err(AssembleError::Late)
        ));
        assembled(origin, &[], 0, late()).unwrap();
    }
}
