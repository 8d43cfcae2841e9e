//! Components that are none, that ask for what they are not given, or that fail at start-up.

use wigeon_runtime::Kind;

use crate::support::{
    Case,
    Failure::{self, Memory, NotAComponent, Trapped},
    Guest, component,
};

/// What makes a component look like a transform, up to its start.
const STEP: &str = r#"
    (instance $step)
    (export "wigeon:plugin/transform-step@0.1.0" (instance $step))"#;

/// Returns a component whose only module is `module`, which runs at start-up.
pub(crate) fn at_start(module: &str) -> Vec<u8> {
    assembled(&format!(
        "(core module $module {module}) (core instance (instantiate $module)) {STEP}"
    ))
}

/// Adds to parts of a component what makes it look like a transform.
pub(crate) fn with_step(parts: &str) -> String {
    format!("{parts} {STEP}")
}

pub(crate) fn assembled(parts: &str) -> Vec<u8> {
    wat::parse_str(format!("(component {parts})")).expect("a component as text")
}

/// What a component says of `log`.
pub(crate) const LOG: &str = r#"
    (type $level (enum "debug" "info" "warn"))
    (export "level" (type $named (eq $level)))
    (export "log" (func (param "level" $named) (param "message" string)))"#;

/// What a component says of `output`. Each type has a name of its own in the contract.
pub(crate) const OUTPUT: &str = r#"
    (type $a (record (field "length" u32) (field "null-count" u32)))
    (export "node" (type $node (eq $a)))
    (type $b (record (field "nodes" (list $node)) (field "buffers" (list (list u8)))))
    (export "array" (type $array (eq $b)))
    (type $c (enum "current" "kept"))
    (export "origin" (type $origin (eq $c)))
    (type $d (record (field "origin" $origin) (field "rows" (list u32))))
    (export "selection" (type $selection (eq $d)))
    (type $e (record (field "selection" u32) (field "column" u32)))
    (export "gathered" (type $gathered (eq $e)))
    (type $f (variant (case "forward" u32) (case "gather" $gathered) (case "values" $array)))
    (export "column" (type $column (eq $f)))
    (export "emit" (func
        (param "rows" u32)
        (param "selections" (list $selection))
        (param "columns" (list $column))))"#;

/// Returns a component that calls a function of the contract when it starts, with these numbers.
pub(crate) fn calling_at_start(
    interface: &str,
    declared: &str,
    function: &str,
    arguments: &[u32],
) -> Vec<u8> {
    let import = format!("wigeon:plugin/{interface}@0.1.0");
    calling_with(&import, declared, function, arguments, "")
}

/// The same of any import, with these bytes at the start of its memory.
pub(crate) fn calling_with(
    import: &str,
    declared: &str,
    function: &str,
    arguments: &[u32],
    data: &str,
) -> Vec<u8> {
    let parameters = "i32 ".repeat(arguments.len());
    let constant = |argument: &u32| format!("(i32.const {argument})");
    let arguments: Vec<_> = arguments.iter().map(constant).collect();
    let arguments = arguments.join(" ");
    assembled(&format!(
        r#"(import "{import}" (instance $host {declared}))
        (core module $store (memory (export "memory") 1) (data (i32.const 0) "{data}"))
        (core instance $stored (instantiate $store))
        (core func $called
            (canon lower (func $host "{function}") (memory (core memory $stored "memory"))))
        (core module $module
            (import "host" "call" (func $call (param {parameters})))
            (func $start (call $call {arguments}))
            (start $start))
        (core instance
            (instantiate $module (with "host" (instance (export "call" (func $called))))))
        {STEP}"#
    ))
}

/// A module that traps with `body` when it starts.
fn trapping(name: &'static str, body: &str, words: &'static str) -> Case {
    let module = format!(
        "(memory 1) (table 1 funcref) (type $taken (func (param i32)))
         (elem declare func $start)
         (func $start {body}) (start $start)"
    );
    bytes(name, at_start(&module), Trapped, words)
}

/// A component with such an import, which would trap if any of it ran.
fn importing(name: &'static str, import: &str, expected: Failure, words: &'static str) -> Case {
    const TRAP: &str = "(core module $trap (func $start unreachable) (start $start))
        (core instance (instantiate $trap))";
    bytes(
        name,
        assembled(&format!("{import} {TRAP} {STEP}")),
        expected,
        words,
    )
}

fn bytes(name: &'static str, bytes: Vec<u8>, expected: Failure, words: &'static str) -> Case {
    Case::new(name, Guest::Bytes(bytes), expected, words)
}

#[rustfmt::skip] // One line for each case.
pub(crate) fn cases() -> Vec<Case> {
    let whole = component(Kind::Transform);
    vec![
        // Traps of every kind, at start-up.
        trapping("unreachable code", "unreachable", "`instantiate`|panicked or aborted"),
        trapping("a division by zero", "(drop (i32.div_s (i32.const 1) (i32.const 0)))", "integer divide by zero"),
        trapping("a division that overflows", "(drop (i32.div_s (i32.const 0x80000000) (i32.const -1)))", "integer overflow"),
        trapping("a number that is none as an integer", "(drop (i32.trunc_f64_s (f64.const nan)))", "invalid conversion to integer"),
        trapping("a large number as an integer", "(drop (i32.trunc_f64_s (f64.const 1e300)))", "integer overflow"),
        trapping("a load beyond the memory", "(drop (i32.load (i32.const 65536)))", "out of bounds memory access"),
        trapping("a store beyond the memory", "(i64.store (i32.const -1) (i64.const 0))", "out of bounds memory access"),
        trapping("a fill beyond the memory", "(memory.fill (i32.const 0) (i32.const 0) (i32.const 65537))", "out of bounds memory access"),
        trapping("a call beyond the table", "(call_indirect (i32.const 1))", "out of bounds table access"),
        trapping("a call of nothing", "(call_indirect (i32.const 0))", "uninitialized element"),
        trapping("a call of another type", "(table.set (i32.const 0) (ref.func $start)) (call_indirect (type $taken) (i32.const 1) (i32.const 0))", "indirect call type mismatch"),
        trapping("a stack without end", "(call $start)", "stack"),
        bytes("data beyond the memory", at_start("(memory 1) (data (i32.const 65535) \"ab\")"), Trapped, "out of bounds memory access"),
        bytes("elements beyond the table", at_start("(table 1 funcref) (func $f) (elem (i32.const 1) $f)"), Trapped, "out of bounds table access"),
        // Resources that a component declares.
        bytes("a memory larger than may be", at_start("(memory 20000)"), Memory, "MiB of memory"),
        bytes("memories larger than may be together", at_start("(memory 7000) (memory 7000) (memory 7000)"), Memory, "MiB of memory"),
        bytes("a table larger than may be", at_start("(table 4000000000 funcref)"), Memory, "MiB of memory"),
        bytes("more instances than may be", many_instances(), NotAComponent, "exceeds limit"),
        // Calls of the host at start-up. What is logged harms nobody: it then lacks its functions.
        bytes("emitting at start-up", calling_at_start("output", OUTPUT, "emit", &[0; 5]), Failure::Breach, "`instantiate`|nothing may be emitted here"),
        bytes("emitting rows at start-up", calling_at_start("output", OUTPUT, "emit", &[4, 0, 0, 0, 0]), Failure::Breach, "`instantiate`|nothing may be emitted here"),
        bytes("logging at start-up", calling_at_start("log", LOG, "log", &[2, 0, 1]), Failure::Exports, "transform plugin|open"),
        bytes("logging from beyond the memory at start-up", calling_at_start("log", LOG, "log", &[2, 65_535, 2]), Trapped, "out of bounds"),
        // Imports.
        importing("an interface of nobody's", r#"(import "evil:network/socket@1.0.0" (instance))"#, Failure::Import, "`evil:network/socket@1.0.0`"),
        importing("an interface without a version", r#"(import "x:y/z" (instance))"#, Failure::Import, "`x:y/z`"),
        importing("a function of nobody's", r#"(import "run" (func))"#, Failure::Import, "`run`"),
        importing("a module", r#"(import "code" (core module))"#, Failure::Import, "`code`"),
        importing("a component", r#"(import "more" (component))"#, Failure::NotAComponent, "imports are not supported"),
        importing("a function that log does not have", r#"(import "wigeon:plugin/log@0.1.0" (instance (export "shout" (func))))"#, Failure::Exports, "shout"),
        importing("a log of another type", r#"(import "wigeon:plugin/log@0.1.0" (instance (export "log" (func (param "x" u32)))))"#, Failure::Exports, "log"),
        importing("a log of the next contract", r#"(import "wigeon:plugin/log@9.9.9" (instance))"#, Failure::ContractVersion, "version 9.9.9"),
        // Exports.
        bytes("a component that exports nothing", assembled(""), Failure::NoStep, "exports no step"),
        bytes("a step without functions", assembled(STEP), Failure::Exports, "transform plugin|open"),
        bytes("a step of the next contract", assembled(r#"(instance $step) (export "wigeon:plugin/transform-step@9.9.9" (instance $step))"#), Failure::ContractVersion, "version 9.9.9"),
        bytes("a step of another package", assembled(r#"(instance $step) (export "evil:plugin/transform-step@0.1.0" (instance $step))"#), Failure::NoStep, "exports no step"),
        // What is no component.
        bytes("no bytes", vec![], Failure::NotWebAssembly, ""),
        bytes("text of WebAssembly", b"(component)".to_vec(), Failure::NotWebAssembly, "is not WebAssembly"),
        bytes("a program of the machine", b"\x7fELF\x02\x01\x01".to_vec(), Failure::NotWebAssembly, "is not WebAssembly"),
        bytes("half a magic number", b"\0as".to_vec(), Failure::NotWebAssembly, ""),
        bytes("a magic number alone", b"\0asm".to_vec(), NotAComponent, "not a valid WebAssembly component"),
        bytes("a core module", wat::parse_str("(module)").expect("a module as text"), Failure::CoreModule, "core module"),
        bytes("a layer that is not known", b"\0asm\x0d\0\x07\0".to_vec(), NotAComponent, "not a valid WebAssembly component"),
        bytes("a component without its last byte", whole[..whole.len() - 1].to_vec(), NotAComponent, "not a valid WebAssembly component"),
        bytes("half a component", whole[..whole.len() / 2].to_vec(), NotAComponent, "not a valid WebAssembly component"),
        bytes("a component and more", [whole, b"more"].concat(), NotAComponent, "not a valid WebAssembly component"),
        bytes("a component twice", whole.repeat(2), NotAComponent, "not a valid WebAssembly component"),
    ]
}

/// A component of more instances than the host or the format allows.
fn many_instances() -> Vec<u8> {
    let instances = "(core instance (instantiate $module))".repeat(20_000);
    assembled(&format!("(core module $module) {instances} {STEP}"))
}
