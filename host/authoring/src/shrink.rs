//! The smallest input that still fails.

use std::time::{Duration, Instant};

use crate::input::{Input, Side};

/// How often a failing property is tried at most while its input is made smaller.
const MOST_TRIES: usize = 400;
/// How long it is made smaller at most: a plugin that hangs takes its time limit for every try.
const MOST_TIME: Duration = Duration::from_secs(20);

/// Takes rows away for as long as `fails` still says what is wrong, halves first, then single rows,
/// and returns the smallest input found with what is wrong with it.
pub(crate) fn smallest(
    input: Input,
    complaint: String,
    mut fails: impl FnMut(&Input) -> Option<String>,
) -> (Input, String) {
    let mut found = (input, complaint);
    let mut tries = 0;
    let begin = Instant::now();
    loop {
        let before = found.0.rows();
        for side in [Side::Second, Side::First] {
            let mut size = found.0.rows_of(side);
            while size > 0 {
                let mut start = 0;
                while start < found.0.rows_of(side) {
                    if tries == MOST_TRIES || begin.elapsed() > MOST_TIME {
                        return found;
                    }
                    tries += 1;
                    let Ok(smaller) = without(&found.0, side, start, size) else {
                        return found;
                    };
                    match fails(&smaller) {
                        Some(complaint) => found = (smaller, complaint),
                        None => start += size,
                    }
                }
                size /= 2;
            }
        }
        if found.0.rows() == before {
            return found;
        }
    }
}

/// Returns the input without `size` rows of one side, from `start`.
fn without(
    input: &Input,
    side: Side,
    start: usize,
    size: usize,
) -> Result<Input, arrow_schema::ArrowError> {
    let rows = (0_u32..).take(input.rows_of(side)).enumerate();
    let kept: Vec<u32> = rows
        .filter(|(i, _)| !(start..start + size).contains(i))
        .map(|(_, row)| row)
        .collect();
    input.with_rows(side, &kept)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{Int64Array, RecordBatch, cast::AsArray, types::Int64Type};
    use arrow_schema::{DataType, Field, Schema};

    use super::*;

    #[test]
    fn what_does_not_matter_is_taken_away() {
        let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, true)]));
        let numbers = Arc::new(Int64Array::from_iter_values(0..1_000));
        let input = Input::unkeyed(RecordBatch::try_new(schema, vec![numbers]).unwrap());
        let has = |input: &Input, wanted: i64| {
            let numbers = input.second.column(0).as_primitive::<Int64Type>();
            numbers.values().contains(&wanted)
        };
        let fails = |input: &Input| (has(input, 17) && has(input, 803)).then(|| "both".to_owned());
        let (smallest, _) = smallest(input, "both".to_owned(), fails);
        let numbers = smallest.second.column(0).as_primitive::<Int64Type>();
        assert_eq!(numbers.values(), &[17, 803]);
    }
}
