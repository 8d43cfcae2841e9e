//! The lookup of the plugin `point-in-time` for plugins that keep its rows themselves.
//!
//! With the same index, [`wigeon_sdk::Versions`], so that what differs is the boundary. The lookup
//! has a key, a payload and the start of each version; rows have a key and a time.

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, UInt32Array};
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use arrow_select::{concat::concat_batches, take::take};
use wigeon_sdk::{NO_ROW, Versions, instants};

/// What was handed over of the lookup.
#[derive(Debug, Default)]
pub struct Lookup {
    batches: Vec<RecordBatch>,
    versions: Option<Versions>,
    joined: Option<RecordBatch>,
}

impl Lookup {
    /// Keeps versions.
    ///
    /// # Panics
    ///
    /// Panics if they are not what the bench hands over.
    pub fn push(&mut self, batch: RecordBatch) {
        let versions = self.versions.get_or_insert_with(|| {
            Versions::try_new(batch.schema_ref(), &[0], 0).expect("an integer key")
        });
        versions
            .push(&[Arc::clone(batch.column(0))], batch.column(2))
            .expect("one version a key");
        self.batches.push(batch);
    }

    /// Returns rows with what held at their time, what holds now, and since when that differs.
    ///
    /// # Panics
    ///
    /// Panics if they are not what the bench hands over, or there is no lookup.
    pub fn complete(&mut self, rows: &RecordBatch) -> RecordBatch {
        let lookup = self.joined.get_or_insert_with(|| {
            let batches = std::mem::take(&mut self.batches);
            concat_batches(batches[0].schema_ref(), &batches).expect("one schema")
        });
        let versions = self.versions.as_ref().expect("lookup came first");
        let times = instants(rows.column(1));
        let as_is = versions.most_recent(&[Arc::clone(rows.column(0))]);
        let as_was = versions.as_of(&as_is, &times, true);
        let moved = |(then, now): (&u32, &u32)| if then == now { NO_ROW } else { *now };
        let changed = as_was.iter().zip(&as_is).map(moved).collect();
        let gather = |column: usize, rows: Vec<u32>| -> ArrayRef {
            let rows = rows.into_iter().map(|row| (row != NO_ROW).then_some(row));
            let rows: UInt32Array = rows.collect();
            take(lookup.column(column), &rows, None).expect("rows in range")
        };
        let columns = vec![
            Arc::clone(rows.column(0)),
            Arc::clone(rows.column(1)),
            gather(1, as_was),
            gather(1, as_is),
            gather(2, changed),
        ];
        RecordBatch::try_new(completed(), columns).expect("columns of one length")
    }
}

/// Returns the schema of completed rows.
#[must_use]
pub fn completed() -> SchemaRef {
    let instant = DataType::Timestamp(TimeUnit::Microsecond, None);
    Arc::new(Schema::new(vec![
        Field::new("key", DataType::Int64, false),
        Field::new("event_time", instant.clone(), false),
        Field::new("as_was", DataType::Utf8, true),
        Field::new("as_is", DataType::Utf8, true),
        Field::new("changed_at", instant, true),
    ]))
}
