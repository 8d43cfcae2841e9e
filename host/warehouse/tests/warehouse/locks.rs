//! The run lock.

use chrono::{TimeZone, Utc};
use wigeon_warehouse::{LockError, RunLock};

#[test]
fn one_run_holds_the_lock() {
    let directory = tempfile::tempdir().unwrap();
    let warehouse = directory.path().join("test.duckdb");
    let started = Utc.with_ymd_and_hms(2026, 11, 22, 2, 30, 0).unwrap();
    let lock = RunLock::acquire(&warehouse, "wigeon run pipeline.toml", started).unwrap();
    assert_eq!(lock.path(), directory.path().join("test.duckdb.lock"));
    let error = RunLock::acquire(&warehouse, "wigeon run again", started).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "a run holds `{}` (process {}, `wigeon run pipeline.toml`, since 2026-11-22T02:30:00Z)",
            lock.path().display(),
            std::process::id()
        )
    );
    drop(lock);
    // The file is there still, and does not matter; nor does what is in it.
    fs_err::write(directory.path().join("test.duckdb.lock"), "x".repeat(1000)).unwrap();
    let lock = RunLock::acquire(&warehouse, "wigeon run again", started).unwrap();
    let text = fs_err::read_to_string(lock.path()).unwrap();
    assert_eq!(
        text,
        format!(
            "{{\"pid\":{},\"started_at\":\"2026-11-22T02:30:00Z\",\"command\":\"wigeon run again\"}}",
            std::process::id()
        )
    );
}

#[test]
fn a_holder_that_has_not_written_yet_is_unknown() {
    let directory = tempfile::tempdir().unwrap();
    let warehouse = directory.path().join("test.duckdb");
    let file = fs_err::File::create(directory.path().join("test.duckdb.lock")).unwrap();
    file.lock().unwrap();
    match RunLock::acquire(&warehouse, "", Utc::now()).unwrap_err() {
        LockError::Busy {
            pid,
            started_at,
            command,
            ..
        } => assert_eq!((pid, started_at, command), (None, None, None)),
        error @ LockError::Unusable { .. } => panic!("{error}"),
    }
    let nowhere = directory.path().join("none/test.duckdb");
    assert!(matches!(
        RunLock::acquire(&nowhere, "", Utc::now()).unwrap_err(),
        LockError::Unusable { .. }
    ));
}
