//! An incremental load with the faults that authors make: each is right on the usual input, in one
//! instance, and wrong on another.

use std::{collections::HashMap, sync::Arc};

use serde::Deserialize;
use wigeon_sdk::{
    Batch, Column, DataType, Error, Field, Host, Incremental, IncrementalInput, JsonSchema, NO_ROW,
    Origin, Plugin, Schema, Selection, Shape,
    arrow_array::{
        Int64Array,
        cast::AsArray,
        types::{Int64Type, TimestampMicrosecondType},
    },
};

/// The column of the lookup that is shown.
const SHOWN: usize = 1;
/// How many keys one that tires has room for.
const MOST_KEYS: usize = 16;

/// The step at work: to each row, a value of its key's most recent version, and how many versions
/// the key has.
#[derive(Debug)]
pub struct CarelessIncremental {
    fault: Fault,
    schema: Schema,
    rows_key: usize,
    lookup_key: usize,
    valid_from: usize,
    known: HashMap<i64, Known>,
    kept: u32,
    rows: usize,
}

/// What is known of a key.
#[derive(Debug, Clone, Copy)]
struct Known {
    /// When its most recent version began, and by which number the host keeps it.
    newest: (i64, u32),
    versions: i64,
}

/// What the manifest says.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Options {
    /// What to do wrong.
    fault: Fault,
}

/// A fault. The key must be an `int64`, and the second column of the lookup is what is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// Nothing is wrong.
    None,
    /// Loses the rows whose key the lookup does not have, as an inner join would.
    LoseUnknown,
    /// Takes for granted that the lookup has the key of every row.
    TrapOnUnknown,
    /// Takes the version that was handed over last for the most recent.
    TrustOrder,
    /// Counts the versions of all keys that the instance has.
    CountAll,
    /// Compares a row with the others, and takes for granted that there are any.
    TrapOnSingle,
    /// Has no room for more than sixteen keys.
    Tire,
}

impl Plugin for CarelessIncremental {
    const NAME: &'static str = "careless-incremental";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str = env!("CARGO_PKG_DESCRIPTION");
    type Options = Options;
}

impl Incremental for CarelessIncremental {
    fn open(options: Options, input: IncrementalInput) -> Result<Self, Error> {
        let ([rows_key], [lookup_key]) = (input.rows_key.as_slice(), input.lookup_key.as_slice())
        else {
            return Err(Error::schema("the key is one column"));
        };
        let mut fields = input.rows.fields().to_vec();
        let shown = input.lookup.field(SHOWN).clone().with_nullable(true);
        fields.push(shown.into());
        fields.push(Field::new("versions", DataType::Int64, false).into());
        Ok(Self {
            fault: options.fault,
            schema: Schema::new(fields),
            rows_key: *rows_key,
            lookup_key: *lookup_key,
            // A lookup ends with it.
            valid_from: input.lookup.fields().len() - 1,
            known: HashMap::new(),
            kept: 0,
            rows: 0,
        })
    }

    fn shape(&self) -> Shape {
        Shape {
            schema: self.schema.clone(),
            row_wise: true,
            event_time: None,
        }
    }

    fn lookup(&mut self, batch: &Batch<'_>) -> Result<(), Error> {
        let (keys, times) = (batch.column(self.lookup_key), batch.column(self.valid_from));
        let keys = keys.as_primitive::<Int64Type>();
        let times = times.as_primitive::<TimestampMicrosecondType>();
        for (key, time) in keys.values().iter().zip(times.values()) {
            let version = (*time, self.kept);
            self.kept += 1;
            let is_full = self.fault == Fault::Tire && self.known.len() == MOST_KEYS;
            if is_full && !self.known.contains_key(key) {
                continue;
            }
            let known = self.known.entry(*key).or_insert(Known {
                newest: version,
                versions: 0,
            });
            known.versions += 1;
            if version > known.newest || self.fault == Fault::TrustOrder {
                known.newest = version;
            }
        }
        Ok(())
    }

    fn rows(&mut self, batch: &Batch<'_>, host: &mut Host<'_>) -> Result<(), Error> {
        self.rows += batch.rows();
        let keys = batch.column(self.rows_key);
        let keys = keys.as_primitive::<Int64Type>();
        let known = keys.values().iter().map(|key| self.known.get(key).copied());
        let mut found: Vec<(u32, Option<Known>)> = (0..).zip(known).collect();
        match self.fault {
            Fault::LoseUnknown => found.retain(|(_, known)| known.is_some()),
            Fault::TrapOnUnknown => {
                let all = found.iter().all(|(_, known)| known.is_some());
                assert!(all, "the lookup has the key of every row");
            }
            _ => {}
        }
        let rows = found.iter().map(|(row, _)| *row);
        let newest = found
            .iter()
            .map(|(_, known)| known.map_or(NO_ROW, |known| known.newest.1));
        let versions = found.iter().map(|(_, known)| match self.fault {
            Fault::CountAll => i64::from(self.kept),
            _ => known.map_or(0, |known| known.versions),
        });
        let versions = Int64Array::from_iter_values(versions);
        let of_rows = (0..batch.schema().fields().len()).map(|column| Column::gather(0, column));
        let mut columns: Vec<_> = of_rows.collect();
        columns.push(Column::gather(1, SHOWN));
        columns.push(Column::Values(Arc::new(versions)));
        let selections = vec![
            Selection::new(Origin::Current, rows.collect()),
            Selection::new(Origin::Kept, newest.collect()),
        ];
        host.emit(found.len(), selections, columns);
        Ok(())
    }

    fn finish(&mut self, _: &mut Host<'_>) -> Result<(), Error> {
        let is_alone = self.fault == Fault::TrapOnSingle && self.rows == 1;
        assert!(!is_alone, "there are other rows");
        Ok(())
    }
}

wigeon_sdk::export!(incremental: CarelessIncremental);
