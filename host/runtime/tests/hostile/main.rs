//! Guests that do what no plugin may.
//!
//! Each case is a guest and what it does; the host must tell the right way of failing and the
//! essential words, in bounded time and memory, and serve a good instance afterwards. The tables
//! are in the modules, by what the guest lies about. Most of the guests are one crate,
//! `tests/plugins/hostile`, and its orders are the option text of the case; those that fail before
//! they have options are written as text of WebAssembly, or patched.
//!
//! Cases of whole runs, with the warehouse compared before and after, are in `tests/errors`.

mod abi;
mod answers;
mod arrays;
mod cache;
mod components;
#[cfg(target_os = "linux")]
mod cost;
mod damage;
mod handles;
mod limits;
mod schemas;
mod support;
mod wasi;

use std::collections::HashSet;

use support::{Case, try_all, try_at_once};

/// All tables, by name.
fn tables() -> Vec<(&'static str, Vec<Case>)> {
    vec![
        ("abi", abi::cases()),
        ("answers", answers::cases()),
        ("arrays", arrays::cases()),
        ("components", components::cases()),
        ("handles", handles::cases()),
        ("limits", limits::cases()),
        ("limits_at_loading", limits::cases_at_loading()),
        ("schemas", schemas::cases()),
        ("wasi", wasi::cases()),
        ("wasi_at_loading", wasi::cases_at_loading()),
    ]
}

#[test]
fn there_are_at_least_eighty_cases_and_each_has_its_name() {
    let tables = tables();
    let names: Vec<_> = tables
        .iter()
        .flat_map(|(_, cases)| cases.iter().map(|case| case.name))
        .collect();
    assert!(names.len() >= 80, "there are {}", names.len());
    let different: HashSet<_> = names.iter().collect();
    assert_eq!(different.len(), names.len(), "two cases share a name");
}

#[test]
fn arrays_that_are_not_what_they_say() {
    try_all("arrays", &arrays::cases());
}

#[test]
fn values_that_cross_in_no_allowed_way() {
    try_all("abi", &abi::cases());
}

#[test]
fn answers_that_make_no_rows() {
    try_all("answers", &answers::cases());
}

#[test]
fn schemas_that_cannot_be_used() {
    try_all("schemas", &schemas::cases());
}

#[test]
fn handles_that_are_not_the_guests() {
    try_all("handles", &handles::cases());
}

#[test]
fn guests_that_use_more_than_they_may() {
    try_all("limits", &limits::cases());
}

#[test]
fn guests_that_use_more_than_they_may_when_they_are_loaded() {
    // Each takes the time that loading may take.
    try_at_once("limits_at_loading", &limits::cases_at_loading());
}

#[test]
fn guests_that_use_wasi_when_they_start() {
    try_all("wasi", &wasi::cases());
    // Each takes the time that loading may take.
    try_at_once("wasi_at_loading", &wasi::cases_at_loading());
}

#[test]
fn components_that_are_no_plugins() {
    try_all("components", &components::cases());
}
