//! Hostile guests in a whole run, one or more of each kind: the tables stay as they were, and the
//! next run with a plugin that behaves works. Everything else that a guest can try is in the
//! tables of `host/runtime/tests/hostile`.

use std::sync::LazyLock;

use wigeon_tests::{Project, guest};

use crate::support::{
    AT, NEXT_USERS, NEXT_VIEWS, TEN_USERS, assert_run_refused, loaded, new, refused, run, state,
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
    let project = new();
    project.write("hostile.wasm", &*TRANSFORM);
    project.edit_manifest(
        "# Every view, with both postcodes.",
        &format!(
            "[[step]]\nname = \"checked_views\"\nkind = \"transform\"\n\
             plugin = \"file:hostile.wasm\"\ninput = \"pageview_extract\"\n\n\
             {LIMITS}[step.options]\ndo = \"\"\n"
        ),
    );
    project.edit_manifest(
        "input = \"pageview_extract\"\ncolumns = [\"user_id\"",
        "input = \"checked_views\"\ncolumns = [\"user_id\"",
    );
    run(&project);
    project.edit_manifest("do = \"\"", &format!("do = \"{orders}\""));
    project.write(NEXT_VIEWS, VIEWS_MORE);
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

/// The flagship, loaded, whose one change is in the snapshot and is to be found by the guest.
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
    // The snapshot is stored, since it is another step; what is told of is the second attempt.
    let ran = project.run(&["run", "--at", AT]);
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
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
        assert_run_refused!(project);
        assert_works_again(&project);
    };
}

pub(crate) fn assert_works_again(project: &Project) {
    let before = state(project);
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
    run(project);
    assert_ne!(state(project), before, "there was something to load");
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
    assert_works_again(&project);
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
    assert_works_again(&project);
}

#[test]
fn a_transform_whose_answer_a_terminal_would_obey() {
    let project = transform("rows: answer data %1b[2Jno");
    let told = refused(&project, &["run", "--at", AT]);
    assert!(!told.contains('\u{1b}'), "{told}");
    assert_works_again(&project);
}

#[test]
fn a_column_whose_name_is_sql_is_a_name() {
    let name = "x%22)%3b%20drop%20table%20current_postcode%3b%20--";
    let project = transform(&format!(
        "schema: promise user_id=l? {name}=u? pageview_datetime=tsu:?; rows: emit n rest"
    ));
    run(&project);
    assert!(state(&project).contains("main.current_postcode"));
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
    assert_stopped!(change_detection("now: panic"));
}

#[test]
fn a_change_detection_that_gathers_beyond_its_versions() {
    assert_stopped!(change_detection(
        "finish: emit 1 kept=4000000 gather:0/0 gather:0/1 gather:0/2 gather:0/2"
    ));
}

#[test]
fn a_change_detection_that_emits_a_key_twice() {
    assert_stopped!(change_detection(
        "finish: times 2 emit 1 kept=0 gather:0/0 gather:0/1 gather:0/2 gather:0/2"
    ));
}

#[test]
fn a_change_detection_that_makes_up_a_key() {
    assert_stopped!(change_detection(
        "finish: emit 1 kept=0 values:1/0:,e703000000000000 gather:0/1 gather:0/2 gather:0/2"
    ));
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
        let project = new();
        project.write("hostile.wasm", &*TRANSFORM);
        let store = if store { "store = true\n" } else { "" };
        let orders = format!(
            "schema: promise user_id=l? {name}=u? pageview_datetime=tsu:?; rows: emit n rest"
        );
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
