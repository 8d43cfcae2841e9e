//! Guests that use WASI when they start, before there is a step. What they try in calls is in
//! `tests/pipelines/wasi.rs`.

use crate::{
    components::{assembled, calling_with, with_step},
    support::{
        Case,
        Failure::{self, Breach, CallTime, Exports, Trapped},
        Guest,
    },
};

fn bytes(name: &'static str, bytes: Vec<u8>, expected: Failure, words: &'static str) -> Case {
    Case::new(name, Guest::Bytes(bytes), expected, words)
}

/// Calls a function that takes nothing and returns a number, again and again.
fn calling_without_end(interface: &str, function: &str) -> Vec<u8> {
    assembled(&with_step(&format!(
        r#"(import "{interface}" (instance $host (export "{function}" (func (result u64)))))
        (core func $called (canon lower (func $host "{function}")))
        (core module $module
            (import "host" "call" (func $call (result i64)))
            (func $start (loop (drop (call $call)) (br 0)))
            (start $start))
        (core instance
            (instantiate $module (with "host" (instance (export "call" (func $called))))))"#
    )))
}

const EXIT: &str = r#"(export "exit" (func (param "status" (result))))"#;
const RUN: &str = r#"(export "run" (func))"#;
const HANDLES: &str = r#"
    (export "thing" (type $thing (sub resource)))
    (export "[method]thing.use" (func (param "self" (borrow $thing))))"#;

#[rustfmt::skip] // One line for each case.
pub(crate) fn cases() -> Vec<Case> {
    vec![
        bytes("exiting at start-up", calling_with("wasi:cli/exit@0.2.3", EXIT, "exit", &[1], ""), Breach, "`instantiate`|it exited instead of returning"),
        bytes("exiting at start-up as if all were well", calling_with("wasi:cli/exit@0.2.0", EXIT, "exit", &[0], ""), Breach, "`instantiate`|it exited instead of returning"),
        bytes("asking for what nobody gives at start-up", calling_with("wasi:nobody/knows@0.2.0", RUN, "run", &[], ""), Breach, "`instantiate`|`wasi:nobody/knows@0.2.0#run`, which plugins are not given"),
        bytes("using a thing of WASI's that it does not have", calling_with("wasi:nobody/knows@0.2.0", HANDLES, "[method]thing.use", &[1], ""), Trapped, "`instantiate`|unknown handle index 1"),
        // It is no offence to import.
        bytes("importing WASI alone", assembled(&with_step(r#"(import "wasi:cli/exit@0.2.3" (instance (export "exit" (func (param "status" (result))))))"#)), Exports, "transform plugin|open"),
    ]
}

/// Cases that last as long as loading may.
pub(crate) fn cases_at_loading() -> Vec<Case> {
    let looking = calling_without_end("wasi:clocks/monotonic-clock@0.2.3", "now");
    let drawing = calling_without_end("wasi:random/random@0.2.3", "get-random-u64");
    vec![
        bytes(
            "looking at the clock without end at start-up",
            looking,
            CallTime,
            "`instantiate`|5 s for one call",
        ),
        bytes(
            "drawing numbers without end at start-up",
            drawing,
            CallTime,
            "`instantiate`|5 s for one call",
        ),
    ]
}
