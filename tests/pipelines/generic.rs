//! Nothing in the engine is about postcodes: keys of several columns, payloads of any type, columns
//! of other names. The expected tables are written by hand.

use wigeon_tests::Project;

const MANIFEST: &str = r#"
manifest_version = 1
name = "shop"

[source.price_list]
format = "csv"
path = "prices/{date:%Y%m%d}.csv"
delimiter = ";"

[source.price_list.columns]
shop = "utf8"
item = "int32"
price = "decimal128(18, 2)"
since = "date32"
on_offer = "boolean"
label = "utf8"
checked = "timestamp"
note = "utf8"

[source.till]
format = "ndjson"
path = "till/*.ndjson"

[source.till.columns]
receipt = "int64"
store = "utf8"
product = "int32"
sold_at = "timestamp"
pieces = "int16"

[[step]]
name = "prices"
kind = "snapshot"
plugin = "builtin:scd2"
input = "price_list"
columns = ["price", "item", "since", "on_offer", "label", "checked", "shop"]
key = ["shop", "item"]
guard = { max_changed_share = 1.0, max_closed_share = 1.0 }
deleted = "DELETED"

[[step]]
name = "sales"
kind = "incremental"
plugin = "builtin:point-in-time"
input = "till"
key = ["store", "product"]
lookup = "prices"

[step.options]
event_time = "sold_at"
as_was = { price_then = "price", offer_then = "on_offer" }
as_is = { price_now = "price", since_now = "since", label_now = "label", checked_now = "checked" }
changed_at = "repriced"
before_first = "null"

[[step]]
name = "repriced_items"
kind = "change-detection"
plugin = "builtin:net-change"
input = "prices"
target = "sales"
"#;

const PRICES: [(&str, &str); 3] = [
    (
        "prices/20240101.csv",
        "shop;item;price;since;on_offer;label;checked;note\n\
         north;1;9999999999999999.99;2023-12-31;true;tea;2023-12-31 23:59:59.999999;a\n\
         north;2;0.01;2023-11-30;false;\"milk; fresh\";;b\n\
         south;1;-1.50;;;;2023-12-30 00:00:00;c\n",
    ),
    (
        // Item 1 is cheaper in the north; item 2 is gone there; item 2 is new in the south. Only
        // the note of south's item 1 changes, which nobody uses.
        "prices/20240102.csv",
        "shop;item;price;since;on_offer;label;checked;note\n\
         south;2;7.00;2024-01-02;true;eggs;2024-01-01 12:00:00;d\n\
         south;1;-1.50;;;;2023-12-30 00:00:00;e\n\
         north;1;9999999999999999.98;2024-01-02;true;tea;2023-12-31 23:59:59.999999;f\n",
    ),
    (
        // Item 2 returns to the north as it was, and south's item 1 has a label at last.
        "prices/20240103.csv",
        "shop;item;price;since;on_offer;label;checked;note\n\
         north;1;9999999999999999.98;2024-01-02;true;tea;2023-12-31 23:59:59.999999;g\n\
         north;2;0.01;2023-11-30;false;\"milk; fresh\";;h\n\
         south;1;-1.50;;;soap;2023-12-30 00:00:00;i\n\
         south;2;7.00;2024-01-02;true;eggs;2024-01-01 12:00:00;j\n",
    ),
];

const SALES: [(&str, &str); 2] = [
    (
        "till/first.ndjson",
        r#"{"receipt": 1, "store": "north", "product": 1, "sold_at": "2024-01-01 10:00:00", "pieces": 1}
{"receipt": 2, "store": "north", "product": 1, "sold_at": "2024-01-02 10:00:00", "pieces": 2}
{"receipt": 3, "store": "north", "product": 2, "sold_at": "2024-01-02 10:00:00", "pieces": 3}
{"receipt": 4, "store": "south", "product": 1, "sold_at": "2023-12-31 10:00:00", "pieces": null}
{"receipt": 5, "store": "south", "product": 2, "sold_at": "2024-01-01 10:00:00", "pieces": 5}
{"receipt": 6, "store": "north", "product": 3, "sold_at": "2024-01-01 10:00:00", "pieces": 6}
"#,
    ),
    (
        "till/second.ndjson",
        r#"{"receipt": 7, "store": "south", "product": 1, "sold_at": "2024-01-03 00:00:00", "pieces": 7}
{"receipt": 8, "store": "south", "product": 2, "sold_at": "2024-01-02 00:00:00", "pieces": -8}
"#,
    ),
];

const HISTORY: &str = "select * from prices_history order by shop, item, valid_from";
const SOLD: &str = "select * from sales order by receipt";

/// The rows of `sales` after the first day, in which nobody knows of south's item 2.
const SALES_OF_DAY_1: &str = "\
receipt,store,product,sold_at,pieces,offer_then,price_then,checked_now,label_now,price_now,since_now,repriced
1,north,1,2024-01-01 10:00:00,1,true,9999999999999999.99,2023-12-31 23:59:59.999999,tea,9999999999999999.99,2023-12-31,
2,north,1,2024-01-02 10:00:00,2,true,9999999999999999.99,2023-12-31 23:59:59.999999,tea,9999999999999999.99,2023-12-31,
3,north,2,2024-01-02 10:00:00,3,false,0.01,,milk; fresh,0.01,2023-11-30,
4,south,1,2023-12-31 10:00:00,,,,2023-12-30 00:00:00,,-1.50,,2024-01-01 00:00:00
5,south,2,2024-01-01 10:00:00,5,,,,,,,
6,north,3,2024-01-01 10:00:00,6,,,,,,,
";

/// The rows of `sales` after all three days. Item 2 of the north has not changed by its absence.
const SALES_OF_DAY_3: &str = "\
receipt,store,product,sold_at,pieces,offer_then,price_then,checked_now,label_now,price_now,since_now,repriced
1,north,1,2024-01-01 10:00:00,1,true,9999999999999999.99,2023-12-31 23:59:59.999999,tea,9999999999999999.98,2024-01-02,2024-01-02 00:00:00
2,north,1,2024-01-02 10:00:00,2,true,9999999999999999.98,2023-12-31 23:59:59.999999,tea,9999999999999999.98,2024-01-02,
3,north,2,2024-01-02 10:00:00,3,false,0.01,,milk; fresh,0.01,2023-11-30,
4,south,1,2023-12-31 10:00:00,,,,2023-12-30 00:00:00,soap,-1.50,,2024-01-03 00:00:00
5,south,2,2024-01-01 10:00:00,5,,,2024-01-01 12:00:00,eggs,7.00,2024-01-02,2024-01-02 00:00:00
6,north,3,2024-01-01 10:00:00,6,,,,,,,
7,south,1,2024-01-03 00:00:00,7,,-1.50,2023-12-30 00:00:00,soap,-1.50,,
8,south,2,2024-01-02 00:00:00,-8,true,7.00,2024-01-01 12:00:00,eggs,7.00,2024-01-02,
";

/// Runs the three days, with all steps on each.
fn three_days(deleted: &str) -> Project {
    three_days_in_mode(deleted, "auto")
}

fn three_days_in_mode(deleted: &str, update_mode: &str) -> Project {
    let project = Project::new(MANIFEST);
    project.edit_manifest("DELETED", deleted);
    let target = "target = \"sales\"";
    project.edit_manifest(
        target,
        &format!("{target}\nupdate_mode = \"{update_mode}\""),
    );
    project.write(SALES[0].0, SALES[0].1);
    for (day, (path, prices)) in PRICES.into_iter().enumerate() {
        project.write(path, prices);
        if day == 2 {
            project.write(SALES[1].0, SALES[1].1);
        }
        project.ok(&["run"]);
        if day == 0 {
            assert_eq!(project.sql(SOLD), SALES_OF_DAY_1, "{deleted}");
        }
    }
    assert_eq!(project.sql(SOLD), SALES_OF_DAY_3, "{deleted}");
    project
}

/// A key that is gone ends its version, which is the default.
#[test]
fn keys_of_two_columns_and_payloads_of_many_types() {
    let project = three_days("close");
    // The key comes first, whatever the order in which the step uses the columns.
    assert_eq!(
        project.sql(HISTORY),
        "\
shop,item,price,since,on_offer,label,checked,valid_from,valid_to
north,1,9999999999999999.99,2023-12-31,true,tea,2023-12-31 23:59:59.999999,2024-01-01 00:00:00,2024-01-02 00:00:00
north,1,9999999999999999.98,2024-01-02,true,tea,2023-12-31 23:59:59.999999,2024-01-02 00:00:00,
north,2,0.01,2023-11-30,false,milk; fresh,,2024-01-01 00:00:00,2024-01-02 00:00:00
north,2,0.01,2023-11-30,false,milk; fresh,,2024-01-03 00:00:00,
south,1,-1.50,,,,2023-12-30 00:00:00,2024-01-01 00:00:00,2024-01-03 00:00:00
south,1,-1.50,,,soap,2023-12-30 00:00:00,2024-01-03 00:00:00,
south,2,7.00,2024-01-02,true,eggs,2024-01-01 12:00:00,2024-01-02 00:00:00,
"
    );
    // What changed last: south's item 1 got its label.
    assert_eq!(
        project
            .sql("select shop, item, price, label, valid_from, changed_from from repriced_items"),
        "shop,item,price,label,valid_from,changed_from\nsouth,1,-1.50,soap,2024-01-03 00:00:00,2024-01-03 00:00:00\n"
    );
    let types = "select column_name, data_type from information_schema.columns where table_name = 'sales' order by ordinal_position";
    assert_eq!(
        project.sql(types),
        "column_name,data_type\nreceipt,BIGINT\nstore,VARCHAR\nproduct,INTEGER\nsold_at,TIMESTAMP\npieces,SMALLINT\n\
         offer_then,BOOLEAN\nprice_then,\"DECIMAL(18,2)\"\nchecked_now,TIMESTAMP\nlabel_now,VARCHAR\n\
         price_now,\"DECIMAL(18,2)\"\nsince_now,DATE\nrepriced,TIMESTAMP\n"
    );
}

/// Rows that are never updated, but shown as if they were, with the same columns.
#[test]
fn the_same_rows_are_merged_on_read() {
    for deleted in ["close", "ignore", "record"] {
        let project = three_days_in_mode(deleted, "merge-on-read");
        assert_eq!(
            project.sql("select count(*) as updated from wigeon_base_sales where price_now = 7.00"),
            "updated\n1\n",
            "the row of day 3 was loaded so, that of day 1 was not"
        );
        let types = |table: &str| {
            project.sql(&format!(
                "select column_name, data_type from information_schema.columns \
                 where table_name = '{table}' order by ordinal_position"
            ))
        };
        assert_eq!(types("sales"), types("wigeon_base_sales"));
        project.edit_manifest("merge-on-read", "copy-on-write");
        project.ok(&["run"]);
        assert_eq!(project.sql(SOLD), SALES_OF_DAY_3, "{deleted}, folded in");
        assert_eq!(
            project
                .sql("select table_type from information_schema.tables where table_name = 'sales'"),
            "table_type\nBASE TABLE\n"
        );
    }
}

/// A key that is gone stays as it was.
#[test]
fn deleted_keys_may_be_ignored() {
    let project = three_days("ignore");
    assert_eq!(
        project.sql(
            "select valid_from, valid_to from prices_history where shop = 'north' and item = 2"
        ),
        "valid_from,valid_to\n2024-01-01 00:00:00,\n"
    );
    assert_eq!(
        project.sql("select count(*) as n from prices_history"),
        "n\n6\n"
    );
}

/// A key that is gone has a version that says so, which the view of open versions, and the rows
/// that were loaded, do not show.
#[test]
fn deleted_keys_may_be_recorded() {
    let project = three_days("record");
    assert_eq!(
        project.sql("select price, label, valid_from, valid_to, is_deleted from prices_history where shop = 'north' and item = 2 order by valid_from"),
        "price,label,valid_from,valid_to,is_deleted\n\
         0.01,milk; fresh,2024-01-01 00:00:00,2024-01-02 00:00:00,false\n\
         0.01,milk; fresh,2024-01-02 00:00:00,2024-01-03 00:00:00,true\n\
         0.01,milk; fresh,2024-01-03 00:00:00,,false\n"
    );
    project.write("prices/20240104.csv", PRICES[1].1);
    project.ok(&["run"]);
    assert_eq!(
        project.sql("select shop, item from prices order by all"),
        "shop,item\nnorth,1\nsouth,1\nsouth,2\n"
    );
    assert_eq!(
        project.sql("select shop, item, valid_from from prices_history where is_deleted and valid_to is null"),
        "shop,item,valid_from\nnorth,2,2024-01-04 00:00:00\n"
    );
}
