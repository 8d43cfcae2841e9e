//! A snapshot with the faults that authors make: most are right on the usual input, in one batch,
//! and wrong on another.

use std::{collections::HashMap, sync::Arc};

use serde::Deserialize;
use wigeon_sdk::{
    Batch, Column, Error, Host, JsonSchema, Origin, Plugin, Selection, Snapshot, SnapshotInput,
    arrow_array::{Array, Int8Array, cast::AsArray, types::Int64Type},
    change,
};

/// How many rows one `emit` may carry: well below what one call may send.
const EMIT_ROWS: usize = 65_536;

/// The step at work.
#[derive(Debug)]
pub struct CarelessSnapshot {
    fault: Fault,
    key: usize,
    payload: Vec<usize>,
    columns: usize,
    /// From a key to the number of its open version.
    open: HashMap<i64, u32>,
    /// For each open version, whether the extract has its key.
    seen: Vec<bool>,
}

/// What the manifest says.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Options {
    /// What to do wrong.
    fault: Fault,
}

/// A fault. The key must be an `int64`, and not the only column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// Nothing is wrong.
    None,
    /// Opens every key of the extract, as if the run were the first.
    Reopen,
    /// Closes the keys that a batch does not have, as if it were the whole extract.
    CloseEarly,
    /// Closes the keys whose row has no value, open or not.
    CloseNulls,
}

impl Plugin for CarelessSnapshot {
    const NAME: &'static str = "careless-snapshot";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str = env!("CARGO_PKG_DESCRIPTION");
    type Options = Options;
}

impl Snapshot for CarelessSnapshot {
    fn open(options: Options, input: SnapshotInput) -> Result<Self, Error> {
        let columns = input.extract.fields().len();
        let [key] = input.key.as_slice() else {
            return Err(Error::schema("the key is one column"));
        };
        Ok(Self {
            fault: options.fault,
            key: *key,
            payload: (0..columns).filter(|column| column != key).collect(),
            columns,
            open: HashMap::new(),
            seen: vec![],
        })
    }

    fn versions(&mut self, batch: &Batch<'_>) -> Result<(), Error> {
        let keys = batch.column(self.key);
        for key in keys.as_primitive::<Int64Type>().values() {
            self.open.insert(*key, number(self.seen.len()));
            self.seen.push(false);
        }
        Ok(())
    }

    fn extract(&mut self, batch: &Batch<'_>, host: &mut Host<'_>) -> Result<(), Error> {
        let (keys, values) = (batch.column(self.key), batch.column(self.payload[0]));
        let keys = keys.as_primitive::<Int64Type>();
        let (mut opened, mut closed) = (vec![], vec![]);
        let (mut known, mut versions) = (vec![], vec![]);
        for (row, key) in keys.values().iter().enumerate() {
            let version = match self.fault {
                Fault::Reopen => None,
                _ => self.open.get(key).copied(),
            };
            if let Some(version) = version {
                self.seen[version as usize] = true;
            }
            if self.fault == Fault::CloseNulls && values.is_null(row) {
                closed.push(number(row));
            } else if let Some(version) = version {
                known.push(number(row));
                versions.push(version);
            } else {
                opened.push(number(row));
            }
        }
        let superseded = self.changed(known, versions, host);
        self.emit(change::OPENED, Origin::Current, &opened, host);
        self.emit(change::SUPERSEDED, Origin::Current, &superseded, host);
        self.emit(change::CLOSED, Origin::Current, &closed, host);
        if self.fault == Fault::CloseEarly {
            self.close_unseen(host);
        }
        Ok(())
    }

    fn finish(&mut self, host: &mut Host<'_>) -> Result<(), Error> {
        if self.fault != Fault::CloseEarly {
            self.close_unseen(host);
        }
        Ok(())
    }
}

impl CarelessSnapshot {
    /// Returns those rows of the batch whose payload is not that of their version.
    fn changed(&self, known: Vec<u32>, versions: Vec<u32>, host: &mut Host<'_>) -> Vec<u32> {
        if known.is_empty() {
            return vec![];
        }
        let differ = host.differ(
            Selection::new(Origin::Current, known.clone()),
            &self.payload,
            Selection::new(Origin::Kept, versions),
            &self.payload,
        );
        let changed = known.into_iter().zip(differ);
        changed
            .filter_map(|(row, differs)| differs.then_some(row))
            .collect()
    }

    /// Closes the versions whose keys have not been seen, each of them once.
    fn close_unseen(&mut self, host: &mut Host<'_>) {
        let versions = (0..).zip(&self.seen);
        let gone: Vec<u32> = versions
            .filter_map(|(version, &seen)| (!seen).then_some(version))
            .collect();
        self.emit(change::CLOSED, Origin::Kept, &gone, host);
        self.seen.fill(true);
    }

    fn emit(&self, change: i8, origin: Origin, rows: &[u32], host: &mut Host<'_>) {
        for rows in rows.chunks(EMIT_ROWS) {
            let changes = Column::Values(Arc::new(Int8Array::from(vec![change; rows.len()])));
            let columns = (0..self.columns).map(|column| Column::gather(0, column));
            let columns = std::iter::once(changes).chain(columns).collect();
            let selection = Selection::new(origin, rows.to_vec());
            host.emit(rows.len(), vec![selection], columns);
        }
    }
}

fn number(row: usize) -> u32 {
    u32::try_from(row).expect("there are fewer than 2^32 rows")
}

wigeon_sdk::export!(snapshot: CarelessSnapshot);
