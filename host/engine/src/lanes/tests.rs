//! The lanes as a whole, with a join for a plugin: what comes out does not depend on how many lanes
//! there are, or on how much of the second stream is read before the first.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use arrow_array::{
    ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray,
    cast::AsArray,
    types::{Int32Type, Int64Type},
};
use arrow_cast::{
    cast,
    display::{ArrayFormatter, FormatOptions},
};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use proptest::prelude::*;
use wigeon_runtime::PluginError;

use super::*;
use crate::Unobserved;

/// Puts to each row the number of the last version of its key.
struct Join<'a> {
    versions: HashMap<String, i64>,
    key: usize,
    seen: &'a AtomicUsize,
}

impl Join<'_> {
    fn keys(&self, batch: &RecordBatch) -> Vec<String> {
        let options = FormatOptions::default();
        let columns = (0..self.key).map(|column| {
            ArrayFormatter::try_new(batch.column(column), &options).expect("keys are shown")
        });
        let columns: Vec<_> = columns.collect();
        (0..batch.num_rows())
            .map(|row| {
                let parts: Vec<_> = columns.iter().map(|c| c.value(row).to_string()).collect();
                parts.join("|")
            })
            .collect()
    }

    fn numbers<'b>(&self, batch: &'b RecordBatch) -> &'b [i64] {
        let numbers = batch.column(self.key);
        numbers.as_primitive::<Int64Type>().values()
    }
}

impl Task for Join<'_> {
    type Error = PluginError;

    fn first(&mut self, batch: RecordBatch) -> Result<(), PluginError> {
        self.seen.fetch_add(batch.num_rows(), Ordering::Relaxed);
        let numbers = self.numbers(&batch).to_vec();
        for (key, number) in self.keys(&batch).into_iter().zip(numbers) {
            let newest = self.versions.entry(key).or_insert(number);
            *newest = number.max(*newest);
        }
        Ok(())
    }

    fn second(&mut self, batch: RecordBatch) -> Result<Vec<RecordBatch>, PluginError> {
        let keys = self.keys(&batch).into_iter();
        let found: Int64Array = keys.map(|key| self.versions.get(&key).copied()).collect();
        let numbers = Arc::clone(batch.column(self.key));
        let columns: Vec<ArrayRef> = vec![numbers, Arc::new(found)];
        Ok(vec![RecordBatch::try_new(joined(), columns).unwrap()])
    }

    fn finish(&mut self) -> Result<Vec<RecordBatch>, PluginError> {
        Ok(vec![])
    }
}

fn joined() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("row", DataType::Int64, false),
        Field::new("version", DataType::Int64, true),
    ]))
}

/// Key columns of every type that a key may have.
fn key(types: usize, keys: &[i64]) -> Vec<ArrayRef> {
    let integers: ArrayRef = Arc::new(Int64Array::from(keys.to_vec()));
    let texts: ArrayRef = Arc::new(
        keys.iter()
            .map(|k| Some(format!("k{k}")))
            .collect::<StringArray>(),
    );
    let as_type = |data_type: &DataType| cast(&integers, data_type).unwrap();
    match types {
        0 => vec![integers],
        1 => vec![as_type(&DataType::Int16)],
        2 => vec![as_type(&DataType::UInt64)],
        3 => {
            let days = as_type(&DataType::Int32);
            vec![cast(&days, &DataType::Date32).unwrap()]
        }
        4 => vec![texts],
        5 => vec![cast(&texts, &DataType::LargeUtf8).unwrap()],
        6 => vec![cast(&texts, &DataType::Binary).unwrap()],
        7 => {
            let codes = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
            let dictionary = cast(&texts, &codes).unwrap();
            assert!(dictionary.as_dictionary_opt::<Int32Type>().is_some());
            vec![dictionary]
        }
        8 => {
            let odd: BooleanArray = keys.iter().map(|key| Some(key % 2 == 1)).collect();
            vec![Arc::new(odd)]
        }
        _ => vec![texts, as_type(&DataType::Int32)],
    }
}

const KEY_TYPES: usize = 10;

/// Rows with a key and their number, in batches of `size`.
fn batches(types: usize, keys: &[i64], size: usize) -> Vec<RecordBatch> {
    let mut columns = key(types, keys);
    let count = i64::try_from(keys.len()).unwrap();
    columns.push(Arc::new(Int64Array::from_iter_values(0..count)));
    let fields: Vec<_> = columns
        .iter()
        .enumerate()
        .map(|(i, column)| Field::new(format!("c{i}"), column.data_type().clone(), true))
        .collect();
    let all = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap();
    (0..keys.len())
        .step_by(size)
        .map(|from| all.slice(from, size.min(keys.len() - from)))
        .collect()
}

fn inlet<'a>(batches: &'a [RecordBatch], key: &[usize], lanes: usize) -> Inlet<'a> {
    Inlet {
        rows: Box::new(batches.iter().cloned().map(Ok)),
        router: Router::new(key.to_vec(), lanes),
    }
}

/// What comes out of the lanes, and how many versions reached them.
fn run_join(
    types: usize,
    first: &[RecordBatch],
    second: &[RecordBatch],
    lanes: usize,
    budget: Option<Budget>,
) -> (Vec<(i64, Option<i64>)>, usize) {
    let key: Vec<usize> = (0..if types == KEY_TYPES - 1 { 2 } else { 1 }).collect();
    let seen = AtomicUsize::new(0);
    let tasks = (0..lanes).map(|_| Join {
        versions: HashMap::new(),
        key: key.len(),
        seen: &seen,
    });

    let cancellation = Cancellation::default();
    let progress = Progress::new("join", &Unobserved, &cancellation);
    let rows = run(
        tasks.collect(),
        inlet(first, &key, lanes),
        inlet(second, &key, lanes),
        budget,
        &joined(),
        &progress,
        |reader| {
            let mut rows = vec![];
            for batch in reader {
                let batch = batch.unwrap();
                let [numbers, found] = [0, 1].map(|c| batch.column(c).as_primitive::<Int64Type>());
                rows.extend(numbers.values().iter().copied().zip(found.iter()));
            }
            Ok(rows)
        },
    );
    let mut rows = rows.unwrap();
    assert_eq!(progress.rows_in(), rows.len() as u64);
    assert_eq!(progress.rows_out(), rows.len() as u64);
    rows.sort_unstable();
    (rows, seen.into_inner())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn nothing_depends_on_the_lanes_or_the_budget(
        types in 0..KEY_TYPES,
        versions in prop::collection::vec(0..200_i64, 0..400),
        // Some keys are unknown.
        rows in prop::collection::vec(0..260_i64, 0..300),
        sizes in (1..60_usize, 1..60_usize),
        lanes in 1..5_usize,
        budget in (0..350_u64, prop::sample::select(vec![0, 2_000, 1 << 30])),
    ) {
        let first = batches(types, &versions, sizes.0);
        let second = batches(types, &rows, sizes.1);
        let (expected, _) = run_join(types, &first, &second, 1, None);
        prop_assert_eq!(expected.len(), rows.len());
        let budget = Budget { rows: budget.0, bytes: budget.1 };
        for budget in [None, Some(budget)] {
            let (joined, _) = run_join(types, &first, &second, lanes, budget);
            prop_assert_eq!(&joined, &expected);
        }
    }
}

#[test]
fn keys_that_do_not_occur_do_not_reach_the_lanes() {
    let first = batches(0, &(0..100_000).collect::<Vec<_>>(), 2_048);
    let second = batches(0, &(0..1_000).map(|i| i * 97).collect::<Vec<_>>(), 2_048);
    let budget = Budget {
        rows: 2_000,
        bytes: 1 << 20,
    };
    let (whole, all) = run_join(0, &first, &second, 2, None);
    let (joined, some) = run_join(0, &first, &second, 2, Some(budget));
    assert_eq!(joined, whole);
    assert_eq!(all, 100_000);
    assert!((1_000..3_000).contains(&some), "{some} versions");
}

#[test]
fn a_key_that_is_null_is_refused_whichever_stream_is_read_first() {
    let keys: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), None]));
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![0, 1]));
    let null = RecordBatch::try_from_iter([("id", keys), ("row", numbers)]).unwrap();
    for budget in [None, Some(Budget { rows: 9, bytes: 9 })] {
        let second = [null.clone()];
        let seen = AtomicUsize::new(0);
        let task = Join {
            versions: HashMap::new(),
            key: 1,
            seen: &seen,
        };
        let cancellation = Cancellation::default();
        let progress = Progress::new("join", &Unobserved, &cancellation);
        let (first, second) = (inlet(&[], &[0], 1), inlet(&second, &[0], 1));
        let ran = run(
            vec![task],
            first,
            second,
            budget,
            &joined(),
            &progress,
            |rows| {
                // The sink learns that something is wrong before it could commit.
                assert!(rows.last().is_some_and(|last| last.is_err()));
                Ok(())
            },
        );
        assert!(matches!(ran, Err(EngineError::Data { .. })), "{ran:?}");
    }
}
