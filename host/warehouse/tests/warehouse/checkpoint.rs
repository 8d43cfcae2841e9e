//! A checkpoint empties the write-ahead log, and leaves row groups as they are unless it compacts.

use wigeon_warehouse::Warehouse;

use crate::support::{Context, batch, ints, settings};

const ROW_GROUPS: &str = "SELECT count(DISTINCT row_group_id) FROM pragma_storage_info('t')";

/// Stores rows in two loads, each with its checkpoint.
fn two_loads() -> Context {
    let context = Context::new();
    for first in [0, 3_000] {
        context.append("t", batch(&[("id", ints(first..first + 3_000))]));
        context.warehouse.checkpoint().unwrap();
    }
    context
}

#[test]
fn row_groups_are_joined_only_by_compaction() {
    let context = two_loads();
    assert_eq!(context.query(ROW_GROUPS), "2");
    context.append("t", batch(&[("id", ints([6_000]))]));
    context.warehouse.compact().unwrap();
    assert_eq!(context.query(ROW_GROUPS), "1");
    assert_eq!(
        context.query("SELECT count(*), min(id), max(id), sum(id) FROM t"),
        "6001 | 0 | 6000 | 18003000"
    );
}

#[test]
fn the_log_is_empty_afterwards() {
    for compacts in [false, true] {
        let context = two_loads();
        context.append("t", batch(&[("id", ints([7]))]));
        let log = context.path("test.duckdb.wal");
        assert!(log.metadata().unwrap().len() > 0);
        if compacts {
            context.warehouse.compact().unwrap();
        } else {
            context.warehouse.checkpoint().unwrap();
        }
        assert!(!log.exists(), "compacts: {compacts}");
        let path = context.path("test.duckdb");
        let Context {
            directory,
            warehouse,
        } = context;
        drop(warehouse);
        let warehouse = Warehouse::open(&settings(&path)).unwrap();
        assert_eq!(warehouse.count_rows("t").unwrap(), 6_001);
        drop((warehouse, directory));
    }
}
