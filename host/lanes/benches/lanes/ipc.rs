//! A task behind Arrow IPC streams.

use arrow_array::RecordBatch;
use arrow_ipc::{reader::StreamReader, writer::StreamWriter};
use wasmtime::{
    Config, Engine, Store,
    component::{Component, Linker, TypedFunc},
};
use wigeon_runtime::Task;

use crate::sides::Copied;

/// The compiled guest.
pub(crate) struct IpcPlugin {
    engine: Engine,
    component: Component,
}

impl IpcPlugin {
    pub(crate) fn compile(bytes: &[u8]) -> Self {
        let mut config = Config::new();
        config.epoch_interruption(true);
        let engine = Engine::new(&config).expect("a plain engine");
        let component = Component::from_binary(&engine, bytes).expect("it compiles");
        Self { engine, component }
    }

    pub(crate) fn open<'a>(&self, copied: &'a Copied) -> Ipc<'a> {
        let mut store = Store::new(&self.engine, ());
        store.set_epoch_deadline(1_000_000);
        let instance = Linker::new(&self.engine)
            .instantiate(&mut store, &self.component)
            .expect("it imports nothing");
        Ipc {
            lookup: instance
                .get_typed_func(&mut store, "lookup")
                .expect("it is exported"),
            rows: instance
                .get_typed_func(&mut store, "rows")
                .expect("it is exported"),
            store,
            copied,
        }
    }
}

/// An instance of it.
pub(crate) struct Ipc<'a> {
    store: Store<()>,
    lookup: TypedFunc<(Vec<u8>,), ()>,
    rows: TypedFunc<(Vec<u8>,), (Vec<u8>,)>,
    copied: &'a Copied,
}

impl Task for Ipc<'_> {
    type Error = String;

    fn first(&mut self, batch: RecordBatch) -> Result<(), String> {
        let called = self.lookup.call(&mut self.store, (encode(&batch),));
        called.map_err(|error| error.to_string())
    }

    fn second(&mut self, batch: RecordBatch) -> Result<Vec<RecordBatch>, String> {
        let stream = encode(&batch);
        self.copied.add_in(stream.len() as u64);
        let called = self.rows.call(&mut self.store, (stream,));
        let (stream,) = called.map_err(|error| error.to_string())?;
        self.copied.add_out(stream.len() as u64);
        let reader = StreamReader::try_new(stream.as_slice(), None).expect("an IPC stream");
        Ok(reader.map(|batch| batch.expect("whole batches")).collect())
    }

    fn finish(&mut self) -> Result<Vec<RecordBatch>, String> {
        Ok(vec![])
    }
}

fn encode(batch: &RecordBatch) -> Vec<u8> {
    let mut stream = vec![];
    let mut writer = StreamWriter::try_new(&mut stream, batch.schema_ref()).expect("to memory");
    writer.write(batch).expect("to memory");
    writer.finish().expect("to memory");
    drop(writer);
    stream
}
