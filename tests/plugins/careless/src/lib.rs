//! A transform with the faults that authors make: each is right on the usual input, in one batch
//! and one instance, and wrong on another.

use std::collections::HashSet;

use serde::Deserialize;
use wigeon_sdk::{
    Batch, Column, Error, Host, JsonSchema, Origin, Plugin, Schema, Selection, Transform,
    arrow_array::{Array, cast::AsArray, types::Int64Type},
};

/// The step at work.
#[derive(Debug)]
pub struct Careless {
    fault: Fault,
    schema: Schema,
    seen: HashSet<Option<i64>>,
    rows: usize,
}

/// What the manifest says.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Options {
    /// What to do wrong.
    fault: Fault,
}

/// A fault. The first column must be an `int64`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// Nothing is wrong.
    None,
    /// Loses the last row of every batch of more than one.
    DropLast,
    /// Keeps only the first row of each number: a memory that others do not share.
    Remember,
    /// Keeps only rows with a greater number than those before in the batch.
    KeepRising,
    /// Divides by the number of rows.
    TrapOnEmpty,
    /// Takes nulls for granted not to be there.
    TrapOnNull,
    /// Stops after a thousand rows.
    Tire,
}

impl Plugin for Careless {
    const NAME: &'static str = "careless";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str = env!("CARGO_PKG_DESCRIPTION");
    type Options = Options;
}

impl Transform for Careless {
    fn open(options: Options, rows: Schema) -> Result<Self, Error> {
        Ok(Self {
            fault: options.fault,
            schema: rows,
            seen: HashSet::new(),
            rows: 0,
        })
    }

    fn schema(&self) -> Schema {
        self.schema.clone()
    }

    fn rows(&mut self, batch: &Batch<'_>, host: &mut Host<'_>) -> Result<(), Error> {
        let column = batch.column(0);
        let numbers = column.as_primitive::<Int64Type>();
        let all = 0..u32::try_from(batch.rows()).expect("a batch has fewer rows");
        let kept: Vec<u32> = match self.fault {
            Fault::None => all.collect(),
            Fault::DropLast => all.take(batch.rows().max(2) - 1).collect(),
            Fault::Remember => {
                let fresh = (0..).zip(numbers).filter(|(_, n)| self.seen.insert(*n));
                fresh.map(|(row, _)| row).collect()
            }
            Fault::KeepRising => {
                let mut greatest = i64::MIN;
                let mut rises = |number: Option<i64>| {
                    let rises = number.is_some_and(|number| number > greatest);
                    greatest = greatest.max(number.unwrap_or(i64::MIN));
                    rises
                };
                let rising = (0..).zip(numbers).filter(|(_, n)| rises(*n));
                rising.map(|(row, _)| row).collect()
            }
            Fault::TrapOnEmpty => {
                assert!(!numbers.is_empty(), "there are rows");
                all.collect()
            }
            Fault::TrapOnNull => {
                assert_eq!(numbers.null_count(), 0, "there are no nulls");
                all.collect()
            }
            Fault::Tire => {
                self.rows += batch.rows();
                let left = if self.rows > 1_000 { 0 } else { batch.rows() };
                all.take(left).collect()
            }
        };
        let columns = (0..self.schema.fields().len()).map(|column| Column::gather(0, column));
        let columns = columns.collect();
        host.emit(
            kept.len(),
            vec![Selection::new(Origin::Current, kept)],
            columns,
        );
        Ok(())
    }
}

wigeon_sdk::export!(transform: Careless);
