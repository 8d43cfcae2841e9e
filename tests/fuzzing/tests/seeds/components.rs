//! Components: one of each kind that loads, one that asks WASI, and others that come less far.

use wigeon_build::componentize;
use wigeon_fuzzing::components;
use wigeon_runtime::{CONTRACT_VERSION, Kind, LoadError};
use wit_component::{StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use crate::{ROOT, seed};

/// What makes a component look like a transform, up to its start.
const STEP: &str =
    r#"(instance $step) (export "wigeon:plugin/transform-step@0.1.0" (instance $step))"#;

/// A description with short texts, laid out at 16 as the canonical ABI has it.
const DESCRIPTION: &str = r#"
    (data (i32.const 16) "\40\00\00\00\04\00\00\00" "\44\00\00\00\05\00\00\00"
                         "\00\00\00\00\00\00\00\00" "\49\00\00\00\02\00\00\00")
    (data (i32.const 64) "tiny" "1.0.0" "{}")"#;

/// Returns the functions of a kind's step, each with how many numbers it takes.
fn functions(kind: Kind) -> &'static [(&'static str, usize)] {
    match kind {
        Kind::Transform => &[
            ("[static]step.open", 4),
            ("[method]step.schema", 1),
            ("[method]step.rows", 2),
        ],
        Kind::Snapshot => &[
            ("[static]step.open", 6),
            ("[method]step.versions", 2),
            ("[method]step.extract", 2),
            ("[method]step.finish", 1),
        ],
        Kind::Incremental => &[
            ("[static]step.open", 10),
            ("[method]step.shape", 1),
            ("[method]step.lookup", 2),
            ("[method]step.rows", 2),
            ("[method]step.finish", 1),
        ],
        Kind::ChangeDetection => &[
            ("[static]step.open", 6),
            ("[method]step.applied", 2),
            ("[method]step.now", 2),
            ("[method]step.finish", 1),
        ],
    }
}

/// Returns a module that describes itself, and traps in everything else.
fn module(kind: Kind) -> Vec<u8> {
    let interface = format!("wigeon:plugin/{}-step@{CONTRACT_VERSION}", kind.name());
    let functions: Vec<_> = functions(kind)
        .iter()
        .map(|(name, parameters)| {
            let parameters = "i32 ".repeat(*parameters);
            format!(
                "(func (export \"{interface}#{name}\") (param {parameters}) (result i32) unreachable)"
            )
        })
        .collect();
    let functions = functions.join("\n");
    from_text(&format!(
        r#"(module
            (memory (export "memory") 1) {DESCRIPTION}
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable)
            (func (export "{interface}#describe") (result i32) (i32.const 16))
            {functions})"#
    ))
}

fn from_text(text: &str) -> Vec<u8> {
    wat::parse_str(text).expect("WebAssembly as text")
}

/// Returns the component that a kind's module makes in the world of the contract.
fn component(kind: Kind) -> Vec<u8> {
    let mut contract = Resolve::default();
    let (package, _) = contract.push_path(format!("{ROOT}/wit")).unwrap();
    let world = contract
        .select_world(&[package], Some(kind.name()))
        .unwrap();
    let mut module = module(kind);
    embed_component_metadata(&mut module, &contract, world, StringEncoding::UTF8, false).unwrap();
    componentize(&module).unwrap()
}

#[test]
fn a_component_of_each_kind_is_loaded() {
    for kind in Kind::ALL {
        let bytes = seed("components", kind.name(), &component(kind));
        assert!(bytes.len() < 8 << 10, "{kind:?}: {} bytes", bytes.len());
        let plugin = components(&bytes).unwrap();
        assert_eq!(plugin.kind(), kind);
        assert_eq!(plugin.description().name, "tiny");
    }
}

#[test]
fn a_component_that_asks_wasi_is_answered() {
    let bytes = seed("components", "wasi", &from_text(include_str!("wasi.wat")));
    assert!(bytes.len() < 8 << 10, "{} bytes", bytes.len());
    // It has asked when its exports are looked at, of which it has none.
    let refused = components(&bytes);
    assert!(
        matches!(refused, Err(LoadError::Exports { .. })),
        "{refused:?}"
    );
}

/// How a component fails to load.
type Failure = fn(&LoadError) -> bool;

#[test]
fn other_components_fail_as_they_are_meant_to() {
    let starting = |module: &str| {
        format!("(component (core module $m {module}) (core instance (instantiate $m)) {STEP})")
    };
    let cases: [(&str, String, Failure); 5] = [
        (
            "starts",
            starting(
                r#"(memory 1) (table 2 funcref) (data (i32.const 8) "text")
                (func $start (local i32)
                  (loop (local.set 0 (i32.add (local.get 0) (i32.const 1)))
                        (br_if 0 (i32.lt_u (local.get 0) (i32.const 9)))))
                (start $start)"#,
            ),
            |error| matches!(error, LoadError::Exports { .. }),
        ),
        (
            "traps-at-start",
            starting("(func $start unreachable) (start $start)"),
            |error| matches!(error, LoadError::Describe(_)),
        ),
        (
            "a-component-within",
            format!(
                r#"(component
                (component $inner
                  (core module $m (func (export "run")))
                  (core instance $i (instantiate $m))
                  (func (export "run") (canon lift (core func $i "run"))))
                (instance (instantiate $inner)) {STEP})"#
            ),
            |error| matches!(error, LoadError::Exports { .. }),
        ),
        (
            "imports-of-nobody",
            format!(r#"(component (import "evil:network/socket@1.0.0" (instance)) {STEP})"#),
            |error| matches!(error, LoadError::Import { .. }),
        ),
        (
            "exports-of-the-next-contract",
            format!("(component {})", STEP.replace("0.1.0", "9.9.9")),
            |error| matches!(error, LoadError::ContractVersion { .. }),
        ),
    ];
    for (name, text, failure) in cases {
        let error = components(&seed("components", name, &from_text(&text))).unwrap_err();
        assert!(failure(&error), "{name}: {error:?}");
    }
}

#[test]
fn a_core_module_is_refused() {
    let bytes = seed("components", "core-module", &module(Kind::Transform));
    let refused = components(&bytes);
    assert!(
        matches!(refused, Err(LoadError::CoreModule { .. })),
        "{refused:?}"
    );
}
