//! The changes between the open versions of a table and its newest full extract.
//!
//! A snapshot plugin is handed the open versions first, then the extract. Only the keys are copied
//! in; whether the other columns have changed is asked of the host.

use std::sync::Arc;

use serde::Deserialize;
use wigeon_sdk::{
    Batch, Column, Error, Host, JsonSchema, KeyMap, NO_ROW, Origin, Plugin, Selection, Snapshot,
    SnapshotInput,
    arrow_array::{ArrayRef, Int8Array},
    change,
};

/// How many rows one `emit` carries at most: well below what one call may send.
const EMIT_ROWS: usize = 65_536;

/// The step at work.
pub struct Changes {
    key: Vec<usize>,
    /// The columns that make a change if they differ.
    compared: Vec<usize>,
    columns: usize,
    /// From a key to the number of its open version.
    open: KeyMap,
    /// For each open version, whether the extract has its key.
    seen: Vec<bool>,
}

/// What `[step.options]` of the manifest may say.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Options {
    /// Columns that make no new version if they alone have changed.
    #[serde(default)]
    ignored: Vec<String>,
}

impl Plugin for Changes {
    const NAME: &'static str = env!("CARGO_PKG_NAME");
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str = env!("CARGO_PKG_DESCRIPTION");
    type Options = Options;
}

impl Snapshot for Changes {
    fn open(options: Options, input: SnapshotInput) -> Result<Self, Error> {
        let columns = input.extract.fields().len();
        let mut ignored = input.key.clone();
        for name in &options.ignored {
            let column = input.extract.index_of(name).map_err(|_| {
                Error::options(format!("`ignored` names `{name}`, which is no column"))
            })?;
            ignored.push(column);
        }
        let types = input.key.iter().map(|&column| input.extract.field(column));
        Ok(Self {
            open: KeyMap::try_new(types.map(|field| field.data_type()))?,
            key: input.key,
            compared: (0..columns).filter(|c| !ignored.contains(c)).collect(),
            columns,
            seen: vec![],
        })
    }

    fn versions(&mut self, batch: &Batch<'_>) -> Result<(), Error> {
        let first = self.seen.len();
        self.open.update(&self.read_key(batch), |row, version| {
            *version = number(first + row);
        });
        self.seen.resize(first + batch.rows(), false);
        Ok(())
    }

    fn extract(&mut self, batch: &Batch<'_>, host: &mut Host<'_>) -> Result<(), Error> {
        let mut opened = vec![];
        let (mut known, mut versions) = (vec![], vec![]);
        for (row, version) in (0..).zip(self.open.probe(&self.read_key(batch))) {
            if version == NO_ROW {
                opened.push(row);
            } else {
                self.seen[version as usize] = true;
                known.push(row);
                versions.push(version);
            }
        }
        let differ = host.differ(
            Selection::new(Origin::Current, known.clone()),
            &self.compared,
            Selection::new(Origin::Kept, versions),
            &self.compared,
        );
        let changed = known.into_iter().zip(differ);
        let superseded = changed.filter(|(_, differs)| *differs).map(|(row, _)| row);
        self.emit(change::OPENED, Origin::Current, opened, host);
        self.emit(
            change::SUPERSEDED,
            Origin::Current,
            superseded.collect(),
            host,
        );
        Ok(())
    }

    fn finish(&mut self, host: &mut Host<'_>) -> Result<(), Error> {
        let versions = (0..).zip(&self.seen);
        let closed: Vec<u32> = versions
            .filter(|(_, seen)| !**seen)
            .map(|(version, _)| version)
            .collect();
        for closed in closed.chunks(EMIT_ROWS) {
            self.emit(change::CLOSED, Origin::Kept, closed.to_vec(), host);
        }
        Ok(())
    }
}

impl Changes {
    fn read_key(&self, batch: &Batch<'_>) -> Vec<ArrayRef> {
        let key = self.key.iter();
        key.map(|&column| batch.column(column)).collect()
    }

    fn emit(&self, change: i8, origin: Origin, rows: Vec<u32>, host: &mut Host<'_>) {
        let count = rows.len();
        if count == 0 {
            return;
        }
        let mut columns = vec![Column::Values(Arc::new(Int8Array::from(vec![
            change;
            count
        ])))];
        columns.extend((0..self.columns).map(|column| Column::gather(0, column)));
        host.emit(count, vec![Selection::new(origin, rows)], columns);
    }
}

fn number(row: usize) -> u32 {
    u32::try_from(row).expect("the host keeps fewer than 2^32 rows")
}

wigeon_sdk::export!(snapshot: Changes);
