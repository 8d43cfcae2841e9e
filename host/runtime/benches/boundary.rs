//! What it costs to cross the boundary.
//!
//! The same lookup, `point-in-time` over a table of versions, three ways in one process and on one
//! core: the plugin's code compiled natively (no boundary), the plugin as a component through this
//! crate (host-resident batches, forward and gather), and the same lookup behind Arrow IPC streams
//! encoded and decoded for each call (the yardstick: what comparable systems do). Two columns go
//! in (an int64 key, a timestamp), five come out (both, two strings from the lookup, a timestamp).
//!
//! `./just bench-boundary [--keys N] [--probes N]`. The machine is noisy and shared, so each
//! figure is the best of several interleaved rounds, and the ratios are what counts.

#![expect(
    clippy::print_stdout,
    clippy::cast_precision_loss,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "it prints figures, of counts far below 2^52"
)]

use std::{path::Path, sync::Arc, time::Instant};

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow_ipc::{reader::StreamReader, writer::StreamWriter};
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use wasmtime::{
    Config, Engine, Store,
    component::{Component, Linker, TypedFunc},
};
use wigeon_point_in_time::PointInTime;
use wigeon_runtime::{IncrementalInput, IncrementalInstance, Limits, PluginId, Runtime};
use wigeon_sdk::native::Load;

const BATCHES: [usize; 4] = [2_048, 16_384, 65_536, 131_072];
const ROUNDS: usize = 3;
/// The lookup arrives in batches of DuckDB's own size.
const LOOKUP_BATCH: usize = 2_048;

fn main() {
    let mut keys = 2_000_000;
    let mut probes = 20_000_000;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut number = || {
            let text = arguments.next().unwrap_or_default().replace('_', "");
            text.parse().expect("a number follows")
        };
        match argument.as_str() {
            "--keys" => keys = number(),
            "--probes" => probes = number(),
            _ => {}
        }
    }
    let components = Components::build();
    println!("{keys} keys, {probes} probes, nanoseconds per probed row, best of {ROUNDS}\n");
    println!(
        "| batch of | native | component | IPC per call | component / native | IPC / component |"
    );
    println!("|---|---|---|---|---|---|");
    let lookup = lookup(keys);
    let mut natives = native(&lookup);
    let mut component = components.component(&lookup);
    let mut ipc = components.ipc(&lookup);
    for batch in BATCHES {
        let rows = rows(keys, batch);
        let mut best = [f64::MAX; 3];
        for _ in 0..ROUNDS {
            let sides: [&mut dyn FnMut(&RecordBatch) -> usize; 3] = [
                &mut |b| native_rows(&mut natives.0, b),
                &mut |b| component_rows(&mut component.0, b),
                &mut |b| ipc.rows(b),
            ];
            for (side, best) in sides.into_iter().zip(&mut best) {
                *best = best.min(probe(side, &rows, probes));
            }
        }
        let [native, component, ipc] = best;
        println!(
            "| {batch} | {native:.1} | {component:.1} | {ipc:.1} | {:.2} | {:.2} |",
            component / native,
            ipc / component
        );
    }
    println!("\n| | native | component | IPC per call |");
    println!("|---|---|---|---|");
    println!(
        "| building the lookup, ns per key | {:.1} | {:.1} | {:.1} |",
        natives.1, component.1, ipc.built
    );
    let traffic = component.0.traffic();
    let key_bytes = lookup.len() as u64 * 8 * LOOKUP_BATCH as u64;
    let rows = (traffic.rows_in - keys as u64) as f64;
    println!(
        "| bytes copied in per row | 0 | {:.1} | {:.1} |",
        (traffic.bytes_in - 2 * key_bytes.min(keys as u64 * 8)) as f64 / rows,
        ipc.bytes_in as f64 / ipc.probed as f64
    );
    println!(
        "| bytes copied out per row | 0 | {:.1} | {:.1} |",
        traffic.bytes_out as f64 / rows,
        ipc.bytes_out as f64 / ipc.probed as f64
    );
}

/// Probes with `rows`, over and over, and returns nanoseconds per row.
fn probe(side: &mut dyn FnMut(&RecordBatch) -> usize, rows: &[RecordBatch], probes: usize) -> f64 {
    let start = Instant::now();
    let mut probed = 0;
    for batch in rows.iter().cycle() {
        if probed >= probes {
            break;
        }
        let emitted = side(batch);
        assert_eq!(emitted, batch.num_rows());
        probed += emitted;
    }
    start.elapsed().as_nanos() as f64 / probed as f64
}

fn native(lookup: &[RecordBatch]) -> (Load<PointInTime>, f64) {
    let input = wigeon_sdk::IncrementalInput {
        rows: rows_schema().as_ref().clone(),
        rows_key: vec![0],
        lookup: lookup_schema().as_ref().clone(),
        lookup_key: vec![0],
    };
    let mut load = Load::open(options(), input).expect("the options are right");
    let start = Instant::now();
    for batch in lookup {
        load.lookup(batch).expect("one version a key");
    }
    (load, per_key(start, lookup))
}

fn native_rows(load: &mut Load<PointInTime>, batch: &RecordBatch) -> usize {
    let emitted = load.rows(batch).expect("rows are right");
    emitted.iter().map(RecordBatch::num_rows).sum()
}

fn component_rows(instance: &mut IncrementalInstance, batch: &RecordBatch) -> usize {
    let emitted = instance.rows(batch.clone()).expect("rows are right");
    emitted.iter().map(RecordBatch::num_rows).sum()
}

struct Components {
    point_in_time: Vec<u8>,
    ipc: Vec<u8>,
}

impl Components {
    fn build() -> Self {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let scratch = wigeon_build::scratch_beside(Path::new(env!("CARGO_TARGET_TMPDIR")));
        let component = |package| {
            wigeon_build::component(&workspace, package, &scratch).expect("the guest compiles")
        };
        Self {
            point_in_time: component("wigeon-point-in-time"),
            ipc: component("wigeon-ipc-yardstick"),
        }
    }

    fn component(&self, lookup: &[RecordBatch]) -> (IncrementalInstance, f64) {
        let runtime = Runtime::new(None);
        let id = PluginId {
            reference: "builtin:point-in-time".to_owned(),
            digest: "sha256:bench".to_owned(),
        };
        let plugin = runtime.load(&id, &self.point_in_time).expect("it loads");
        let input = IncrementalInput {
            rows: rows_schema(),
            rows_key: vec![0],
            lookup: lookup_schema(),
            lookup_key: vec![0],
        };
        let options = options().to_string();
        let limits = Limits {
            memory_bytes: 4 << 30,
            ..Limits::default()
        };
        let mut instance =
            IncrementalInstance::open(&plugin, limits, &options, &input).expect("it opens");
        let start = Instant::now();
        for batch in lookup {
            instance.lookup(batch.clone()).expect("one version a key");
        }
        (instance, per_key(start, lookup))
    }

    fn ipc(&self, lookup: &[RecordBatch]) -> Ipc {
        let mut config = Config::new();
        config.epoch_interruption(true);
        let engine = Engine::new(&config).expect("a plain engine");
        let component = Component::from_binary(&engine, &self.ipc).expect("it compiles");
        let mut store = Store::new(&engine, ());
        store.set_epoch_deadline(1_000_000);
        let instance = Linker::new(&engine)
            .instantiate(&mut store, &component)
            .expect("it imports nothing");
        let keep: TypedFunc<(Vec<u8>,), ()> = instance
            .get_typed_func(&mut store, "lookup")
            .expect("it is exported");
        let rows = instance
            .get_typed_func(&mut store, "rows")
            .expect("it is exported");
        let start = Instant::now();
        for batch in lookup {
            keep.call(&mut store, (encode(batch),)).expect("it keeps");
        }
        Ipc {
            store,
            rows,
            built: per_key(start, lookup),
            bytes_in: 0,
            bytes_out: 0,
            probed: 0,
        }
    }
}

struct Ipc {
    store: Store<()>,
    rows: TypedFunc<(Vec<u8>,), (Vec<u8>,)>,
    built: f64,
    bytes_in: usize,
    bytes_out: usize,
    probed: usize,
}

impl Ipc {
    fn rows(&mut self, batch: &RecordBatch) -> usize {
        let stream = encode(batch);
        self.bytes_in += stream.len();
        let (stream,) = self
            .rows
            .call(&mut self.store, (stream,))
            .expect("it works");
        self.bytes_out += stream.len();
        let reader = StreamReader::try_new(stream.as_slice(), None).expect("an IPC stream");
        let rows = reader
            .map(|batch| batch.expect("whole batches").num_rows())
            .sum();
        self.probed += rows;
        rows
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

fn options() -> serde_json::Value {
    serde_json::json!({
        "event_time": "event_time",
        "as_was": { "as_was": "payload" },
        "as_is": { "as_is": "payload" },
        "changed_at": "changed_at",
    })
}

fn instant() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, None)
}

fn lookup_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("key", DataType::Int64, false),
        Field::new("payload", DataType::Utf8, true),
        Field::new("valid_from", instant(), false),
    ]))
}

fn rows_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("key", DataType::Int64, false),
        Field::new("event_time", instant(), false),
    ]))
}

/// One version of each key, some 3,000 different payloads.
fn lookup(keys: usize) -> Vec<RecordBatch> {
    let numbers: Vec<i64> = (0..keys as i64).collect();
    let batch = |keys: &[i64]| {
        let payload = keys
            .iter()
            .map(|&key| Some(format!("PC{}", mix(key as u64) % 3_000)));
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from(keys.to_vec())),
            Arc::new(payload.collect::<StringArray>()),
            Arc::new(TimestampMicrosecondArray::from(vec![0; keys.len()])),
        ];
        RecordBatch::try_new(lookup_schema(), columns).expect("columns of one length")
    };
    numbers.chunks(LOOKUP_BATCH).map(batch).collect()
}

/// Batches of rows with keys all over the lookup, one in 200 unknown.
fn rows(keys: usize, batch: usize) -> Vec<RecordBatch> {
    let batches = (2_000_000 / batch).max(1);
    let batch_of = |number: usize| {
        let seeds = (number * batch) as u64..((number + 1) * batch) as u64;
        let known = keys as u64 + keys as u64 / 200;
        let columns: Vec<ArrayRef> = vec![
            Arc::new(
                seeds
                    .clone()
                    .map(|s| (mix(s) % known) as i64)
                    .collect::<Int64Array>(),
            ),
            Arc::new(TimestampMicrosecondArray::from_iter_values(
                seeds.map(|s| s as i64),
            )),
        ];
        RecordBatch::try_new(rows_schema(), columns).expect("columns of one length")
    };
    (0..batches).map(batch_of).collect()
}

/// The finalizer of splitmix64.
fn mix(seed: u64) -> u64 {
    let z = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

fn per_key(start: Instant, lookup: &[RecordBatch]) -> f64 {
    let keys: usize = lookup.iter().map(RecordBatch::num_rows).sum();
    start.elapsed().as_nanos() as f64 / keys as f64
}
