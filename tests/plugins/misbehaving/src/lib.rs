//! A transform that does what a plugin must not do, when its options tell it to.
//!
//! The tests of error messages load it from a file, to see the host tell each deed apart.

use std::{hint::black_box, sync::Arc};

use serde::Deserialize;
use wigeon_sdk::{
    Batch, Column, DataType, Error, Field, Host, JsonSchema, Origin, Plugin, Schema, Selection,
    Transform,
    arrow_array::{ArrayRef, Int64Array, StringArray},
};

/// The step at work.
#[derive(Debug)]
pub struct Misbehaving {
    deed: Deed,
    schema: Schema,
}

/// What the manifest's `[step.options]` may say.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Options {
    /// What to do with the rows.
    pub deed: Deed,
}

/// What to do with the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Deed {
    /// Pass them on, as a plugin may.
    Behave,
    /// Refuse the columns when the step is opened.
    RefuseSchema,
    /// Panic when the step is opened.
    PanicInOpen,
    /// Promise one column twice.
    PromiseTwins,
    /// Answer that a row is wrong.
    AnswerData,
    /// Answer that something else is wrong, at length and with control characters.
    AnswerAtLength,
    /// Panic at the rows.
    Panic,
    /// Never return.
    Spin,
    /// Take memory without end.
    Hoard,
    /// Call itself without end.
    Recurse,
    /// Emit a column with a row too few.
    EmitShort,
    /// Emit text where numbers are promised.
    EmitText,
    /// Emit fewer columns than promised.
    EmitNarrow,
    /// Gather rows that the batch does not have.
    GatherBeyond,
    /// Emit a null where none is promised.
    EmitNull,
    /// Emit the rows again and again.
    EmitForever,
    /// Emit batches without rows, again and again.
    EmitEmpty,
}

impl Plugin for Misbehaving {
    const NAME: &'static str = "misbehaving";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str = env!("CARGO_PKG_DESCRIPTION");
    type Options = Options;
}

impl Transform for Misbehaving {
    fn open(options: Options, rows: Schema) -> Result<Self, Error> {
        let deed = options.deed;
        let mut fields: Vec<Arc<Field>> = rows.fields().to_vec();
        match deed {
            Deed::RefuseSchema => return Err(Error::schema("the first column must be a date")),
            Deed::PanicInOpen => panic!("the step cannot be opened"),
            Deed::PromiseTwins => fields.push(Arc::clone(&fields[0])),
            Deed::EmitNull => {
                fields[0] = Arc::new(Field::new(fields[0].name(), DataType::Int64, false));
            }
            _ => {}
        }
        Ok(Self {
            deed,
            schema: Schema::new(fields),
        })
    }

    fn schema(&self) -> Schema {
        self.schema.clone()
    }

    fn rows(&mut self, batch: &Batch<'_>, host: &mut Host<'_>) -> Result<(), Error> {
        let rows = batch.rows();
        let first = match self.deed {
            Deed::AnswerData => return Err(Error::data("row 2 is not to my taste")),
            Deed::AnswerAtLength => {
                let words = "no, \x1b[31mno\x1b[0m and\nno again; ".repeat(100);
                return Err(Error::other(words));
            }
            Deed::Panic => panic!("these rows are too much"),
            Deed::Spin => loop {
                black_box(rows);
            },
            Deed::Hoard => hoard(),
            Deed::Recurse => Column::Forward(recurse(rows)),
            Deed::EmitShort => numbers(vec![Some(1); rows - 1]),
            Deed::EmitText => Column::Values(Arc::new(StringArray::from(vec!["one"; rows]))),
            Deed::EmitNull => numbers(vec![None; rows]),
            Deed::EmitNarrow => {
                host.emit(rows, vec![], vec![Column::Forward(0)]);
                return Ok(());
            }
            Deed::GatherBeyond => Column::gather(0, 0),
            Deed::EmitForever => loop {
                let columns = (0..self.schema.fields().len()).map(Column::Forward);
                host.emit(rows, vec![], columns.collect());
            },
            Deed::EmitEmpty => loop {
                let nothing = Selection::new(Origin::Current, vec![]);
                let columns =
                    (0..self.schema.fields().len()).map(|column| Column::gather(0, column));
                host.emit(0, vec![nothing], columns.collect());
            },
            _ => Column::Forward(0),
        };
        let first_row = usize::from(self.deed == Deed::GatherBeyond);
        let gathered = (first_row..rows + first_row).filter_map(|row| u32::try_from(row).ok());
        let selection = Selection::new(Origin::Current, gathered.collect());
        let others = (1..self.schema.fields().len()).map(Column::Forward);
        let columns = std::iter::once(first).chain(others);
        host.emit(rows, vec![selection], columns.collect());
        Ok(())
    }
}

fn numbers(values: Vec<Option<i64>>) -> Column {
    Column::Values(Arc::new(Int64Array::from(values)) as ArrayRef)
}

fn hoard() -> ! {
    let mut hoard: Vec<Vec<u8>> = vec![];
    loop {
        hoard.push(black_box(vec![1; 1 << 20]));
    }
}

/// Recurses until the stack is used up: the result is needed, so that it is no loop.
#[expect(unconditional_recursion, reason = "that is the deed")]
fn recurse(depth: usize) -> usize {
    let frame = black_box([depth; 64]);
    recurse(depth + 1) + frame[depth % 64]
}

wigeon_sdk::export!(transform: Misbehaving);
