//! A case's rows over and over, each time under keys of their own.

use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, Int64Array, RecordBatch, StringArray, cast::AsArray, types::Int64Type,
};
use arrow_cast::cast;
use arrow_schema::DataType;
use arrow_select::concat::concat_batches;

use crate::{input::Input, rows::batch};

/// An input that was made of another one's rows.
#[derive(Debug)]
pub(crate) struct Grown {
    pub(crate) input: Input,
    /// How often every row occurs.
    pub(crate) copies: usize,
}

/// Returns an input with at least so many rows to work on: copies of the rows of `input`, the keys
/// of each copy counted on from those of the one before.
///
/// # Errors
///
/// Why there can be no such input, for people.
pub(crate) fn grown(input: &Input, rows: usize) -> Result<Grown, String> {
    let present = input.second.num_rows();
    if present == 0 {
        return Err("it has no rows to work on".to_owned());
    }
    let copies = rows.div_ceil(present);
    // One column of the key is enough to tell copies apart.
    let place = (0..input.second_key.len()).find(|&place| {
        let data_type =
            |batch: &RecordBatch, column: usize| batch.column(column).data_type().clone();
        let second = data_type(&input.second, input.second_key[place]);
        let first = input.first.as_ref();
        let first = first.map(|first| data_type(first, input.first_key[place]));
        can_count(&second) && first.as_ref().is_none_or(can_count)
    });
    if place.is_none() && !input.second_key.is_empty() {
        return Err("no column of its key can be counted up".to_owned());
    }
    let key = place.map(|place| {
        let first = input.first.as_ref();
        let first = first.map(|first| (first, input.first_key[place]));
        (first, input.second_key[place])
    });
    let step = match key {
        Some((first, second)) => {
            let second = Arc::clone(input.second.column(second));
            let columns = first.map(|(rows, column)| Arc::clone(rows.column(column)));
            span(&columns.into_iter().chain([second]).collect::<Vec<_>>())?
        }
        None => 0,
    };
    let first = match (&input.first, key) {
        (Some(rows), Some((Some((_, column)), _))) => {
            Some(copied(rows, Some(column), step, copies)?)
        }
        (first, _) => first.clone(),
    };
    let second = copied(&input.second, key.map(|(_, column)| column), step, copies)?;
    Ok(Grown {
        input: Input {
            first,
            second,
            ..input.clone()
        },
        copies,
    })
}

fn can_count(data_type: &DataType) -> bool {
    data_type.is_integer()
        || matches!(
            data_type,
            DataType::Utf8 | DataType::Date32 | DataType::Timestamp(_, _)
        )
}

/// Returns how far apart the keys of two copies must be. Text needs no distance.
fn span(keys: &[ArrayRef]) -> Result<i64, String> {
    let mut range: Option<(i64, i64)> = None;
    for key in keys {
        if *key.data_type() == DataType::Utf8 {
            continue;
        }
        let numbers = numbers(key)?;
        for number in numbers.as_primitive::<Int64Type>().iter().flatten() {
            let (least, most) = range.unwrap_or((number, number));
            range = Some((least.min(number), most.max(number)));
        }
    }
    let (least, most) = range.unwrap_or((0, 0));
    most.checked_sub(least)
        .and_then(|span| span.checked_add(1))
        .ok_or_else(|| "its keys lie too far apart".to_owned())
}

fn copied(
    rows: &RecordBatch,
    key: Option<usize>,
    step: i64,
    copies: usize,
) -> Result<RecordBatch, String> {
    let schema = rows.schema();
    let copy = |number: usize| -> Result<RecordBatch, String> {
        let mut columns = rows.columns().to_vec();
        if let Some(key) = key {
            columns[key] = counted_on(&columns[key], number, step)?;
        }
        batch(&schema, columns, rows.num_rows()).map_err(|error| error.to_string())
    };
    let copies = (0..copies).map(copy).collect::<Result<Vec<_>, _>>()?;
    concat_batches(&schema, &copies).map_err(|error| error.to_string())
}

/// Returns the keys of copy number `copy`. The first has those of the case.
fn counted_on(key: &ArrayRef, copy: usize, step: i64) -> Result<ArrayRef, String> {
    if copy == 0 {
        return Ok(Arc::clone(key));
    }
    if let Some(texts) = key.as_string_opt::<i32>() {
        let texts = texts
            .iter()
            .map(|text| text.map(|text| format!("{text}~{copy}")));
        return Ok(Arc::new(texts.collect::<StringArray>()));
    }
    let too_many = || "its keys cannot be counted up that far".to_owned();
    let distance = i64::try_from(copy)
        .ok()
        .and_then(|copy| copy.checked_mul(step));
    let distance = distance.ok_or_else(too_many)?;
    let numbers = numbers(key)?;
    let numbers = numbers.as_primitive::<Int64Type>().iter();
    let counted = numbers
        .map(|number| number?.checked_add(distance))
        .collect::<Int64Array>();
    let counted: ArrayRef = Arc::new(counted);
    let counted = match key.data_type() {
        DataType::Date32 => {
            cast(&counted, &DataType::Int32).and_then(|days| cast(&days, &DataType::Date32))
        }
        other => cast(&counted, other),
    };
    let counted = counted.map_err(|error| error.to_string())?;
    // What does not fit has become null.
    if counted.null_count() > key.null_count() {
        return Err(too_many());
    }
    Ok(counted)
}

fn numbers(key: &ArrayRef) -> Result<ArrayRef, String> {
    let numbers = match key.data_type() {
        DataType::Date32 => {
            cast(key, &DataType::Int32).and_then(|days| cast(&days, &DataType::Int64))
        }
        _ => cast(key, &DataType::Int64),
    };
    numbers.map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use arrow_array::Int8Array;
    use arrow_schema::{Field, Schema};

    use super::*;

    fn keyed(key: ArrayRef) -> Input {
        let field = Field::new("id", key.data_type().clone(), true);
        let rows = batch(&Arc::new(Schema::new(vec![field])), vec![key], 3).unwrap();
        Input {
            first: Some(rows.clone()),
            first_key: vec![0],
            second: rows,
            second_key: vec![0],
        }
    }

    #[test]
    fn every_copy_has_keys_of_its_own() {
        let input = keyed(Arc::new(Int64Array::from(vec![-1, 5, 5])));
        let grown = grown(&input, 7).unwrap();
        assert_eq!(grown.copies, 3);
        let expected = Int64Array::from(vec![-1, 5, 5, 6, 12, 12, 13, 19, 19]);
        assert_eq!(
            grown.input.second.column(0).as_primitive::<Int64Type>(),
            &expected
        );
        assert_eq!(grown.input.first, Some(grown.input.second));
    }

    #[test]
    fn keys_that_run_out_are_told() {
        let input = keyed(Arc::new(Int8Array::from(vec![1, 2, 3])));
        assert!(grown(&input, 60).is_ok());
        let error = grown(&input, 600).unwrap_err();
        assert_eq!(error, "its keys cannot be counted up that far");
    }
}
