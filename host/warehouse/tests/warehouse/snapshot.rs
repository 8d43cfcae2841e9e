//! Histories, and the laws that changes must keep.

use arrow_array::ArrayRef;
use arrow_schema::DataType;
use chrono::{NaiveDateTime, TimeDelta};
use wigeon_warehouse::{
    Deleted, LawError, LoadError, SnapshotCounts, SnapshotTable, Stage, Warehouse,
};

use crate::support::{Context, batch, changes, day, fields, ints, reader, settings, table, texts};

fn users(deleted: Deleted) -> SnapshotTable {
    SnapshotTable {
        name: "users".to_owned(),
        key: fields(&[("id", DataType::Int64)]),
        payload: fields(&[("postcode", DataType::Utf8)]),
        deleted,
    }
}

const OPENED: i8 = 0;
const SUPERSEDED: i8 = 1;
const CLOSED: i8 = 2;

fn stage(context: &Context, rows: &[(i8, i64, Option<&str>)]) -> Stage {
    context.stage(batch(&[
        ("change", changes(rows.iter().map(|row| row.0))),
        ("id", ints(rows.iter().map(|row| row.1))),
        ("postcode", texts(rows.iter().map(|row| row.2))),
    ]))
}

fn apply(
    context: &Context,
    table: &SnapshotTable,
    rows: &[(i8, i64, Option<&str>)],
    effective: NaiveDateTime,
) -> Result<SnapshotCounts, LoadError> {
    let stage = stage(context, rows);
    let load = context.warehouse.begin()?;
    let counts = load.apply_snapshot(table, &stage, effective)?;
    load.commit()?;
    Ok(counts)
}

fn history(context: &Context) -> String {
    context
        .query("SELECT * REPLACE (valid_from::DATE AS valid_from, valid_to::DATE AS valid_to) FROM users_history")
        .replace("2026-01-", "")
}

fn two_days(context: &Context, table: &SnapshotTable) {
    let first = [
        (OPENED, 1, Some("SW19")),
        (OPENED, 2, None),
        (OPENED, 3, Some("N1")),
    ];
    let counts = apply(context, table, &first, day(1)).unwrap();
    assert_eq!((counts.opened, counts.superseded, counts.closed), (3, 0, 0));
    let second = [
        (SUPERSEDED, 1, Some("SW20")),
        (CLOSED, 2, None),
        (OPENED, 4, Some("E1")),
    ];
    let counts = apply(context, table, &second, day(2)).unwrap();
    let closed = u64::from(table.deleted != Deleted::Ignore);
    assert_eq!(
        (counts.opened, counts.superseded, counts.closed),
        (1, 1, closed)
    );
}

#[test]
fn versions_follow_each_other() {
    let context = Context::new();
    let table = users(Deleted::Close);
    assert_eq!(context.warehouse.count_open(&table).unwrap(), 0);
    two_days(&context, &table);
    assert_eq!(
        history(&context),
        "1 | SW19 | 01 | 02\n1 | SW20 | 02 | null\n2 | null | 01 | 02\n3 | N1 | 01 | null\n4 | E1 | 02 | null"
    );
    assert_eq!(
        context.query("SELECT id, postcode FROM users"),
        "1 | SW20\n3 | N1\n4 | E1"
    );
    assert_eq!(context.warehouse.count_open(&table).unwrap(), 3);
    apply(&context, &table, &[(OPENED, 2, Some("W1"))], day(4)).unwrap();
    assert!(history(&context).contains("2 | W1 | 04 | null\n2 | null | 01 | 02"));
    let versions = |time| {
        let mut streams = context.warehouse.versions_at(&table, time, 2).unwrap();
        // There are too few rows for two.
        self::table(streams.remove(0))
            .replace("2026-01-", "")
            .replace("T00:00:00", "")
    };
    let before_noon = day(1) - TimeDelta::hours(1);
    assert_eq!(versions(before_noon), "");
    assert_eq!(
        versions(day(1)),
        "1 | SW19 | 01\n2 | null | 01\n3 | N1 | 01"
    );
    assert_eq!(versions(day(3)), "1 | SW20 | 02\n3 | N1 | 01\n4 | E1 | 02");
}

#[test]
fn ignored_keys_stay_open() {
    let context = Context::new();
    two_days(&context, &users(Deleted::Ignore));
    assert!(history(&context).contains("2 | null | 01 | null"));
}

#[test]
fn deleted_keys_are_recorded() {
    let context = Context::new();
    let table = users(Deleted::Record);
    two_days(&context, &table);
    assert_eq!(
        history(&context),
        "1 | SW19 | 01 | 02 | false\n1 | SW20 | 02 | null | false\n2 | null | 01 | 02 | false\n\
         2 | null | 02 | null | true\n3 | N1 | 01 | null | false\n4 | E1 | 02 | null | false"
    );
    assert_eq!(
        context.query("SELECT id, postcode FROM users"),
        "1 | SW20\n3 | N1\n4 | E1"
    );
    assert_eq!(context.warehouse.count_open(&table).unwrap(), 3);
    apply(
        &context,
        &table,
        &[(OPENED, 2, Some("W1")), (CLOSED, 4, None)],
        day(3),
    )
    .unwrap();
    let history = history(&context);
    assert!(history.contains(
        "2 | W1 | 03 | null | false\n2 | null | 01 | 02 | false\n2 | null | 02 | 03 | true"
    ));
    assert!(history.contains("4 | E1 | 02 | 03 | false\n4 | E1 | 03 | null | true"));
}

#[test]
fn the_view_is_there_under_any_name_of_the_file() {
    let context = Context::new();
    two_days(&context, &users(Deleted::Close));
    let path = context.path("test.duckdb");
    drop(context.warehouse);
    let other = Warehouse::open(&settings(&context.directory.path().join("other.duckdb"))).unwrap();
    let attach = format!("ATTACH '{}' AS elsewhere", path.display());
    other.query(&attach).unwrap().for_each(drop);
    let rows = table(other.query("SELECT id FROM elsewhere.main.users").unwrap());
    assert_eq!(rows, "1\n3\n4");
}

#[test]
fn broken_laws_are_named_and_change_nothing() {
    let context = Context::new();
    let table = users(Deleted::Close);
    two_days(&context, &table);
    let before = history(&context);
    let key = |key: &str| (table.name.clone(), key.to_owned());
    let law = |rows: &[(i8, i64, Option<&str>)], effective| match apply(
        &context, &table, rows, effective,
    ) {
        Err(LoadError::Law(law)) => law,
        other => panic!("{other:?}"),
    };
    let (name, text) = key("1");
    assert_eq!(
        law(&[(SUPERSEDED, 1, None), (CLOSED, 1, None)], day(3)),
        LawError::DuplicateKey {
            table: name,
            key: text
        }
    );
    let (name, text) = key("2");
    assert_eq!(
        law(&[(SUPERSEDED, 2, None)], day(3)),
        LawError::NotOpen {
            table: name,
            key: text
        }
    );
    let (name, text) = key("9");
    assert_eq!(
        law(&[(CLOSED, 9, None)], day(3)),
        LawError::NotOpen {
            table: name,
            key: text
        }
    );
    let (name, text) = key("3");
    assert_eq!(
        law(&[(OPENED, 3, None)], day(3)),
        LawError::AlreadyOpen {
            table: name,
            key: text
        }
    );
    let (name, text) = key("3");
    assert_eq!(
        law(&[(7, 3, None)], day(3)),
        LawError::UnknownChange {
            table: name,
            key: text,
            change: "7".to_owned()
        }
    );
    assert_eq!(
        law(&[(SUPERSEDED, 3, None)], day(2)).to_string(),
        "the effective time 2026-01-02 00:00:00 is not after 2026-01-02 00:00:00, the newest in `users`"
    );
    let null = context.stage(batch(&[
        ("change", changes([OPENED])),
        ("id", arrow_array::new_null_array(&DataType::Int64, 1)),
        ("postcode", texts([None])),
    ]));
    let load = context.warehouse.begin().unwrap();
    assert!(matches!(
        load.apply_snapshot(&table, &null, day(3)).unwrap_err(),
        LoadError::Law(LawError::NullKey { .. })
    ));
    drop(load);
    assert_eq!(history(&context), before);

    context.query("INSERT INTO users_history VALUES (1, 'x', '2026-01-02', NULL)");
    let (name, text) = key("1");
    assert_eq!(
        law(&[(CLOSED, 1, None)], day(3)),
        LawError::SeveralOpen {
            table: name,
            key: text,
            versions: 2
        }
    );
}

#[test]
fn a_stage_must_have_the_columns() {
    let context = Context::new();
    let table = users(Deleted::Close);
    let load = context.warehouse.begin().unwrap();
    let other = context.stage(batch(&[
        ("change", changes([0])),
        ("id", ints([1])),
        ("name", texts([None])),
    ]));
    assert_eq!(
        load.apply_snapshot(&table, &other, day(1))
            .unwrap_err()
            .to_string(),
        "table `users_history` has other columns: `name` missing, `postcode` not declared"
    );
    let other = context.stage(batch(&[
        ("change", ints([0])),
        ("id", ints([1])),
        ("postcode", texts([None])),
    ]));
    assert!(matches!(
        load.apply_snapshot(&table, &other, day(1)).unwrap_err(),
        LoadError::Type { .. }
    ));
}

#[test]
fn an_empty_history_is_filled_at_once() {
    for deleted in [Deleted::Close, Deleted::Record] {
        let context = Context::new();
        let table = users(deleted);
        let rows = |ids: ArrayRef| batch(&[("postcode", texts([Some("N1"), None])), ("id", ids)]);
        let fill = |ids| {
            let load = context.warehouse.begin()?;
            let opened = load.open_all(&table, reader(rows(ids)), day(1))?;
            load.commit()?;
            Ok::<_, LoadError>(opened)
        };
        assert!(
            matches!(fill(ints([1, 1])).unwrap_err(), LoadError::Law(LawError::DuplicateKey { key, .. }) if key == "1")
        );
        let nulls = arrow_array::new_null_array(&DataType::Int64, 2);
        assert!(matches!(
            fill(nulls).unwrap_err(),
            LoadError::Law(LawError::NullKey { .. })
        ));
        assert_eq!(fill(ints([1, 2])).unwrap(), 2);
        let end = if deleted == Deleted::Record {
            " | false"
        } else {
            ""
        };
        assert_eq!(
            history(&context),
            format!("1 | N1 | 01 | null{end}\n2 | null | 01 | null{end}")
        );
        assert!(matches!(
            fill(ints([3, 4])).unwrap_err(),
            LoadError::Law(LawError::NotEmpty { .. })
        ));
        apply(&context, &table, &[(CLOSED, 1, None)], day(2)).unwrap();
    }
}

#[test]
fn keys_that_are_no_integers_are_checked_as_well() {
    let context = Context::new();
    let table = SnapshotTable {
        name: "words".to_owned(),
        key: fields(&[("word", DataType::Utf8)]),
        payload: fields(&[("n", DataType::Int64)]),
        deleted: Deleted::Close,
    };
    let fill = |words: [Option<&str>; 2]| {
        let rows = batch(&[("word", texts(words)), ("n", ints([1, 1]))]);
        let load = context.warehouse.begin()?;
        let opened = load.open_all(&table, reader(rows), day(1))?;
        load.commit()?;
        Ok::<_, LoadError>(opened)
    };
    let twice = fill([Some("a"), Some("a")]).unwrap_err();
    assert!(matches!(twice, LoadError::Law(LawError::DuplicateKey { key, .. }) if key == "a"));
    let null = fill([Some("a"), None]).unwrap_err();
    assert!(matches!(null, LoadError::Law(LawError::NullKey { .. })));
    assert_eq!(fill([Some("a"), Some("b")]).unwrap(), 2);
}

#[test]
fn keys_may_have_several_columns_and_there_may_be_no_payload() {
    let context = Context::new();
    let table = SnapshotTable {
        name: "pairs".to_owned(),
        key: fields(&[("a", DataType::Utf8), ("b", DataType::Date32)]),
        payload: Vec::new(),
        deleted: Deleted::Close,
    };
    let days: ArrayRef = std::sync::Arc::new(arrow_array::Date32Array::from(vec![0, 1]));
    let stage = |change: i8| {
        context.stage(batch(&[
            ("change", changes([change, change])),
            ("a", texts([Some("x"), Some("x")])),
            ("b", std::sync::Arc::clone(&days)),
        ]))
    };
    for (change, effective) in [(OPENED, day(1)), (CLOSED, day(2)), (OPENED, day(3))] {
        let stage = stage(change);
        let load = context.warehouse.begin().unwrap();
        load.apply_snapshot(&table, &stage, effective).unwrap();
        load.commit().unwrap();
    }
    assert_eq!(
        context.query("SELECT a, b FROM pairs"),
        "x | 1970-01-01\nx | 1970-01-02"
    );
    assert_eq!(context.query("SELECT count(*) FROM pairs_history"), "4");
    let load = context.warehouse.begin().unwrap();
    let error = load
        .apply_snapshot(&table, &stage(OPENED), day(4))
        .unwrap_err();
    assert!(
        matches!(error, LoadError::Law(LawError::AlreadyOpen { key, .. }) if key.starts_with("x, 1970-01-0"))
    );
}
