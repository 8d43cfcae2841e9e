//! A plugin that imports WASI is given next to nothing of it, and the same again in the same run.

use std::sync::LazyLock;

use wigeon_tests::{Project, Ran, guest};

const MANIFEST: &str = r#"
manifest_version = 1
name = "world"

[source.names]
format = "csv"
path = "names_{date}.csv"
columns = { name = "utf8" }

[[step]]
name = "told"
kind = "transform"
plugin = "file:worldly.wasm"
input = "names"
store = true
options = { deed = "ask" }
"#;

const NOTHING: &str =
    "environment 0 None; files 0; stdin closed; network denied; ready 2; slept 72 h; printed true";

static WORLDLY: LazyLock<Vec<u8>> = LazyLock::new(|| guest("wigeon-worldly"));

fn project() -> Project {
    let project = Project::new(MANIFEST);
    project.write("worldly.wasm", &*WORLDLY);
    project.write("names_2019-10-11.csv", "name\nAda\n");
    project
}

/// Runs the pipeline for a time, and returns what its plugin tells.
fn told(allow: &str, at: &str) -> String {
    let project = project();
    project.edit_manifest("store = true", &format!("store = true\n{allow}"));
    project.ok(&["run", "--at", at]);
    project.sql("select t.told from told t")
}

fn failed(deed: &str) -> Ran {
    let project = project();
    project.edit_manifest("\"ask\"", &format!("\"{deed}\""));
    project.run(&["run", "--at", "2019-12-01"])
}

#[test]
fn a_plugin_is_told_nothing_that_differs_from_run_to_run() {
    let first = told("", "2019-12-01");
    assert!(first.contains(NOTHING), "{first}");
    assert!(first.contains("time 0;"), "{first}");
    assert_eq!(first, told("", "2019-12-02"));
}

#[test]
fn a_plugin_may_be_allowed_the_time_and_random_numbers_of_the_run() {
    let allow = "allow = [\"clock\", \"random\"]";
    let first = told(allow, "2019-12-01");
    assert!(first.contains(NOTHING), "{first}");
    // Midnight in UTC.
    assert!(first.contains("time 1575158400;"), "{first}");
    assert_eq!(first, told(allow, "2019-12-01"));
    let next = told(allow, "2019-12-02");
    assert!(next.contains("time 1575244800;"), "{next}");
    let random = |told: &str| told.split("random ").nth(1).map(str::to_owned);
    assert_ne!(random(&first), random(&next));
}

#[test]
fn what_a_plugin_prints_goes_to_the_log() {
    let ran = project().run(&["run", "--at", "2019-12-01"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(!ran.stdout.contains("standard"), "{}", ran.stdout);
    assert!(ran.stderr.contains("to standard error"), "{}", ran.stderr);
    assert!(!ran.stderr.contains('\u{1b}'), "{}", ran.stderr);
    assert!(ran.stderr.contains("was told 1970-01-01"), "{}", ran.stderr);
}

#[test]
fn inspect_shows_what_a_plugin_asks_for() {
    let inspected = project().ok(&["plugin", "inspect", "worldly.wasm"]);
    let asks =
        "asks for   clock, environment, exit, files, network, output, random, stdin (of WASI)\n";
    assert!(inspected.contains(asks), "{inspected}");
}

#[test]
fn what_cannot_be_given_ends_the_call() {
    for (deed, why) in [
        ("exit", "it exited instead of returning"),
        (
            "request",
            "it called `wasi:http/types@0.2.3#[constructor]fields`, which plugins are not given",
        ),
        ("hoard", "it asked for more than 10000 handles at once"),
        (
            "draw",
            "it asked for more than 1048576 random bytes at once",
        ),
        (
            "write_at_length",
            "it asked for more than 4096 bytes of output at once",
        ),
    ] {
        let ran = failed(deed);
        assert_eq!(ran.code, Some(3), "{deed}: {}", ran.stderr);
        assert!(ran.stderr.contains(why), "{deed}: {}", ran.stderr);
        assert!(
            ran.stderr.contains("broke the contract in `rows`"),
            "{deed}: {}",
            ran.stderr
        );
    }
}

#[test]
fn what_has_no_end_is_ended() {
    for deed in ["write_forever", "wait_forever"] {
        let project = project();
        project.edit_manifest("\"ask\"", &format!("\"{deed}\""));
        project.edit_manifest(
            "store = true",
            "store = true\nlimits = { call_timeout_secs = 1 }",
        );
        let ran = project.run(&["run", "--at", "2019-12-01"]);
        assert_eq!(ran.code, Some(3), "{deed}: {}", ran.stderr);
        let why = "used more than its 1 s for one call in `rows` at batch 1";
        assert!(ran.stderr.contains(why), "{deed}: {}", ran.stderr);
        // A line that has no end is shown up to its limit, once.
        assert!(ran.stderr.len() < 4_096, "{deed}: {}", ran.stderr);
    }
}

#[test]
fn a_handle_that_is_dropped_twice_ends_the_call() {
    let ran = failed("drop_twice");
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    let why = "trapped in `rows` at batch 1: unknown handle index";
    assert!(ran.stderr.contains(why), "{}", ran.stderr);
}
