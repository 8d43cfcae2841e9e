//! The words and the exit codes of the command line, as far as they need no data.
//!
//! Each command runs in an empty directory of its own, and what it answers is one snapshot: exit
//! code, stdout, stderr.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot prepare its place has failed"
)]

mod arguments;
mod check;
mod completions;
mod help;
mod plugin;
mod plugin_authoring;
mod schedule;

use std::{
    fmt::Write as _,
    fs::Permissions,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Stdio},
};

use tempfile::TempDir;

/// A manifest without mistakes.
const MANIFEST: &str = r#"manifest_version = 1
name = "shop"
time_zone = "Europe/London"

[source.users]
format = "csv"
path = "users_{date}.csv"
columns = { id = "int64", postcode = "utf8" }

[[step]]
name = "postcodes"
kind = "snapshot"
plugin = "builtin:scd2"
input = "users"
key = ["id"]
schedule = "30 2 * * *"
"#;

/// A directory to run `wigeon` in.
struct Place {
    directory: TempDir,
}

impl Place {
    /// Returns an empty directory.
    fn empty() -> Self {
        Self {
            directory: TempDir::with_prefix("wigeon").unwrap(),
        }
    }

    /// Returns a directory with a manifest.
    fn with_manifest(text: &str) -> Self {
        let place = Self::empty();
        place.write("pipeline.toml", text);
        place
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn write(&self, name: &str, text: &str) {
        fs_err::write(self.path().join(name), text).unwrap();
    }

    /// Writes a program that is made of lines for the shell.
    fn program(&self, name: &str, lines: &str) {
        self.write(name, &format!("#!/bin/sh\n{lines}\n"));
        let executable = Permissions::from_mode(0o755);
        fs_err::set_permissions(self.path().join(name), executable).unwrap();
    }

    /// Returns `wigeon` with these arguments, in this directory and in an environment that does
    /// not depend on the machine.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wigeon"));
        command
            .args(arguments)
            .current_dir(self.path())
            .env("WIGEON_CACHE_DIR", self.path().join("cache"))
            .stdin(Stdio::null());
        for name in ["CLICOLOR", "CLICOLOR_FORCE", "COLUMNS", "LINES", "NO_COLOR"] {
            command.env_remove(name);
        }
        command
    }

    /// Runs `wigeon` and returns all that it answers, with the machine's paths replaced.
    fn run(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().unwrap();
        let code = output.status.code().unwrap();
        let mut text = format!("exit code: {code}\n");
        for (name, bytes) in [("stdout", output.stdout), ("stderr", output.stderr)] {
            let said = String::from_utf8(bytes).unwrap();
            write!(text, "----- {name} -----\n{said}").unwrap();
        }
        let real = fs_err::canonicalize(self.path()).unwrap();
        text.replace(real.to_str().unwrap(), "[DIRECTORY]")
            .replace(self.path().to_str().unwrap(), "[DIRECTORY]")
            .replace(env!("CARGO_BIN_EXE_wigeon"), "[WIGEON]")
    }

    /// Runs `wigeon` and returns its exit code and what it wrote to stdout.
    fn stdout(&self, arguments: &[&str]) -> (i32, String) {
        let output = self.command(arguments).output().unwrap();
        let stdout = String::from_utf8(output.stdout).unwrap();
        (output.status.code().unwrap(), stdout)
    }
}
