//! Hostile guests in three lanes, on many batches: whether one lane fails or all do, the run ends in
//! time and says what happened, nothing is stored, and the next run with a plugin that behaves works.

use std::fmt::Write as _;

use wigeon_tests::Project;

use crate::{
    hostile::{assert_works_again, incremental, snapshot, undisturbed},
    support::{AT, NEXT_USERS, NEXT_VIEWS, TEN_USERS, run, state},
};

/// Some eight batches as they are read, of which each lane is given a part.
const ROWS: u64 = 60_000;

const LATER_VIEWS: &str = "extracts/pageview_extract_2019-10-11T03.csv";

/// What a failure in the third batch of a lane is told as.
const FAILURES: [(&str, i32, &str); 3] = [
    (
        "panic",
        3,
        "trapped in `CALL` at batch 3: it panicked or aborted",
    ),
    (
        "spin",
        3,
        "used more than its 1 s for one call in `CALL` at batch 3",
    ),
    ("answer data no", 1, "says at batch 3: no"),
];

/// Has the guest's step work in three lanes.
fn in_three_lanes(project: &Project) {
    project.edit_manifest("threads = 1", "threads = 3");
    project.edit_manifest("memory_mib = 64", "memory_mib = 64\nlanes = 3");
}

/// So many views of these users in turn.
fn views(of: impl Iterator<Item = u64>) -> String {
    let mut text = "user_id,url,pageview_datetime\n".to_owned();
    for user in of {
        writeln!(text, "{user},https://example.com/c,2019-10-11 02:00:00").expect("text");
    }
    text
}

/// The users that are there, and many more.
fn many_users() -> String {
    let mut text = TEN_USERS.to_owned();
    for user in 11..=ROWS {
        writeln!(text, "{user},AB1 2CD").expect("text");
    }
    text
}

fn assert_stopped(project: &Project, code: i32, words: &str) {
    let before = state(project);
    let ran = project.run(&["run", "--at", AT]);
    assert_eq!(ran.code, Some(code), "{words}: {}", ran.stderr);
    assert!(ran.stderr.contains(words), "{words}: {}", ran.stderr);
    assert!(state(project) == before, "{words}: something was stored");
    let undisturbed = undisturbed(project);
    assert_works_again(project, &undisturbed);
}

/// Tries each way of failing in the third batch that a call is lent, on these views.
fn assert_rows_are_stopped(views: &str) {
    for (deed, code, words) in FAILURES {
        let project = incremental(&format!("rows: after 2 {deed}; rows: emit n rest"));
        in_three_lanes(&project);
        project.write(NEXT_VIEWS, views);
        assert_stopped(&project, code, &words.replace("CALL", "rows"));
    }
}

#[test]
fn an_incremental_that_fails_in_every_lane() {
    assert_rows_are_stopped(&views((0..ROWS).map(|row| row % 1_000)));
}

/// Rows of one user are all in one lane; the others have a batch or two.
#[test]
fn an_incremental_that_fails_in_one_lane() {
    let few = (0..1_000).chain((0..ROWS).map(|_| 1));
    assert_rows_are_stopped(&views(few));
}

#[test]
fn an_incremental_that_fails_at_its_lookup() {
    for (deed, code, words) in FAILURES {
        let project = incremental("");
        project.write(NEXT_USERS, many_users());
        run(&project);
        in_three_lanes(&project);
        let order = format!("do = \"lookup: after 2 {deed}\"");
        project.edit_manifest("do = \"\"", &order);
        // Of all users, so that none of their versions is left out.
        project.write(LATER_VIEWS, views(1..=ROWS));
        assert_stopped(&project, code, &words.replace("CALL", "lookup"));
    }
}

#[test]
fn an_incremental_that_fails_at_the_end() {
    for (deed, code, words) in [
        ("panic", 3, "trapped in `finish`: it panicked or aborted"),
        ("spin", 3, "used more than its 1 s for one call in `finish`"),
    ] {
        let project = incremental(&format!("rows: emit n rest; finish: {deed}"));
        in_three_lanes(&project);
        project.write(NEXT_VIEWS, views((0..ROWS).map(|row| row % 1_000)));
        assert_stopped(&project, code, words);
    }
}

#[test]
fn a_snapshot_that_fails_in_every_lane() {
    for (deed, code, words) in FAILURES {
        let project = snapshot(&format!("extract: after 2 {deed}"));
        in_three_lanes(&project);
        project.write(NEXT_USERS, many_users());
        assert_stopped(&project, code, &words.replace("CALL", "extract"));
    }
}
