//! Compiled components in a directory that somebody else has had their hands on: what is read
//! back is machine code, so it is compiled anew instead.
#![cfg(unix)]

use std::{
    io::{self, Write as _},
    os::unix::fs::{PermissionsExt, chown, symlink},
    path::{Path, PathBuf},
};

use fs_err as fs;
use tempfile::TempDir;
use wigeon_runtime::{Kind, LoadError, Runtime};

use crate::support::{component, id};

/// Loads the guest through a runtime that keeps what it compiles in `directory`.
fn load(directory: &Path) {
    let loaded: Result<_, LoadError> =
        Runtime::new(Some(directory)).load(&id(), component(Kind::Transform));
    loaded.expect("it is compiled anew");
}

/// Returns a directory with the guest compiled, and the file.
fn filled() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("a directory");
    load(directory.path());
    let mut files = kept(directory.path());
    let file = files.pop().expect("the guest is kept");
    (directory, file)
}

fn kept(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("a directory");
    entries
        .map(|entry| entry.expect("an entry").path())
        .collect()
}

/// Gives a file to somebody else, which only the superuser can, or says in the form that `.ci/run`
/// counts that the test is skipped. What `eprintln!` writes is not shown when a test passes.
fn is_given_away(path: &Path) -> bool {
    let given = chown(path, Some(65_534), None);
    if let Err(error) = &given {
        let said = writeln!(io::stderr(), "skipped: no file can be given away: {error}");
        said.expect("standard error can be written to");
    }
    given.is_ok()
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, PermissionsExt::from_mode(mode)).expect("it is ours");
}

#[test]
fn a_directory_that_others_may_write_to_is_not_used() {
    let directory = tempfile::tempdir().expect("a directory");
    set_mode(directory.path(), 0o777);
    load(directory.path());
    assert_eq!(kept(directory.path()), [] as [PathBuf; 0]);
}

#[test]
fn a_directory_of_somebody_else_is_not_used() {
    let directory = tempfile::tempdir().expect("a directory");
    if !is_given_away(directory.path()) {
        return;
    }
    load(directory.path());
    assert_eq!(kept(directory.path()), [] as [PathBuf; 0]);
}

/// Every sort of poison is looked past, and replaced where it can be.
fn assert_not_read(file: &Path) {
    let directory = file.parent().expect("a file has a directory");
    load(directory);
}

#[test]
fn a_file_that_others_may_write_to_is_not_read() {
    let (_directory, file) = filled();
    set_mode(&file, 0o666);
    assert_not_read(&file);
    let mode = fs::metadata(&file).expect("the file").permissions().mode();
    assert_eq!(mode & 0o022, 0, "it was replaced");
}

#[test]
fn a_file_of_somebody_else_is_not_read() {
    let (_directory, file) = filled();
    if !is_given_away(&file) {
        return;
    }
    fs::write(&file, "anything").expect("the superuser writes");
    assert_not_read(&file);
    let bytes = fs::read(&file).expect("the file");
    assert_ne!(bytes, b"anything", "it was replaced");
}

#[test]
fn a_link_is_not_followed() {
    let (directory, file) = filled();
    let elsewhere = directory.path().join("elsewhere");
    fs::rename(&file, &elsewhere).expect("the file moves");
    symlink(&elsewhere, &file).expect("a link");
    assert_not_read(&file);
    let metadata = fs::symlink_metadata(&file).expect("the file");
    assert!(!metadata.is_symlink(), "it was replaced");
}

#[test]
fn a_file_of_other_content_is_compiled_anew() {
    for content in [&b""[..], b"\x7fELF", b"This is no machine code.\n"] {
        let (_directory, file) = filled();
        fs::write(&file, content).expect("our own file");
        assert_not_read(&file);
        assert_ne!(fs::read(&file).expect("the file"), content);
    }
}
