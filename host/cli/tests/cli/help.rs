//! The whole reference of the command line, so that every change of wording is reviewed.

use std::fmt::Write as _;

use insta::assert_snapshot;

use crate::Place;

/// Returns the commands that a help text lists.
fn commands(help: &str) -> Vec<String> {
    help.lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| line.starts_with("  "))
        .filter_map(|line| line.split_whitespace().next().map(str::to_owned))
        .collect()
}

/// Adds the help of a command and of those below it.
fn collect(place: &Place, path: &[&str], reference: &mut String) {
    let arguments = [path, &["--help"]].concat();
    let (code, help) = place.stdout(&arguments);
    assert_eq!(code, 0, "{path:?}");
    writeln!(reference, "$ wigeon {}\n", arguments.join(" ")).unwrap();
    // clap leaves blanks in its empty lines.
    for line in help.lines() {
        reference.push_str(line.trim_end());
        reference.push('\n');
    }
    reference.push('\n');
    for command in commands(&help) {
        collect(place, &[path, &[command.as_str()]].concat(), reference);
    }
}

#[test]
fn the_reference_is_as_reviewed() {
    let mut reference = String::new();
    collect(&Place::empty(), &[], &mut reference);
    assert_snapshot!(reference.trim_end());
}

#[test]
fn short_help_is_shorter() {
    let place = Place::empty();
    assert_snapshot!(place.run(&["-h"]));
}

#[test]
fn the_version_names_the_contract() {
    let place = Place::empty();
    assert_snapshot!(place.run(&["--version"]));
}
