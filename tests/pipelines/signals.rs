//! `SIGINT`, `SIGTERM` and `SIGHUP`: a run that is interrupted stops within a moment, with exit
//! code 130 and whole loads only, and the next one goes on from there. `verify` stops as soon.

use std::{
    fmt::Write as _,
    net::TcpListener,
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use duckdb::Connection;
use nix::sys::signal::Signal;
use wigeon_tests::{Project, Ran, Stopped, ended, guest, send};

use crate::{
    failpoints::{FIRST_DAY, FOLD, FOLDING_MODES, NEXT_DAY, about_to_fold, arrive, with_all_kinds},
    kills::{RUN, WAREHOUSE, check_no_litter, check_whole_loads},
    tables::{assert_same, of_pipeline},
};

const SIGNALS: [Signal; 3] = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP];
const STOPPING: &str = "stopping; once more to end at once\n";
const HINT: &str = "hint: run it again to go on where it stopped";

/// What is committed, or about to be, may be the last that there was to do.
const ALMOST_DONE: [&str; 4] = ["committing", "committed", "checkpointing", "checkpointed"];

/// Nobody waits longer for a run that was asked to stop; a moment is usual.
const PATIENCE: Duration = Duration::from_secs(20);

/// Sends the next run of copies of a project a signal at every point of these steps, and lets each
/// go on in a run of its own.
fn interrupt_everywhere(project: &Project, steps: &[(&str, &str)]) {
    let undisturbed = project.copy();
    undisturbed.ok(&RUN);
    let expected = of_pipeline(&undisturbed.path(WAREHOUSE));
    let mut signals = SIGNALS.into_iter().cycle();
    for (step, points) in steps {
        for point in points.split(' ') {
            let signal = signals.next().expect("there is always one");
            let project = project.copy();
            let run = Stopped::at(&project, &format!("{point}:{step}"), &RUN);
            run.send(signal);
            let when = format!("{signal} at {point}:{step}");
            let ran = go_on_in_time(run, &when);
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

/// Lets a run go on that has been sent a signal, and asserts that it ends soon.
fn go_on_in_time(run: Stopped, when: &str) -> Ran {
    let asked = Instant::now();
    let ran = run.go_on();
    let took = asked.elapsed();
    assert!(took < PATIENCE, "{when}: it took {took:?}");
    ran
}

#[test]
fn a_signal_at_any_point_leaves_whole_loads() {
    let mut arrivals = with_all_kinds();
    arrive(&mut arrivals, 0);
    arrivals.project.ok(&RUN);
    arrive(&mut arrivals, 1);
    interrupt_everywhere(&arrivals.project, &NEXT_DAY);
}

#[test]
fn a_signal_at_any_point_of_a_first_run_leaves_whole_loads() {
    let mut arrivals = with_all_kinds();
    arrive(&mut arrivals, 0);
    interrupt_everywhere(&arrivals.project, &FIRST_DAY);
}

#[test]
fn a_signal_while_an_overlay_is_folded_in_leaves_whole_loads() {
    for mode in FOLDING_MODES {
        interrupt_everywhere(&about_to_fold(mode).project, &FOLD);
    }
}

const ONE_STEP: &str = r#"
manifest_version = 1
name = "many"

[source.users]
SOURCE
columns = { id = "int64", postcode = "utf8" }

[[step]]
name = "current"
kind = "snapshot"
plugin = "builtin:scd2"
input = "users"
key = ["id"]
"#;

const RUN_ONE_STEP: [&str; 3] = ["run", "--at", "2024-06-01"];

fn one_step(source: &str) -> Project {
    let project = Project::new(&ONE_STEP.replace("SOURCE", source));
    // Compiles it, once for all.
    project.ok(&["plugin", "inspect", "builtin:scd2"]);
    project
}

/// DuckDB has much to insert then, or to commit.
#[test]
fn a_signal_to_a_run_that_loads_millions_of_rows() {
    const USERS: u32 = 2_000_000;
    let project = one_step("format = \"csv\"\npath = \"users_{date}.csv\"");
    let mut users = "id,postcode\n".to_owned();
    for id in 1..=USERS {
        writeln!(users, "{id},SW{}", id % 3_000).expect("memory");
    }
    project.write("users_2024-05-01.csv", users);
    let count = |of: &str| project.sql(&format!("select count(*) as n from {of}"));
    let all = format!("n\n{USERS}\n");
    // Last the one after which it may be stored.
    for point in ["emitting", "written", "committing"] {
        let run = Stopped::at(&project, &format!("{point}:current"), &RUN_ONE_STEP);
        run.send(Signal::SIGTERM);
        let ran = go_on_in_time(run, point);
        match ran.code {
            Some(130) => {
                assert!(ran.stderr.contains(STOPPING), "{point}: {}", ran.stderr);
                assert!(ran.stderr.contains(HINT), "{point}: {}", ran.stderr);
            }
            Some(0) if point == "committing" => {}
            code => panic!("{point}: {code:?}: {}", ran.stderr),
        }
        let loads = count("wigeon.ledger");
        let tables = count("duckdb_tables() where table_name = 'current_history'");
        assert_eq!(tables, loads, "{point}: the table comes with its load");
        if loads != "n\n0\n" {
            assert_eq!(point, "committing", "{loads}");
            assert_eq!(count("current_history"), all);
        }
    }
    project.ok(&RUN_ONE_STEP);
    assert_eq!(count("wigeon.ledger"), "n\n1\n");
    assert_eq!(count("current_history"), all);
}

/// One statement, which would take days until its first row.
#[test]
fn a_statement_that_never_ends_is_interrupted() {
    let endless = "select sum(a.range * b.range % 7)::bigint as id, 'SW1' as postcode \
                   from range(10000000) as a, range(10000000) as b";
    let source = format!("format = \"duckdb\"\npath = \"app.duckdb\"\nquery = \"{endless}\"");
    let project = one_step(&source);
    drop(Connection::open(project.path("app.duckdb")).expect("a database"));
    for signal in SIGNALS {
        assert_cut(&project, &RUN_ONE_STEP, signal, HINT);
        let loads = project.sql("select count(*) as n from wigeon.ledger");
        assert_eq!(loads, "n\n0\n", "{signal}");
    }
    project.edit_manifest(endless, "select 1::bigint as id, 'SW1' as postcode");
    project.ok(&RUN_ONE_STEP);
    assert_eq!(project.sql("select id from current"), "id\n1\n");
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

const TWO_STEPS: &str = r#"
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
plugin = "file:guest.wasm"
input = "views"
key = ["user_id"]
lookup = "current"
limits = { lanes = 3 }
options = { OPTIONS }
"#;

/// A project whose second step is the guest's, with these options.
fn two_steps(package: &str, options: &str) -> Project {
    let project = Project::new(&TWO_STEPS.replace("OPTIONS", options));
    let mut users = "id,postcode\n".to_owned();
    let mut views = "user_id,seen_at\n".to_owned();
    for id in 1..=20 {
        writeln!(users, "{id},SW{id}").expect("memory");
        writeln!(views, "{id},2024-05-01 10:00:00").expect("memory");
    }
    project.write("users_2024-05-01.csv", users);
    project.write("views_2024-05-01.csv", views);
    project.write("guest.wasm", guest(package));
    // Compiles it, once for all.
    project.ok(&["plugin", "inspect", "file:guest.wasm"]);
    project
}

/// Runs a command that hangs in a call of a plugin, sends it a signal, and asserts that it ends
/// within a moment and says so.
fn assert_cut(project: &Project, arguments: &[&str], signal: Signal, told: &str) {
    let command = project
        .command(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut command = command.expect("the binary runs");
    thread::sleep(Duration::from_secs(2));
    let state = command.try_wait().expect("the state of a child");
    assert!(state.is_none(), "{arguments:?} has ended: {state:?}");
    let asked = Instant::now();
    send(&command, signal);
    let ran = ended(command);
    let took = asked.elapsed();
    assert!(
        took < Duration::from_secs(5),
        "{arguments:?} took {took:?} after {signal}"
    );
    assert_eq!(ran.code, Some(130), "{signal}: {}", ran.stderr);
    assert!(ran.stderr.contains(STOPPING), "{signal}: {}", ran.stderr);
    assert!(ran.stderr.contains(told), "{signal}: {}", ran.stderr);
}

/// A plugin may take a minute for a call, but nobody has to wait for it.
#[test]
fn a_call_that_never_returns_is_cut() {
    let calls = ["open", "lookup", "rows", "finish"];
    for (call, signal) in calls.into_iter().zip(SIGNALS.into_iter().cycle()) {
        let project = two_steps("wigeon-endless", &format!("call = \"{call}\""));
        let told = format!(
            "error: the run was interrupted; nothing of step `completed` was stored\n\n{HINT}\n"
        );
        assert_cut(&project, &["run", "--at", "2024-06-01"], signal, &told);

        // With a plugin that returns, the next run goes on.
        project.edit_manifest("file:guest.wasm", "builtin:point-in-time");
        project.edit_manifest(
            &format!("call = \"{call}\""),
            "event_time = \"seen_at\", as_was = { postcode = \"postcode\" }",
        );
        project.ok(&["run", "--at", "2024-06-01"]);
        let right = "select count(*) as n from completed where postcode = 'SW' || user_id";
        assert_eq!(project.sql(right), "n\n20\n", "{call}");
    }
}

#[test]
fn a_call_that_never_returns_to_verify_is_cut() {
    const TOLD: &str = "error: verifying was interrupted at step `completed`; the warehouse is as \
                        it was\n\nhint: run it again: it begins anew\n";
    let project = two_steps("wigeon-hostile-incremental", "do = \"\"");
    project.ok(&["run", "--at", "2024-06-01"]);
    let mut before = "do = \"\"".to_owned();
    // One while plugins are loaded, the others while rows are recomputed.
    for (call, signal) in ["open", "lookup", "rows"].into_iter().zip(SIGNALS) {
        let spinning = format!("do = \"{call}: spin\"");
        project.edit_manifest(&before, &spinning);
        assert_cut(&project, &["verify"], signal, TOLD);
        before = spinning;
    }
    project.edit_manifest(&before, "do = \"\"");
    project.ok(&["verify"]);
}

/// A registry may take half a minute to say nothing, but nobody has to wait for it.
#[test]
fn a_registry_that_never_answers_is_not_waited_for() {
    let project = two_steps("wigeon-endless", "call = \"open\"");
    // The system accepts connections for it, and there it ends.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let host = silent.local_addr().expect("a bound port");
    let reference = format!("oci:{host}/team/mask:1.2.0");
    project.edit_manifest("file:guest.wasm", &reference);
    let run = format!(
        "error: the run was interrupted; nothing of step `completed` was stored\n\n{HINT}\n"
    );
    let others = format!(
        "  caused by: talking to the registry `{host}` was interrupted\n\n\
         hint: run it again: it begins anew\n"
    );
    let commands: [(&[&str], &str); 3] = [
        (&["run", "--at", "2024-06-01"], &run),
        (&["lock"], &others),
        (&["plugin", "pull", &reference], &others),
    ];
    for ((command, told), signal) in commands.into_iter().zip(SIGNALS) {
        assert_cut(&project, command, signal, told);
        assert!(!project.path("wigeon.lock").exists(), "{command:?}");
    }
}
