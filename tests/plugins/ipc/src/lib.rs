//! What the boundary costs when batches cross as Arrow IPC.
//!
//! The same lookup as the plugin `point-in-time`, behind functions that take and return IPC
//! streams. Only the bench of the lanes loads it.
#![cfg(target_family = "wasm")]
#![expect(unsafe_code, reason = "generated code, among it exports")]

use std::{cell::RefCell, io::Cursor};

use arrow_array::RecordBatch;
use arrow_ipc::{reader::StreamReader, writer::StreamWriter};
use wigeon_yardstick::Lookup;

#[expect(clippy::pedantic, reason = "generated code")]
mod bindings {
    wit_bindgen::generate!({ path: "wit", world: "ipc" });
}

thread_local! {
    static LOOKUP: RefCell<Lookup> = RefCell::default();
}

struct Ipc;

impl bindings::Guest for Ipc {
    fn lookup(versions: Vec<u8>) {
        LOOKUP.with_borrow_mut(|lookup| read(versions).into_iter().for_each(|b| lookup.push(b)));
    }

    fn rows(rows: Vec<u8>) -> Vec<u8> {
        let batch = read(rows).remove(0);
        LOOKUP.with_borrow_mut(|lookup| write(&lookup.complete(&batch)))
    }
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
