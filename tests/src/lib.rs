//! What whole-program tests share: a pipeline in a directory of its own, and the `wigeon` binary.

#![expect(clippy::missing_panics_doc, reason = "a test that panics has failed")]

mod ran;
#[cfg(unix)]
mod stopped;
pub mod tables;

use std::{
    env,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use fs_err as fs;
use tempfile::TempDir;

pub use crate::ran::{Ran, ended, run_to_end};
#[cfg(unix)]
pub use crate::stopped::{Stopped, send, start_to_stop};

/// A directory with a pipeline, and the binary to run it with.
#[derive(Debug)]
pub struct Project {
    directory: TempDir,
}

impl Project {
    /// Makes a directory with this manifest.
    pub fn new(manifest: &str) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let project = Self { directory };
        project.write("pipeline.toml", manifest);
        project
    }

    /// Makes a directory with the flagship's manifest and no extracts.
    pub fn flagship() -> Self {
        let manifest =
            fs::read_to_string(workspace().join("pipelines/pageviews_postcode/pipeline.toml"));
        let project = Self::new(&manifest.expect("the flagship's manifest"));
        fs::create_dir(project.path("extracts")).expect("a new directory");
        project
    }

    /// Copies its files and its extracts into a directory of their own.
    #[must_use]
    pub fn copy(&self) -> Self {
        let copy = Self::new("");
        fs::create_dir(copy.path("extracts")).expect("a new directory");
        for directory in ["", "extracts"] {
            for entry in fs::read_dir(self.path(directory)).expect("the directory") {
                let entry = entry.expect("an entry");
                if entry.file_type().expect("its type").is_file() {
                    let to = copy.path(directory).join(entry.file_name());
                    fs::copy(entry.path(), to).expect("a copy");
                }
            }
        }
        copy
    }

    /// Returns the path of a file of the project.
    pub fn path(&self, file: &str) -> PathBuf {
        self.directory.path().join(file)
    }

    /// Writes a file of the project, with the directories above it.
    pub fn write(&self, file: &str, contents: impl AsRef<[u8]>) {
        let path = self.path(file);
        fs::create_dir_all(path.parent().expect("a file has a directory")).expect("directories");
        fs::write(path, contents).expect("a file in the project");
    }

    /// Replaces a text in the manifest.
    pub fn edit_manifest(&self, from: &str, to: &str) {
        let manifest = fs::read_to_string(self.path("pipeline.toml")).expect("the manifest");
        assert!(manifest.contains(from), "the manifest has no {from:?}");
        self.write("pipeline.toml", manifest.replace(from, to));
    }

    /// Prepares an invocation of `wigeon` in the project's directory.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command
            .current_dir(self.directory.path())
            .args(arguments)
            .env("WIGEON_CACHE_DIR", cache())
            .env("NO_COLOR", "1")
            .env("COLUMNS", "200")
            .env_remove("RUST_LOG")
            .stdin(Stdio::null());
        command
    }

    /// Runs `wigeon`, which must end within minutes.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        run_to_end(&mut self.command(arguments))
    }

    /// Runs `wigeon`, which must succeed, and returns what it printed as data.
    pub fn ok(&self, arguments: &[&str]) -> String {
        let ran = self.run(arguments);
        assert_eq!(
            ran.code,
            Some(0),
            "{arguments:?}\n{}\n{}",
            ran.stdout,
            ran.stderr
        );
        ran.stdout
    }

    /// Starts `wigeon` without waiting for it.
    pub fn start(&self, arguments: &[&str]) -> Child {
        self.command(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary runs")
    }

    /// Returns the rows of a query as CSV with a header.
    pub fn sql(&self, query: &str) -> String {
        self.ok(&["sql", "--format", "csv", query])
    }

    /// Returns an invocation as one text for a snapshot: code, data, messages, with what changes
    /// from run to run taken out.
    pub fn snapshot(&self, arguments: &[&str]) -> String {
        self.steady(&self.run(arguments))
    }

    /// Returns what an invocation did as one text, with what changes from run to run taken out.
    pub fn steady(&self, ran: &Ran) -> String {
        let code = ran
            .code
            .map_or("by a signal".to_owned(), |code| code.to_string());
        let text = format!(
            "exit code: {code}\n----- stdout -----\n{}----- stderr -----\n{}",
            ran.stdout, ran.stderr
        );
        let directory = self.directory.path();
        let real = fs::canonicalize(directory).unwrap_or_else(|_| directory.to_owned());
        text.replace(&real.display().to_string(), "[PROJECT]")
            .replace(&directory.display().to_string(), "[PROJECT]")
    }
}

/// What a snapshot of an invocation must not depend on, for `insta`.
pub fn filters() -> Vec<(&'static str, &'static str)> {
    vec![
        (r"(sha256|blake3):[0-9a-f]{7,}…?", "$1:[DIGEST]"),
        (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)? UTC", "[TIME] UTC"),
        (
            r"\bin \d+(\.\d+)? (s|ms)( \([\d,]+ rows/s\))?",
            "in [DURATION]",
        ),
        (r"\b\d+\.\d\d s\b", "[DURATION]"),
        (r"process \d+", "process [PID]"),
        (r"(?i)pid \d+", "PID [PID]"),
    ]
}

/// Says in one line that a test was skipped, and why: `.ci/run` counts these lines. It is shown
/// although the test passes, as what `eprintln!` writes is not.
pub fn say_skipped(why: &str) {
    writeln!(io::stderr(), "skipped: {why}").expect("standard error can be written to");
}

/// Returns the root of the workspace.
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Returns the directory that guests are compiled in.
pub fn guests() -> PathBuf {
    wigeon_build::scratch_beside(&binary())
}

/// Compiles a guest of the workspace and returns it as a component.
pub fn guest(package: &str) -> Vec<u8> {
    wigeon_build::component(&workspace(), package, &guests()).expect("the guest compiles")
}

/// Compiled plugins are kept beside the binary, so that each is compiled once for all tests.
fn cache() -> PathBuf {
    binary().with_file_name("wigeon-test-cache")
}

/// Returns the `wigeon` that was built with the tests: it is beside their `deps`.
pub fn binary() -> PathBuf {
    let test = env::current_exe().expect("the test's own path");
    let directory = test
        .ancestors()
        .nth(2)
        .expect("target/<profile>/deps/<test>");
    let binary = directory.join("wigeon");
    assert!(
        binary.is_file(),
        "{} is built by `cargo test --workspace`",
        binary.display()
    );
    binary
}
