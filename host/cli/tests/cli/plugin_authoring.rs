//! `wigeon plugin new`, `build`, `test` and `bench`, as far as nothing is compiled.

use insta::assert_snapshot;

use crate::Place;

const PROJECT: &str = "name = \"mine\"\nkind = \"transform\"\nlanguage = \"rust\"\n";

#[test]
fn a_new_plugin_lists_its_files_and_says_what_comes_next() {
    let place = Place::empty();
    assert_snapshot!(place.run(&["plugin", "new", "mine", "--kind", "snapshot"]));
}

#[test]
fn a_new_plugin_in_another_language_lists_other_files() {
    for language in ["c", "python", "js"] {
        let place = Place::empty();
        let arguments = ["plugin", "new", "mine", "--kind", "incremental"];
        assert_snapshot!(
            format!("a_new_plugin_in_{language}"),
            place.run(&[&arguments[..], &["--lang", language]].concat())
        );
    }
}

#[test]
fn a_new_plugin_as_json_names_its_files() {
    let place = Place::empty();
    let arguments = ["plugin", "new", "mine", "--kind", "transform"];
    let arguments = [&arguments[..], &["--lang", "c", "--format", "json"]].concat();
    assert_snapshot!(place.run(&arguments));
}

#[test]
fn the_sdk_is_for_rust_only() {
    let place = Place::empty();
    let arguments = ["plugin", "new", "mine", "--kind", "transform"];
    let arguments = [&arguments[..], &["--lang", "python", "--sdk", "."]].concat();
    assert_snapshot!(place.run(&arguments));
}

#[test]
fn an_unknown_language_is_refused_with_those_that_are_known() {
    let place = Place::empty();
    let arguments = ["plugin", "new", "mine", "--kind", "transform"];
    assert_snapshot!(place.run(&[&arguments[..], &["--lang", "zig"]].concat()));
}

#[test]
fn a_directory_that_is_not_empty_is_refused() {
    let place = Place::empty();
    fs_err::create_dir(place.path().join("mine")).unwrap();
    place.write("mine/notes.txt", "not to be lost");
    assert_snapshot!(place.run(&["plugin", "new", "mine", "--kind", "transform"]));
}

#[test]
fn a_name_that_is_no_name_is_refused() {
    let place = Place::empty();
    assert_snapshot!(place.run(&["plugin", "new", "My_Plugin", "--kind", "transform"]));
}

#[test]
fn an_unknown_kind_is_refused_with_those_that_are_known() {
    let place = Place::empty();
    assert_snapshot!(place.run(&["plugin", "new", "mine", "--kind", "source"]));
}

#[test]
fn the_directory_of_the_sdk_must_be_that() {
    let place = Place::empty();
    let arguments = ["plugin", "new", "mine", "--kind", "transform", "--sdk", "."];
    assert_snapshot!(place.run(&arguments));
}

#[test]
fn a_directory_without_a_plugin_is_refused() {
    let place = Place::empty();
    assert_snapshot!(place.run(&["plugin", "build"]));
}

#[test]
fn a_project_of_an_unknown_kind_is_refused() {
    let place = Place::empty();
    place.write("plugin.toml", &PROJECT.replace("transform", "sink"));
    assert_snapshot!(place.run(&["plugin", "test"]));
}

#[test]
fn a_project_whose_tool_is_missing_says_which() {
    let place = Place::empty();
    let build = "[build]\ncommand = [\"no-such-compiler\"]\noutput = \"mine.wasm\"\n";
    place.write("plugin.toml", &format!("{PROJECT}{build}"));
    assert_snapshot!(place.run(&["plugin", "build"]));
}

#[test]
fn without_cargo_the_message_says_how_to_get_it() {
    let place = Place::empty();
    place.write("plugin.toml", PROJECT);
    place.write("Cargo.toml", "[package]\nname = \"mine\"\n");
    let missing = place.path().join("no-cargo");
    let output = place
        .command(&["plugin", "build"])
        .env("CARGO", missing)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_snapshot!(String::from_utf8(output.stderr).unwrap());
}

#[test]
fn without_the_target_the_message_says_how_to_get_it() {
    let place = Place::empty();
    place.write("plugin.toml", PROJECT);
    place.write("Cargo.toml", "[package]\nname = \"mine\"\n");
    // A compiler whose libraries for the target lie nowhere, and so a cargo that fails.
    place.program("cargo", "exit 101");
    place.program("rustc", "echo /nowhere/lib");
    let output = place
        .command(&["plugin", "build"])
        .env("CARGO", place.path().join("cargo"))
        .env("PATH", format!("{}:/usr/bin:/bin", place.path().display()))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_snapshot!(String::from_utf8(output.stderr).unwrap());
}

#[test]
fn a_project_that_is_not_built_cannot_be_inspected() {
    let place = Place::empty();
    place.write("plugin.toml", PROJECT);
    assert_snapshot!(place.run(&["plugin", "inspect", "."]));
}
