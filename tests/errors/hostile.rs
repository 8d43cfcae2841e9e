//! Hostile guests in a whole run, one or more of each kind: the tables stay as they were, and the
//! next run with a plugin that behaves works. Everything else that a guest can try is in the
//! tables of `host/runtime/tests/hostile`.

use std::sync::LazyLock;

use wigeon_tests::{
    Project, guest,
    tables::{Tables, assert_same, of_pipeline, open, texts},
};

use crate::support::{
    AT, NEXT_USERS, NEXT_VIEWS, Outcome, TEN_USERS, assert_goes_on, assert_run_refused, loaded,
    new, refused, run,
};

static TRANSFORM: LazyLock<Vec<u8>> = LazyLock::new(|| guest("wigeon-hostile-transform"));
static SNAPSHOT: LazyLock<Vec<u8>> = LazyLock::new(|| guest("wigeon-hostile-snapshot"));
static INCREMENTAL: LazyLock<Vec<u8>> = LazyLock::new(|| guest("wigeon-hostile-incremental"));
static CHANGE_DETECTION: LazyLock<Vec<u8>> =
    LazyLock::new(|| guest("wigeon-hostile-change-detection"));

const LIMITS: &str = "[step.limits]\ncall_timeout_secs = 1\nmemory_mib = 64\n\n";
const VIEWS_MORE: &str = "user_id,url,pageview_datetime\n1,https://example.com/c,2019-10-11 02:00:00\n\
                          2,https://example.com/d,2019-10-11 02:01:00\n";

/// The flagship with a transform before its views that has behaved once.
fn transform(orders: &str) -> Project {
    let project = checking("", "");
    run(&project);
    project.edit_manifest("do = \"\"", &format!("do = \"{orders}\""));
    project.write(NEXT_VIEWS, VIEWS_MORE);
    project
}

/// The flagship with a transform before its views, not run yet.
fn checking(store: &str, orders: &str) -> Project {
    let project = new();
    project.write("hostile.wasm", &*TRANSFORM);
    project.edit_manifest(
        "# Every view, with both postcodes.",
        &format!(
            "[[step]]\nname = \"checked_views\"\nkind = \"transform\"\n\
             plugin = \"file:hostile.wasm\"\ninput = \"pageview_extract\"\n{store}\n\
             {LIMITS}[step.options]\ndo = \"{orders}\"\n"
        ),
    );
    project.edit_manifest(
        "input = \"pageview_extract\"\ncolumns = [\"user_id\"",
        "input = \"checked_views\"\ncolumns = [\"user_id\"",
    );
    project
}

/// The flagship with an incremental step that has behaved once.
pub(crate) fn incremental(orders: &str) -> Project {
    let project = new();
    project.write("hostile.wasm", &*INCREMENTAL);
    project.edit_manifest("builtin:point-in-time", "file:hostile.wasm");
    project.edit_manifest(
        "[step.options]\nevent_time = \"pageview_datetime\"\n\
         as_was = { original_postcode = \"postcode\" }\n\
         as_is = { current_postcode = \"postcode\" }\nchanged_at = \"postcode_updated_date\"\n",
        &format!("{LIMITS}[step.options]\ndo = \"\"\n"),
    );
    run(&project);
    project.edit_manifest("do = \"\"", &format!("do = \"{orders}\""));
    project.write(NEXT_VIEWS, VIEWS_MORE);
    project
}

/// The flagship, loaded, whose snapshot is to be taken of one changed user by the guest.
pub(crate) fn snapshot(orders: &str) -> Project {
    let project = loaded();
    snapshot_by_guest(&project, orders);
    project.write(NEXT_USERS, one_moved());
    project
}

fn snapshot_by_guest(project: &Project, orders: &str) {
    project.write("hostile.wasm", &*SNAPSHOT);
    project.edit_manifest("builtin:scd2", "file:hostile.wasm");
    project.edit_manifest(
        "deleted = \"close\"\n",
        &format!("deleted = \"close\"\n\n{LIMITS}[step.options]\ndo = \"{orders}\"\n"),
    );
}

/// The flagship, loaded, whose one change is to be found by the guest.
fn change_detection(orders: &str) -> Project {
    let project = loaded();
    project.write("hostile.wasm", &*CHANGE_DETECTION);
    project.edit_manifest(
        "plugin = \"builtin:net-change\"\ninput = \"current_postcode\"\n\
         target = \"pageviews_postcode\"\nschedule = \"45 2 * * *\"\n",
        &format!(
            "plugin = \"file:hostile.wasm\"\ninput = \"current_postcode\"\n\
             target = \"pageviews_postcode\"\nschedule = \"45 2 * * *\"\n\n\
             {LIMITS}[step.options]\ndo = \"{orders}\"\n"
        ),
    );
    project.write(NEXT_USERS, one_moved());
    project
}

fn one_moved() -> String {
    TEN_USERS.replace("1,AB1 2CD\n2", "1,ZZ9 9ZZ\n2")
}

/// Asserts that a run fails and changes nothing, and that the pipeline works again once the plugin
/// is replaced by one that behaves, or told to behave.
macro_rules! assert_stopped {
    ($project:expr) => {
        let project = $project;
        let undisturbed = undisturbed(&project);
        assert_run_refused!(project);
        assert_works_again(&project, &undisturbed);
    };
}

/// The same of change detection. The snapshot is stored, since it is another step; what is told of,
/// and changes nothing, is the second attempt.
macro_rules! assert_detection_stopped {
    ($orders:expr) => {
        let project = change_detection($orders);
        let undisturbed = undisturbed(&project);
        let ran = project.run(&["run", "--at", AT]);
        assert_eq!(ran.code, Some(3), "{}", ran.stderr);
        assert_run_refused!(project);
        assert_works_again(&project, &undisturbed);
    };
}

/// What comes of a pipeline whose guest is never told to do anything.
pub(crate) fn undisturbed(project: &Project) -> Outcome {
    let copy = project.copy();
    amend(&copy);
    run(&copy);
    Outcome::of(&copy)
}

pub(crate) fn assert_works_again(project: &Project, undisturbed: &Outcome) {
    amend(project);
    assert_goes_on(project, undisturbed);
}

/// Replaces the guest by a plugin that behaves, or tells it to behave.
fn amend(project: &Project) {
    let manifest = fs_err::read_to_string(project.path("pipeline.toml")).expect("the manifest");
    let mut lines: Vec<_> = manifest.lines().map(str::to_owned).collect();
    let told = lines.iter().position(|line| line.starts_with("do = "));
    let told = told.expect("the guest has its orders");
    let kind = |name: &str| manifest.contains(&format!("kind = \"{name}\"\nplugin = \"file:"));
    if kind("snapshot") || kind("change-detection") {
        // A good one decides; the guest only keeps quiet.
        lines.drain(told - 1..=told);
        let good = if kind("snapshot") {
            "builtin:scd2"
        } else {
            "builtin:net-change"
        };
        let manifest = lines.join("\n").replace("file:hostile.wasm", good);
        project.write("pipeline.toml", manifest);
    } else {
        "do = \"\"".clone_into(&mut lines[told]);
        project.write("pipeline.toml", lines.join("\n"));
    }
}

#[test]
fn a_transform_whose_text_is_no_utf8() {
    assert_stopped!(transform(
        "rows: emit n forward:0 values:n/0:,000000000100000001000000,ff forward:2"
    ));
}

#[test]
fn a_transform_that_emits_when_it_is_opened() {
    assert_stopped!(transform("open: emit 0"));
}

#[test]
fn a_transform_that_keeps_its_batch() {
    assert_stopped!(transform("rows: keep-batch"));
}

#[test]
fn a_transform_that_emits_too_many_rows() {
    let project = transform("rows: forever emit n rest");
    project.edit_manifest("memory_mib = 64", "memory_mib = 64\noutput_rows = 1000");
    assert_stopped!(project);
}

#[test]
fn a_transform_that_sends_too_much_at_once() {
    let project = transform("rows: emit-overlapping 8 33554432");
    assert_run_refused!(project);
    let told = refused(&project, &["run", "--at", AT]);
    for words in [
        "used more than its 128 MiB of data for the host at once in `rows` at batch 1",
        "hint: this limit is fixed: tell the author of the plugin to emit fewer rows at once",
    ] {
        assert!(told.contains(words), "{told}");
    }
    let undisturbed = undisturbed(&project);
    assert_works_again(&project, &undisturbed);
}

#[test]
fn a_transform_that_takes_too_many_handles() {
    let project = transform("handle: leak-steps 200000");
    assert_run_refused!(project);
    let told = refused(&project, &["run", "--at", AT]);
    for words in [
        "used more than its 100000 handles at once in `open`",
        "hint: this limit is fixed: tell the author of the plugin to drop what it no longer uses",
    ] {
        assert!(told.contains(words), "{told}");
    }
    let undisturbed = undisturbed(&project);
    assert_works_again(&project, &undisturbed);
}

#[test]
fn a_transform_whose_answer_a_terminal_would_obey() {
    let project = transform("rows: answer data %1b[2Jno");
    let undisturbed = undisturbed(&project);
    let told = refused(&project, &["run", "--at", AT]);
    assert!(!told.contains('\u{1b}'), "{told}");
    assert_works_again(&project, &undisturbed);
}

#[test]
fn a_column_whose_name_is_sql_is_a_name() {
    /// A table whose second column has this name, with rows of two runs, and the other tables.
    fn stored(name: &str) -> (Vec<String>, Vec<String>, Tables) {
        let project = checking("store = true\n", &promising(name));
        run(&project);
        // Into the table that is there.
        project.write(NEXT_VIEWS, VIEWS_MORE);
        run(&project);
        let warehouse = project.path("pageviews_postcode.duckdb");
        let mut others = of_pipeline(&warehouse);
        others.remove("main.checked_views").expect("it is stored");
        let connection = open(&warehouse);
        let columns = "select column_name from duckdb_columns() \
                       where table_name = 'checked_views' order by column_index";
        let columns = texts(&connection, columns);
        let column = columns[1].replace('"', "\"\"");
        let rows = format!("select \"{column}\" from checked_views order by 1");
        let rows = texts(&connection, &rows);
        (columns, rows, others)
    }

    let (columns, rows, others) = stored("url");
    assert_eq!(columns, ["user_id", "url", "pageview_datetime"]);
    assert_eq!(
        rows,
        ["a", "b", "c", "d"].map(|page| format!("https://example.com/{page}"))
    );
    // In each kind of quotes, and as one who quotes them knows to write them.
    for quote in ["\"", "'", "\"\"", "\\\""] {
        let name = format!("x{quote}); drop table current_postcode_history; --");
        let written: Vec<_> = name.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let (columns_then, rows_then, others_then) = stored(&written.concat());
        assert_eq!(
            columns_then,
            ["user_id", name.as_str(), "pageview_datetime"]
        );
        assert_eq!(rows_then, rows, "{name}");
        assert_same(&others_then, &others, &name);
    }
}

/// Orders to pass views on with their page under another name.
fn promising(name: &str) -> String {
    format!("schema: promise user_id=l? {name}=u? pageview_datetime=tsu:?; rows: emit n rest")
}

#[test]
fn a_snapshot_that_opens_what_is_open() {
    assert_stopped!(snapshot(
        "extract: emit n values:n/0:,00*n forward:0 forward:1"
    ));
}

#[test]
fn a_snapshot_that_supersedes_a_key_twice() {
    assert_stopped!(snapshot(
        "extract: times 2 emit 1 current=0 values:1/0:,01 gather:0/0 gather:0/1"
    ));
}

#[test]
fn a_snapshot_that_closes_what_is_not_open() {
    assert_stopped!(snapshot(
        "extract: emit 1 current=0 values:1/0:,02 values:1/0:,e703000000000000 gather:0/1"
    ));
}

#[test]
fn a_snapshot_that_makes_up_a_change() {
    assert_stopped!(snapshot(
        "extract: emit 1 current=0 values:1/0:,07 gather:0/0 gather:0/1"
    ));
}

#[test]
fn a_snapshot_without_a_key() {
    assert_stopped!(snapshot(
        "extract: emit 1 current=none values:1/0:,00 gather:0/0 gather:0/1"
    ));
}

#[test]
fn a_snapshot_that_never_finishes() {
    assert_stopped!(snapshot("finish: spin"));
}

#[test]
fn an_incremental_that_loses_rows() {
    assert_stopped!(incremental("rows: nothing"));
}

#[test]
fn an_incremental_that_adds_rows() {
    assert_stopped!(incremental("rows: times 2 emit n rest"));
}

#[test]
fn an_incremental_that_hoards_its_lookup() {
    assert_stopped!(incremental("lookup: hoard"));
}

#[test]
fn a_change_detection_that_traps() {
    assert_detection_stopped!("now: panic");
}

#[test]
fn a_change_detection_that_gathers_beyond_its_versions() {
    assert_detection_stopped!(
        "finish: emit 1 kept=4000000 gather:0/0 gather:0/1 gather:0/2 gather:0/2"
    );
}

#[test]
fn a_change_detection_that_emits_a_key_twice() {
    assert_detection_stopped!(
        "finish: times 2 emit 1 kept=0 gather:0/0 gather:0/1 gather:0/2 gather:0/2"
    );
}

#[test]
fn a_change_detection_that_makes_up_a_key() {
    assert_detection_stopped!(
        "finish: emit 1 kept=0 values:1/0:,e703000000000000 gather:0/1 gather:0/2 gather:0/2"
    );
}

#[test]
fn a_snapshot_that_closes_what_the_first_extract_opens() {
    let project = new();
    snapshot_by_guest(
        &project,
        "extract: emit n values:n/0:,02*n forward:0 forward:1",
    );
    assert_stopped!(project);
}

#[test]
fn a_snapshot_that_makes_up_a_change_of_the_first_extract() {
    let project = new();
    snapshot_by_guest(
        &project,
        "extract: emit n values:n/0:,07*n forward:0 forward:1",
    );
    assert_stopped!(project);
}

#[test]
fn a_snapshot_that_opens_a_key_twice_in_the_first_extract() {
    let project = new();
    snapshot_by_guest(
        &project,
        "extract: emit n values:n/0:,00*n forward:0 forward:1; \
         extract: emit 1 current=0 values:1/0:,00 gather:0/0 gather:0/1",
    );
    assert_stopped!(project);
}

#[test]
fn a_snapshot_that_opens_a_new_key_twice_in_a_later_extract() {
    let project = snapshot(
        "extract: times 2 emit 1 current=0 values:1/0:,00 values:1/0:,0b00000000000000 gather:0/1",
    );
    project.write(NEXT_USERS, format!("{TEN_USERS}11,ST1 1ST\n"));
    assert_stopped!(project);
}

/// A column of this name would hide the number that DuckDB gives a row, and with it rows.
#[test]
fn a_transform_that_promises_row_numbers() {
    for (name, store) in [("RowID", true), ("WIGEON_from", true), ("rowid", false)] {
        let store = if store { "store = true\n" } else { "" };
        let project = checking(store, &promising(name));
        if store.is_empty() {
            // Nothing keeps it.
            run(&project);
            continue;
        }
        let told = refused(&project, &["run", "--at", AT]);
        assert!(told.starts_with("exit code: 2\n"), "{told}");
        let words = format!("its table cannot have a column `{name}`");
        assert!(told.contains(&words), "{told}");
    }
}

/// A snapshot by a guest that is to obey this when it describes itself, which it is asked before it
/// has options: the order is in the bytes of the component.
fn describing(order: &str) -> Project {
    const MARK: &[u8] = b"wigeon-hostile-describe:";
    const LENGTH: usize = 40;
    let project = snapshot("");
    let mut component = SNAPSHOT.to_vec();
    let mark = component
        .windows(MARK.len())
        .position(|bytes| bytes == MARK);
    let start = mark.expect("the guest has a mark") + MARK.len();
    component[start..start + LENGTH].copy_from_slice(format!("{order:LENGTH$}").as_bytes());
    project.write("hostile.wasm", component);
    project
}

#[test]
fn a_snapshot_that_never_describes_itself() {
    assert_stopped!(describing("spin"));
}

#[test]
fn a_snapshot_that_takes_too_much_memory_to_describe_itself() {
    assert_stopped!(describing("grow 60000"));
}

/// What is too much of the log is no failure, but it is told.
#[test]
fn a_transform_that_logs_more_than_it_may() {
    let project = transform("rows: times 10 log said-by-the-guest; rows: emit n rest");
    project.edit_manifest("memory_mib = 64", "memory_mib = 64\nlog_lines = 3");
    let ran = project.run(&["run", "--at", AT]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let lines = |words: &str| {
        ran.stderr
            .lines()
            .filter(|line| line.contains(words))
            .count()
    };
    assert_eq!(lines("said-by-the-guest"), 3, "{}", ran.stderr);
    assert_eq!(lines("were dropped"), 1, "{}", ran.stderr);
    let told = "lines of a plugin's log were dropped; to be shown more, raise `log_lines` under \
                `[step.limits]` plugin=\"file:hostile.wasm\" call=\"rows\" limit=3 dropped=7";
    assert!(ran.stderr.contains(told), "{}", ran.stderr);
}

/// A line is cut at 1,024 bytes of what the guest says, and then escaped.
#[test]
fn a_transform_whose_log_a_terminal_would_obey() {
    let project = transform("rows: log a*2000; rows: log %1b[2J%e2%80%aea*250; rows: emit n rest");
    let ran = project.run(&["run", "--at", AT]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let lines_with = |words: &str| {
        let lines = ran.stderr.lines();
        lines.filter(|line| line.contains(words)).count()
    };
    let long = "a".repeat(1_024);
    assert_eq!(lines_with(&format!("{long}…")), 1, "{}", ran.stderr);
    assert_eq!(lines_with(&format!("a{long}")), 0, "{}", ran.stderr);
    // Eight bytes, 250 times: they become more once they are escaped.
    let obeyed = r"\u{1b}[2J\u{202e}a";
    let cut = format!("{}…", obeyed.repeat(128));
    assert_eq!(lines_with(&cut), 1, "{}", ran.stderr);
    assert_eq!(lines_with(&obeyed.repeat(129)), 0, "{}", ran.stderr);
    let is_obeyed = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
    assert!(!ran.stderr.contains(is_obeyed), "{:?}", ran.stderr);
}

#[test]
fn a_component_larger_than_any() {
    let project = loaded();
    project.edit_manifest("builtin:scd2", "file:hostile.wasm");
    project.write("hostile.wasm", b"\0asm\x0d\0\x01\0");
    let file = fs_err::OpenOptions::new()
        .write(true)
        .open(project.path("hostile.wasm"))
        .expect("the file");
    file.set_len(257 << 20).expect("a file with a hole");
    assert_run_refused!(project);
}
