//! The whole path of a plugin's author, for each language and kind: new, build, test, inspect, bench.
//!
//! It needs the Wasm target and no network: the new projects in Rust have a copy of the SDK, and
//! begin with the lock file of this workspace. They share a target directory, so that what the SDK
//! depends on is compiled once. Where the tools of another language, or the target with WASI, are missing, a line
//! says that its test was skipped; `./just setup-languages` brings them.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot prepare its place has failed"
)]

mod rust_std;
mod tutorial;

use std::{
    env,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

const WORKSPACE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// The target directory that the new projects share.
fn shared_target() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("authoring")
}

fn wigeon(directory: &Path, arguments: &[&str]) -> Output {
    wigeon_building_in(&shared_target(), directory, arguments)
}

fn wigeon_building_in(target: &Path, directory: &Path, arguments: &[&str]) -> Output {
    command(target, directory, arguments).output().unwrap()
}

fn command(target: &Path, directory: &Path, arguments: &[&str]) -> Command {
    let scratch = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_wigeon"));
    command
        .args(arguments)
        .current_dir(directory)
        .env("CARGO_TARGET_DIR", target)
        .env("CARGO_NET_OFFLINE", "true")
        .env("WIGEON_CACHE_DIR", scratch.join("authoring-cache"))
        .stdin(Stdio::null());
    command
}

fn ok(directory: &Path, arguments: &[&str]) -> String {
    stdout_of_success(wigeon(directory, arguments))
}

fn stdout_of_success(output: Output) -> String {
    let stdout = String::from_utf8(output.stdout).unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{stdout}\n{stderr}");
    stdout
}

/// Begins a plugin that can be built without a network.
fn new(place: &TempDir, name: &str, language: &str, kind: &str) -> PathBuf {
    let arguments = ["plugin", "new", name, "--kind", kind, "--lang", language];
    ok(place.path(), &arguments);
    let directory = place.path().join(name);
    if language == "rust" {
        let lock = format!("{WORKSPACE}/Cargo.lock");
        fs_err::copy(lock, directory.join("Cargo.lock")).unwrap();
    }
    // What `npm install` would bring: many files, which are only read.
    let modules = env::var_os("WIGEON_NODE_MODULES").filter(|path| !path.is_empty());
    if let ("js", Some(modules)) = (language, modules) {
        fs_err::os::unix::fs::symlink(modules, directory.join("node_modules")).unwrap();
    }
    directory
}

fn whole_path(language: &str, kind: &str) {
    let place = TempDir::with_prefix("wigeon").unwrap();
    let name = format!("my-{kind}");
    let directory = new(&place, &name, language, kind);
    let path = format!("target/{name}.wasm");

    // In Python and JavaScript a component takes ten seconds, and `test` makes it too.
    if ["rust", "c"].contains(&language) {
        let output = wigeon(&directory, &["plugin", "build", "--format", "json"]);
        if skipped(language, kind, &output) {
            return;
        }
        let built = json(&stdout_of_success(output));
        assert!(built["path"].as_str().unwrap().ends_with(&path), "{built}");
        assert!(built["digest"].as_str().unwrap().starts_with("sha256:"));
        assert!(positive(&built["size_bytes"]), "{built}");
    }

    let output = wigeon(&directory, &["plugin", "test"]);
    if skipped(language, kind, &output) {
        return;
    }
    let tested = stdout_of_success(output);
    assert!(tested.ends_with("9 passed\n"), "{tested}");
    assert!(directory.join(&path).is_file());

    let inspect = ["plugin", "inspect", &name, "--format", "json"];
    let inspected = json(&ok(place.path(), &inspect));
    assert_eq!(inspected["kind"], kind);
    assert_eq!(inspected["contract"], "0.1.0");
    assert_eq!(inspected["options_schema"]["type"], "object");
    for size in ["size_bytes", "compiled_bytes", "memory_at_start_bytes"] {
        assert!(positive(&inspected[size]), "{size}: {inspected}");
    }
    let imports = inspected["imports"].as_array().unwrap();
    assert!(!imports.is_empty(), "{inspected}");
    for import in imports {
        assert!(import.as_str().unwrap().starts_with("wigeon:plugin/"));
    }

    let bench = ["plugin", "bench", "--rows", "20000", "--format", "json"];
    let component = [&path, "--case", "tests/cases/first"];
    let subject: &[&str] = if language == "rust" { &[] } else { &component };
    let measured = ok(&directory, &[&bench, subject].concat());
    let report = json(&measured);
    assert_eq!(report["digest"], inspected["digest"]);
    let stream = &report["second"];
    assert!(stream["rows"].as_u64().unwrap() >= 20_000, "{report}");
    let of_stream = ["rows_per_second", "seconds_per_call", "bytes_in_per_row"];
    assert!(
        of_stream.iter().all(|name| positive(&stream[name])),
        "{report}"
    );
    for name in [
        "instantiation_seconds",
        "memory_at_start_bytes",
        "memory_peak_bytes",
        "batch_rows_for_one_percent",
    ] {
        assert!(positive(&report[name]), "{name}: {report}");
    }

    // An option that the plugin does not have is refused, by its name.
    let case = directory.join("tests/cases/first/case.toml");
    let text = fs_err::read_to_string(&case).unwrap();
    let misspelt = if text.contains("[options]") {
        text.replace("[options]", "[options]\nno_such_option = 1")
    } else {
        text + "\n[options]\nno_such_option = 1\n"
    };
    fs_err::write(case, misspelt).unwrap();
    let refused = wigeon(&directory, &[&bench[..2], &component].concat());
    assert_eq!(refused.status.code(), Some(2));
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("`no_such_option`"), "{said}");
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn positive(value: &Value) -> bool {
    value.as_f64().is_some_and(|number| number > 0.0)
}

/// Says whether a plugin cannot be built since a tool is missing, and writes a line about it that is
/// shown although the test passes: what `eprintln!` writes is not.
fn skipped(language: &str, kind: &str, output: &Output) -> bool {
    let said = String::from_utf8_lossy(&output.stderr);
    let missing = said.lines().find(|line| line.contains(" is missing: "));
    let Some(missing) = missing.filter(|_| language != "rust") else {
        return false;
    };
    say_skipped(&format!(
        "the template of a {kind} plugin in {language}: {missing}"
    ));
    true
}

/// Writes a line about a test that was skipped, of the form that `.ci/run` counts.
fn say_skipped(what: &str) {
    let hint = "(`./just setup-languages` brings it)";
    writeln!(io::stderr(), "skipped: {what} {hint}").expect("standard error can be written to");
}

/// The tests of one language.
macro_rules! every_kind {
    ($module:ident, $language:literal) => {
        mod $module {
            #[test]
            fn a_new_transform_is_built_tested_and_measured_at_once() {
                super::whole_path($language, "transform");
            }

            #[test]
            fn a_new_snapshot_is_built_tested_and_measured_at_once() {
                super::whole_path($language, "snapshot");
            }

            #[test]
            fn a_new_incremental_is_built_tested_and_measured_at_once() {
                super::whole_path($language, "incremental");
            }

            #[test]
            fn a_new_change_detection_is_built_tested_and_measured_at_once() {
                super::whole_path($language, "change-detection");
            }
        }
    };
}

every_kind!(rust, "rust");
every_kind!(c, "c");
every_kind!(python, "python");
every_kind!(javascript, "js");

/// A plugin whose language brings WASI along passes the same tests, in which nothing of it is
/// allowed, and is told to ask for it. `without` is what the template's build leaves WASI out by.
fn with_wasi(language: &str, build: &str, without: &str, with: &str) {
    let place = TempDir::with_prefix("wigeon").unwrap();
    let directory = new(&place, "asking", language, "transform");
    let path = directory.join(build);
    let text = fs_err::read_to_string(&path).unwrap();
    assert_eq!(text.matches(without).count(), 1, "{text}");
    fs_err::write(&path, text.replace(without, with)).unwrap();

    let output = wigeon(&directory, &["plugin", "test"]);
    if skipped(language, "transform", &output) {
        return;
    }
    let tested = stdout_of_success(output);
    assert!(tested.ends_with("9 passed\n"), "{tested}");

    let inspect = ["plugin", "inspect", "asking", "--format", "json"];
    let inspected = json(&ok(place.path(), &inspect));
    let asked = inspected["asks_for"].as_array().unwrap();
    for what in ["clock", "files", "random"] {
        assert!(asked.contains(&Value::from(what)), "{what}: {inspected}");
    }
}

#[test]
fn a_plugin_in_python_may_import_wasi() {
    with_wasi(
        "python",
        "build.sh",
        "componentize -s -p",
        "componentize -p",
    );
}

#[test]
fn a_plugin_in_javascript_may_import_wasi() {
    let disabled = r#"disableFeatures: ["random", "stdio", "clocks", "http", "fetch-event"],"#;
    with_wasi("js", "build.js", disabled, "");
}

#[test]
fn another_output_than_expected_fails_until_it_is_blessed() {
    let place = TempDir::with_prefix("wigeon").unwrap();
    let directory = new(&place, "changed", "rust", "transform");
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
