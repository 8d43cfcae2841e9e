//! A plugin in Rust that uses the standard library as any program does, built for `wasm32-wasip2`.
//!
//! It asks for everything that a plugin is denied, in `guest/world.rs`, and answers with an error,
//! which no case expects, if it is given any of it.

use std::{
    collections::BTreeSet,
    io,
    net::TcpListener,
    path::{Path, PathBuf},
    process::Command,
};

use fs_err as fs;
use serde_json::Value;
use tempfile::TempDir;

use crate::{command, json, new, ok, say_skipped, shared_target, stdout_of_success};

const TARGET: &str = "wasm32-wasip2";
const NAME: &str = "worldly";

/// What asks for everything.
const GUEST: &str = include_str!("guest/world.rs");

/// What `plugin.toml` says of the build, as the documentation shows it.
const BUILD: &str = include_str!("guest/build.toml");

#[test]
fn a_plugin_in_rust_may_use_std() {
    if !has_target() {
        say_skipped(&format!(
            "a plugin in Rust with std: the target {TARGET} is missing"
        ));
        return;
    }
    let place = TempDir::with_prefix("wigeon").unwrap();
    let outside = TempDir::with_prefix("outside").unwrap();
    let file = outside.path().join("secret");
    fs::write(&file, "of the host").unwrap();
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let directory = worldly(&place, port, &file);

    let output = command(&shared_target(), &directory, &["plugin", "test"])
        .env("WIGEON_TEST_SECRET", "of the host")
        .stdin(fs::File::open(&file).unwrap().into_file())
        .output()
        .unwrap();
    let log = String::from_utf8(output.stderr.clone()).unwrap();
    let tested = stdout_of_success(output);
    assert!(tested.ends_with("9 passed\n"), "{tested}");

    // It did ask, and was told the same whenever it was started.
    let hashes: BTreeSet<_> = log
        .split("everything was denied; a hash is ")
        .skip(1)
        .map(|rest| rest.chars().take(16).collect::<String>())
        .collect();
    assert_eq!(hashes.len(), 1, "{hashes:?}\n{log}");
    assert!(log.contains("was told 1970-01-01"), "{log}");
    assert!(!tested.contains("to standard output"), "{tested}");

    // Nothing of it reached the world.
    listener.set_nonblocking(true).unwrap();
    let connection = listener.accept().map_err(|error| error.kind());
    assert_eq!(connection.err(), Some(io::ErrorKind::WouldBlock));
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);

    let inspect = ["plugin", "inspect", NAME, "--format", "json"];
    let inspected = json(&ok(place.path(), &inspect));
    let asked = inspected["asks_for"].as_array().unwrap();
    for what in [
        "clock",
        "environment",
        "files",
        "network",
        "output",
        "random",
        "stdin",
    ] {
        assert!(asked.contains(&Value::from(what)), "{what}: {inspected}");
    }
}

/// Begins a plugin that asks for everything when its step is opened.
fn worldly(place: &TempDir, port: u16, file: &Path) -> PathBuf {
    let directory = new(place, NAME, "rust", "transform");
    let [outside, file] = [file.parent().unwrap(), file].map(|path| path.to_str().unwrap());
    let guest = format!(
        "{GUEST}\nconst PORT: u16 = {port};\nconst FILE: &str = {file:?};\nconst DIRECTORY: &str = {outside:?};\n"
    );
    fs::write(directory.join("src/world.rs"), guest).unwrap();
    let source = directory.join("src/lib.rs");
    let mut text = fs::read_to_string(&source).unwrap();
    for (before, added) in [
        ("use serde::Deserialize;", "mod world;\n\n"),
        (
            "let name = &options.column;",
            "world::denied().map_err(Error::other)?;\n        ",
        ),
    ] {
        assert_eq!(text.matches(before).count(), 1, "{text}");
        text = text.replace(before, &format!("{added}{before}"));
    }
    fs::write(source, text).unwrap();

    // Cargo finds in its environment that the target directory is the shared one.
    assert_eq!(BUILD.matches("\"target/").count(), 1, "{BUILD}");
    let target = shared_target();
    let build = BUILD.replace("\"target/", &format!("\"{}/", target.display()));
    let project = directory.join("plugin.toml");
    let text = fs::read_to_string(&project).unwrap();
    fs::write(project, format!("{text}\n{build}")).unwrap();
    directory
}

/// Says whether the Rust that is used has the libraries of the target.
fn has_target() -> bool {
    let printed = Command::new("rustc")
        .args(["--print", "target-libdir", "--target", TARGET])
        .output()
        .unwrap();
    let directory = String::from_utf8(printed.stdout).unwrap();
    printed.status.success() && Path::new(directory.trim()).is_dir()
}
