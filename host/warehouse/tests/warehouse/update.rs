//! Rows of changed keys, rewritten in place.

use std::sync::Arc;

use arrow_array::{cast::AsArray, types::Int64Type};
use wigeon_warehouse::{LawError, LoadError, ROWID_COLUMN};

use crate::support::{Context, batch, ints, table, texts};

fn context() -> Context {
    let context = Context::new();
    let users = (0..300_000).map(|row| row % 1000);
    context.append(
        "views",
        batch(&[
            ("user_id", ints(users)),
            ("url", texts((0..300_000).map(|_| Some("/")))),
            ("postcode", texts((0..300_000).map(|_| Some("SW19")))),
        ]),
    );
    context
}

#[test]
fn rows_of_keys_are_found_and_set() {
    let context = context();
    let keys = context.stage(batch(&[
        ("id", ints([7, 8, 5000])),
        ("postcode", texts([Some("SW20"), None, None])),
    ]));
    let stream = context
        .warehouse
        .table_rows_of_keys(
            "views",
            &keys,
            &[("user_id", "id")],
            &["user_id", "postcode"],
        )
        .unwrap();
    // Held by the stream.
    drop(keys);
    assert_eq!(stream.schema().field(0).name(), ROWID_COLUMN);
    let rows: Vec<_> = stream.map(Result::unwrap).collect();
    assert_eq!(
        rows.iter()
            .map(arrow_array::RecordBatch::num_rows)
            .sum::<usize>(),
        600
    );

    let rowids = arrow_select::concat::concat_batches(&rows[0].schema(), &rows).unwrap();
    let users = rowids.column(1).as_primitive::<Int64Type>().values();
    let postcodes = texts(users.iter().map(|user| (*user == 7).then_some("SW20")));
    let stage = context.stage(batch(&[
        (ROWID_COLUMN, Arc::clone(rowids.column(0))),
        ("postcode", postcodes),
    ]));
    let load = context.warehouse.begin().unwrap();
    assert_eq!(
        load.update_by_rowid("views", &stage, &["postcode"])
            .unwrap(),
        600
    );
    assert_eq!(
        context.query("SELECT count(*) FROM views WHERE postcode <> 'SW19'"),
        "0"
    );
    load.commit().unwrap();
    context.warehouse.checkpoint().unwrap();
    assert_eq!(
        context.query(
            "SELECT postcode, url, count(*), min(user_id), max(user_id) FROM views GROUP BY ALL"
        ),
        "SW19 | / | 299400 | 0 | 999\nSW20 | / | 300 | 7 | 7\nnull | / | 300 | 8 | 8"
    );
}

#[test]
fn row_ids_must_be_those_of_rows() {
    let context = context();
    let load = context.warehouse.begin().unwrap();
    for (rowids, found) in [([1, 1], 1), ([1, 300_000], 1), ([-1, 400_000], 0)] {
        let stage = context.stage(batch(&[
            (ROWID_COLUMN, ints(rowids)),
            ("url", texts([None, None])),
        ]));
        match load.update_by_rowid("views", &stage, &["url"]).unwrap_err() {
            LoadError::Law(LawError::Rowids {
                table,
                expected,
                found: rows,
            }) => {
                assert_eq!((table.as_str(), expected, rows), ("views", 2, found));
            }
            error => panic!("{error}"),
        }
    }
    let none = context.stage(batch(&[(ROWID_COLUMN, ints([])), ("url", texts([]))]));
    assert_eq!(load.update_by_rowid("views", &none, &["url"]).unwrap(), 0);
}

#[test]
fn keys_of_several_columns_are_matched_without_nulls() {
    let context = Context::new();
    let rows = batch(&[
        ("a", texts([Some("x"), Some("x"), None, Some("y")])),
        ("b", ints([1, 2, 1, 1])),
        ("wert", ints([10, 20, 30, 40])),
    ]);
    context.append("t", rows);
    let keys = context.stage(batch(&[
        ("k1", texts([Some("x"), None, Some("x")])),
        ("k2", ints([1, 1, 1])),
    ]));
    let stream =
        context
            .warehouse
            .table_rows_of_keys("t", &keys, &[("a", "k1"), ("b", "k2")], &["wert"]);
    assert_eq!(table(stream.unwrap()), "0 | 10");
}
