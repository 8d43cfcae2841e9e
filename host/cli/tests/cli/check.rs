//! `wigeon check`, and how mistakes in a manifest are told.

use insta::assert_snapshot;

use crate::{MANIFEST, Place};

/// A manifest with three mistakes.
fn broken() -> String {
    MANIFEST
        .replace("Europe/London", "Europe/Lodnon")
        .replace("key = [\"id\"]", "key = [\"user_id\"]")
        .replace("schedule =", "shedule =")
}

#[test]
fn a_manifest_without_mistakes_is_ok() {
    let place = Place::with_manifest(MANIFEST);
    assert_snapshot!(place.run(&["check"]));
}

#[test]
fn with_quiet_nothing_is_said_of_success() {
    let place = Place::with_manifest(MANIFEST);
    assert_eq!(place.stdout(&["check", "--quiet"]), (0, String::new()));
}

#[test]
fn as_json_a_manifest_without_mistakes_names_its_parts() {
    let place = Place::with_manifest(MANIFEST);
    assert_snapshot!(place.run(&["check", "--format", "json"]));
}

#[test]
fn every_mistake_is_told_at_its_place() {
    let place = Place::with_manifest(&broken());
    assert_snapshot!(place.run(&["check"]));
}

#[test]
fn as_json_every_mistake_is_data() {
    let place = Place::with_manifest(&broken());
    assert_snapshot!(place.run(&["check", "--format", "json"]));
}

#[test]
fn every_command_stops_at_a_mistake() {
    let place = Place::with_manifest(&broken());
    for command in [
        &["plan"] as &[&str],
        &["run"],
        &["status"],
        &["history"],
        &["sql", "SELECT 1"],
        &["schedule"],
        &["lock"],
    ] {
        let output = place.command(command).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{command:?}: {stderr}");
        assert!(stderr.contains("Europe/Lodnon"), "{command:?}: {stderr}");
        assert!(output.stdout.is_empty(), "{command:?}");
    }
}

#[test]
fn a_missing_manifest_says_how_to_name_it() {
    assert_snapshot!(Place::empty().run(&["check"]));
}

#[test]
fn as_json_a_missing_manifest_is_an_object_too() {
    assert_snapshot!(Place::empty().run(&["status", "--format", "json"]));
}

#[test]
fn a_manifest_that_is_not_text_says_what_it_must_be() {
    let place = Place::empty();
    fs_err::write(place.path().join("pipeline.toml"), b"name = \"\xff\"").unwrap();
    assert_snapshot!(place.run(&["check"]));
}

#[test]
fn colors_are_used_only_when_asked_for() {
    let place = Place::empty();
    let colored = |arguments: &[&str], variables: &[(&str, &str)]| {
        let mut command = place.command(arguments);
        let output = command.envs(variables.iter().copied()).output().unwrap();
        output.stderr.contains(&0x1b)
    };
    assert!(!colored(&["check"], &[]));
    assert!(colored(&["check", "--color", "always"], &[]));
    assert!(colored(
        &["check", "--color", "always"],
        &[("NO_COLOR", "1")]
    ));
    assert!(!colored(
        &["check", "--color", "never"],
        &[("CLICOLOR_FORCE", "1")]
    ));
    assert!(!colored(
        &["check"],
        &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]
    ));
}
