//! What the boundary costs when batches cross as Arrow IPC.
//!
//! The same lookup as the plugin `point-in-time`, with the same index ([`wigeon_sdk::Versions`]),
//! behind functions that take and return IPC streams. Only the boundary bench loads it.
#![cfg(target_family = "wasm")]
#![expect(unsafe_code, reason = "generated code, among it exports")]

use std::{cell::RefCell, io::Cursor, sync::Arc};

use arrow_array::{ArrayRef, RecordBatch, UInt32Array};
use arrow_ipc::{reader::StreamReader, writer::StreamWriter};
use arrow_schema::{DataType, Field, Schema, TimeUnit};
use arrow_select::{concat::concat_batches, take::take};
use wigeon_sdk::{NO_ROW, Versions, instants};

#[expect(clippy::pedantic, reason = "generated code")]
mod bindings {
    wit_bindgen::generate!({ path: "wit", world: "ipc" });
}

#[derive(Default)]
struct Kept {
    batches: Vec<RecordBatch>,
    versions: Option<Versions>,
    joined: Option<RecordBatch>,
}

thread_local! {
    static KEPT: RefCell<Kept> = RefCell::default();
}

struct Ipc;

impl bindings::Guest for Ipc {
    fn lookup(versions: Vec<u8>) {
        KEPT.with_borrow_mut(|kept| {
            for batch in read(versions) {
                let index = kept.versions.get_or_insert_with(|| {
                    Versions::try_new(batch.schema_ref(), &[0], 0).expect("an integer key")
                });
                index
                    .push(&[Arc::clone(batch.column(0))], batch.column(2))
                    .expect("one version a key");
                kept.batches.push(batch);
            }
        });
    }

    fn rows(rows: Vec<u8>) -> Vec<u8> {
        KEPT.with_borrow_mut(|kept| {
            let joined = kept.joined.get_or_insert_with(|| {
                let batches = std::mem::take(&mut kept.batches);
                concat_batches(batches[0].schema_ref(), &batches).expect("one schema")
            });
            let versions = kept.versions.as_ref().expect("lookup came first");
            let batch = read(rows).remove(0);
            write(&complete(&batch, versions, joined))
        })
    }
}

fn complete(batch: &RecordBatch, versions: &Versions, lookup: &RecordBatch) -> RecordBatch {
    let times = instants(batch.column(1));
    let as_is = versions.most_recent(&[Arc::clone(batch.column(0))]);
    let as_was = versions.as_of(&as_is, &times, true);
    let moved = |(then, now): (&u32, &u32)| if then == now { NO_ROW } else { *now };
    let changed = as_was.iter().zip(&as_is).map(moved).collect();
    let gather = |column: usize, rows: Vec<u32>| -> ArrayRef {
        let rows = rows.into_iter().map(|row| (row != NO_ROW).then_some(row));
        let rows: UInt32Array = rows.collect();
        take(lookup.column(column), &rows, None).expect("rows in range")
    };
    let instant = DataType::Timestamp(TimeUnit::Microsecond, None);
    let schema = Schema::new(vec![
        Field::new("key", DataType::Int64, false),
        Field::new("event_time", instant.clone(), false),
        Field::new("as_was", DataType::Utf8, true),
        Field::new("as_is", DataType::Utf8, true),
        Field::new("changed_at", instant, true),
    ]);
    let columns = vec![
        Arc::clone(batch.column(0)),
        Arc::clone(batch.column(1)),
        gather(1, as_was),
        gather(1, as_is),
        gather(2, changed),
    ];
    RecordBatch::try_new(Arc::new(schema), columns).expect("columns of one length")
}

fn read(stream: Vec<u8>) -> Vec<RecordBatch> {
    let reader = StreamReader::try_new(Cursor::new(stream), None).expect("an IPC stream");
    reader.collect::<Result<_, _>>().expect("whole batches")
}

fn write(batch: &RecordBatch) -> Vec<u8> {
    let mut stream = vec![];
    let mut writer = StreamWriter::try_new(&mut stream, batch.schema_ref()).expect("to memory");
    writer.write(batch).expect("to memory");
    writer.finish().expect("to memory");
    drop(writer);
    stream
}

bindings::export!(Ipc with_types_in bindings);
