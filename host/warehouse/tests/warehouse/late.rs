//! Extracts in any order make the history that they make in order.

use std::{collections::BTreeMap, fmt::Write};

use arrow_array::{Array, Int64Array, StringArray, cast::AsArray, types::Int64Type};
use arrow_schema::DataType;
use proptest::{collection::vec, prelude::*};
use wigeon_warehouse::{Deleted, LawError, LoadError, SnapshotTable};

use crate::support::{Context, batch, changes, day, fields, ints, texts};

type Extract = BTreeMap<i64, Option<String>>;

fn users(deleted: Deleted) -> SnapshotTable {
    SnapshotTable {
        name: "users".to_owned(),
        key: fields(&[("id", DataType::Int64)]),
        payload: fields(&[("postcode", DataType::Utf8)]),
        deleted,
    }
}

/// Applies extracts, whose number is their day, in the order given, as the engine would.
fn apply(context: &Context, table: &SnapshotTable, extracts: &[Extract], order: &[usize]) {
    let mut accepted: Vec<usize> = Vec::new();
    for index in order.iter().copied() {
        let effective = day(u32::try_from(index).unwrap() + 1);
        let versions = if accepted.is_empty() {
            Extract::new()
        } else {
            versions_at(context, table, effective)
        };
        let rows = difference(&versions, &extracts[index]);
        let stage = context.stage(batch(&[
            ("change", changes(rows.iter().map(|row| row.0))),
            (
                table.key[0].name().as_str(),
                ints(rows.iter().map(|row| row.1)),
            ),
            (
                table.payload[0].name().as_str(),
                texts(rows.iter().map(|row| row.2.as_deref())),
            ),
        ]));
        let load = context.warehouse.begin().unwrap();
        match accepted.iter().filter(|other| **other > index).min() {
            None => load.apply_snapshot(table, &stage, effective).unwrap(),
            Some(next) => {
                let next = day(u32::try_from(*next).unwrap() + 1);
                load.apply_late_snapshot(table, &stage, effective, next)
                    .unwrap()
            }
        };
        load.commit().unwrap();
        accepted.push(index);
    }
}

fn versions_at(context: &Context, table: &SnapshotTable, time: chrono::NaiveDateTime) -> Extract {
    let mut versions = Extract::new();
    let streams = context.warehouse.versions_at(table, time, 2).unwrap();
    for batch in streams.into_iter().flatten() {
        let batch = batch.unwrap();
        let ids: &Int64Array = batch.column(0).as_primitive::<Int64Type>();
        let postcodes: &StringArray = batch.column(1).as_string();
        for row in 0..batch.num_rows() {
            let postcode = postcodes
                .is_valid(row)
                .then(|| postcodes.value(row).to_owned());
            assert!(
                versions.insert(ids.value(row), postcode).is_none(),
                "two versions at a time"
            );
        }
    }
    versions
}

fn difference(versions: &Extract, extract: &Extract) -> Vec<(i8, i64, Option<String>)> {
    let mut rows = Vec::new();
    for (id, postcode) in extract {
        match versions.get(id) {
            None => rows.push((0, *id, postcode.clone())),
            Some(version) if version != postcode => rows.push((1, *id, postcode.clone())),
            Some(_) => {}
        }
    }
    for id in versions.keys().filter(|id| !extract.contains_key(id)) {
        rows.push((2, *id, None));
    }
    rows
}

/// What the history should be, without a database.
fn expected(extracts: &[Extract], deleted: Deleted) -> String {
    let mut lines = Vec::new();
    for id in 0..KEYS {
        let mut state: Option<(Option<String>, bool)> = None;
        let mut begin = 0;
        let mut end = |state: &Option<(Option<String>, bool)>, begin: usize, end: Option<usize>| {
            if let Some((postcode, is_deleted)) = state {
                let date = |index: usize| format!("2026-01-{:02}", index + 1);
                let mut line = format!(
                    "{id} | {} | {} | {}",
                    postcode.as_deref().unwrap_or("null"),
                    date(begin),
                    end.map_or("null".to_owned(), date)
                );
                if deleted == Deleted::Record {
                    write!(line, " | {is_deleted}").unwrap();
                }
                lines.push(line);
            }
        };
        for (index, extract) in extracts.iter().enumerate() {
            let next = match (extract.get(&id), &state) {
                (Some(postcode), _) => Some((postcode.clone(), false)),
                (None, Some((postcode, _))) if deleted == Deleted::Record => {
                    Some((postcode.clone(), true))
                }
                (None, _) => None,
            };
            if next != state {
                end(&state, begin, Some(index));
                (state, begin) = (next, index);
            }
        }
        end(&state, begin, None);
    }
    lines.sort();
    lines.join("\n")
}

const KEYS: i64 = 4;

fn history(context: &Context) -> String {
    context.query("SELECT * REPLACE (valid_from::DATE AS valid_from, valid_to::DATE AS valid_to) FROM users_history")
}

fn extract() -> impl Strategy<Value = Extract> {
    let postcode = prop_oneof![
        Just(None),
        Just(Some("A".to_owned())),
        Just(Some("B".to_owned()))
    ];
    vec(
        proptest::option::weighted(0.7, postcode),
        usize::try_from(KEYS).unwrap(),
    )
    .prop_map(|rows| {
        (0..)
            .zip(rows)
            .filter_map(|(id, row)| Some((id, row?)))
            .collect()
    })
}

fn extracts_and_order() -> impl Strategy<Value = (Vec<Extract>, Vec<usize>)> {
    vec(extract(), 1..7).prop_flat_map(|extracts| {
        let order: Vec<_> = (0..extracts.len()).collect();
        (Just(extracts), Just(order).prop_shuffle())
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_order_of_arrival_does_not_show((extracts, order) in extracts_and_order(), record in any::<bool>()) {
        let deleted = if record { Deleted::Record } else { Deleted::Close };
        let context = Context::new();
        apply(&context, &users(deleted), &extracts, &order);
        prop_assert_eq!(history(&context), expected(&extracts, deleted));
    }
}

#[test]
fn extracts_in_order_make_the_expected_history() {
    let extract = |rows: &[(i64, &str)]| -> Extract {
        rows.iter()
            .map(|(id, postcode)| (*id, Some((*postcode).to_owned())))
            .collect()
    };
    let extracts = [
        extract(&[(1, "A"), (2, "B")]),
        extract(&[(1, "A")]),
        extract(&[(1, "B"), (2, "B"), (3, "A")]),
    ];
    for (deleted, lines) in [(Deleted::Close, 5), (Deleted::Record, 6)] {
        let context = Context::new();
        apply(&context, &users(deleted), &extracts, &[0, 1, 2]);
        assert_eq!(history(&context), expected(&extracts, deleted));
        assert_eq!(history(&context).lines().count(), lines);
    }
}

#[test]
fn a_late_extract_must_lie_between_its_neighbours() {
    let context = Context::new();
    let table = users(Deleted::Close);
    let one = |postcode: &str| Extract::from([(1, Some(postcode.to_owned()))]);
    let extracts = [one("A"), one("A"), one("B"), one("C"), one("D")];
    apply(&context, &table, &extracts, &[0, 2, 3]);
    let before = history(&context);
    let try_late = |change: i8, id: i64, effective: u32, next: u32| {
        let stage = context.stage(batch(&[
            ("change", changes([change])),
            ("id", ints([id])),
            ("postcode", texts([Some("X")])),
        ]));
        let load = context.warehouse.begin().unwrap();
        match load.apply_late_snapshot(&table, &stage, day(effective), day(next)) {
            Err(LoadError::Law(law)) => law,
            other => panic!("{other:?}"),
        }
    };
    match try_late(1, 1, 2, 4) {
        LawError::NotBetween { found, .. } => assert_eq!(found, day(3)),
        law => panic!("{law}"),
    }
    assert!(matches!(try_late(1, 1, 3, 4), LawError::NotBetween { found, .. } if found == day(3)));
    assert!(matches!(try_late(1, 1, 3, 2), LawError::NotBetween { .. }));
    assert!(matches!(try_late(0, 1, 2, 3), LawError::AlreadyOpen { .. }));
    assert!(matches!(try_late(2, 7, 2, 3), LawError::NotOpen { .. }));
    assert_eq!(history(&context), before);
    let ignoring = users(Deleted::Ignore);
    let stage = context.stage(batch(&[
        ("change", changes([0])),
        ("id", ints([1])),
        ("postcode", texts([None])),
    ]));
    let load = context.warehouse.begin().unwrap();
    let error = load
        .apply_late_snapshot(&ignoring, &stage, day(2), day(3))
        .unwrap_err();
    assert!(matches!(
        error,
        LoadError::Law(LawError::LateIgnored { .. })
    ));
}

/// What the statements work out has names as well, and none of them takes a column's place.
#[test]
fn columns_may_have_the_names_of_what_is_worked_out() {
    let extract = |rows: &[(i64, &str)]| -> Extract {
        let rows = rows
            .iter()
            .map(|(id, text)| (*id, Some((*text).to_owned())));
        rows.collect()
    };
    let extracts = [
        extract(&[(0, "A"), (1, "A"), (2, "A")]),
        extract(&[(0, "B"), (1, "A")]),
        extract(&[(0, "B"), (2, "A"), (3, "B")]),
    ];
    for deleted in [Deleted::Close, Deleted::Record] {
        for (key, payload) in [
            ("a_row", "same"),
            ("same", "x_0"),
            ("x_exists", "ended"),
            ("ended", "places"),
            ("s", "h"),
            ("w", "t"),
        ] {
            let context = Context::new();
            let table = SnapshotTable {
                key: fields(&[(key, DataType::Int64)]),
                payload: fields(&[(payload, DataType::Utf8)]),
                ..users(deleted)
            };
            apply(&context, &table, &extracts, &[0, 2, 1]);
            let due = expected(&extracts, deleted);
            assert_eq!(history(&context), due, "{key}, {payload}, {deleted:?}");
        }
    }
}
