//! The built-in plugin `point-in-time`: rows completed with what held at their time (as-was) and
//! what holds now (as-is).
//!
//! For a row with the key `k` and the event time `t`, among the versions of `k`:
//!
//! - as-was is the last one with `valid_from <= t`; if there is none, the first version, or
//!   nothing, as the option `before_first` says;
//! - as-is is the most recent one, whether it is still open or not;
//! - `changed_at` is when the as-is version began, if that is not the as-was version;
//! - a key without any version has none of the three.
//!
//! Consecutive versions that agree in all columns asked for are one version. Only the keys and the
//! two times cross into the plugin; the values are gathered by the host.

mod options;

pub use options::{BeforeFirst, Options};

use wigeon_sdk::{
    Batch, Column, DataType, Error, Field, Host, Incremental, IncrementalInput, NO_ROW, Origin,
    Plugin, Schema, Selection, Shape, Versions,
    arrow_array::{Array, ArrayRef},
    instants, valid_from,
};

/// The selections of an `emit`, in this order. The last is left out if it is the first.
const AS_WAS: usize = 0;
const CHANGED: usize = 1;
const AS_IS: usize = 2;

/// The step at work.
#[derive(Debug)]
pub struct PointInTime {
    rows_key: Vec<usize>,
    lookup_key: Vec<usize>,
    event_time: usize,
    valid_from: usize,
    before_first: BeforeFirst,
    /// The columns of the lookup whose values are asked for.
    payload: Vec<usize>,
    output: Vec<Column>,
    schema: Schema,
    versions: Versions,
    settled: bool,
}

impl Plugin for PointInTime {
    const NAME: &'static str = "point-in-time";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str = env!("CARGO_PKG_DESCRIPTION");
    type Options = Options;
}

impl Incremental for PointInTime {
    fn open(options: Options, input: IncrementalInput) -> Result<Self, Error> {
        let event_time = event_time(&options, &input)?;
        let (valid_from, valid_from_field) = valid_from(&input.lookup)?;
        if options.as_was.is_empty() && options.as_is.is_empty() {
            return Err(Error::options(
                "neither `as_was` nor `as_is` asks for a column",
            ));
        }
        let mut fields: Vec<_> = input.rows.fields().to_vec();
        let mut output: Vec<_> = (0..fields.len()).map(Column::Forward).collect();
        let mut payload = vec![];
        for (selection, columns) in [(AS_WAS, &options.as_was), (AS_IS, &options.as_is)] {
            for (name, from) in columns {
                let column = lookup_column(&input, from)?;
                let field = input.lookup.field(column).clone().with_name(name);
                fields.push(field.with_nullable(true).into());
                output.push(Column::gather(selection, column));
                payload.push(column);
            }
        }
        payload.sort_unstable();
        payload.dedup();
        if let Some(name) = &options.changed_at {
            let data_type = valid_from_field.data_type().clone();
            fields.push(Field::new(name, data_type, true).into());
            output.push(Column::gather(CHANGED, valid_from));
        }
        Ok(Self {
            versions: Versions::try_new(&input.lookup, &input.lookup_key, 0)?,
            rows_key: input.rows_key,
            lookup_key: input.lookup_key,
            event_time,
            valid_from,
            before_first: options.before_first,
            payload,
            output,
            schema: Schema::new(fields),
            settled: false,
        })
    }

    fn shape(&self) -> Shape {
        Shape {
            schema: self.schema.clone(),
            row_wise: true,
            event_time: Some(self.event_time),
        }
    }

    fn lookup(&mut self, batch: &Batch<'_>) -> Result<(), Error> {
        let key = columns(batch, &self.lookup_key);
        self.versions.push(&key, &batch.column(self.valid_from))
    }

    fn rows(&mut self, batch: &Batch<'_>, host: &mut Host<'_>) -> Result<(), Error> {
        if !self.settled {
            self.versions.settle(&self.payload, host);
            self.settled = true;
        }
        let key = columns(batch, &self.rows_key);
        let event_time = batch.column(self.event_time);
        let times = instants(&event_time);
        let rows = batch.rows();
        let as_is = self.versions.most_recent(&key);
        let first_counts_before = self.before_first == BeforeFirst::First;
        let mut as_was = self.versions.as_of(&as_is, &times, first_counts_before);
        // A row without a time has no value at its time.
        if let Some(nulls) = event_time.nulls().filter(|nulls| nulls.null_count() > 0) {
            let timeless = (0..rows).filter(|&row| nulls.is_null(row));
            timeless.for_each(|row| as_was[row] = NO_ROW);
        }
        let moved = |(then, now): (&u32, &u32)| if then == now { NO_ROW } else { *now };
        let changed: Vec<u32> = as_was.iter().zip(&as_is).map(moved).collect();
        // Where no key has moved, one list of rows serves both, and the host gathers only once.
        // All bits of `NO_ROW` are set, and a row without as-is has no as-was either. Lists are not
        // compared, as that is byte by byte in Wasm.
        let same = changed.iter().fold(NO_ROW, |all, row| all & row) == NO_ROW;
        let mut columns = self.output.clone();
        if same {
            columns.iter_mut().for_each(without_as_is);
        }
        let selections = if same {
            vec![as_was, changed]
        } else {
            vec![as_was, changed, as_is]
        };
        let kept = |rows| Selection::new(Origin::Kept, rows);
        host.emit(rows, selections.into_iter().map(kept).collect(), columns);
        Ok(())
    }
}

/// Gathers from the as-was rows what is to be gathered from the as-is rows.
fn without_as_is(column: &mut Column) {
    if let Column::Gather { selection, .. } = column
        && *selection == AS_IS
    {
        *selection = AS_WAS;
    }
}

fn columns(batch: &Batch<'_>, columns: &[usize]) -> Vec<ArrayRef> {
    columns.iter().map(|&column| batch.column(column)).collect()
}

/// Finds the event time, which must be comparable with `valid_from`.
fn event_time(options: &Options, input: &IncrementalInput) -> Result<usize, Error> {
    let name = &options.event_time;
    let Some((column, field)) = input.rows.column_with_name(name) else {
        return Err(Error::options(format!(
            "`event_time` is `{name}`, which is no column of the rows"
        )));
    };
    let (_, valid_from) = valid_from(&input.lookup)?;
    if !matches!(field.data_type(), DataType::Timestamp(_, _)) {
        return Err(Error::options(format!(
            "`event_time` is `{name}`, which is {}, not a timestamp",
            field.data_type()
        )));
    }
    if field.data_type() != valid_from.data_type() {
        return Err(Error::schema(format!(
            "`{name}` is {}, but `valid_from` is {}",
            field.data_type(),
            valid_from.data_type()
        )));
    }
    Ok(column)
}

fn lookup_column(input: &IncrementalInput, name: &str) -> Result<usize, Error> {
    input.lookup.index_of(name).map_err(|_| {
        let known: Vec<_> = input
            .lookup
            .fields()
            .iter()
            .map(|f| f.name().as_str())
            .collect();
        Error::options(format!(
            "`{name}` is no column of the lookup, which has {}",
            known.join(", ")
        ))
    })
}

wigeon_sdk::export!(incremental: PointInTime);
