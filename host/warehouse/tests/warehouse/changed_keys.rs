//! The law of change detection.

use arrow_schema::DataType;
use wigeon_warehouse::{Deleted, LawError, LoadError, SnapshotTable};

use crate::support::{Context, batch, day, fields, ints, reader, texts};

#[test]
fn changed_keys_are_those_handed_over_each_once() {
    let context = Context::new();
    let users = SnapshotTable {
        name: "users".to_owned(),
        key: fields(&[("id", DataType::Int64)]),
        payload: fields(&[("postcode", DataType::Utf8)]),
        deleted: Deleted::Close,
    };
    let rows = batch(&[
        ("id", ints([1, 2])),
        ("postcode", texts([Some("N1"), None])),
    ]);
    let load = context.warehouse.begin().unwrap();
    load.open_all(&users, reader(rows), day(2)).unwrap();
    load.commit().unwrap();
    let check = |keys: &[i64], since| {
        let stage = context.stage(batch(&[("id", ints(keys.iter().copied()))]));
        context
            .warehouse
            .check_changed_keys("moved", &users, since, &stage)
    };
    let law = |keys: &[i64], since| match check(keys, since) {
        Err(LoadError::Law(law)) => law,
        other => panic!("{other:?}"),
    };
    check(&[], day(2)).unwrap();
    check(&[2, 1], day(2)).unwrap();
    let (table, key) = ("moved".to_owned(), "1".to_owned());
    assert_eq!(
        law(&[1, 2, 1], day(2)),
        LawError::DuplicateKey {
            table: table.clone(),
            key: key.clone()
        }
    );
    let late = law(&[1], day(3));
    assert_eq!(late, LawError::NotHandedOver { table, key });
    assert_eq!(
        late.to_string(),
        "key `1` of the changes of `moved` was not handed to the plugin"
    );
    assert!(late.is_of_plugin());
}
