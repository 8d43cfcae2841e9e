//! A small pipeline that has run once, and what is compared before and after it fails.

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    io::Write as _,
    path::{Path, PathBuf},
};

use duckdb::{AccessMode, Config, Connection};
use flate2::{Compression, write::GzEncoder};
use wigeon_tests::{
    Project, Ran,
    tables::{Tables, assert_same, of_pipeline, texts},
};

/// A time after everything in the extracts: no test depends on when it runs.
pub(crate) const AT: &str = "2019-12-01";

pub(crate) const USERS: &str = "extracts/users_extract_2019-10-11.csv";
pub(crate) const NEXT_USERS: &str = "extracts/users_extract_2019-10-12.csv";
pub(crate) const VIEWS: &str = "extracts/pageview_extract_2019-10-11T01.csv";
pub(crate) const NEXT_VIEWS: &str = "extracts/pageview_extract_2019-10-11T02.csv";

/// What a run may take of memory, whatever its plugins do: far more than DuckDB's 640 MiB, with an
/// instance of 64 MiB and what compiling takes, but not what a plugin could ask for in vain.
const PEAK_BYTES: u64 = 3 << 29;

/// What the first run makes beside the manifest and the extracts.
const MADE_BY_A_RUN: [&str; 3] = [
    "pageviews_postcode.duckdb",
    "pageviews_postcode.duckdb.lock",
    "wigeon.lock",
];

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

/// Runs a command that must fail, change nothing, leave nothing and not take much, and returns what
/// it said.
pub(crate) fn refused(project: &Project, arguments: &[&str]) -> String {
    let before = state(project);
    let files_before = files(project);
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
    let made = MADE_BY_A_RUN.map(PathBuf::from);
    let files = files(project);
    let left: Vec<_> = files
        .difference(&files_before)
        .filter(|file| !made.contains(file))
        .collect();
    assert!(left.is_empty(), "{arguments:?} failed and left {left:?}");
    let peak_bytes = ran.peak_bytes.expect("it was measured");
    assert!(
        peak_bytes < PEAK_BYTES,
        "{arguments:?} took {peak_bytes} bytes of memory"
    );
    told(project, &ran)
}

/// What a pipeline has made: its tables, and all files that are there.
#[derive(Debug)]
pub(crate) struct Outcome {
    tables: Tables,
    files: BTreeSet<PathBuf>,
}

impl Outcome {
    pub(crate) fn of(project: &Project) -> Self {
        Self {
            tables: of_pipeline(&project.path("pageviews_postcode.duckdb")),
            files: files(project),
        }
    }
}

/// Runs a pipeline that was disturbed, which must load something now and have the outcome of one
/// that nobody disturbed.
pub(crate) fn assert_goes_on(project: &Project, undisturbed: &Outcome) {
    let before = state(project);
    run(project);
    assert_ne!(state(project), before, "there was something to load");
    let outcome = Outcome::of(project);
    let when = "as nobody had disturbed it";
    assert_same(&outcome.tables, &undisturbed.tables, when);
    assert_eq!(outcome.files, undisturbed.files, "{when}: the files");
}

/// The files and directories of a project, by their paths in it.
fn files(project: &Project) -> BTreeSet<PathBuf> {
    let root = project.path("");
    let mut files = BTreeSet::new();
    collect_files(&root, &root, &mut files);
    files
}

fn collect_files(root: &Path, directory: &Path, files: &mut BTreeSet<PathBuf>) {
    for entry in fs_err::read_dir(directory).expect("the directory") {
        let entry = entry.expect("an entry");
        if entry.file_type().expect("its type").is_dir() {
            collect_files(root, &entry.path(), files);
        }
        let path = entry.path();
        let path = path.strip_prefix(root).expect("it is in there");
        files.insert(path.to_owned());
    }
}

/// What an invocation did, as one text.
pub(crate) fn told(project: &Project, ran: &Ran) -> String {
    project.steady(ran)
}

/// Returns all rows of all tables, the ledger and the quarantine among them, and how tables and
/// views are defined, as text. A warehouse as it is made, with Wigeon's own tables and no row in
/// them, is as good as none.
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
    let others = "select table_schema || '.' || table_name from information_schema.tables \
                  where table_schema <> 'wigeon'";
    if state.is_empty() && texts(&connection, others).is_empty() {
        return state;
    }
    let views = "select concat_ws(' ', schema_name || '.' || view_name, sql) \
                 from duckdb_views() where not internal order by all";
    let columns = "select concat_ws(' ', schema_name || '.' || table_name, column_index, column_name, \
                   data_type, is_nullable, column_default) \
                   from duckdb_columns() where not internal and schema_name <> 'wigeon' order by all";
    for definition in [views, columns]
        .map(|query| texts(&connection, query))
        .concat()
    {
        writeln!(state, "{definition}").expect("text");
    }
    state
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
