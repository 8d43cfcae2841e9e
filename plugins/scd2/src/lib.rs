//! The built-in plugin `scd2`: the changes between the open versions of a table and a full extract.
//!
//! Only the key columns cross into the plugin. Whether a row has changed is asked of the host, so
//! the payload may be of any type.

use serde::Deserialize;
use wigeon_sdk::{
    Batch, Column, Error, Host, JsonSchema, KeyMap, NO_ROW, Origin, Plugin, Selection, Snapshot,
    SnapshotInput,
    arrow_array::{ArrayRef, Int8Array},
    change,
};

/// How many rows one `emit` may carry: well below what one call may send.
const EMIT_ROWS: usize = 65_536;

/// The step at work.
#[derive(Debug)]
pub struct Scd2 {
    key: Vec<usize>,
    payload: Vec<usize>,
    columns: usize,
    /// From a key to the number of its open version.
    open: KeyMap,
    /// For each open version, whether the extract has its key.
    seen: Vec<bool>,
}

/// This plugin has no options.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Options {}

impl Plugin for Scd2 {
    const NAME: &'static str = "scd2";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str = env!("CARGO_PKG_DESCRIPTION");
    type Options = Options;
}

impl Snapshot for Scd2 {
    fn open(_: Options, input: SnapshotInput) -> Result<Self, Error> {
        let columns = input.extract.fields().len();
        let types = input
            .key
            .iter()
            .map(|&k| input.extract.field(k).data_type());
        Ok(Self {
            open: KeyMap::try_new(types)?,
            payload: (0..columns).filter(|c| !input.key.contains(c)).collect(),
            key: input.key,
            columns,
            seen: vec![],
        })
    }

    fn versions(&mut self, batch: &Batch<'_>) -> Result<(), Error> {
        let base = self.seen.len();
        let key = self.read_key(batch);
        let mut twice = false;
        self.open.update(&key, |row, slot| {
            twice |= *slot != NO_ROW;
            *slot = number(base + row);
        });
        self.seen.resize(base + batch.rows(), false);
        if twice {
            return Err(Error::data("a key has two open versions"));
        }
        Ok(())
    }

    fn extract(&mut self, batch: &Batch<'_>, host: &mut Host<'_>) -> Result<(), Error> {
        let key = self.read_key(batch);
        let mut opened = vec![];
        // Nearly all keys are known.
        let mut known = Vec::with_capacity(batch.rows());
        let mut versions = Vec::with_capacity(batch.rows());
        for (row, version) in (0_u32..).zip(self.open.probe(&key)) {
            if version == NO_ROW {
                opened.push(row);
            } else {
                known.push(row);
                versions.push(version);
                self.seen[version as usize] = true;
            }
        }
        let superseded = self.changed(known, versions, host);
        self.emit_current(change::OPENED, opened, batch.rows(), host);
        self.emit_current(change::SUPERSEDED, superseded, batch.rows(), host);
        Ok(())
    }

    fn finish(&mut self, host: &mut Host<'_>) -> Result<(), Error> {
        let closed: Vec<u32> = (0..)
            .zip(&self.seen)
            .filter_map(|(version, &seen)| (!seen).then_some(version))
            .collect();
        for rows in closed.chunks(EMIT_ROWS) {
            self.emit(
                change::CLOSED,
                Selection::new(Origin::Kept, rows.to_vec()),
                rows.len(),
                host,
            );
        }
        Ok(())
    }
}

impl Scd2 {
    fn read_key(&self, batch: &Batch<'_>) -> Vec<ArrayRef> {
        self.key
            .iter()
            .map(|&column| batch.column(column))
            .collect()
    }

    /// Returns those rows of the batch whose payload is not that of their version.
    fn changed(&self, known: Vec<u32>, versions: Vec<u32>, host: &mut Host<'_>) -> Vec<u32> {
        if known.is_empty() || self.payload.is_empty() {
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

    /// Emits rows of the current batch: all of them as they are, or those selected.
    fn emit_current(&self, change: i8, rows: Vec<u32>, of: usize, host: &mut Host<'_>) {
        let count = rows.len();
        if count == 0 {
            return;
        }
        if count < of {
            return self.emit(change, Selection::new(Origin::Current, rows), count, host);
        }
        let columns = (0..self.columns).map(Column::Forward);
        host.emit(count, vec![], changes(change, count, columns));
    }

    fn emit(&self, change: i8, rows: Selection, count: usize, host: &mut Host<'_>) {
        let columns = (0..self.columns).map(|column| Column::gather(0, column));
        host.emit(count, vec![rows], changes(change, count, columns));
    }
}

fn changes(change: i8, rows: usize, columns: impl Iterator<Item = Column>) -> Vec<Column> {
    let change = std::sync::Arc::new(Int8Array::from(vec![change; rows]));
    std::iter::once(Column::Values(change))
        .chain(columns)
        .collect()
}

fn number(row: usize) -> u32 {
    u32::try_from(row).expect("the host keeps fewer than 2^32 rows")
}

wigeon_sdk::export!(snapshot: Scd2);
