//! Components, as anybody may send them.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use wigeon_runtime::{
    ChangeDetectionInput, ChangeDetectionInstance, IncrementalInput, IncrementalInstance, Kind,
    Limits, LoadError, OpenError, Plugin, PluginId, Runtime, SnapshotInput, SnapshotInstance,
    TransformInstance,
};

/// Loads a component, which may fail in any way but a panic of the host's, and makes all calls of
/// its step on a few rows, which may as well.
///
/// # Errors
///
/// Any variant of [`LoadError`].
pub fn components(bytes: &[u8]) -> Result<Plugin, LoadError> {
    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new(None));
    let id = PluginId {
        reference: "file:any.wasm".to_owned(),
        digest: "sha256:any".to_owned(),
    };
    let plugin = RUNTIME.load(&id, bytes)?;
    // However it ends: only a panic is a finding.
    let _ended = call(&plugin);
    Ok(plugin)
}

/// Makes the calls of a step as the host makes them, with little of everything allowed.
fn call(plugin: &Plugin) -> Result<(), OpenError> {
    let limits = Limits {
        memory_bytes: 16 << 20,
        call_timeout: Duration::from_millis(100),
        output_rows: 10_000,
        output_bytes: 1 << 20,
        log_lines: 1,
    };
    let (rows, versions) = (rows(), versions());
    match plugin.kind() {
        Kind::Transform => {
            let mut step = TransformInstance::open(plugin, limits, "{}", &rows.schema())?;
            step.rows(rows.clone())?;
            step.rows(rows)?;
        }
        Kind::Snapshot => {
            let input = SnapshotInput {
                extract: rows.schema(),
                key: vec![0],
            };
            let mut step = SnapshotInstance::open(plugin, limits, "{}", &input)?;
            step.versions(versions)?;
            step.extract(rows)?;
            step.finish()?;
        }
        Kind::Incremental => {
            let input = IncrementalInput {
                rows: rows.schema(),
                rows_key: vec![0],
                lookup: versions.schema(),
                lookup_key: vec![0],
            };
            let mut step = IncrementalInstance::open(plugin, limits, "{}", &input)?;
            step.lookup(versions)?;
            step.rows(rows)?;
            step.finish()?;
        }
        Kind::ChangeDetection => {
            let input = ChangeDetectionInput {
                versions: versions.schema(),
                key: vec![0],
            };
            let mut step = ChangeDetectionInstance::open(plugin, limits, "{}", &input)?;
            step.applied(versions.clone())?;
            step.now(versions)?;
            step.finish()?;
        }
    }
    Ok(())
}

/// Three rows: a key, and texts of which one is null.
fn columns() -> Vec<(&'static str, ArrayRef)> {
    let id = Int64Array::from(vec![1, 2, 3]);
    let text = StringArray::from(vec![Some("a"), None, Some("c")]);
    vec![("id", Arc::new(id)), ("text", Arc::new(text))]
}

fn rows() -> RecordBatch {
    RecordBatch::try_from_iter(columns()).expect("columns of one length")
}

/// The same rows as versions.
fn versions() -> RecordBatch {
    let mut columns = columns();
    let valid_from = TimestampMicrosecondArray::from(vec![0, 1, 2]);
    columns.push(("valid_from", Arc::new(valid_from)));
    RecordBatch::try_from_iter(columns).expect("columns of one length")
}
