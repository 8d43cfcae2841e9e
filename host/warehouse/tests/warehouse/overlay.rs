//! Overlays: entries instead of updated rows, the view that applies them, and folding them in.

use std::{sync::Arc, thread};

use arrow_array::{ArrayRef, RecordBatch, TimestampMicrosecondArray};
use chrono::{DateTime, Utc};
use duckdb::Connection;
use wigeon_warehouse::{FROM_COLUMN, LoadError, OverlayShape, Settings, Warehouse};

use crate::support::{Context, batch, day, ints, reader, settings, table, texts};

const VIEWS: &str = "select user_id, viewed_at::date as d, url, postcode from views";

fn times(times: impl IntoIterator<Item = i64>) -> ArrayRef {
    Arc::new(TimestampMicrosecondArray::from_iter_values(times))
}

fn on(number: u32) -> i64 {
    day(number).and_utc().timestamp_micros()
}

const BEFORE_ALL: i64 = -i64::MAX;

/// Views of users on days.
fn views(views: &[(i64, u32)]) -> RecordBatch {
    batch(&[
        ("user_id", ints(views.iter().map(|(user, _)| *user))),
        ("viewed_at", times(views.iter().map(|(_, at)| on(*at)))),
        ("url", texts(views.iter().map(|_| Some("/")))),
        ("postcode", texts(views.iter().map(|_| Some("old")))),
    ])
}

fn shape() -> OverlayShape {
    OverlayShape {
        key: vec!["user_id".to_owned()],
        event_time: "viewed_at".to_owned(),
        set: vec!["postcode".to_owned()],
        maker: "test".to_owned(),
    }
}

fn since() -> DateTime<Utc> {
    day(1).and_utc()
}

/// What users have from a time on.
fn merge(
    warehouse: &Warehouse,
    shape: &OverlayShape,
    entries: &[(i64, i64, Option<&str>)],
) -> Result<u64, LoadError> {
    let stage = warehouse.stage(reader(batch(&[
        ("user_id", ints(entries.iter().map(|(user, ..)| *user))),
        (FROM_COLUMN, times(entries.iter().map(|(_, from, _)| *from))),
        (
            "postcode",
            texts(entries.iter().map(|(_, _, postcode)| *postcode)),
        ),
    ])))?;
    let load = warehouse.begin()?;
    let merged = load.merge_overlay("views", shape, &stage, since())?;
    load.commit()?;
    Ok(merged)
}

fn fold(warehouse: &Warehouse) -> Result<u64, LoadError> {
    let mut rows = 0;
    for part in warehouse.fold_parts("views", &shape()).unwrap() {
        let load = warehouse.begin()?;
        rows += load.fold_part("views", &shape(), &part)?;
        load.commit()?;
        warehouse.checkpoint().unwrap();
    }
    let load = warehouse.begin()?;
    load.end_overlay("views")?;
    load.commit()?;
    Ok(rows)
}

fn context() -> Context {
    let context = Context::new();
    context.append(
        "views",
        views(&[(1, 1), (1, 2), (1, 3), (2, 1), (2, 3), (3, 1)]),
    );
    context
}

fn names(context: &Context) -> String {
    context.query("select table_name from information_schema.tables where table_schema = 'main'")
}

#[test]
fn a_row_is_shown_once_however_many_entries_there_are() {
    for users in [65_535, 65_536] {
        let context = Context::new();
        context.append(
            "views",
            views(&(0..users).map(|user| (user, 1)).collect::<Vec<_>>()),
        );
        let entries: Vec<_> = (0..users)
            .map(|user| (user, BEFORE_ALL, Some("new")))
            .collect();
        merge(&context.warehouse, &shape(), &entries).unwrap();
        assert_eq!(
            context.query(
                "select postcode, count(*), count(distinct user_id) from views group by all"
            ),
            format!("new | {users} | {users}")
        );
    }
}

#[test]
fn a_row_is_shown_once_whatever_its_key_is_called_and_its_time_is() {
    const INFINITY: i64 = i64::MAX;
    let context = Context::new();
    let warehouse = &context.warehouse;
    let shape = OverlayShape {
        key: vec!["range".to_owned()],
        ..shape()
    };
    context.append(
        "views",
        batch(&[
            ("range", ints([1, 1, 1, 2])),
            ("viewed_at", times([BEFORE_ALL, on(1), INFINITY, INFINITY])),
            ("postcode", texts([Some("old"); 4])),
        ]),
    );
    let entries = warehouse.stage(reader(batch(&[
        ("range", ints([1, 1])),
        (FROM_COLUMN, times([BEFORE_ALL, on(1)])),
        ("postcode", texts([Some("new"), None])),
    ])));
    let load = warehouse.begin().unwrap();
    let merged = load.merge_overlay("views", &shape, &entries.unwrap(), since());
    assert_eq!(merged.unwrap(), 2);
    load.commit().unwrap();
    assert_eq!(
        context.query("select * replace (viewed_at::varchar as viewed_at) from views"),
        "\
1 | -infinity | new
1 | 2026-01-01 00:00:00 | null
1 | infinity | null
2 | infinity | old"
    );
}

/// A row whose key agrees in part with that of an entry is not its own, and each column gets its value.
#[test]
fn keys_of_several_columns_and_several_set_columns_are_told_apart() {
    let context = Context::new();
    let warehouse = &context.warehouse;
    let shape = OverlayShape {
        key: vec!["Order \"No\"".to_owned(), "shop".to_owned()],
        event_time: "At".to_owned(),
        set: vec!["Then".to_owned(), "now".to_owned()],
        maker: "test".to_owned(),
    };
    context.append(
        "views",
        batch(&[
            ("Order \"No\"", ints([1, 1, 2, 2, 1])),
            ("shop", texts(["a", "b", "a", "b", "a"].map(Some))),
            ("At", times([1, 1, 1, 1, 3].map(on))),
            ("Then", texts([Some("then"); 5])),
            ("now", ints([10, 20, 30, 40, 50])),
        ]),
    );
    let entries = batch(&[
        ("Order \"No\"", ints([1, 1, 2])),
        ("shop", texts(["a", "a", "b"].map(Some))),
        (FROM_COLUMN, times([BEFORE_ALL, on(2), BEFORE_ALL])),
        ("Then", texts([None, Some("since"), Some("ever")])),
        ("now", ints([7, 7, 8])),
    ]);
    let stage = warehouse.stage(reader(entries)).unwrap();
    let load = warehouse.begin().unwrap();
    let merged = load.merge_overlay("views", &shape, &stage, since());
    assert_eq!(merged.unwrap(), 3);
    load.commit().unwrap();
    let shown = || context.query("select * exclude (\"At\"), day(\"At\") from views order by all");
    let expected = "\
1 | a | null | 7 | 1
1 | a | since | 7 | 3
1 | b | then | 20 | 1
2 | a | then | 30 | 1
2 | b | ever | 8 | 1";
    assert_eq!(shown(), expected);

    for part in warehouse.fold_parts("views", &shape).unwrap() {
        let load = warehouse.begin().unwrap();
        load.fold_part("views", &shape, &part).unwrap();
        load.commit().unwrap();
    }
    let load = warehouse.begin().unwrap();
    load.end_overlay("views").unwrap();
    load.commit().unwrap();
    assert_eq!(shown(), expected);
}

#[test]
fn entries_say_what_rows_hold_and_a_fold_writes_it() {
    let context = context();
    let warehouse = &context.warehouse;
    assert_eq!(warehouse.overlay("views").unwrap(), None);
    let entries = [
        // Until day 2 as it was, which neighbours that are the same do not divide.
        (1, BEFORE_ALL, Some("old")),
        (1, on(1), Some("old")),
        (1, on(2), Some("new")),
        // A key whose rows all become null.
        (2, BEFORE_ALL, None),
        // A key without rows.
        (9, BEFORE_ALL, Some("nine")),
    ];
    assert_eq!(merge(warehouse, &shape(), &entries).unwrap(), 4);
    let found = warehouse.overlay("views").unwrap().unwrap();
    assert_eq!(
        (found.shape, found.entries, found.since),
        (shape(), 4, since())
    );
    let expected = "\
1 | 2026-01-01 | / | old
1 | 2026-01-02 | / | new
1 | 2026-01-03 | / | new
2 | 2026-01-01 | / | null
2 | 2026-01-03 | / | null
3 | 2026-01-01 | / | old";
    assert_eq!(context.query(VIEWS), expected);
    assert_eq!(
        names(&context),
        "views\nwigeon_base_views\nwigeon_overlay_views"
    );
    assert_eq!(warehouse.count_rows("views").unwrap(), 6);
    assert!(!warehouse.has_nulls("views", "viewed_at").unwrap());
    assert!(!warehouse.has_nulls("views", "postcode").unwrap());

    // The one that is as it was is written, too.
    assert_eq!(fold(warehouse).unwrap(), 5);
    assert_eq!(context.query(VIEWS), expected);
    assert_eq!(names(&context), "views");
    assert_eq!(warehouse.overlay("views").unwrap(), None);
    assert!(warehouse.has_nulls("views", "postcode").unwrap());
}

/// The row with the latest time is deleted where it was, and is in a row group of its own then.
#[test]
fn entries_end_at_the_latest_event_also_after_a_fold() {
    let context = Context::new();
    let seconds = |second: i64| second * 1_000_000;
    let users: Vec<_> = (0..3_000).map(|row| (1, row)).chain([(2, 9_000)]).collect();
    context.append(
        "views",
        batch(&[
            ("user_id", ints(users.iter().map(|(user, _)| *user))),
            ("viewed_at", times(users.iter().map(|(_, at)| seconds(*at)))),
            ("postcode", texts(users.iter().map(|_| Some("old")))),
        ]),
    );
    let warehouse = &context.warehouse;
    merge(warehouse, &shape(), &[(2, BEFORE_ALL, Some("new"))]).unwrap();
    assert_eq!(fold(warehouse).unwrap(), 1);
    merge(warehouse, &shape(), &[(1, BEFORE_ALL, Some("new"))]).unwrap();
    assert_eq!(
        context.query("SELECT epoch_us(wigeon_until) FROM wigeon_overlay_views"),
        seconds(9_000).to_string()
    );
}

#[test]
fn rows_are_loaded_into_a_table_with_an_overlay() {
    let context = context();
    merge(
        &context.warehouse,
        &shape(),
        &[(1, BEFORE_ALL, Some("new"))],
    )
    .unwrap();
    // A late row is one of those that the entry is about; newer ones bring what holds by then.
    context.append("views", views(&[(1, 2), (1, 4), (4, 4)]));
    assert_eq!(
        context.query(
            "select user_id, postcode from views where user_id = 1 and viewed_at < '2026-01-04'"
        ),
        "1 | new\n1 | new\n1 | new\n1 | new"
    );
    assert_eq!(
        context.query("select user_id, postcode from views where viewed_at >= '2026-01-04'"),
        "1 | old\n4 | old"
    );
    let other = batch(&[("user_id", ints([1]))]);
    let load = context.warehouse.begin().unwrap();
    let refused = load.append("views", reader(other)).unwrap_err();
    // By the name that the step gave it.
    assert!(
        matches!(&refused, LoadError::Columns { table, .. } if table == "views"),
        "{refused}"
    );
}

#[test]
fn new_entries_of_a_key_replace_all_its_old_ones() {
    let context = context();
    let warehouse = &context.warehouse;
    let old = [
        (1, BEFORE_ALL, Some("a")),
        (1, on(2), Some("b")),
        (1, on(3), Some("c")),
        (2, BEFORE_ALL, Some("d")),
    ];
    assert_eq!(merge(warehouse, &shape(), &old).unwrap(), 4);
    let new = [(1, BEFORE_ALL, Some("e"))];
    assert_eq!(merge(warehouse, &shape(), &new).unwrap(), 2);
    assert_eq!(
        context.query("select user_id, postcode from views"),
        "1 | e\n1 | e\n1 | e\n2 | d\n2 | d\n3 | old"
    );
}

#[test]
fn bounds_are_inclusive_below_and_exclusive_above_to_the_microsecond() {
    let context = Context::new();
    let at = [on(2) - 1, on(2), on(3) - 1, on(3), i64::MAX, BEFORE_ALL];
    let count = i64::try_from(at.len()).unwrap();
    context.append(
        "views",
        batch(&[
            ("user_id", ints(at.map(|_| 1))),
            ("viewed_at", times(at)),
            ("place", ints(0..count)),
            ("postcode", texts(at.map(|_| Some("old")))),
        ]),
    );
    let entries = [
        (1, BEFORE_ALL, Some("a")),
        (1, on(2), Some("b")),
        (1, on(3), Some("c")),
    ];
    merge(&context.warehouse, &shape(), &entries).unwrap();
    let rows = "select place, postcode from views";
    let expected = "0 | a\n1 | b\n2 | b\n3 | c\n4 | c\n5 | a";
    assert_eq!(context.query(rows), expected);
    assert_eq!(fold(&context.warehouse).unwrap(), 6);
    assert_eq!(context.query(rows), expected);
}

#[test]
fn an_overlay_of_another_shape_is_refused() {
    let context = context();
    merge(&context.warehouse, &shape(), &[(1, BEFORE_ALL, Some("a"))]).unwrap();
    let other = OverlayShape {
        maker: "another".to_owned(),
        ..shape()
    };
    let refused = merge(&context.warehouse, &other, &[(1, BEFORE_ALL, Some("b"))]);
    assert!(matches!(refused, Err(LoadError::Overlay { table }) if table == "views"));
    assert_eq!(
        context.query("select distinct postcode from views where user_id = 1"),
        "a"
    );
}

/// Two fifths of the least memory there is, 64 MiB, have the marks of three million rows.
#[test]
fn a_large_table_is_folded_in_parts_that_can_be_repeated() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("large.duckdb");
    let settings = Settings {
        memory_limit_mib: 64,
        ..settings(&path)
    };
    let warehouse = Warehouse::open(&settings).unwrap();
    let rows = 9_000_000;
    for part in 0..6 {
        let load = warehouse.begin().unwrap();
        let numbers = (part * rows / 6)..((part + 1) * rows / 6);
        let batch = batch(&[
            ("user_id", ints(numbers.clone().map(|row| row % 1_000))),
            (
                "viewed_at",
                times(numbers.clone().map(|row| row * 1_000_000)),
            ),
            ("postcode", texts(numbers.map(|_| Some("old")))),
        ]);
        load.append("views", reader(batch)).unwrap();
        load.commit().unwrap();
    }
    let moved_at = rows / 2 * 1_000_000;
    let entries: Vec<_> = (0..1_000)
        .step_by(100)
        .flat_map(|user| {
            [
                (user, BEFORE_ALL, Some("old")),
                (user, moved_at, Some("new")),
            ]
        })
        .collect();
    merge(&warehouse, &shape(), &entries).unwrap();
    let counts = "select postcode, count(*), sum(user_id) from views group by all";
    let expected = table(warehouse.query(counts).unwrap());
    let parts = warehouse.fold_parts("views", &shape()).unwrap();
    assert!((3..8).contains(&parts.len()), "{parts:?}");
    let fold_part = |part| {
        let load = warehouse.begin().unwrap();
        let rows = load.fold_part("views", &shape(), part).unwrap();
        load.commit().unwrap();
        warehouse.checkpoint().unwrap();
        rows
    };
    // As if the process had been killed between the parts, and begun anew.
    let folded: u64 = parts.iter().skip(1).map(fold_part).sum();
    assert_eq!(table(warehouse.query(counts).unwrap()), expected);
    // All rows of the second half that have an entry are new, and of the first part's none was looked at,
    // which has a third of the rows, more or less.
    let new = "select count(*), sum(user_id) from wigeon_base_views where postcode = 'new'";
    assert_eq!(table(warehouse.query(new).unwrap()), "45000 | 20250000");
    assert!((45_000..75_000).contains(&folded), "{folded}");
    let again: u64 = parts.iter().map(fold_part).sum();
    assert_eq!(again, 0);
    let load = warehouse.begin().unwrap();
    load.end_overlay("views").unwrap();
    load.commit().unwrap();
    assert_eq!(table(warehouse.query(counts).unwrap()), expected);
    assert_eq!(
        expected,
        "new | 45000 | 20250000\nold | 8955000 | 4475250000"
    );
}

/// The file is read by any DuckDB, under any name, also before its log was checkpointed.
#[test]
fn the_view_holds_in_a_file_attached_by_another_name() {
    let context = context();
    merge(
        &context.warehouse,
        &shape(),
        &[(1, BEFORE_ALL, Some("new"))],
    )
    .unwrap();
    let path = context.path("test.duckdb");
    let copy = context.path("copy.duckdb");
    // What a killed process leaves: the file, and the log beside it.
    fs_err::copy(&path, &copy).unwrap();
    fs_err::copy(
        context.path("test.duckdb.wal"),
        context.path("copy.duckdb.wal"),
    )
    .unwrap();
    let count = |statements: &[&str]| -> i64 {
        let connection = Connection::open_in_memory().unwrap();
        connection
            .execute_batch(&format!("ATTACH '{}' AS elsewhere", copy.display()))
            .unwrap();
        for statement in statements {
            connection.execute_batch(statement).unwrap();
        }
        let query = "SELECT count(*) FROM elsewhere.views WHERE postcode = 'new'";
        connection.query_row(query, [], |row| row.get(0)).unwrap()
    };
    assert_eq!(count(&[]), 3);
    assert_eq!(count(&["USE elsewhere", "CHECKPOINT"]), 3);
}

/// Its readers see the table as it was before, or as it is after.
#[test]
fn readers_may_read_on_while_an_overlay_begins_and_ends() {
    let context = context();
    let warehouse = &context.warehouse;
    thread::scope(|scope| {
        let reading = scope.spawn(|| {
            for _ in 0..40 {
                let rows = context.query("select distinct postcode from views where user_id = 1");
                assert!(rows == "old" || rows == "new", "{rows}");
            }
        });
        merge(warehouse, &shape(), &[(1, BEFORE_ALL, Some("new"))]).unwrap();
        let part = warehouse.fold_parts("views", &shape()).unwrap()[0];
        let load = warehouse.begin().unwrap();
        load.fold_part("views", &shape(), &part).unwrap();
        load.commit().unwrap();
        let load = warehouse.begin().unwrap();
        load.end_overlay("views").unwrap();
        load.commit().unwrap();
        reading.join().unwrap();
    });
}
