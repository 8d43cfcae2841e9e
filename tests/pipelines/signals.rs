//! `SIGINT` and `SIGTERM`: a run that is interrupted stops within a moment, with exit code 130 and
//! whole loads only, and the next one goes on from there.

use std::{
    fmt::Write as _,
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use nix::sys::signal::Signal;
use wigeon_tests::{Project, Stopped, ended, guest, send};

use crate::{
    failpoints::{NEXT_DAY, arrive, copy_of, with_all_kinds},
    kills::{RUN, WAREHOUSE, check_no_litter, check_whole_loads},
    tables::{assert_same, of_pipeline},
};

const STOPPING: &str = "stopping; once more to end at once\n";
const HINT: &str = "hint: run it again to go on where it stopped";

/// What is committed, or about to be, may be the last that there was to do.
const ALMOST_DONE: [&str; 4] = ["committing", "committed", "checkpointing", "checkpointed"];

#[test]
fn a_signal_at_any_point_leaves_whole_loads() {
    let mut arrivals = with_all_kinds();
    arrive(&mut arrivals, 0);
    arrivals.project.ok(&RUN);
    arrive(&mut arrivals, 1);
    let undisturbed = copy_of(&arrivals.project);
    undisturbed.ok(&RUN);
    let expected = of_pipeline(&undisturbed.path(WAREHOUSE));
    let mut signals = [Signal::SIGINT, Signal::SIGTERM].into_iter().cycle();
    for (step, points) in NEXT_DAY {
        for point in points.split(' ') {
            let signal = signals.next().expect("there is always one");
            let project = copy_of(&arrivals.project);
            let run = Stopped::at(&project, &format!("{point}:{step}"), &RUN);
            run.send(signal);
            let ran = run.go_on();
            let when = format!("{signal} at {point}:{step}");
            match ran.code {
                Some(130) => {
                    assert!(ran.stderr.contains(STOPPING), "{when}: {}", ran.stderr);
                    assert!(ran.stderr.contains(HINT), "{when}: {}", ran.stderr);
                }
                Some(0) if ALMOST_DONE.contains(&point) => {}
                code => panic!("{when}: {code:?}: {}", ran.stderr),
            }
            check_whole_loads(&project, &when);
            project.ok(&RUN);
            assert_same(&of_pipeline(&project.path(WAREHOUSE)), &expected, &when);
            check_no_litter(&project);
        }
    }
}

/// Whoever asks twice does not wait, not even for a message.
#[test]
fn a_second_signal_ends_the_process_at_once() {
    let mut arrivals = with_all_kinds();
    arrive(&mut arrivals, 0);
    let project = &arrivals.project;
    let run = Stopped::at(project, "begun:pageviews_postcode", &RUN);
    run.send(Signal::SIGINT);
    run.send(Signal::SIGTERM);
    let ran = run.go_on();
    assert_eq!(ran.code, Some(130), "{}", ran.stderr);
    assert!(ran.stderr.ends_with(STOPPING), "{}", ran.stderr);
    check_whole_loads(project, "after two signals");
    project.ok(&RUN);
    check_no_litter(project);
    assert!(of_pipeline(&project.path(WAREHOUSE)).contains_key("main.pageviews_postcode"));
}

const ENDLESS: &str = r#"
manifest_version = 1
name = "endless"

[source.users]
format = "csv"
path = "users_{date}.csv"
columns = { id = "int64", postcode = "utf8" }

[source.views]
format = "csv"
path = "views_{date}.csv"
columns = { user_id = "int64", seen_at = "timestamp" }

[[step]]
name = "current"
kind = "snapshot"
plugin = "builtin:scd2"
input = "users"
key = ["id"]
limits = { lanes = 3 }

[[step]]
name = "completed"
kind = "incremental"
plugin = "file:endless.wasm"
input = "views"
key = ["user_id"]
lookup = "current"
limits = { lanes = 3 }
options = { call = "CALL" }
"#;

/// A project whose second step never comes back from a call.
fn endless(call: &str) -> Project {
    let project = Project::new(&ENDLESS.replace("CALL", call));
    let mut users = "id,postcode\n".to_owned();
    let mut views = "user_id,seen_at\n".to_owned();
    for id in 1..=20 {
        writeln!(users, "{id},SW{id}").expect("memory");
        writeln!(views, "{id},2024-05-01 10:00:00").expect("memory");
    }
    project.write("users_2024-05-01.csv", users);
    project.write("views_2024-05-01.csv", views);
    project.write("endless.wasm", guest("wigeon-endless"));
    // Compiles it, once for all.
    project.ok(&["plugin", "inspect", "file:endless.wasm"]);
    project
}

/// A plugin may take a minute for a call, but nobody has to wait for it.
#[test]
fn a_call_that_never_returns_is_cut() {
    let calls = ["open", "lookup", "rows", "finish"];
    let signals = [Signal::SIGINT, Signal::SIGTERM].into_iter().cycle();
    for (call, signal) in calls.into_iter().zip(signals) {
        let project = endless(call);
        let run = project
            .command(&["run", "--at", "2024-06-01"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut run = run.expect("the binary runs");
        thread::sleep(Duration::from_secs(2));
        let state = run.try_wait().expect("the state of a child");
        assert!(state.is_none(), "{call}: it has ended: {state:?}");
        let asked = Instant::now();
        send(&run, signal);
        let ran = ended(run);
        let took = asked.elapsed();
        assert!(took < Duration::from_secs(5), "{call}: it took {took:?}");
        assert_eq!(ran.code, Some(130), "{call}: {}", ran.stderr);
        assert!(ran.stderr.contains(STOPPING), "{call}: {}", ran.stderr);
        let told = format!(
            "error: the run was interrupted; nothing of step `completed` was stored\n\n{HINT}\n"
        );
        assert!(ran.stderr.contains(&told), "{call}: {}", ran.stderr);

        // With a plugin that returns, the next run goes on.
        project.edit_manifest("file:endless.wasm", "builtin:point-in-time");
        project.edit_manifest(
            &format!("call = \"{call}\""),
            "event_time = \"seen_at\", as_was = { postcode = \"postcode\" }",
        );
        project.ok(&["run", "--at", "2024-06-01"]);
        let right = "select count(*) as n from completed where postcode = 'SW' || user_id";
        assert_eq!(project.sql(right), "n\n20\n", "{call}");
    }
}
