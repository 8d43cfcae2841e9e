//! Commands that ask for what there is not.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    path::{Path, PathBuf},
};

use fs_err as fs;

use crate::support::{assert_refused, assert_told, loaded, new, told};

/// What `wigeon sql` must not do, whether DuckDB would let it or not.
const MORE_THAN_READING: [&str; 45] = [
    // The tables of the warehouse.
    "insert into pageviews_postcode select * from pageviews_postcode",
    "update pageviews_postcode set user_id = 1",
    "merge into pageviews_postcode using (select 1 as user_id) as n using (user_id) when matched then delete",
    "drop table pageviews_postcode",
    "alter table pageviews_postcode add column more integer",
    "truncate pageviews_postcode",
    "create table more as select 1 as n",
    "create temporary table more as select 1 as n",
    "create temporary table more as select 1 as n; insert into more values (2)",
    "select 1; delete from pageviews_postcode",
    "explain analyze delete from pageviews_postcode",
    "prepare doing as delete from pageviews_postcode",
    "begin",
    "checkpoint",
    "vacuum",
    // Its file, which DuckDB itself would let be overwritten, and attached anew.
    "copy (select 1) to 'pageviews_postcode.duckdb' (use_tmp_file false)",
    "copy (select 1) to 'pageviews_postcode.duckdb.wal' (use_tmp_file false)",
    "explain analyze copy (select 1) to 'pageviews_postcode.duckdb' (use_tmp_file false)",
    "use memory; detach warehouse; attach 'pageviews_postcode.duckdb' as w; delete from w.pageviews_postcode",
    "detach warehouse",
    // Other files.
    "copy (select 1) to 'notes.csv'",
    "copy (select 1) to 'made.csv'",
    "copy (select 1 as n, 2 as m) to 'made' (format parquet, partition_by (n))",
    "copy pageviews_postcode from 'notes.csv'",
    "copy from database warehouse to memory",
    "export database 'made'",
    "import database 'made'",
    "attach 'made.duckdb' as made",
    "attach 'notes.csv' as notes (read_only)",
    "attach ':memory:' as more",
    "select * from read_text('notes.csv')",
    "select * from read_blob('notes.csv')",
    "select * from read_json('notes.csv')",
    "select * from read_parquet('notes.csv')",
    "select * from 'notes.csv'",
    "select * from glob('*')",
    "select * from sniff_csv('notes.csv')",
    "select * from query('select * from read_text(''notes.csv'')')",
    // What would let it do more.
    "install httpfs",
    "load httpfs",
    "set enable_external_access = true",
    "reset enable_external_access",
    "set temp_directory = 'made'",
    "pragma profiling_output = 'made'",
    "call enable_logging()",
];

/// All files of a directory, by their paths.
fn files(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.append(&mut files(&path));
        } else {
            let bytes = fs::read(&path).expect("a file");
            found.insert(path, bytes);
        }
    }
    found
}

#[test]
fn an_unknown_step() {
    assert_refused!(loaded(), "run", "--step", "curent_postcode");
}

#[test]
fn an_unknown_step_to_accept() {
    assert_refused!(loaded(), "run", "--accept", "curent_postcode");
}

#[test]
fn a_step_without_a_guard_to_accept() {
    assert_refused!(loaded(), "run", "--accept", "pageviews_postcode");
}

#[test]
fn nothing_is_accepted_from_cron() {
    assert_refused!(loaded(), "run", "--due", "--accept", "current_postcode");
}

#[test]
fn a_time_that_cannot_be_read() {
    assert_refused!(loaded(), "run", "--at", "yesterday");
}

#[test]
fn a_query_with_a_mistake() {
    assert_refused!(loaded(), "sql", "select postcod from current_postcode");
}

#[test]
fn a_query_that_is_no_sql() {
    assert_refused!(loaded(), "sql", "selec 1");
}

#[test]
fn a_query_that_would_write() {
    assert_refused!(loaded(), "sql", "delete from pageviews_postcode");
}

#[test]
fn a_query_that_would_overwrite_the_warehouse() {
    let copy = "copy (select 1) to 'pageviews_postcode.duckdb'";
    assert_refused!(loaded(), "sql", copy);
}

#[test]
fn a_query_that_would_read_another_file() {
    let read = "select * from read_csv('pipeline.toml')";
    assert_refused!(loaded(), "sql", read);
}

#[test]
fn a_query_before_the_first_run() {
    assert_refused!(new(), "sql", "select 1");
}

/// Each says what and why, and every file is as it was.
#[test]
fn statements_that_do_more_than_read() {
    let project = loaded();
    project.write("notes.csv", "id\n1\n");
    let before = files(&project.path(""));
    let mut all = String::new();
    for statement in MORE_THAN_READING {
        let ran = project.run(&["sql", statement]);
        assert_eq!(ran.code, Some(1), "{statement}\n{}", ran.stderr);
        assert_eq!(ran.stdout, "", "{statement}");
        let why = [
            "is not a query, and only queries are run",
            "file system operations are disabled by configuration",
        ];
        assert!(
            why.iter().any(|why| ran.stderr.contains(why)),
            "{statement}\n{}",
            ran.stderr
        );
        assert!(
            files(&project.path("")) == before,
            "{statement} changed a file"
        );
        writeln!(all, "----- {statement} -----\n{}", told(&project, &ran)).expect("text");
    }
    assert_told!(all);
}

#[test]
fn what_only_reads_is_a_query() {
    let project = loaded();
    for statement in [
        "show tables",
        "describe pageviews_postcode",
        "summarize pageviews_postcode",
        "from pageviews_postcode",
        "with views as (from pageviews_postcode) select count(*) from views;",
        "pivot pageviews_postcode on user_id using count(*)",
        "pragma table_info('pageviews_postcode')",
        "-- a comment\nselect 1; -- another",
        "create temporary table more as select 1 as n; select * from more",
    ] {
        project.ok(&["sql", statement]);
    }
}
