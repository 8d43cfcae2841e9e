//! A small pipeline that has run once, and what is compared before and after it fails.

use std::{fmt::Write as _, io::Write as _};

use duckdb::{AccessMode, Config, Connection};
use flate2::{Compression, write::GzEncoder};
use wigeon_tests::{Project, Ran};

/// A time after everything in the extracts: no test depends on when it runs.
pub(crate) const AT: &str = "2019-12-01";

pub(crate) const USERS: &str = "extracts/users_extract_2019-10-11.csv";
pub(crate) const NEXT_USERS: &str = "extracts/users_extract_2019-10-12.csv";
pub(crate) const VIEWS: &str = "extracts/pageview_extract_2019-10-11T01.csv";
pub(crate) const NEXT_VIEWS: &str = "extracts/pageview_extract_2019-10-11T02.csv";

/// A users extract with ten users.
pub(crate) const TEN_USERS: &str = "id,postcode\n1,AB1 2CD\n2,AB1 2CD\n3,EF3 4GH\n4,EF3 4GH\n5,IJ5 6KL\n6,IJ5 6KL\n\
                                    7,MN7 8OP\n8,MN7 8OP\n9,QR9 1ST\n10,QR9 1ST\n";

const TWO_VIEWS: &str = "user_id,url,pageview_datetime\n1,https://example.com/a,2019-10-11 01:05:00\n\
                         2,https://example.com/b,2019-10-11 01:25:00\n";

/// The flagship with one extract of each kind, not run yet.
pub(crate) fn new() -> Project {
    let project = Project::flagship();
    // One lane, so that of two failures the same one is always the first.
    project.edit_manifest(
        "path = \"pageviews_postcode.duckdb\"",
        "path = \"pageviews_postcode.duckdb\"\nthreads = 1",
    );
    project.write(USERS, TEN_USERS);
    project.write(VIEWS, TWO_VIEWS);
    project
}

/// The same, run once.
pub(crate) fn loaded() -> Project {
    let project = new();
    run(&project);
    project
}

/// Runs the pipeline, which must succeed.
pub(crate) fn run(project: &Project) {
    project.ok(&["run", "--at", AT]);
}

/// Runs a command that must fail and change nothing, and returns what it said.
pub(crate) fn refused(project: &Project, arguments: &[&str]) -> String {
    let before = state(project);
    let ran = project.run(arguments);
    assert_ne!(
        ran.code,
        Some(0),
        "{arguments:?} should fail\n{}{}",
        ran.stdout,
        ran.stderr
    );
    assert_eq!(
        state(project),
        before,
        "{arguments:?} failed and changed something"
    );
    told(project, &ran)
}

/// What an invocation did, as one text.
pub(crate) fn told(project: &Project, ran: &Ran) -> String {
    project.steady(ran)
}

/// Returns all rows of all tables, the ledger and the quarantine among them, as text. A warehouse
/// without a row is as good as none.
pub(crate) fn state(project: &Project) -> String {
    let path = project.path("pageviews_postcode.duckdb");
    let config = Config::default()
        .access_mode(AccessMode::ReadOnly)
        .expect("a setting");
    let Ok(connection) = Connection::open_with_flags(&path, config) else {
        // None yet, or no database: its bytes are all that there is.
        return fs_err::read(path).map_or_else(|_| String::new(), |bytes| format!("{bytes:?}"));
    };
    let tables = "select schema_name || '.' || table_name from duckdb_tables() \
                  where table_name <> 'meta' order by 1";
    let mut state = String::new();
    for table in texts(&connection, tables) {
        for row in texts(
            &connection,
            &format!("select t::varchar from {table} t order by 1"),
        ) {
            writeln!(state, "{table}: {row}").expect("text");
        }
    }
    state
}

fn texts(connection: &Connection, query: &str) -> Vec<String> {
    let mut statement = connection.prepare(query).expect("a query");
    let rows = statement.query_map([], |row| row.get(0)).expect("rows");
    rows.collect::<Result<_, _>>().expect("texts")
}

/// Compresses text.
pub(crate) fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(vec![], Compression::default());
    encoder.write_all(text.as_bytes()).expect("memory");
    encoder.finish().expect("memory")
}

/// Asserts that a command fails, changes nothing, and says what the snapshot has.
macro_rules! assert_refused {
    ($project:expr, $($argument:expr),+ $(,)?) => {
        let told = $crate::support::refused(&$project, &[$($argument),+]);
        $crate::support::assert_told!(told);
    };
}

/// Asserts that a run fails, changes nothing, and says what the snapshot has.
macro_rules! assert_run_refused {
    ($project:expr) => {
        $crate::support::assert_refused!($project, "run", "--at", $crate::support::AT)
    };
}

/// Compares a text with its snapshot, without what changes from run to run.
macro_rules! assert_told {
    ($told:expr) => {
        insta::with_settings!({ filters => wigeon_tests::filters(), omit_expression => true }, {
            insta::assert_snapshot!($told);
        });
    };
}

pub(crate) use {assert_refused, assert_run_refused, assert_told};
