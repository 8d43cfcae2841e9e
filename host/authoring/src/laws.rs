//! What the host asks of a kind's output, whatever the plugin does. A pipeline's run is refused
//! where one of these is broken.

use std::collections::{HashMap, HashSet};

use arrow_array::{Array, RecordBatch, cast::AsArray, types::Int8Type};
use arrow_schema::ArrowError;
use wigeon_runtime::Kind;

use crate::{execute::Output, input::Input, rows::cells};

/// The first columns of a snapshot's output.
const OPENED: i8 = 0;
const SUPERSEDED: i8 = 1;
const CLOSED: i8 = 2;

/// Returns the law that an output breaks, if any.
///
/// # Errors
///
/// What Arrow says of values that cannot be shown.
pub(crate) fn broken(
    kind: Kind,
    input: &Input,
    output: &Output,
) -> Result<Option<String>, ArrowError> {
    match kind {
        // The runtime counts the rows of an incremental plugin itself.
        Kind::Transform | Kind::Incremental => Ok(None),
        Kind::Snapshot => snapshot(input, output),
        Kind::ChangeDetection => change_detection(input, output),
    }
}

type Key = Vec<Option<String>>;

fn keys(batch: &RecordBatch, key: &[usize]) -> Result<Vec<Key>, ArrowError> {
    cells(&batch.project(key)?)
}

fn shown(key: &Key) -> String {
    let cells = key.iter().map(|cell| cell.as_deref().unwrap_or("null"));
    cells.collect::<Vec<_>>().join(", ")
}

fn snapshot(input: &Input, output: &Output) -> Result<Option<String>, ArrowError> {
    let mut open: HashMap<Key, bool> = HashMap::new();
    if let Some(first) = &input.first {
        open.extend(
            keys(first, &input.first_key)?
                .into_iter()
                .map(|key| (key, false)),
        );
    }
    let mut opened = HashSet::new();
    let key: Vec<_> = input.second_key.iter().map(|column| column + 1).collect();
    for batch in &output.batches {
        let changes = batch.column(0).as_primitive::<Int8Type>();
        for (row, key) in keys(batch, &key)?.into_iter().enumerate() {
            let name = shown(&key);
            let change = changes.is_valid(row).then(|| changes.value(row));
            let twice = match change {
                Some(OPENED) if open.contains_key(&key) => {
                    return Ok(Some(format!("the key {name} is opened, but it is open")));
                }
                Some(OPENED) => !opened.insert(key),
                Some(SUPERSEDED | CLOSED) => {
                    let Some(changed) = open.get_mut(&key) else {
                        let closed = change == Some(CLOSED);
                        let what = if closed { "closed" } else { "superseded" };
                        return Ok(Some(format!(
                            "the key {name} is {what}, but it is not open"
                        )));
                    };
                    std::mem::replace(changed, true)
                }
                other => {
                    let other = other.map_or("null".to_owned(), |change| change.to_string());
                    return Ok(Some(format!(
                        "`change` is {other} for the key {name}, not 0, 1 or 2"
                    )));
                }
            };
            if twice {
                return Ok(Some(format!("the key {name} is emitted twice")));
            }
        }
    }
    Ok(None)
}

fn change_detection(input: &Input, output: &Output) -> Result<Option<String>, ArrowError> {
    let mut handed: HashSet<Key> = keys(&input.second, &input.second_key)?
        .into_iter()
        .collect();
    if let Some(first) = &input.first {
        handed.extend(keys(first, &input.first_key)?);
    }
    let mut seen = HashSet::new();
    for batch in &output.batches {
        for key in keys(batch, &input.second_key)? {
            let name = shown(&key);
            if !handed.contains(&key) {
                return Ok(Some(format!(
                    "the key {name} is emitted, but was not handed over"
                )));
            }
            if !seen.insert(key) {
                return Ok(Some(format!("the key {name} is emitted twice")));
            }
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, Int8Array, Int64Array};
    use arrow_schema::{DataType, Field, Schema};

    use super::*;

    /// Rows with the key `id`.
    fn ids(ids: &[i64]) -> RecordBatch {
        let schema = Schema::new(vec![Field::new("id", DataType::Int64, true)]);
        let ids: ArrayRef = Arc::new(Int64Array::from(ids.to_vec()));
        RecordBatch::try_new(Arc::new(schema), vec![ids]).unwrap()
    }

    /// Open versions or applied ones of the keys 1 and 2, then rows of 2 and 3.
    fn input() -> Input {
        Input {
            first: Some(ids(&[1, 2])),
            first_key: vec![0],
            second: ids(&[2, 3]),
            second_key: vec![0],
        }
    }

    /// An output in these batches.
    fn output(batches: Vec<RecordBatch>) -> Output {
        Output {
            schema: batches[0].schema(),
            batches,
        }
    }

    /// A kind of change and a key.
    type Emitted = (Option<i8>, i64);

    /// Emitted changes of keys, each in a batch of its own, so that no law looks at one alone.
    fn changes(changes: &[Emitted]) -> Output {
        let schema = Arc::new(Schema::new(vec![
            Field::new("change", DataType::Int8, true),
            Field::new("id", DataType::Int64, true),
        ]));
        let batch = |(change, id): &Emitted| {
            let columns: Vec<ArrayRef> = vec![
                Arc::new(Int8Array::from(vec![*change])),
                Arc::new(Int64Array::from(vec![*id])),
            ];
            RecordBatch::try_new(Arc::clone(&schema), columns).unwrap()
        };
        output(changes.iter().map(batch).collect())
    }

    #[test]
    fn each_law_of_a_snapshot_has_its_message() {
        let (open, supersede, close) = (Some(OPENED), Some(SUPERSEDED), Some(CLOSED));
        let cases: [(&[Emitted], Option<&str>); 10] = [
            (&[(open, 3), (supersede, 2), (close, 1)], None),
            (&[(open, 3), (open, 3)], Some("the key 3 is emitted twice")),
            (&[(open, 1)], Some("the key 1 is opened, but it is open")),
            (
                &[(close, 3)],
                Some("the key 3 is closed, but it is not open"),
            ),
            (
                &[(supersede, 3)],
                Some("the key 3 is superseded, but it is not open"),
            ),
            // That a key was opened a moment ago does not make it one that was open before.
            (
                &[(open, 3), (close, 3)],
                Some("the key 3 is closed, but it is not open"),
            ),
            (
                &[(close, 1), (close, 1)],
                Some("the key 1 is emitted twice"),
            ),
            (
                &[(supersede, 2), (close, 2)],
                Some("the key 2 is emitted twice"),
            ),
            (
                &[(Some(3), 2)],
                Some("`change` is 3 for the key 2, not 0, 1 or 2"),
            ),
            (
                &[(None, 2)],
                Some("`change` is null for the key 2, not 0, 1 or 2"),
            ),
        ];
        for (emitted, expected) in cases {
            let law = broken(Kind::Snapshot, &input(), &changes(emitted)).unwrap();
            assert_eq!(law.as_deref(), expected, "{emitted:?}");
        }
    }

    #[test]
    fn change_detection_emits_each_key_that_it_has_seen_once() {
        let cases: [(&[&[i64]], Option<&str>); 5] = [
            (&[&[2, 3]], None),
            (&[&[1]], None),
            (
                &[&[2], &[4]],
                Some("the key 4 is emitted, but was not handed over"),
            ),
            (&[&[2, 2]], Some("the key 2 is emitted twice")),
            (&[&[2, 3], &[3]], Some("the key 3 is emitted twice")),
        ];
        for (emitted, expected) in cases {
            let emitted_batches = emitted.iter().map(|batch| ids(batch)).collect();
            let law = broken(Kind::ChangeDetection, &input(), &output(emitted_batches)).unwrap();
            assert_eq!(law.as_deref(), expected, "{emitted:?}");
        }
    }
}
