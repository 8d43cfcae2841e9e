//! The whole path of a plugin's author, for each kind: new, build, test, bench, inspect.
//!
//! It needs the Wasm target and no network: the new projects take the SDK from this workspace, and
//! begin with its lock file. They share a target directory, so that the SDK is compiled once.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot prepare its place has failed"
)]

use std::{
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use tempfile::TempDir;

const WORKSPACE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

fn wigeon(directory: &Path, arguments: &[&str]) -> Output {
    let scratch = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    Command::new(env!("CARGO_BIN_EXE_wigeon"))
        .args(arguments)
        .current_dir(directory)
        .env("CARGO_TARGET_DIR", scratch.join("authoring"))
        .env("CARGO_NET_OFFLINE", "true")
        .env("WIGEON_CACHE_DIR", scratch.join("authoring-cache"))
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn ok(directory: &Path, arguments: &[&str]) -> String {
    let output = wigeon(directory, arguments);
    let stdout = String::from_utf8(output.stdout).unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{arguments:?}\n{stdout}\n{stderr}");
    stdout
}

/// Begins a plugin that can be built without a network.
fn new(place: &TempDir, name: &str, kind: &str) -> PathBuf {
    let sdk = format!("{WORKSPACE}/plugins/sdk");
    ok(
        place.path(),
        &["plugin", "new", name, "--kind", kind, "--sdk", &sdk],
    );
    let directory = place.path().join(name);
    fs_err::copy(
        format!("{WORKSPACE}/Cargo.lock"),
        directory.join("Cargo.lock"),
    )
    .unwrap();
    directory
}

fn whole_path(kind: &str) {
    let place = TempDir::with_prefix("wigeon").unwrap();
    let name = format!("my-{kind}");
    let directory = new(&place, &name, kind);
    let built = ok(&directory, &["plugin", "build"]);
    let path = format!("target/{name}.wasm");
    assert!(
        built.contains(&path) && built.contains("sha256:"),
        "{built}"
    );
    assert!(directory.join(&path).is_file());

    let tested = ok(&directory, &["plugin", "test"]);
    assert!(tested.ends_with("9 passed\n"), "{tested}");

    let inspected = ok(place.path(), &["plugin", "inspect", &name]);
    assert!(
        inspected.contains(&format!("kind       {kind}\n")),
        "{inspected}"
    );

    let measured = ok(
        &directory,
        &["plugin", "bench", "--rows", "20000", "--format", "json"],
    );
    let report: serde_json::Value = serde_json::from_str(&measured).unwrap();
    assert!(
        report["second"]["rows"].as_u64().unwrap() >= 20_000,
        "{measured}"
    );
}

#[test]
fn a_new_transform_is_built_tested_and_measured_at_once() {
    whole_path("transform");
}

#[test]
fn a_new_snapshot_is_built_tested_and_measured_at_once() {
    whole_path("snapshot");
}

#[test]
fn a_new_incremental_is_built_tested_and_measured_at_once() {
    whole_path("incremental");
}

#[test]
fn a_new_change_detection_is_built_tested_and_measured_at_once() {
    whole_path("change-detection");
}

#[test]
fn another_output_than_expected_fails_until_it_is_blessed() {
    let place = TempDir::with_prefix("wigeon").unwrap();
    let directory = new(&place, "changed", "transform");
    let rows = directory.join("tests/cases/first/rows.csv");
    let text = fs_err::read_to_string(&rows).unwrap();
    fs_err::write(&rows, text + "6,GB,1.00\n").unwrap();

    let output = wigeon(&directory, &["plugin", "test"]);
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stdout}");
    assert!(
        stdout.contains("+| 6         | GB            | 1.00"),
        "{stdout}"
    );

    let blessed = ok(&directory, &["plugin", "test", "--bless"]);
    assert!(blessed.contains("1 written"), "{blessed}");
    ok(&directory, &["plugin", "test"]);
}
