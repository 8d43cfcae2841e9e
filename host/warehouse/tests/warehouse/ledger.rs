//! The ledger, its files and the quarantine.

use chrono::{DateTime, TimeZone, Utc};
use serde_json::json;
use wigeon_warehouse::{LedgerEntry, LoadRecord, RejectedRow};

use crate::support::{Context, day};

fn time(minute: u32) -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 1, 2, 3, minute, 0).unwrap() + chrono::TimeDelta::microseconds(7)
}

fn record(context: &Context, step: &str) -> LoadRecord {
    let mut file = context.files("extracts/*.csv").remove(0);
    file.digest = Some("blake3:00".to_owned());
    let mut other = file.clone();
    "extracts/other.csv".clone_into(&mut other.path);
    other.digest = None;
    LoadRecord {
        run_id: "run-1".to_owned(),
        step: step.to_owned(),
        kind: "snapshot".to_owned(),
        plugin: "builtin:scd2".to_owned(),
        plugin_digest: "sha256:1f".to_owned(),
        contract: "0.1.0".to_owned(),
        logical_time: time(0),
        effective_time: Some(day(1)),
        started_at: time(1),
        finished_at: time(2),
        rows_in: 10,
        rows_out: 9,
        watermark: None,
        details: json!({"opened": 9, "quote": "it's"}),
        inputs: vec![(file, Some(day(1))), (other, None)],
        rejected: vec![
            RejectedRow {
                path: "extracts/users_2026-01-01.csv".to_owned(),
                line: 7,
                column: Some("id".to_owned()),
                reason: "the value does not have the declared type".to_owned(),
                raw: "x,\"y\"".to_owned(),
            },
            RejectedRow {
                path: "extracts/other.csv".to_owned(),
                line: 8,
                column: None,
                reason: "it has too many fields".to_owned(),
                raw: String::new(),
            },
        ],
    }
}

#[test]
fn what_is_recorded_is_found() {
    let context = Context::new();
    context.write("extracts/users_2026-01-01.csv", "id,name\n1,it's \"x\"\n");
    let users = record(&context, "users");
    let load = context.warehouse.begin().unwrap();
    assert_eq!(load.record(&users).unwrap(), 1);
    assert_eq!(context.warehouse.ledger(None, 10).unwrap(), []);
    load.commit().unwrap();
    let load = context.warehouse.begin().unwrap();
    let mut again = LoadRecord {
        effective_time: None,
        ..record(&context, "users")
    };
    again.inputs.truncate(1);
    "extracts/third.csv".clone_into(&mut again.inputs[0].0.path);
    again.rejected.clear();
    assert_eq!(load.record(&again).unwrap(), 2);
    assert_eq!(load.record(&record(&context, "views")).unwrap(), 3);
    load.commit().unwrap();

    let entry = context
        .warehouse
        .ledger(Some("users"), 10)
        .unwrap()
        .pop()
        .unwrap();
    assert_eq!(
        entry,
        LedgerEntry {
            load_id: 1,
            run_id: "run-1".to_owned(),
            step: "users".to_owned(),
            kind: "snapshot".to_owned(),
            plugin: "builtin:scd2".to_owned(),
            plugin_digest: "sha256:1f".to_owned(),
            contract: "0.1.0".to_owned(),
            logical_time: time(0),
            effective_time: Some(day(1)),
            started_at: time(1),
            finished_at: time(2),
            rows_in: 10,
            rows_out: 9,
            rows_rejected: 2,
            details: json!({"opened": 9, "quote": "it's"}),
        }
    );
    let ids = |step, limit| -> Vec<i64> {
        let entries = context.warehouse.ledger(step, limit).unwrap();
        entries.iter().map(|entry| entry.load_id).collect()
    };
    assert_eq!(ids(None, 10), [3, 2, 1]);
    assert_eq!(ids(None, 2), [3, 2]);
    assert_eq!(ids(Some("users"), 10), [2, 1]);
    let newest = context.warehouse.ledger(Some("users"), 1).unwrap();
    assert_eq!(
        (
            newest[0].load_id,
            newest[0].effective_time,
            newest[0].rows_rejected
        ),
        (2, None, 0)
    );
    let last = context.warehouse.last_loads().unwrap();
    assert_eq!(last.get("users"), Some(&newest[0].logical_time));
    assert_eq!(last.get("none"), None);

    let inputs = context.warehouse.inputs("users").unwrap();
    assert_eq!(inputs.len(), 3);
    assert_eq!(inputs["extracts/third.csv"].load_id, 2);
    let (file, file_time) = &users.inputs[0];
    let input = &inputs[&file.path];
    assert_eq!(
        (input.load_id, input.size_bytes, &input.digest),
        (1, file.size_bytes, &file.digest)
    );
    assert_eq!(
        (input.modified, input.file_time),
        (file.modified, *file_time)
    );
    assert_eq!(
        (
            inputs["extracts/other.csv"].load_id,
            &inputs["extracts/other.csv"].digest
        ),
        (1, &None)
    );

    let mut rejected = users.rejected.clone();
    rejected.reverse();
    assert_eq!(context.warehouse.quarantine(1).unwrap(), rejected);
    assert_eq!(context.warehouse.quarantine(2).unwrap(), []);
}
