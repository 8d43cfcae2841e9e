//! Loads are all or nothing, and errors are those of whoever made them.

use std::{sync::Arc, thread, time::Duration};

use arrow_array::{Int32Array, RecordBatch};
use arrow_schema::{ArrowError, DataType, Field, Schema};
use wigeon_warehouse::{LoadError, ReadError, Warehouse, batch_reader};

use crate::support::{Context, batch, chain, ints, reader, settings, table, texts};

fn three() -> RecordBatch {
    batch(&[
        ("id", ints([1, 2, 3])),
        ("name", texts([Some("a"), None, Some("c")])),
    ])
}

#[derive(Debug, thiserror::Error)]
#[error("the plugin said no")]
struct PluginError;

#[test]
fn a_committed_load_is_there_for_everybody() {
    let context = Context::new();
    let load = context.warehouse.begin().unwrap();
    assert_eq!(load.append("t", reader(three())).unwrap(), 3);
    assert_eq!(context.warehouse.schema_of("t").unwrap(), None);
    // Another order of columns, and a second scan in the same transaction.
    let more = batch(&[("name", texts([Some("d")])), ("id", ints([4]))]);
    assert_eq!(load.append("t", reader(more)).unwrap(), 1);
    load.commit().unwrap();
    context.warehouse.checkpoint().unwrap();
    assert_eq!(
        context.query("SELECT id, name FROM t"),
        "1 | a\n2 | null\n3 | c\n4 | d"
    );
    assert_eq!(context.warehouse.tables().unwrap(), ["t"]);
    assert_eq!(
        context.warehouse.schema_of("t").unwrap().unwrap().as_ref(),
        &Schema::new(vec![
            Field::new("id", DataType::Int64, true),
            Field::new("name", DataType::Utf8, true)
        ])
    );
}

#[test]
fn a_dropped_load_leaves_nothing() {
    let path;
    let directory;
    {
        let context = Context::new();
        context.append("kept", three());
        let load = context.warehouse.begin().unwrap();
        load.append("t", reader(three())).unwrap();
        load.append("kept", reader(three())).unwrap();
        let stage = context.stage(three());
        load.replace_table("u", &stage).unwrap();
        drop(load);
        assert_eq!(context.query("SELECT count(*) FROM kept"), "3");
        context.warehouse.checkpoint().unwrap();
        path = context.path("test.duckdb");
        directory = context.directory;
    }
    let warehouse = Warehouse::open_read_only(&settings(&path)).unwrap();
    let objects = "SELECT database_name, schema_name, table_name FROM duckdb_tables() WHERE NOT internal \
                   UNION ALL SELECT database_name, schema_name, view_name FROM duckdb_views() WHERE NOT internal";
    assert_eq!(
        table(warehouse.query(objects).unwrap()),
        "warehouse | main | kept\nwarehouse | wigeon | input\nwarehouse | wigeon | ledger\n\
         warehouse | wigeon | meta\nwarehouse | wigeon | overlay\nwarehouse | wigeon | quarantine"
    );
    drop(directory);
}

#[test]
fn scans_and_stages_leave_nothing_behind() {
    let context = Context::new();
    let stage = context.stage(three());
    assert_eq!(
        context.query("SELECT count(*) FROM duckdb_databases() WHERE database_name LIKE 'wigeon%'"),
        "1"
    );
    let clone = stage.clone();
    drop(stage);
    context.append("t", three());
    drop(clone);
    assert_eq!(
        context.query("SELECT database_name FROM duckdb_databases() WHERE NOT internal"),
        "memory\nwarehouse"
    );
}

#[test]
fn an_error_of_the_reader_is_the_error_of_the_load() {
    let context = Context::new();
    let failing = || {
        let good = three();
        let batches = [
            Ok(good.clone()),
            Ok(good.clone()),
            Err(PluginError),
            Ok(good.clone()),
        ];
        batch_reader(good.schema(), batches)
    };
    let load = context.warehouse.begin().unwrap();
    let error = load.append("t", failing()).unwrap_err();
    let LoadError::Reader(ArrowError::ExternalError(source)) = &error else {
        panic!("{error}");
    };
    assert!(source.downcast_ref::<PluginError>().is_some());
    assert_eq!(
        chain(&error),
        "the rows to be written could not be produced\nExternal error: the plugin said no\nthe plugin said no"
    );
    drop(load);
    assert!(matches!(
        context.warehouse.stage(failing()).unwrap_err(),
        LoadError::Reader(_)
    ));
    assert_eq!(context.warehouse.tables().unwrap(), [""; 0]);
}

#[test]
fn a_panic_of_the_reader_is_an_error() {
    let context = Context::new();
    let good = three();
    let batches = (0..3).map(move |index| {
        assert!(index < 2, "no third batch");
        Ok::<_, ArrowError>(good.clone())
    });
    let error = context
        .warehouse
        .stage(batch_reader(three().schema(), batches))
        .unwrap_err();
    assert!(
        chain(&error).contains("panicked: no third batch"),
        "{}",
        chain(&error)
    );
}

#[test]
fn a_batch_of_another_type_is_refused() {
    let context = Context::new();
    let lie = batch(&[
        ("id", Arc::new(Int32Array::from(vec![1]))),
        ("name", texts([None])),
    ]);
    let reader = batch_reader(three().schema(), [Ok::<_, ArrowError>(lie)]);
    let error = context.warehouse.stage(reader).unwrap_err();
    assert!(
        matches!(error, LoadError::Reader(ArrowError::SchemaError(_))),
        "{error}"
    );
}

#[test]
fn an_existing_table_must_agree() {
    let context = Context::new();
    context.append("t", three());
    let load = context.warehouse.begin().unwrap();
    let error = load
        .append(
            "t",
            reader(batch(&[("id", ints([1])), ("nome", ints([1]))])),
        )
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "table `t` has other columns: `nome` missing, `name` not declared"
    );
    let error = load
        .append(
            "t",
            reader(batch(&[("id", ints([1])), ("name", ints([1]))])),
        )
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "column `name` of table `t` is VARCHAR, but the rows bring BIGINT"
    );
    // Such an error leaves the transaction usable.
    load.append("t", reader(three())).unwrap();
    load.commit().unwrap();
    assert_eq!(context.query("SELECT count(*) FROM t"), "6");
}

#[test]
fn names_are_quoted() {
    let context = Context::new();
    let odd = batch(&[("select", ints([1])), ("it's \"x\"", texts([Some("y")]))]);
    context.append("order by; --", odd);
    let stream = context
        .warehouse
        .read_table("order by; --", &["it's \"x\"", "select"])
        .unwrap();
    assert_eq!(table(stream), "y | 1");
}

#[test]
fn a_table_is_replaced() {
    let context = Context::new();
    context.append("t", three());
    let stage = context.stage(batch(&[("other", ints([7]))]));
    let load = context.warehouse.begin().unwrap();
    load.replace_table("t", &stage).unwrap();
    assert_eq!(context.query("SELECT count(*) FROM t"), "3");
    load.commit().unwrap();
    assert_eq!(context.query("SELECT * FROM t"), "7");
}

#[test]
fn empty_readers_make_empty_tables() {
    let context = Context::new();
    let load = context.warehouse.begin().unwrap();
    let none = batch_reader(
        three().schema(),
        Vec::<Result<RecordBatch, ArrowError>>::new(),
    );
    assert_eq!(load.append("t", none).unwrap(), 0);
    assert_eq!(load.append("u", reader(three().slice(0, 0))).unwrap(), 0);
    load.commit().unwrap();
    assert_eq!(context.query("SELECT count(*) FROM t"), "0");
    assert_eq!(context.query("SELECT count(*) FROM u"), "0");
}

#[test]
fn a_stream_is_read_while_a_load_writes() {
    let context = Context::new();
    let rows = batch(&[("id", ints(0..1_000_000))]);
    context.append("source", rows);
    let stream = context.warehouse.read_table("source", &["id"]).unwrap();
    let load = context.warehouse.begin().unwrap();
    assert_eq!(
        load.append("target", batch_reader(stream.schema(), stream))
            .unwrap(),
        1_000_000
    );
    // And a stage of what is read meanwhile.
    let stream = context.warehouse.read_table("source", &["id"]).unwrap();
    let stage = context
        .warehouse
        .stage(batch_reader(stream.schema(), stream))
        .unwrap();
    assert_eq!(stage.rows(), 1_000_000);
    load.commit().unwrap();
    assert_eq!(
        context.query("SELECT count(*), sum(id) FROM target"),
        "1000000 | 499999500000"
    );
}

#[test]
fn what_runs_can_be_interrupted() {
    let context = Context::new();
    let interrupter = context.warehouse.interrupter();
    let endless = "SELECT count(*) FROM range(10000000000) a, range(10000000000) b";
    thread::scope(|scope| {
        let query = scope.spawn(|| context.warehouse.query(endless).map(Iterator::count));
        let load = scope.spawn(|| {
            let load = context.warehouse.begin().unwrap();
            let one = three();
            let batches = std::iter::repeat_with(move || {
                thread::sleep(Duration::from_micros(100));
                Ok::<_, ArrowError>(one.clone())
            });
            load.append("t", batch_reader(three().schema(), batches))
        });
        thread::sleep(Duration::from_millis(300));
        // What has not begun by then is not interrupted.
        while !query.is_finished() || !load.is_finished() {
            interrupter.interrupt();
            thread::sleep(Duration::from_millis(20));
        }
        assert!(matches!(
            query.join().unwrap().unwrap_err(),
            ReadError::Interrupted
        ));
        assert!(matches!(
            load.join().unwrap().unwrap_err(),
            LoadError::Interrupted
        ));
    });
    drop(context);
    interrupter.interrupt();
}

#[test]
fn queries_tell_the_message_of_the_database() {
    let context = Context::new();
    let error = context.warehouse.query("SELECT nonsense").unwrap_err();
    let ReadError::Database(error) = error else {
        panic!("{error}");
    };
    assert!(error.message().contains("nonsense"), "{error}");
    // In mid-stream.
    let late = "SELECT (CASE WHEN range < 3000000 THEN '1' ELSE 'x' END)::INTEGER AS i FROM range(3000001)";
    let mut stream = context.warehouse.query(late).unwrap();
    let last = stream.find(Result::is_err).unwrap();
    assert!(matches!(last.unwrap_err(), ReadError::Database(_)));
    assert!(stream.next().is_none());
}

#[test]
fn stages_and_loads_larger_than_memory_spill() {
    let directory = tempfile::tempdir().unwrap();
    let warehouse = Warehouse::open(&wigeon_warehouse::Settings {
        memory_limit_mib: 100,
        ..settings(&directory.path().join("test.duckdb"))
    })
    .unwrap();
    let rows = 6_000_000;
    let one = batch(&[
        ("id", ints(0..2000)),
        (
            "a",
            ints((0..2000).map(|id: i64| id.wrapping_mul(0x5851_F42D_4C95_7F2D))),
        ),
        (
            "b",
            ints((0..2000).map(|id: i64| id.wrapping_mul(0x1405_7B7E_F767_814F))),
        ),
    ]);
    let many = || {
        let (schema, one) = (one.schema(), one.clone());
        batch_reader(
            schema,
            (0..rows / 2000).map(move |_| Ok::<_, ArrowError>(one.clone())),
        )
    };
    let stage = warehouse.stage(many()).unwrap();
    assert_eq!(stage.rows(), rows);
    let read: usize = warehouse
        .read_stage(&stage)
        .unwrap()
        .map(|batch| batch.unwrap().num_rows())
        .sum();
    assert_eq!(read as u64, rows);
    let entries = fs_err::read_dir(directory.path()).unwrap();
    let mut paths = entries.map(|entry| entry.unwrap().path());
    let is_spilled = |path: &std::path::PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy();
        name.starts_with("test.duckdb.tmp.") && path.is_dir()
    };
    let spilled = paths.find(is_spilled).unwrap();
    let load = warehouse.begin().unwrap();
    assert_eq!(load.append("t", many()).unwrap(), rows);
    load.replace_table("u", &stage).unwrap();
    load.commit().unwrap();
    drop(stage);
    warehouse.checkpoint().unwrap();
    let sums = "SELECT count(*), sum(id) FROM t UNION SELECT count(*), sum(id) FROM u";
    assert_eq!(
        table(warehouse.query(sums).unwrap()),
        "6000000 | 5997000000"
    );
    drop(warehouse);
    assert!(!spilled.exists());
}
