//! A plugin that is not ours: to each row, the value that held at its time and for how many
//! seconds it had held by then.
//!
//! Written from the WIT and the SDK alone, the plainest way: a map from key to versions.

// region: imports
use std::{collections::HashMap, sync::Arc};

use serde::Deserialize;
use wigeon_sdk::{
    Batch, Column, DataType, Error, Field, Host, Incremental, IncrementalInput, JsonSchema, NO_ROW,
    Origin, Plugin, Schema, Selection, Shape,
    arrow_array::{
        Array, Int64Array,
        cast::AsArray,
        types::{Int64Type, TimestampMicrosecondType},
    },
};
// endregion: imports

// region: state
const SECOND: i64 = 1_000_000;

/// The step at work.
#[derive(Debug)]
pub struct Tenure {
    schema: Schema,
    event_time: usize,
    rows_key: usize,
    lookup_key: usize,
    value: usize,
    valid_from: usize,
    /// Of each key, when its versions began and by which numbers the host keeps them.
    versions: HashMap<i64, Vec<(i64, u32)>>,
    kept: u32,
}
// endregion: state

// region: options
/// What the manifest says.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Options {
    /// The column that says when a row happened.
    event_time: String,
    /// The column of the lookup to show.
    value: String,
}
// endregion: options

// region: plugin
impl Plugin for Tenure {
    const NAME: &'static str = "tenure";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str = env!("CARGO_PKG_DESCRIPTION");
    type Options = Options;
}
// endregion: plugin

impl Incremental for Tenure {
    // region: open
    fn open(options: Options, input: IncrementalInput) -> Result<Self, Error> {
        let find = |schema: &Schema, name: &str| {
            let found = schema.index_of(name);
            found.map_err(|_| Error::options(format!("there is no column `{name}`")))
        };
        let ([rows_key], [lookup_key]) = (input.rows_key.as_slice(), input.lookup_key.as_slice())
        else {
            return Err(Error::schema("the key is one column"));
        };
        let value = find(&input.lookup, &options.value)?;
        let mut fields = input.rows.fields().to_vec();
        fields.push(input.lookup.field(value).clone().with_nullable(true).into());
        fields.push(Field::new("held_seconds", DataType::Int64, true).into());
        Ok(Self {
            schema: Schema::new(fields),
            event_time: find(&input.rows, &options.event_time)?,
            rows_key: *rows_key,
            lookup_key: *lookup_key,
            value,
            valid_from: find(&input.lookup, "valid_from")?,
            versions: HashMap::new(),
            kept: 0,
        })
    }
    // endregion: open

    // region: shape
    fn shape(&self) -> Shape {
        Shape {
            schema: self.schema.clone(),
            row_wise: true,
            // The seconds that a value has been held grow with the time of the row.
            event_time: None,
        }
    }
    // endregion: shape

    // region: lookup
    fn lookup(&mut self, batch: &Batch<'_>) -> Result<(), Error> {
        let (keys, times) = (batch.column(self.lookup_key), batch.column(self.valid_from));
        let keys = keys.as_primitive::<Int64Type>();
        let times = times.as_primitive::<TimestampMicrosecondType>();
        for (key, time) in keys.values().iter().zip(times.values()) {
            self.versions
                .entry(*key)
                .or_default()
                .push((*time, self.kept));
            self.kept += 1;
        }
        Ok(())
    }
    // endregion: lookup

    // region: rows
    fn rows(&mut self, batch: &Batch<'_>, host: &mut Host<'_>) -> Result<(), Error> {
        let (keys, times) = (batch.column(self.rows_key), batch.column(self.event_time));
        let keys = keys.as_primitive::<Int64Type>();
        let times = times.as_primitive::<TimestampMicrosecondType>();
        let held: Vec<Option<(i64, u32)>> = (0..batch.rows())
            .map(|row| {
                let (key, time) = (
                    keys.is_valid(row).then(|| keys.value(row))?,
                    times.value(row),
                );
                let versions = self.versions.get(&key)?.iter();
                versions.filter(|(from, _)| *from <= time).max().copied()
            })
            .collect();
        let seconds = held
            .iter()
            .enumerate()
            .map(|(row, version)| version.map(|(from, _)| (times.value(row) - from) / SECOND));
        let seconds: Int64Array = seconds.collect();
        let rows = held
            .iter()
            .map(|version| version.map_or(NO_ROW, |(_, row)| row));
        let mut columns: Vec<_> = (0..batch.schema().fields().len())
            .map(Column::Forward)
            .collect();
        columns.push(Column::gather(0, self.value));
        columns.push(Column::Values(Arc::new(seconds)));
        host.emit(
            batch.rows(),
            vec![Selection::new(Origin::Kept, rows.collect())],
            columns,
        );
        Ok(())
    }
    // endregion: rows
}

// region: export
wigeon_sdk::export!(incremental: Tenure);
// endregion: export
