//! The lanes as a whole, with a join for a plugin: what comes out does not depend on how many lanes
//! and passes there are, or on how much of the second stream is read before the first.

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
use wigeon_lanes::{Budget, Follow, Inlet, Pass, Stopped, run};
use wigeon_runtime::{PluginError, Task};

/// Puts to each row the number of the last version of its key.
struct Join<'a> {
    versions: HashMap<String, i64>,
    key: usize,
    followed: &'a Followed,
}

impl<'a> Join<'a> {
    fn new(key: usize, followed: &'a Followed) -> Self {
        followed.at_work.fetch_add(1, Ordering::Relaxed);
        Self {
            versions: HashMap::new(),
            key,
            followed,
        }
    }

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
        self.followed
            .seen
            .fetch_add(batch.num_rows(), Ordering::Relaxed);
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
        Ok(vec![
            RecordBatch::try_new(joined(), columns).expect("columns of one length"),
        ])
    }

    fn finish(&mut self) -> Result<Vec<RecordBatch>, PluginError> {
        Ok(vec![])
    }
}

impl Drop for Join<'_> {
    fn drop(&mut self) {
        self.followed.at_work.fetch_sub(1, Ordering::Relaxed);
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
    let as_type = |data_type: &DataType| cast(&integers, data_type).expect("they can be cast");
    match types {
        0 => vec![integers],
        1 => vec![as_type(&DataType::Int16)],
        2 => vec![as_type(&DataType::UInt64)],
        3 => {
            let days = as_type(&DataType::Int32);
            vec![cast(&days, &DataType::Date32).expect("they can be cast")]
        }
        4 => vec![texts],
        5 => vec![cast(&texts, &DataType::LargeUtf8).expect("they can be cast")],
        6 => vec![cast(&texts, &DataType::Binary).expect("they can be cast")],
        7 => {
            let codes = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
            let dictionary = cast(&texts, &codes).expect("they can be cast");
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
    let count = i64::try_from(keys.len()).expect("few rows");
    columns.push(Arc::new(Int64Array::from_iter_values(0..count)));
    let fields: Vec<_> = columns
        .iter()
        .enumerate()
        .map(|(i, column)| Field::new(format!("c{i}"), column.data_type().clone(), true))
        .collect();
    let all = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
        .expect("columns of one length");
    (0..keys.len())
        .step_by(size)
        .map(|from| all.slice(from, size.min(keys.len() - from)))
        .collect()
}

/// How a join is cut.
#[derive(Debug, Clone, Copy)]
struct Cut {
    lanes: usize,
    passes: usize,
    budget: Option<Budget>,
}

const WHOLE: Cut = Cut {
    lanes: 1,
    passes: 1,
    budget: None,
};

/// What follows a join: what it is told, and which passes have tasks at the moment.
#[derive(Default)]
struct Followed {
    took: AtomicUsize,
    gave: AtomicUsize,
    seen: AtomicUsize,
    at_work: AtomicUsize,
    cancel_after: Option<usize>,
}

impl Follow for Followed {
    fn took(&self, rows: u64) {
        self.took
            .fetch_add(usize::try_from(rows).expect("few rows"), Ordering::Relaxed);
    }

    fn gave(&self, rows: u64) {
        self.gave
            .fetch_add(usize::try_from(rows).expect("few rows"), Ordering::Relaxed);
    }

    fn is_cancelled(&self) -> bool {
        self.cancel_after
            .is_some_and(|rows| self.took.load(Ordering::Relaxed) >= rows)
    }
}

type Joined = Vec<(i64, Option<i64>)>;

fn inlet<'a>(batches: &'a [RecordBatch], key: &[usize]) -> Inlet<'a, &'static str> {
    Inlet {
        rows: Box::new(batches.iter().cloned().map(Ok)),
        key: key.to_vec(),
    }
}

/// Joins two streams in the lanes, and sorts what comes out.
fn join(
    types: usize,
    [first, second]: [&[RecordBatch]; 2],
    cut: Cut,
    followed: &Followed,
) -> Result<Joined, Stopped<PluginError, &'static str>> {
    let key: Vec<usize> = (0..if types == KEY_TYPES - 1 { 2 } else { 1 }).collect();
    let open = |_| {
        // The tasks of the pass before this one are gone, and so is what was kept for them.
        assert_eq!(followed.at_work.load(Ordering::Relaxed), 0);
        Ok(Pass {
            tasks: (0..cut.lanes)
                .map(|_| Join::new(key.len(), followed))
                .collect(),
            first: inlet(first, &key),
            second: inlet(second, &key),
            budget: cut.budget.map(|budget| budget.for_one_of(cut.passes)),
        })
    };
    let mut rows = run(cut.passes, open, &joined(), followed, |reader| {
        let mut rows = vec![];
        for batch in reader {
            let batch = batch.map_err(|_| "the lanes failed")?;
            let [numbers, found] = [0, 1].map(|c| batch.column(c).as_primitive::<Int64Type>());
            rows.extend(numbers.values().iter().copied().zip(found.iter()));
        }
        Ok(rows)
    })?;
    rows.sort_unstable();
    Ok(rows)
}

fn joined_rows(types: usize, streams: [&[RecordBatch]; 2], cut: Cut) -> (Joined, Followed) {
    let followed = Followed::default();
    let rows = join(types, streams, cut, &followed).expect("the lanes do not stop");
    assert_eq!(followed.took.load(Ordering::Relaxed), rows.len());
    assert_eq!(followed.gave.load(Ordering::Relaxed), rows.len());
    (rows, followed)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn nothing_depends_on_lanes_passes_or_the_budget(
        types in 0..KEY_TYPES,
        versions in prop::collection::vec(0..200_i64, 0..400),
        // Some keys are unknown.
        rows in prop::collection::vec(0..260_i64, 0..300),
        sizes in (1..60_usize, 1..60_usize),
        lanes in 1..5_usize,
        passes in prop::sample::select(vec![1, 1, 2, 4, 16, 64]),
        budget in (0..350_u64, prop::sample::select(vec![0, 2_000, 1 << 30])),
    ) {
        let (first, second) = (batches(types, &versions, sizes.0), batches(types, &rows, sizes.1));
        let streams = [first.as_slice(), &second];
        let (expected, _) = joined_rows(types, streams, WHOLE);
        prop_assert_eq!(expected.len(), rows.len());
        let budget = Budget { rows: budget.0, bytes: budget.1 };
        for budget in [None, Some(budget)] {
            let cut = Cut { lanes, passes, budget };
            let (rows, followed) = joined_rows(types, streams, cut);
            prop_assert_eq!(&rows, &expected, "{:?}", cut);
            if budget.is_none() {
                prop_assert_eq!(followed.seen.into_inner(), versions.len());
            }
        }
    }
}

#[test]
fn keys_that_do_not_occur_do_not_reach_the_lanes() {
    let first = batches(0, &(0..100_000).collect::<Vec<_>>(), 2_048);
    let second = batches(0, &(0..1_000).map(|i| i * 97).collect::<Vec<_>>(), 2_048);
    let streams = [first.as_slice(), &second];
    let budget = Budget {
        rows: 2_000,
        bytes: 1 << 20,
    };
    let (whole, followed) = joined_rows(0, streams, WHOLE);
    assert_eq!(followed.seen.into_inner(), 100_000);
    for passes in [1, 4] {
        let cut = Cut {
            lanes: 2,
            passes,
            budget: Some(budget),
        };
        let (rows, followed) = joined_rows(0, streams, cut);
        assert_eq!(rows, whole);
        let seen = followed.seen.into_inner();
        assert!((1_000..3_000).contains(&seen), "{seen} versions");
    }
}

/// What goes last into the lanes comes all the same, whether or not it is read before the first stream.
#[test]
fn rows_with_far_keys_are_joined_however_they_wait() {
    const FAR: i64 = 1 << 40;
    let known: Vec<_> = (0..1_000).chain((0..20).map(|i| FAR + i)).collect();
    let first = batches(0, &known, 256);
    let key = |row: i64| {
        if row % 100 == 7 {
            FAR + row % 30
        } else {
            row % 1_200
        }
    };
    let rows: Vec<_> = (0..20_000).map(key).collect();
    let second = batches(0, &rows, 512);
    let expected: Joined = (0_i64..)
        .zip(rows.iter().map(|key| {
            let found = known.iter().position(|known| known == key)?;
            i64::try_from(found).ok()
        }))
        .collect();
    let budget = |rows| {
        Some(Budget {
            rows,
            bytes: 1 << 30,
        })
    };
    for (lanes, passes) in [(1, 1), (3, 1), (2, 4)] {
        for budget in [None, budget(1_000), budget(1 << 30)] {
            let cut = Cut {
                lanes,
                passes,
                budget,
            };
            let (joined, _) = joined_rows(0, [&first, &second], cut);
            assert_eq!(joined, expected, "{cut:?}");
        }
    }
}

#[test]
fn a_key_that_is_null_is_refused_whichever_stream_is_read_first() {
    let keys: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), None]));
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![0, 1]));
    let null = [RecordBatch::try_from_iter([("id", keys), ("row", numbers)])
        .expect("columns of one length")];
    for passes in [1, 2] {
        for budget in [None, Some(Budget { rows: 9, bytes: 9 })] {
            let cut = Cut {
                lanes: 1,
                passes,
                budget,
            };
            let stopped = join(0, [&[], &null], cut, &Followed::default()).unwrap_err();
            assert!(matches!(stopped, Stopped::NullKey(column) if column == "id"));
        }
    }
}

#[test]
fn what_is_cancelled_ends() {
    let rows = batches(0, &(0..10_000).collect::<Vec<_>>(), 100);
    for passes in [1, 2] {
        let followed = Followed {
            cancel_after: Some(1_000),
            ..Followed::default()
        };
        let cut = Cut { passes, ..WHOLE };
        let stopped = join(0, [&[], &rows], cut, &followed).unwrap_err();
        assert!(matches!(stopped, Stopped::Cancelled));
        assert_eq!(followed.at_work.into_inner(), 0);
    }
}

/// The first error is the one that is told, and the sink has learned of it before it could commit.
#[test]
fn a_pass_that_cannot_be_opened_stops_the_lanes() {
    let rows = batches(0, &(0..100).collect::<Vec<_>>(), 10);
    for broken in 0..3 {
        let followed = Followed::default();
        let open = |pass| {
            if pass == broken {
                return Err("broken");
            }
            Ok(Pass {
                tasks: vec![Join::new(1, &followed)],
                first: inlet(&[], &[0]),
                second: inlet(&rows, &[0]),
                budget: None,
            })
        };
        let stopped = run(4, open, &joined(), &followed, |reader| {
            assert!(reader.last().is_some_and(|last| last.is_err()));
            Ok(())
        });
        assert!(matches!(stopped, Err(Stopped::Outside("broken"))));
    }
}
