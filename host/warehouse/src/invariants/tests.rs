//! Loads and warehouses that were broken on purpose.

use std::sync::Arc;

use arrow_array::{ArrayRef, Int8Array, Int64Array, RecordBatch};
use arrow_schema::{ArrowError, DataType, Field};
use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeDelta, Utc};
use serde_json::json;
use tempfile::TempDir;

use super::{Committed, versions::DueVersions};
use crate::{
    Deleted, FileIdentity, Inconsistency, Load, LoadError, LoadRecord, LoadWatermark,
    ReadBackError, RejectedRow, Settings, SnapshotTable, Stage, Warehouse, batch_reader,
};

fn warehouse() -> (TempDir, Warehouse) {
    let directory = tempfile::tempdir().unwrap();
    let warehouse = Warehouse::open(&Settings {
        path: directory.path().join("test.duckdb"),
        memory_limit_mib: 512,
        threads: Some(2),
        temp_directory: None,
    });
    (directory, warehouse.unwrap())
}

fn day(day: u32) -> NaiveDateTime {
    let date = NaiveDate::from_ymd_opt(2026, 1, day).unwrap();
    date.and_hms_opt(0, 0, 0).unwrap()
}

/// A record of a step that has read and written `rows`.
fn record(rows: u64) -> LoadRecord {
    LoadRecord {
        run_id: "run".to_owned(),
        step: "views".to_owned(),
        kind: "incremental".to_owned(),
        plugin: "builtin:point-in-time".to_owned(),
        plugin_digest: "sha256:1f".to_owned(),
        contract: "1.0.0".to_owned(),
        logical_time: DateTime::<Utc>::UNIX_EPOCH,
        effective_time: None,
        started_at: DateTime::<Utc>::UNIX_EPOCH,
        finished_at: DateTime::<Utc>::UNIX_EPOCH,
        rows_in: rows,
        rows_out: rows,
        watermark: None,
        details: json!({}),
        inputs: vec![],
        rejected: vec![],
    }
}

/// The same with files, one rejected row in each.
fn record_of_files(directory: &TempDir, names: &[&str]) -> LoadRecord {
    let file = |name: &&str| {
        fs_err::write(directory.path().join(name), "id\n1\n").unwrap();
        let file = crate::list_files(directory.path(), name).unwrap().remove(0);
        (file, None)
    };
    let inputs: Vec<(FileIdentity, _)> = names.iter().map(file).collect();
    let rejected = inputs.iter().map(|(file, _)| RejectedRow {
        path: file.path.clone(),
        line: 2,
        column: None,
        reason: "it has too many fields".to_owned(),
        raw: "1,2".to_owned(),
    });
    LoadRecord {
        rejected: rejected.collect(),
        inputs,
        ..record(0)
    }
}

fn append(load: &Load, ids: &[i64]) {
    let ids: ArrayRef = Arc::new(Int64Array::from(ids.to_vec()));
    let batch = RecordBatch::try_from_iter([("id", ids)]).unwrap();
    let reader = batch_reader(batch.schema(), [Ok::<_, ArrowError>(batch)]);
    load.append("views", reader).unwrap();
}

fn inconsistency(result: Result<impl std::fmt::Debug, LoadError>) -> Inconsistency {
    match result.unwrap_err() {
        LoadError::Inconsistent(inconsistency) => inconsistency,
        other => panic!("another error: {other:?}"),
    }
}

/// Returns what is said of a load that is changed by a statement behind its back.
fn broken(write: impl Fn(&TempDir, &Load), statement: &str) -> String {
    let (directory, warehouse) = warehouse();
    let load = warehouse.begin().unwrap();
    write(&directory, &load);
    load.run(statement).unwrap();
    let said = inconsistency(load.commit()).to_string();
    assert_eq!(warehouse.tables().unwrap(), [""; 0], "nothing is written");
    assert_eq!(warehouse.ledger(None, 10).unwrap(), []);
    said
}

#[test]
fn the_rows_of_a_table_are_those_that_were_counted() {
    let write = |_: &TempDir, load: &Load| {
        append(load, &[1, 2]);
        append(load, &[3]);
        load.record(&record(3)).unwrap();
    };
    assert_eq!(
        broken(write, "INSERT INTO warehouse.main.views VALUES (4)"),
        "the number of rows of table `views` is 4 instead of 3"
    );
    assert_eq!(
        broken(write, "DROP TABLE warehouse.main.views"),
        "there is no table `views`"
    );
    let miscount = |_: &TempDir, load: &Load| {
        append(load, &[1, 2]);
        load.record(&record(3)).unwrap();
    };
    assert_eq!(
        broken(miscount, "SELECT 1"),
        "the number of rows added to the table of load 1, of step `views`, is 2 instead of 3"
    );
}

#[test]
fn the_ledger_says_what_was_written_there() {
    let write = |directory: &TempDir, load: &Load| {
        load.record(&record_of_files(directory, &["a.csv", "b.csv"]))
            .unwrap();
    };
    let said = |statement: &str| broken(write, statement);
    assert_eq!(
        said("DELETE FROM warehouse.wigeon.input WHERE path = 'a.csv'"),
        "the number of files of load 1, of step `views`, is 1 instead of 2"
    );
    assert_eq!(
        said("DELETE FROM warehouse.wigeon.quarantine"),
        "the number of rows in quarantine of load 1, of step `views`, is 0 instead of 2"
    );
    assert_eq!(
        said("UPDATE warehouse.wigeon.ledger SET rows_out = 7"),
        "the number of rows written of load 1, of step `views`, is 7 instead of 0"
    );
    assert_eq!(
        said("DELETE FROM warehouse.wigeon.ledger"),
        "the ledger has no load 1, of step `views`"
    );
    let insert = |change: &str| {
        said(&format!(
            "INSERT INTO warehouse.wigeon.ledger SELECT * REPLACE ({change}) FROM warehouse.wigeon.ledger"
        ))
    };
    assert_eq!(
        insert("9 AS load_id, 'users' AS step"),
        "the ledger has a load 9 of step `users` that this run did not write"
    );
    assert_eq!(
        insert("'run' AS run_id"),
        "the ledger has a load 1 of step `views` that this run did not write"
    );
}

#[test]
fn progress_never_goes_back() {
    let (directory, warehouse) = warehouse();
    let watermark = |value: &str| {
        Some(LoadWatermark {
            value: value.to_owned(),
            data_type: DataType::Int64,
        })
    };
    let load = |record: &LoadRecord| {
        let load = warehouse.begin().unwrap();
        load.record(record).unwrap();
        load.commit()
    };
    let first = LoadRecord {
        effective_time: Some(day(1)),
        watermark: watermark("9"),
        ..record_of_files(&directory, &["a.csv"])
    };
    load(&first).unwrap();
    let entries = warehouse.ledger(None, 1).unwrap();
    assert_eq!(entries[0].details, json!({"watermark": "9"}));
    // As text, it would be smaller.
    let further = LoadRecord {
        effective_time: Some(day(2)),
        watermark: watermark("10"),
        ..record_of_files(&directory, &["b.csv"])
    };
    load(&further).unwrap();
    // Another step has a progress of its own.
    let other = LoadRecord {
        step: "users".to_owned(),
        ..first.clone()
    };
    load(&other).unwrap();

    let refused = |record: LoadRecord| inconsistency(load(&record)).to_string();
    assert_eq!(
        refused(record_of_files(&directory, &["c.csv", "a.csv"])),
        "step `views` has loaded `a.csv` twice"
    );
    assert_eq!(
        refused(LoadRecord {
            effective_time: Some(day(1)),
            ..record(0)
        }),
        "step `views` has taken two extracts of 2026-01-01 00:00:00"
    );
    assert_eq!(
        refused(LoadRecord {
            watermark: watermark("9"),
            ..record(0)
        }),
        "step `views` goes back to 9, after it had come to 10"
    );
    assert_eq!(warehouse.ledger(None, 10).unwrap().len(), 3);
    // What was refused is still new, and can be loaded.
    load(&LoadRecord {
        watermark: watermark("11"),
        ..record_of_files(&directory, &["c.csv"])
    })
    .unwrap();
}

fn users() -> SnapshotTable {
    SnapshotTable {
        name: "users".to_owned(),
        key: vec![Field::new("id", DataType::Int64, true)],
        payload: vec![],
        deleted: Deleted::Close,
    }
}

fn changes(warehouse: &Warehouse, changes: &[(i8, i64)]) -> Stage {
    let kinds = changes.iter().map(|(change, _)| *change);
    let kinds: ArrayRef = Arc::new(Int8Array::from_iter_values(kinds));
    let ids = changes.iter().map(|(_, id)| *id);
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(ids));
    let batch = RecordBatch::try_from_iter([("change", kinds), ("id", ids)]).unwrap();
    let reader = batch_reader(batch.schema(), [Ok::<_, ArrowError>(batch)]);
    warehouse.stage(reader).unwrap()
}

#[test]
fn an_extract_begins_and_ends_as_many_versions_as_it_changes() {
    let (_directory, warehouse) = warehouse();
    let load = warehouse.begin().unwrap();
    let stage = changes(&warehouse, &[(0, 1), (0, 2)]);
    load.apply_snapshot(&users(), &stage, day(1)).unwrap();
    load.commit().unwrap();
    let load = warehouse.begin().unwrap();
    let stage = changes(&warehouse, &[(1, 1), (2, 2), (0, 3)]);
    let ending = load.check_open(&users(), &stage).unwrap();
    load.apply_snapshot(&users(), &stage, day(2)).unwrap();
    let check = |begun, ended| {
        let ending = ending.clone();
        let due = DueVersions {
            begun,
            ended,
            ending,
        };
        load.check_versions_at(&users(), &stage, day(2), &due)
    };
    check(2, 2).unwrap();
    load.run("DELETE FROM warehouse.main.users_history WHERE id = 3")
        .unwrap();
    let fewer = check(2, 2);
    assert_eq!(
        inconsistency(fewer).to_string(),
        "the number of versions of `users_history` that begin at 2026-01-02 00:00:00 is 1 instead of 2"
    );
    load.run("UPDATE warehouse.main.users_history SET valid_to = NULL WHERE id = 2")
        .unwrap();
    let fewer = check(1, 2);
    assert_eq!(
        inconsistency(fewer).to_string(),
        "the number of versions of `users_history` that end at 2026-01-02 00:00:00 is 1 instead of 2"
    );
    let said = inconsistency(load.commit()).to_string();
    assert_eq!(
        said,
        "the number of rows of table `users_history` is 3 instead of 4"
    );
}

fn apply(
    warehouse: &Warehouse,
    table: &SnapshotTable,
    extract: &[(i8, i64)],
    effective: NaiveDateTime,
) {
    let load = warehouse.begin().unwrap();
    let stage = changes(warehouse, extract);
    load.apply_snapshot(table, &stage, effective).unwrap();
    load.commit().unwrap();
}

/// Applies an extract for each day from the first on, does something wrong in the last, and returns
/// what is said of it.
fn wronged(deleted: Deleted, days: &[&[(i8, i64)]], fault: &str) -> String {
    let (_directory, warehouse) = warehouse();
    let table = SnapshotTable { deleted, ..users() };
    let (last, before) = days.split_last().unwrap();
    let mut effective = day(1);
    for extract in before {
        apply(&warehouse, &table, extract, effective);
        effective += TimeDelta::days(1);
    }
    let load = warehouse.begin().unwrap();
    load.fault.replace(Some(fault.to_owned()));
    let stage = changes(&warehouse, last);
    inconsistency(load.apply_snapshot(&table, &stage, effective)).to_string()
}

/// What is said of versions that begin or end on a day.
fn others(what: &str, day: u32) -> String {
    format!(
        "the versions of `users_history` that {what} at 2026-01-0{day} 00:00:00 are not those of the changed keys"
    )
}

/// As many versions begin and end as are due, but one of them is another.
#[test]
fn versions_of_other_keys_are_not_begun_or_ended() {
    // Key 2 was away for a day. Then key 1 is superseded, key 3 is new, and key 2 stays as it is.
    let days = [
        &[(0, 1), (0, 2)][..],
        &[(2, 2)],
        &[(0, 2)],
        &[(1, 1), (0, 3)],
    ];
    for deleted in [Deleted::Close, Deleted::Record] {
        let said = |fault: &str| wronged(deleted, &days, fault);
        // Key 1 is open twice then, and key 2 not at all.
        let other_key = "UPDATE warehouse.main.users_history \
                         SET valid_to = CASE id WHEN 2 THEN TIMESTAMP '2026-01-04' END \
                         WHERE (id = 1 AND valid_to IS NOT NULL) OR (id = 2 AND valid_from = '2026-01-03')";
        assert_eq!(said(other_key), others("end", 4), "{deleted:?}");
        let for_another = "UPDATE warehouse.main.users_history SET id = 2 WHERE id = 3";
        assert_eq!(said(for_another), others("begin", 4), "{deleted:?}");
        let over = "UPDATE warehouse.main.users_history SET valid_to = '2026-01-09' WHERE id = 3";
        assert_eq!(said(over), others("begin", 4), "{deleted:?}");
    }
}

#[test]
fn an_older_version_of_a_key_is_not_ended_once_more() {
    let older = "UPDATE warehouse.main.users_history \
                 SET valid_to = CASE WHEN valid_from = '2026-01-01' THEN TIMESTAMP '2026-01-03' END";
    let days = [&[(0, 1)][..], &[(1, 1)], &[(2, 1)]];
    assert_eq!(wronged(Deleted::Close, &days, older), others("end", 3));
}

#[test]
fn ignored_and_deleted_keys_do_not_end_for_others() {
    let other_key = "UPDATE warehouse.main.users_history \
                     SET valid_to = CASE id WHEN 2 THEN TIMESTAMP '2026-01-02' END \
                     WHERE valid_from = '2026-01-01'";
    let days = [&[(0, 1), (0, 2)][..], &[(1, 1), (2, 2)]];
    assert_eq!(wronged(Deleted::Ignore, &days, other_key), others("end", 2));
    // Both are deleted on day 2, and only key 1 comes back.
    let other_deleted = "UPDATE warehouse.main.users_history \
                         SET valid_to = CASE id WHEN 2 THEN TIMESTAMP '2026-01-03' END \
                         WHERE is_deleted";
    let days = [&[(0, 1), (0, 2)][..], &[(2, 1), (2, 2)], &[(0, 1)]];
    assert_eq!(
        wronged(Deleted::Record, &days, other_deleted),
        others("end", 3)
    );
}

#[test]
fn a_late_extract_is_checked_when_it_is_applied() {
    let (_directory, warehouse) = warehouse();
    apply(&warehouse, &users(), &[(0, 1), (0, 2)], day(1));
    apply(&warehouse, &users(), &[(1, 1), (2, 2)], day(5));
    let load = warehouse.begin().unwrap();
    let fault = "UPDATE warehouse.main.users_history SET id = 4 WHERE id = 3";
    load.fault.replace(Some(fault.to_owned()));
    let stage = changes(&warehouse, &[(0, 3)]);
    let late = load.apply_late_snapshot(&users(), &stage, day(3), day(5));
    assert_eq!(
        inconsistency(late).to_string(),
        "the versions of key `3` in `users_history` do not follow each other"
    );
}

#[test]
fn the_versions_of_a_late_extract_follow_each_other() {
    let (_directory, warehouse) = warehouse();
    let load = warehouse.begin().unwrap();
    let extract = changes(&warehouse, &[(0, 1)]);
    load.apply_snapshot(&users(), &extract, day(1)).unwrap();
    load.run(
        "CREATE TEMP TABLE wigeon_test (change TINYINT, k_0 BIGINT, b_row BIGINT); \
         INSERT INTO temp.main.wigeon_test VALUES (1, 1, 0)",
    )
    .unwrap();
    // What is there of key 1 after a late extract of day 2, before one of day 3.
    let check = |versions: &str| {
        load.run(&format!(
            "DELETE FROM warehouse.main.users_history; \
             INSERT INTO warehouse.main.users_history SELECT 1, make_timestamp(2026, 1, a, 0, 0, 0), \
             make_timestamp(2026, 1, b, 0, 0, 0) FROM (VALUES {versions}) AS v(a, b)"
        ))
        .unwrap();
        load.check_late_versions(
            &users(),
            "temp.main.wigeon_test",
            "TIMESTAMP '2026-01-02'",
            "TIMESTAMP '2026-01-03'",
        )
    };
    check("(1, 2), (2, 3), (3, NULL)").unwrap();
    check("(1, 2), (2, NULL)").unwrap();
    for damaged in [
        "(1, 2), (2, 4), (3, NULL)",
        "(1, 2), (2, NULL), (3, NULL)",
        "(1, 2), (2, 2), (2, NULL)",
        "(1, 3), (3, NULL)",
        "(1, 2), (3, NULL)",
        "(1, 2), (2, 3), (4, NULL)",
        "(1, 2), (2, 3)",
    ] {
        assert_eq!(
            inconsistency(check(damaged)).to_string(),
            "the versions of key `1` in `users_history` do not follow each other",
            "{damaged}"
        );
    }
}

/// Commits two loads.
fn committed(directory: &TempDir, warehouse: &Warehouse) -> Committed {
    let mut committed = Committed::default();
    for names in [["a.csv"], ["b.csv"]] {
        let load = warehouse.begin().unwrap();
        append(&load, &[1, 2]);
        let record = LoadRecord {
            rows_in: 3,
            rows_out: 2,
            ..record_of_files(directory, &names)
        };
        load.record(&record).unwrap();
        committed.extend(load.commit().unwrap());
    }
    warehouse.checkpoint().unwrap();
    committed
}

#[test]
fn what_was_committed_is_read_back() {
    let (directory, warehouse) = warehouse();
    warehouse.read_back(&Committed::default()).unwrap();
    let all = committed(&directory, &warehouse);
    assert_eq!(all.loads.len(), 2);
    assert_eq!(all.tables["views"], Some(4));
    warehouse.read_back(&all).unwrap();
    // The second load alone is as good: it knows all rows of its table.
    let mut last = all.clone();
    last.loads.remove(0);
    warehouse.read_back(&last).unwrap();

    let said = |expected: &Committed| match warehouse.read_back(expected).unwrap_err() {
        ReadBackError::Differs(inconsistency) => inconsistency.to_string(),
        ReadBackError::Database(error) => panic!("another error: {error}"),
    };
    let wrong = |change: &dyn Fn(&mut Committed)| {
        let mut expected = all.clone();
        change(&mut expected);
        said(&expected)
    };
    assert_eq!(
        wrong(&|expected| expected.loads[1].rows_in = 4),
        "the number of rows read of load 2, of step `views`, is 3 instead of 4"
    );
    assert_eq!(
        wrong(&|expected| expected.loads[1].load_id = 3),
        "the ledger has a load 2 of step `views` that this run did not write"
    );
    assert_eq!(
        wrong(&|expected| {
            expected.tables.insert("users".to_owned(), Some(1));
        }),
        "there is no table `users`"
    );
    assert_eq!(
        wrong(&|expected| expected.loads.truncate(1)),
        "the ledger has a load 2 of step `views` that this run did not write"
    );
    let change = |statement: &str| {
        let connection = warehouse.connect().unwrap();
        connection.execute_batch(statement).unwrap();
    };
    change("DELETE FROM warehouse.main.views WHERE id = 1");
    assert_eq!(
        said(&all),
        "the number of rows of table `views` is 2 instead of 4"
    );
    change("DROP TABLE warehouse.main.views");
    assert_eq!(said(&all), "there is no table `views`");
    change("DELETE FROM warehouse.wigeon.ledger WHERE load_id = 2");
    assert_eq!(said(&all), "the ledger has no load 2, of step `views`");
    change("DROP TABLE warehouse.wigeon.ledger");
    let unreadable = warehouse.read_back(&all).unwrap_err();
    assert!(
        matches!(unreadable, ReadBackError::Database(_)),
        "{unreadable}"
    );
}
