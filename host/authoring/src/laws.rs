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
    let mut seen = HashSet::new();
    for batch in &output.batches {
        for key in keys(batch, &input.second_key)? {
            let name = shown(&key);
            if !seen.insert(key) {
                return Ok(Some(format!("the key {name} is emitted twice")));
            }
        }
    }
    Ok(None)
}
