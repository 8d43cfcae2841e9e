//! `wigeon plugin inspect`.

use insta::assert_snapshot;

use crate::Place;

#[test]
fn a_plugin_that_is_not_there_says_what_to_do() {
    let place = Place::empty();
    assert_snapshot!(place.run(&["plugin", "inspect", "file:missing.wasm"]));
}

#[test]
fn an_unknown_built_in_plugin_is_refused_with_a_suggestion() {
    let place = Place::empty();
    assert_snapshot!(place.run(&["plugin", "inspect", "builtin:scd"]));
}

#[test]
fn a_file_that_is_no_component_is_refused() {
    let place = Place::empty();
    place.write("text.wasm", "not a component");
    assert_snapshot!(place.run(&["plugin", "inspect", "file:text.wasm"]));
}

#[test]
fn a_reference_needs_a_scheme() {
    let place = Place::empty();
    assert_snapshot!(place.run(&["plugin", "inspect", "scd2"]));
}
