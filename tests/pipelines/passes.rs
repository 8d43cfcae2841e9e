//! Keys that do not fit the memory of a plugin's instances are taken in several passes, and the
//! tables are the same.

use duckdb::Connection;
use wigeon_tests::Project;

use crate::tables::{Tables, assert_same, of_pipeline, open, texts};

/// A pipeline with all three kinds of steps that have keys. What depends on the case is in upper
/// case.
const MANIFEST: &str = r#"
manifest_version = 1
name = "shop"

[warehouse]
path = "shop.duckdb"
threads = LANES

[source.price_list]
format = "parquet"
path = "prices_{date}.parquet"
columns = { KEYS, price = "int32" }

[source.till]
format = "csv"
path = "till_*.csv"
columns = { KEYS, sold_at = "timestamp", pieces = "int32" }

[[step]]
name = "clean_prices"
kind = "transform"
plugin = "builtin:normalize"
input = "price_list"
options = { columns = [] }

[[step]]
name = "prices"
kind = "snapshot"
plugin = "builtin:scd2"
input = "clean_prices"
key = [KEY]
guard = { max_changed_share = 1.0, max_closed_share = 1.0 }
limits = { memory_mib = MEMORY, lanes = LANES }

[[step]]
name = "sales"
kind = "incremental"
plugin = "builtin:point-in-time"
input = "till"
key = [KEY]
lookup = "prices"
max_rejected_rows = 10
limits = { memory_mib = MEMORY, lanes = LANES }

[step.options]
event_time = "sold_at"
as_was = { price_then = "price" }
as_is = { price_now = "price" }
changed_at = "repriced"

[[step]]
name = "repriced_items"
kind = "change-detection"
plugin = "builtin:net-change"
input = "prices"
target = "sales"
limits = { memory_mib = MEMORY, lanes = LANES }
"#;

/// A type of key: its columns in the manifest, their names, and what they are made of a number in
/// SQL.
struct Key {
    declared: &'static str,
    names: &'static str,
    sql: &'static str,
}

const KEYS: [Key; 3] = [
    Key {
        declared: "id = \"int64\"",
        names: "\"id\"",
        sql: "k * 1000003 as id",
    },
    Key {
        declared: "name = \"utf8\"",
        names: "\"name\"",
        sql: "concat('item number ', k) as name",
    },
    Key {
        declared: "shop = \"int32\", item = \"utf8\"",
        names: "\"shop\", \"item\"",
        sql: "(k % 7)::int as shop, concat('item ', k) as item",
    },
];

fn project(key: &Key, lanes: usize, memory_mib: u64) -> Project {
    let manifest = MANIFEST
        .replace("KEYS", key.declared)
        .replace("KEY", key.names)
        .replace("LANES", &lanes.to_string())
        .replace("MEMORY", &memory_mib.to_string());
    Project::new(&manifest)
}

/// Writes what a query gives into a file of the project.
fn write(project: &Project, query: &str, file: &str, format: &str) {
    let connection = Connection::open_in_memory().expect("a database");
    let path = project.path(file);
    let copy = format!("copy ({query}) to '{}' ({format})", path.display());
    connection.execute_batch(&copy).expect("a file");
}

fn write_prices(project: &Project, key: &Key, day: u32, keys: &str, price: &str) {
    let query = format!(
        "select {}, ({price})::int as price from range({keys}) as t(k)",
        key.sql
    );
    let file = format!("prices_2024-05-{day:02}.parquet");
    write(project, &query, &file, "format parquet");
}

/// One sale for each of so many keys, of which some are unknown, and one malformed row.
fn write_sales(project: &Project, key: &Key, file: &str, sales: u32) {
    let query = format!(
        "select {}, timestamp '2024-05-01 00:00:00' + to_seconds(k * 7 % 200000) as sold_at, \
         (k % 5)::int as pieces from (select range * 13 % {sales} as k from range({sales}))",
        key.sql
    );
    write(project, &query, file, "format csv, header true");
    let path = project.path(file);
    let mut text = fs_err::read_to_string(&path).expect("text");
    let malformed = text
        .lines()
        .nth(1)
        .expect("a row")
        .replace("2024-", "not a time");
    text.push_str(&malformed);
    text.push('\n');
    project.write(file, text);
}

/// Three days: prices come, change, go and return; sales are few and many.
fn three_days(project: &Project, key: &Key, keys: u32) -> Tables {
    write_prices(project, key, 1, &format!("{keys}"), "k % 100");
    write_sales(project, key, "till_1.csv", keys + 500);
    project.ok(&["run", "--at", "2024-06-01"]);
    write_prices(
        project,
        key,
        2,
        &format!("{}, {}", keys / 10, keys + 400),
        "k % 101",
    );
    write_sales(project, key, "till_2.csv", 300);
    project.ok(&["run", "--at", "2024-06-01"]);
    write_prices(
        project,
        key,
        3,
        &format!("{}", keys + 300),
        "k % 101 + k % 2",
    );
    project.ok(&["run", "--at", "2024-06-01"]);
    of_pipeline(&project.path("shop.duckdb"))
}

/// What the ledger and the quarantine say, but for how it was done.
fn recorded(project: &Project) -> Vec<String> {
    let connection = open(&project.path("shop.duckdb"));
    let loads = "select concat_ws(' | ', step, rows_in, rows_out, rows_rejected, \
                 json_merge_patch(details, '{\"passes\": null}')) from wigeon.ledger order by load_id";
    let rejected = "select concat_ws(' | ', load_id, step, path, line, \"column\", reason, raw) \
                    from wigeon.quarantine order by all";
    [texts(&connection, loads), texts(&connection, rejected)].concat()
}

/// In how many passes each step was done at most.
fn passes(project: &Project) -> Vec<(String, u64)> {
    let connection = open(&project.path("shop.duckdb"));
    let query = "select step, max(coalesce((details ->> '$.passes')::int, 1)) from wigeon.ledger group by 1 order by 1";
    let mut statement = connection.prepare(query).expect("a query");
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
    rows.expect("rows")
        .collect::<Result<_, _>>()
        .expect("passes")
}

#[test]
fn keys_of_all_types_give_the_same_tables_in_several_passes() {
    for (key, (lanes, keys)) in KEYS.iter().zip([(1, 70_000), (2, 50_000), (3, 70_000)]) {
        let whole = project(key, lanes, 1_024);
        let expected = three_days(&whole, key, keys);
        assert!(passes(&whole).iter().all(|(_, passes)| *passes == 1));
        let cut = project(key, lanes, 3);
        assert_same(&three_days(&cut, key, keys), &expected, key.declared);
        assert_eq!(recorded(&cut), recorded(&whole), "{}", key.declared);
        let passes = passes(&cut);
        assert_eq!(passes.len(), 3);
        assert!(passes.iter().all(|(_, passes)| *passes > 1), "{passes:?}");
    }
}

/// What a run says of it, for people and for machines.
#[test]
fn a_run_tells_of_its_passes() {
    let key = &KEYS[1];
    let project = project(key, 1, 4);
    write_prices(&project, key, 1, "60000", "k % 100");
    write_sales(&project, key, "till_1.csv", 60_000);
    let ran = project.run(&["run", "--at", "2024-06-01"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let said = "sales went over its keys in ";
    assert!(ran.stdout.contains(said), "{}", ran.stdout);
    write_sales(&project, key, "till_2.csv", 60_000);
    let report = project.ok(&["run", "--at", "2024-06-02", "--format", "json"]);
    let report: serde_json::Value = serde_json::from_str(&report).expect("JSON");
    let sales = report["steps"].as_array().expect("steps").iter();
    let sales = sales.clone().find(|step| step["step"] == "sales");
    let passes = sales.expect("the step")["passes"].as_u64();
    assert!(passes.is_some_and(|passes| passes > 1), "{report}");
}

/// Five million keys, one lane, 64 MiB: neither the keys nor the instants of their versions fit.
#[test]
fn five_million_keys_give_the_same_table_with_64_mib() {
    const MANY: &str = "5000000";
    let key = &KEYS[0];
    let mut projects = [1_024, 64]
        .map(|memory_mib| project(key, 1, memory_mib))
        .into_iter();
    let (whole, cut) = (projects.next().expect("one"), projects.next().expect("two"));
    for project in [&whole, &cut] {
        write_prices(project, key, 1, MANY, "k % 1000");
        project.edit_manifest("\"csv\"", "\"parquet\"");
        project.edit_manifest("till_*.csv", "till_*.parquet");
        let sales = format!(
            "select {}, timestamp '2024-05-01' + to_seconds(k % 86400) as sold_at, 1::int as pieces \
             from (select range * 7919 % 5050000 as k from range(3000000))",
            key.sql
        );
        write(project, &sales, "till_1.parquet", "format parquet");
        project.ok(&["run", "--at", "2024-06-01"]);
    }
    let sum = |project: &Project| {
        let connection = open(&project.path("shop.duckdb"));
        let sums = "select concat_ws(' ', count(*), sum(hash(s)), count(price_then), count(distinct id)) from sales s";
        texts(&connection, sums)
    };
    assert_eq!(sum(&cut), sum(&whole));
    let sales = |project: &Project| {
        passes(project)
            .into_iter()
            .find(|(step, _)| step == "sales")
    };
    assert_eq!(sales(&whole).map(|(_, passes)| passes), Some(1));
    assert!(sales(&cut).is_some_and(|(_, passes)| passes > 1));
}
