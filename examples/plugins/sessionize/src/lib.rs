//! The example plugin `sessionize`: which visit of its user a row belongs to.
//!
//! A visit goes on as long as no two neighbouring rows of a user are more than `gap_minutes`
//! apart, and it ends at midnight at the latest. Visits are numbered from 1 for each user and day,
//! among the rows of one load: see the README for what that means across loads.
//!
//! Rows come in no order, so no number is known before the last row has been seen. The plugin
//! holds all rows of its lane until then, and is not row-wise.

mod visits;

use std::sync::Arc;

use serde::Deserialize;
use wigeon_sdk::{
    Batch, Column, DataType, Error, Field, Host, Incremental, IncrementalInput, JsonSchema, KeyMap,
    NO_ROW, Plugin, Schema, Shape,
    arrow_array::{Array, ArrayRef, Int64Array, make_array},
    arrow_schema::TimeUnit,
    instants,
};

use visits::{Rules, Seen, Visit, visits};

/// The step at work.
#[derive(Debug)]
pub struct Sessionize {
    key: Vec<usize>,
    event_time: usize,
    rules: Rules,
    schema: Schema,
    /// A number for each user, in the order in which they come.
    users: KeyMap,
    known_users: u32,
    /// Who came when, for each row that was handed over.
    seen: Vec<Seen>,
    /// The rows themselves, all columns of them.
    batches: Vec<Vec<ArrayRef>>,
}

// region: options
/// What the manifest's `[step.options]` may say.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Options {
    /// The column that says when a row happened, a timestamp.
    pub event_time: String,
    /// After how many minutes without a row the next row begins a new visit.
    #[serde(default = "half_an_hour")]
    pub gap_minutes: u32,
}

fn half_an_hour() -> u32 {
    30
}
// endregion: options

impl Plugin for Sessionize {
    const NAME: &'static str = "sessionize";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str = env!("CARGO_PKG_DESCRIPTION");
    type Options = Options;
}

impl Incremental for Sessionize {
    // region: open
    fn open(options: Options, input: IncrementalInput) -> Result<Self, Error> {
        let (event_time, field) = input
            .rows
            .column_with_name(&options.event_time)
            .ok_or_else(|| {
                let name = &options.event_time;
                Error::options(format!("`event_time` is `{name}`, which is no column"))
            })?;
        let DataType::Timestamp(unit, _) = field.data_type() else {
            return Err(Error::options(format!(
                "`event_time` is `{}`, which is {}, not a timestamp",
                field.name(),
                field.data_type()
            )));
        };
        let mut fields = input.rows.fields().to_vec();
        fields.push(Field::new("visit", DataType::Int64, true).into());
        let began = Field::new("visit_started_at", field.data_type().clone(), true);
        fields.push(began.into());
        Ok(Self {
            rules: Rules::new(options.gap_minutes, ticks_of_a_minute(*unit)),
            users: KeyMap::try_new(
                input
                    .rows_key
                    .iter()
                    .map(|&column| input.rows.field(column).data_type()),
            )?,
            key: input.rows_key,
            event_time,
            schema: Schema::new(fields),
            known_users: 0,
            seen: vec![],
            batches: vec![],
        })
    }

    fn shape(&self) -> Shape {
        Shape {
            schema: self.schema.clone(),
            // What a row gets depends on rows of other batches, and everything is emitted at last.
            row_wise: false,
            event_time: None,
        }
    }
    // endregion: open

    // region: lookup
    fn lookup(&mut self, _: &Batch<'_>) -> Result<(), Error> {
        // Every incremental step has a lookup. Visits need nothing of it, so no column is read.
        Ok(())
    }
    // endregion: lookup

    // region: rows
    fn rows(&mut self, batch: &Batch<'_>, _: &mut Host<'_>) -> Result<(), Error> {
        let columns: Vec<_> = (0..batch.schema().fields().len())
            .map(|column| batch.column(column))
            .collect();
        let key: Vec<_> = self.key.iter().map(|&k| Arc::clone(&columns[k])).collect();
        let times = instants(&columns[self.event_time]);
        let has_visit = |row| {
            let null = |column: &ArrayRef| column.is_null(row);
            !null(&columns[self.event_time]) && !key.iter().any(null)
        };
        self.users.update(&key, |row, user| {
            if *user == NO_ROW {
                *user = self.known_users;
                self.known_users += 1;
            }
            self.seen.push(Seen {
                user: *user,
                time: has_visit(row).then(|| times[row]),
            });
        });
        self.batches.push(columns);
        Ok(())
    }
    // endregion: rows

    // region: finish
    fn finish(&mut self, host: &mut Host<'_>) -> Result<(), Error> {
        let visits = visits(&self.seen, &self.rules);
        let mut rest = visits.as_slice();
        // Batch by batch, so that no column has to be joined to another.
        for columns in std::mem::take(&mut self.batches) {
            let rows = columns.first().map_or(0, Array::len);
            let (these, others) = rest.split_at(rows);
            rest = others;
            let mut output: Vec<_> = columns.into_iter().map(Column::Values).collect();
            output.extend(self.visit_columns(these).map(Column::Values));
            host.emit(rows, vec![], output);
        }
        Ok(())
    }
    // endregion: finish
}

impl Sessionize {
    /// Returns the two columns that are added to some rows.
    fn visit_columns(&self, visits: &[Option<Visit>]) -> [ArrayRef; 2] {
        let numbers: Int64Array = visits.iter().map(|v| v.map(|v| v.number)).collect();
        let began: Int64Array = visits.iter().map(|v| v.map(|v| v.started_at)).collect();
        // The same 64 bits, as a timestamp of the unit and the zone of the event time.
        let data_type = self
            .schema
            .field(self.schema.fields().len() - 1)
            .data_type();
        let began = began
            .into_data()
            .into_builder()
            .data_type(data_type.clone());
        let began = began.build().expect("a timestamp is 64 bits wide");
        [Arc::new(numbers), make_array(began)]
    }
}

fn ticks_of_a_minute(unit: TimeUnit) -> i64 {
    60 * match unit {
        TimeUnit::Second => 1,
        TimeUnit::Millisecond => 1_000,
        TimeUnit::Microsecond => 1_000_000,
        TimeUnit::Nanosecond => 1_000_000_000,
    }
}

wigeon_sdk::export!(incremental: Sessionize);
